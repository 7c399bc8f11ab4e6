"""Puts the parts together: one service, whole, from settings, a database and a clock.

`handlers` is where to look for what happens after something: it maps each kind of due row to the flow that works it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry

from recoup.audited import Audited
from recoup.billed import Billed
from recoup.booked import Books
from recoup.brought import Brought
from recoup.budgeted import Budgeted, limits_of
from recoup.claiming import Keys
from recoup.connectors.base import Connector
from recoup.db import Database
from recoup.disputed import Disputed
from recoup.events.api import EventsApi
from recoup.facts import FACTS, TAGS, WEBHOOKS
from recoup.figures import count_stopped
from recoup.gateway import Gateway
from recoup.hooked import Webhooks
from recoup.http.edge import Edge
from recoup.http.intake import Limits
from recoup.http.routes import Route
from recoup.http.wiring import About, Wiring
from recoup.inboxed import Inbounds
from recoup.kit.clock import Clock
from recoup.kit.ids import Buffered, Kind, render, uuid7
from recoup.kit.secret import Secret
from recoup.merchants.api import ProcessorAccountsApi
from recoup.merchants.core import Merchant
from recoup.merchants.flow import Merchants, ProcessorAccounts
from recoup.messaged import Messaged
from recoup.outcomes.api import DeclinesApi
from recoup.outcomes.flow import DeclineReadings
from recoup.parts import Part
from recoup.payments.api import PaymentsApi
from recoup.payments.api.pages import ActionPages
from recoup.payments.api.verifying import VerificationsApi
from recoup.payments.core import Payment
from recoup.payments.core.lapse import read_spans
from recoup.payments.core.step import UNRECOGNISED
from recoup.payments.flow import Payments, Tools
from recoup.payments.flow.hosting import Addresses, Hosting
from recoup.payments.flow.verifying import Verifying
from recoup.payments.objects import Objects
from recoup.payments.timeline import TimelineReader
from recoup.payments.wallet import VaultWallet
from recoup.payments.writes import SETTLE, Writer
from recoup.recovery import jobs as recovery_jobs
from recoup.recovery.api import RecoveriesApi
from recoup.recovery.core import listens as recovery_listens
from recoup.routed import Routing
from recoup.routing.api import DecisionsApi
from recoup.sandbox.cards import PUBLISHED
from recoup.settings import Settings
from recoup.settled import Settled
from recoup.simulated import Simulated
from recoup.testclock.api import TestClockApi
from recoup.testclock.flow import HELD_FOR, TestClocks
from recoup.truthed import Truth
from recoup.updated import Updated
from recoup.vault.api import CustomersApi, PaymentMethodsApi
from recoup.vault.flow import Customers, PaymentMethods, ProcessorTokens, Vault
from recoup.vault.keys import MasterKeys
from recoup.webhooks.flow.reading import Hearers
from recoup.worker import LEASE, Handler, Worker

ACCOUNT_SHARE: Final = 2
"""One processor account may hold at most this part (a half) of the requests in flight, so that others go on."""

CALLS_IN_A_HANDLER: Final = 8
"""Calls to processors, one after the other, that the worker's claim of a row allows for: what a dead worker had
claimed is taken up again when they can no longer be under way."""
LEASE_MARGIN: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What differs between a server, a test and a simulation."""

    database: Database
    clock: Clock
    master: MasterKeys
    connectors: Mapping[str, Connector]
    sandbox_url: Callable[[], str]
    alone_since: datetime | None = None
    sandbox_link_port: Callable[[], int | None] = lambda: None
    entropy: Callable[[int], bytes] = os.urandom


class Service:
    """Every part of Recoup, wired."""

    simulated: Simulated
    _own_url: str | None = None
    """Where this server serves, once it does."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self.settings = settings
        self.around = around
        self._chance = Buffered(around.entropy)
        self.database = database = around.database
        self.keys = Keys(database)
        self.vault = Vault(
            database, master=around.master, clock=around.clock, new_id=self.new_id, entropy=around.entropy
        )
        self.merchants = Merchants(database, sealer=self.vault, new_id=self.new_id, entropy=around.entropy)
        self.accounts = ProcessorAccounts(
            database,
            connectors=around.connectors,
            sealer=self.vault,
            new_id=self.new_id,
            simulated=lambda merchant_id: {"api_key": self.simulated.worlds.key(merchant_id)},
        )
        self.tokens = ProcessorTokens(database, self.vault, self.accounts, new_id=self.new_id)
        self.readings = DeclineReadings(database)
        self.methods = PaymentMethods(database, self.vault, self.tokens, new_id=self.new_id)
        self.customers = Customers(database, methods=self.methods, new_id=self.new_id)
        self.wallet = VaultWallet(self.vault, self.methods, self.tokens, self.customers)
        self.gateway = self._gateway()
        self._public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
        self.addresses = Addresses(self._secret(b"addresses of customers' pages"), lambda: self._public_url)
        self.objects = Objects(self.addresses.page)
        self.registry = CollectorRegistry()
        self.routing = self._routing()
        self.writer = Writer(database, render=self.objects, listened=self._listened, new_id=self.new_id)
        self.payments = Payments(
            self._tools(), alone_since=around.alone_since, reread_after=read_spans(settings.reread_after)
        )
        self.truth = Truth(self.payments, key_is_known=self.keys.is_known, render=self.objects)
        self.disputed = Disputed(self, self._tools())
        self.brought = Brought(self, self._tools(), self.disputed.disputes)
        self.recoveries = self.brought.recoveries
        self.budgeted = Budgeted(self, self._tools(), entropy=around.entropy)
        self.messaged = Messaged(
            self,
            self._tools(),
            secret=self._secret(b"links of customers' messages"),
            public_url=lambda: self._public_url,
        )
        self.billed = Billed(self, self._tools())
        self.books = Books(database, self.accounts)
        self.audited = Audited(self)
        self.audit_cases = self.audited.cases
        self.updated = Updated(self)
        self.inbound = self._inbound()
        follow = (self.books.follower, self.payments.rereading, self.routing.learner, self.audited.drift)
        count_stopped(self.registry, follow)
        self.settlements = Settled(self)
        self.simulated = self._simulated()
        self.worker, self.testclocks = self._workers()
        self.webhooks = self._webhooks()

    def new_id(self) -> UUID:
        """A new id, made now."""
        return uuid7(self.around.clock.now(), self._chance)

    def _routing(self) -> Routing:
        return Routing(
            self.database,
            accounts=self.accounts,
            clock=self.around.clock,
            new_id=self.new_id,
            registry=self.registry,
            decisions_kept=timedelta(days=self.settings.decisions_kept_days),
        )

    def _workers(self) -> tuple[Worker, TestClocks]:
        database, clock = self.database, self.around.clock
        worker = Worker(
            database,
            handlers=self.handlers(),
            at_once=self.billed.at_once(),
            merchant=self.merchants.merchant,
            clock=clock,
            poll_s=self.settings.worker_poll_s,
            lease=self._lease(),
        )
        held_for = min(HELD_FOR, 2 * self._lease() + LEASE_MARGIN)
        clocks = TestClocks(database, clock=clock, stepper=worker, moved=self._clock_moved, held_for=held_for)
        return worker, clocks

    def _gateway(self) -> Gateway:
        settings = self.settings
        return Gateway(
            timeout_s=settings.processor_timeout_s,
            connect_timeout_s=min(settings.processor_connect_timeout_s, settings.processor_timeout_s / 2),
            in_flight_per_account_max=max(1, settings.requests_in_flight_max // ACCOUNT_SHARE),
            now=self.around.clock.now,
        )

    async def open(self) -> None:
        """Make ready to send and to serve."""
        await self.routing.open()
        await self.gateway.open()
        await self.webhooks.open()

    async def close(self) -> None:
        """Finish what is queued and close connections to processors."""
        await self.routing.close()
        await self.inbound.close()
        await self.writer.close()
        await self.webhooks.close()
        await self.simulated.close()
        await self.gateway.close()

    def _lease(self) -> timedelta:
        calls = CALLS_IN_A_HANDLER * timedelta(seconds=self.settings.processor_timeout_s)
        return min(LEASE, calls + LEASE_MARGIN)

    def _webhooks(self) -> Webhooks:
        around = self.around
        return Webhooks(
            self.database,
            self.settings,
            sealer=self.vault,
            merchant=self.merchants.merchant,
            clock=around.clock,
            new_id=self.new_id,
            entropy=around.entropy,
            registry=self.registry,
            types=FACTS,
        )

    def _inbound(self) -> Inbounds:
        return Inbounds(
            self._tools(),
            self.settings,
            hearers=Hearers(self.payments, self.disputed.disputes, self.updated.hearing),
            audit=self.audit_cases,
            sealer=self.vault,
            merchant=self.merchants.merchant,
            public_url=lambda: self._public_url,
            registry=self.registry,
        )

    def _simulated(self) -> Simulated:
        return Simulated(
            self.database,
            clock=self.around.clock,
            secret=self._secret(b"keys of simulated worlds"),
            new_id=self.new_id,
            accounts=self.accounts,
            payments=self.payments,
            own_url=lambda: self._own_url or self._public_url,
            link_port=self.around.sandbox_link_port,
        )

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {
            SETTLE: self.payments.settle,
            **recovery_jobs.handlers(self.recoveries),
            **{kind: handler for part in self._parts() for kind, handler in part.handlers().items()},
        }

    def _parts(self) -> Sequence[Part]:
        """The subjects that a small file beside this one puts together, in the order of the documents."""
        first = (self.audited, self.routing, self.truth, self.inbound, self.settlements, self.disputed)
        return (*first, self.updated, self.brought, self.budgeted, self.messaged, self.billed, self.simulated)

    def edge(self, *, base_url: str) -> Edge:
        """The API as an ASGI application."""
        self._public_url = self.settings.public_url or base_url
        self._own_url = base_url
        payments = PaymentsApi(
            self.payments,
            new_id=self.new_id,
            open_new_card=self.wallet.open_new_card,
            timeline=TimelineReader(self.database, self.accounts),
            key_is_known=self.keys.is_known,
            render=self.objects,
            page_of=self.addresses.page,
        )
        entropy = self.around.entropy
        hosting = Hosting(self.database, self.addresses)
        pages = ActionPages(hosting, entropy=entropy, way_back=self.billed.way_back)
        verifications = VerificationsApi(
            Verifying(self._tools()),
            new_id=self.new_id,
            key_is_known=self.keys.is_known,
            record=self.keys.record,
        )
        testclock = TestClockApi(self.testclocks, self.database)
        resumed = (payments, self.truth, self.disputed, self.billed, verifications, testclock)
        wiring = Wiring(
            authenticate=self.merchants.authenticate,
            clock=self.around.clock,
            database=self.database,
            fingerprint=self.vault.fingerprint,
            new_request_id=lambda: render(Kind.REQUEST, self.new_id()),
            ready=self._ready,
            registry=self.registry,
            resume=dict(each for part in resumed for each in part.resume().items()),
        )
        limits = Limits(
            requests_in_flight_max=self.settings.requests_in_flight_max,
            body_bytes_max=self.settings.request_body_bytes_max,
        )
        return Edge(
            [*payments.routes(), *verifications.routes(), *testclock.routes(), *self._other_routes()],
            wiring,
            pages=[*pages.pages(), *self.billed.pages(entropy=entropy), *self.inbound.pages()],
            limits=limits,
            about=About(base_url=base_url, tags=TAGS, webhooks=WEBHOOKS),
        )

    def _other_routes(self) -> list[Route]:
        return [
            *CustomersApi(self.customers).routes(),
            *PaymentMethodsApi(self.methods).routes(),
            *ProcessorAccountsApi(self.accounts).routes(),
            *RecoveriesApi(self.recoveries).routes(),
            *DeclinesApi(self.readings).routes(),
            *DecisionsApi(self.payments.decision).routes(),
            *EventsApi(self.database).routes(),
            *(*self.webhooks.routes(), *self.books.routes()),
            *(route for part in self._parts() for route in part.routes()),
        ]

    def _tools(self) -> Tools:
        return Tools(
            database=self.database,
            writer=self.writer,
            gateway=self.gateway,
            accounts=self.accounts,
            connectors=self.around.connectors,
            wallet=self.wallet,
            router=self.routing.router,
            clock=self.around.clock,
            new_id=self.new_id,
            render=self.objects,
            sandbox_url=self.around.sandbox_url,
            run_news=self._run_news,
            record_answer=self.keys.record,
            take_claim=self.keys.take,
            release_claim=self.keys.release,
            processor_timeout=timedelta(seconds=self.settings.processor_timeout_s),
            attempts_max=self.settings.attempts_per_call_max,
            is_published=PUBLISHED.__contains__,
            limits=limits_of(self.settings),
            read_decline=self.readings.read,
            callback_url=self.addresses.callback,
        )

    def _secret(self, use: bytes) -> Secret:
        """What other secrets are made from, or signed with, for one use; it lives as long as the master key."""
        return Secret(self.vault.fingerprint(use).hex())

    def _listened(self, fact: str, payment: Payment) -> bool:
        """Whether a later subject wants to hear of this: it is then told in the same transaction."""
        if fact == UNRECOGNISED or Billed.listens(fact, payment):
            return True
        return recovery_listens(
            fact,
            initiator=payment.initiator,
            recovery_policy=payment.recovery_policy,
            recovery_id=payment.recovery_id,
        )

    async def _run_news(
        self, merchant: Merchant, *, kinds: Sequence[str], object_id: UUID, lease: datetime
    ) -> None:
        await self.worker.run_news(merchant, kinds=kinds, object_id=object_id, lease=lease)

    async def _clock_moved(self, merchant: Merchant, now: datetime) -> None:
        self.merchants.forget(merchant.id)
        await self.simulated.worlds.advance(merchant.id, to=now)
        await self.disputed.asking.begin(merchant)

    async def _ready(self) -> bool:
        return await self.database.fetch_one("select 1 as one") is not None
