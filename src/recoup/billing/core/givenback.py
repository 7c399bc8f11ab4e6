"""What may be given back of a period that is cut or changed: what was paid for the days that are left, or will be.

An invoice that is open and still collected counts as paid, as everywhere in the field: its money is on its way. One
that is void or uncollectible, or waits to be paid by hand, brought nothing but what the credit balance paid of it; the
rest of what it asked for those days is not given back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.periods import Period
from recoup.billing.core.proration import Change, Share, prorated
from recoup.billing.core.records import Invoice
from recoup.kit.money import Money


def brings_nothing(invoice: Invoice) -> bool:
    """Whether nobody has paid an invoice, and nothing is under way that would."""
    match invoice.status:
        case InvoiceStatus.PAID:
            return False
        case InvoiceStatus.OPEN:
            return not invoice.collecting and invoice.payment_id is None
        case _:
            return True


def really_paid(credit: Share, spell: Period, invoices: Sequence[Invoice]) -> Share:
    """The credit without what these invoices of the subscription asked for its days, and did not get."""
    unpaid = sum(_asked(one, spell, on=credit.start) for one in invoices if brings_nothing(one))
    return _of(credit, -credit.amount.minor - unpaid)


def difference(change: Change, spell: Period, invoices: Sequence[Invoice]) -> Change:
    """A change within a period: it asks for no more than the difference, and gives back no more than was paid."""
    paid = -really_paid(change.credit, spell, invoices).amount.minor
    return Change(_of(change.credit, max(paid, change.charge.amount.minor)), change.charge)


def _of(credit: Share, back: int) -> Share:
    """A credit of so much, though of no more than it is."""
    return dataclasses.replace(
        credit, amount=Money(-max(min(back, -credit.amount.minor), 0), credit.amount.currency)
    )


def _asked(invoice: Invoice, spell: Period, *, on: date) -> int:
    """What an invoice asks for the days of a period from `on` on, and nobody paid: by its lines that go to the period's
    end. What the credit balance paid of a void one was given back."""
    asked = sum(
        prorated(
            Money(line.net, invoice.currency), Period(spell.number, line.start, line.end), on, spell.end
        ).minor
        for line in invoice.lines
        if line.start is not None and line.end is not None
        if spell.start <= line.start and spell.end <= line.end
    )
    if invoice.status is InvoiceStatus.VOID or not invoice.total:
        return asked
    return asked * invoice.amount_due // invoice.total
