"""What a case says to the joint choice, and the choice's reasons: one at a time or many together, to be replayed.

`Known` is everything that the choice depends on, and nothing else; it is stored with the decision, and `weigh` of
what was stored gives the same answer again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.paydays.core import SemiMonthly, beliefs, described
from recoup.paydays.core.habits import CYCLES
from recoup.recovery.core.causes import ROOTS
from recoup.recovery.core.chances import roots_believed
from recoup.recovery.core.choosing import Choice
from recoup.recovery.core.joint import CHUNK, Costs, Thought, think
from recoup.recovery.core.known import Known as Known
from recoup.recovery.core.known import Seen as Seen
from recoup.recovery.core.known import ceiled as ceiled
from recoup.recovery.core.known import floored as floored
from recoup.recovery.core.known import known_from as known_from
from recoup.recovery.core.known import observed, seconds
from recoup.recovery.core.policy import Hours

Floats = npt.NDArray[np.float64]

SHOWN_MAX: Final = 5
"""How many candidates, causes and paydays are kept with a decision."""


class Weighed:
    """The choice for one case, and its reasons. It may have been thought of together with others, at row `row`."""

    def __init__(self, known: Known, thought: Thought, row: int = 0) -> None:
        self.known = known
        self._thought = thought
        self._row = row

    @property
    def at(self) -> datetime | None:
        """When the first try is; None where no try is worth its cost, or none is allowed before the deadline."""
        slot = int(self._choice.slot[self._row])
        return None if slot < 0 else self._moment(slot)

    @property
    def allowed(self) -> bool:
        """Whether any moment before the deadline is allowed at all."""
        return int(self._thought.earliest[self._row]) >= 0

    @property
    def accounts(self) -> tuple[UUID, ...]:
        """Whom to ask, the chosen one first."""
        option = self._place(max(int(self._choice.option[self._row]), 0))
        chosen = self.known.accounts[option : option + 1]
        return chosen + tuple(one for one in self.known.accounts if one not in chosen)

    @property
    def chance(self) -> float:
        """That the first try is approved."""
        return float(self._choice.chance[self._row])

    @property
    def recovered(self) -> float:
        """That any of the tries left is approved."""
        return float(self._choice.recovered[self._row])

    @property
    def tries(self) -> int:
        """How many tries the best set has."""
        return int(self._choice.sets.used[self._row].sum())

    @property
    def on_payday(self) -> bool:
        """Whether the day of the first try is a payday by what the customer's record says."""
        pay = self.known.pay
        return pay is not None and bool(self._thought.chosen_paydays[self._row, beliefs.place_of(pay)[0]])

    @property
    def payday_chance(self) -> float:
        """How likely the day of the first try is one of the customer's paydays."""
        return float(self._believed @ self._thought.chosen_paydays[self._row])

    @property
    def now(self) -> dict[str, Any] | None:
        """What the first allowed try would be, and why it is not made; None where it is, or none is allowed."""
        instead = self._thought.instead
        first, chosen = int(self._thought.earliest[self._row]), int(self._choice.slot[self._row])
        if first < 0 or first == chosen:
            return None
        chance, worth = float(instead[0][self._row]), float(instead[1][self._row])
        best = float(self._choice.value[self._row])
        return {
            "at": rfc3339(self._moment(first)),
            "probability": round(chance, 4),
            "expected_value": round(worth),
            "why": f"a try then is approved with {chance:.0%}; with it, all tries left are worth {_less(worth, best)} "
            "than the plan",
        }

    def facts(self) -> dict[str, Any]:
        """What is kept with the decision: everything known, what was believed, and the candidates."""
        return {
            "known": self.known.kept(),
            "model": None if self.known.learned is None else self.known.learned.model,
            "probability": round(self.chance, 4),
            "probability_of_all": round(self.recovered, 4),
            "expected_value": round(float(self._choice.value[self._row])),
            "tries": self._tries(),
            "causes": self._causes(),
            "paydays": self._paydays(),
            "candidates": self._candidates(),
            "now": self.now,
        }

    @property
    def _choice(self) -> Choice:
        return self._thought.choice

    @cached_property
    def _believed(self) -> Floats:
        """The chance of each cycle."""
        believed: Floats = beliefs.cycles_believed(self._thought.money[self._row : self._row + 1])[0]
        return believed

    def _moment(self, slot: int) -> datetime:
        return datetime.fromtimestamp(round(float(self._thought.at[self._row, slot]), 3), UTC)

    def _tries(self) -> list[dict[str, Any]]:
        sets, row = self._choice.sets, self._row
        return [
            {"at": rfc3339(self._moment(int(slot))), "processor_account": self._named(int(option))}
            for slot, option, used in zip(sets.slot[row], sets.option[row], sets.used[row], strict=True)
            if used
        ]

    def _causes(self) -> dict[str, float]:
        believed = roots_believed(self._thought.question.weights[self._row : self._row + 1])[0].tolist()
        order = sorted(range(len(believed)), key=lambda one: -believed[one])
        return {ROOTS[one].value: round(believed[one], 4) for one in order if believed[one] > 0}

    def _paydays(self) -> list[dict[str, Any]]:
        told, shares = self.known.pay, self._believed.tolist()
        order = sorted(range(len(shares)), key=lambda one: -shares[one])
        cycles = [
            (CYCLES[one] if one < beliefs.TOLD else told, shares[one])
            for one in order[: SHOWN_MAX + 1]
            if one < beliefs.TOLD or isinstance(told, SemiMonthly)
        ]
        return [
            {"payday": described(cycle), "probability": round(share, 4)}
            for cycle, share in cycles[:SHOWN_MAX]
            if cycle is not None
        ]

    def _candidates(self) -> list[dict[str, Any]]:
        """The best moments for a single try, each with its best account."""
        alone = self._thought.alone[self._row]
        values = alone.max(axis=1)
        best = [
            slot
            for slot in np.argsort(-values, kind="stable")[:SHOWN_MAX].tolist()
            if np.isfinite(values[slot])
        ]
        if not best:
            return []
        options, row = alone[best].argmax(axis=1), np.full(len(best), self._row)
        question = self._thought.question
        chances = question.chances.at(row, np.asarray(best), options) @ question.weights[self._row]
        return [
            {
                "at": rfc3339(self._moment(slot)),
                "processor_account": self._named(option),
                "probability": round(chance, 4),
                "expected_value": round(float(values[slot])),
            }
            for slot, option, chance in zip(best, options.tolist(), chances.tolist(), strict=True)
        ]

    def _place(self, option: int) -> int:
        return int(self._thought.options_at[self._row, option])

    def _named(self, option: int) -> str:
        return render(Kind.PROCESSOR_ACCOUNT, self.known.accounts[self._place(option)])


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
    return [Weighed(known, thought, row) for row, known in enumerate(cases)]


def _less(worth: float, best: float) -> str:
    return f"{max(best - worth, 0) / best:.1%} less" if best > 0 else "less"
