"""When used-up limits begin anew, and what that is worth to a choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from tests.recovery.observing import DAY_S, NOW, observed

from recoup.paydays.core import beliefs
from recoup.recovery.core.joint import think
from recoup.recovery.core.limits import Begins, until

ZONE = "America/New_York"
first = datetime(2026, 1, 2, tzinfo=UTC)
moments = st.integers(0, 360 * 24 * 60).map(lambda minutes: first + timedelta(minutes=minutes))


@given(moments)
@example(datetime(2026, 3, 8, 3, tzinfo=UTC))
@example(datetime(2026, 11, 1, 3, tzinfo=UTC))
@example(datetime(2026, 12, 31, 23, tzinfo=UTC))
def test_each_begins_at_the_next_midnight_of_its_kind_where_the_customer_lives(moment: datetime) -> None:
    """To the hour: where clocks change that night it may be an hour off, when nobody tries."""
    at = np.asarray([moment.timestamp()])
    calendar = beliefs.calendar_of(["US"], [ZONE], pairs=np.asarray([[1, 15]]), now_s=float(at[0]))
    for begins, after_s in zip(Begins, until(calendar, at)[0].tolist(), strict=True):
        end = datetime.fromtimestamp(float(at[0]) + after_s, ZoneInfo(ZONE))
        day = (end + timedelta(hours=1)).date()
        assert -3600 <= after_s <= (1, 7, 31)[begins] * DAY_S + 3600
        assert end.hour in (23, 0, 1)
        assert (True, day.weekday() == 0, day.day == 1)[begins]


def test_of_a_limit_that_was_reached_on_sunday_monday_morning_is_better_than_sunday_night() -> None:
    """Its day is over, and its week: a day later little is won by waiting."""
    thought = think(
        observed(category=["limit"]),
        now=np.asarray([NOW]),
        tries_left=np.asarray([1]),
        deadline=np.asarray([NOW + 7 * DAY_S]),
    )
    best = thought.alone[0].max(axis=1) / 5000
    days = [_local(at).day for at in thought.at[0].tolist()]
    sunday, monday, tuesday = (
        max(worth for of, worth in zip(days, best.tolist(), strict=True) if of == day) for day in (22, 23, 24)
    )
    assert monday > sunday + 0.2
    assert tuesday < monday + 0.2


def _local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(ZONE))
