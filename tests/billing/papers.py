"""Invoices as their documents show them, drawn by Hypothesis or made by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from msgspec.structs import replace
from tests.billing.cases import MERCHANT, START, named

from recoup.billing.core.amounts import (
    AmountOff,
    Discount,
    Line,
    LineKind,
    PercentOff,
    invoiced,
)
from recoup.billing.core.bills import Charge, opened_with, stored_line
from recoup.billing.core.document import Known, Party
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.records import Invoice, ManagedBy
from recoup.billing.core.seller import InvoiceSettings
from recoup.kit.money import Money
from recoup.vault.core import Address

SHOP: Final = InvoiceSettings(
    name="Lampenladen Müller GmbH",
    address=Address(line1="Hauptstr. 1", postal_code="10115", city="Berlin", country="DE"),
    tax_id="DE123456789",
    number_prefix="LAMP-",
    footer="Amtsgericht Berlin, HRB 1234\nIBAN DE02 1203 0000 0000 2020 51",
)
BUYER: Final = Party("Łucja Παπαδοπούλου", ("Rua Nova 2", "1100-001 Lisboa", "PT"))
FIRST: Final = date(2027, 1, 31)
NEVER: Final = Charge(None)


def line(minor: int, currency: str = "EUR", **more: Any) -> Line:
    """A line of an invoice."""
    fields: dict[str, Any] = {"kind": LineKind.SUBSCRIPTION, "description": "Pro", "quantity": 1}
    return Line(**fields | {"amount": Money(minor, currency)} | more)


def opened(
    *lines: Line,
    currency: str = "EUR",
    balance: int = 0,
    discounts: tuple[Discount, ...] = (),
    charge: Charge = NEVER,
    **more: Any,
) -> Invoice:
    """An invoice that is just opened, or paid where nothing is left to pay."""
    totals = invoiced(
        lines or (line(3000, currency),),
        currency=currency,
        discounts=discounts,
        balance=Money(balance, currency),
    )
    draft = Invoice(
        merchant_id=MERCHANT,
        id=named("invoice"),
        number=42,
        customer_id=named("customer"),
        subscription_id=None,
        payment_method_id=None,
        period=None,
        status=InvoiceStatus.DRAFT,
        version=0,
        events_count=0,
        managed_by=ManagedBy.RECOUP,
        currency=currency,
        lines=tuple(stored_line(one, None) for one in totals.lines),
        subtotal=0,
        discount=0,
        total=0,
        credit=0,
        amount_due=0,
        due_at=START,
        charge_at=None,
        created_at=START,
        updated_at=START,
    )
    return replace(opened_with(draft, totals, charge=charge, now=START), **more)


def known(invoice: Invoice, **more: Any) -> Known:
    """All that its sheet is made from."""
    fields: dict[str, Any] = {
        "settings": SHOP,
        "buyer": BUYER,
        "zone": "UTC",
        "charged_at": None,
        "language": "en",
        "livemode": True,
    }
    return Known(invoice=invoice, **fields | more)


def on(day: int, *, hour: int = 9) -> datetime:
    """So many days after it was due."""
    return START.replace(hour=hour) + timedelta(days=day)


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    """Any invoice: of any currency, with credits, discounts and a balance on either side."""
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
    amounts = st.integers(-(10**9), 10**9)
    kinds = st.sampled_from(LineKind)
    days = st.none() | st.integers(1, 400)
    lines = [
        line(
            draw(amounts),
            currency,
            kind=draw(kinds),
            description=draw(st.text("abc Ωж漢\n<&{day}", min_size=1, max_size=80)),
            quantity=draw(st.integers(1, 10**6)),
            start=None if span is None else FIRST,
            end=None if span is None else FIRST + timedelta(days=span),
        )
        for span in draw(st.lists(days, min_size=1, max_size=12))
    ]
    off = st.integers(1, 10_000).map(PercentOff) | st.integers(1, 10**6).map(
        lambda minor: AmountOff(Money(minor, currency))
    )
    discounts = tuple(
        Discount(id=f"d{place}", off=one) for place, one in enumerate(draw(st.lists(off, max_size=2)))
    )
    return opened(*lines, currency=currency, balance=draw(amounts), discounts=discounts)


__all__ = ["BUYER", "SHOP", "invoices", "known", "line", "on", "opened"]
