"""Turns a planned step into the one row that `store.WRITE` writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation

from recoup.budgets.core import stops
from recoup.db import Connection, Database
from recoup.db.due import slot_of
from recoup.db.grouped import Grouped, Result, write_together
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core import Attempt, Operation, OperationState, Payment, Snapshot
from recoup.payments.core.step import MOVED, UNRECOGNISED, Step

SETTLE: Final = "payment.settle"
"""The kind of due row that says: look whether anything of this payment is still open, and ask the processor."""

Listened = Callable[[str, Payment], bool]
"""Whether a later subject wants to be told of an event type of this payment."""


class Renderer(Protocol):
    """Shows payments and refunds as the API does: events and recorded answers carry the same bytes."""

    def payment(self, snapshot: Snapshot, *, livemode: bool) -> bytes:
        """A payment, as JSON."""
        ...

    def refund(self, operation: Operation, *, livemode: bool) -> bytes:
        """A refund, as JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key that the step's transaction must be the first to use."""

    key: str
    fingerprint: bytes = field(repr=False)
    at: datetime
    resource: str
    resource_id: UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """The API's answer, recorded under its idempotency key in the step's own transaction."""

    key: str
    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """A stored choice: what was known, who was considered, and why."""

    id: UUID
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Count:
    """How an attempt is counted with its card: up to `room` of them without a look at the others, else onto the version
    `seen` of the card's tries, of which `kept` still matter and leave the card `stopped` or not."""

    card: str = field(repr=False)
    room: int
    seen: int | None = None
    kept: tuple[UUID, ...] = ()
    stopped: bool = False

    def row(self, tried: UUID) -> dict[str, Any]:
        """As the statement reads it."""
        row: dict[str, Any] = {"card": self.card, "room": self.room, "try": tried}
        if self.seen is not None:
            row |= {"seen": self.seen, "kept": self.kept, "stopped": self.stopped}
        return row


def cards_of(fingerprint: str, payment_method_id: UUID) -> tuple[str, str]:
    """What a card's tries may be kept under: the card, or, of one that everybody uses, its payment method."""
    return fingerprint, f"\\x{payment_method_id.hex}"


@dataclass(frozen=True, slots=True)
class Along:
    """What is written in the same transaction as a step.

    `count` goes with every attempt that is begun. `lease` keeps the step's news for the caller to work itself.
    """

    claim: Claim | None = None
    card: dict[str, Any] | None = field(default=None, repr=False)
    card_shown: bytes = field(default=b"", repr=False)
    tokens: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    decision: Decision | None = None
    count: Count | None = None
    answer: Answer | None = None
    lease: datetime | None = None


class Written(StrEnum):
    """What became of a write: `STALE`, the payment had moved on; `TAKEN`, the idempotency key was used before;
    `BARRED`, the card's tries must be looked at first. Unless it is `YES` nothing was written."""

    YES = "yes"
    STALE = "stale"
    TAKEN = "taken"
    BARRED = "barred"


class Writer:
    """Writes steps; concurrent ones of a merchant share a transaction."""

    def __init__(
        self, database: Database, *, render: Renderer, listened: Listened, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._grouped = Grouped(database, store.WRITE, name="payments")
        self._with_tokens = Grouped(database, store.WRITE_WITH_TOKENS, name="payments.with_tokens")
        self._render = render
        self._listened = listened
        self._new_id = new_id

    async def close(self) -> None:
        """Wait until everything is written."""
        await self._grouped.close()
        await self._with_tokens.close()

    async def open(self, merchant: Merchant, step: Step, along: Along) -> Written:
        """Write a new payment.

        A commit whose connection broke is written again and then meets its own rows: its own claim reads as taken, its
        own payment as there already. A payment's id is nobody else's, so that its row tells.
        """
        payment = step.payment
        try:
            written = await self._write(merchant, step, along)
        except UniqueViolation:
            if not await self._is_there(payment):
                raise
            return Written.YES
        if written is Written.YES or await self._is_there(payment):
            return Written.YES
        return Written.BARRED if written is Written.BARRED else Written.TAKEN

    async def _is_there(self, payment: Payment) -> bool:
        return await store.is_there(self._database, merchant_id=payment.merchant_id, payment_id=payment.id)

    async def commit(self, merchant: Merchant, step: Step, along: Along) -> Written:
        """Write a step onto the version it was planned from.

        After a broken connection the step may be written although it reads as stale (`Step.is_in` tells).
        """
        return await self._write(merchant, step, along)

    async def write_within(
        self, connection: Connection, merchant: Merchant, planned: Sequence[Step], along: Along
    ) -> Written:
        """Write steps of different payments in a transaction that a later subject has begun. Unless it is `YES` one of
        them was not written."""
        statement = store.WRITE_WITH_TOKENS if along.tokens else store.WRITE
        rows = [self._row(merchant, step, along) for step in planned]
        found = [_read(one) for one in await write_together(connection, statement, rows)]
        return next((one for one in found if one is not Written.YES), Written.YES)

    async def _write(self, merchant: Merchant, step: Step, along: Along) -> Written:
        grouped = self._with_tokens if along.tokens else self._grouped
        return _read(await grouped.write(step.payment.merchant_id, self._row(merchant, step, along)))

    def heard(self, step: Step) -> tuple[str, ...]:
        """The step's event types that somebody listens to, and whether it brought a code that no table knows, or moved
        the payment at all."""
        facts = (*step.happened, UNRECOGNISED) if _is_unrecognised(step) else step.happened
        if step.before is not None and step.happened:
            facts = (*facts, MOVED)
        return tuple(fact for fact in facts if self._listened(fact, step.payment))

    def _row(self, merchant: Merchant, step: Step, along: Along) -> bytes:
        """What there is to write; what a row leaves out is null."""
        payment, before = step.payment, step.before
        row: dict[str, Any] = {
            "merchant_id": payment.merchant_id,
            "id": payment.id,
            "at": payment.updated_at,
            "payment": payment if before is None else _changed_columns(payment),
        }
        if before is not None:
            row["expected"] = before.payment.version
        if (changed := step.changed_attempt) is not None:
            row["attempt"] = _answered_columns(changed)
        if (begun := step.begun) is not None:
            assert along.count is not None, "every attempt is counted"
            row |= {"next": begun, "budget": along.count.row(begun.id)}
        elif changed is not None and stops(changed.rule):
            row["budget"] = {"stops": cards_of(changed.fingerprint, changed.payment_method_id)}
        if operations := step.changed_operations:
            row["operations"] = operations
        if step.network_transaction_id is not None and payment.initiator == "customer":
            row |= {"ntid": step.network_transaction_id, "ntid_of": payment.payment_method_id}
        shown = self._render.payment(step.after, livemode=merchant.livemode) if step.happened else b""
        row |= _beside(along, shown)
        row |= self._news(merchant, step, along)
        if shown:
            row["shown"] = msgspec.Raw(shown)
        return storable(_encode(row))

    def _news(self, merchant: Merchant, step: Step, along: Along) -> dict[str, Any]:
        """Events without data are about the payment as it is shown."""
        news: dict[str, Any] = {}
        if events := [*self._card_events(along), *self._events(merchant, step)]:
            news["events"] = events
        if dues := self._dues(step, along):
            news["dues"] = dues
        if step.ask_at is None and step.before is not None:
            news["drops"] = SETTLE
        return news

    def _card_events(self, along: Along) -> list[dict[str, Any]]:
        if along.card is None:
            return []
        return [
            {
                "id": self._new_id(),
                "sequence": -1,
                "type": "payment_method.created",
                "object_id": along.card["id"],
                "object_sequence": 1,
                "data": msgspec.Raw(along.card_shown),
            }
        ]

    def _events(self, merchant: Merchant, step: Step) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        counted = 0 if step.before is None else step.before.payment.events_count
        for place, fact in enumerate(step.happened):
            event = {"id": self._new_id(), "sequence": place, "type": fact}
            if fact.startswith("refund."):
                operation = step.after.operation(step.operation_id) if step.operation_id is not None else None
                assert operation is not None, "a refund's event is about an operation"
                number = _refund_event_number(step, operation, fact)
                data = msgspec.Raw(self._render.refund(operation, livemode=merchant.livemode))
                rows.append(event | {"object_id": operation.id, "object_sequence": number, "data": data})
            else:
                counted += 1
                rows.append(event | {"object_id": step.payment.id, "object_sequence": counted})
        assert counted == step.payment.events_count, "a payment's events are numbered without gap"
        return rows

    def _dues(self, step: Step, along: Along) -> list[dict[str, Any]]:
        payment = step.payment
        slot = slot_of(payment.id)
        dues: list[dict[str, Any]] = [
            {
                "slot": slot,
                "kind": f"event:{fact}",
                "due_at": payment.updated_at,
                "leased_until": along.lease,
            }
            for fact in self.heard(step)
        ]
        if step.ask_at is not None:
            dues.append({"slot": slot, "kind": SETTLE, "due_at": step.ask_at})
        return dues


def _read(result: Result | None) -> Written:
    if result is None:  # another step of this payment was in the same group
        return Written.STALE
    taken, written, barred = result
    if barred:
        return Written.BARRED
    if taken:
        return Written.TAKEN
    return Written.YES if written else Written.STALE


def _refund_event_number(step: Step, refund: Operation, fact: str) -> int:
    """A refund is created, then ends; and that it was carried out may be undone."""
    if fact == "refund.created":
        return 1
    before = None if step.before is None else step.before.operation(refund.id)
    return 3 if before is not None and before.state is OperationState.SUCCEEDED else 2


_encode: Final = msgspec.json.Encoder().encode

_PAYMENT_COLUMNS: Final = (
    "status",
    "version",
    "events_count",
    "payment_method_id",
    "recovery_id",
    "authorized",
    "captured",
    "capture_pending",
    "released",
    "refunded",
    "refund_pending",
    "attempts_count",
    "attempt_id",
    "processor_account_id",
    "decline",
    "failure",
    "next_action",
    "updated_at",
)
"""What a step may change of a payment's row."""
_payment_values: Final = attrgetter(*_PAYMENT_COLUMNS)
_ATTEMPT_COLUMNS: Final = (
    "id",
    "number",
    "state",
    "reference",
    "decline",
    "why",
    "rule",
    "action_url",
    "action",
    "asked",
    "finished_at",
    "latency_ms",
)
"""Which attempt it is, and what an answer may change of its row."""
_attempt_values: Final = attrgetter(*_ATTEMPT_COLUMNS)


def _changed_columns(payment: Payment) -> dict[str, Any]:
    values = zip(_PAYMENT_COLUMNS, _payment_values(payment), strict=True)
    return {name: value for name, value in values if value is not None}


def _answered_columns(attempt: Attempt) -> dict[str, Any]:
    values = zip(_ATTEMPT_COLUMNS, _attempt_values(attempt), strict=True)
    return {name: value for name, value in values if value is not None}


def _is_unrecognised(step: Step) -> bool:
    changed = step.changed_attempt
    return changed is not None and changed.decline is not None and not changed.decline.recognised


_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""A NUL as JSON writes it: its backslash is not itself escaped."""


def storable(encoded: bytes) -> bytes:
    """JSON whose text every column holds: what processors say may hold a NUL, which PostgreSQL refuses."""
    return _NUL.sub(rb"\1\\ufffd", encoded) if b"\\u0000" in encoded else encoded


def _beside(along: Along, shown: bytes) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if along.claim is not None:
        columns |= _claim(along.claim, along.answer)
    elif along.answer is not None:
        columns |= _answer(along.answer, shown)
    if along.card is not None:
        columns["card"] = along.card
    if along.tokens:
        columns["tokens"] = along.tokens
    if along.decision is not None:
        columns |= {"decision_id": along.decision.id, "decision": along.decision.data}
    return columns


def _claim(claim: Claim, answer: Answer | None) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "claim_key": claim.key,
        "claim_fingerprint": "\\x" + claim.fingerprint.hex(),
        "claim_resource": claim.resource,
        "claim_resource_id": claim.resource_id,
        "claim_at": claim.at,
    }
    if answer is not None:
        columns |= {"claim_status": answer.status, "claim_body": msgspec.Raw(answer.body)}
    return columns


def _answer(answer: Answer, shown: bytes) -> dict[str, Any]:
    """The answer's body goes as the JSON that it is, and is kept byte by byte; where it is what is shown, once."""
    columns: dict[str, Any] = {"answer_key": answer.key, "answer_status": answer.status}
    if answer.body != shown:
        columns["answer_body"] = msgspec.Raw(answer.body)
    return columns
