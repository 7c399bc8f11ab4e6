"""What an invoice says to the customer who is to pay it: the same on its page and in its PDF, whatever they look like.

A `Sheet` is all text already, in one language: nobody after it counts, rounds or decides. Each amount on it is one of
the invoice's own, written as its currency and the language write it. Days are the customer's. Why an invoice is
charged on another day than it is due is said while the charge is planned, and where it then brought the money.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.records import Invoice, InvoiceLine
from recoup.billing.core.seller import InvoiceSettings
from recoup.billing.core.words import INVOICE_WORDS, InvoiceWords
from recoup.kit.money import Money
from recoup.messages.core.policy import filled
from recoup.messages.core.words import WORDS, day_shown, money_shown
from recoup.vault.core import Address

_LAST_DAY: Final = timedelta(days=1)
"""A period ends with the day before the next begins."""
_CITY_FIRST: Final = frozenset({"US", "CA", "AU", "GB", "IE", "IN", "NZ", "ZA", "PH", "SG"})
"""Countries that write the postal code behind the city."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who bills, or who is billed: a name, and the lines below it."""

    name: str = field(default="", repr=False)
    lines: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to say of them."""
        return bool(self.name or self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An invoice that is open or was, and all else that its sheet is made from.

    `zone`: in which days are counted. `charged_at`: when it was charged by itself for the first time, if it was.
    """

    invoice: Invoice
    settings: InvoiceSettings
    buyer: Party
    zone: str
    charged_at: datetime | None
    language: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of it. `cuts` are what discounts took off."""

    text: str
    period: str | None
    quantity: str
    amount: str
    cuts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """All that is written on an invoice. `facts` and `sums` are labels with what stands beside them; the last of the
    sums is what is to be paid. `notes`: where it stands, in sentences."""

    language: str
    title: str
    number: str
    seller: Party
    buyer: Party
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    sums: tuple[tuple[str, str], ...]
    footer: str


def number_shown(invoice: Invoice, settings: InvoiceSettings) -> str:
    """The invoice's number as customers read it."""
    return f"{settings.number_prefix}{invoice.number}" if invoice.number is not None else ""


def sheet_of(known: Known) -> Sheet:
    """The sheet of an invoice."""
    invoice, settings, words = known.invoice, known.settings, INVOICE_WORDS[known.language]
    return Sheet(
        language=known.language,
        title=words.title,
        number=number_shown(invoice, settings),
        seller=_seller(settings, words),
        buyer=known.buyer,
        facts=tuple(_facts(known, words)),
        notes=tuple(_notes(known, words)),
        rows=tuple(_row(line, known, words) for line in invoice.lines),
        sums=tuple(_sums(known, words)),
        footer=settings.footer or "",
    )


def address_lines(address: Address) -> tuple[str, ...]:
    """An address in the order in which its country writes it."""
    code, city, state = address.postal_code, address.city, address.state
    if address.country in _CITY_FIRST:
        place = ", ".join(filter(None, (city, " ".join(filter(None, (state, code))))))
        where: tuple[str | None, ...] = (place,)
    else:
        where = (" ".join(filter(None, (code, city))), state)
    return tuple(filter(None, (address.line1, address.line2, *where, address.country)))


def _seller(settings: InvoiceSettings, words: InvoiceWords) -> Party:
    tax_id = f"{words.tax_id}: {settings.tax_id}" if settings.tax_id else None
    lines = (*address_lines(settings.address), settings.email, tax_id)
    return Party(settings.name or "", tuple(filter(None, lines)))


def _facts(known: Known, words: InvoiceWords) -> Iterator[tuple[str, str]]:
    invoice = known.invoice
    yield words.number, number_shown(invoice, known.settings)
    moments = ((words.issued, invoice.opened_at), (words.due, invoice.due_at))
    for label, moment in moments:
        if moment is not None:
            yield label, _day(moment, known)
    if invoice.charge_at is not None and _is_open(invoice):
        yield words.charge, _day(invoice.charge_at, known)
    if invoice.paid_at is not None:
        yield words.paid_on, _day(invoice.paid_at, known)
    if invoice.period is not None:
        yield words.period, _days(invoice.period.start, invoice.period.end, known)


def _notes(known: Known, words: InvoiceWords) -> Iterator[str]:
    if not known.livemode:
        yield words.test
    yield _standing(known, words)
    due, charge = known.invoice.due_at, _charge_day(known)
    if due is not None and charge is not None and charge != _local(due, known):
        why = words.moved.get(known.invoice.charge_why or "", words.moved_so)
        yield filled(why, {"day": _shown(charge, known), "due": _day(due, known)})


def _standing(known: Known, words: InvoiceWords) -> str:
    invoice = known.invoice
    amount = _money(invoice.amount_due, known)
    if invoice.status is InvoiceStatus.VOID:
        return words.void
    if invoice.status is InvoiceStatus.PAID:
        if invoice.amount_due == 0 or invoice.paid_at is None:
            return words.nothing_due
        said = words.paid_elsewhere if invoice.paid_out_of_band else words.paid
        return filled(said, {"day": _day(invoice.paid_at, known)})
    if invoice.charge_at is not None and _is_open(invoice):
        return filled(words.will_charge, {"amount": amount, "day": _day(invoice.charge_at, known)})
    due = invoice.due_at or invoice.created_at
    return filled(words.open, {"amount": amount, "due": _day(due, known)})


def _sums(known: Known, words: InvoiceWords) -> Iterator[tuple[str, str]]:
    invoice = known.invoice
    yield words.subtotal, _money(invoice.subtotal, known)
    if invoice.discount:
        yield words.discount, _money(-invoice.discount, known)
    yield words.total, _money(invoice.total, known)
    if invoice.credit > 0:
        yield words.credit_used, _money(-invoice.credit, known)
    if invoice.credit < 0:
        yield words.credit_kept, _money(-invoice.credit, known)
    yield words.amount_due, _money(invoice.amount_due, known)


def _row(line: InvoiceLine, known: Known, words: InvoiceWords) -> Row:
    return Row(
        line.description,
        None if line.start is None or line.end is None else _days(line.start, line.end, known),
        str(line.quantity),
        _money(line.amount, known),
        tuple(f"{words.discount}: {_money(-cut.amount, known)}" for cut in line.cuts),
    )


def _charge_day(known: Known) -> date | None:
    """The day on which it will be charged by itself, or was, if that paid it."""
    invoice = known.invoice
    if _is_open(invoice):
        return None if invoice.charge_at is None else _local(invoice.charge_at, known)
    if invoice.paid_at is None or known.charged_at is None:
        return None
    paid, charged = (_local(moment, known) for moment in (invoice.paid_at, known.charged_at))
    return charged if charged == paid else None


def _is_open(invoice: Invoice) -> bool:
    return invoice.status is InvoiceStatus.OPEN


def _days(start: date, end: date, known: Known) -> str:
    """From the first to the last of so many days."""
    first, last = _shown(start, known), _shown(max(start, end - _LAST_DAY), known)
    return first if first == last else f"{first} – {last}"


def _day(moment: datetime, known: Known) -> str:
    return _shown(_local(moment, known), known)


def _local(moment: datetime, known: Known) -> date:
    return moment.astimezone(ZoneInfo(known.zone)).date()


def _shown(day: date, known: Known) -> str:
    return day_shown(day, WORDS[known.language])


def _money(minor: int, known: Known) -> str:
    return money_shown(Money(minor, known.invoice.currency), WORDS[known.language])
