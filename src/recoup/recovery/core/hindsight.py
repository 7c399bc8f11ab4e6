"""What logged recoveries say of another policy: it is asked again at each of their choices, and held against them.

Choices are the same where they are the same account in the same six hours of the customer's day. Recoveries count once
they are as old as the longer of both windows, so that who recovers quickly is not counted before who does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from recoup.kit.money import Money
from recoup.recovery.core.otherwise import Otherwise, Situation, TryThen, otherwise
from recoup.recovery.core.policy import Policy
from recoup.recovery.core.stepwise import UNSUPPORTED_MAX, Evaluation, Tally
from recoup.recovery.core.stories import Story, Tried
from recoup.recovery.core.walking import Logger, Walk, planned, same, zone_of

CHOICES_MAX: Final = 17
"""The most tries that any policy may have, and two ends."""
_SETTLED: Final = timedelta(days=2)
"""How long after its window a recovery is looked at: outcomes may come late."""

CERTAIN: Final = (
    "The policies of your log leave nothing to chance, and nobody was held out or drawn into an experiment: only "
    "recoveries in which both policies choose alike say anything, and those are not like the others."
)


class Aside(StrEnum):
    """Why a recovery is not judged."""

    YOUNG = "they are younger than the longer window, so not all is seen of them"
    ADVISED = "somebody else made the tries"
    UNTOLD = "their records do not fit together"
    UNKEPT = "what they were decided by was not kept in full"
    CHANGED = "a try was not made when and where it had been decided"
    OPEN = "a try of them has no outcome yet"


@dataclass(frozen=True, slots=True)
class Counted:
    """So many tries, and how many of them were approved."""

    tries: int = 0
    approved: int = 0

    def plus(self, tried: Tried) -> Counted:
        """With one more."""
        return Counted(self.tries + 1, self.approved + bool(tried.approved))


@dataclass(frozen=True, slots=True)
class Slots:
    """Where the log has a try in the very slot, and at the very account, that the policy would choose first.

    `first`: it was the log's first try too. `later`: it was a later one; those had been refused before. `never`:
    nothing was tried there; `instead` is what came of the log's first tries then and in `later`.
    """

    first: Counted
    later: Counted
    never: int
    instead: Counted


@dataclass(frozen=True, slots=True)
class Reached:
    """The nth choice: in how many recoveries the policy comes to it, and in how many of them it is one that a policy
    of the log would have made."""

    number: int
    reached: int
    made: int


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What the log says of a policy. `net_value` is by currency, in its minor units, for each recovery; `by_chance` is
    the part of recoveries in which chance had drawn between policies."""

    recoveries: int
    aside: Mapping[Aside, int]
    by_chance: float
    choices: tuple[Reached, ...]
    slots: Slots
    recovered: Evaluation | None
    net_value: Mapping[str, Evaluation]


class Judge:
    """Judges a policy by one batch of stories after the other, in memory that does not grow with them."""

    def __init__(self, policy: Policy, *, now: datetime) -> None:
        self._policy = policy
        self._now = now
        self._recovered = Tally(CHOICES_MAX)
        self._net: dict[str, Tally] = {}
        self._aside: Counter[Aside] = Counter()
        self._reached: Counter[int] = Counter()
        self._made: Counter[int] = Counter()
        self._first, self._later, self._instead, self._never = Counted(), Counted(), Counted(), 0
        self._drawn = 0

    def set_aside(self, why: Aside, *, count: int = 1) -> None:
        """Count recoveries that are no stories."""
        self._aside[why] += count

    def judge(self, told: Sequence[tuple[Story, Sequence[Logger]]]) -> None:
        """Take stories into account, each with the policies that it may have gone by."""
        good = []
        for story, loggers in told:
            why = self._unfit(story, loggers)
            if why is None:
                good.append((story, loggers))
            else:
                self._aside[why] += 1
        wanted = self._asked(self._policy, [story for story, _ in good])
        others = self._of_others(good)
        for place, (story, loggers) in enumerate(good):
            self._count(story, loggers, wanted=wanted[place], others=others[place])

    def hindsight(self) -> Hindsight:
        """What all that was judged says."""
        count = self._recovered.count
        numbers = sorted(self._reached)
        reached = [Reached(one, self._reached[one], self._made[one]) for one in numbers]
        return Hindsight(
            recoveries=count,
            aside=dict(self._aside),
            by_chance=self._drawn / count if count else 0.0,
            choices=tuple(reached),
            slots=Slots(self._first, self._later, self._never, self._instead),
            recovered=_told(self._recovered, self._drawn) if count else None,
            net_value={currency: _told(one, self._drawn) for currency, one in sorted(self._net.items())},
        )

    def _unfit(self, story: Story, loggers: Sequence[Logger]) -> Aside | None:
        window = max([self._policy.window, *(one.policy.window for one in loggers)])
        if self._now - story.opened_at < window + _SETTLED:
            return Aside.YOUNG
        if not story.is_known or (story.last is None and story.paid_at is None and not story.turns):
            return Aside.UNKEPT
        if any(tried.approved is None for _, tried in story.turns):
            return Aside.OPEN
        done = all(
            choice.try_at is not None and same(planned(choice), tried, zone_of(choice))
            for choice, tried in story.turns
        )
        return None if done else Aside.CHANGED

    def _asked(self, policy: Policy, stories: Sequence[Story]) -> list[list[Otherwise | None]]:
        """What a policy would have done at every choice of every story; None where nothing is known of the choice."""
        situations = [_situations(story) for story in stories]
        known = [one for each in situations for one in each if one is not None]
        found = iter(otherwise(policy, known))
        return [[None if one is None else next(found) for one in each] for each in situations]

    def _of_others(
        self, told: Sequence[tuple[Story, Sequence[Logger]]]
    ) -> list[dict[int, list[Otherwise | None]]]:
        """What the other policies of the log would have done: by story, by place among its loggers."""
        found: list[dict[int, list[Otherwise | None]]] = [{} for _ in told]
        asked: dict[int, tuple[Policy, list[tuple[int, int]]]] = {}
        for place, (_, loggers) in enumerate(told):
            for number, logger in enumerate(loggers):
                if not logger.own:
                    asked.setdefault(id(logger.policy), (logger.policy, []))[1].append((place, number))
        for policy, places in asked.values():
            answers = self._asked(policy, [told[place][0] for place, _ in places])
            for (place, number), answer in zip(places, answers, strict=True):
                found[place][number] = answer
        return found

    def _count(
        self,
        story: Story,
        loggers: Sequence[Logger],
        *,
        wanted: Sequence[Otherwise | None],
        others: Mapping[int, Sequence[Otherwise | None]],
    ) -> None:
        walk = Walk(story, loggers, wanted=wanted, others=others)
        walk.go()
        for number in range(1, walk.reached + 1):
            self._reached[number] += 1
            self._made[number] += number <= walk.made
        self._drawn += len(loggers) > 1
        fee = _fee(self._policy, story)
        rest = max(self._policy.tries_max - len(walk.weights) + 1, 0)
        logged = _logged(story)
        self._recovered.add(walk.chain(logged=float(logged), won=1.0, each_try=0.0, rest=rest))
        brought = logged * story.minor - fee * len(story.turns)
        net = self._net.setdefault(story.currency, Tally(CHOICES_MAX))
        net.add(walk.chain(logged=brought, won=float(story.minor), each_try=fee, rest=rest))
        self._compare(story, wanted[0] if wanted else None)

    def _compare(self, story: Story, first: Otherwise | None) -> None:
        """The matched slots of the policy's first choice."""
        if not isinstance(first, TryThen) or not story.turns:
            return
        zone = zone_of(story.turns[0][0])
        alike = [
            place
            for place, (_, tried) in enumerate(story.turns)
            if same((first.at, first.account), tried, zone)
        ]
        if alike[:1] == [0]:
            self._first = self._first.plus(story.turns[0][1])
            return
        self._instead = self._instead.plus(story.turns[0][1])
        if alike:
            self._later = self._later.plus(story.turns[alike[0]][1])
        else:
            self._never += 1


def _told(tally: Tally, drawn: int) -> Evaluation:
    return tally.evaluation((CERTAIN,) if not drawn and tally.unsupported > UNSUPPORTED_MAX else ())


def _situations(story: Story) -> list[Situation | None]:
    found = [choice.situation for choice, _ in story.turns]
    won = bool(story.turns) and bool(story.turns[-1][1].approved)
    return found if won or story.last is None else [*found, story.last.situation]


def _logged(story: Story) -> bool:
    return story.paid_at is not None or any(tried.approved for _, tried in story.turns)


def _fee(policy: Policy, story: Story) -> float:
    """What a try costs, in minor units."""
    found: float = policy.try_costs * 10.0 ** (Money(story.minor, story.currency).decimals - 2)
    return found
