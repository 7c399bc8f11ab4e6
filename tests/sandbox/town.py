"""A town to test in: a simulated world behind real HTTP, its processors asked through the real gateway."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import aiohttp
import msgspec
from starlette.types import Receive, Scope, Send

from recoup.connectors.base import Account, Authentication, Billing, Card, Change, Charge, Initiator, Question
from recoup.connectors.registry import CONNECTORS
from recoup.db import Database
from recoup.gateway import Gateway
from recoup.kit.clock import ManualClock, SystemClock
from recoup.kit.ids import uuid7
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Evidence, FollowUp, FollowUpEvidence, Outcome, Withdrawn
from recoup.sandbox.cards import PUBLISHED
from recoup.sandbox.chain.acquirers import Acquirers
from recoup.sandbox.chain.running import Chain, running
from recoup.sandbox.core.faults import DELAY_DEFAULT_S, Fault, FaultKind, Verb
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.flow import Processors
from recoup.sandbox.server import create_app, serve
from recoup.sandbox.worlds.flow import CardChange, Holder, Summary, Wanted, Worlds

START: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENCE_S: Final = 30.0
"""Longer than anything takes that works, on however busy a machine."""
IMPATIENCE_S: Final = 0.5
"""How long a caller waits for an answer that a fault keeps back."""
VISA: Final = "4242424242424242"
MASTERCARD: Final = "5555555555554444"
_keys: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over plain HTTP."""

    status: int
    json: Any


class Traffic:
    """The sandbox's application, watched: how many requests are under way, whoever still waits for them.

    What arrives late does so when the test says: `sleep` stands in for the wait.
    """

    def __init__(self, database: Database, clock: ManualClock, network: Acquirers) -> None:
        self._app = create_app(Processors(database, clock, network, sleep=self._sleep))
        self._under_way = 0
        self.let_arrive = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1

    async def quiet(self) -> None:
        """Wait until every request has been worked off."""
        async with asyncio.timeout(PATIENCE_S):
            while self._under_way:  # noqa: ASYNC110 - the server works them off, nobody tells
                await asyncio.sleep(0.005)

    async def _sleep(self, _: float) -> None:
        await self.let_arrive.wait()


@dataclass(frozen=True)
class Town:
    """The sandbox's server, and everything a merchant's side needs."""

    database: Database
    clock: ManualClock
    worlds: Worlds
    base_url: str
    gateway: Gateway
    impatient: Gateway
    session: aiohttp.ClientSession
    traffic: Traffic
    chain: Chain

    async def shop(self, *, seed: int = 7) -> Shop:
        """A merchant with a world of their own."""
        merchant_id = uuid7(self.clock.now(), os.urandom)
        return Shop(self, merchant_id, await self.worlds.ensure_world(merchant_id, seed=seed))


@dataclass(frozen=True)
class Shop:
    """A merchant with a world."""

    town: Town
    merchant_id: UUID
    api_key: Secret
    references: dict[str, str] = field(default_factory=dict)
    patient: bool = True

    @property
    def impatient(self) -> Shop:
        """The same merchant, who gives up waiting soon."""
        return replace(self, patient=False)

    @property
    def gateway(self) -> Gateway:
        """The gateway that waits as long as this merchant does."""
        return self.town.gateway if self.patient else self.town.impatient

    @property
    def account(self) -> Account:
        """The merchant's account at any of the three."""
        return Account(self.town.base_url, {"api_key": self.api_key})

    async def charge(self, number: str | Holder = VISA, *, processor: str = "alpha", **given: Any) -> Outcome:
        """Charge a card through the gateway."""
        charge = a_charge(number, **given)
        connector = CONNECTORS[processor]
        timed = await self.gateway.charge(connector, self.account, charge, account_id=self.merchant_id)
        reference = getattr(timed.outcome, "reference", None)
        if isinstance(reference, str):
            self.references[charge.key] = reference
        return timed.outcome

    async def change(
        self, verb: str, charge_key: str, amount: int = 1, *, processor: str = "alpha", key: str | None = None
    ) -> FollowUp:
        """Capture, cancel or refund an approved charge through the gateway."""
        reference = self.references[charge_key]
        change = Change(key or new_key(), charge_key, reference, Money(amount, "USD"))
        asked = getattr(self.gateway, verb)
        timed = await asked(CONNECTORS[processor], self.account, change, account_id=self.merchant_id)
        outcome: FollowUp = timed.outcome
        return outcome

    async def ask(
        self, verb: str, key: str, *, processor: str = "alpha", brand: str = "visa"
    ) -> Evidence | FollowUpEvidence | Withdrawn:
        """Look up or withdraw what was sent with a key."""
        question = Question(key=key, brand=brand, today=self.town.clock.now().date())
        asked = getattr(self.gateway, verb)
        timed = await asked(CONNECTORS[processor], self.account, question, account_id=self.merchant_id)
        outcome: Evidence | FollowUpEvidence | Withdrawn = timed.outcome
        return outcome

    async def http(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        api_key: str | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """One request over plain HTTP, as somebody without our connector would send it."""
        headers = {"Authorization": f"Bearer {self.api_key.reveal() if api_key is None else api_key}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = raw if raw is not None else None if body is None else msgspec.json.encode(body)
        url = f"{self.town.base_url}{path}"
        async with self.town.session.request(method, url, data=data, headers=headers) as response:
            content = await response.read()
            return Reply(response.status, msgspec.json.decode(content) if content else None)

    async def fault(self, kind: FaultKind, **given: Any) -> Fault:
        """Let something go wrong."""
        fields: dict[str, Any] = {
            "processor": ProcessorName.ALPHA,
            "on": Verb.CHARGE,
            "left": 1,
            "until": None,
            "delay_s": DELAY_DEFAULT_S.get(kind, 0),
        } | given
        async with self.town.database.transaction() as connection:
            return await self.town.worlds.add_fault(
                connection,
                self.merchant_id,
                lambda id_, now: Fault(id=id_, kind=kind, created_at=now, **fields),
            )

    async def summary(self) -> Summary:
        """What the world's processors have done."""
        return await self.town.worlds.summary(None, self.merchant_id)

    async def counts(self) -> tuple[int, int, int]:
        """Charges asked, charges made, double charges."""
        counts = (await self.summary()).counts
        return counts.charges_asked, counts.charges_made, counts.double_charges

    async def holder(self, **wanted: Any) -> Holder:
        """The first of the world's people who are such."""
        return (await self.holders(1, **wanted))[0]

    async def holders(self, limit: int, **wanted: Any) -> list[Holder]:
        """The first of the world's people who are such."""
        return await self.town.worlds.holders(self.merchant_id, Wanted(**wanted), limit=limit)

    async def again(self, holder: Holder) -> Holder:
        """The same person now."""
        return await self.town.worlds.holder(self.merchant_id, holder.who.index)

    async def alter(self, holder: Holder, **change: Any) -> Holder:
        """Do something to a person's card."""
        async with self.town.database.transaction() as connection:
            return await self.town.worlds.change_card(
                connection, self.merchant_id, holder.who.index, CardChange(**change)
            )

    async def wait(self, by: timedelta) -> datetime:
        """Let the world's time pass."""
        now = (await self.summary()).now + by
        await self.town.worlds.advance(self.merchant_id, to=now)
        return now


def new_key() -> str:
    """A key that nobody used."""
    return f"att_{next(_keys):026}"


def a_charge(
    card: str | Holder = VISA,
    *,
    key: str | None = None,
    payment: str = "pay_1",
    amount: int = 1000,
    currency: str = "USD",
    capture: bool = True,
    initiator: Initiator = Initiator.CUSTOMER,
    cvc: str | None = "123",
    postal_code: str | None = None,
    expiry: tuple[int, int] = (12, 2030),
    merchant_reference: str | None = None,
    return_url: str | None = None,
    network_transaction_id: str | None = None,
    authentication: Authentication | None = None,
) -> Charge:
    """A charge with everything that most tests do not care about."""
    number = card if isinstance(card, str) else card.number.reveal()
    if not isinstance(card, str):
        expiry = (card.who.exp_month, card.who.exp_year)
    return Charge(
        key=key or new_key(),
        payment_key=payment,
        amount=Money(amount, currency),
        source=Card(
            number=Secret(number),
            exp_month=expiry[0],
            exp_year=expiry[1],
            brand=PUBLISHED[number].facts.brand if number in PUBLISHED else "visa",
            cvc=Secret(cvc) if cvc is not None and initiator is Initiator.CUSTOMER else None,
        ),
        capture=capture,
        initiator=initiator,
        today=START.date(),
        merchant_reference=merchant_reference,
        return_url=return_url,
        billing=Billing(postal_code=postal_code),
        network_transaction_id=network_transaction_id,
        authentication=authentication,
    )


def body(number: str = VISA, **changes: Any) -> Mapping[str, Any]:
    """A charge's body as the wire has it."""
    return {
        "order": "pay_1",
        "amount": 1000,
        "currency": "USD",
        "card": {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"},
        "capture": True,
        "initiator": "customer",
    } | changes


@asynccontextmanager
async def a_town(database: Database, *, clock: ManualClock | None = None) -> AsyncIterator[Town]:
    """A town on a database; the same one again where the database is the same."""
    clock = clock or ManualClock(START)
    worlds = Worlds(
        database, clock, secret=Secret("a secret of tests"), new_id=lambda: uuid7(clock.now(), os.urandom)
    )
    async with (
        running(database, clock) as chain,
        _serving(Traffic(database, clock, chain.acquirers)) as (base_url, traffic),
        _gateway(PATIENCE_S) as gateway,
        _gateway(IMPATIENCE_S) as impatient,
        aiohttp.ClientSession() as session,
    ):
        yield Town(database, clock, worlds, base_url, gateway, impatient, session, traffic, chain)
        traffic.let_arrive.set()


@asynccontextmanager
async def _serving(traffic: Traffic) -> AsyncIterator[tuple[str, Traffic]]:
    async with serve(traffic) as base_url:
        yield base_url, traffic


def _gateway(timeout_s: float) -> Gateway:
    return Gateway(
        now=SystemClock().now,
        timeout_s=timeout_s,
        connect_timeout_s=timeout_s / 2,
        in_flight_per_account_max=200,
    )
