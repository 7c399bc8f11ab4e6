"""The links of invoices: where a customer sees one, pays it and takes it home."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from recoup.billing.core.records import Invoice
from recoup.messages.links import Links, Named, Opens

LINK_MONTHS: Final = 13
"""A link that is read now opens its invoice until the first day of the month after so many, in UTC: for a year and some
weeks. Read again later it is a new one, which opens the same; the old one works until its own end."""
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Hosted:
    """Where an invoice is shown, and until when."""

    url: str = field(repr=False)
    until: datetime

    @property
    def pdf(self) -> str:
        """Where it is a PDF."""
        return f"{self.url}/pdf"


class InvoiceLinks:
    """Makes links of invoices, and reads their tokens."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def of(self, invoice: Invoice, *, now: datetime) -> Hosted | None:
        """Where an invoice is shown that is open, or was; a draft is shown to nobody."""
        if invoice.opened_at is None:
            return None
        until = _first_of_month(now, months_on=LINK_MONTHS)
        return Hosted(self.page(invoice.merchant_id, invoice.id, until=until), until)

    def page(self, merchant_id: UUID, invoice_id: UUID, *, until: datetime) -> str:
        """Where an invoice is shown until then."""
        return self._links.invoice(merchant_id, invoice_id, until=until)

    def named_by(self, token: str) -> Named | None:
        """What a token names; None where it is none of an invoice."""
        return self._links.named_by(token, Opens.INVOICE)


@lru_cache(maxsize=64)
def _first_of_month(now: datetime, *, months_on: int) -> datetime:
    """The first instant of the month so many months on: the same for all that is read in one month. Remembered, because
    what is opened together is."""
    today = now.astimezone(UTC)
    years, month = divmod(today.month - 1 + months_on, _MONTHS)
    return datetime(today.year + years, month + 1, 1, tzinfo=UTC)
