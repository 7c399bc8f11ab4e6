"""The whole service on a real database, with a bank of ours in the place of the gateway, and an audit of every row."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from tests.payments.bank import Bank, connectors
from tests.vault.house import Answer as HttpAnswer
from tests.vault.house import card, master

from recoup.app import Service, Surroundings
from recoup.db import Database
from recoup.http.edge import Edge
from recoup.kit.clock import ManualClock
from recoup.kit.money import Money
from recoup.merchants.core import KeyKind, Merchant
from recoup.merchants.flow import NewAccount
from recoup.payments import store
from recoup.payments.core import (
    AttemptState,
    NewPayment,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    Snapshot,
)
from recoup.payments.core.operations import NewOperation
from recoup.payments.flow import Means, Tools
from recoup.payments.writes import SETTLE, Claim
from recoup.settings import Settings

START: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
_names: Final = itertools.count(1)
_ROUNDS_MAX: Final = 200


class House(Service):
    """One process. `another_process` is a second one on the same rows, with the same clock and bank."""

    def __init__(
        self,
        database: Database,
        *,
        bank: Bank | None = None,
        clock: ManualClock | None = None,
        alone_since: datetime | None = None,
        listened: Callable[[str, Payment], bool] = lambda fact, payment: False,
        settings: Settings | None = None,
    ) -> None:
        self.bank = bank or Bank()
        self.clock = clock or ManualClock(START)
        self.merchants_made: list[Merchant] = []
        self.told: list[tuple[str, UUID]] = []
        self._is_listened = listened
        around = Surroundings(
            database=database,
            clock=self.clock,
            master=master(),
            connectors=connectors(),
            sandbox_url=lambda: "http://127.0.0.1:1",
            alone_since=alone_since,
        )
        super().__init__(settings or Settings(), around)
        self._edge: Edge | None = None

    def _tools(self) -> Tools:
        return replace(super()._tools(), gateway=self.bank.gateway())

    def _listened(self, fact: str, payment: Payment) -> bool:
        return self._is_listened(fact, payment)

    def handlers(self) -> Mapping[str, Any]:
        """The service's own, and one that notes what it hears."""

        def listener(kind: str) -> Any:
            async def hear(_: Merchant, object_id: UUID, __: datetime) -> None:
                self.told.append((kind, object_id))

            return hear

        heard = ("event:payment.declined", "event:payment.captured", "event:payment.unresolved")
        return {**super().handlers(), **{kind: listener(kind) for kind in heard}}

    def another_process(self, database: Database | None = None, **changes: Any) -> House:
        """The same world, seen by a process with a memory of its own."""
        return House(database or self.database, bank=self.bank, clock=self.clock, **changes)

    @property
    def now(self) -> datetime:
        """The present of a merchant whose clock was not moved."""
        return self.clock.now()

    async def merchant(self, *processors: str) -> Merchant:
        """A new merchant with an account at each of these processors, in this order; north and south without any."""
        pair = await self.merchants.create(f"merchant {next(_names)}", now=self.now)
        async with self.database.transaction() as connection:
            for name in processors or ("north", "south"):
                new = NewAccount(name, label=name.title(), credentials={})
                await self.accounts.create(connection, pair.test, new, now=self.now)
        self.accounts._remembered.forget(pair.test.id)
        self.merchants_made.append(pair.test)
        return pair.test

    async def means(self, merchant: Merchant, number: str = "4242424242424242") -> Means:
        """A card that is new to us."""
        return await self.wallet.open_new_card(merchant, card(number), None, self.now)

    def new_payment(self, merchant: Merchant, **changes: Any) -> NewPayment:
        """A payment of 10 dollars, taken at once."""
        given: dict[str, Any] = {
            "id": self.new_id(),
            "merchant_id": merchant.id,
            "money": Money(1000, "USD"),
            "capture": "automatic",
            "initiator": "customer",
            "customer_id": None,
            "merchant_reference": None,
            "return_url": None,
            "routing": None,
            "recovery_policy": None,
            "metadata": {},
        }
        return NewPayment(**(given | changes))

    async def pay(self, merchant: Merchant, *, key: str | None = None, **changes: Any) -> Snapshot:
        """Charge a new card."""
        new = self.new_payment(merchant, **changes)
        means = await self.means(merchant)
        claim = None if key is None else self.claim(key, "payment", new.id)
        return await self.payments.create(merchant, new, means, claim=claim, now=self.now)

    async def authorized(self, merchant: Merchant) -> UUID:
        """A payment whose money is held."""
        held = await self.pay(merchant, capture="manual")
        return held.payment.id

    async def capture(
        self,
        merchant: Merchant,
        payment_id: UUID,
        amount: int | None = None,
        *,
        key: str | None = None,
        **more: Any,
    ) -> Snapshot:
        """Capture."""
        claim = None if key is None else self.claim(key, "payment_change", payment_id)
        new = NewOperation(self.new_id(), OperationKind.CAPTURE, amount, **more)
        return await self.payments.capture(merchant, payment_id, new, claim=claim, now=self.now)

    async def cancel(self, merchant: Merchant, payment_id: UUID, *, key: str | None = None) -> Snapshot:
        """Cancel."""
        claim = None if key is None else self.claim(key, "payment_change", payment_id)
        return await self.payments.cancel(
            merchant, payment_id, operation_id=self.new_id(), claim=claim, now=self.now
        )

    async def refund(
        self, merchant: Merchant, payment_id: UUID, amount: int | None = None, *, key: str | None = None
    ) -> Operation:
        """Refund."""
        new = NewOperation(self.new_id(), OperationKind.REFUND, amount)
        claim = None if key is None else self.claim(key, "refund", new.id)
        return await self.payments.refund(merchant, payment_id, new, claim=claim, now=self.now)

    async def confirm(
        self, merchant: Merchant, payment_id: UUID, means: Means | None = None, *, key: str | None = None
    ) -> Snapshot:
        """Confirm."""
        claim = None if key is None else self.claim(key, "payment_change", payment_id)
        return await self.payments.confirm(merchant, payment_id, means, claim=claim, now=self.now)

    async def come_back(
        self, merchant: Merchant, payment_id: UUID, *, key: str | None = None, **returned: str
    ) -> Snapshot:
        """The customer comes back with what the processor gave them."""
        claim = None if key is None else self.claim(key, "payment_change", payment_id)
        return await self.payments.confirm(
            merchant, payment_id, None, returned=returned, claim=claim, now=self.now
        )

    def claim(self, key: str, resource: str, resource_id: UUID) -> Claim:
        """An idempotency key for what is about to be done."""
        return Claim(key, b"f" * 32, self.now, resource, resource_id)

    async def settle(self, merchant: Merchant, payment_id: UUID) -> datetime | None:
        """What the worker does when the payment is due."""
        return await self.payments.settle(merchant, payment_id, self.now)

    async def wait(self, **span: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**span))

    async def work(self) -> int:
        """Everything that is due now; how much that was."""
        worked = 0
        for _ in range(_ROUNDS_MAX):
            found = await self.worker.round()
            await self.idle()
            if not found:
                return worked
            worked += found
        raise AssertionError("the worker does not come to an end")

    async def idle(self) -> None:
        """Until no handler runs."""
        if self.worker._running:
            await asyncio.wait(self.worker._running)

    async def key_of(self, merchant: Merchant) -> str:
        """A new secret key."""
        _, made = await self.merchants.create_key(merchant, KeyKind.SECRET, now=self.now)
        return made.text.reveal()

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str, once: str | None = None
    ) -> HttpAnswer:
        """One request to the API, as an ASGI server would hand it over; `once` is its idempotency key."""
        self._edge = self._edge or self.edge(base_url="http://test")
        path, _, query = path.partition("?")
        headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
        if once is not None:
            headers.append((b"idempotency-key", once.encode()))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        inbox = [{"type": "http.request", "body": b"" if body is None else msgspec.json.encode(body)}]
        sent: list[Any] = []

        async def receive() -> Any:
            return inbox.pop() if inbox else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await self._edge(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return HttpAnswer(sent[0]["status"], answered, sent[1]["body"])

    async def snapshot(self, merchant: Merchant, payment_id: UUID) -> Snapshot:
        """The payment as its rows have it."""
        found = await store.load(self.database, merchant_id=merchant.id, payment_id=payment_id)
        assert found is not None
        return found

    async def events(self, merchant: Merchant, object_id: UUID | None = None) -> list[str]:
        """The types of a merchant's events in the order of the stream, or of one object's."""
        rows = await self.database.fetch_all(
            """
            select type from events where merchant_id = %(merchant_id)s
                and (%(object_id)s::uuid is null or object_id = %(object_id)s) order by sequence
            """,
            {"merchant_id": merchant.id, "object_id": object_id},
        )
        return [row["type"] for row in rows]

    async def dues(self, merchant: Merchant) -> dict[tuple[str, UUID], Any]:
        """The merchant's due rows."""
        rows = await self.database.fetch_all(
            "select * from due where merchant_id = %(merchant_id)s", {"merchant_id": merchant.id}
        )
        return {(row["kind"], row["object_id"]): row for row in rows}

    async def stored_key(self, merchant: Merchant, key: str) -> Any:
        """What is kept under an idempotency key."""
        return await self.database.fetch_one(
            "select * from idempotency_keys where merchant_id = %(merchant_id)s and key = %(key)s",
            {"merchant_id": merchant.id, "key": key},
        )

    async def payments_of(self, merchant: Merchant) -> list[Snapshot]:
        """All payments of a merchant."""
        rows = await self.database.fetch_all(
            "select id from payments where merchant_id = %(merchant_id)s order by id",
            {"merchant_id": merchant.id},
        )
        return [await self.snapshot(merchant, row["id"]) for row in rows]

    async def check_rows(self) -> None:
        """Every row of every merchant made here obeys the laws."""
        assert self.bank.double_charges() == 0
        assert self.bank.overdrawn() == []
        for merchant in self.merchants_made:
            counts = await self._audit_stream(merchant)
            dues = await self.dues(merchant)
            for snapshot in await self.payments_of(merchant):
                _audit_payment(snapshot, counts)
                asked_about = (SETTLE, snapshot.payment.id) in dues
                assert asked_about == _is_open(snapshot), "what is open is asked about, and nothing else"

    async def _audit_stream(self, merchant: Merchant) -> Counter[tuple[UUID, str]]:
        rows = await self.database.fetch_all(
            "select * from events where merchant_id = %(merchant_id)s order by sequence",
            {"merchant_id": merchant.id},
        )
        assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
        stream = await self.database.fetch_one(
            "select sequence from event_streams where merchant_id = %(merchant_id)s",
            {"merchant_id": merchant.id},
        )
        assert stream is not None and stream["sequence"] == len(rows)
        numbers: dict[UUID, list[int]] = {}
        counts: Counter[tuple[UUID, str]] = Counter()
        for row in rows:
            numbers.setdefault(row["object_id"], []).append(row["object_sequence"])
            counts[row["object_id"], row["type"].split(".")[0]] += 1
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
        return counts


def _is_open(snapshot: Snapshot) -> bool:
    attempt = snapshot.open_attempt
    asked = attempt is not None and attempt.state is not AttemptState.APPROVED
    return asked or any(one.finished_at is None for one in snapshot.operations)


def _audit_payment(snapshot: Snapshot, counts: Counter[tuple[UUID, str]]) -> None:
    payment, amounts = snapshot.payment, snapshot.payment.amounts
    assert payment.events_count == counts[payment.id, "payment"]
    assert payment.attempts_count == len(snapshot.attempts)
    assert [one.number for one in snapshot.attempts] == list(range(1, len(snapshot.attempts) + 1))
    held = [one for one in snapshot.attempts if one.state is AttemptState.APPROVED]
    assert len(held) == (1 if amounts.authorized else 0)

    def total(kind: OperationKind, *states: OperationState) -> int:
        return sum(one.amount for one in snapshot.operations if one.kind is kind and one.state in states)

    under_way = (OperationState.STARTED, OperationState.PENDING, OperationState.UNKNOWN)
    assert amounts.refunded == total(OperationKind.REFUND, OperationState.SUCCEEDED)
    assert amounts.refund_pending == total(OperationKind.REFUND, *under_way)
    assert amounts.capture_pending == total(OperationKind.CAPTURE, *under_way)
    taken_at_once = payment.amount if not total(OperationKind.CAPTURE, *OperationState) else 0
    assert amounts.captured in (total(OperationKind.CAPTURE, OperationState.SUCCEEDED), taken_at_once)
