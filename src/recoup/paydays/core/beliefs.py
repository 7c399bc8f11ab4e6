"""What is believed of customers' paydays: which cycle, how long its money lasts, and so when it is there.

A hypothesis is a cycle together with a depth: for how many days after payday this much money is left. Nobody tells us
either, but every approval and decline does: the likelihood of each is asked of every hypothesis, and what remains is
the posterior. Many customers are thought of at once; arrays run over customers, then moments, then hypotheses.

Moments are seconds of Unix time. Hypotheses are ordered by cycle, then depth; behind `CYCLES` comes one more cycle, the
pair of days that this customer has told us, which no list of usual pairs would hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from recoup.paydays.core.cycles import (
    MOVED_DAYS_MAX,
    Biweekly,
    Monthly,
    PayCycle,
    SemiMonthly,
    Weekly,
    is_working_day,
)
from recoup.paydays.core.habits import CYCLES, MONTHLY_AT, prior

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAY_S: Final = 86_400
QUARTERS: Final = 4
"""Quarters of a day: what is believed changes at midnight, six, noon and six."""
TOLD: Final = len(CYCLES)
"""The place of the pair of days that a customer has told."""
STATED_TRUST: Final = 0.9
"""How likely a payday that a customer's record states is still the true one: own estimate; records age."""
STATED_LATE: Final = (0.03, 0.02)
"""How likely pay really comes one day, or two days after the stated one: own estimate, for banks that book pay late."""
DEPTHS_DAYS: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
DEPTH_PRIOR: Final = (0.15, 0.2, 0.25, 0.25, 0.15)
"""How many days after payday the money for this amount is gone, and how likely: own estimate, nearly even, for the
moment of the decline says more than any prior would."""
ARRIVED: Final = (0.7, 0.98, 0.985, 0.985, 0.99, 0.99, 0.99, 0.99, 0.995)
"""By which quarter after payday's midnight pay is booked: most just after midnight, nearly all by six. Own estimate
from how batch credit runs (ACH, Bacs and SEPA settle before the banking day opens)."""
TOPPED_UP_PER_DAY: Final = 0.02
"""How likely it is with each day before the next payday that money which was missing comes nevertheless: a transfer, a
refund. Own estimate. It grows with the days, for whoever asks again within the hour is told the same."""
HYPOTHESES: Final = len(DEPTHS_DAYS) * (TOLD + 1)

_DAYS_MAX: Final = 40
_YEARS: Final = 3
_BATCHES_KEPT: Final = 32
_LONG_AGO: Final = -(1 << 40)


def lasting(depths_days: Floats) -> Floats:
    """The chance that money is there, by quarters since payday's midnight and by depth."""
    quarters = np.arange(_DAYS_MAX * QUARTERS)[:, None]
    arrived = np.asarray(ARRIVED)[np.minimum(quarters, len(ARRIVED) - 1)]
    spent = (quarters / QUARTERS) / depths_days
    lasting: Floats = arrived / (1 + spent**4)
    return lasting


LASTING: Final = lasting(np.asarray(DEPTHS_DAYS))


def place_of(cycle: PayCycle | None) -> tuple[int, int, int]:
    """A cycle's place among hypotheses (-1: none), and the two days of the month should it be a pair."""
    match cycle:
        case None:
            return -1, 1, 15
        case SemiMonthly(first, second):
            return TOLD, first, second
        case Biweekly(anchor):
            same = (n for n, one in enumerate(CYCLES) if isinstance(one, Biweekly) and _same(one, anchor))
            return next(same), 1, 15
        case Weekly() | Monthly():
            return CYCLES.index(cycle), 1, 15


def _later(days: int) -> Ints:
    """The place of each cycle's like that pays so many days later; a told pair's is itself."""
    places = np.arange(TOLD + 1)
    for kind in (Weekly, Biweekly, Monthly):
        own = np.asarray([n for n, one in enumerate(CYCLES) if isinstance(one, kind)])
        places[own] = np.roll(own, -days)
    return places


_LATER: Final = np.stack([_later(days) for days, _ in enumerate(STATED_LATE, start=1)])


def _same(cycle: Biweekly, anchor: date) -> bool:
    return (anchor - cycle.anchor).days % 14 == 0


@lru_cache(maxsize=512)
def since_payday(country: str | None, year: int) -> npt.NDArray[np.int16]:
    """Days since the last payday, for each day from the year before to the year after, of each cycle."""
    days = _days(year)
    count = len(days)
    places = np.arange(count)
    working = np.asarray([is_working_day(day, country) for day in days])
    before = np.maximum.accumulate(np.where(working, places, -1))
    moved = np.where((before < 0) | (places - before > MOVED_DAYS_MAX), places, before)
    since = np.full((len(CYCLES), count), _DAYS_MAX - 1, dtype=np.int16)
    for row, cycle in enumerate(CYCLES):
        paid = np.full(count, -_DAYS_MAX)
        usable = moved[_nominal(cycle, days)]
        paid[usable] = usable
        since[row] = np.minimum(places - np.maximum.accumulate(paid), _DAYS_MAX - 1)
    return np.ascontiguousarray(since.T)


def _days(year: int) -> list[date]:
    """Some more than three years, for a payday may be moved back into them."""
    first = date(year - 1, 1, 1)
    return [first + timedelta(days=n) for n in range(366 * _YEARS + 2 * MOVED_DAYS_MAX)]


def _nominal(cycle: PayCycle, days: Sequence[date]) -> Flags:
    match cycle:
        case Weekly(weekday):
            return np.asarray([day.weekday() == weekday for day in days])
        case Biweekly(anchor):
            return np.asarray([(day - anchor).days % 14 == 0 for day in days])
        case SemiMonthly(first, second):
            return _nominal(Monthly(first), days) | _nominal(Monthly(second), days)
        case Monthly(wanted):
            ends = [(day + timedelta(days=1)).day == 1 for day in days]
            on = [
                day.day == wanted or (end and day.day < wanted) for day, end in zip(days, ends, strict=True)
            ]
            return np.asarray(on)


@lru_cache(maxsize=512)
def _offsets(zone: str, year: int) -> Floats:
    """By how many seconds a zone's clocks are ahead of UTC, at noon of each day."""
    local = ZoneInfo(zone)
    noons = (datetime.combine(day, time(12), local) for day in _days(year))
    return np.asarray([(noon.utcoffset() or timedelta(0)).total_seconds() for noon in noons])


@dataclass(frozen=True, slots=True, eq=False)
class Since:
    """Quarters of days since each cycle's last payday, and what is left of its chance: customers, moments, cycles."""

    quarters: Ints
    left: Floats | None

    def there(self) -> Floats:
        """The chance that pay of each cycle and depth is there: customers, moments, hypotheses."""
        there = LASTING.take(self.quarters, axis=0)
        if self.left is not None:
            there *= self.left[..., None]
        return there.reshape(*self.quarters.shape[:2], HYPOTHESES)

    def expected(self, weights: Floats) -> Floats:
        """The same summed over hypotheses with these weights (customers, hypotheses): customers, moments."""
        lasting = weights.reshape(len(weights), TOLD + 1, len(DEPTHS_DAYS)) @ LASTING.T
        row = np.arange(len(weights))[:, None, None]
        found = lasting[row, np.arange(TOLD + 1), self.quarters]
        if self.left is not None:
            found *= self.left
        expected: Floats = found.sum(axis=2)
        return expected

    def at(self, places: Ints) -> Since:
        """Some of the moments of each customer: customers, places."""
        row = np.arange(len(places))[:, None]
        return Since(self.quarters[row, places], None if self.left is None else self.left[row, places])


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """The local days of a batch of customers, and how they lie to every cycle's paydays."""

    epoch_s: float
    days_since: npt.NDArray[np.int16]
    """Countries, days, cycles."""
    offsets: Floats
    country_at: Ints
    zone_at: Ints
    pairs: Ints

    def local(self, moments: Floats) -> tuple[Ints, Floats]:
        """The local day of each moment, counted from the calendar's first, and the seconds of that day."""
        passed = moments - self.epoch_s
        rough = np.floor_divide(passed, DAY_S).astype(np.int64)
        shifted = passed + self.offsets[self.zone_at[:, None], self._within(rough)]
        day = np.floor_divide(shifted, DAY_S)
        return day.astype(np.int64), shifted - day * DAY_S

    def moments(self, days: Ints, seconds: Floats) -> Floats:
        """The moments at which so many seconds of these local days have passed by the clock on the wall."""
        ahead = self.offsets[self.zone_at[:, None], self._within(days)]
        moments: Floats = (self.epoch_s + days * DAY_S - ahead) + seconds
        return moments

    def known(self, moments: Floats) -> Flags:
        """Whether a moment lies in the years that the calendar covers; nan does not."""
        day = (moments - self.epoch_s) / DAY_S
        known: Flags = (day > _DAYS_MAX) & (day < self.days_since.shape[1] - 2)
        return known

    def since_payday(self, days: Ints) -> Ints:
        """Days since the last payday of each cycle, the told pair's last: customers, days, cycles."""
        usual = self.days_since[self.country_at[:, None], self._within(days)]
        since = np.empty((*usual.shape[:2], TOLD + 1), dtype=np.int64)
        since[..., :TOLD] = usual
        row, last = np.arange(len(usual)), MONTHLY_AT - 1
        first, other = (usual[row, :, last + self.pairs[:, n]] for n in (0, 1))
        since[..., TOLD] = np.minimum(first, other)
        return since

    def since(self, moments: Floats, *, gone_at: Floats | None = None) -> Since:
        """How long each cycle's last payday was ago at these moments.

        `gone_at` (customers; nan: never): when money was found to be missing. What was missing then is not there before
        the next payday, but for what comes from elsewhere as days pass.
        """
        day, second = self.local(moments)
        quarter = (second // (DAY_S / QUARTERS)).astype(np.int64)
        quarters = self.since_payday(day)
        quarters *= QUARTERS
        quarters += quarter[..., None]
        if gone_at is None:
            return Since(quarters, None)
        waited = day * QUARTERS + quarter - self._quarter_of(gone_at)[:, None]
        before = 1 - np.exp(-TOPPED_UP_PER_DAY / QUARTERS * np.maximum(waited, 0))
        return Since(quarters, np.where(quarters >= waited[..., None], before[..., None], 1.0))

    def there(self, moments: Floats, *, gone_at: Floats | None = None) -> Floats:
        """The chance that pay of each cycle and depth is there: customers, moments, hypotheses."""
        return self.since(moments, gone_at=gone_at).there()

    def _quarter_of(self, moments: Floats) -> Ints:
        """The quarter of a day since the calendar's first; one long ago where there is no moment."""
        never = np.isnan(moments)
        day, second = self.local(np.where(never, self.epoch_s, moments)[:, None])
        quarters = day * QUARTERS + (second // (DAY_S / QUARTERS)).astype(np.int64)
        return np.where(never, _LONG_AGO, quarters[:, 0])

    def _within(self, days: Ints) -> Ints:
        within: Ints = np.minimum(np.maximum(days, 0), self.days_since.shape[1] - 1)
        return within


def calendar_of(
    countries: Sequence[str | None],
    zones: Sequence[str],
    *,
    pairs: Ints,
    now_s: float,
) -> Calendar:
    """The calendar of these customers in the years around now."""
    year = datetime.fromtimestamp(now_s, UTC).year
    lands, lands_at = _distinct(countries)
    places, places_at = _distinct(zones)
    return Calendar(
        epoch_s=datetime(year - 1, 1, 1, tzinfo=UTC).timestamp(),
        days_since=_since_paydays(lands, year),
        offsets=_offsets_of(places, year),
        country_at=lands_at,
        zone_at=places_at,
        pairs=pairs,
    )


@lru_cache(maxsize=_BATCHES_KEPT)
def _since_paydays(countries: tuple[str | None, ...], year: int) -> npt.NDArray[np.int16]:
    return np.stack([since_payday(country, year) for country in countries])


@lru_cache(maxsize=_BATCHES_KEPT)
def _offsets_of(zones: tuple[str | None, ...], year: int) -> Floats:
    return np.stack([_offsets(zone or "UTC", year) for zone in zones])


def _distinct(names: Sequence[str | None]) -> tuple[tuple[str | None, ...], Ints]:
    """The different names in order, and which each is."""
    different = tuple(sorted(set(names), key=lambda name: name or ""))
    known = {name: place for place, name in enumerate(different)}
    return different, np.asarray([known[name] for name in names], dtype=np.int64)


def prior_of(countries: Sequence[str | None], stated: Ints) -> Floats:
    """How likely each hypothesis is before anything happened: customers, hypotheses. `stated`: place, or -1."""
    lands, lands_at = _distinct(countries)
    cycles = _usual(lands)[lands_at]
    told = np.flatnonzero(stated >= 0)
    if len(told):
        cycles[told] *= 1 - STATED_TRUST - sum(STATED_LATE)
        cycles[told, stated[told]] += STATED_TRUST
        for late, share in enumerate(STATED_LATE, start=1):
            cycles[told, _LATER[late - 1, stated[told]]] += share
    weights: Floats = cycles[:, :, None] * np.asarray(DEPTH_PRIOR)
    return weights.reshape(len(stated), HYPOTHESES)


@lru_cache(maxsize=_BATCHES_KEPT)
def _usual(countries: tuple[str | None, ...]) -> Floats:
    """How likely each cycle is by country, the told pair never: countries, cycles."""
    return np.stack([np.append(prior(country), 0.0) for country in countries])


def likelihood(there: Floats, approved: Flags, trust: Floats) -> Floats:
    """How well each hypothesis explains what was seen at these moments: customers, hypotheses.

    `there` is `Calendar.there` at the moments; `trust` (0 to 1) how much each tells about money at all.
    """
    least = np.where(approved, 1 - trust, 1.0)
    more = np.where(approved, trust, -trust)
    fits = there * more[..., None]
    fits += least[..., None]
    product: Floats = fits.prod(axis=1)
    return product


def cycles_believed(weights: Floats) -> Floats:
    """The chance of each cycle, whatever the depth, out of the weights of hypotheses: customers, cycles."""
    by_cycle = weights.reshape(len(weights), TOLD + 1, len(DEPTHS_DAYS)).sum(axis=2)
    shares: Floats = by_cycle / by_cycle.sum(axis=1, keepdims=True)
    return shares
