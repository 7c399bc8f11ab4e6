"""Declined renewals of many cardholders, and what would come of every try to win them back.

A world is a function of its seed. Whoever tries the same case in the same slot by the same route gets the same answer,
however often and in whatever order; only an issuer's patience depends on what was tried before, and those tries are
counted by who makes them (`Play`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from recoup.sandbox.model.answers import (
    Answers,
    Cause,
    Means,
    Nature,
    Try,
    at_route,
    before_route,
    causes,
    said,
)
from recoup.sandbox.model.calendar import SLOT_S, SLOTS_A_DAY, tables
from recoup.sandbox.model.customers import Actions, acted
from recoup.sandbox.model.history import History, history
from recoup.sandbox.model.issuers import issuers
from recoup.sandbox.model.luck import Flags, Ints, Luck
from recoup.sandbox.model.parameters import ROUTES, Parameters
from recoup.sandbox.model.people import NEVER, People, people

_AT_ONCE: Final = 1 << 16
_CASES_AT_ONCE: Final = 512
_FAILING_LEAST: Final = 0.005
_EPOCH: Final = date(1970, 1, 1)
_NEVER_S: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class Failures:
    """What a merchant sees of its declined renewals, one entry a case; times are seconds since 1970 (UTC).

    Codes are as in `Answers`. `zone`, `country`, `brand` and `funding` are places in `calendar.ZONES`,
    `core.people.COUNTRIES`, `people.BRANDS` and `people.FUNDINGS`; `bin` tells the issuer, brand and funding.
    """

    when_s: Ints
    country: Ints
    zone: Ints
    brand: Ints
    funding: Ints
    bin: Ints
    amount: Ints
    has_backup: Flags
    answers: Answers
    history: History


class World:
    """The declined renewals of a month, found among as many cardholders as it takes."""

    def __init__(
        self,
        seed: int,
        cases: int,
        *,
        start: date = date(2026, 1, 5),
        parameters: Parameters | None = None,
        people_from: int = 0,
    ) -> None:
        """`people_from`: other people of the same issuers, so that training and test know no cardholder in common."""
        parameters = parameters or Parameters()
        luck = Luck(seed)
        self.nature = Nature(luck, parameters, tables(start), issuers(luck, parameters))
        self._start_day = (start - _EPOCH).days
        found: list[People] = []
        self.renewals, count = 0, 0
        while count < cases:
            wanted = min(_AT_ONCE, max(2048, (cases - count) * 20))
            everybody = self.people(np.arange(wanted) + people_from + self.renewals)
            failing = np.flatnonzero(self._first(everybody) != Cause.NONE)
            assert len(failing) >= wanted * _FAILING_LEAST, "these parameters make a world without declines"
            found.append(everybody.only(failing))
            self.renewals, count = self.renewals + wanted, count + len(failing)
        self.who = People.joined(found).only(np.arange(cases))
        self.failing_share = count / self.renewals

    def __len__(self) -> int:
        return len(self.who)

    def people(self, index: Ints) -> People:
        """Cardholders by their index among everybody, whether their renewal is declined or not."""
        nature = self.nature
        return people(
            nature.luck, index, parameters=nature.parameters, tables=nature.tables, start_day=self._start_day
        )

    def _first(self, who: People) -> Ints:
        return causes(self.nature, who, first_try(who))

    def failures(self) -> Failures:
        """What the merchant sees."""
        who = self.who
        asked = first_try(who)
        return Failures(
            when_s=who.when_s,
            country=who.country,
            zone=who.zone,
            brand=who.brand,
            funding=who.funding,
            bin=400_000 + (who.issuer * 3 + who.brand) * 2 + who.funding,
            amount=who.amount,
            has_backup=who.has_backup,
            answers=said(self.nature, who, asked, causes(self.nature, who, asked)),
            history=history(self.nature, who),
        )

    def play(self) -> Play:
        """A policy's own run, in which its tries are counted."""
        return Play(self)

    def slots(self, cases: Ints, when_s: Ints) -> Ints:
        """The local slots that moments are in."""
        return self.nature.tables.slot(self.who.zone[cases], when_s)

    def middles_s(self, cases: Ints, slots: Ints) -> Ints:
        """The moments in the middle of local slots."""
        return self.nature.tables.middle_s(self.who.zone[cases], slots)

    def try_(
        self,
        cases: Ints,
        when_s: Ints,
        *,
        route: Ints | int = 0,
        means: Ints | int = Means.OLD,
        authenticated: Flags | bool = False,
        recent: Ints | int = 0,
        amount: Ints | None = None,
    ) -> Answers:
        """What is answered to each case at its moment.

        `recent`: other slots' tries of it in the hours before, as `Play` counts them. `amount`: less than what is
        owed, where a part is asked.
        """
        who = self.who.only(cases)
        asked = Try(
            slot=self.slots(cases, when_s),
            route=np.broadcast_to(route, cases.shape).astype(np.int64),
            means=np.broadcast_to(means, cases.shape).astype(np.int64),
            amount=who.amount if amount is None else amount,
            recent=np.broadcast_to(recent, cases.shape).astype(np.int64),
            authenticated=np.broadcast_to(authenticated, cases.shape).astype(np.bool_),
        )
        return said(self.nature, who, asked, causes(self.nature, who, asked))

    def asked(self, cases: Ints, when_s: Ints, *, message: Ints | int = 1) -> Actions:
        """What customers do who are asked to pay or to change their card, the first or the nth time."""
        who = self.who.only(cases)
        cause = self._first(who)
        number = np.broadcast_to(message, cases.shape).astype(np.int64)
        return acted(self.nature, who, when_s, cause=cause, message=number)

    def updated(self, cases: Ints, when_s: Ints) -> Flags:
        """Whether the account updater has another card by then."""
        return np.asarray(self.who.updated_at[cases] <= self.slots(cases, when_s))

    @property
    def truth(self) -> Truth:
        """What only an oracle may know."""
        return Truth(self)


class Truth:
    """What only an oracle may know: why renewals were declined, and which tries would be approved."""

    def __init__(self, world: World) -> None:
        self._world = world

    def cause(self) -> Ints:
        """Why each renewal was declined (`Cause`)."""
        return causes(self._world.nature, self._world.who, first_try(self._world.who))

    def slots(self, cases: Ints, count: int) -> Ints:
        """The local slots after the decline, one row a case."""
        return self._world.who.slot[cases][:, None] + 1 + np.arange(count)

    def approvals(self, cases: Ints, *, slots: int = 28 * SLOTS_A_DAY, means: Means = Means.OLD) -> Flags:
        """Whether a lone try would be approved: by case, slot after the decline, and route."""
        found = [
            self._some(cases[at : at + _CASES_AT_ONCE], slots, means)
            for at in range(0, len(cases), _CASES_AT_ONCE)
        ]
        return np.concatenate(found) if found else np.zeros((0, slots, ROUTES), dtype=np.bool_)

    def _some(self, cases: Ints, slots: int, means: Means) -> Flags:
        nature, who = self._world.nature, self._world.who.only(np.repeat(cases, slots))
        slot = self.slots(cases, slots).ravel()
        found = np.zeros((len(slot), ROUTES), dtype=np.bool_)
        able = np.flatnonzero(before_route(nature, who, plain(who, slot, means=means)) == Cause.NONE)
        some = who.only(able)
        for route in range(ROUTES):
            asked = plain(some, slot[able], route=route, means=means)
            found[able, route] = at_route(nature, some, asked) == Cause.NONE
        return found.reshape(len(cases), slots, ROUTES)


class Play:
    """One policy's tries in a world, which issuers remember for a while. Ask in the order of each case's time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._within = world.nature.parameters.tires_hours * 3600 // SLOT_S
        self._kept = np.full((len(world), self._within), -NEVER, dtype=np.int64)
        self._kept[np.arange(len(world)), world.who.slot % self._within] = world.who.slot

    def try_(
        self,
        cases: Ints,
        when_s: Ints,
        *,
        route: Ints | int = 0,
        means: Ints | int = Means.OLD,
        authenticated: Flags | bool = False,
    ) -> Answers:
        """As `World.try_`, with the tries before it counted. Each case once in a call."""
        slot = self._world.slots(cases, when_s)
        kept = self._kept[cases]
        recent = ((kept < slot[:, None]) & (kept > slot[:, None] - self._within)).sum(axis=1)
        place = slot % self._within
        self._kept[cases, place] = slot
        return self._world.try_(
            cases, when_s, route=route, means=means, authenticated=authenticated, recent=recent
        )


def first_try(who: People) -> Try:
    """The renewal itself."""
    return plain(who, who.slot)


def plain(who: People, slot: Ints, *, route: int = 0, means: Means = Means.OLD) -> Try:
    """A lone try of everybody in some slots."""
    none = np.zeros(len(slot), dtype=np.int64)
    return Try(
        slot=slot,
        route=none + route,
        means=none + means,
        amount=who.amount,
        recent=none,
        authenticated=none != 0,
    )
