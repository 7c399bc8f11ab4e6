"""What a case says to the joint choice, and the choice's reasons: one at a time or many together, to be replayed.

`Known` is everything that the choice depends on, and nothing else; it is stored with the decision, and `weigh` of
what was stored gives the same answer again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import numpy as np

from recoup.kit.ids import Kind, render
from recoup.paydays.core import SemiMonthly, beliefs, described
from recoup.paydays.core.habits import CYCLES
from recoup.recovery.core.joint import CHUNK, Costs, think
from recoup.recovery.core.known import Known as Known
from recoup.recovery.core.known import Seen as Seen
from recoup.recovery.core.known import ceiled as ceiled
from recoup.recovery.core.known import floored as floored
from recoup.recovery.core.known import known_from as known_from
from recoup.recovery.core.known import observed, seconds
from recoup.recovery.core.policy import Hours
from recoup.recovery.core.reasons import SHOWN_MAX, Reasons, reasons_of

_USUAL: Final = tuple(described(cycle) for cycle in CYCLES)


class Weighed:
    """The choice for one case, and its reasons."""

    def __init__(self, known: Known, reasons: Reasons) -> None:
        self.known = known
        self._reasons = reasons

    @property
    def at(self) -> datetime | None:
        """When the first try is; None where no try is worth its cost, or none is allowed before the deadline."""
        at = self._reasons.at
        return None if at is None else datetime.fromtimestamp(at, UTC)

    @property
    def allowed(self) -> bool:
        """Whether any moment before the deadline is allowed at all."""
        return self._reasons.is_allowed

    @property
    def accounts(self) -> tuple[UUID, ...]:
        """Whom to ask, the chosen one first."""
        place, accounts = self._reasons.account, self.known.accounts
        return accounts[place : place + 1] + accounts[:place] + accounts[place + 1 :]

    @property
    def chance(self) -> float:
        """That the first try is approved."""
        return self._reasons.chance

    @property
    def recovered(self) -> float:
        """That any of the tries left is approved."""
        return self._reasons.recovered

    @property
    def tries(self) -> int:
        """How many tries the best set has."""
        return len(self._reasons.tries)

    @property
    def on_payday(self) -> bool:
        """Whether the day of the first try is a payday by what the customer's record says."""
        pay = self.known.pay
        return pay is not None and self._reasons.paydays[beliefs.place_of(pay)[0]]

    @property
    def payday_chance(self) -> float:
        """How likely the day of the first try is one of the customer's paydays."""
        return self._reasons.payday_chance

    @property
    def now(self) -> dict[str, Any] | None:
        """What the first allowed try would be, and why it is not made; None where it is, or none is allowed."""
        now = self._reasons.now
        if now is None:
            return None
        return {
            "at": now.at,
            "probability": round(now.chance, 4),
            "expected_value": round(now.worth),
            "why": f"a try then is approved with {now.chance:.0%}; with it, all tries left are worth "
            f"{_less(now.worth, self._reasons.value)} than the plan",
        }

    def facts(self) -> dict[str, Any]:
        """What is kept with the decision: everything known, what was believed, and the candidates."""
        reasons = self._reasons
        named = [render(Kind.PROCESSOR_ACCOUNT, one) for one in self.known.accounts]
        return {
            "known": self.known.kept(),
            "model": None if self.known.learned is None else self.known.learned.model,
            "probability": round(reasons.chance, 4),
            "probability_of_all": round(reasons.recovered, 4),
            "expected_value": round(reasons.value),
            "tries": [{"at": at, "processor_account": named[place]} for at, place in reasons.tries],
            "causes": {cause: round(share, 4) for cause, share in reasons.causes},
            "paydays": self._paydays(),
            "candidates": [
                {
                    "at": one.at,
                    "processor_account": named[one.account],
                    "probability": round(one.chance, 4),
                    "expected_value": round(one.worth),
                }
                for one in reasons.candidates
            ],
            "now": self.now,
        }

    def _paydays(self) -> list[dict[str, Any]]:
        told = self.known.pay
        own = described(told) if isinstance(told, SemiMonthly) else None
        cycles = [
            (own if place == beliefs.TOLD else {**_USUAL[place]}, share)
            for place, share in self._reasons.cycles
        ]
        kept = [(cycle, share) for cycle, share in cycles if cycle is not None]
        return [{"payday": cycle, "probability": round(share, 4)} for cycle, share in kept[:SHOWN_MAX]]


def weigh(known: Known, *, costs: Costs | None = None) -> Weighed:
    """The best set of tries for one case."""
    return weigh_many([known], costs=costs)[0]


def weigh_many(cases: Sequence[Known], *, costs: Costs | None = None) -> list[Weighed]:
    """The best set of tries for each case: the same as one by one, in less time."""
    alike: dict[tuple[Costs, Hours], list[int]] = {}
    for place, one in enumerate(cases):
        alike.setdefault((costs or one.costs, one.hours), []).append(place)
    found: dict[int, Weighed] = {}
    for (reckoned, hours), places in alike.items():
        for start in range(0, len(places), CHUNK):
            part = places[start : start + CHUNK]
            weighed = _together([cases[place] for place in part], costs=reckoned, hours=hours)
            found |= zip(part, weighed, strict=True)
    return [found[place] for place in range(len(cases))]


def _together(cases: Sequence[Known], *, costs: Costs, hours: Hours) -> list[Weighed]:
    thought = think(
        observed(cases),
        now=seconds([one.now for one in cases]),
        tries_left=np.asarray([one.tries_left for one in cases]),
        deadline=seconds([one.deadline for one in cases]),
        costs=costs,
        hours=hours,
    )
    return [Weighed(known, reasons) for known, reasons in zip(cases, reasons_of(thought), strict=True)]


def _less(worth: float, best: float) -> str:
    return f"{max(best - worth, 0) / best:.1%} less" if best > 0 else "less"
