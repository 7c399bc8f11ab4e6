"""What logged decisions and their outcomes say of another policy: the two are put together here, one by one.

What is judged is the first ask of a payment: whether the account that goes first approves, and what that is worth. Whom
a payment fails over to is not part of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.routing.core.deciding import Option, decide
from recoup.routing.core.facts import Facts
from recoup.routing.core.observing import Arm, observe
from recoup.routing.core.offpolicy import Evaluation, Tally
from recoup.routing.core.policy import Policy, rule
from recoup.routing.core.reading import Record, account_of, facts_of, options_of
from recoup.routing.core.route import CALLERS
from recoup.routing.core.words import THOUSANDTHS, Ruling
from recoup.routing.core.worth import valued

OPEN_FOR: Final = timedelta(days=1)
"""An attempt that is not approved so long after its start counts as not approved."""
OPEN_MAX: Final = 0.02
"""The largest part of attempts that may have no outcome yet: more, and slow accounts would be judged by their best."""
BROKEN_MAX: Final = 0.01
"""The largest part of records that may contradict themselves."""
PROBABILITY_MIN: Final = 0.001
"""Estimates are not believed to be nearer to 0 or 1 than this."""

_BASIS_POINTS: Final = 10_000


class State(StrEnum):
    """What became of an attempt."""

    APPROVED = "approved"
    REFUSED = "refused"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Came:
    """The attempt that a decision led to. `metadata` is the payment's."""

    account_id: UUID
    state: State
    started_at: datetime
    metadata: Mapping[str, str]


class Aside(StrEnum):
    """Why a decision is not judged."""

    LATER = "it was not the first of its payment"
    REQUESTED = "the caller said which accounts to ask"
    ALONE = "no chances were stored with it"
    ENDLESS = "no attempt of it is found"
    OPEN = "its attempt has no outcome yet"
    BROKEN = "its record contradicts itself"


@dataclass(frozen=True, slots=True)
class _Account:
    id: UUID


def first_choice(record: Record, ruling: Ruling) -> Mapping[UUID, float]:
    """Whom a ruling would have asked first, with which probability, by what the record knows; empty where nobody."""
    return _first(revalued(options_of(record), facts_of(record), margin=ruling.margin), ruling)


def _first(options: Sequence[Option], ruling: Ruling) -> Mapping[UUID, float]:
    placed = decide(options, ruling, seed=b"", unit=None)
    return {one.option.account_id: one.propensity for one in placed}


def revalued(options: Sequence[Option], facts: Facts, *, margin: int) -> tuple[Option, ...]:
    """The options with what they are worth under another margin."""
    return tuple(valued(one, facts, margin=margin) for one in options)


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What the log says of a policy.

    `net_value` is by currency, in its minor units. `refused` payments would have found no account; in `otherwise`, a
    share, somebody else would have been asked first.
    """

    decisions: int
    aside: Mapping[Aside, int]
    refused: int
    otherwise: float
    approval: Evaluation | None
    net_value: Mapping[str, Evaluation]


class Judge:
    """Judges a policy by one logged decision after the other, in memory that does not grow with them."""

    def __init__(self, policy: Policy, *, now: datetime) -> None:
        self._policy = policy
        self._now = now
        self._approval = Tally()
        self._worth: dict[str, Tally] = {}
        self._aside: Counter[Aside] = Counter()
        self._refused = 0
        self._otherwise = 0.0

    def judge(self, record: Record, came: Came | None) -> None:
        """Take one decision and what came of it into account."""
        aside = _aside(record, came, self._now)
        if aside is None:
            assert came is not None, "else it is aside"
            aside = self._judged(record, came)
        if aside is not None:
            self._aside[aside] += 1

    def _judged(self, record: Record, came: Came) -> Aside | None:
        facts = replace(facts_of(record), metadata=came.metadata)
        chances = _chances(record)
        options = [one for one in options_of(record) if one.account_id in chances]
        ruling = rule(self._policy, facts, [_Account(one.account_id) for one in options])
        options = [*revalued(options, facts, margin=ruling.margin)]
        target = _first(options, ruling)
        approved = came.state is State.APPROVED
        arms = [_approval_arm(one, chances[one.account_id]) for one in options]
        seen = observe(arms, asked=came.account_id, reward=float(approved), target=target)
        if seen is None:
            return Aside.BROKEN
        self._approval.add(seen)
        self._refused += not target
        self._otherwise += 1 - target.get(came.account_id, 0.0)
        self._weigh(facts, ruling, options, chances=chances, came=came, target=target)
        return None

    def _weigh(
        self,
        facts: Facts,
        ruling: Ruling,
        options: Sequence[Option],
        *,
        chances: Mapping[UUID, float],
        came: Came,
        target: Mapping[UUID, float],
    ) -> None:
        """The same by net value, where every account that could have been asked has a price."""
        ends = {one.account_id: _ends(one, facts, ruling.margin) for one in options if one.price is not None}
        if len(ends) < len(options):
            return
        arms = [_worth_arm(one, chances[one.account_id], ends[one.account_id]) for one in options]
        reward = ends[came.account_id][came.state is State.APPROVED]
        seen = observe(arms, asked=came.account_id, reward=reward, target=target)
        assert seen is not None, "it was seen by its approval"
        self._worth.setdefault(facts.currency, Tally()).add(seen)

    def hindsight(self) -> Hindsight:
        """What all that was judged says."""
        count, doubts = self._approval.count, tuple(self._doubts())
        return Hindsight(
            decisions=count,
            aside=dict(self._aside),
            refused=self._refused,
            otherwise=self._otherwise / count if count else 0.0,
            approval=self._approval.evaluation(doubts) if count else None,
            net_value={currency: one.evaluation(doubts) for currency, one in sorted(self._worth.items())},
        )

    def _doubts(self) -> Sequence[str]:
        count = self._approval.count or 1
        doubts = []
        if self._aside[Aside.OPEN] > OPEN_MAX * count:
            doubts.append(
                f"{self._aside[Aside.OPEN]} attempts have no outcome yet; ask again when they have, or leave out the "
                "last day."
            )
        if self._aside[Aside.BROKEN] > BROKEN_MAX * count:
            doubts.append(f"{self._aside[Aside.BROKEN]} records contradict themselves.")
        return doubts


def _aside(record: Record, came: Came | None, now: datetime) -> Aside | None:
    """Why a decision is not judged, before its policy is asked."""
    if record["facts"]["attempt_number"] != 1 or record["reason"] == "failover":
        return Aside.LATER
    if record["rule"] == CALLERS:
        return Aside.REQUESTED
    if not _chances(record):
        return Aside.ALONE
    if came is None or record["chosen"] is None:
        return Aside.ENDLESS
    if account_of(record["chosen"]) != came.account_id:
        return Aside.BROKEN
    return Aside.OPEN if came.state is State.OPEN and now - came.started_at < OPEN_FOR else None


def _chances(record: Record) -> Mapping[UUID, float]:
    """How likely each account was to be asked first, of those that could have been."""
    return {
        account_of(one["processor_account"]): one["propensity"]
        for one in record["candidates"]
        if one.get("propensity") is not None
    }


def _probability(one: Option) -> float | None:
    if one.estimate is None:
        return None
    return min(max(one.estimate.probability, PROBABILITY_MIN), 1 - PROBABILITY_MIN)


def _approval_arm(one: Option, chance: float) -> Arm:
    return Arm(one.account_id, chance, model=_probability(one) or 0.0, least=0.0, most=1.0)


def _ends(one: Option, facts: Facts, margin: int) -> tuple[float, float]:
    """What a decline and an approval are worth, in minor units."""
    assert one.price is not None, "who has no price is not weighed"
    gain = facts.amount * margin / _BASIS_POINTS
    return -one.price.declined / THOUSANDTHS, gain - one.price.approved / THOUSANDTHS


def _worth_arm(one: Option, chance: float, ends: tuple[float, float]) -> Arm:
    least, most = min(ends), max(ends)
    return Arm(one.account_id, chance, model=_expected(one, ends), least=least, most=most)


def _expected(one: Option, ends: tuple[float, float]) -> float:
    """What the stored estimate expects; without one, what is nearest to nothing."""
    probability = _probability(one)
    if probability is None:
        return max(min(ends), min(0.0, max(ends)))
    return (1 - probability) * ends[0] + probability * ends[1]
