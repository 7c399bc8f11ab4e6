"""Lets one policy route the payments of one world, and counts what came of it.

Answers are learned when they arrive, not when they are asked for: what hangs is known half a minute later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from bench.routing.rivals import Policy, expected_worth
from bench.routing.world import DAY_S, Answer, Kind, Payment, World

TECHNICAL_CODES: Final = frozenset({"processing_error"})
"""Declines after which another acquirer may be asked at once."""


@dataclass(slots=True)
class Score:
    """What a policy made of a world. `expected` sums the true probabilities of what was chosen first, which compares
    choices without luck; worths are in thousandths of a minor unit."""

    payments: int = 0
    approved: int = 0
    expected: float = 0.0
    worth: int = 0
    expected_worth: float = 0.0
    lost_to_outages: int = 0
    tries: int = 0
    daily: dict[int, float] = field(default_factory=dict)
    """The expected approvals of each day."""

    @property
    def rate(self) -> float:
        """Approved, as a percentage."""
        return 100.0 * self.approved / self.payments

    @property
    def expected_rate(self) -> float:
        """What the choices were worth on average, as a percentage."""
        return 100.0 * self.expected / self.payments


_Due = tuple[float, int, Payment, int, Answer]


class Play:
    """A policy at work in a world."""

    def __init__(self, world: World, policy: Policy, *, tries: int = 1) -> None:
        self._world = world
        self._policy = policy
        self._tries = tries
        self._due: list[_Due] = []
        self._asked = 0
        self.score = Score()

    def run(self) -> Score:
        """Routes every payment."""
        for payment in self._world.payments:
            self.route(payment)
        return self.score

    def route(self, payment: Payment) -> tuple[int, Answer]:
        """Routes one payment, after what is known by then was learned: who was asked first, and the last answer."""
        self._learn_until(payment.at_s)
        world, score = self._world, self.score
        first = self._policy.choose(payment)
        asked, answer = first, self._ask(payment, first, payment.at_s)
        chance = world.chances[payment.index][first]
        score.payments += 1
        score.expected += chance
        score.expected_worth += expected_worth(world, payment, first)
        day = int(payment.at_s // DAY_S)
        score.daily[day] = score.daily.get(day, 0.0) + chance
        if self._tries > 1 and may_try_another(answer):
            score.worth += world.worth(payment, asked, is_approved=False)
            asked = self._policy.choose(payment, without=first)
            answer = self._ask(payment, asked, payment.at_s + answer.after_s)
        score.approved += answer.is_approved
        score.lost_to_outages += answer.is_outage
        score.worth += world.worth(payment, asked, is_approved=answer.is_approved)
        return first, answer

    def _ask(self, payment: Payment, acquirer: int, at_s: float) -> Answer:
        answer = self._world.answers[payment.index][acquirer]
        self.score.tries += 1
        self._asked += 1
        heappush(self._due, (at_s + answer.after_s, self._asked, payment, acquirer, answer))
        return answer

    def _learn_until(self, at_s: float) -> None:
        due, learn = self._due, self._policy.learn
        while due and due[0][0] <= at_s:
            known_s, _, payment, acquirer, answer = heappop(due)
            learn(payment, acquirer, answer, at_s=known_s)


def may_try_another(answer: Answer) -> bool:
    """Whether the answer was a technical failure that certainly took no money."""
    return answer.kind is Kind.UNPROCESSED or answer.code in TECHNICAL_CODES


def fixed_choices(world: World, choose: Mapping[str, int] | int) -> Score:
    """What always asking one acquirer, or one for each BIN, would have brought: one try a payment, nothing learned."""
    score = Score()
    for payment in world.payments:
        acquirer = choose if isinstance(choose, int) else choose[payment.bin]
        chance = world.chances[payment.index][acquirer]
        answer = world.answers[payment.index][acquirer]
        score.payments += 1
        score.tries += 1
        score.expected += chance
        score.expected_worth += expected_worth(world, payment, acquirer)
        score.approved += answer.is_approved
        score.lost_to_outages += answer.is_outage
        score.worth += world.worth(payment, acquirer, is_approved=answer.is_approved)
        day = int(payment.at_s // DAY_S)
        score.daily[day] = score.daily.get(day, 0.0) + chance
    return score


def best_by_bin(world: World) -> dict[str, int]:
    """The acquirer of each BIN that had the most true probability in it, which only hindsight knows."""
    sums: dict[str, list[float]] = {}
    for payment in world.payments:
        chances = world.chances[payment.index]
        row = sums.setdefault(payment.bin, [0.0] * len(chances))
        for acquirer, chance in enumerate(chances):
            row[acquirer] += chance
    return {of: max(range(len(row)), key=row.__getitem__) for of, row in sums.items()}
