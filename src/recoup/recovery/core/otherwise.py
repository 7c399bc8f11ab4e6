"""What a policy would have done where another one chose: asked with what was known then, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from recoup.recovery.core.planning import Asked, asked_of, judged
from recoup.recovery.core.policy import CAUSES, Policy
from recoup.recovery.core.records import AskCustomer, Case, GiveUp, Plan, Retry
from recoup.recovery.core.weighing import weigh_many


@dataclass(frozen=True, slots=True)
class Situation:
    """A case as it was when something was decided about it."""

    case: Case
    now: datetime


@dataclass(frozen=True, slots=True)
class TryThen:
    """It would have tried at that time, at that account first."""

    at: datetime
    account: UUID


@dataclass(frozen=True, slots=True)
class StopThere:
    """It would have tried no more: given up, or left it to the customer."""

    asks: bool


Otherwise = TryThen | StopThere


def otherwise(policy: Policy, situations: Sequence[Situation]) -> list[Otherwise]:
    """What the policy would have done in each: the same machine that plans, with another policy."""
    cases = [_under(policy, one.case) for one in situations]
    found: list[Plan | Asked | None] = [
        asked_of(case, one.now) if _takes_on(policy, case) else None
        for case, one in zip(cases, situations, strict=True)
    ]
    weighed = iter(weigh_many([one.known for one in found if isinstance(one, Asked)]))
    plans = [
        judged(case, one, next(weighed), situation.now) if isinstance(one, Asked) else one
        for case, one, situation in zip(cases, found, situations, strict=True)
    ]
    return [_meant(one) for one in plans]


def _under(policy: Policy, case: Case) -> Case:
    deadline = case.opened_at + policy.window
    whole = replace(policy, partial=None)  # what a part would have met nobody logged
    return replace(case, policy=whole, deadline=deadline, tries_max=policy.tries_max)


def _takes_on(policy: Policy, case: Case) -> bool:
    """Whether it would have opened a recovery: a case is its first refusal's."""
    record = case.payment.decline
    return record is None or record.decline.category not in CAUSES or policy.covers(record.decline.category)


def _meant(plan: Plan | None) -> Otherwise:
    match plan:
        case Retry(at=at, accounts=accounts):
            return TryThen(at, accounts[0])
        case AskCustomer():
            return StopThere(asks=True)
        case GiveUp() | None:
            return StopThere(asks=False)
