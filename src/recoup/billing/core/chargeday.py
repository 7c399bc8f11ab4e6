"""The charge day: at which moment, of those a customer agreed to, an invoice is best charged, and why.

An invoice is moved where that saves more than waiting costs: what is believed of the customer's money is in `funds`.

A moment is a local day and a time by the clock on the wall, so that a window of days means the customer's days. It
lies within the window that was agreed, before the due time only where that was agreed too, and before the next period
is due. Many invoices are thought of at once; arrays run over invoices, then candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from typing import Final, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from recoup.billing.core import funds
from recoup.billing.core.periods import instant_at
from recoup.kit.money import Money
from recoup.paydays.core import USABLE_AT, PayCycle, beliefs
from recoup.recovery.core.known import Seen

AGREED_DAYS_MAX: Final = 31
"""How far from the due day a customer may agree to be charged, either way."""
SPREAD_S: Final = 900
"""Over how long charges that fall due together are spread, so that they do not strike an issuer all at once."""
FAILING_COSTS: Final = 0.35
"""The share of the amount that is lost where a charge is refused for want of money: own estimate; about two in three
are won back, later and with effort."""
WAITING_COSTS_PER_DAY: Final = 0.0003
"""The share of the amount that each day between due and charged costs, to either side: own estimate, a tenth a year.
It keeps an invoice where it is due unless there is a reason."""
BELIEVED: Final = 0.5
"""From which chance on the payday that a customer told is named as the reason."""
CHUNK: Final = 128
"""How many invoices are thought of at once: more would not stay in a processor's cache."""
_SECOND: Final = timedelta(seconds=1)
_DAY_S: Final = 86_400
_QUARTER_S: Final = _DAY_S // beliefs.QUARTERS
_MORNING_S: Final = USABLE_AT.hour * 3600
_LATE_S: Final = 22 * 3600
"""Until when a charge and its spreading stay within their day, whatever the clocks do that night."""
_DIGITS: Final = 9
"""To how many digits chances and values are thought of, so that it does not matter who is thought of together."""


class Why(StrEnum):
    """Why an invoice is charged when it is."""

    NOT_AGREED = "no_window_agreed"
    DUE_IS_BEST = "due_is_best"
    LATE = "opened_late"
    HOUR = "hour_of_issuer"
    MORNING = "pay_there_by_morning"
    STATED = "stated_payday"
    LEARNED = "learned_payday"
    USUAL = "usual_payday"


AT_DUE: Final = frozenset({Why.NOT_AGREED, Why.DUE_IS_BEST})
"""The reasons for which nothing is moved."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """Within how many local days around the due day a customer agreed to be charged."""

    after_days: int
    before_days: int = 0

    def __post_init__(self) -> None:
        assert 0 <= self.after_days <= AGREED_DAYS_MAX and 0 <= self.before_days <= AGREED_DAYS_MAX, (
            "a window ends"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Charging:
    """An invoice whose charge moment is asked for, with all that it depends on.

    `key` is what the invoice's place within the spreading comes from; `until`, when the next period is due;
    `not_before`, the present, or another bound; `hour`, the local hour at which the card's issuer approves most, if
    that is known; `pay` and `seen`, what the customer told of their paydays, and what was seen of the card.
    """

    key: UUID
    due: datetime
    until: datetime
    agreed: Agreed | None
    amount: Money
    zone: str
    country: str | None = None
    pay: PayCycle | None = None
    seen: Sequence[Seen] = ()
    hour: int | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """When to charge, why, and the chances believed that the money is there: then, and when it is due."""

    at: datetime
    why: Why
    chance: float
    chance_due: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """An invoice by the clock on the wall: local days and seconds of them.

    `first`: when it is due, or as soon after as it can be. `base`: the same on the wall, at the issuer's hour if that
    is still to come. `least`, `until`: between these lies any other moment. `preferred_s`: the hour for other days.
    """

    charging: Charging
    first: datetime
    due: tuple[date, int]
    base: tuple[date, int]
    least: tuple[date, int]
    until: tuple[date, int]
    preferred_s: int


def charge_moment(charging: Charging, *, spread_s: int = SPREAD_S) -> Chosen:
    """The best moment for one invoice."""
    return charge_moments([charging], spread_s=spread_s)[0]


def unmoved(charging: Charging, *, spread_s: int = SPREAD_S) -> tuple[datetime, Why]:
    """When an invoice is charged whose customer agreed to no other day, and why: nothing is thought of."""
    one = _asked(charging)
    day, second = one.base
    is_first = one.base == _wall(one.first, charging.zone)
    at = one.first if is_first else instant_at(day, charging.zone, _time(second))
    if not _lies_within(at, one):
        at, (day, second) = one.first, _wall(one.first, charging.zone)
    why = _why(one, on=day, is_base=True, reason=Why.NOT_AGREED)
    return _spread(at, one, on=day, second=second, spread_s=spread_s), why


def charge_moments(charges: Sequence[Charging], *, spread_s: int = SPREAD_S) -> list[Chosen]:
    """The best moment for each of many invoices, in their order; who else is asked about makes no difference."""
    asked = [_asked(one) for one in charges]
    order = sorted(range(len(asked)), key=lambda place: _together(asked[place]))
    chosen: dict[int, Chosen] = {}
    for _, of_year in groupby(order, key=lambda place: asked[place].due[0].year):
        places = list(of_year)
        for start in range(0, len(places), CHUNK):
            some = places[start : start + CHUNK]
            thought = _thought([asked[place] for place in some], spread_s=spread_s)
            chosen.update(zip(some, thought, strict=True))
    return [chosen[place] for place in range(len(asked))]


def grounds(charging: Charging) -> Why:
    """By what a customer's paydays are believed to be what they are: told, shown by their payments, or usual there."""
    _, believed, stated = _believed([charging])
    return _reasons(believed, stated)[0]


def in_words(chosen: Chosen, charging: Charging) -> str:
    """The reason as one sentence for people."""
    local = ZoneInfo(charging.zone)
    day, due = (moment.astimezone(local).date().isoformat() for moment in (chosen.at, charging.due))
    chances = f"{percent(chosen.chance)} instead of {percent(chosen.chance_due)}"
    better = f"the money is there with a chance of {chances}"
    match chosen.why:
        case Why.NOT_AGREED:
            return f"Charged when it is due, {due}: no other day was agreed."
        case Why.DUE_IS_BEST:
            return f"Charged when it is due, {due}: no day that was agreed is worth waiting for."
        case Why.LATE:
            return f"Charged on {day}, as soon as it could be: it was due on {due}."
        case Why.HOUR:
            return f"Charged on {day} at the hour at which the card's issuer approves most."
        case Why.MORNING:
            return f"Charged on {day} in the morning, when pay is booked: {better}."
        case Why.STATED:
            return f"Charged on {day} instead of {due}: by the payday that the customer told, {better}."
        case Why.LEARNED:
            return f"Charged on {day} instead of {due}: by the payday that their payments show, {better}."
        case Why.USUAL:
            return f"Charged on {day} instead of {due}: by when people are usually paid there, {better}."
        case _:
            assert_never(chosen.why)


def percent(chance: float) -> str:
    """A chance in words. What is believed is never certain, however near to it rounding would come."""
    return f"{min(max(chance, 0.001), 0.999):.1%}"


def _together(one: _Asked) -> tuple[int, str, str]:
    """What is alike for those who are thought of together: the years, and as far as possible the countries."""
    return one.due[0].year, one.charging.country or "", one.charging.zone


def _asked(charging: Charging) -> _Asked:
    assert charging.due < charging.until, "a period ends after it is due"
    first = max(charging.due, charging.not_before or charging.due)
    due, base = _wall(charging.due, charging.zone), _wall(first, charging.zone)
    preferred_s = due[1] if charging.hour is None else charging.hour * 3600
    if charging.hour is not None and base[1] < preferred_s:
        base = (base[0], preferred_s)
    ever = (due[0] - timedelta(days=AGREED_DAYS_MAX + 1), 0)
    bound = ever if charging.not_before is None else _wall(charging.not_before, charging.zone)
    return _Asked(
        charging=charging,
        first=first,
        due=due,
        base=base,
        least=bound if _may_be_early(charging) else base,
        until=_wall(charging.until, charging.zone),
        preferred_s=preferred_s,
    )


def _may_be_early(charging: Charging) -> bool:
    return charging.agreed is not None and charging.agreed.before_days > 0


def _wall(moment: datetime, zone: str) -> tuple[date, int]:
    local = moment.astimezone(ZoneInfo(zone))
    return local.date(), local.hour * 3600 + local.minute * 60 + local.second


def _thought(asked: Sequence[_Asked], *, spread_s: int) -> list[Chosen]:
    """Everything about a batch of one year that is small enough to be thought of at once."""
    calendar, believed, stated = _believed([one.charging for one in asked])
    days, seconds, allowed = _candidates(asked)
    first_day = datetime.fromtimestamp(calendar.epoch_s, UTC).toordinal()
    quarters = calendar.since_payday(days - first_day) * beliefs.QUARTERS
    quarters += (seconds // _QUARTER_S)[..., None]
    short = beliefs.Since(quarters, None).expected(believed.short)
    chance = np.round(short + believed.always[:, None], _DIGITS)
    waited = np.abs((days - days[:, _DUE, None]) * _DAY_S + seconds - seconds[:, _DUE, None]) / _DAY_S
    worth = np.round(-FAILING_COSTS * (1 - chance) - WAITING_COSTS_PER_DAY * waited, _DIGITS)
    best = np.where(allowed, worth, -np.inf).argmax(axis=1)
    reasons = _reasons(believed, stated)
    return [
        _chosen(
            one,
            day=int(days[row, best[row]]),
            second=int(seconds[row, best[row]]),
            is_base=bool(best[row] == _BASE),
            chances=(float(chance[row, best[row]]), float(chance[row, _BASE]), float(chance[row, _DUE])),
            reason=reasons[row],
            spread_s=spread_s,
        )
        for row, one in enumerate(asked)
    ]


def _believed(charges: Sequence[Charging]) -> tuple[beliefs.Calendar, funds.Believed, beliefs.Ints]:
    """The calendar of the year in which a batch is due, what is believed of its payers, and what cycle each told."""
    places = [beliefs.place_of(one.pay) for one in charges]
    stated = np.asarray([place for place, _, _ in places], dtype=np.int64)
    year = _wall(charges[0].due, charges[0].zone)[0].year
    calendar = beliefs.calendar_of(
        [one.country for one in charges],
        [one.zone for one in charges],
        pairs=np.asarray([pair for _, *pair in places], dtype=np.int64),
        now_s=datetime(year, 7, 1, tzinfo=UTC).timestamp(),
    )
    return calendar, funds.believed(calendar, charges, stated), stated


_BASE: Final = 0
_DUE: Final = 1
"""The first two candidates: the first moment that needs no agreement, and the due time itself, to compare with."""


def _candidates(asked: Sequence[_Asked]) -> tuple[beliefs.Ints, beliefs.Ints, beliefs.Flags]:
    """The days (as ordinals) and seconds at which each invoice might be charged, and which of them it may be.

    On each day agreed: the hour at which it is due, or which its issuer likes, and the morning, when pay is there and
    not yet spent; no morning where the issuer's hour is known, unless that is before pay is booked.
    """
    agreed = [one.charging.agreed or Agreed(0) for one in asked]
    before = np.asarray([one.before_days for one in agreed])[:, None]
    after = np.asarray([one.after_days for one in agreed])[:, None]
    offsets = np.tile(np.arange(-before.max(), after.max() + 1), 2)
    ends = np.asarray([_flat(one) for one in asked])
    due, base, least, until, preferred = (ends[:, n : n + 1] for n in range(5))
    seconds = np.where(np.arange(len(offsets)) < len(offsets) // 2, preferred, _MORNING_S)
    days = due // _DAY_S + offsets
    at = days * _DAY_S + seconds
    is_agreed = np.asarray([one.charging.agreed is not None for one in asked])[:, None]
    may = is_agreed & (-before <= offsets) & (offsets <= after) & (least <= at) & (at < until)
    is_free = np.asarray([one.charging.hour is None for one in asked])[:, None]
    may &= (seconds == preferred) | (preferred < _MORNING_S) | is_free
    ready = np.broadcast_to([True, False], (len(asked), 2))
    known = np.concatenate([base, due], axis=1)
    return (
        np.concatenate([known // _DAY_S, days], axis=1),
        np.concatenate([known % _DAY_S, seconds], axis=1),
        np.concatenate([ready, may], axis=1),
    )


def _flat(one: _Asked) -> tuple[int, int, int, int, int]:
    ends = (one.due, one.base, one.least, one.until)
    due, base, least, until = (day.toordinal() * _DAY_S + second for day, second in ends)
    return due, base, least, until, one.preferred_s


def _reasons(believed: funds.Believed, stated: beliefs.Ints) -> list[Why]:
    """By what each customer's paydays are believed to be what they are."""
    cycles = beliefs.cycles_believed(believed.short)
    told = cycles[np.arange(len(stated)), np.maximum(stated, 0)]
    return [
        Why.STATED
        if stated[row] >= 0 and told[row] >= BELIEVED
        else Why.LEARNED
        if believed.suspected[row]
        else Why.USUAL
        for row in range(len(stated))
    ]


def _chosen(
    one: _Asked,
    *,
    day: int,
    second: int,
    is_base: bool,
    chances: tuple[float, float, float],
    reason: Why,
    spread_s: int,
) -> Chosen:
    """A candidate as an instant, spread over minutes; the first moment where clocks that are put back spoil it."""
    chance, chance_base, chance_due = chances
    charging = one.charging
    on = date.fromordinal(day)
    is_first = is_base and (on, second) == _wall(one.first, charging.zone)
    at = one.first if is_first else instant_at(on, charging.zone, _time(second))
    if not _lies_within(at, one):
        at, is_base, chance = one.first, True, chance_base
        on, second = _wall(at, charging.zone)
    why = _why(one, on=on, is_base=is_base, reason=reason)
    return Chosen(_spread(at, one, on=on, second=second, spread_s=spread_s), why, chance, chance_due)


def _why(one: _Asked, *, on: date, is_base: bool, reason: Why) -> Why:
    if is_base and on != one.due[0]:
        return Why.LATE
    if is_base and one.charging.hour is not None and one.base[1] == one.preferred_s != one.due[1]:
        return Why.HOUR
    if is_base:
        return Why.NOT_AGREED if one.charging.agreed is None else Why.DUE_IS_BEST
    return Why.MORNING if on == one.due[0] else reason


def _lies_within(at: datetime, one: _Asked) -> bool:
    charging = one.charging
    least = charging.not_before if _may_be_early(charging) else one.first
    return (least is None or least <= at) and at < charging.until


def _spread(at: datetime, one: _Asked, *, on: date, second: int, spread_s: int) -> datetime:
    """Some minutes later, always the same for the same key; on the same day, and before the period ends."""
    charging = one.charging
    room = spread_s
    if second + spread_s > _LATE_S:
        midnight = instant_at(on + timedelta(days=1), charging.zone, time())
        room = min(room, int((midnight - at).total_seconds()))
    room = min(room, int((charging.until - at).total_seconds()))
    if room <= 0:
        return at
    draw = int.from_bytes(sha256(charging.key.bytes).digest()[:8], "big")
    later = at + timedelta(seconds=draw % room)
    if not later.microsecond:
        return later
    return later.replace(microsecond=0) + _SECOND  # a time that is shown is shown whole


@lru_cache(maxsize=4096)
def _time(second: int) -> time:
    return time(second // 3600, second % 3600 // 60, second % 60)
