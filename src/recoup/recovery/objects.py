"""A recovery as the API and the events show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.outcomes.core import AdviceAction, Category, Hardness
from recoup.recovery.core import ELSEWHERE, Action, EndReason, Mode, Planned, Recovery, Status
from recoup.recovery.core.arms import WHOLE, Arm
from recoup.recovery.core.explaining import Explained, Hypothetical
from recoup.recovery.core.records import kept


class PlanObject(Struct, kw_only=True, frozen=True):
    """What is done next, and why."""

    action: Action
    at: Annotated[str | None, Meta(description="When (RFC 3339).")]
    not_before: Annotated[str | None, Meta(description="From when it may be asked for sooner, by `…/retry`.")]
    processor_accounts: Annotated[
        list[str],
        Meta(
            description="Whom to ask, in order, as far as they can then; `elsewhere` is where the payment failed, "
            "should that be no account here."
        ),
    ]
    part: Annotated[
        int | None,
        Meta(description="How much is tried, where it is a part of what is owed. Null: all that is left."),
    ]
    why: str
    facts: Annotated[dict[str, Any], Meta(description="What was known and counted when this was decided.")]


class RecoveryArmObject(Struct, kw_only=True, frozen=True):
    """Where a recovery belongs in an experiment."""

    id: Annotated[str, Meta(description="The experiment, or the hold-out.")]
    arm: Annotated[str, Meta(description="`hold-out`: by the baseline.")]
    held_out: Annotated[float, Meta(description="The part of people who are held out, in per cent.")]
    seeds: Annotated[
        list[str], Meta(description="What the draws came from: who is held out, and the other arms.")
    ]
    drawn_from: Annotated[str, Meta(description="Who was drawn for, without a name.")]


def arm_object(arm: Arm) -> RecoveryArmObject:
    """An arm as the API shows it."""
    return RecoveryArmObject(
        id=render(Kind.EXPERIMENT, arm.experiment_id),
        arm=arm.name,
        held_out=arm.held_out * 100 / WHOLE,
        seeds=[*arm.seeds],
        drawn_from=arm.drawn_from,
    )


class RecoveryObject(Struct, kw_only=True, frozen=True):
    """The case opened by a failed payment: its plan, its tries, its end."""

    id: str
    object: Literal["recovery"] = "recovery"
    payment: Annotated[str | None, Meta(description="Null where we only advise: then there is none of ours.")]
    mode: Annotated[
        Mode,
        Meta(
            description="`own`: a payment of ours failed. `act`: one failed elsewhere, and we try it. `advise`: one "
            "failed elsewhere, and you try it as the plan says."
        ),
    ]
    external_id: Annotated[str | None, Meta(description="Your name of the failure elsewhere.")]
    paid_elsewhere_at: Annotated[
        str | None,
        Meta(
            description="When you said that the debt was paid by another way. On a recovery that is `recovered` it was "
            "paid twice: give one of the two back."
        ),
    ]
    status: Status
    amount: Annotated[
        int | None, Meta(description="What was owed at first. Null where it was opened before this was kept.")
    ]
    amount_received: Annotated[
        int | None, Meta(description="What of it was paid since by what is tried here, parts included.")
    ]
    amount_remaining: Annotated[int | None, Meta(description="What of it is left to pay.")]
    currency: str | None
    policy: str
    policy_version: Annotated[int | None, Meta(description="Null where the policy is built in.")]
    experiment: Annotated[
        RecoveryArmObject | None, Meta(description="Where it belongs, while people are held out or compared.")
    ]
    deadline: Annotated[str, Meta(description="No try is made after this time (RFC 3339).")]
    tries_made: int
    tries_max: int
    next_retry_at: str | None
    plan: PlanObject | None
    decision: Annotated[str | None, Meta(description="The stored decision behind the plan.")]
    end_reason: EndReason | None
    opened_at: str
    ended_at: str | None
    livemode: bool


def recovery_object(recovery: Recovery, *, livemode: bool) -> RecoveryObject:
    """A recovery as it is now."""
    ended, next_at, decision_id = recovery.ended_at, recovery.next_at, recovery.decision_id
    has_payment, paid_at = recovery.mode is not Mode.ADVISE, recovery.paid_elsewhere_at
    return RecoveryObject(
        id=render(Kind.RECOVERY, recovery.id),
        payment=render(Kind.PAYMENT, recovery.payment_id) if has_payment else None,
        mode=recovery.mode,
        external_id=recovery.external_id,
        paid_elsewhere_at=None if paid_at is None else rfc3339(paid_at),
        status=recovery.status,
        amount=recovery.amount,
        amount_received=recovery.received,
        amount_remaining=None if recovery.amount is None else recovery.amount - (recovery.received or 0),
        currency=recovery.currency,
        policy=recovery.policy,
        policy_version=recovery.policy_version,
        experiment=None if recovery.arm is None else arm_object(recovery.arm),
        deadline=rfc3339(recovery.deadline),
        tries_made=recovery.tries_made,
        tries_max=recovery.tries_max,
        next_retry_at=None if next_at is None else rfc3339(next_at),
        plan=None if recovery.plan is None else _plan_object(recovery.plan),
        decision=None if decision_id is None else render(Kind.DECISION, decision_id),
        end_reason=recovery.end_reason,
        opened_at=rfc3339(recovery.opened_at),
        ended_at=None if ended is None else rfc3339(ended),
        livemode=livemode,
    )


def _plan_object(plan: Planned) -> PlanObject:
    return PlanObject(
        action=plan.action,
        at=None if plan.at is None else rfc3339(plan.at),
        not_before=None if plan.not_before is None else rfc3339(plan.not_before),
        processor_accounts=[_account_name(one) for one in plan.accounts],
        part=plan.part,
        why=plan.why,
        facts=plan.facts,
    )


def _account_name(account_id: UUID) -> str:
    return "elsewhere" if account_id == ELSEWHERE else render(Kind.PROCESSOR_ACCOUNT, account_id)


class HypotheticalDeclineObject(Struct, kw_only=True, frozen=True):
    """The decline that was asked about, understood."""

    code: str
    category: Category
    hardness: Hardness
    advice: AdviceAction
    network_rule: str | None


class ExplainedPlanObject(Struct, kw_only=True, frozen=True):
    """What would be done next."""

    action: Action
    at: str | None
    part: Annotated[int | None, Meta(description="How much is tried, where it is a part of what is owed.")]
    why: str


class PlannedTryObject(Struct, kw_only=True, frozen=True):
    """One try of the best set."""

    at: str
    route: Annotated[int, Meta(description="1 is the route that refused.")]


class CandidateObject(Struct, kw_only=True, frozen=True):
    """A moment that was weighed, as if it were the only try."""

    at: str
    route: int
    probability: float
    expected_value: Annotated[int, Meta(description="In the smallest unit, costs and delay taken off.")]


class BelievedPaydayObject(Struct, kw_only=True, frozen=True):
    """A pay cycle that the customer may have."""

    payday: dict[str, str | int]
    probability: float


class NotNowObject(Struct, kw_only=True, frozen=True):
    """The first try that would be allowed, and why the plan is better."""

    at: str
    probability: float
    expected_value: int
    why: str


class WeighedPartObject(Struct, kw_only=True, frozen=True):
    """A part of what is owed that is worth trying by itself, with the tries that would come after it."""

    amount: int
    at: str
    probability: float
    expected_value: int
    expected_value_of_the_whole: Annotated[int, Meta(description="Of trying all that is owed instead.")]


class WeighedObject(Struct, kw_only=True, frozen=True):
    """What was weighed: `tries` is the best set, of which only the first is acted upon."""

    probability: Annotated[float, Meta(description="That the first try is approved.")]
    probability_of_all: Annotated[float, Meta(description="That any of the tries is approved.")]
    expected_value: int
    tries: list[PlannedTryObject]
    candidates: list[CandidateObject]
    causes: dict[str, float]
    paydays: list[BelievedPaydayObject]
    now: Annotated[NotNowObject | None, Meta(description="Why not now; null where now is the plan.")]
    part: Annotated[
        WeighedPartObject | None, Meta(description="The part that is tried first, where one is worth it.")
    ] = None


class RecoveryExplanationObject(Struct, kw_only=True, frozen=True):
    """What recovery would do after a decline that never happened."""

    object: Literal["recovery_explanation"] = "recovery_explanation"
    decline: HypotheticalDeclineObject
    plan: ExplainedPlanObject
    weighed: Annotated[WeighedObject | None, Meta(description="Null where there was nothing to choose.")]


def explanation_object(asked: Hypothetical, found: Explained) -> RecoveryExplanationObject:
    """An explanation as the API shows it."""
    meaning, plan = asked.meaning, kept(found.plan, attempts=1)
    return RecoveryExplanationObject(
        decline=HypotheticalDeclineObject(
            code=meaning.code,
            category=meaning.category,
            hardness=meaning.hardness,
            advice=meaning.advice.action,
            network_rule=meaning.rule,
        ),
        plan=ExplainedPlanObject(
            action=plan.action,
            at=None if plan.at is None else rfc3339(plan.at),
            part=plan.part,
            why=plan.why,
        ),
        weighed=None if found.weighed is None else msgspec.convert(found.weighed, WeighedObject),
    )
