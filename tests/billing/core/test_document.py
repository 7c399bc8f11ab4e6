"""What an invoice says: its own amounts to the cent, the customer's days, and why it is charged on another day."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.billing.papers import invoices, known, line, on, opened

from recoup.billing.core.bills import Charge
from recoup.billing.core.chargeday import Why
from recoup.billing.core.document import Sheet, address_lines, sheet_of
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.periods import Period
from recoup.billing.core.records import Invoice
from recoup.billing.core.seller import InvoiceSettings, check_settings
from recoup.billing.core.words import INVOICE_WORDS
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.messages.core.words import LANGUAGES, WORDS
from recoup.vault.core import Address

MOVED = Charge(on(3), why=Why.STATED, words="for the merchant: 97 % instead of 40 %")


def minor_of(text: str, language: str, currency: str) -> int:
    """An amount as it is written, read by the rules of its language alone."""
    words = WORDS[language]
    number, _, code = text.rpartition(" ")
    assert code == currency
    plain = number.replace(words.thousands, "").replace(words.decimal, ".")
    whole, _, rest = plain.partition(".")
    assert len(rest) == Money(0, currency).decimals
    return int(whole + rest)


@given(invoices(), st.sampled_from(LANGUAGES))
@settings(max_examples=50)
def test_what_is_written_is_what_is_owed_to_the_cent(invoice: Invoice, language: str) -> None:
    """Every amount of the invoice is on its sheet as it is, and what is shown adds up."""
    sheet, words = sheet_of(known(invoice, language=language)), INVOICE_WORDS[language]

    def read(text: str) -> int:
        return minor_of(text, language, invoice.currency)

    assert [read(row.amount) for row in sheet.rows] == [one.amount for one in invoice.lines]
    assert [row.quantity for row in sheet.rows] == [str(one.quantity) for one in invoice.lines]
    cuts = [[read(cut.partition(": ")[2]) for cut in row.cuts] for row in sheet.rows]
    assert cuts == [[-cut.amount for cut in one.cuts] for one in invoice.lines]
    sums = {label: read(said) for label, said in sheet.sums}
    assert (sums[words.subtotal], sums[words.total]) == (invoice.subtotal, invoice.total)
    assert -sums.get(words.discount, 0) == invoice.discount
    assert sheet.sums[-1] == (words.amount_due, sheet.sums[-1][1])
    assert sums[words.amount_due] == invoice.amount_due
    credit = -sums.get(words.credit_used, 0) - sums.get(words.credit_kept, 0)
    assert credit == invoice.credit
    net = sum(read(row.amount) for row in sheet.rows) + sum(map(sum, cuts))
    assert net == sums[words.subtotal] + sums.get(words.discount, 0)
    assert sums[words.amount_due] == net - credit and sums[words.total] == max(net, 0)


def texts(sheet: Sheet) -> str:
    return "\n".join((*sheet.notes, *(f"{label}: {said}" for label, said in sheet.facts)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_it_is_charged_on_another_day_is_said_in_plain_words(language: str) -> None:
    """While that is planned, and when it brought the money; not of a day on which nothing came in."""
    invoice = opened(charge=MOVED)
    words = INVOICE_WORDS[language]
    day = on(3).strftime(WORDS[language].day_format)

    def why_of(one: Invoice, **more: object) -> list[str]:
        notes = sheet_of(known(one, language=language, **more)).notes
        return [note for note in notes if note.startswith(words.moved[Why.STATED].partition("{")[0])]

    (why,) = why_of(invoice)
    assert day in why and "{" not in why and "%" not in why and "97" not in why
    paid = replace(invoice, status=InvoiceStatus.PAID, paid_at=on(3, hour=10), charge_at=None)
    assert why_of(paid, charged_at=on(3)) == [why]
    assert why_of(replace(paid, paid_at=on(6)), charged_at=on(3)) == [], "it was refused then"
    assert why_of(replace(invoice, charge_at=None)) == [], "it was refused, and nothing is planned"
    assert why_of(replace(invoice, charge_at=on(0))) == [], "it is the due day"


def test_every_reason_to_move_a_charge_has_its_words_in_every_language() -> None:
    for language in LANGUAGES:
        for why in Why:
            invoice = opened(charge=Charge(on(3), why=why))
            text = texts(sheet_of(known(invoice, language=language)))
            assert "{" not in text and text.count("\n") >= 4


def test_where_it_stands_is_said_as_it_is() -> None:
    invoice = opened()

    def said(**changes: object) -> str:
        return texts(sheet_of(known(replace(invoice, **changes))))

    assert "30.00 EUR is due on 2027-01-31." in said()
    assert "30.00 EUR will be charged on 2027-02-03." in said(charge_at=on(3))
    assert "Paid on 2027-02-03. Thank you." in said(status=InvoiceStatus.PAID, paid_at=on(3))
    elsewhere = said(status=InvoiceStatus.PAID, paid_at=on(3), paid_out_of_band=True)
    assert "by another way" in elsewhere
    void = said(status=InvoiceStatus.VOID, charge_at=None)
    assert "void" in void and "charged" not in void
    assert "nothing to pay" in texts(sheet_of(known(opened(line(0)))))
    assert "given up" not in said(status=InvoiceStatus.UNCOLLECTIBLE)
    assert "Test mode" in texts(sheet_of(known(invoice, livemode=False)))


def test_days_are_the_customers_and_a_period_ends_on_its_last_day() -> None:
    period = Period(3, datetime(2027, 1, 31, tzinfo=UTC).date(), datetime(2027, 2, 28, tzinfo=UTC).date())
    invoice = opened(due_at=datetime(2027, 1, 31, 23, 30, tzinfo=UTC), period=period)
    facts = dict(sheet_of(known(invoice, zone="Asia/Tokyo")).facts)
    assert facts["Due on"] == "2027-02-01"
    assert facts["Period"] == "2027-01-31 – 2027-02-27"
    assert facts["Invoice number"] == "LAMP-42"


def test_who_bills_is_shown_as_their_country_writes_it() -> None:
    german = Address(line1="Hauptstr. 1", postal_code="10115", city="Berlin", country="DE")
    assert address_lines(german) == ("Hauptstr. 1", "10115 Berlin", "DE")
    american = Address(line1="1 Main St", city="Austin", state="TX", postal_code="73301", country="US")
    assert address_lines(american) == ("1 Main St", "Austin, TX 73301", "US")
    assert address_lines(Address()) == ()
    for wrong in ({"language": "xx"}, {"email": "nobody"}, {"address": Address(country="ZZ")}):
        with pytest.raises(Refusal):
            check_settings(InvoiceSettings(**wrong))


def test_languages_have_the_same_blanks() -> None:
    def blanks(text: str) -> Counter[str]:
        return Counter(re.findall(r"\{(\w+)\}", text))

    english = INVOICE_WORDS["en"]
    for language in LANGUAGES:
        words = INVOICE_WORDS[language]
        for name in english.__slots__:
            ours, theirs = getattr(words, name), getattr(english, name)
            if isinstance(ours, str):
                assert set(blanks(ours)) == set(blanks(theirs)), (language, name)
            else:
                assert {key: set(blanks(one)) for key, one in ours.items()} == {
                    key: set(blanks(one)) for key, one in theirs.items()
                }
