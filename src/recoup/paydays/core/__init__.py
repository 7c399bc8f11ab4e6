"""When a customer has money: cycles (`cycles`), local time (`zones`), countries (`habits`), and `beliefs`."""

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
