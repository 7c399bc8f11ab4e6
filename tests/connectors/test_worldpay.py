"""What is special to Worldpay: its exact requests, addresses of next steps that it tells, and several signatures."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import Any, Final

import msgspec
import pytest
from tests.connectors.cases import CASES
from tests.connectors.cases.worldpay import ACCOUNT, sign
from tests.connectors.conformance import NOW, NUMBER, a_charge, a_token, drive
from tests.connectors.recorded import CHARGE_KEY, KEY, recorded

from recoup.connectors.base import (
    Agreement,
    Authentic,
    Billing,
    Browser,
    Delivery,
    Forged,
    HttpRequest,
    HttpResponse,
)
from recoup.connectors.worldpay import WORLDPAY
from recoup.kit.money import Money
from recoup.outcomes.core import Refused, Unprocessed

CASE: Final = CASES["worldpay"]
NOBODY: Final = [HttpResponse(500, {}, b"")]


def replies_of(name: str) -> Any:
    return next(one.replies for one in recorded("worldpay") if f"{one.folder}/{one.name}" == name)


def sent(verb: str, name: str, **ask: Any) -> list[HttpRequest]:
    return list(drive(CASE.asked(verb, ask=ask), replies_of(name)).sent)


def instruction(name: str = "approved/charge", verb: str = "charge", **ask: Any) -> dict[str, Any]:
    (request,) = sent(verb, name, **ask)
    said: dict[str, dict[str, Any]] = msgspec.json.decode(request.body)
    return said["instruction"]


def test_a_card_is_charged_under_our_transaction_reference() -> None:
    (request,) = sent("charge", "approved/charge")
    assert (request.method, request.url) == ("POST", "https://try.access.worldpay.com/api/payments")
    assert request.headers["WP-Api-Version"] == "2024-06-01"
    scheme, _, pair = request.secret_headers["Authorization"].partition(" ")
    assert (scheme, b64decode(pair)) == ("Basic", b"no-real-user-0000:no-real-password-0000")
    assert msgspec.json.decode(request.body) == {
        "transactionReference": KEY,
        "merchant": {"entity": "default"},
        "instruction": {
            "method": "card",
            "paymentInstrument": {
                "type": "plain",
                "cardNumber": NUMBER,
                "expiryDate": {"month": 12, "year": 2031},
                "cardHolderName": "Wilhelmina Ormsby",
                "cvc": "737",
                "billingAddress": {
                    "address1": "1 Main Street",
                    "city": "Berlin",
                    "postalCode": "94103-6677",
                    "countryCode": "DE",
                },
            },
            "narrative": {"line1": "Recoup Tests"},
            "value": {"currency": "EUR", "amount": 4999},
            "settlement": {"auto": True},
        },
    }


def test_a_hold_is_not_settled_by_itself() -> None:
    assert instruction(capture=False)["settlement"] == {"auto": False}


def test_a_card_to_be_remembered_is_stored_with_what_was_agreed() -> None:
    said = instruction(remember=True, agreement=Agreement.RECURRING)
    assert said["customerAgreement"] == {"type": "subscription", "storedCardUsage": "first"}
    assert said["tokenCreation"] == {"type": "worldpay"}


@pytest.mark.parametrize(
    ("agreement", "type_"), [(Agreement.RECURRING, "subscription"), (Agreement.UNSCHEDULED, "unscheduled")]
)
def test_a_later_payment_by_the_merchant_names_the_first(agreement: Agreement, type_: str) -> None:
    said = instruction(initiator="merchant", agreement=agreement)
    assert said["customerAgreement"] == {
        "type": type_,
        "storedCardUsage": "subsequent",
        "schemeReference": "141544217307196",
    }
    assert "cvc" not in said["paymentInstrument"]


def test_a_reference_that_worldpay_would_refuse_is_left_out() -> None:
    said = instruction(initiator="merchant", network_transaction_id="not a scheme's")
    assert "schemeReference" not in said["customerAgreement"]


def test_a_stored_card_is_used_by_its_address() -> None:
    said = instruction(source=a_token())
    assert said["paymentInstrument"] == {"type": "token", "href": "tok-secret-0000-of-a-saved-card"}
    assert said["customerAgreement"] == {"type": "cardOnFile", "storedCardUsage": "subsequent"}


def test_an_address_with_a_gap_is_not_sent() -> None:
    """Worldpay refuses a billing address without a street, a city or a country."""
    charge = replace(a_charge(), billing=Billing(country="DE", postal_code="10115"))
    (request,) = drive(WORLDPAY.charge(ACCOUNT, charge), replies_of("approved/charge")).sent
    assert b"billingAddress" not in request.body


def test_a_currency_whose_decimals_are_in_doubt_is_never_sent() -> None:
    told = drive(CASE.asked("charge", ask={"amount": Money(4999, "ISK")}), NOBODY)
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)


def test_a_card_is_checked_by_a_payment_of_nothing() -> None:
    said = instruction("approved/verify", "verify")
    assert said["value"] == {"currency": "EUR", "amount": 0}
    assert said["customerAgreement"] == {"type": "cardOnFile", "storedCardUsage": "first"}


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("capture", "/payments/settlements/partials/"),
        ("refund", "/payments/settlements/refunds/partials/"),
    ],
)
def test_a_step_is_asked_for_where_worldpay_says(verb: str, path: str) -> None:
    asked, request = sent(verb, f"pending/{verb}")
    assert asked.url == (
        f"https://try.access.worldpay.com/payments/events?transactionRef={CHARGE_KEY}&entity=default"
    )
    linked = "eyJrIjoxLCJkIjoiUmVjb3VwIn0%3D.sN%3Anothing-real"
    assert request.url == f"https://try.access.worldpay.com{path}{linked}"
    assert request.headers["Content-Type"] == "application/vnd.worldpay.payments-v7+json"
    assert msgspec.json.decode(request.body) == {
        "value": {"amount": 1000, "currency": "EUR"},
        "reference": KEY,
    }


def test_a_cancellation_has_no_body_and_its_key_beside_it() -> None:
    _, request = sent("cancel", "pending/cancel")
    assert "/payments/authorizations/cancellations/" in request.url
    assert request.body == b""
    assert request.headers["WP-CorrelationId"] == KEY


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example/payments/../steal",
        "https://try.access.worldpay.com/tokens/x",
        "//evil.example/x",
    ],
)
def test_no_link_leads_to_another_address_or_another_thing(href: str) -> None:
    """Our credentials go to the account's address only, whatever an answer says."""
    links = {"cardPayments:partialSettle": {"href": href}}
    reply = HttpResponse(200, {}, msgspec.json.encode({"lastEvent": "Authorized", "_links": links}))
    told = drive(CASE.asked("capture"), [reply])
    assert all(request.url.startswith("https://try.access.worldpay.com/payments/") for request in told.sent)
    assert len(told.sent) == 2 or isinstance(told.meant, Refused)


def test_a_refused_payment_is_asked_about_twice() -> None:
    short, whole = sent("lookup", "declined/lookup_refused")
    base = "https://try.access.worldpay.com/paymentQueries/payments"
    assert short.url == f"{base}?transactionReference={KEY}"
    assert whole.url == f"{base}/payRec0upAAAAAAAAAAAAAAA0"
    assert short.headers == {"Accept": "application/vnd.worldpay.payment-queries-v1.hal+json"}


BODY: Final = next(one.body for one in recorded("worldpay") if one.folder == "webhooks")
HEX: Final = sign(ACCOUNT, BODY, NOW).headers["event-signature"].rpartition("/")[2]


@pytest.mark.parametrize(
    "header", ["1/SHA256/{0}", "7/sha256/{0}", "1/SHA256/00, 2/SHA256/{0}", "2/SHA256/{0},1/SHA256/00"]
)
def test_one_good_signature_of_several_is_enough(header: str) -> None:
    """There are two while a shared secret is being changed, in any order."""
    delivery = Delivery({"event-signature": header.format(HEX)}, BODY, NOW, "https://recoup.example")
    assert isinstance(drive(WORLDPAY.authenticate(ACCOUNT, delivery), NOBODY).meant, Authentic)


@pytest.mark.parametrize(
    "header", ["{0}", "SHA256/{0}", "1/SHA512/{0}", "1/SHA256/{0}/x", "1/SHA256/", "", ",,//"]
)
def test_a_signature_in_another_form_is_a_forgery(header: str) -> None:
    delivery = Delivery({"event-signature": header.format(HEX)}, BODY, NOW, "https://recoup.example")
    assert isinstance(drive(WORLDPAY.authenticate(ACCOUNT, delivery), NOBODY).meant, Forged)


CALLBACK: Final = "https://pay.example/actions/a-token/return"


def test_a_customer_whose_browser_is_known_is_authenticated() -> None:
    browser = Browser(
        "203.0.113.9", "Mozilla/5.0", "text/html", "en-GB", 32, 900, 1200, 300, java_enabled=True
    )
    assert instruction(callback_url=CALLBACK, browser=browser)["threeDS"] == {
        "type": "integrated",
        "mode": "always",
        "challenge": {"returnUrl": CALLBACK},
        "deviceData": {
            "acceptHeader": "text/html",
            "userAgentHeader": "Mozilla/5.0",
            "browserLanguage": "en-GB",
            "browserScreenHeight": 1200,
            "browserScreenWidth": 900,
            "browserJavaEnabled": True,
            "browserColorDepth": "32",
            "timeZone": "300",
            "browserJavascriptEnabled": True,
            "channel": "browser",
        },
    }


@pytest.mark.parametrize(
    "ask",
    [
        {},
        {"callback_url": CALLBACK, "browser": Browser("203.0.113.9", "Mozilla/5.0")},
        {"callback_url": CALLBACK, "initiator": "merchant"},
    ],
)
def test_nobody_is_authenticated_who_cannot_be_challenged(ask: dict[str, Any]) -> None:
    assert "threeDS" not in instruction(**ask)


def test_an_entity_without_3d_secure_never_asks_for_it() -> None:
    """Its payments would be refused for that."""
    told = {name: value for name, value in ACCOUNT.credentials.items() if name != "three_d_secure"}
    case = replace(CASE, account=replace(ACCOUNT, credentials=told))
    (request,) = drive(
        case.asked("charge", ask={"callback_url": CALLBACK}), replies_of("approved/charge")
    ).sent
    assert b"threeDS" not in request.body


def test_each_step_goes_on_at_its_own_address_under_the_same_reference() -> None:
    kept = {"supply3dsDeviceData": "/api/payments/link/3dsDeviceData"}
    (request,) = sent(
        "complete", "pending/complete_challenged", kept=kept, returned={"SessionId": "0_1c", "x": "y"}
    )
    assert request.url == "https://try.access.worldpay.com/api/payments/link/3dsDeviceData"
    assert msgspec.json.decode(request.body) == {"collectionReference": "0_1c"}
    assert request.headers["WP-Api-Version"] == "2024-06-01"
    (request,) = sent("complete", "approved/complete", kept=kept, returned={"SessionId": ""})
    assert msgspec.json.decode(request.body) == {}, "where the look at the browser came to nothing"
    kept = {"complete3dsChallenge": "/api/payments/link/3dsChallenges"}
    (request,) = sent("complete", "approved/complete", kept=kept, returned={"SessionId": "0_1c"})
    assert request.url == "https://try.access.worldpay.com/api/payments/link/3dsChallenges"
    assert request.body == b""
