"""The default price book: a row for everything, each with its source, and processors that there are."""

from __future__ import annotations

from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.connectors.registry import CONNECTORS
from recoup.merchants.core import check_fees
from recoup.routing.core.exchange import RATES as EXCHANGE
from recoup.routing.core.prices import (
    EEA,
    LIST_PRICES,
    NO_LIST_PRICE,
    RATES,
    BookRate,
    ListPrice,
    Taker,
    book_rate,
    list_price,
)

WHERE: Final = st.none() | st.sampled_from(["US", "DE", "FR", "GB", "AU", "JP", "BR"])
BOOK: Final = [
    ("US", "US", "visa", "debit", 5, 22),
    ("US", "US", "mastercard", "credit", 189, 10),
    ("DE", "DE", "visa", "debit", 20, 0),
    ("DE", "FR", "mastercard", "credit", 30, 0),
    ("DE", "US", "visa", "debit", 115, 0),
    ("IS", "GB", "visa", "credit", 150, 0),
    ("GB", "GB", "visa", "prepaid", 20, 0),
    ("GB", "FR", "visa", "credit", 150, 0),
    ("AU", "AU", "visa", "credit", 30, 0),
    ("AU", "AU", "mastercard", "debit", 16, 0),
]


@pytest.mark.parametrize(("where", "issuer", "brand", "funding", "points", "fixed"), BOOK)
def test_what_issuers_take(
    where: str, issuer: str, brand: str, *, funding: str, points: int, fixed: int
) -> None:
    found = book_rate(
        Taker.ISSUER, country=where, issuer=issuer, brand=brand, funding=funding, on=date(2026, 11, 1)
    )
    assert (found.rate.basis_points, found.rate.fixed) == (points, fixed)
    assert not found.assumed


@given(
    taker=st.sampled_from(Taker),
    country=WHERE,
    issuer=WHERE,
    brand=st.sampled_from(["visa", "amex", "sepa_debit", "unknown"]),
    funding=st.sampled_from(["credit", "debit", "prepaid"]),
    on=st.none() | st.dates(),
)
def test_the_book_always_has_a_row(
    *, taker: Taker, country: str | None, issuer: str | None, brand: str, funding: str, on: date | None
) -> None:
    book_rate(taker, country=country, issuer=issuer, brand=brand, funding=funding, on=on)


def test_every_row_of_the_book_says_where_it_comes_from() -> None:
    rows: list[BookRate | ListPrice] = [*RATES, *LIST_PRICES, NO_LIST_PRICE]
    assert all(row.source and row.as_of <= date(2026, 11, 22) for row in rows)
    assert all(row.assumed == row.source.startswith("Recoup") or "Comgate" in row.source for row in rows)
    assert all(rate.currency in EXCHANGE for rate in RATES)
    assert len(EEA) == 30


def test_list_prices_are_of_processors_that_there_are_and_fees_that_could_be_said() -> None:
    for row in LIST_PRICES:
        check_fees(row.fees, brands=CONNECTORS[row.connector].capabilities.brands | {"amex"})
    for connector in CONNECTORS:
        assert list_price(connector, country="US").connector in {connector, NO_LIST_PRICE.connector}
    assert list_price("stripe", country="FR").fees.currency == "EUR"
    assert list_price("stripe", country=None).fees.currency == "USD"
    assert list_price("worldpay", country="GB") is NO_LIST_PRICE
