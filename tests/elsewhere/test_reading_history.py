"""Histories read line by line: what is understood, what is refused, and that every fault names its line and column."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.elsewhere.core.importing import stripe
from recoup.elsewhere.core.importing.csv_lines import read_csv
from recoup.elsewhere.core.importing.lines import (
    CardNumber,
    Ignored,
    Line,
    Read,
    Wrong,
    card_number_in,
    minor_of,
)
from recoup.elsewhere.core.importing.mapping import Mapping, read_mapping
from recoup.kit.currencies import DECIMALS
from recoup.kit.refusals import Refusal

NOW: Final = datetime(2026, 11, 22, 15, tzinfo=UTC)
MAPPING: Final = """
source = "old-biller"
connector = "stripe"
time_zone = "Europe/Berlin"
delimiter = ";"
currency = "EUR"

[columns]
id = "Try"
payment = "Invoice"
customer = "Client"
at = "Date"
amount = "Sum"
status = "Result"
code = "Reason"
brand = "Card"
country = "Land"
account = "Via"

[status]
approved = ["ok"]
declined = ["refused"]
ignored = ["open"]

[accounts]
main = "pa_01kaq3v8e7f0t9m2c4x6z8b1d5"
"""
HEADER: Final = "Try;Invoice;Client;Date;Sum;Result;Reason;Card;Land;Via\n"
GOOD: Final = "t-1;in-1;user-1;2026-03-01 09:30;49,99;Refused;insufficient_funds;MasterCard;de;main\n"


def read(*lines: str, mapping: Mapping | None = None) -> list[Read]:
    """The lines under the header, by the mapping."""
    how = mapping or read_mapping(MAPPING)
    return list(read_csv([HEADER, *lines], lambda _: how, now=NOW))


def test_a_line_says_when_how_much_and_why() -> None:
    (line,) = read(GOOD)
    assert isinstance(line, Line)
    assert line.tried_at == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert (line.external_id, line.payment, line.customer) == ("t-1", "in-1", "user-1")
    assert (line.amount, line.currency, line.approved) == (4999, "EUR", False)
    assert (line.brand, line.country, line.account) == ("mastercard", "DE", "main")
    assert line.decline is not None and line.decline.code == "insufficient_funds"


def test_what_is_wrong_is_told_by_line_and_column_and_not_repeated() -> None:
    faults = {
        "Date": GOOD.replace("2026-03-01 09:30", "1.3.26"),
        "Sum": GOOD.replace("49,99", "49,9999"),
        "Result": GOOD.replace("Refused", "perhaps"),
        "Land": GOOD.replace(";de;", ";Germany;"),
        "Try": GOOD.replace("t-1", ""),
        "-": "t-1;in-1\n",
    }
    for place, (column, text) in enumerate(faults.items(), start=2):
        found = read(*[GOOD] * (place - 2), text)[-1]
        assert isinstance(found, Wrong), column
        assert (found.number, found.column) == (place, column)
    future = read(GOOD.replace("2026-03-01", "2027-03-01"))[0]
    assert isinstance(future, Wrong) and future.column == "Date"
    assert read(GOOD.replace("Refused", "OPEN")) == [Ignored(2, "status 'open'")]


@pytest.mark.parametrize("number", ["4242424242424242", "4242 4242 4242 4242", "378282246310005"])
def test_a_card_number_in_any_column_is_found_and_not_repeated(number: str) -> None:
    (found,) = read(GOOD.replace("in-1", f"paid with {number}"))
    assert found == CardNumber(2, "Invoice")
    assert number not in repr(found)


@pytest.mark.parametrize(
    "text",
    ["4242424242424241", "1732300000000", "+4915112345678901", "ch_3N9aWX2eZvKYlo2C", "2026-03-01 09:30:00"],
)
def test_what_is_no_card_number_is_let_pass(text: str) -> None:
    assert not card_number_in(text)


@given(minor=st.integers(0, 10**12), currency=st.sampled_from(sorted(DECIMALS)), mark=st.sampled_from(".,"))
def test_an_amount_reads_the_same_however_it_is_written(minor: int, currency: str, mark: str) -> None:
    decimals = DECIMALS[currency]
    digits = str(minor).zfill(decimals + 1)
    written = f"{digits[:-decimals]}{mark}{digits[-decimals:]}" if decimals else digits
    assert minor_of(written, currency, minor=False, column="x") == minor
    assert minor_of(str(minor), currency, minor=True, column="x") == minor


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"Try"', "3", "columns.id"),
        ('currency = "EUR"', "", "currency"),
        ('"Europe/Berlin"', '"Mars"', "time_zone"),
        ('connector = "stripe"', 'connector = "strip"', "connector"),
        ('ignored = ["open"]', 'ignored = ["OK"]', "two things"),
        ("[columns]", "[colums]", "colums"),
        ('source = "old-biller"', 'source = "Old biller"', "source"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_by_its_field(old: str, new: str, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        read_mapping(MAPPING.replace(old, new))


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(Refusal, match="'Reason'"):
        list(read_csv([HEADER.replace("Reason", "Why"), GOOD], lambda _: read_mapping(MAPPING), now=NOW))


DASHBOARD: Final = (
    "id,Created date (UTC),Amount,Amount Refunded,Currency,Decline Reason,Status,Seller Message,PaymentIntent ID,"
    "Card Brand,Card Funding,Card Issue Country,Customer ID\n"
)


@pytest.mark.parametrize("created", ["Created date (UTC)", "Created (UTC)"])
def test_the_dashboards_export_is_read(created: str) -> None:
    file = [
        DASHBOARD.replace("Created date (UTC)", created),
        "ch_1,2026-03-01 09:30:05,49.99,0.00,usd,,Paid,Payment complete.,pi_1,Visa,debit,US,cus_1\n",
        "ch_2,2026-03-02 09:30:05,49.99,0.00,usd,insufficient_funds,Failed,,pi_2,American Express,credit,US,cus_1\n",
        "ch_3,2026-03-02 09:30:05,49.99,0.00,usd,,requires_payment_method,,pi_2,Visa,credit,US,cus_1\n",
        'ch_4,2026-03-03 09:30,"1500",0,jpy,do_not_honor,Failed,,pi_3,Visa,credit,JP,cus_2\n',
    ]
    paid, refused, open_, yen = read_csv(file, stripe.csv_mapping, now=NOW)
    assert isinstance(paid, Line) and (paid.approved, paid.amount, paid.currency) == (True, 4999, "USD")
    assert paid.tried_at == datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)
    assert isinstance(refused, Line) and refused.decline is not None
    assert (refused.decline.category, refused.brand, refused.payment) == ("funds", "amex", "pi_2")
    assert isinstance(open_, Ignored)
    assert isinstance(yen, Line) and yen.amount == 1500
    with pytest.raises(Refusal, match="Dashboard"):
        list(read_csv(["a,b\n"], stripe.csv_mapping, now=NOW))


def charge(**fields: Any) -> dict[str, Any]:
    """A charge as Stripe's API gives it, as far as it matters."""
    given: dict[str, Any] = {
        "id": "ch_1",
        "object": "charge",
        "amount": 4999,
        "currency": "usd",
        "created": 1_772_357_405,
        "customer": "cus_1",
        "status": "succeeded",
        "payment_intent": "pi_1",
        "outcome": {"network_status": "approved_by_network", "type": "authorized"},
        "payment_method_details": {"card": {"brand": "visa", "country": "US", "funding": "debit"}},
    }
    return given | fields


REFUSED: Final = {
    "network_status": "declined_by_network",
    "network_decline_code": "51",
    "network_advice_code": "25",
    "reason": "insufficient_funds",
}


def test_charges_and_balance_transactions_are_read() -> None:
    transaction = {"object": "balance_transaction", "type": "charge", "id": "txn_1", "source": "ch_9"}
    objects = [
        charge(),
        charge(id="ch_2", status="failed", failure_code="card_declined", outcome=REFUSED),
        charge(status="failed", outcome={"network_status": "not_sent_to_network"}),
        transaction | {"amount": 100, "currency": "eur", "created": 1_772_357_405},
        transaction | {"source": charge(id="ch_3")},
        {"object": "balance_transaction", "type": "payout"},
        charge(amount="49.99"),
        charge(metadata={"note": ["4242424242424242"]}),
        {"object": "refund"},
    ]
    lines = [msgspec.json.encode(one).decode() for one in objects]
    found = list(stripe.read_json([*lines, "\n", "{"], now=NOW))
    paid, refused, unsent, settled, inner, payout, amount, card, other, broken = found
    assert isinstance(paid, Line) and paid.approved and paid.customer == "cus_1"
    assert isinstance(refused, Line) and refused.decline is not None
    assert (refused.decline.code, refused.decline.network_advice_code) == ("insufficient_funds", "25")
    assert refused.decline.advice.wait is not None, "the advice of the network is kept"
    assert isinstance(unsent, Ignored) and isinstance(payout, Ignored)
    assert isinstance(settled, Line) and (settled.external_id, settled.currency) == ("ch_9", "EUR")
    assert isinstance(inner, Line) and inner.external_id == "ch_3"
    assert isinstance(amount, Wrong) and amount.column == "amount"
    assert card == CardNumber(8, "metadata.note[0]")
    assert isinstance(other, Wrong) and other.column == "object"
    assert isinstance(broken, Wrong) and broken.number == 11
