"""One logged recovery, walked with another policy from choice to choice, as long as it does what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recoup.recovery.core.otherwise import Otherwise, StopThere, TryThen
from recoup.recovery.core.policy import Policy
from recoup.recovery.core.records import Action
from recoup.recovery.core.stepwise import Chain
from recoup.recovery.core.stories import Decided, Story, Tried, slot_of


@dataclass(frozen=True, slots=True)
class Logger:
    """A policy that recoveries may have gone by, with its part of them; `own`: this one did."""

    policy: Policy
    share: float
    own: bool


class Walk:
    """One story, walked with the policy from choice to choice as long as it does what was done."""

    def __init__(
        self,
        story: Story,
        loggers: Sequence[Logger],
        *,
        wanted: Sequence[Otherwise | None],
        others: Mapping[int, Sequence[Otherwise | None]],
    ) -> None:
        self._story, self._loggers = story, loggers
        self._wanted, self._others = wanted, others
        self._alive = list(range(len(loggers)))
        self.weights: list[float] = []
        self.won: list[bool] = []
        self.tried: list[bool] = []
        self.lost = 0.0
        self.reached = self.made = 0

    def go(self) -> None:
        """Walk to the end, or to where the ways part."""
        weight = 1.0
        for place, (choice, tried) in enumerate(self._story.turns):
            want = self._wanted[place]
            if not isinstance(want, TryThen):
                self._ends(weight)
                return
            self.reached += 1
            zone, like = zone_of(choice), (want.at, want.account)
            if not self._supported(place, choice, like, zone):
                self._parts(weight)
                return
            self.made += 1
            self._follow(place, tried, zone)
            if not same(like, tried, zone):
                self._ends(0.0)
                return
            weight = 1.0 / sum(self._loggers[one].share for one in self._alive)
            self._steps(weight, won=bool(tried.approved), tried=True)
            if tried.approved:
                return
        self._last(weight)

    def chain(self, *, logged: float, won: float, each_try: float, rest: int) -> Chain:
        """As it is added up: what a success brings, less what each try costs."""
        rewards = [won * good - each_try * tried for good, tried in zip(self.won, self.tried, strict=True)]
        return Chain(self.weights, rewards, logged, lost=self.lost, least=-each_try * rest, most=won)

    def _last(self, weight: float) -> None:
        """After the tries: it was paid by another way, given up, or left to the customer."""
        story, want = self._story, self._wanted[-1] if len(self._wanted) > len(self._story.turns) else None
        if story.paid_at is not None:
            if isinstance(want, TryThen) and want.at < story.paid_at and not self._planned_so(want):
                self._parts(weight)
            else:
                gone = isinstance(want, StopThere) and not want.asks
                self._steps(weight, won=not gone, tried=False)
            return
        goes_on = (
            isinstance(want, TryThen) and story.last is not None and story.last.action is not Action.RETRY
        )
        if goes_on:
            self.reached += 1
            self._parts(weight)
        else:
            self._ends(weight)

    def _planned_so(self, want: TryThen) -> bool:
        last = self._story.last
        if last is None or last.try_at is None or last.account is None:
            return False
        return alike((want.at, want.account), (last.try_at, last.account), zone_of(last))

    def _supported(self, place: int, choice: Decided, like: tuple[datetime, UUID], zone: str) -> bool:
        """Whether any policy of the log that did all that was done before would choose this now."""
        for one in self._alive:
            if self._loggers[one].own:
                done: tuple[datetime, UUID] | None = planned(choice)
            else:
                answer = self._others[one][place]
                done = (answer.at, answer.account) if isinstance(answer, TryThen) else None
            if done is not None and alike(like, done, zone):
                return True
        return False

    def _follow(self, place: int, tried: Tried, zone: str) -> None:
        """Leave out the policies that would not have done what was done."""
        self._alive = [
            one
            for one in self._alive
            if self._loggers[one].own or _answers(self._others[one][place], tried, zone)
        ]

    def _steps(self, weight: float, *, won: bool, tried: bool) -> None:
        self.weights.append(weight)
        self.won.append(won)
        self.tried.append(tried)

    def _ends(self, weight: float) -> None:
        """Nothing more is tried, or it goes another way than was gone here, which other recoveries went."""
        self._steps(weight, won=False, tried=False)

    def _parts(self, weight: float) -> None:
        """It would do what nobody did."""
        self.lost = weight
        self._ends(0.0)


def planned(choice: Decided) -> tuple[datetime, UUID]:
    """When and at whom first it was decided to try."""
    assert choice.try_at is not None and choice.account is not None, "a retry has its time and account"
    return choice.try_at, choice.account


def zone_of(choice: Decided) -> str:
    """Where the customer lives."""
    assert choice.situation is not None, "only what was kept is judged"
    return choice.situation.case.person.zone


def _answers(answer: Otherwise | None, tried: Tried, zone: str) -> bool:
    return isinstance(answer, TryThen) and same((answer.at, answer.account), tried, zone)


def same(one: tuple[datetime, UUID], tried: Tried, zone: str) -> bool:
    """Whether that is the try that was made."""
    return alike(one, (tried.at, tried.account), zone)


def alike(one: tuple[datetime, UUID], other: tuple[datetime, UUID], zone: str) -> bool:
    """Whether two choices are the same: the account, and the quarter of the customer's day."""
    return one[1] == other[1] and slot_of(one[0], zone) == slot_of(other[0], zone)
