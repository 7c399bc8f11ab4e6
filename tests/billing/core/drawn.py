"""What the laws of billing are drawn from: intervals, beginnings, and whatever can happen to a grid of periods."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from hypothesis import strategies as st

from recoup.billing.core.periods import (
    Interval,
    Paused,
    Phases,
    Unit,
    begun,
    lengthened,
    period,
    re_anchored,
)

ZONES: Final = (
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "Europe/Berlin",
    "Europe/London",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)
"""With clocks that are changed at midnight, by half an hour, by a minute past midnight, and by a whole day."""

zones = st.sampled_from(ZONES)
hours = st.integers(0, 23)
days = st.dates(date(2006, 1, 1), date(2032, 12, 31))
ends_of_months = st.sampled_from(
    [date(2027, 1, 31), date(2028, 2, 29), date(2027, 8, 30), date(2024, 12, 31), date(2027, 3, 29)]
)
intervals = st.one_of(
    st.builds(Interval, st.just(Unit.DAY), st.sampled_from([1, 2, 10, 30, 90])),
    st.builds(Interval, st.just(Unit.WEEK), st.sampled_from([1, 2, 4])),
    st.builds(Interval, st.just(Unit.MONTH), st.sampled_from([1, 2, 3, 6, 12, 18])),
    st.builds(Interval, st.just(Unit.YEAR), st.sampled_from([1, 2])),
)


@st.composite
def phases(draw: st.DrawFn) -> Phases:
    """A subscription's phases after a trial or none, and up to four changes of its grid of any kind."""
    start = draw(days | ends_of_months)
    anchor = draw(st.none() | st.integers(-800, 800).map(lambda by: start + timedelta(days=by)))
    made = begun(start, draw(intervals), anchor=anchor, trial_days=draw(st.sampled_from([0, 0, 7, 31])))
    opened = 0
    for _ in range(draw(st.integers(0, 4))):
        opened += draw(st.integers(1, 3))
        now = period(made, opened)
        match draw(st.sampled_from(["at_end", "within", "longer"])):
            case "at_end":
                anchor = draw(days | ends_of_months)
                made = re_anchored(made, on=now.end, anchor=anchor, interval=draw(st.none() | intervals))
            case "within":
                on = now.start + timedelta(days=draw(st.integers(1, now.days)))
                made = re_anchored(made, on=on, anchor=on, interval=draw(st.none() | intervals))
            case _:
                made = lengthened(made, opened, until=now.end + timedelta(days=draw(st.integers(1, 60))))
    return made


@st.composite
def pauses(draw: st.DrawFn) -> list[Paused]:
    """Pauses one after another; the last may have no end."""
    made, day = [], draw(days)
    for _ in range(draw(st.integers(0, 3))):
        start = day + timedelta(days=draw(st.integers(0, 90)))
        day = start + timedelta(days=draw(st.integers(1, 90)))
        made.append(Paused(start, day))
    endless = draw(st.booleans())
    if made and endless:
        made[-1] = Paused(made[-1].start)
    return made
