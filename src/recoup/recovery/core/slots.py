"""The moments at which tries are thought of: what comes soon, and of every later day the likeliest one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.paydays.core import beliefs
from recoup.recovery.core.evidence import gone_at
from recoup.recovery.core.observed import DAY_S, HOUR_S, Observed
from recoup.recovery.core.policy import ALL_DAY, Hours

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

BEGINS_DAYS: Final = 365
LATER_HOURS: Final = ((12.0, 10), (18.0, 3))
"""The local hours at which tries are thought of beside the first of the day, and on how many days: later on, half a
day makes no difference."""
SOON_S: Final = (0.0, 0.5 * HOUR_S, 1 * HOUR_S, 3 * HOUR_S, 8 * HOUR_S)
"""How long after the first allowed moment a try may be beside the grid: for what hours mend."""
EARLY_S: Final = 6 * HOUR_S
_SOON_S: Final = np.asarray(SOON_S)
_SOON: Final = np.arange(len(SOON_S))
_EARLY_LESS: Final = 0.002
"""How much likelier money must be in the small hours to be preferred to the same day's morning."""


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """The moments at which each case might be tried: cases, slots."""

    at: Floats
    early: Flags
    allowed: Flags
    since: beliefs.Since


def slots(
    calendar: beliefs.Calendar,
    observed: Observed,
    *,
    now: Floats,
    deadline: Floats,
    weights: Floats,
    hours: Hours = ALL_DAY,
) -> Slots:
    """What comes soon, and of every later day the moment at which money is likeliest."""
    first = np.fmax(now, observed.not_before)
    today, _ = calendar.local(now[:, None])
    grid = _grid(int(np.ceil(max((deadline - now).max(initial=0), 0) / DAY_S)) + 1, hours)
    soon = first[:, None] + _SOON_S
    later = calendar.moments(today + grid.day, grid.second)
    at = np.concatenate([soon, later], axis=1)
    second = np.empty(at.shape)
    second[:, : len(SOON_S)] = calendar.local(soon)[1]
    second[:, len(SOON_S) :] = grid.second
    may = _may(at, second, observed, now=now, deadline=deadline, hours=hours)
    since = calendar.since(at, gone_at=gone_at(observed))
    likely = np.where(may, since.expected(weights) - _EARLY_LESS * (second < EARLY_S), -1.0)
    of_day = np.where(grid.there, likely[:, grid.places], -1.0).argmax(axis=2)
    chosen = grid.places[np.arange(len(grid.places)), of_day]
    places = np.concatenate([np.broadcast_to(_SOON, (len(at), len(SOON_S))), chosen], axis=1)
    row = np.arange(len(at))[:, None]
    second = second[row, places]
    return Slots(at[row, places], second < EARLY_S, may[row, places], since.at(places))


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """The days from today, and the seconds of each, at which tries are thought of, in order; of every day its places
    among the slots, behind those that come soon, and which of these are there."""

    day: Ints
    second: Floats
    places: Ints
    there: Flags


@lru_cache(maxsize=64)
def _grid(days: int, among: Hours) -> _Grid:
    begins, ends = _second(among.begins), _second(among.ends)
    later = [(hour, most) for hour, most in LATER_HOURS if begins < hour * HOUR_S < ends]
    grid = [(begins / HOUR_S, BEGINS_DAYS), *later]
    both = sorted((day, hour) for hour, most in grid for day in range(min(days, most)))
    places, there = np.zeros((days, len(grid)), dtype=np.int64), np.zeros((days, len(grid)), dtype=np.bool_)
    for place, (day, _) in enumerate(both, start=len(SOON_S)):
        nth = int(there[day].sum())
        places[day, nth], there[day, nth] = place, True
    hours = np.asarray([hour for _, hour in both])
    return _Grid(np.asarray([day for day, _ in both]), hours * HOUR_S, places, there)


def _second(moment: time) -> float:
    return float(moment.hour * HOUR_S + moment.minute * 60)


def _may(
    at: Floats, second: Floats, observed: Observed, *, now: Floats, deadline: Floats, hours: Hours
) -> Flags:
    """Which of these moments are by day, between what is advised and the deadline."""
    first = np.fmax(now, observed.not_before)
    awake = (second >= _second(hours.begins)) & (second < _second(hours.ends))
    may: Flags = awake & (at >= first[:, None]) & (at < deadline[:, None])
    return may
