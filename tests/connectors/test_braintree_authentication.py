"""3-D Secure at Braintree: who is authenticated, what the issuer is told, and what is charged afterwards."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any, Final

import pytest
from tests.connectors.cases.braintree import ACCOUNT, CASES, moves_money, said
from tests.connectors.conformance import (
    NUMBER,
    Told,
    a_charge,
    a_completion,
    a_token,
    an_authentication,
    drive,
)
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.base import Billing, Browser, HttpResponse, Token
from recoup.connectors.braintree import BRAINTREE
from recoup.kit.secret import Secret
from recoup.outcomes.core import ActionRequired, Approved, Declined, Unknown, Unprocessed

CASE: Final = CASES[0]
METHOD: Final = "84294a9b-8d1d-04ed-7e25-c1cab84f06ed"
CALLBACK: Final = "https://pay.example/actions/a-token/return"
SAVED: Final = Token(
    Secret(b64encode(b"paymentmethod_cc_0w28wtf6").decode().rstrip("=")), customer="customer-1", brand="visa"
)
BROWSER: Final = Browser(
    "203.0.113.9", "Mozilla/5.0", "text/html", "de-DE", 24, 1280, 720, -60, java_enabled=False
)
SAID_NO: Final = (
    "AUTHENTICATE_FAILED",
    "AUTHENTICATE_FRICTIONLESS_FAILED",
    "AUTHENTICATE_REJECTED",
    "AUTHENTICATE_SIGNATURE_VERIFICATION_FAILED",
)
BRAINTREE_DECIDES: Final = (
    *("AUTHENTICATE_SUCCESSFUL", "AUTHENTICATE_ATTEMPT_SUCCESSFUL", "AUTHENTICATE_UNABLE_TO_AUTHENTICATE"),
    *("AUTHENTICATION_UNAVAILABLE", "LOOKUP_NOT_ENROLLED", "UNSUPPORTED_CARD", "SKIPPED_DUE_TO_RULE"),
    "A_STATUS_OF_TOMORROW",
)


def replies(name: str) -> list[HttpResponse]:
    """The recorded answers of this name."""
    return list(next(one.replies for one in recorded("braintree") if f"{one.folder}/{one.name}" == name))


def charged(name: str = "approved/charge_frictionless", **words: Any) -> Told:
    """A charge of a customer who can be challenged."""
    billing = words.pop("billing", None)
    charge = a_charge(**{"callback_url": CALLBACK, "browser": BROWSER, **words})
    charge = charge if billing is None else replace(charge, billing=billing)
    return drive(BRAINTREE.charge(ACCOUNT, charge), replies(name))


def completed(name: str = "approved/complete", **kept: str) -> Told:
    """The same charge, once its customer is back."""
    asks = charged("pending/charge_challenge").meant
    assert isinstance(asks, ActionRequired)
    completion = a_completion(asks.reference, kept={**asks.kept, **kept}, returned={})
    return drive(BRAINTREE.complete(ACCOUNT, completion), replies(name))


def asked(told: Told) -> list[str]:
    """Which mutations and queries were sent."""
    return [said(request)["query"].split("{", 1)[1].split("(", 1)[0].strip() for request in told.sent]


def with_status(response: HttpResponse, status: str, *, was: str) -> HttpResponse:
    """The same answer with another status of the authentication."""
    return replace(response, body=response.body.replace(was.encode(), status.encode()))


def test_the_issuer_is_told_of_browser_and_cardholder_and_the_new_method_is_charged() -> None:
    told = charged()
    assert isinstance(told.meant, Approved)
    assert asked(told) == ["tokenizeCreditCard", "performThreeDSecureLookup", "chargeCreditCard"]
    _, lookup, charge = (said(request)["variables"]["input"] for request in told.sent)
    assert lookup == {
        "clientMutationId": KEY,
        "merchantAccountId": "acme_eur",
        "paymentMethodId": "tokencc_bh_x4v8kd_7gq2ns_p1m9rt_c6w3zy_2h7",
        "amount": "49.99",
        "transactionInformation": {
            "email": "wilhelmina@example.com",
            "ipAddress": "203.0.113.9",
            "deviceChannel": "BROWSER",
            "browserInformation": {
                "javaEnabled": False,
                "javascriptEnabled": True,
                "acceptHeader": "text/html",
                "language": "de-DE",
                "colorDepth": 24,
                "screenHeight": 720,
                "screenWidth": 1280,
                "timeZone": -60,
                "userAgent": "Mozilla/5.0",
            },
        },
        "cardholderInformation": {
            "billingAddress": {
                "givenName": "Wilhelmina",
                "surname": "Ormsby",
                "line1": "1 Main Street",
                "locality": "Berlin",
                "countryCode": "DE",
                "postalCode": "94103-6677",
            }
        },
    }
    assert (charge["paymentMethodId"], charge["transaction"]["orderId"]) == (METHOD, KEY)
    assert "options" not in charge, "the result is on the method"


def test_what_braintree_would_refuse_the_whole_request_for_is_left_out_or_cut() -> None:
    billing = Billing(
        name="Zoë Grün", phone="+49 (30) 123-45", line1="x" * 80, state="Brandenburg", postal_code="1" * 12
    )
    lookup = said(charged(billing=billing).sent[1])["variables"]["input"]
    assert lookup["cardholderInformation"]["billingAddress"] == {
        "phoneNumber": "493012345",
        "line1": "x" * 50,
        "postalCode": "1" * 10,
    }
    assert "cardholderInformation" not in said(charged(billing=Billing()).sent[1])["variables"]["input"]


@pytest.mark.parametrize(
    "words",
    [
        {"callback_url": None},
        {"browser": None},
        {"browser": Browser("203.0.113.9")},
        {"initiator": "merchant"},
        {"authentication": an_authentication()},
        {"source": a_token()},
        {"source": Token(Secret("tokencc_bh_of_the_shop"))},
        {"source": Token(Secret(b64encode(b"paymentmethod_pp_0000").decode()))},
    ],
    ids=[
        "no-page",
        "no-browser",
        "half-a-browser",
        "merchant",
        "elsewhere",
        "other-token",
        "one-use",
        "paypal",
    ],
)
def test_nobody_else_is_authenticated(words: dict[str, Any]) -> None:
    told = charged("approved/charge", **words)
    assert "performThreeDSecureLookup" not in asked(told)


def test_without_the_account_s_word_nobody_is() -> None:
    credentials = {name: one for name, one in ACCOUNT.credentials.items() if name != "three_d_secure"}
    charge = a_charge(callback_url=CALLBACK, browser=BROWSER)
    told = drive(BRAINTREE.charge(replace(ACCOUNT, credentials=credentials), charge), CASE.good["charge"])
    assert asked(told) == ["tokenizeCreditCard", "chargeCreditCard"]


def test_of_a_saved_card_the_new_method_is_charged_too() -> None:
    """It is for one charge, so that a second one cannot be."""
    charge = a_charge(callback_url=CALLBACK, browser=BROWSER, source=SAVED)
    told = drive(BRAINTREE.charge(ACCOUNT, charge), replies("approved/charge_frictionless")[1:])
    assert isinstance(told.meant, Approved)
    lookup, charged_ = (said(request)["variables"]["input"] for request in told.sent)
    assert lookup["paymentMethodId"] == SAVED.value.reveal()
    assert charged_["paymentMethodId"] == METHOD
    assert asked(told) == ["performThreeDSecureLookup", "chargeCreditCard"]


@pytest.mark.parametrize("status", SAID_NO)
def test_an_issuer_that_said_no_ends_it_and_nothing_is_charged(status: str) -> None:
    tokenized, lookup, charge = replies("approved/charge_frictionless")
    answers = [tokenized, with_status(lookup, status, was="AUTHENTICATE_SUCCESSFUL"), charge]
    told = drive(BRAINTREE.charge(ACCOUNT, a_charge(callback_url=CALLBACK, browser=BROWSER)), answers)
    assert isinstance(told.meant, Declined)
    assert (told.meant.decline.code, told.meant.decline.raw) == (
        "authentication_required",
        {"authentication": status},
    )
    assert not [request for request in told.sent if moves_money(request)]


@pytest.mark.parametrize("status", BRAINTREE_DECIDES)
def test_where_the_issuer_did_not_say_no_braintree_decides(status: str) -> None:
    tokenized, lookup, charge = replies("approved/charge_frictionless")
    answers = [tokenized, with_status(lookup, status, was="AUTHENTICATE_SUCCESSFUL"), charge]
    told = drive(BRAINTREE.charge(ACCOUNT, a_charge(callback_url=CALLBACK, browser=BROWSER)), answers)
    assert isinstance(told.meant, Approved)
    read, charge = replies("approved/complete")
    answers = [with_status(read, status, was="AUTHENTICATE_SUCCESSFUL"), charge]
    completion = a_completion(KEY, kept={"paymentMethodId": METHOD}, returned={})
    assert isinstance(drive(BRAINTREE.complete(ACCOUNT, completion), answers).meant, Approved)


@pytest.mark.parametrize(
    "missing",
    [
        b'"acsUrl":"https://acs.bank.example/challenge?of=0000",',
        b'"pareq":"eyJtZXNzYWdlVHlwZSI6IkNSZXEifQ",',
        b'"md":"bWQtMDAwMA",',
    ],
)
def test_a_challenge_that_is_not_told_whole_is_a_decline(missing: bytes) -> None:
    tokenized, lookup = replies("pending/charge_challenge")
    assert missing in lookup.body
    answers = [tokenized, replace(lookup, body=lookup.body.replace(missing, b""))]
    told = drive(BRAINTREE.charge(ACCOUNT, a_charge(callback_url=CALLBACK, browser=BROWSER)), answers)
    assert isinstance(told.meant, Declined)


@pytest.mark.parametrize(
    "url", [b"http://acs.bank.example/", b"javascript:alert(1)", b"https://b\xc3\xbccher/"]
)
def test_a_challenge_is_shown_from_an_address_that_is_safe_to_show(url: bytes) -> None:
    tokenized, lookup = replies("pending/charge_challenge")
    changed = lookup.body.replace(b"https://acs.bank.example/challenge?of=0000", url)
    answers = [tokenized, replace(lookup, body=changed)]
    told = drive(BRAINTREE.charge(ACCOUNT, a_charge(callback_url=CALLBACK, browser=BROWSER)), answers)
    assert isinstance(told.meant, Declined)


def test_a_lookup_of_another_charge_is_not_believed() -> None:
    tokenized, lookup, charge = replies("approved/charge_frictionless")
    answers = [tokenized, replace(lookup, body=lookup.body.replace(KEY.encode(), b"att_another")), charge]
    told = drive(BRAINTREE.charge(ACCOUNT, a_charge(callback_url=CALLBACK, browser=BROWSER)), answers)
    assert isinstance(told.meant, Unprocessed)
    assert not [request for request in told.sent if moves_money(request)]


def test_the_charge_that_goes_on_names_the_method_of_the_challenge_and_our_key() -> None:
    told = completed()
    assert isinstance(told.meant, Approved)
    assert asked(told) == ["node", "chargeCreditCard"]
    read, charge = (said(request)["variables"] for request in told.sent)
    assert read == {"id": METHOD}
    assert charge["input"] == {
        "clientMutationId": KEY,
        "paymentMethodId": METHOD,
        "transaction": {"amount": "49.99", "merchantAccountId": "acme_eur", "orderId": KEY},
    }
    assert not [request for request in told.sent if NUMBER.encode() in request.body]


def test_what_was_to_be_stored_is_stored_then() -> None:
    told = completed("approved/complete_remembered", stored="on", paymentInitiator="RECURRING_FIRST")
    transaction = said(told.sent[-1])["variables"]["input"]["transaction"]
    assert transaction["paymentInitiator"] == "RECURRING_FIRST"
    assert transaction["vaultPaymentMethodAfterTransacting"] == {"when": "ON_SUCCESSFUL_TRANSACTION"}
    assert isinstance(told.meant, Approved)
    assert told.meant.token is not None
    assert isinstance(unkept := completed("approved/complete_remembered").meant, Approved)
    assert unkept.token is None


def test_who_comes_back_too_early_is_awaited_at_the_same_page() -> None:
    asks = charged("pending/charge_challenge").meant
    assert completed("pending/complete_nobody_was_there").meant == asks
    assert completed("pending/complete_not_read").meant == asks


def test_what_browsers_bring_decides_nothing() -> None:
    asks = charged("pending/charge_challenge").meant
    assert isinstance(asks, ActionRequired)
    brought = {"paymentMethodId": "another", "auth_response": '{"liabilityShifted":true}'}
    completion = a_completion(asks.reference, kept=asks.kept, returned=brought)
    told = drive(BRAINTREE.complete(ACCOUNT, completion), replies("pending/complete_nobody_was_there"))
    assert told.meant == asks
    assert said(told.sent[0])["variables"] == {"id": METHOD}


def test_without_a_method_it_is_asked_what_became_of_the_charge() -> None:
    told = drive(BRAINTREE.complete(ACCOUNT, a_completion(KEY, kept={})), CASE.good["lookup"])
    assert asked(told) == ["search { transactions"]
    assert isinstance(told.meant, Approved)


def test_without_a_challenge_to_show_again_it_is_unknown() -> None:
    completion = a_completion(KEY, kept={"paymentMethodId": METHOD})
    told = drive(BRAINTREE.complete(ACCOUNT, completion), replies("pending/complete_nobody_was_there"))
    assert isinstance(told.meant, Unknown)
