"""What codes of networks and words of processors mean."""

from __future__ import annotations

from datetime import date

import pytest

from recoup.disputes.codes.processors import PROCESSORS
from recoup.disputes.codes.words import Category
from recoup.disputes.core.reasons import NETWORKS, category_of, reason_code


@pytest.mark.parametrize(
    ("reason", "network", "category"),
    [
        ("10.4", "visa", Category.FRAUDULENT),
        ("10.4", None, Category.FRAUDULENT),
        ("13.1", "visa", Category.PRODUCT_NOT_RECEIVED),
        ("12.6.1", "visa", Category.DUPLICATE),
        ("4808", "mastercard", Category.AUTHORIZATION),
        ("4834", "mastercard", Category.PROCESSING_ERROR),
        ("4837", None, Category.FRAUDULENT),
        ("4853", "mastercard", Category.PRODUCT_UNACCEPTABLE),
        ("4855", "mastercard", Category.PRODUCT_NOT_RECEIVED),
        ("C28", "amex", Category.SUBSCRIPTION_CANCELED),
        ("f29", "amex", Category.FRAUDULENT),
        ("RN2", "discover", Category.CREDIT_NOT_PROCESSED),
        ("UA02", "diners", Category.FRAUDULENT),
        ("subscription_canceled", "visa", Category.SUBSCRIPTION_CANCELED),
        ("MERCHANDISE_OR_SERVICE_NOT_RECEIVED", None, Category.PRODUCT_NOT_RECEIVED),
        ("NO_KNOWLEDGE", "visa", Category.FRAUDULENT),
        ("not-recognized", None, Category.UNRECOGNIZED),
        ("99.9", "visa", Category.GENERAL),
        ("4837", "visa", Category.GENERAL),
        (None, "visa", Category.GENERAL),
    ],
)
def test_a_reason_has_its_category(reason: str | None, network: str | None, category: Category) -> None:
    assert category_of(reason, network, is_warning=False) is category


def test_an_early_warning_without_a_reason_is_one_of_fraud() -> None:
    assert category_of(None, "visa", is_warning=True) is Category.FRAUDULENT
    assert category_of("13.1", "visa", is_warning=True) is Category.PRODUCT_NOT_RECEIVED


def test_every_row_has_its_source_and_date_and_says_something_of_its_own() -> None:
    for table in (*NETWORKS.values(), PROCESSORS):
        assert len({one.code for one in table}) == len(table)
        for one in table:
            assert one.source and one.meaning.endswith(".") and one.as_of <= date(2026, 12, 31)


def test_every_code_of_a_network_is_found_by_its_network() -> None:
    for network, table in NETWORKS.items():
        assert all(reason_code(one.code, network) is one for one in table)
