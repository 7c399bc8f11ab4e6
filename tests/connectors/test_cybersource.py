"""What is special about CyberSource: signed requests, bodies word by word, digits beside words."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.connectors.cases import CASES
from tests.connectors.conformance import NOW, a_card, a_token, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.base import Browser, HttpRequest
from recoup.outcomes.codes.processors import TABLES
from recoup.outcomes.core import ActionRequired

CASE = CASES["cybersource"]


def sent(verb: str, **ask: Any) -> HttpRequest:
    """The last request; the processor answers well."""
    request = drive(CASE.asked(verb, ask=ask), CASE.good[verb]).sent[-1]
    assert isinstance(request, HttpRequest)
    return request


def body(verb: str, **ask: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(sent(verb, **ask).body)
    return found


def test_a_charge_word_by_word() -> None:
    assert body("charge", remember=True) == {
        "clientReferenceInformation": {"code": KEY, "comments": "order-1"},
        "processingInformation": {
            "capture": True,
            "commerceIndicator": "internet",
            "actionList": ["TOKEN_CREATE"],
            "actionTokenTypes": ["customer", "paymentInstrument"],
            "authorizationOptions": {
                "partialAuthIndicator": False,
                "initiator": {"type": "customer", "credentialStoredOnFile": True},
            },
        },
        "paymentInformation": {
            "card": {
                "number": "4242424242424242",
                "expirationMonth": "12",
                "expirationYear": "2031",
                "type": "001",
                "securityCode": "737",
            }
        },
        "orderInformation": {
            "amountDetails": {"totalAmount": "49.99", "currency": "EUR"},
            "billTo": {
                "firstName": "Wilhelmina",
                "lastName": "Ormsby",
                "address1": "1 Main Street",
                "locality": "Berlin",
                "postalCode": "94103-6677",
                "country": "DE",
                "email": "wilhelmina@example.com",
            },
        },
        "deviceInformation": {"ipAddress": "203.0.113.9"},
    }


def test_a_charge_by_the_merchant_names_the_one_agreed_to() -> None:
    processing = body("charge", initiator="merchant", agreement="recurring")["processingInformation"]
    assert processing["commerceIndicator"] == "recurring"
    assert processing["authorizationOptions"]["initiator"] == {
        "type": "merchant",
        "storedCredentialUsed": True,
        "merchantInitiatedTransaction": {"previousTransactionID": "141544217307196"},
    }


def test_a_saved_card_is_named_by_customer_and_payment_instrument() -> None:
    asked = body("charge", source=a_token())
    assert asked["paymentInformation"] == {
        "customer": {"id": "customer-1"},
        "paymentInstrument": {"id": "tok-secret-0000-of-a-saved-card"},
    }
    assert asked["processingInformation"]["authorizationOptions"]["initiator"] == {
        "type": "customer",
        "storedCredentialUsed": True,
    }


def test_a_card_of_no_known_brand_goes_without_a_type() -> None:
    asked = body("charge", source=replace(a_card(), brand="unknown"))
    assert "type" not in asked["paymentInformation"]["card"]


@pytest.mark.parametrize(
    ("verb", "ask", "signature", "covered"),
    [
        (
            "cancel",
            {},
            "3t84edRP5i2hcyQXlgTPh/hc3bLDgcNtD6CrXHEGPks=",
            "host date request-target digest v-c-merchant-id",
        ),
        (
            "lookup",
            {"reference": "7321098765436543210987"},
            "Ie/G1c95q+/dkE1LaJbw7fRUaOOwszJMBWQetzc8jpw=",
            "host date request-target v-c-merchant-id",
        ),
    ],
)
def test_the_signature_is_what_the_processors_own_client_makes(
    verb: str, ask: dict[str, Any], signature: str, covered: str
) -> None:
    """Made by cybersource-rest-client-python 0.0.80 of the same request, key and time."""
    request = drive(CASE.asked(verb, ask=ask), CASE.good["cancel"]).sent[-1]
    assert isinstance(request, HttpRequest)
    assert request.headers["Date"] == "Mon, 23 Nov 2026 05:00:00 GMT"
    assert request.secret_headers["Signature"] == (
        'keyid="08c94330-f618-42a3-b09d-e1e43be5efda", algorithm="HmacSHA256", '
        f'headers="{covered}", signature="{signature}"'
    )


def test_the_digest_is_of_the_body() -> None:
    request = sent("charge")
    expected = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
    assert request.headers["Digest"] == f"SHA-256={expected}"


def test_only_the_signature_depends_on_the_time() -> None:
    """So a request that is built again later is the same request."""
    later = replace(CASE, account=replace(CASE.account, now=NOW + timedelta(minutes=5)))
    one, other = sent("charge"), drive(later.asked("charge"), CASE.good["charge"]).sent[-1]
    assert isinstance(other, HttpRequest)
    assert (one.url, one.body) == (other.url, other.body)
    assert one.secret_headers != other.secret_headers


def test_a_secret_that_is_no_base64_signs_nothing() -> None:
    """The processor then refuses the request as not authorised."""
    credentials = {**CASE.account.credentials, "shared_secret": CASE.account.credentials["merchant_id"]}
    broken = replace(CASE, account=replace(CASE.account, credentials=credentials))
    request = drive(broken.asked("charge"), CASE.good["charge"]).sent[-1]
    assert isinstance(request, HttpRequest)
    assert request.secret_headers["Signature"].endswith('signature=""')


@pytest.mark.parametrize(
    ("capture_reference", "path"),
    [
        (None, "/pts/v2/payments/reference-1/refunds"),
        ("reference-1", "/pts/v2/payments/reference-1/refunds"),
        ("capture-1", "/pts/v2/captures/capture-1/refunds"),
    ],
)
def test_a_refund_is_of_the_capture_where_that_was_a_step_of_its_own(
    capture_reference: str | None, path: str
) -> None:
    assert sent("refund", capture_reference=capture_reference).url == f"https://apitest.cybersource.com{path}"


def test_every_word_of_its_answers_is_known() -> None:
    """The reasons that its API description lists for payments, captures, refunds, reversals and voids."""
    words = """
        AVS_FAILED CONTACT_PROCESSOR EXPIRED_CARD PROCESSOR_DECLINED INSUFFICIENT_FUND
        STOLEN_LOST_CARD ISSUER_UNAVAILABLE UNAUTHORIZED_CARD CVN_NOT_MATCH EXCEEDS_CREDIT_LIMIT
        INVALID_CVN BLOCKED_BY_CARDHOLDER DECLINED_CHECK BLACKLISTED_CUSTOMER SUSPENDED_ACCOUNT
        PAYMENT_REFUSED CV_FAILED INVALID_ACCOUNT GENERAL_DECLINE INVALID_MERCHANT_CONFIGURATION
        DECISION_PROFILE_REJECT SCORE_EXCEEDS_THRESHOLD PENDING_AUTHENTICATION
        ACH_VERIFICATION_FAILED CONSUMER_AUTHENTICATION_REQUIRED CONSUMER_AUTHENTICATION_FAILED
        ALLOWABLE_PIN_RETRIES_EXCEEDED PROCESSOR_ERROR CUSTOMER_WATCHLIST_MATCH
        ADDRESS_COUNTRY_WATCHLIST_MATCH EMAIL_COUNTRY_WATCHLIST_MATCH IP_COUNTRY_WATCHLIST_MATCH
        DAGGREJECTED DAGGDENIED DSYSREJECTED MISSING_FIELD INVALID_DATA DUPLICATE_REQUEST
        INVALID_CARD CARD_TYPE_NOT_ACCEPTED PROCESSOR_UNAVAILABLE INVALID_AMOUNT INVALID_CARD_TYPE
        INVALID_PAYMENT_ID NOT_SUPPORTED EXCEEDS_AUTH_AMOUNT AUTH_ALREADY_REVERSED
        TRANSACTION_ALREADY_SETTLED MISSING_AUTH TRANSACTION_ALREADY_REVERSED_OR_SETTLED
        CAPTURE_ALREADY_VOIDED ACCOUNT_NOT_ALLOWED_CREDIT NOT_VOIDABLE
    """.split()  # noqa: SIM905 - words read best as words
    codes = [row.code for row in TABLES["cybersource"]]
    assert set(words) <= set(codes)
    assert len(set(codes)) == len(codes)
    assert not {"100", "110", "151", "152", "250", "480", "DECISION_PROFILE_REVIEW"} & set(codes)


CALLBACK = "https://pay.example/actions/a-token/return"


def test_where_the_customer_can_be_challenged_they_are_authenticated_in_the_same_request() -> None:
    browser = Browser(
        "203.0.113.9", "Mozilla/5.0", "text/html", "de-DE", 24, 1280, 720, -60, java_enabled=False
    )
    asked = body("charge", callback_url=CALLBACK, browser=browser, remember=True)
    assert asked["processingInformation"]["actionList"] == ["CONSUMER_AUTHENTICATION", "TOKEN_CREATE"]
    assert asked["consumerAuthenticationInformation"] == {
        "deviceChannel": "BROWSER",
        "returnUrl": CALLBACK,
    }
    assert asked["deviceInformation"] == {
        "ipAddress": "203.0.113.9",
        "userAgentBrowserValue": "Mozilla/5.0",
        "httpAcceptContent": "text/html",
        "httpBrowserLanguage": "de-DE",
        "httpBrowserJavaScriptEnabled": "Y",
        "httpBrowserJavaEnabled": "N",
        "httpBrowserColorDepth": "24",
        "httpBrowserScreenWidth": "1280",
        "httpBrowserScreenHeight": "720",
        "httpBrowserTimeDifference": "-60",
    }


@pytest.mark.parametrize(
    "ask",
    [
        {"callback_url": None},
        {"callback_url": CALLBACK, "browser": None},
        {"callback_url": CALLBACK, "browser": Browser("203.0.113.9")},
        {"callback_url": CALLBACK, "initiator": "merchant"},
    ],
)
def test_nobody_is_authenticated_who_cannot_be_challenged(ask: dict[str, Any]) -> None:
    asked = body("charge", **ask)
    assert "consumerAuthenticationInformation" not in asked
    assert "actionList" not in asked["processingInformation"]


def test_an_account_without_the_service_never_asks_for_it() -> None:
    """Its payments would be refused for that."""
    told = {name: value for name, value in CASE.account.credentials.items() if name != "payer_authentication"}
    case = replace(CASE, account=replace(CASE.account, credentials=told))
    request = drive(case.asked("charge", ask={"callback_url": CALLBACK}), CASE.good["charge"]).sent[-1]
    assert b"CONSUMER_AUTHENTICATION" not in request.body


def test_a_completion_is_the_same_payment_with_the_challenge_we_kept() -> None:
    """What the browser brought back names another: it is not believed."""
    asked = body("complete", returned={"TransactionId": "somebody-elses", "MD": ""})
    assert asked["clientReferenceInformation"]["code"] == KEY
    assert asked["processingInformation"]["actionList"] == ["VALIDATE_CONSUMER_AUTHENTICATION"]
    assert asked["consumerAuthenticationInformation"] == {"authenticationTransactionId": "kept-0000"}
    assert asked["orderInformation"]["amountDetails"] == {"totalAmount": "49.99", "currency": "EUR"}
    assert "securityCode" not in asked["paymentInformation"]["card"]
    assert "somebody-elses" not in str(asked)


def test_what_opens_a_challenge_is_in_no_repr() -> None:
    [challenge] = [one for one in recorded("cybersource") if one.name == "charge-challenge"]
    told = drive(CASE.asked("charge", ask=challenge.ask), challenge.replies)
    assert isinstance(told.meant, ActionRequired)
    assert "eyJ" not in repr(told.meant)
    assert "3HHi" not in repr(told.meant)
