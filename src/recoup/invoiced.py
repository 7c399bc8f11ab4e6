"""Puts together what customers see of invoices: the page behind a link, and what is paid there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from recoup.billing.flow.around import Owing, Payments
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.hosted import Around, HostedInvoices
from recoup.billing.flow.papers import PaperReader
from recoup.billing.links import InvoiceLinks
from recoup.merchants.flow import Merchants
from recoup.messaged import Messaged
from recoup.payments.flow import Payments as EveryPayment
from recoup.payments.flow.customer_there import CustomerThere
from recoup.payments.flow.hosting import Addresses
from recoup.payments.flow.owing import Owing as OwingPayments
from recoup.payments.flow.tools import Tools
from recoup.payments.wallet import VaultWallet
from recoup.vault.flow import Customers, PaymentMethods


class Parts(Protocol):
    """The parts of the service that it is put together from."""

    merchants: Merchants
    customers: Customers
    methods: PaymentMethods
    payments: EveryPayment
    wallet: VaultWallet
    addresses: Addresses
    messaged: Messaged


def hosted_invoices(
    parts: Parts, tools: Tools, links: InvoiceLinks, *, door: Callable[[Payments, Owing], Charging]
) -> HostedInvoices:
    """Invoices as customers see them. `door`: what charges invoices, by such payments."""
    papers = PaperReader(
        tools.database,
        customers=parts.customers,
        methods=parts.methods,
        policy=parts.messaged.messages.policy,
    )
    around = Around(
        merchant=parts.merchants.merchant,
        payments=parts.payments,
        owing=OwingPayments(tools),
        there=CustomerThere(tools),
        methods=parts.methods,
        open_new_card=parts.wallet.open_new_card,
        page_of=parts.addresses.page,
        door=door,
        clock=tools.clock,
    )
    return HostedInvoices(tools.database, links, around, papers=papers)
