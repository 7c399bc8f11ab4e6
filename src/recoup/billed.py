"""Puts billing together: plans, subscriptions, their cycles, and what charges their invoices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol
from uuid import UUID

from recoup.billing import jobs
from recoup.billing.api import CreditApi, InvoicesApi, PeriodsApi, PlansApi, SubscriptionsApi
from recoup.billing.api.dunning import DunningPoliciesApi
from recoup.billing.api.hosted import HostedInvoicePages
from recoup.billing.api.importing import SubscriptionImportsApi
from recoup.billing.api.scheduled import ScheduledPaymentsApi
from recoup.billing.api.seller import InvoiceSettingsApi
from recoup.billing.flow.ahead import LookingAhead
from recoup.billing.flow.around import Owing as AnyOwing
from recoup.billing.flow.around import Payments as AnyPayments
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.collecting import Collecting
from recoup.billing.flow.cycles import Cycles
from recoup.billing.flow.dunning import CREATED, UPDATED, DunningPolicies
from recoup.billing.flow.giving_up import GivingUp
from recoup.billing.flow.giving_up import Tools as WatchTools
from recoup.billing.flow.hours import Hours
from recoup.billing.flow.importing import SubscriptionImports
from recoup.billing.flow.invoices import Invoices
from recoup.billing.flow.moments import OnPaydays
from recoup.billing.flow.plans import Plans
from recoup.billing.flow.reading import Reader
from recoup.billing.flow.scheduled import ScheduledPayments
from recoup.billing.flow.subscriptions import Subscriptions
from recoup.billing.flow.writing import Scribe
from recoup.billing.links import InvoiceLinks
from recoup.brought import Brought
from recoup.db import Database
from recoup.http.idempotency import Resume
from recoup.http.routes import Route
from recoup.http.visits import PublicPage
from recoup.invoiced import hosted_invoices
from recoup.merchants.flow import Merchants, ProcessorAccounts
from recoup.messaged import Messaged
from recoup.payments.core import Payment
from recoup.payments.flow import Payments
from recoup.payments.flow.hosting import Addresses
from recoup.payments.flow.owing import Owing
from recoup.payments.flow.tools import Tools
from recoup.payments.wallet import VaultWallet
from recoup.recovery.flow.standing import OfPayments
from recoup.redated import FACTS as DATE_FACTS
from recoup.redated import Redated
from recoup.updated import Updated
from recoup.vault.flow import Customers, PaymentMethods, ProcessorTokens, Vault
from recoup.vault.flow.newcomers import Newcomers
from recoup.worker import Handler

FACTS: Final = {
    "plan.created": "A plan was made.",
    "plan.updated": "A plan was renamed, retired, or taken up again.",
    "subscription.created": "A subscription was made.",
    "subscription.updated": "A subscription was changed, or its trial ended.",
    "subscription.payment_method_expiring": "The card of the subscription expires before its next charge.",
    "subscription.at_risk": "The next charge of the subscription may be refused, or contested: `risks` says why.",
    "subscription.past_due": "An invoice of the subscription was refused: your customer is behind.",
    "subscription.grace_ended": "The grace of a subscription that is behind is over: access need not be kept any more.",
    "subscription.recovered": "Everything that the subscription owed is paid after all.",
    "subscription.unpaid": "Nothing brought the money: the subscription charges nothing more until it is paid by hand.",
    "subscription.paused": "Nothing is billed until the subscription is resumed.",
    "subscription.resumed": "The subscription is billed again.",
    "subscription.canceled": "The subscription has ended.",
    "subscription.completed": "As many payments as were agreed have been billed, and their last period is over.",
    "invoice.upcoming": "An invoice comes soon: what it will be, and which notices rules ask for.",
    "invoice.created": "A draft of an invoice was made.",
    "invoice.updated": "A draft of an invoice was changed, or nobody collects an open one any more.",
    "invoice.opened": "An invoice has its number, and is to be paid.",
    "invoice.paid": "An invoice is paid.",
    "invoice.payment_failed": "An invoice could not be charged, or what was paid came back.",
    "invoice.voided": "An invoice was wrong, and is as if it had never been.",
    "invoice.uncollectible": "An invoice was given up.",
    CREATED: "A dunning policy was made.",
    UPDATED: "A dunning policy was changed, or is the default or not any more.",
    "scheduled_payment.created": "A payment was scheduled.",
    "scheduled_payment.updated": "A scheduled payment was changed.",
    "scheduled_payment.processing": "A scheduled payment is being executed: it has its payment.",
    "scheduled_payment.paid": "A scheduled payment is paid.",
    "scheduled_payment.failed": "A scheduled payment was refused, or what was paid came back.",
    "scheduled_payment.canceled": "A scheduled payment will not be executed, or its payment was canceled.",
    **DATE_FACTS,
}
"""The events of billing."""


class Parts(Protocol):
    """The parts of the service that billing is put together from."""

    payments: Payments
    customers: Customers
    methods: PaymentMethods
    updated: Updated
    accounts: ProcessorAccounts
    tokens: ProcessorTokens
    vault: Vault
    brought: Brought
    merchants: Merchants
    wallet: VaultWallet
    addresses: Addresses
    messaged: Messaged


class Billed:
    """Every part of billing, wired."""

    def __init__(self, parts: Parts, tools: Tools) -> None:
        database, new_id = tools.database, tools.new_id
        links = InvoiceLinks(parts.messaged.links)
        scribe = Scribe(new_id, links)
        recoveries = OfPayments(database, parts.brought.compared.policies)
        door = _door(database, recoveries=recoveries, scribe=scribe, new_id=new_id)
        self._payments = parts.payments
        self.charging = door(parts.payments, Owing(tools))
        self._messaged, self.hosted = parts.messaged, hosted_invoices(parts, tools, links, door=door)
        collecting = Collecting(self.charging)
        moments = OnPaydays(parts.customers)
        self.hours = Hours(database, parts.methods)
        self.ahead = _looking_ahead(parts, database, self.hours, scribe, moments)
        self.cycles = Cycles(
            database,
            collecting=collecting,
            scribe=scribe,
            moments=moments,
            new_id=new_id,
        )
        self.subscriptions = Subscriptions(
            database, cycles=self.cycles, collecting=collecting, scribe=scribe, new_id=new_id
        )
        watching = WatchTools(
            charging=self.charging,
            collecting=collecting,
            payments=parts.payments,
            recoveries=recoveries,
            scribe=scribe,
            new_id=new_id,
        )
        self.giving_up = GivingUp(database, watching)
        parts.messaged.asking.ask_only(self.giving_up.asks)
        dunning = DunningPolicies(database, recovering=recoveries, new_id=new_id)
        self.invoices = Invoices(database, charging=self.charging, scribe=scribe)
        self.scheduled = ScheduledPayments(
            database, payments=parts.payments, owing=Owing(tools), new_id=new_id
        )
        self.redated = Redated(parts, tools, scribe)
        plans = Plans(database, new_id=new_id)
        newcomers = Newcomers(
            database, customers=parts.customers, tokens=parts.tokens, vault=parts.vault, new_id=new_id
        )
        self.imports = SubscriptionImports(
            database, newcomers=newcomers, accounts=parts.accounts, cycles=self.cycles, scribe=scribe
        )
        self._imports = SubscriptionImportsApi(self.imports)
        reader = Reader(
            customers=parts.customers, methods=parts.methods, plans=plans, dunning=dunning, new_id=new_id
        )
        self._dunning = DunningPoliciesApi(dunning, new_id=new_id)
        self._plans = PlansApi(plans, reader)
        self._subscriptions = SubscriptionsApi(self.subscriptions, reader)
        self._periods = PeriodsApi(database, self.subscriptions, self.charging, reader, links=links)
        self._invoices = InvoicesApi(
            database, self.invoices, self.charging, reader, links=links, new_id=new_id
        )
        self._seller = InvoiceSettingsApi(database)
        self._credit = CreditApi(database, self.invoices, reader)
        self._scheduled = ScheduledPaymentsApi(self.scheduled, reader, new_id=new_id)

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        charged = jobs.handlers(
            self._payments,
            cycles=self.cycles,
            charging=self.charging,
            scheduled=self.scheduled,
            giving_up=self.giving_up,
        )
        ahead = jobs.ahead_handlers(self.ahead, self.hours)
        return {**charged, **ahead, **self.redated.handlers()}

    def at_once(self) -> Mapping[str, jobs.ManyHandler]:
        """What works many due rows of a kind together."""
        return jobs.at_once(self.cycles)

    def routes(self) -> list[Route]:
        """All routes."""
        apis = (
            self._plans,
            self._subscriptions,
            self._periods,
            self._invoices,
            self._credit,
            self._scheduled,
            self._imports,
            self._dunning,
            self._seller,
            self.redated,
        )
        return [route for api in apis for route in api.routes()]

    def pages(self, *, entropy: Callable[[int], bytes]) -> list[PublicPage]:
        """All pages that customers open by links of ours: those of messages, of invoices, and of billing dates."""
        invoices = HostedInvoicePages(self.hosted, entropy=entropy)
        dates = self.redated.pages(entropy=entropy)
        return [*self._messaged.pages(entropy=entropy), *invoices.pages(), *dates]

    async def way_back(self, payment: Payment) -> str | None:
        """Where a customer goes on to from their bank whom a link of ours had brought there; else None."""
        back = await self._messaged.way_back(payment)
        return back or await self.hosted.way_back(payment.merchant_id, payment.id)

    @staticmethod
    def listens(fact: str, payment: Payment) -> bool:
        """Whether billing wants to hear of this event of a payment."""
        return jobs.listens(fact, payment)

    def resume(self) -> dict[str, Resume]:
        """How an interrupted request is answered when it comes again."""
        return self._periods.resume() | self._invoices.resume()


def _looking_ahead(
    parts: Parts, database: Database, hours: Hours, scribe: Scribe, moments: OnPaydays
) -> LookingAhead:
    """What looks ahead of charges; account updaters are put together later than this."""
    return LookingAhead(
        database,
        scribe=scribe,
        moments=moments,
        methods=parts.methods,
        hours=hours,
        updater=lambda: parts.updated.asking,
    )


def _door(
    database: Database, *, recoveries: OfPayments, scribe: Scribe, new_id: Callable[[], UUID]
) -> Callable[[AnyPayments, AnyOwing], Charging]:
    """What charges invoices, by such payments as it is given."""

    def door(payments: AnyPayments, owing: AnyOwing) -> Charging:
        return Charging(
            database, payments=payments, recoveries=recoveries, owing=owing, scribe=scribe, new_id=new_id
        )

    return door
