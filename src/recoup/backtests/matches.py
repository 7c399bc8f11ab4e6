"""One policy's tries in one world: who may be tried at all, what each try costs, what came back and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recoup.outcomes.codes.standard import STANDARD
from recoup.outcomes.codes.words import Hardness
from recoup.outcomes.core import Category
from recoup.sandbox.model import WORDS, Answers, World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DAY_S: Final = 86_400
SLOTS_A_DAY: Final = 4
DAYS_MAX: Final = 28
_NEVER_S: Final = 1 << 60
FEE: Final = 10
"""What a try costs, in minor units, whether it is approved or not."""
TEST_PEOPLE_FROM: Final = 50_000_000
"""Nobody below is in a test: those are there to learn from."""
START: Final = date(2026, 1, 5)
STOPS: Final = ("03", "21")
"""Mastercard's advice not to try again."""
_RETRIED: Final = {
    Category.FUNDS,
    Category.LIMIT,
    Category.ISSUER,
    Category.PROCESSOR,
    Category.NETWORK,
    Category.OTHER,
}
CATEGORIES: Final = np.array(
    [STANDARD[word].category.value if word in STANDARD else ("other" if word else "") for word in WORDS]
)
_HARD: Final = np.array([word in STANDARD and STANDARD[word].hardness is Hardness.HARD for word in WORDS])
_CURABLE: Final = np.array([one in {kind.value for kind in _RETRIED} for one in CATEGORIES]) & ~_HARD


@dataclass(frozen=True, slots=True)
class Chosen:
    """The next try of some cases: `when_s` is nan where there is none."""

    when_s: Floats
    route: Ints


Policy = Callable[[Ints, int], Chosen]
"""From the cases that are still open, and how many tries they had, to the next try of each."""
Told = Callable[[Ints, Ints, Ints, Answers], None]
"""Hears which cases were tried when by which route, and what was answered."""


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What became of every case of a world: paid when (seconds since 1970; -1: never), after how many tries, and
    whether it was the customer who paid, being asked."""

    won_s: Ints
    tries: Ints
    by_customer: Flags


@dataclass(frozen=True, slots=True)
class Score:
    """What a policy made of a world. Amounts are in minor units; `by_day` is what came back on each day."""

    cases: int
    owed: int
    recovered: int
    won: int
    tries: int
    tries_of_won: int
    by_day: tuple[int, ...]

    @property
    def net(self) -> float:
        """What came back less the cost of all tries, in percent of what was owed."""
        return 100.0 * (self.recovered - FEE * self.tries) / self.owed

    @property
    def paid(self) -> float:
        """The part of payments that came back, in percent."""
        return 100.0 * self.won / self.cases

    @property
    def tries_each(self) -> float:
        """All tries, lost ones too, per recovered payment."""
        return self.tries / max(1, self.won)

    @property
    def tries_of_each_won(self) -> float:
        """The tries of recovered payments only, per recovered payment."""
        return self.tries_of_won / max(1, self.won)


def may_go_on(answers: Answers) -> Flags:
    """Whether networks let a declined payment be tried again, whoever does it."""
    found: Flags = ~_HARD[answers.code] & ~np.isin(answers.advice, STOPS)
    return found


class Ground:
    """A world of cardholders, for tests unless said otherwise, and those of its declined renewals that may be tried
    again."""

    def __init__(
        self,
        seed: int,
        cases: int,
        *,
        people_from: int = TEST_PEOPLE_FROM,
        days_max: int = DAYS_MAX,
        start: date = START,
    ) -> None:
        """`days_max`: how many days an oracle of it looks ahead; `start`: from when on renewals are declined."""
        self.world = World(seed, cases, people_from=people_from, start=start)
        self.seen = self.world.failures()
        self._days_max = days_max
        answers = self.seen.answers
        self.open = np.flatnonzero(_CURABLE[answers.code] & may_go_on(answers))

    @cached_property
    def approvals(self) -> Flags:
        """Whether a lone try would be approved, by open case, slot from the decline's own on, and route."""
        routes = range(self.world.truth.approvals(self.open[:0]).shape[2])
        when_s = self.seen.when_s[self.open]
        own = [self.world.try_(self.open, when_s, route=route).approved for route in routes]
        later = self.world.truth.approvals(self.open, slots=self._days_max * SLOTS_A_DAY)
        return np.concatenate([np.stack(own, axis=1)[:, None, :], later], axis=1)

    def play(self, policy: Policy, *, days: int, tries: int, told: Told | None = None) -> Score:
        """What the policy makes of the open cases with so many tries in so many days."""
        played = self.played(policy, days=days, tries=tries, told=told)
        return self.score(played.won_s, played.tries, days=days)

    def played(
        self,
        policy: Policy,
        *,
        days: int,
        tries: int,
        told: Told | None = None,
        asked_after: Sequence[int] = (),
    ) -> Played:
        """The same, case by case; customers are asked so many days after the decline, while nothing has come back."""
        play, still = self.world.play(), self.open
        won_s = np.full(len(self.world), -1, dtype=np.int64)
        count = np.zeros(len(self.world), dtype=np.int64)
        pays_s = self.pay_asked(asked_after, days=days)
        until_s = np.where(pays_s < 0, self.seen.when_s + days * DAY_S, pays_s)
        for made in range(tries):
            chosen = policy(still, made)
            goes = np.isfinite(chosen.when_s) & (chosen.when_s <= until_s[still])
            cases, when_s, route = still[goes], chosen.when_s[goes].astype(np.int64), chosen.route[goes]
            if not len(cases):
                break
            answers = play.try_(cases, when_s, route=route)
            count[cases] += 1
            won_s[cases[answers.approved]] = when_s[answers.approved]
            if told is not None:
                told(cases, when_s, route, answers)
            still = cases[~answers.approved & may_go_on(answers)]
        by_customer = (won_s < 0) & (pays_s >= 0)
        return Played(np.where(by_customer, pays_s, won_s), count, by_customer)

    def pay_asked(self, after: Sequence[int], *, days: int) -> Ints:
        """When the customers of open cases would pay by themselves, being asked after so many days; -1 where they
        would not before the window ends. Who gives another card instead is not counted."""
        found = np.full(len(self.world), _NEVER_S, dtype=np.int64)
        for number, day in enumerate(after, start=1):
            asked_s = self.seen.when_s[self.open] + day * DAY_S
            acts = self.world.asked(self.open, asked_s, message=number)
            pays = acts.pays & (acts.at_s <= self.deadline_s(self.open, days))
            found[self.open] = np.minimum(found[self.open], np.where(pays, acts.at_s, _NEVER_S))
        return np.where(found < _NEVER_S, found, -1)

    def deadline_s(self, cases: Ints, days: int) -> Ints:
        """Until when these may be tried."""
        return np.asarray(self.seen.when_s[cases] + days * DAY_S)

    def score(self, won_s: Ints, tries: Ints, *, days: int) -> Score:
        """What was made of the open cases: paid when (-1: never), after how many tries."""
        owed, at, tried = self.seen.amount[self.open], won_s[self.open], tries[self.open]
        won = at >= 0
        day = np.where(won, (at - self.seen.when_s[self.open]) // DAY_S, 0)
        by_day = np.bincount(day[won], weights=owed[won], minlength=days + 1)
        return Score(
            cases=len(owed),
            owed=int(owed.sum()),
            recovered=int(owed[won].sum()),
            won=int(won.sum()),
            tries=int(tried.sum()),
            tries_of_won=int(tried[won].sum()),
            by_day=tuple(int(one) for one in by_day),
        )
