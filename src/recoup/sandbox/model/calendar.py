"""Local time and paydays for many people at once: tables over the days of a world, looked up by country and pattern.

Slots are six hours of a person's own day; all that a world does happens by slot. A payday that is no banking day moves
to the banking day before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays
import numpy as np

from recoup.sandbox.core.people import COUNTRIES
from recoup.sandbox.model.luck import Flags, Ints

SLOT_S: Final = 21_600
SLOTS_A_DAY: Final = 4
SLOT_H: Final = 24 // SLOTS_A_DAY
BEFORE_DAYS: Final = 280
AFTER_DAYS: Final = 150
ZONES: Final = tuple(zone for country in COUNTRIES for zone in country.time_zones)
ZONE_FIRST: Final = np.cumsum([0, *(len(country.time_zones) for country in COUNTRIES)])[:-1]
WEEKLY: Final = 0
BIWEEKLY: Final = 7
SEMIMONTHLY: Final = 21
PAIRS: Final = ((1, 15), (15, 31), (5, 20), (10, 25))
MONTHLY: Final = SEMIMONTHLY + len(PAIRS)
PATTERNS: Final = MONTHLY + 31
"""Weekly by weekday, biweekly by phase, semi-monthly by pair, monthly by day (31 is the last banking day)."""
_EPOCH: Final = date(1970, 1, 1)
_CHANGES_MAX: Final = 4
_NEVER: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class Tables:
    """Calendars of a world, from `first_day` (counted from 1970). `last` and `following` are paydays by country,
    pattern and day; `changes` and `offsets` tell each zone's distance from UTC in seconds.
    """

    first_day: int
    last: Ints
    following: Ints
    changes: Ints
    offsets: Ints

    def local_s(self, zone: Ints, at_s: Ints) -> Ints:
        """Seconds since 1970 on the clock of that place."""
        return at_s + self._offset(zone, at_s)

    def slot(self, zone: Ints, at_s: Ints) -> Ints:
        """The slot that a moment is in."""
        return self.local_s(zone, at_s) // SLOT_S

    def middle_s(self, zone: Ints, slot: Ints) -> Ints:
        """The middle of a slot, as UTC. A slot in which clocks change is still found again by its middle."""
        return self.utc_s(zone, slot * SLOT_S + SLOT_S // 2)

    def utc_s(self, zone: Ints, local_s: Ints) -> Ints:
        """The moment at which that place's clock shows this; an hour off where clocks change just then."""
        return local_s - self._offset(zone, local_s - self._offset(zone, local_s))

    def paydays(self, country: Ints, pattern: Ints, day: Ints) -> tuple[Ints, Ints]:
        """The last payday up to and with a day, and the next one after it."""
        place = day - self.first_day
        assert place.min(initial=0) >= 0 and place.max(initial=0) < self.last.shape[2], (
            "outside the world's time"
        )
        return self.last[country, pattern, place], self.following[country, pattern, place]

    def _offset(self, zone: Ints, at_s: Ints) -> Ints:
        passed = (at_s[..., None] >= self.changes[zone]).sum(axis=-1)
        found: Ints = self.offsets[zone, passed]
        return found


@lru_cache(maxsize=8)
def tables(start: date) -> Tables:
    """The calendars around a start."""
    first = start - timedelta(days=BEFORE_DAYS)
    length = BEFORE_DAYS + AFTER_DAYS
    last = np.zeros((len(COUNTRIES), PATTERNS, length), dtype=np.int64)
    following = np.zeros_like(last)
    for place, country in enumerate(COUNTRIES):
        paid = _paid(country.code, first, length)
        last[place], following[place] = _around(paid, (first - _EPOCH).days, length)
    changes, offsets = _clocks(first, length)
    return Tables((first - _EPOCH).days, last, following, changes, offsets)


def _paid(country: str, first: date, length: int) -> Flags:
    """By pattern, and by day from 40 days early to 40 days late: whether pay comes."""
    first -= timedelta(days=40)
    dates = [first + timedelta(days=n) for n in range(length + 80)]
    known = holidays.country_holidays(country, years=range(dates[0].year, dates[-1].year + 1))
    opens = np.array([one.weekday() < 5 and one not in known for one in dates])
    banking = np.maximum.accumulate(np.where(opens, np.arange(len(dates)), 0))
    epoch_day = (first - _EPOCH).days + np.arange(len(dates))
    in_month = np.array([one.day for one in dates])
    is_last = np.array([(one + timedelta(days=1)).day == 1 for one in dates])
    paid = np.zeros((PATTERNS, len(dates)), dtype=np.bool_)
    for pattern in range(PATTERNS):
        nominal = np.flatnonzero(_nominal(pattern, epoch_day, in_month, is_last))
        paid[pattern, banking[nominal]] = True
    return paid


def _nominal(pattern: int, epoch_day: Ints, in_month: Ints, is_last: Flags) -> Flags:
    if pattern < BIWEEKLY:
        return np.asarray((epoch_day + 3) % 7 == pattern)
    if pattern < SEMIMONTHLY:
        return np.asarray((epoch_day + 3) % 14 == pattern - BIWEEKLY)
    wanted = PAIRS[pattern - SEMIMONTHLY] if pattern < MONTHLY else (pattern - MONTHLY + 1,)
    found = np.zeros(len(epoch_day), dtype=np.bool_)
    for day in wanted:
        found |= (in_month == day) | (is_last & (in_month < day))
    return found


def _around(paid: Flags, first_day: int, length: int) -> tuple[Ints, Ints]:
    days = first_day - 40 + np.arange(length + 80)
    last = np.maximum.accumulate(np.where(paid, days, 0), axis=1)
    ahead = np.where(paid, days, _NEVER)[:, ::-1]
    at_or_after = np.minimum.accumulate(ahead, axis=1)[:, ::-1]
    return last[:, 40 : 40 + length], at_or_after[:, 41 : 41 + length]


def _clocks(first: date, length: int) -> tuple[Ints, Ints]:
    changes = np.full((len(ZONES), _CHANGES_MAX), _NEVER, dtype=np.int64)
    offsets = np.zeros((len(ZONES), _CHANGES_MAX + 1), dtype=np.int64)
    begin = datetime.combine(first, datetime.min.time(), UTC) - timedelta(days=2)
    for place, name in enumerate(ZONES):
        zone, found = ZoneInfo(name), 0
        offsets[place, :] = _distance(begin, zone)
        for day in range(length + 4):
            early = begin + timedelta(days=day)
            if _distance(early, zone) == _distance(early + timedelta(days=1), zone):
                continue
            hour = next(
                h
                for h in range(1, 25)
                if _distance(early + timedelta(hours=h), zone) != offsets[place, found]
            )
            changes[place, found] = int((early + timedelta(hours=hour)).timestamp())
            found += 1
            offsets[place, found:] = _distance(early + timedelta(days=1), zone)
    return changes, offsets


def _distance(moment: datetime, zone: ZoneInfo) -> int:
    distance = moment.astimezone(zone).utcoffset()
    assert distance is not None, "a zone knows its distance"
    return int(distance.total_seconds())
