"""The cardholders of the sandbox's world over years: who they are, and what befalls them around each renewal.

Who somebody is, when they are paid and what lies on their account is the world's (`recoup.sandbox.model`), which knows
one renewal of everybody. Here everybody has one a month. What befell them since the last one (an account falls dormant,
a card dies, a limit is used up) is drawn anew for each, by the same hazards, and lasts until the next: by then whoever
stayed a customer has another account, or has brought another card.

Luck belongs to person, period and slot, never to how often or in which order somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from recoup.sandbox.core.people import COUNTRIES
from recoup.sandbox.model.answers import Cause, Nature, Try, causes, said
from recoup.sandbox.model.calendar import (
    BIWEEKLY,
    MONTHLY,
    PAIRS,
    PATTERNS,
    SEMIMONTHLY,
    SLOT_S,
    SLOTS_A_DAY,
    ZONES,
    tables,
)
from recoup.sandbox.model.issuers import issuers
from recoup.sandbox.model.luck import Draw, Floats, Ints, Luck, chosen
from recoup.sandbox.model.parameters import Parameters
from recoup.sandbox.model.people import (
    BRANDS,
    CLOSED,
    EXPIRED,
    FUNDINGS,
    IRREGULAR,
    LOST,
    MONTH_DAYS,
    NEVER,
    People,
    people,
)
from recoup.vault.core import Payday

STATED_SHARE: Final = 0.3
"""How many of those who are paid on fixed days told the merchant so: own estimate."""
STATED_RIGHT: Final = 0.9
"""How many of them told it right."""
_EPOCH: Final = date(1970, 1, 1)
_STRETCH_DAYS: Final = 120
"""How long one calendar of the world is used: it holds some months more, both ways."""
_SCA: Final = np.array([country.code in {"GB", "DE", "FR", "ES", "NL"} for country in COUNTRIES])
_LIMIT_SHARES: Final = np.array([0.5, 0.3, 0.2])
_LIMIT_DAYS: Final = np.array([1, 7, 28])
_KEPT: Final = 4
"""How many months of everybody are remembered: the recoveries of one reach into the next."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What a merchant knows of a customer. `due` is the first day on which they are billed, `hour` the hour of it."""

    country: str
    currency: str
    zone: str
    brand: str
    funding: str
    amount: int
    due: date
    hour: int
    payday: Payday | None


@dataclass(frozen=True, slots=True)
class Said:
    """What their issuer answered, in truth (`Cause`) and in words; `word` is a place in the world's `WORDS`."""

    cause: Cause
    word: int
    network_code: str
    advice: str | None


class Crowd:
    """So many cardholders of a seed, from the `first` on, billed from the month that begins at `start` on."""

    def __init__(self, seed: int, count: int, *, start: date, first: int = 0) -> None:
        self._luck, self._telling = Luck(seed), Luck(seed + 1_000_003)
        self._parameters = Parameters()
        self._issuers = issuers(self._luck, self._parameters)
        self._first_day = (start - _EPOCH).days
        self.who: People = people(
            self._luck,
            np.arange(first, first + count),
            parameters=self._parameters,
            tables=tables(start),
            start_day=self._first_day,
        )
        local_s = tables(start).local_s(self.who.zone, self.who.when_s)
        self.holders = [self._holder(person, int(local_s[person])) for person in range(count)]
        self._due = np.array([holder.due for holder in self.holders], dtype="datetime64[D]")
        self._struck = lru_cache(maxsize=_KEPT)(self._strike)
        self._natures: dict[int, Nature] = {}

    def __len__(self) -> int:
        return len(self.holders)

    def period(self, person: int, at: datetime) -> int:
        """How many months after the due time of the first period a moment lies, whole ones."""
        holder = self.holders[person]
        local = at.astimezone(ZoneInfo(holder.zone))
        months = (local.year - holder.due.year) * 12 + local.month - holder.due.month
        return months - ((local.day, local.hour) < (holder.due.day, holder.hour))

    def due_at(self, person: int, period: int) -> datetime:
        """When somebody is billed for a period."""
        holder, months = self.holders[person], self.holders[person].due.month - 1 + period
        day = holder.due.replace(year=holder.due.year + months // 12, month=months % 12 + 1)
        return datetime.combine(day, time(holder.hour), ZoneInfo(holder.zone)).astimezone(UTC)

    def slot(self, person: int, at: datetime) -> int:
        """The slot of a person's own time that a moment is in."""
        distance = at.astimezone(ZoneInfo(self.holders[person].zone)).utcoffset()
        assert distance is not None, "a zone knows its distance"
        return int(at.timestamp() + distance.total_seconds()) // SLOT_S

    def answer(self, person: int, at: datetime, *, amount: int, recent: int, mended: bool) -> Said | None:
        """What their issuer says to a charge; None where it approves.

        `recent`: in how many other slots somebody tried of late. `mended`: the card is newer than what befell the last.
        """
        struck, slot = self._struck(self.period(person, at)), self.slot(person, at)
        who = struck.only(np.array([person]))
        if mended:
            who = replace(who, dead_from=np.array([NEVER]), revoked_from=np.array([NEVER]))
        none = np.zeros(1, dtype=np.int64)
        asked = Try(
            slot=none + slot,
            route=none,
            means=none,
            amount=none + amount,
            recent=none + recent,
            authenticated=none != 0,
        )
        nature = self._nature(slot // SLOTS_A_DAY)
        cause = causes(nature, who, asked)
        if cause[0] == Cause.NONE:
            return None
        answers = said(nature, who, asked, cause)
        code, advice = str(answers.network_code[0]), str(answers.advice[0]) or None
        return Said(Cause(int(cause[0])), int(answers.code[0]), code, advice)

    @property
    def patience_slots(self) -> int:
        """For how many slots issuers remember a try."""
        return self._parameters.tires_hours * 3600 // SLOT_S

    def _nature(self, day: int) -> Nature:
        """The world as it is on a day."""
        stretch = (day - self._first_day) // _STRETCH_DAYS
        if stretch not in self._natures:
            start = _EPOCH + timedelta(days=self._first_day + stretch * _STRETCH_DAYS)
            self._natures[stretch] = Nature(self._luck, self._parameters, tables(start), self._issuers)
        return self._natures[stretch]

    def _due_days(self, period: int) -> Ints:
        """On which day, counted from 1970, each is billed for a period."""
        month = self._due.astype("datetime64[M]")
        of_month = self._due - month.astype("datetime64[D]")
        found: Ints = ((month + period).astype("datetime64[D]") + of_month).astype(np.int64)
        return found

    def _strike(self, period: int) -> People:
        """Everybody, with what befalls them around the renewal of a period: until the next."""
        day, parameters = self._due_days(period), self._parameters

        def unit(draw: Draw) -> Floats:
            return self._luck.uniform(draw, self.who.index, period)

        def begins(draw: Draw, monthly: float | Floats) -> Ints:
            """The day on which it begins, from a month before the renewal to two after it."""
            days = (unit(draw) / np.maximum(monthly, 1e-12) * MONTH_DAYS).clip(0, 1e9).astype(np.int64)
            found = day - MONTH_DAYS + 1 + days
            return np.where(found <= day + 2 * MONTH_DAYS, found, NEVER)

        how, kind = unit(Draw.DEAD_HOW), chosen(unit(Draw.LIMIT_KIND), _LIMIT_SHARES)
        closed = parameters.expired_of_dead + parameters.closed_of_dead
        limited = day - (unit(Draw.LIMIT_WHEN) * _LIMIT_DAYS[kind]).astype(np.int64)
        wants = np.where(_SCA[self.who.country], parameters.authenticates_monthly, 0.0)
        return replace(
            self.who,
            dormant_from=begins(Draw.DORMANT, parameters.dormant_monthly),
            dead_from=begins(Draw.DEAD, parameters.dead_monthly),
            dead_how=np.select([how < parameters.expired_of_dead, how < closed], [EXPIRED, CLOSED], LOST),
            updated_at=np.full(len(day), NEVER),
            revoked_from=begins(Draw.REVOKED, parameters.revoked_monthly),
            authenticates_from=begins(Draw.AUTHENTICATES, wants),
            limit_kind=kind,
            limit_day=np.where(unit(Draw.LIMITED) < parameters.limited_monthly, limited, NEVER),
        )

    def _holder(self, person: int, local_s: int) -> Holder:
        who = self.who
        country = COUNTRIES[who.country[person]]
        return Holder(
            country=country.code,
            currency=country.currency,
            zone=ZONES[who.zone[person]],
            brand=BRANDS[who.brand[person]],
            funding=FUNDINGS[who.funding[person]],
            amount=int(who.amount[person]),
            due=_EPOCH + timedelta(days=local_s // 86_400),
            hour=local_s % 86_400 // 3600,
            payday=self._stated(person),
        )

    def _stated(self, person: int) -> Payday | None:
        """The payday that they told the merchant, which need not be right."""
        pattern, one = int(self.who.pattern[person]), self.who.index[person : person + 1]
        if pattern == IRREGULAR or self._telling.uniform(Draw.PATTERN, one)[0] >= STATED_SHARE:
            return None
        is_right = self._telling.uniform(Draw.PATTERN_DAY, one)[0] < STATED_RIGHT
        return _payday(pattern if is_right else _another(pattern), near=self._first_day)


def _another(pattern: int) -> int:
    """Paid as often, on other days."""
    for first, end in pairwise((0, BIWEEKLY, SEMIMONTHLY, MONTHLY, PATTERNS)):
        if pattern < end:
            return first + (pattern - first + (end - first) // 2) % (end - first)
    raise AssertionError("there is no such pattern")


def _payday(pattern: int, *, near: int) -> Payday:
    """A pattern of the world in the words of a customer's record."""
    if pattern < BIWEEKLY:
        return Payday(cycle="weekly", weekday=pattern)
    if pattern < SEMIMONTHLY:
        day = near + (pattern - BIWEEKLY - near - 3) % 14
        return Payday(cycle="biweekly", anchor_date=_EPOCH + timedelta(days=day))
    if pattern < MONTHLY:
        first, second = PAIRS[pattern - SEMIMONTHLY]
        return Payday(cycle="semi_monthly", day_of_month=first, second_day_of_month=second)
    return Payday(cycle="monthly", day_of_month=pattern - MONTHLY + 1)
