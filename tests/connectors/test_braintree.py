"""What is special to Braintree: its documents, its searches, and its own library's signatures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import braintree  # type: ignore[import-untyped]
import pytest
from braintree.exceptions.invalid_signature_error import (  # type: ignore[import-untyped]
    InvalidSignatureError,
)
from tests.connectors.cases.braintree import ACCOUNT, CASES, said, sign
from tests.connectors.conformance import NOW, NUMBER, a_charge, a_token, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.base import Authentic, Delivery, Forged, HttpResponse, Token
from recoup.connectors.braintree import BRAINTREE
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.codes.processors.braintree import ROWS
from recoup.outcomes.codes.standard import STANDARD
from recoup.outcomes.codes.words import Category, Hardness
from recoup.outcomes.core import Unprocessed

CASE: Final = CASES[0]
GATEWAY: Final = braintree.BraintreeGateway(
    braintree.Configuration(
        environment=braintree.Environment.Sandbox,
        merchant_id="acme",
        public_key=ACCOUNT.credential("public_key"),
        private_key=ACCOUNT.credential("private_key"),
    )
)
KINDS: Final = sorted(
    kind for name, kind in vars(braintree.WebhookNotification.Kind).items() if not name.startswith("_")
)
HARD: Final = {"2004", "2005", "2010", "2011", "2015", "2019", "2021", "2041", "2044", "2047", "2074", "2086"}


def sent(**words: Any) -> list[dict[str, Any]]:
    told = drive(BRAINTREE.charge(ACCOUNT, a_charge(**words)), CASE.good["charge"])
    return [said(request)["variables"]["input"] for request in told.sent]


def test_a_card_is_tokenized_whole_and_then_charged_by_its_token() -> None:
    tokenized, charged = sent()
    assert tokenized["creditCard"] == {
        "number": NUMBER,
        "expirationMonth": "12",
        "expirationYear": "2031",
        "cvv": "737",
        "cardholderName": "Wilhelmina Ormsby",
        "billingAddress": {
            "addressLine1": "1 Main Street",
            "adminArea2": "Berlin",
            "postalCode": "94103-6677",
            "countryCode": "DE",
        },
    }
    assert charged == {
        "clientMutationId": KEY,
        "paymentMethodId": "tokencc_bh_x4v8kd_7gq2ns_p1m9rt_c6w3zy_2h7",
        "transaction": {
            "amount": "49.99",
            "merchantAccountId": "acme_eur",
            "orderId": KEY,
            "riskData": {"customerIp": "203.0.113.9", "customerBrowser": "Mozilla/5.0"},
            "customerDetails": {"email": "wilhelmina@example.com"},
        },
    }


def test_a_charge_by_the_merchant_names_what_the_card_was_stored_with() -> None:
    charged = sent(initiator="merchant")[-1]
    assert charged["transaction"]["paymentInitiator"] == "UNSCHEDULED"
    assert charged["options"] == {
        "externalVault": {"status": "VAULTED", "verifyingNetworkTransactionId": "141544217307196"}
    }
    assert (
        sent(initiator="merchant", agreement="recurring")[-1]["transaction"]["paymentInitiator"]
        == "RECURRING"
    )


def test_what_is_to_be_remembered_is_stored_where_it_was_for_one_use() -> None:
    """A method that is stored already is not stored again."""
    kept = {"when": "ON_SUCCESSFUL_TRANSACTION"}
    nonce = Token(Secret("tokencc_bh_of_the_browser"))
    assert sent(remember=True)[-1]["transaction"]["vaultPaymentMethodAfterTransacting"] == kept
    assert sent(remember=True, source=nonce)[-1]["transaction"]["vaultPaymentMethodAfterTransacting"] == kept
    assert (
        "vaultPaymentMethodAfterTransacting" not in sent(remember=True, source=a_token())[-1]["transaction"]
    )


def test_a_saved_method_is_charged_in_one_request_and_never_with_anothers_address() -> None:
    (charged,) = sent(source=a_token(), capture=False)
    assert charged["paymentMethodId"] == a_token().value.reveal()
    assert charged["transaction"].keys() == {"amount", "merchantAccountId", "orderId", "riskData"}


def test_a_currency_without_a_merchant_account_is_never_sent() -> None:
    """Its amount would be taken in the currency of the default merchant account."""
    told = drive(BRAINTREE.charge(ACCOUNT, a_charge(amount=Money(4999, "USD"))), CASE.good["charge"])
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)


def test_the_version_of_the_api_is_pinned() -> None:
    for request in drive(BRAINTREE.charge(ACCOUNT, a_charge()), CASE.good["charge"]).sent:
        assert request.url == "https://payments.sandbox.braintree-api.com/graphql"
        assert request.headers["Braintree-Version"] == "2025-02-12"


@pytest.mark.parametrize("kind", KINDS)
def test_what_braintrees_own_library_signs_is_authentic_and_read(kind: str) -> None:
    sample = GATEWAY.webhook_testing.sample_notification(kind, "my_id")
    fields = {"bt_signature": sample["bt_signature"], "bt_payload": sample["bt_payload"].decode()}
    delivery = Delivery({}, braintree_form(fields), NOW + timedelta(days=1), "https://pay.example/webhooks")
    assert isinstance(
        drive(BRAINTREE.authenticate(ACCOUNT, delivery), [HttpResponse(500, {})]).meant, Authentic
    )
    (notice,) = BRAINTREE.notices(ACCOUNT, delivery)
    assert notice.event_id
    assert notice.occurred_at


@pytest.mark.parametrize("one", [one for one in recorded("braintree") if one.folder == "webhooks"], ids=str)
def test_what_we_sign_is_authentic_to_braintrees_own_library(one: Any) -> None:
    """So the fixtures are signed as Braintree signs, and the laws about forgeries mean something."""
    fields = form(sign(ACCOUNT, one.body, NOW))
    parsed = GATEWAY.webhook_notification.parse(fields["bt_signature"], fields["bt_payload"])
    assert parsed.kind
    with pytest.raises(InvalidSignatureError):
        GATEWAY.webhook_notification.parse(fields["bt_signature"], fields["bt_payload"].replace("A", "B", 1))


def test_a_signature_by_another_public_key_does_not_count() -> None:
    fields = form(sign(ACCOUNT, b"<notification/>", NOW))
    digest = fields["bt_signature"].partition("|")[2]
    for signature in (f"somebody|{digest}", digest, "|", f"|{digest}"):
        body = braintree_form({**fields, "bt_signature": signature})
        delivery = replace(sign(ACCOUNT, b"", NOW), body=body)
        assert isinstance(
            drive(BRAINTREE.authenticate(ACCOUNT, delivery), [HttpResponse(500, {})]).meant, Forged
        )


def test_every_response_has_a_row_and_hard_ones_are_hard_or_the_merchants_own_trouble() -> None:
    rows = {row.code: row for row in ROWS}
    assert len(rows) == len(ROWS)
    assert {str(code) for code in range(2000, 3001)} <= rows.keys()
    for code in HARD:
        row = rows[code]
        standard = STANDARD[row.standard]
        stops = row.advice is not None and row.advice.stops
        assert (
            standard.hardness is Hardness.HARD
            or stops
            or standard.category is Category.MERCHANT_CONFIGURATION
        )


def form(delivery: Delivery) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(delivery.body.decode()).items()}


def braintree_form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()
