"""What a look at a recovery leads to: a step to be written, a try to be run, or rest until later.

`look` is asked whenever something may have changed: news of the payment, or a time that has come. It decides from fresh
facts alone, so that being asked twice, late or out of order does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from recoup.gate.core import Held, Stopped
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core.instead import made
from recoup.recovery.core.machine import STANDINGS, EndReason, News, Standing, Status, moved
from recoup.recovery.core.opening import NotOpened
from recoup.recovery.core.planning import accounts_for, gating
from recoup.recovery.core.policy import DAY, Policy
from recoup.recovery.core.records import (
    PLANNED,
    Action,
    AskCustomer,
    Case,
    GiveUp,
    How,
    Made,
    Mode,
    Plan,
    Planned,
    Recovery,
    Retry,
    Thinking,
    kept,
    owed,
    received,
    stake_of,
    tried_after_s,
)
from recoup.recovery.core.renewed import is_another_card
from recoup.recovery.core.thinking import alone

PATIENCE: Final = timedelta(minutes=5)
"""How long a try that was begun is left to the process that began it, before another one makes it."""
OUTCOME_WAIT: Final = timedelta(hours=6)
"""How often a payment without an outcome is looked at, should the news of it be lost. It is asked about elsewhere."""

OPENED: Final = "recovery.opened"
SCHEDULED: Final = "recovery.retry_scheduled"
RETRY_DUE: Final = "recovery.retry_due"
PART_RECEIVED: Final = "recovery.part_received"
CUSTOMER_NEEDED: Final = "recovery.customer_needed"
PAUSED: Final = "recovery.paused"
RESUMED: Final = "recovery.resumed"
_ENDED: Final[Mapping[Status, str]] = {
    Status.RECOVERED: "recovery.recovered",
    Status.EXHAUSTED: "recovery.exhausted",
    Status.EXPIRED: "recovery.expired",
    Status.STOPPED: "recovery.stopped",
}


_NEWS_OF: Final[Mapping[EndReason, News]] = {
    EndReason.DEADLINE: News.TIME_UP,
    EndReason.DISPUTED: News.STOPPED,
    EndReason.REQUESTED: News.STOPPED,
}
"""As what a plan to give up is written, by its reason."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change to be written: the recovery as it is then, the plan that was decided on, and what happened."""

    after: Recovery
    happened: tuple[str, ...]
    plan: Plan | None = None
    made: Made = PLANNED


@dataclass(frozen=True, slots=True)
class Run:
    """A try that is due and may be made, once this change is written."""

    after: Recovery
    accounts: tuple[UUID, ...]
    part: int | None = None
    """How much is tried; None: all that is left."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do before `until`; None: nothing ever."""

    until: datetime | None


def opened(case: Case, *, merchant_id: UUID, recovery_id: UUID, now: datetime) -> Step | NotOpened:
    """A new recovery with its first plan; none where there is nothing that it could do."""
    return alone(opening(case, merchant_id=merchant_id, recovery_id=recovery_id, now=now), now)


def opening(case: Case, *, merchant_id: UUID, recovery_id: UUID, now: datetime) -> Thinking[Step | NotOpened]:
    """The same, as a thought."""
    first = yield case
    if isinstance(first, GiveUp) and case.arm is None:  # else arms would differ in whom they count
        return NotOpened(first.why)
    return begun(case, first, merchant_id=merchant_id, recovery_id=recovery_id, now=now)


def begun(
    case: Case,
    first: Plan,
    *,
    merchant_id: UUID,
    recovery_id: UUID,
    now: datetime,
    mode: Mode = Mode.OWN,
    external_id: str | None = None,
) -> Step:
    """A new recovery under its first plan, which may be to give up: then it ends as it begins."""
    recovery = Recovery(
        merchant_id=merchant_id,
        id=recovery_id,
        payment_id=case.payment.id,
        status=Status.SCHEDULED,
        version=0,
        events_count=1,
        policy=case.policy.name,
        opened_at=case.opened_at,
        deadline=case.deadline,
        tries_made=case.tries_made,
        tries_max=case.tries_max,
        next_at=None,
        plan=None,
        decision_id=None,
        end_reason=None,
        ended_at=None,
        updated_at=now,
        mode=mode,
        external_id=external_id,
        policy_version=case.policy.version,
        asking=case.policy.asking,
        arm=case.arm,
        stake=stake_of(case),
        amount=owed(case.payment),
        currency=case.payment.amount.currency,
        received=received(case.payment),
    )
    step = replanned(recovery, case, first, now)
    return replace(step, happened=(OPENED, *step.happened))


def look(recovery: Recovery, case: Case, now: datetime) -> Step | Run | Rest:
    """What follows for a recovery from the facts as they are now."""
    return alone(looking(recovery, case, now), now)


def looking(recovery: Recovery, case: Case, now: datetime) -> Thinking[Step | Run | Rest]:
    """The same, as a thought."""
    if not recovery.is_open:
        return Rest(None)
    match STANDINGS[case.payment.status]:
        case Standing.PAID:
            return _ended(_counted(recovery, case, recovery.plan), News.PAID, EndReason.PAID, now)
        case Standing.GONE:
            return _ended(_counted(recovery, case, recovery.plan), News.STOPPED, _why_gone(recovery), now)
        case Standing.UNDER_WAY:
            acting = case.payment.status is PaymentStatus.REQUIRES_ACTION
            return (
                _time_up(recovery, case, now) if acting and now >= case.deadline else Rest(now + OUTCOME_WAIT)
            )
        case Standing.REFUSED:
            return (yield from _refused(recovery, case, now))
        case other:
            assert_never(other)


def _why_gone(recovery: Recovery) -> EndReason:
    elsewhere = recovery.paid_elsewhere_at is not None
    return EndReason.PAID_ELSEWHERE if elsewhere else EndReason.PAYMENT_CANCELED


def _refused(recovery: Recovery, case: Case, now: datetime) -> Thinking[Step | Run | Rest]:
    if recovery.paid_elsewhere_at is not None:
        return _ended(_counted(recovery, case, recovery.plan), News.STOPPED, EndReason.PAID_ELSEWHERE, now)
    seen = 0 if recovery.plan is None else recovery.plan.attempts
    if len(case.payment.attempts) > seen:
        return replanned(recovery, case, (yield case), now)
    if recovery.status is not Status.RUNNING and (
        case.disputed is not None or is_another_card(recovery, case)
    ):
        return replanned(recovery, case, (yield case), now)
    running = recovery.status is Status.RUNNING
    others_act = recovery.status in (Status.PAUSED, Status.AWAITING_CUSTOMER)
    if others_act or (running and recovery.mode is Mode.ADVISE):
        return _time_up(recovery, case, now) if now >= recovery.deadline else Rest(recovery.deadline)
    due_at = recovery.updated_at + PATIENCE if running else recovery.next_at
    assert due_at is not None, "a scheduled try has its time"
    if now < due_at:
        return Rest(due_at)
    instead = yield from gating(case, now, planned_at=None if recovery.plan is None else recovery.plan.at)
    if instead is not None:
        return replanned(recovery, case, instead, now)
    if recovery.mode is Mode.ADVISE:
        return Step(_told(recovery, News.RETRY_STARTED, now), (RETRY_DUE,))
    part = None if recovery.plan is None else recovery.plan.part
    return Run(_moved(recovery, News.RETRY_STARTED, now), _asked(recovery, case), part)


def _asked(recovery: Recovery, case: Case) -> tuple[UUID, ...]:
    """Whom to ask, in order: as it was planned, as far as they can still do it, and then whoever else can."""
    able = accounts_for(case)
    planned = () if recovery.plan is None else recovery.plan.accounts
    return *(one for one in planned if one in able), *(one for one in able if one not in planned)


def _time_up(recovery: Recovery, case: Case, now: datetime) -> Step:
    return instead(recovery, case, Made(How.TIME_UP), now)


def instead(recovery: Recovery, case: Case, how: Made, now: datetime) -> Step:
    """The recovery under the plan that follows from what stands in the way of a try."""
    new = made(case, how, now)
    assert new is not None, "nobody made it by hand"
    return replace(replanned(recovery, case, new, now), made=how)


def replanned(recovery: Recovery, case: Case, new: Plan, now: datetime) -> Step:
    """The recovery under a new plan. A paused one stays so, unless the plan ends it."""
    if brings_more(recovery, case):
        heard = replace(recovery, events_count=recovery.events_count + 1)
        step = _replanned(heard, case, new, now)
        return replace(step, happened=(PART_RECEIVED, *step.happened))
    return _replanned(recovery, case, new, now)


def brings_more(recovery: Recovery, case: Case) -> bool:
    """Whether a part was paid that the recovery has not heard of."""
    return recovery.received is not None and received(case.payment) > recovery.received


def part_heard(recovery: Recovery, case: Case, now: datetime) -> Step:
    """A recovery that had ended when a part was paid: its end stays as it is."""
    known = _counted(recovery, case, recovery.plan)
    version, told = recovery.version + 1, recovery.events_count + 1
    return Step(replace(known, version=version, events_count=told, updated_at=now), (PART_RECEIVED,))


def _replanned(recovery: Recovery, case: Case, new: Plan, now: datetime) -> Step:
    attempts = len(case.payment.attempts)
    planned = _counted(recovery, case, kept(new, attempts=attempts, renewed_at=case.payment.renewed_at))
    match new:
        case GiveUp(reason=reason):
            news = _NEWS_OF.get(reason, News.NOTHING_LEFT)
            return replace(_ended(planned, news, reason, now), plan=new)
        case Retry() | AskCustomer() if recovery.status is Status.PAUSED:
            return Step(replace(planned, version=planned.version + 1, updated_at=now), (), new)
        case Retry(at=at):
            return Step(_told(planned, News.RETRY_PLANNED, now, next_at=at), (SCHEDULED,), new)
        case AskCustomer():
            return Step(_told(planned, News.CUSTOMER_NEEDED, now), (CUSTOMER_NEEDED,), new)


def paused(recovery: Recovery, now: datetime) -> Step:
    """The recovery, waiting for a person to go on."""
    return Step(_told(recovery, News.PAUSED, now), (PAUSED,))


def resumed(recovery: Recovery, now: datetime) -> Step:
    """A paused recovery under the plan it had; what was due meanwhile is due now."""
    planned = recovery.plan
    if planned is None or planned.at is None:
        return Step(_told(recovery, News.CUSTOMER_NEEDED, now), (RESUMED,))
    resumed = _told(recovery, News.RETRY_PLANNED, now, next_at=max(planned.at, now))
    return Step(resumed, (RESUMED,))


def stopped(recovery: Recovery, now: datetime) -> Step:
    """The recovery, ended by a person."""
    return _ended(recovery, News.STOPPED, EndReason.REQUESTED, now)


def paid_elsewhere(recovery: Recovery, now: datetime, *, at: datetime, under_way: bool) -> Step:
    """The recovery, whose debt was paid by another way. While a try is under way only its outcome ends it; an end that
    there was stays as it is."""
    known = replace(recovery, paid_elsewhere_at=at)
    if under_way or not recovery.is_open:
        return Step(replace(known, version=recovery.version + 1, updated_at=now), ())
    return _ended(known, News.STOPPED, EndReason.PAID_ELSEWHERE, now)


def held(recovery: Recovery, case: Case, passage: Held | Stopped, now: datetime) -> Step | Rest:
    """What follows where the gate holds a try that is due. While the same thing holds it, nothing is written again."""
    match passage:
        case Stopped(why=why):
            return instead(recovery, case, Made(How.STOPPED, why), now)
        case Held(until=until, why=why):
            if recovery.plan is not None and recovery.plan.why == why:
                return Rest(min(until, recovery.deadline))
            return instead(recovery, case, Made(How.HELD, why, until), now)


def hastened(recovery: Recovery, now: datetime) -> Step:
    """A scheduled recovery whose try somebody asks for now. It still passes the gate."""
    planned = recovery.plan
    assert planned is not None, "a scheduled try has its plan"
    why = f"asked for by hand; planned before: {planned.why}"
    new = Retry(now, planned.accounts, planned.not_before or now, why, planned.facts, planned.part)
    sooner = replace(recovery, plan=kept(new, attempts=planned.attempts, renewed_at=planned.renewed_at))
    told = _told(sooner, News.RETRY_PLANNED, now, next_at=now)
    return Step(told, (SCHEDULED,), new, Made(How.BY_HAND))


def due_at(recovery: Recovery) -> datetime | None:
    """When a recovery is to be looked at next, in case no news comes before; None: never again."""
    if not recovery.is_open:
        return None
    if recovery.status is Status.RUNNING and recovery.mode is not Mode.ADVISE:
        return recovery.updated_at + PATIENCE
    return recovery.next_at or recovery.deadline


def new_deadline(policy: Policy, opened_at: datetime) -> datetime:
    """When a recovery that opens now gives up. The try of a schedule's last day is made."""
    on_last_day = bool(policy.days) and policy.days[-1] * DAY >= policy.window
    return opened_at + policy.window + (DAY if on_last_day else timedelta())


def _counted(recovery: Recovery, case: Case, planned: Planned | None) -> Recovery:
    """The recovery with its tries and what they brought counted, under this plan."""
    tries, brought = tried_after_s(case), None if recovery.amount is None else received(case.payment)
    made = case.tries_made
    return replace(recovery, tries_made=made, tried_after_s=tries, plan=planned, received=brought)


def _moved(recovery: Recovery, news: News, now: datetime) -> Recovery:
    version, status = recovery.version + 1, moved(recovery.status, news)
    return replace(recovery, status=status, version=version, next_at=None, updated_at=now)


def _told(recovery: Recovery, news: News, now: datetime, *, next_at: datetime | None = None) -> Recovery:
    """The same, and an event tells of it."""
    return replace(
        recovery,
        status=moved(recovery.status, news),
        version=recovery.version + 1,
        events_count=recovery.events_count + 1,
        next_at=next_at,
        updated_at=now,
    )


def _ended(recovery: Recovery, news: News, reason: EndReason, now: datetime) -> Step:
    """An end is final: what was planned is dropped, unless the plan was to end."""
    planned_to_end = recovery.plan is not None and recovery.plan.action is Action.GIVE_UP
    plan_of_end = recovery.plan if planned_to_end else None
    ended = replace(_told(recovery, news, now), end_reason=reason, ended_at=now, plan=plan_of_end)
    return Step(ended, (_ENDED[ended.status],))
