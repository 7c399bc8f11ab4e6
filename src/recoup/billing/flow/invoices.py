"""Invoices: read, drawn up by hand, opened, void, given up, paid by another way; and customers' credit balances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from recoup.billing import store
from recoup.billing.core import settling
from recoup.billing.core.amounts import LINES_MAX, PricedLine
from recoup.billing.core.bills import (
    Charge,
    credits_of,
    facts_of,
    kept_line,
    line_of,
    opened_with,
    stored_line,
    totals_of,
)
from recoup.billing.core.machine import InvoiceNews, InvoiceStatus, invoice_takes
from recoup.billing.core.records import CreditChange, Invoice, Item
from recoup.billing.core.step import CHARGE, Credit, Due, Step, changed_invoice
from recoup.billing.flow.charging import Charging, refuse_unpayable, there
from recoup.billing.flow.writing import Scribe
from recoup.db import Connection, Database, Queries
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant


class Invoices:
    """Everything that can be done with invoices, but charging them. What changes something runs in the caller's
    transaction."""

    def __init__(self, database: Database, *, charging: Charging, scribe: Scribe) -> None:
        self._database = database
        self._charging = charging
        self._scribe = scribe

    async def get(self, merchant: Merchant, invoice_id: UUID) -> Invoice:
        """One invoice; refuses with 404."""
        return await self._charging.get(merchant, invoice_id)

    async def page(
        self,
        merchant: Merchant,
        *,
        customer_id: UUID | None,
        subscription_id: UUID | None,
        status: InvoiceStatus | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Invoice]:
        """Invoices newest first; with `before` oldest first."""
        return await store.invoices(
            self._database,
            merchant_id=merchant.id,
            customer_id=customer_id,
            subscription_id=subscription_id,
            status=status,
            after=after,
            before=before,
            limit=limit,
        )

    async def draft(
        self, connection: Connection, merchant: Merchant, new: Invoice, items: Sequence[Item]
    ) -> Invoice:
        """A new draft."""
        drafted = replace(_with_items(new, items), version=1, events_count=1)
        step = Step(None, (drafted,), happened=(("invoice.created", drafted),))
        return await self._written(connection, merchant, step, now=new.created_at)

    async def add_item(
        self, connection: Connection, merchant: Merchant, invoice_id: UUID, item: Item, *, now: datetime
    ) -> Invoice:
        """One more item on a draft."""
        held = await self._draft(connection, merchant, invoice_id)
        if len(held.lines) >= LINES_MAX:
            raise conflict("too_many_items", f"An invoice has at most {LINES_MAX} lines.")
        facts = ("invoice.updated",)
        after = changed_invoice(_with_items(held, [item]), facts, now=now)
        step = Step(None, (after,), happened=((facts[0], after),))
        return await self._written(connection, merchant, step, now=now)

    async def open(
        self, connection: Connection, merchant: Merchant, invoice_id: UUID, *, now: datetime
    ) -> Invoice:
        """Open a draft: it gets its number, and is charged where it has a payment method."""
        held = await self._draft(connection, merchant, invoice_id)
        if not held.lines:
            raise conflict("invoice_empty", "This draft has nothing on it: add an item.")
        owner, currency = held.customer_id, held.currency
        balances = await store.lock_balances(connection, merchant_id=merchant.id, customer_ids=[owner])
        lines = [kept_line(one, currency) for one in held.lines]
        totals = totals_of(lines, currency=currency, discounts=(), balance=balances.get((owner, currency), 0))
        at = now if held.payment_method_id is not None else None
        after = replace(opened_with(held, totals, charge=Charge(at), now=now), due_at=held.due_at or now)
        dues = () if after.charge_at is None else (Due(CHARGE, after.id, after.charge_at),)
        step = Step(None, (after,), credits_of(after), dues, facts_of(after))
        return await self._written(connection, merchant, step, now=now)

    async def end(
        self,
        connection: Connection,
        merchant: Merchant,
        invoice_id: UUID,
        news: InvoiceNews,
        *,
        now: datetime,
    ) -> Invoice:
        """Void it, or give it up; a payment of it that holds no money is canceled, so that nothing charges it."""
        found = await self._charging.get(merchant, invoice_id)
        held, subscription = await self._charging.locked(connection, merchant, found)
        if not invoice_takes(held.status, news):
            raise settling.unexpected(held)
        if held.credit:  # what goes back to the balance is held before the merchant's events are
            owner = [held.customer_id]
            await store.lock_balances(connection, merchant_id=merchant.id, customer_ids=owner)
        free = await self._charging.free(connection, merchant, held, now=now)
        step = settling.ended(free, subscription, news, now=now)
        return await self._written(connection, merchant, step, now=now)

    async def paid_elsewhere(
        self, connection: Connection, merchant: Merchant, invoice_id: UUID, *, now: datetime
    ) -> Invoice:
        """It was paid by another way: nothing is charged for it any more."""
        found = await self._charging.get(merchant, invoice_id)
        held, subscription = await self._charging.locked(connection, merchant, found)
        if held.status is InvoiceStatus.PAID:
            return held
        refuse_unpayable(held)
        free = await self._charging.free(connection, merchant, held, now=now)
        step = settling.paid(free, subscription, at=now, now=now, out_of_band=True)
        assert step is not None, "what is payable takes it"
        return await self._written(connection, merchant, step, now=now)

    async def credit(
        self, queries: Queries, merchant: Merchant, customer_id: UUID
    ) -> tuple[dict[str, int], Sequence[CreditChange]]:
        """A customer's credit balances by currency, and how they came about."""
        balances = await store.balances(queries, merchant_id=merchant.id, customer_id=customer_id)
        changes = await store.credit_changes(queries, merchant_id=merchant.id, customer_id=customer_id)
        return balances, changes

    async def give_credit(
        self, connection: Connection, merchant: Merchant, credit: Credit, *, now: datetime
    ) -> None:
        """Add to a customer's balance, or take from it; refuses to take more than there is."""
        held = await store.lock_balances(
            connection, merchant_id=merchant.id, customer_ids=[credit.customer_id]
        )
        there_is = held.get((credit.customer_id, credit.currency), 0)
        if there_is + credit.amount < 0:
            message = f"The balance is {there_is}: no more than that can be taken from it."
            raise conflict("credit_balance_too_low", message, param="amount")
        await self._scribe.write(connection, merchant, [Step(credits=(credit,))], now=now)

    async def _draft(self, connection: Connection, merchant: Merchant, invoice_id: UUID) -> Invoice:
        found = await store.lock_invoice(connection, merchant_id=merchant.id, invoice_id=invoice_id)
        held = there(found, invoice_id)
        if held.status is not InvoiceStatus.DRAFT:
            raise settling.unexpected(held)
        return held

    async def _written(
        self, connection: Connection, merchant: Merchant, step: Step, *, now: datetime
    ) -> Invoice:
        written = await self._scribe.write(connection, merchant, [step], now=now)
        return written[step.invoices[0].id]


def _with_items(invoice: Invoice, items: Sequence[Item]) -> Invoice:
    """A draft with more lines, and what they come to without the customer's credit."""
    lines = (
        *invoice.lines,
        *(stored_line(PricedLine(line_of(item, invoice.currency)), item.id) for item in items),
    )
    subtotal = sum(line.amount for line in lines)
    rest = max(subtotal, 0)
    return replace(invoice, lines=lines, subtotal=subtotal, total=rest, amount_due=rest)
