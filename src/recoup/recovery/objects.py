"""A recovery as the API and the events show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.recovery.core import Action, EndReason, Planned, Recovery, Status


class PlanObject(Struct, kw_only=True, frozen=True):
    """What is done next, and why."""

    action: Action
    at: Annotated[str | None, Meta(description="When (RFC 3339).")]
    not_before: Annotated[str | None, Meta(description="From when it may be asked for sooner, by `…/retry`.")]
    processor_accounts: Annotated[
        list[str], Meta(description="Whom to ask, in order, as far as they can then.")
    ]
    why: str
    facts: Annotated[dict[str, Any], Meta(description="What was known and counted when this was decided.")]


class RecoveryObject(Struct, kw_only=True, frozen=True):
    """The case opened by a failed payment: its plan, its tries, its end."""

    id: str
    object: Literal["recovery"] = "recovery"
    payment: str
    status: Status
    policy: str
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
    return RecoveryObject(
        id=render(Kind.RECOVERY, recovery.id),
        payment=render(Kind.PAYMENT, recovery.payment_id),
        status=recovery.status,
        policy=recovery.policy,
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
        processor_accounts=[render(Kind.PROCESSOR_ACCOUNT, one) for one in plan.accounts],
        why=plan.why,
        facts=plan.facts,
    )
