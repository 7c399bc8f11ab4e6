"""The whole story of a payment on one page: what was tried, what came back, what was done, in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from recoup.db import Database
from recoup.events import store as events
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.merchants.core import Merchant
from recoup.merchants.flow import ProcessorAccounts
from recoup.payments.core import Attempt, Operation, OperationKind, OperationState, Snapshot
from recoup.payments.core.answers import AT_WORK
from recoup.payments.core.records import ATTEMPTS_MAX

EVENTS_MAX: Final = 500
_OPERATION_IDS: Final = {
    OperationKind.CAPTURE: Kind.CAPTURE,
    OperationKind.CANCEL: Kind.CANCELLATION,
    OperationKind.REFUND: Kind.REFUND,
}
_OPERATIONS: Final = 2 * ATTEMPTS_MAX + 2
_AFTER_OPERATIONS: Final = _OPERATIONS + 2
"""The order of things that share a millisecond: created, attempts by number, operations, then what came of it."""
_UNTOLD: Final = frozenset({"payment.failed_over", "payment.processing"})
"""Events whose news the attempts' own entries tell better."""


class TimelineEntry(Struct, kw_only=True, frozen=True):
    """One thing that happened."""

    at: str
    type: Annotated[str, Meta(description="Such as `attempt.declined` or `recovery.retry_scheduled`.")]
    summary: Annotated[str, Meta(description="The same in a sentence.")]
    object_id: str
    details: dict[str, Any]


class Timeline(Struct, kw_only=True, frozen=True):
    """Everything that happened to a payment, oldest first."""

    object: Literal["timeline"] = "timeline"
    payment: str
    entries: list[TimelineEntry]


class TimelineReader:
    """Puts a payment's rows and events in order."""

    def __init__(self, database: Database, accounts: ProcessorAccounts) -> None:
        self._database = database
        self._accounts = accounts

    async def read(self, merchant: Merchant, snapshot: Snapshot) -> Timeline:
        """The timeline of a payment."""
        payment = snapshot.payment
        labels = {one.id: one.label for one in await self._accounts.accounts_of(merchant.id)}
        found: list[tuple[datetime, int, TimelineEntry]] = []
        for attempt in snapshot.attempts:
            found.extend(_of_attempt(attempt, labels.get(attempt.processor_account_id, "a removed account")))
        for operation in snapshot.operations:
            found.extend(_of_operation(operation))
        found.extend([one async for one in self._of_events(merchant, snapshot)])
        found.sort(key=lambda entry: (entry[0], entry[1]))
        return Timeline(payment=render(Kind.PAYMENT, payment.id), entries=[entry for _, _, entry in found])

    async def _of_events(self, merchant: Merchant, snapshot: Snapshot) -> Any:
        payment = snapshot.payment
        objects = [payment.id] if payment.recovery_id is None else [payment.id, payment.recovery_id]
        told = await events.of_objects(
            self._database, merchant_id=merchant.id, object_ids=objects, limit=EVENTS_MAX
        )
        for event in told:
            if event.type in _UNTOLD:
                continue
            of_recovery = event.object_id == payment.recovery_id
            object_id = render(Kind.RECOVERY if of_recovery else Kind.PAYMENT, event.object_id)
            details = (
                _recovery_details(event.data) if of_recovery else _payment_details(event.type, event.data)
            )
            said = event.type.replace(".", " ").replace("_", " ").capitalize()
            why = details.pop("why", None)
            summary = f"{said}: {why}" if why and event.type != "recovery.opened" else said
            rank = 0 if event.type == "payment.created" else _AFTER_OPERATIONS
            yield event.created_at, rank, _entry(event.created_at, event.type, summary, object_id, details)


def _payment_details(type_: str, data: object) -> dict[str, Any]:
    """Why nobody knew, which evidence overwrites in the attempt itself."""
    match type_, data:
        case "payment.unresolved", {"attempts": [*_, {"explanation": str(why)}]}:
            return {"why": why}
        case _:
            return {}


def _recovery_details(data: object) -> dict[str, Any]:
    match data:
        case {"plan": {"why": str(why), **plan}}:
            return {"why": why, "plan": plan}
        case {"end_reason": str(reason)}:
            return {"why": reason.replace("_", " ")}
        case _:
            return {}


def _entry(at: datetime, type_: str, summary: str, object_id: str, details: dict[str, Any]) -> TimelineEntry:
    return TimelineEntry(at=rfc3339(at), type=type_, summary=summary, object_id=object_id, details=details)


def _of_attempt(attempt: Attempt, label: str) -> Iterator[tuple[datetime, int, TimelineEntry]]:
    id_ = render(Kind.ATTEMPT, attempt.id)
    about = {
        "processor_account": render(Kind.PROCESSOR_ACCOUNT, attempt.processor_account_id),
        "number": attempt.number,
        "reason": attempt.reason,
        "decision": render(Kind.DECISION, attempt.decision_id),
    }
    summary = f"Attempt {attempt.number} ({attempt.reason}) sent to {label}"
    rank = 2 * attempt.number
    yield attempt.started_at, rank, _entry(attempt.started_at, "attempt.started", summary, id_, about)
    if attempt.state in AT_WORK:
        return
    at = attempt.finished_at or attempt.started_at
    details: dict[str, Any] = {"latency_ms": attempt.latency_ms}
    if attempt.decline is not None:
        decline = attempt.decline
        details |= {
            "code": decline.code,
            "category": decline.category,
            "processor_code": decline.processor_code,
            "network_code": decline.network_code,
            "network_advice_code": decline.network_advice_code,
        }
    said = _said(attempt)
    yield at, rank + 1, _entry(at, f"attempt.{attempt.state}", f"{label}: {said}", id_, details)


def _said(attempt: Attempt) -> str:
    if attempt.decline is not None:
        codes = (
            f"network code {attempt.decline.network_code}"
            if attempt.decline.network_code
            else "no network code"
        )
        return f"declined, {attempt.decline.code} ({codes})"
    return f"{attempt.state}" + (f" ({attempt.why})" if attempt.why else "")


def _of_operation(operation: Operation) -> Iterator[tuple[datetime, int, TimelineEntry]]:
    id_ = render(_OPERATION_IDS[operation.kind], operation.id)
    about = {"amount": operation.amount, "currency": operation.currency}
    at = operation.created_at
    what = f"{operation.kind.capitalize()} of {Money(operation.amount, operation.currency)}"
    yield at, _OPERATIONS, _entry(at, f"{operation.kind}.started", f"{what} asked for", id_, about)
    if operation.state is OperationState.STARTED:
        return
    ended = operation.finished_at or at
    why = operation.failure.message if operation.failure is not None else operation.why
    summary = f"{what} {operation.state}" + (f": {why}" if why else "")
    yield ended, _OPERATIONS + 1, _entry(ended, f"{operation.kind}.{operation.state}", summary, id_, about)
