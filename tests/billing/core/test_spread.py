"""Renewals that are due at one instant are spread over minutes, so that nobody is struck by all of them at once."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.billing.core.chargeday import SPREAD_S, Agreed, Charging, charge_moments, unmoved
from recoup.kit.money import Money

DUE: Final = datetime(2027, 3, 1, 9, tzinfo=UTC)
MANY: Final = 1000
ACCOUNTS: Final = 4
SIGMAS: Final = 5


def due(*, agreed: Agreed | None, hour: int | None = None) -> list[Charging]:
    """A thousand renewals that are due at one instant."""
    chance = random.Random(20270301)
    return [
        Charging(
            key=UUID(int=chance.getrandbits(128)),
            due=DUE,
            until=DUE + timedelta(days=31),
            agreed=agreed,
            amount=Money(3000, "USD"),
            zone="UTC",
            hour=hour,
            not_before=DUE,
        )
        for _ in range(MANY)
    ]


def most_expected(share: int) -> float:
    """So many in one of `share` equal parts would be more than luck."""
    mean = MANY / share
    return mean + SIGMAS * math.sqrt(mean)


def test_a_thousand_renewals_of_one_instant_are_spread_over_all_the_minutes_and_over_every_account() -> None:
    """Whichever account each goes to, no minute of it is struck by more than chance allows; nobody waits for longer."""
    minutes = SPREAD_S // 60
    assert 10 <= minutes <= 60, "long enough to spread, and too short to matter to a customer"
    plain = [unmoved(one)[0] for one in due(agreed=None)]
    at_hour = [unmoved(one)[0] for one in due(agreed=None, hour=14)]
    chosen = [one.at for one in charge_moments(due(agreed=Agreed(0)))]
    for moments, start in ((plain, DUE), (chosen, DUE), (at_hour, DUE.replace(hour=14))):
        after = [moment - start for moment in moments]
        assert all(timedelta(0) <= one < timedelta(seconds=SPREAD_S) for one in after)
        by_minute = Counter(one // timedelta(minutes=1) for one in after)
        assert len(by_minute) == minutes and max(by_minute.values()) < most_expected(minutes)
        by_account = Counter(
            (one // timedelta(minutes=1), number % ACCOUNTS) for number, one in enumerate(after)
        )
        assert max(by_account.values()) < most_expected(minutes * ACCOUNTS)
        assert max(Counter(after).values()) <= 8, "nor is one second"


def test_a_renewal_keeps_its_place_however_often_it_is_asked_for() -> None:
    first, again = ([unmoved(one) for one in due(agreed=None)] for _ in range(2))
    assert first == again
