"""Turns a planned step into the one row that `store.OPEN` or `store.COMMIT` writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation

from recoup.db import Database
from recoup.db.due import slot_of
from recoup.db.grouped import Grouped
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core import Operation, Payment, Snapshot
from recoup.payments.core.step import Step

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
class Along:
    """What is written in the same transaction as a step.

    `lease` keeps the step's news for the caller to work itself.
    """

    claim: Claim | None = None
    card: dict[str, Any] | None = field(default=None, repr=False)
    card_shown: bytes = field(default=b"", repr=False)
    decision: Decision | None = None
    answer: Answer | None = None
    lease: datetime | None = None


class Written(StrEnum):
    """What became of a write: `STALE`, the payment had moved on; `TAKEN`, the idempotency key was used before."""

    YES = "yes"
    STALE = "stale"
    TAKEN = "taken"


class Writer:
    """Writes steps; concurrent ones of a merchant share a transaction."""

    def __init__(
        self, database: Database, *, render: Renderer, listened: Listened, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._open = Grouped(database, store.OPEN, name="payments.open")
        self._commit = Grouped(database, store.COMMIT, name="payments.commit")
        self._render = render
        self._listened = listened
        self._new_id = new_id

    async def close(self) -> None:
        """Wait until everything is written."""
        await self._open.close()
        await self._commit.close()

    async def open(self, merchant: Merchant, step: Step, along: Along) -> Written:
        """Write a new payment.

        A commit whose connection broke is written again and then meets its own rows: its own claim reads as taken, its
        own payment as there already. A payment's id is nobody else's, so that its row tells.
        """
        payment = step.payment
        try:
            if await self._open.write(payment.merchant_id, self._row(merchant, step, along)) is not None:
                return Written.YES
        except UniqueViolation:
            if not await self._is_there(payment):
                raise
            return Written.YES
        return Written.YES if await self._is_there(payment) else Written.TAKEN

    async def _is_there(self, payment: Payment) -> bool:
        return await store.is_there(self._database, merchant_id=payment.merchant_id, payment_id=payment.id)

    async def commit(self, merchant: Merchant, step: Step, along: Along) -> Written:
        """Write a step onto the version it was planned from.

        After a broken connection the step may be written although it reads as stale (`Step.is_in` tells).
        """
        result = await self._commit.write(step.payment.merchant_id, self._row(merchant, step, along))
        if result is None:  # another step of this payment was in the same group
            return Written.STALE
        taken, written = result
        if taken:
            return Written.TAKEN
        return Written.YES if written else Written.STALE

    def heard(self, step: Step) -> tuple[str, ...]:
        """The step's event types that somebody listens to."""
        return tuple(fact for fact in step.happened if self._listened(fact, step.payment))

    def _row(self, merchant: Merchant, step: Step, along: Along) -> bytes:
        payment, begun, changed = step.payment, step.begun, step.changed_attempt
        dues, drops = self._dues(step, along)
        opening = step.before is None
        row: dict[str, Any] = {
            "merchant_id": payment.merchant_id,
            "id": payment.id,
            "expected": None if step.before is None else step.before.payment.version,
            "claim": None if along.claim is None else _claim(along.claim, along.answer),
            "card": along.card,
            "payment": payment,
            "attempt": begun if opening else changed,
            "next": None if opening else begun,
            "operation": step.changed_operations,
            "decision": None if along.decision is None else _decision(along.decision, payment),
            "events": [*self._card_events(step, along), *self._events(merchant, step)],
            "dues": dues,
            "drops": drops,
            "answer": None if along.answer is None else _answer(along.answer),
            "ntid": _network_transaction_id(step),
        }
        return storable(msgspec.json.encode(row))

    def _card_events(self, step: Step, along: Along) -> list[dict[str, Any]]:
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
                "created_at": step.payment.updated_at,
            }
        ]

    def _events(self, merchant: Merchant, step: Step) -> list[dict[str, Any]]:
        rows = []
        counted = 0 if step.before is None else step.before.payment.events_count
        shown = self._render.payment(step.after, livemode=merchant.livemode) if step.happened else b""
        for place, fact in enumerate(step.happened):
            operation = step.after.operation(step.operation_id) if step.operation_id is not None else None
            if fact.startswith("refund."):
                assert operation is not None, "a refund's event is about an operation"
                object_id, number = operation.id, 1 if fact == "refund.created" else 2
                data = self._render.refund(operation, livemode=merchant.livemode)
            else:
                counted += 1
                object_id, number, data = step.payment.id, counted, shown
            rows.append(
                {
                    "id": self._new_id(),
                    "sequence": place,
                    "type": fact,
                    "object_id": object_id,
                    "object_sequence": number,
                    "data": msgspec.Raw(data),
                    "created_at": step.payment.updated_at,
                }
            )
        assert counted == step.payment.events_count, "a payment's events are numbered without gap"
        return rows

    def _dues(self, step: Step, along: Along) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        payment = step.payment
        slot = slot_of(payment.id)
        row = {"slot": slot, "object_id": payment.id, "leased_until": None}
        puts = [
            row | {"kind": f"event:{fact}", "due_at": payment.updated_at, "leased_until": along.lease}
            for fact in self.heard(step)
        ]
        if step.ask_at is not None:
            return [*puts, row | {"kind": SETTLE, "due_at": step.ask_at}], []
        was_open = step.before is not None
        return puts, [{"slot": slot, "kind": SETTLE, "object_id": payment.id}] if was_open else []


_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""A NUL as JSON writes it: its backslash is not itself escaped."""


def storable(encoded: bytes) -> bytes:
    """JSON whose text every column holds: what processors say may hold a NUL, which PostgreSQL refuses."""
    return _NUL.sub(rb"\1\\ufffd", encoded) if b"\\u0000" in encoded else encoded


def _claim(claim: Claim, answer: Answer | None) -> dict[str, Any]:
    return {
        "key": claim.key,
        "fingerprint": "\\x" + claim.fingerprint.hex(),
        "resource": claim.resource,
        "resource_id": claim.resource_id,
        "status": None if answer is None else answer.status,
        "body": None if answer is None else answer.body.decode(),
        "created_at": claim.at,
    }


def _decision(decision: Decision, payment: Payment) -> dict[str, Any]:
    return {
        "id": decision.id,
        "kind": "route",
        "object_id": payment.id,
        "data": decision.data,
        "created_at": payment.updated_at,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {"key": answer.key, "status": answer.status, "body": answer.body.decode()}


def _network_transaction_id(step: Step) -> dict[str, Any] | None:
    if step.network_transaction_id is None or step.payment.initiator != "customer":
        return None
    return {"id": step.payment.payment_method_id, "network_transaction_id": step.network_transaction_id}
