"""What is special to PayPal: one order that is paid once, found by its key, and certificates for its webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from tests.connectors.cases.paypal import (
    ACCOUNT,
    CASES,
    CERTIFICATE_URL,
    certificate,
    moves_money,
    said,
    sign,
)
from tests.connectors.conformance import NOW, NUMBER, Told, a_card, a_charge, a_question, a_token, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.base import Authentic, Delivery, Forged, HttpRequest, HttpResponse, Token
from recoup.connectors.paypal import PAYPAL
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.codes.processors.paypal import ROWS
from recoup.outcomes.core import Declined, Unknown, Unprocessed

CASE: Final = CASES[0]
OTHER_KEY: Final = generate_private_key(65537, 2048)
EVENT: Final = next(one.body for one in recorded("paypal") if one.folder == "webhooks")


def told(**words: Any) -> Told:
    return drive(PAYPAL.charge(ACCOUNT, a_charge(**words)), CASE.good["charge"])


def paid_with(**words: Any) -> dict[str, Any]:
    source: dict[str, Any] = said(http(told(**words))[-1])["payment_source"]
    return source


def http(sent: Told) -> Sequence[HttpRequest]:
    return [request for request in sent.sent if isinstance(request, HttpRequest)]


def test_the_access_token_comes_first_and_nothing_of_it_shows() -> None:
    first, *others = http(told())
    assert first.url == "https://api-m.sandbox.paypal.com/v1/oauth2/token"
    assert first.body == b"grant_type=client_credentials"
    assert first.secret_headers["Authorization"].startswith("Basic ")
    assert {one.secret_headers["Authorization"] for one in others} == {"Bearer A21AAF-0000-of-a-test"}


def test_an_order_is_made_without_saying_with_what_to_pay() -> None:
    """So making it again moves nothing, and shows what became of it."""
    _, order, _ = http(told())
    assert order.headers["PayPal-Request-Id"] == f"{KEY}-order"
    assert said(order) == {
        "intent": "CAPTURE",
        "purchase_units": [
            {"custom_id": KEY, "invoice_id": KEY, "amount": {"currency_code": "EUR", "value": "49.99"}}
        ],
    }


def test_the_order_is_paid_under_our_key() -> None:
    *_, paid = http(told())
    assert paid.url.endswith("/v2/checkout/orders/7BX41208TE903425M/capture")
    assert paid.headers["PayPal-Request-Id"] == KEY
    assert said(paid)["payment_source"]["card"] == {
        "number": NUMBER,
        "expiry": "2031-12",
        "security_code": "737",
        "name": "Wilhelmina Ormsby",
        "billing_address": {
            "address_line_1": "1 Main Street",
            "admin_area_2": "Berlin",
            "postal_code": "94103-6677",
            "country_code": "DE",
        },
        "experience_context": {
            "return_url": "https://shop.example/after",
            "cancel_url": "https://shop.example/after",
        },
        "attributes": {"verification": {"method": "SCA_WHEN_REQUIRED"}},
    }
    assert http(told(capture=False))[-1].url.endswith("/authorize")


def test_a_card_to_remember_says_so_to_the_networks_too() -> None:
    card = paid_with(remember=True)["card"]
    assert card["attributes"]["vault"] == {"store_in_vault": "ON_SUCCESS"}
    assert card["stored_credential"] == {
        "payment_initiator": "CUSTOMER",
        "payment_type": "UNSCHEDULED",
        "usage": "FIRST",
    }


def test_a_saved_card_and_a_saved_account_go_by_their_brand() -> None:
    saved = Token(Secret("8kk8451t"), brand="paypal")
    assert paid_with(source=a_token())["card"]["vault_id"] == a_token().value.reveal()
    assert paid_with(source=saved, initiator="merchant") == {
        "paypal": {
            "vault_id": "8kk8451t",
            "stored_credential": {"payment_initiator": "MERCHANT", "usage": "SUBSEQUENT"},
        }
    }


def test_a_charge_by_the_merchant_has_no_challenge_and_names_the_first_payment() -> None:
    card = paid_with(initiator="merchant", agreement="recurring")["card"]
    assert card["stored_credential"] == {
        "payment_initiator": "MERCHANT",
        "payment_type": "RECURRING",
        "usage": "SUBSEQUENT",
        "previous_network_transaction_reference": {"id": "141544217307196", "network": "VISA"},
    }
    assert not {"attributes", "experience_context", "security_code"} & card.keys()


def test_mastercards_trace_id_is_taken_apart() -> None:
    """It is put together when it comes: other processors take it whole."""
    card = replace(a_card(), brand="mastercard")
    source = paid_with(initiator="merchant", source=card, network_transaction_id="MCC1234561123")["card"]
    reference = source["stored_credential"]["previous_network_transaction_reference"]
    assert reference == {"id": "MCC123456", "date": "1123", "network": "MASTERCARD"}


@pytest.mark.parametrize(("minor", "currency"), [(499_050, "HUF"), (100_001, "TWD"), (4990, "KWD")])
def test_what_paypal_cannot_count_is_never_sent(minor: int, currency: str) -> None:
    meant = told(amount=Money(minor, currency))
    assert not meant.sent
    assert isinstance(meant.meant, Unprocessed)


def test_a_lookup_by_our_key_asks_for_the_very_order_of_the_charge() -> None:
    found = drive(PAYPAL.lookup(ACCOUNT, a_question()), CASE.good["lookup"])
    charged, asked = http(told())[1], http(found)[1]
    assert (asked.url, asked.headers, asked.body) == (charged.url, charged.headers, charged.body)
    assert not any(moves_money(request) for request in http(found))


def test_a_lookup_by_our_key_is_not_made_when_paypal_has_forgotten_it() -> None:
    """It would make a new order: an empty one, but one more every time."""
    question = replace(a_question(), sent_at=NOW - timedelta(days=2))
    found = drive(PAYPAL.lookup(ACCOUNT, question), CASE.good["lookup"])
    assert not found.sent
    assert isinstance(found.meant, Unknown)


def test_after_a_challenge_the_order_is_paid_under_a_key_of_its_own() -> None:
    """PayPal gives the same answer to the same key, and ours was answered with the challenge."""
    done = drive(CASE.asked("complete"), CASE.good["complete"])
    assert http(done)[-1].headers["PayPal-Request-Id"] == f"{KEY}-3ds"
    assert said(http(done)[-1]) == {}


def test_a_customer_who_did_not_authenticate_pays_nothing() -> None:
    (one,) = (one for one in recorded("paypal") if one.name == "complete_not_authenticated")
    done = drive(CASE.asked("complete"), one.replies)
    assert isinstance(done.meant, Declined)
    assert not any(moves_money(request) for request in http(done))


def verdict(delivery: Delivery, reply: HttpResponse | None = None) -> object:
    return drive(PAYPAL.authenticate(ACCOUNT, delivery), [reply or certificate()]).meant


def test_a_transmission_is_known_by_its_id() -> None:
    delivery = sign(ACCOUNT, EVENT, NOW)
    assert verdict(delivery) == Authentic(delivery.headers["paypal-transmission-id"])


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE_URL.replace("https:", "http:"),
        CERTIFICATE_URL.replace("api.sandbox.paypal.com", "api.sandbox.paypal.com.evil.example"),
        CERTIFICATE_URL.replace("api.sandbox.paypal.com", "evil.example/api.sandbox.paypal.com"),
        CERTIFICATE_URL.replace("api.sandbox.paypal.com", "api.sandbox.paypal.com@evil.example"),
        CERTIFICATE_URL.replace("api.sandbox.paypal.com", "api.paypal.com"),
        CERTIFICATE_URL + "/../../../v1/other",
        CERTIFICATE_URL + "\n",
        "",
    ],
)
def test_a_certificate_is_fetched_from_paypals_own_side_or_not_at_all(url: str) -> None:
    """Whoever chooses the certificate chooses the signature."""
    delivery = sign(ACCOUNT, EVENT, NOW)
    strange = replace(delivery, headers={**delivery.headers, "paypal-cert-url": url})
    asked = drive(PAYPAL.authenticate(ACCOUNT, strange), [certificate()])
    assert isinstance(asked.meant, Forged)
    assert not asked.sent


@pytest.mark.parametrize(
    "reply",
    [
        certificate(OTHER_KEY),
        certificate(owner="paypal.com.evil.example"),
        certificate(owner="evilpaypal.com"),
        certificate(start=NOW - timedelta(days=400)),
        certificate(start=NOW + timedelta(days=1)),
        replace(certificate(), status=404),
        HttpResponse(200, {}, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        HttpResponse(200, {}, b""),
    ],
    ids=["key", "owner", "suffix", "expired", "not yet", "status", "nonsense", "empty"],
)
def test_a_certificate_must_be_paypals_and_in_force(reply: HttpResponse) -> None:
    assert isinstance(verdict(sign(ACCOUNT, EVENT, NOW), reply), Forged)


@pytest.mark.parametrize("header", ["paypal-auth-algo", "paypal-transmission-id", "paypal-transmission-time"])
def test_what_the_signature_covers_cannot_be_changed(header: str) -> None:
    delivery = sign(ACCOUNT, EVENT, NOW)
    changed = {**delivery.headers, header: f"{delivery.headers[header]} "}
    assert isinstance(verdict(replace(delivery, headers=changed)), Forged)


def test_every_response_code_has_one_row() -> None:
    assert len({row.code for row in ROWS}) == len(ROWS)
