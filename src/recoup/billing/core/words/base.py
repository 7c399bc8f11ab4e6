"""The words that an invoice has in every language, with blanks in braces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceWords:
    """One language. `{day}`, `{due}`, `{amount}`, `{page}` and `{pages}` are filled in.

    `moved` says by its reason why an invoice is charged on `{day}` and not on `{due}`, when it is due; `moved_so` where
    there is no more to say of it.
    """

    language: str

    title: str
    test: str
    number: str
    issued: str
    due: str
    charge: str
    paid_on: str
    period: str
    seller: str
    buyer: str
    tax_id: str

    item: str
    quantity: str
    amount: str
    discount: str
    subtotal: str
    total: str
    credit_used: str
    credit_kept: str
    amount_due: str

    open: str
    will_charge: str
    paid: str
    paid_elsewhere: str
    nothing_due: str
    void: str

    moved: Mapping[str, str]
    moved_so: str

    download: str
    page: str
