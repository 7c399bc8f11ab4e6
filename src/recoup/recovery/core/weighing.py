"""What one case says to the joint choice, and the choice's reasons: a batch of one that can be replayed.

`Known` is everything that the choice depends on, and nothing else; it is stored with the decision, and `weigh` of
what was stored gives the same answer again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, parse, render
from recoup.kit.money import Money
from recoup.paydays.core import (
    Biweekly,
    Monthly,
    PayCycle,
    SemiMonthly,
    Weekly,
    beliefs,
    described,
    next_payday,
)
from recoup.paydays.core.habits import CYCLES
from recoup.recovery.core.causes import ROOTS
from recoup.recovery.core.chances import Options, roots_believed
from recoup.recovery.core.choosing import Choice, gains, starting_with
from recoup.recovery.core.joint import Costs, Observed, Thought, earliest, think

Floats = npt.NDArray[np.float64]

SEEN_MAX: Final = 64
"""How many earlier tries are thought of, the newest."""
SHOWN_MAX: Final = 5
"""How many candidates, causes and paydays are kept with a decision."""
TRY_COSTS_HUNDREDTHS: Final = 10
"""What a try costs, in hundredths of the currency's unit: own estimate, near what gateways ask for an authorization."""
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """One earlier try with the card; `category` is that of its decline, as far as known."""

    at: datetime
    approved: bool
    category: str
    here: bool
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that the next try of one case is chosen by. `accounts` in the order preferred; `refused_by` refused
    last.

    Times are whole milliseconds, as they are stored.
    """

    now: datetime
    deadline: datetime
    tries_left: int
    amount: Money
    country: str | None
    zone: str
    pay: PayCycle | None
    category: str
    refused_at: datetime
    not_before: datetime
    advised_at: datetime | None
    accounts: tuple[UUID, ...]
    refused_by: UUID | None
    seen: tuple[Seen, ...] = ()

    def kept(self) -> dict[str, Any]:
        """As it is stored with a decision."""
        return {
            "now": rfc3339(self.now),
            "deadline": rfc3339(self.deadline),
            "tries_left": self.tries_left,
            "amount": self.amount.minor,
            "currency": self.amount.currency,
            "country": self.country,
            "time_zone": self.zone,
            "payday": None if self.pay is None else described(self.pay),
            "category": self.category,
            "refused_at": rfc3339(self.refused_at),
            "not_before": rfc3339(self.not_before),
            "advised_at": None if self.advised_at is None else rfc3339(self.advised_at),
            "accounts": [render(Kind.PROCESSOR_ACCOUNT, one) for one in self.accounts],
            "refused_by": None
            if self.refused_by is None
            else render(Kind.PROCESSOR_ACCOUNT, self.refused_by),
            "seen": [[rfc3339(one.at), one.approved, one.category, one.here, one.minor] for one in self.seen],
        }


def known_from(kept: Mapping[str, Any]) -> Known:
    """What was stored, as it was known."""
    advised, by, pay = kept["advised_at"], kept["refused_by"], kept["payday"]
    return Known(
        now=_moment(kept["now"]),
        deadline=_moment(kept["deadline"]),
        tries_left=kept["tries_left"],
        amount=Money(kept["amount"], kept["currency"]),
        country=kept["country"],
        zone=kept["time_zone"],
        pay=None if pay is None else cycle_from(pay),
        category=kept["category"],
        refused_at=_moment(kept["refused_at"]),
        not_before=_moment(kept["not_before"]),
        advised_at=None if advised is None else _moment(advised),
        accounts=tuple(_account(one) for one in kept["accounts"]),
        refused_by=None if by is None else _account(by),
        seen=tuple(Seen(_moment(at), *others) for at, *others in kept["seen"]),
    )


def cycle_from(kept: Mapping[str, Any]) -> PayCycle:
    """A cycle out of its words (`recoup.paydays.core.described`)."""
    match dict(kept):
        case {"cycle": "weekly", "weekday": int(weekday)}:
            return Weekly(weekday)
        case {"cycle": "biweekly", "anchor_date": str(anchor)}:
            return Biweekly(date.fromisoformat(anchor))
        case {"cycle": "semi_monthly", "day_of_month": int(first), "second_day_of_month": int(second)}:
            return SemiMonthly(first, second)
        case {"cycle": "monthly", "day_of_month": int(day)}:
            return Monthly(day)
        case _:
            raise AssertionError(f"no cycle: {kept!r}")


def _account(text: str) -> UUID:
    account = parse(Kind.PROCESSOR_ACCOUNT, text)
    assert account is not None, "what was stored is an account"
    return account


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def floored(moment: datetime) -> datetime:
    """The last whole millisecond, no later."""
    return moment.astimezone(UTC) - timedelta(microseconds=moment.microsecond % 1000)


def ceiled(moment: datetime) -> datetime:
    """The first whole millisecond, no earlier."""
    low = floored(moment)
    return low if low == moment else low + _MS


class Weighed:
    """The choice for one case, and its reasons."""

    def __init__(self, known: Known, thought: Thought) -> None:
        self.known = known
        self._thought = thought

    @property
    def at(self) -> datetime | None:
        """When the first try is; None where no try is worth its cost, or none is allowed before the deadline."""
        slot = int(self._choice.slot[0])
        return None if slot < 0 else self._moment(slot)

    @property
    def allowed(self) -> bool:
        """Whether any moment before the deadline is allowed at all."""
        return int(earliest(self._thought)[0]) >= 0

    @property
    def accounts(self) -> tuple[UUID, ...]:
        """Whom to ask, the chosen one first."""
        option = max(int(self._choice.option[0]), 0)
        chosen = self.known.accounts[option : option + 1]
        return chosen + tuple(one for one in self.known.accounts if one not in chosen)

    @property
    def chance(self) -> float:
        """That the first try is approved."""
        return float(self._choice.chance[0])

    @property
    def recovered(self) -> float:
        """That any of the tries left is approved."""
        return float(self._choice.recovered[0])

    @property
    def tries(self) -> int:
        """How many tries the best set has."""
        return int(self._choice.sets.used[0].sum())

    def falls_on_payday(self, moment: datetime) -> bool:
        """Whether the day of a moment is a payday by what the customer's record says."""
        pay, before = self.known.pay, moment - timedelta(hours=24)
        place = {"zone": self.known.zone, "country": self.known.country}
        return pay is not None and before < _next(pay, before, place) <= moment

    def payday_chance(self, moment: datetime) -> float:
        """How likely the day of a moment is one of the customer's paydays."""
        before = moment - timedelta(hours=24)
        place = {"zone": self.known.zone, "country": self.known.country}
        likely = self._paydays()
        return sum(share for cycle, share in likely if before < _next(cycle, before, place) <= moment)

    @cached_property
    def now(self) -> dict[str, Any] | None:
        """What the first allowed try would be, and why it is not made; None where it is, or none is allowed."""
        first, chosen = int(earliest(self._thought)[0]), int(self._choice.slot[0])
        if first < 0 or first == chosen:
            return None
        option = int(self._alone[first].argmax())
        at = np.asarray([first]), np.asarray([option])
        instead = starting_with(self._thought.question, slot=at[0], option=at[1])
        chance, worth, best = float(instead.chance[0]), float(instead.value[0]), float(self._choice.value[0])
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
            "probability": round(self.chance, 4),
            "probability_of_all": round(self.recovered, 4),
            "expected_value": round(float(self._choice.value[0])),
            "tries": self._tries(),
            "causes": self._causes(),
            "paydays": [
                {"payday": described(cycle), "probability": round(share, 4)}
                for cycle, share in self._paydays()[:SHOWN_MAX]
            ],
            "candidates": self._candidates(),
            "now": self.now,
        }

    @property
    def _choice(self) -> Choice:
        return self._thought.choice

    @cached_property
    def _alone(self) -> Floats:
        """What each slot and option would be worth as the only try."""
        alone: Floats = gains(self._thought.question, self._choice.sets.first(0))[0]
        return alone

    def _moment(self, slot: int) -> datetime:
        return datetime.fromtimestamp(round(float(self._thought.at[0, slot]), 3), UTC)

    def _tries(self) -> list[dict[str, Any]]:
        sets = self._choice.sets
        return [
            {"at": rfc3339(self._moment(int(slot))), "processor_account": self._named(int(option))}
            for slot, option, used in zip(sets.slot[0], sets.option[0], sets.used[0], strict=True)
            if used
        ]

    def _causes(self) -> dict[str, float]:
        believed = roots_believed(self._thought.question.weights)[0]
        order = np.argsort(-believed, kind="stable")
        return {ROOTS[one].value: round(float(believed[one]), 4) for one in order if believed[one] > 0}

    def _paydays(self) -> list[tuple[PayCycle, float]]:
        believed = beliefs.cycles_believed(self._thought.money)[0]
        told = self.known.pay
        pairs = [(cycle, float(share)) for cycle, share in zip(CYCLES, believed, strict=False)]
        if isinstance(told, SemiMonthly):
            pairs.append((told, float(believed[beliefs.TOLD])))
        return sorted(pairs, key=lambda one: -one[1])

    def _candidates(self) -> list[dict[str, Any]]:
        """The best moments for a single try, each with its best account."""
        options = self._alone.argmax(axis=1)
        values = self._alone.max(axis=1)
        best = [int(slot) for slot in np.argsort(-values, kind="stable") if np.isfinite(values[slot])]
        return [self._candidate(slot, int(options[slot]), float(values[slot])) for slot in best[:SHOWN_MAX]]

    def _candidate(self, slot: int, option: int, value: float) -> dict[str, Any]:
        question = self._thought.question
        chances = question.chances.at(np.asarray([slot]), np.asarray([option]))
        return {
            "at": rfc3339(self._moment(slot)),
            "processor_account": self._named(option),
            "probability": round(float((question.weights * chances).sum()), 4),
            "expected_value": round(value),
        }

    def _named(self, option: int) -> str:
        return render(Kind.PROCESSOR_ACCOUNT, self.known.accounts[option])


def weigh(known: Known, *, costs: Costs | None = None) -> Weighed:
    """The best set of tries for one case."""
    thought = think(
        _observed(known),
        now=_seconds([known.now]),
        tries_left=np.asarray([known.tries_left]),
        deadline=_seconds([known.deadline]),
        costs=costs or Costs(),
    )
    return Weighed(known, thought)


def _observed(known: Known) -> Observed:
    seen, accounts = known.seen[-SEEN_MAX:], known.accounts
    amount = max(known.amount.minor, 1)
    each = np.ones((1, len(accounts)))
    cost = TRY_COSTS_HUNDREDTHS * 10.0 ** (known.amount.decimals - 2)
    return Observed(
        country=[known.country],
        zone=[known.zone],
        stated=[known.pay],
        category=[known.category],
        refused_at=_seconds([known.refused_at]),
        not_before=_seconds([known.not_before]),
        advised_at=_seconds([known.advised_at]),
        worth=np.asarray([float(amount)]),
        seen_at=_seconds([one.at for one in seen])[None, :],
        seen_approved=np.asarray([[one.approved for one in seen]], dtype=np.bool_),
        seen_category=np.asarray([[one.category for one in seen]], dtype=np.str_),
        seen_here=np.asarray([[one.here for one in seen]], dtype=np.bool_),
        seen_ratio=np.asarray([[max(one.minor, 1) / amount for one in seen]]),
        options=Options(
            route=np.arange(len(accounts))[None, :],
            means=np.zeros((1, len(accounts)), dtype=np.int64),
            refused=np.asarray([[one == known.refused_by for one in accounts]], dtype=np.bool_),
            liked=each,
        ),
        cost=each * cost,
    )


def _seconds(moments: Sequence[datetime | None]) -> Floats:
    return np.asarray(
        [np.nan if one is None else one.timestamp() for one in moments], dtype=np.float64
    ).reshape(-1)


def _next(cycle: PayCycle, after: datetime, place: Mapping[str, str | None]) -> datetime:
    return next_payday(cycle, after, zone=place["zone"] or "UTC", country=place["country"])


def _less(worth: float, best: float) -> str:
    return f"{max(best - worth, 0) / best:.1%} less" if best > 0 else "less"
