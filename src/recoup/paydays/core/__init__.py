"""When a customer usually has money: cycles of paydays (`cycles`), in the customer's own time (`zones`)."""

from recoup.paydays.core.cycles import (
    CYCLE_DAYS_MAX,
    MOVED_DAYS_MAX,
    USABLE_AT,
    Biweekly,
    Monthly,
    PayCycle,
    SemiMonthly,
    Weekly,
    cycle_of,
    described,
    next_payday,
)
from recoup.paydays.core.zones import local_zone

__all__ = [
    "CYCLE_DAYS_MAX",
    "MOVED_DAYS_MAX",
    "USABLE_AT",
    "Biweekly",
    "Monthly",
    "PayCycle",
    "SemiMonthly",
    "Weekly",
    "cycle_of",
    "described",
    "local_zone",
    "next_payday",
]
