"""One step of a recovery as one transaction: onto its version, with its decision, its due row and its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.db import Connection, due
from recoup.events.core import NewEvent
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import AdviceAction
from recoup.recovery import store
from recoup.recovery.core import AskCustomer, Case, Mode, Recovery, Status, Step, steps
from recoup.recovery.core.renewed import needs_another_card
from recoup.recovery.core.replaying import action_of, answer
from recoup.recovery.core.storing import kept_case, kept_made
from recoup.recovery.objects import arm_object, recovery_object
from recoup.updater.flow.batches import ASK

RETRY: Final = "recovery.retry"
"""The kind of due row that says: look at this recovery."""
ASKABLE: Final = "event:recovery.askable"
"""The kind of due row that tells later subjects: the customer of this recovery may be asked."""
OVER: Final = "event:recovery.over"
"""The kind of due row that tells later subjects: nothing is tried any more for this payment, and it is not paid."""
PAID_TWICE: Final = "recovery.paid_twice"
"""The kind of due row that tells later subjects: this debt was paid by another way, and its payment holds money too."""
_ASKABLE_SINCE: Final = frozenset({steps.OPENED, steps.CUSTOMER_NEEDED, steps.RESUMED})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step, ready to be written."""

    after: Recovery
    decision: dict[str, Any] | None
    events: tuple[NewEvent, ...]
    asks_about: UUID | None = None
    """The payment method of which an account updater may know a newer card."""

    def row(self, *, expected: int) -> bytes:
        """As it is written, onto the version `expected` (0: there is none yet)."""
        return store.row(
            self.after,
            expected=expected,
            decision=self.decision,
            dues=[
                store.DueRow(due.slot_of(object_id), kind, object_id, at)
                for kind, object_id, at in _dues(self)
            ],
            events=[
                store.EventRow(one.id, one.type, one.object_id, one.object_sequence, msgspec.Raw(one.data))
                for one in self.events
            ],
        )


def prepared(merchant: Merchant, step: Step, case: Case | None, *, new_id: Callable[[], UUID]) -> Prepared:
    """A step with its keys, which stay the same should the transaction have to run again."""
    after, decision = step.after, None
    if step.plan is not None:
        after = replace(after, decision_id=new_id())
        decision = _decision_data(after, step, case)
    shown = msgspec.json.encode(recovery_object(after, livemode=merchant.livemode))
    first = after.events_count - len(step.happened) + 1
    events = tuple(
        NewEvent(new_id(), type_, after.id, first + place, shown, after.updated_at)
        for place, type_ in enumerate(step.happened)
    )
    return Prepared(after, decision, events, _asks_about(step, case))


async def write(connection: Connection, ready: Prepared, *, expected: int) -> bool:
    """Write it all in the caller's transaction, or nothing where the recovery has moved on from `expected`."""
    return await store.write(connection, ready.row(expected=expected))


def _dues(ready: Prepared) -> Iterator[tuple[str, UUID, datetime | None]]:
    """What is due after a step, by its kind and object: when to look again, and who is told."""
    after, at = ready.after, ready.after.updated_at
    yield RETRY, after.id, steps.due_at(after)
    askable = after.asking and after.mode is not Mode.ADVISE
    if askable and after.is_open and _ASKABLE_SINCE.intersection(event.type for event in ready.events):
        yield ASKABLE, after.id, at
    if ready.asks_about is not None:
        yield ASK, ready.asks_about, at
    if after.status is Status.RECOVERED and after.paid_elsewhere_at is not None:
        yield PAID_TWICE, after.id, at
    if not after.is_open and after.status is not Status.RECOVERED and after.mode is Mode.OWN:
        yield OVER, after.payment_id, at


async def tell_paid_twice(connection: Connection, recovery: Recovery, *, now: datetime) -> None:
    """Have a person told that a debt was paid twice. Whoever hears it looks at what the payment holds by then."""
    merchant_id = recovery.merchant_id
    await due.put(connection, merchant_id=merchant_id, kind=PAID_TWICE, object_id=recovery.id, due_at=now)


def _asks_about(step: Step, case: Case | None) -> UUID | None:
    """The payment method, where its card is what stands in the way: an account updater may know what took its place."""
    record = None if case is None else case.payment.decline
    if case is None or record is None or not isinstance(step.plan, AskCustomer) or case.payment.is_closed:
        return None
    wanted = needs_another_card(record.decline) or record.decline.advice.action is AdviceAction.UPDATE_CARD
    return case.payment.payment_method_id if wanted else None


def _decision_data(after: Recovery, step: Step, case: Case | None) -> dict[str, Any]:
    """What is stored of a plan: enough to make it again."""
    plan = step.plan
    assert plan is not None, "a decision is about a plan"
    data: dict[str, Any] = {
        "rule": after.policy,
        "policy_version": after.policy_version,
        "experiment": None if after.arm is None else arm_object(after.arm),
        "action": action_of(plan),
        **answer(plan),
        "why": plan.why,
        "now": after.updated_at.isoformat(),
        "made": kept_made(step.made),
        "payment": render(Kind.PAYMENT, after.payment_id),
        "facts": plan.facts,
    }
    if case is not None:
        data["case"] = kept_case(case)
        data["card_tries"] = [
            {
                "at": rfc3339(one.at),
                "amount": one.amount.minor,
                "currency": one.amount.currency,
                "declined": one.declined,
                "rule": one.rule,
            }
            for one in case.payment.card_tries
        ]
    return data
