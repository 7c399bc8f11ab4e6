"""The tables of decline codes keep their own promises: sources, dates, one meaning a day."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import combinations, pairwise

import pytest

from recoup.connectors.registry import CONNECTORS
from recoup.outcomes.codes import iso8583, mastercard, standard, visa
from recoup.outcomes.codes.processors import TABLES, sandbox, stripe
from recoup.outcomes.codes.words import MASTERCARD, VISA, AdviceAction, Category, CodeRow, Dated, Hardness
from recoup.outcomes.core import RawDecline, classify

TODAY = date(2026, 11, 22)
DATED: dict[str, tuple[Dated, ...]] = {
    "standard": standard.ROWS,
    **TABLES,
    "iso8583": iso8583.ROWS,
    "visa": visa.ROWS,
    "mastercard advice": mastercard.ADVICE,
    "mastercard wrapped": mastercard.WRAPPED,
}
CODED: tuple[CodeRow, ...] = (*(row for rows in TABLES.values() for row in rows), *iso8583.ROWS)
MEANT = {row.standard for row in CODED} | {row.standard for row in mastercard.WRAPPED}
STRIPES_WORDS = """
    insufficient_funds do_not_honor generic_decline lost_card stolen_card pickup_card expired_card incorrect_number
    incorrect_cvc card_velocity_exceeded withdrawal_count_limit_exceeded fraudulent restricted_card
    transaction_not_allowed authentication_required processing_error issuer_not_available revocation_of_authorization
    stop_payment_order
""".split()  # noqa: SIM905 - words read best as words


DOCUMENTED = {
    "stripe": 51,
    "adyen": 41,
    "checkout": 213,
    "braintree": 110,
    "authorize_net": 31,
    "cybersource": 63,
    "worldpay": 40,
    "paypal": 150,
    "nmi": 30,
    "square": 30,
    "mollie": 30,
    "gocardless": 40,
    "iso8583": 80,
}
"""How many codes of declines each processor has published, at least: a table with fewer has lost some."""


@pytest.mark.parametrize("connector", [name for name in CONNECTORS if name not in sandbox.CONNECTORS])
def test_every_processor_has_a_whole_table(connector: str) -> None:
    """Every documented code is mapped; that each means a standard code is another test's."""
    codes = {row.code for row in TABLES[connector]}
    assert len(codes) >= DOCUMENTED[connector]
    assert all(classify(RawDecline(connector, code), TODAY).recognised for code in codes)


@pytest.mark.parametrize("table", DATED)
def test_every_row_says_where_it_comes_from_and_when_that_was_so(table: str) -> None:
    for row in DATED[table]:
        assert row.source.strip(), row
        assert date(2020, 1, 1) <= row.as_of <= date(2026, 12, 31), row
        assert row.source in row.citation and row.as_of.isoformat() in row.citation
        assert row.since is None or row.until is None or row.since < row.until, row


def test_every_row_means_a_standard_code() -> None:
    for word in MEANT:
        assert word in standard.STANDARD


def test_only_the_unknown_means_other() -> None:
    assert "other" not in MEANT


def test_a_code_means_one_thing_a_day() -> None:
    """Rows for one code of one network may follow each other in time, and never overlap."""
    found: defaultdict[tuple[str, ...], list[Dated]] = defaultdict(list)
    for table, rows in (*TABLES.items(), ("iso", iso8583.ROWS)):
        for row in rows:
            found[table, row.network, row.code].append(row)
    for category in visa.ROWS:
        found["visa", category.code].append(category)
    for told in mastercard.ADVICE:
        found["advice", told.code].append(told)
    for wrapped in mastercard.WRAPPED:
        found["wrapped", wrapped.code, wrapped.advice_code].append(wrapped)
    for key, same_code in found.items():
        for one, other in combinations(same_code, 2):
            apart = (one.until or date.max) <= (other.since or date.min)
            apart_too = (other.until or date.max) <= (one.since or date.min)
            assert apart or apart_too, key


def test_a_standard_code_stands_once() -> None:
    assert len(standard.STANDARD) == len(standard.ROWS)


@pytest.mark.parametrize("word", STRIPES_WORDS)
def test_stripes_words_are_standard_codes_and_the_sandbox_speaks_them(word: str) -> None:
    assert word in standard.STANDARD
    assert word in {row.code for row in stripe.ROWS}
    assert word in {row.code for row in sandbox.ROWS}


def test_every_advice_that_stops_is_hard() -> None:
    for row in standard.ROWS:
        assert not row.advice.stops or row.hardness is Hardness.HARD, row


def test_messages_are_for_cardholders_and_give_no_thief_a_hint() -> None:
    for row in standard.ROWS:
        assert row.message.endswith(".") and row.message[0].isupper(), row
        assert "processor" not in row.message and "issuer" not in row.message, row
        if row.category is Category.FRAUD:
            assert not any(word in row.message.lower() for word in ("lost", "stolen", "fraud", "risk")), row


def test_no_category_is_empty() -> None:
    assert {row.category for row in standard.ROWS} == set(Category)


def test_every_visa_response_code_has_a_category_by_name() -> None:
    """None of the codes that we know of Visa falls through to "unlisted" by mistake."""
    listed = {row.code for row in visa.ROWS}
    shared = {"30"}  # not on Visa's list: it is what ISO 8583 says
    assert {row.code for row in iso8583.ROWS if row.network != MASTERCARD} - shared <= listed


def test_no_approval_is_in_the_tables_of_declines() -> None:
    assert {row.code for row in iso8583.ROWS} & {"00", "08", "10", "11", "85", "87"} == set()


def test_visa_categories_are_one_to_four() -> None:
    assert {row.category for row in visa.ROWS} == {1, 2, 3, 4}


def test_no_code_of_category_one_may_be_retried_by_its_own_default() -> None:
    """Visa's "never" must not meet a standard code that says "try again now"."""
    never = {row.code for row in visa.ROWS if row.category == visa.NEVER and row.until is None}
    own = {row.code: row for row in iso8583.ROWS if row.network in {VISA, "all"}}
    actions = {standard.STANDARD[own[code].standard].advice.action for code in never}
    assert not actions & {AdviceAction.RETRY_NOW, AdviceAction.RETRY_LATER}


def test_the_exact_waits_of_mastercard() -> None:
    waits = {row.code: row.advice.wait for row in mastercard.ADVICE if row.advice and row.advice.wait}
    assert waits == {
        "02": timedelta(hours=72),
        "24": timedelta(hours=1),
        "25": timedelta(hours=24),
        "26": timedelta(days=2),
        "27": timedelta(days=4),
        "28": timedelta(days=6),
        "29": timedelta(days=8),
        "30": timedelta(days=10),
    }


def test_categories_of_visa_hold_for_every_day_since_they_began() -> None:
    """Rows that follow each other in time leave no gap."""
    for code in {row.code for row in visa.ROWS}:
        rows = sorted((row for row in visa.ROWS if row.code == code), key=lambda row: row.since or date.min)
        for earlier, later in pairwise(rows):
            assert earlier.until == later.since
