"""What is special to Mollie: its exact requests, the classic webhook, and signatures checked by its own SDK."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
from mollie.models import PaymentDetailsFailureReasonResponse as FailureReason
from mollie.models.status_reason import (
    StatusReasonCardSchemeResponse,
    StatusReasonMerchantResponse,
    StatusReasonTerminalResponse,
    StatusReasonVoucherResponse,
)
from mollie.utils.webhooks.signature_validator import InvalidSignatureException, SignatureValidator
from tests.connectors.cases import CASES
from tests.connectors.cases.mollie import ACCOUNT, sign
from tests.connectors.conformance import NOW, a_card, a_charge, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.base import (
    AskAgain,
    Authentic,
    Delivery,
    Forged,
    HttpRequest,
    HttpResponse,
    Token,
    Undecided,
)
from recoup.connectors.mollie import MOLLIE
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.codes.processors import TABLES
from recoup.outcomes.core import Approved, Unknown, Unprocessed

CASE: Final = CASES["mollie"]
CARD_TOKEN: Final = Token(Secret("tkn_0000norealtoken"), brand="visa")
NOBODY: Final = [HttpResponse(500, {}, b"")]
APPROVED_STATUSES: Final = {"approved_or_completed_successfully"}
"""Among the status reasons there is one that is no decline."""


def replies_of(name: str) -> Any:
    return next(one.replies for one in recorded("mollie") if f"{one.folder}/{one.name}" == name)


def sent(verb: str, name: str, **ask: Any) -> list[HttpRequest]:
    return list(drive(CASE.asked(verb, ask=ask), replies_of(name)).sent)


def json_reply(value: object, status: int = 201) -> HttpResponse:
    return HttpResponse(status, {}, msgspec.json.encode(value))


def test_a_mandate_is_charged_in_the_background() -> None:
    (request,) = sent("charge", "approved/charge", initiator="merchant")
    assert (request.method, request.url) == ("POST", "https://api.mollie.com/v2/payments")
    assert request.headers == {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    assert request.secret_headers == {"Authorization": "Bearer test_0000noRealApiKeyOfMollie0000"}
    assert msgspec.json.decode(request.body) == {
        "amount": {"currency": "EUR", "value": "49.99"},
        "description": "order-1",
        "metadata": {"recoup_key": KEY, "recoup_payment": "pay_01kb0000000000000000000001"},
        "customerId": "customer-1",
        "sequenceType": "recurring",
        "mandateId": "tok-secret-0000-of-a-saved-card",
    }


def test_a_card_token_goes_over_the_checkout() -> None:
    (request,) = sent("charge", "pending/charge_checkout", source=CARD_TOKEN, capture=False)
    said = msgspec.json.decode(request.body)
    assert said["cardToken"] == "tkn_0000norealtoken"
    assert (said["method"], said["sequenceType"], said["captureMode"]) == ("creditcard", "oneoff", "manual")
    assert said["redirectUrl"] == "https://shop.example/after"
    assert "customerId" not in said


def test_to_remember_a_card_a_customer_is_made_first() -> None:
    """A mandate is somebody's. Making a customer moves nothing, and is not the request that carries the key."""
    customer = json_reply({"resource": "customer", "id": "cst_Rec0up", "mode": "test"})
    ask = {"source": CARD_TOKEN, "remember": True}
    told = drive(CASE.asked("charge", ask=ask), [customer, *replies_of("pending/charge_checkout")])
    made, charged = told.sent
    assert made.url.endswith("/v2/customers")
    said = msgspec.json.decode(charged.body)
    assert (said["sequenceType"], said["customerId"]) == ("first", "cst_Rec0up")
    assert charged.headers["Idempotency-Key"] == KEY
    failed = drive(CASE.asked("charge", ask=ask), NOBODY)
    assert len(failed.sent) == 1
    assert isinstance(failed.meant, Unprocessed)


@pytest.mark.parametrize(
    "ask",
    [
        {"source": a_card()},
        {"amount": Money(4999, "KWD")},
        {"source": Token(Secret("mdt_0000"))},
        {"source": CARD_TOKEN, "initiator": "merchant"},
        {"source": CARD_TOKEN, "return_url": None},
    ],
    ids=[
        "a card",
        "a currency",
        "a mandate of nobody",
        "a card token of a merchant",
        "nowhere to come back to",
    ],
)
def test_what_mollie_cannot_take_is_never_sent(ask: Any) -> None:
    told = drive(CASE.connector.charge(ACCOUNT, a_charge(**{"source": CASE.source, **ask})), NOBODY)
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)


def test_a_hold_that_cannot_be_cancelled_is_released() -> None:
    asked, released = sent("cancel", "garbage/cancel_release")
    assert asked.method == "GET"
    assert (released.method, released.url) == (
        "POST",
        "https://api.mollie.com/v2/payments/reference-1/release-authorization",
    )
    assert released.headers["Idempotency-Key"] == KEY


def test_the_newest_payments_are_read_back_to_the_time_of_sending() -> None:
    first, second = sent("lookup", "approved/lookup_on_the_second_page")
    assert first.url == "https://api.mollie.com/v2/payments?limit=200&sort=desc"
    assert second.url == "https://api.mollie.com/v2/payments?limit=200&sort=desc&from=tr_Next"
    assert len(sent("lookup", "garbage/lookup_not_found")) == 1, "what is older cannot be ours"


def test_looking_through_pages_ends() -> None:
    following = {"href": "https://api.mollie.com/v2/payments?from=tr_Next"}
    endless = json_reply({"_embedded": {"payments": []}, "_links": {"next": following}}, 200)
    told = drive(CASE.asked("lookup"), [endless])
    assert len(told.sent) == 6
    assert isinstance(told.meant, Unknown)


def test_payments_that_cannot_be_read_hide_no_other() -> None:
    """A list holds payments of every kind; only ours must be understood."""
    (page,) = replies_of("approved/lookup")
    said = page.json()
    said["_embedded"]["payments"].insert(0, {"resource": "payment", "id": 7, "metadata": ["?"]})
    assert isinstance(drive(CASE.asked("lookup"), [json_reply(said, 200)]).meant, Approved)


@pytest.mark.parametrize(
    "reasons",
    [
        FailureReason,
        StatusReasonCardSchemeResponse,
        StatusReasonMerchantResponse,
        StatusReasonTerminalResponse,
        StatusReasonVoucherResponse,
    ],
)
def test_every_reason_that_mollies_own_sdk_knows_is_in_our_table(reasons: Any) -> None:
    ours = {row.code for row in TABLES["mollie"]}
    assert {reason.value for reason in reasons} - APPROVED_STATUSES <= ours


def classic(body: bytes, **changes: Any) -> Delivery:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return replace(Delivery(headers, body, NOW, "https://recoup.example"), **changes)


def test_a_classic_webhook_is_authentic_if_the_payment_is_this_accounts() -> None:
    delivery = classic(b"id=tr_Rec0upPaymentOne")
    known = json_reply({"resource": "payment", "id": "tr_Rec0upPaymentOne", "status": "paid"}, 200)
    whole = drive(MOLLIE.authenticate(ACCOUNT, delivery), replies_of("approved/lookup_first_payment"))
    assert [request.url for request in whole.sent] == [
        "https://api.mollie.com/v2/payments/tr_Rec0upPaymentOne"
    ]
    assert isinstance(whole.meant, Authentic)
    for reply in (*replies_of("garbage/lookup_no_such_payment"), known):
        assert isinstance(drive(MOLLIE.authenticate(ACCOUNT, delivery), [reply]).meant, Forged)


def test_a_classic_webhook_waits_for_a_mollie_that_does_not_answer() -> None:
    """What is dropped then is lost: the payment may well be ours."""
    for status in (429, 500, 503):
        reply = HttpResponse(status, {}, b"")
        delivery = classic(b"id=tr_Rec0upPaymentOne")
        assert isinstance(drive(MOLLIE.authenticate(ACCOUNT, delivery), [reply]).meant, Undecided)


def test_a_classic_webhook_says_only_that_something_changed() -> None:
    (notice,) = MOLLIE.notices(ACCOUNT, classic(b"id=tr_Rec0upPaymentOne"))
    assert isinstance(notice.meaning, AskAgain)
    assert notice.reference == "tr_Rec0upPaymentOne"


def test_each_classic_webhook_is_news() -> None:
    """They are the same to the byte when a payment is paid, and when it is refunded later."""
    first, second = (
        MOLLIE.notices(ACCOUNT, classic(b"id=tr_1", received_at=NOW + later))[0]
        for later in (timedelta(0), timedelta(hours=1))
    )
    assert first.event_id != second.event_id


@pytest.mark.parametrize("body", [b"", b"id=", b"id=../../v2/customers", b"id=tr_1&x=1", b"id=re_1", b"{}"])
def test_what_names_no_payment_asks_nothing_of_mollie(body: bytes) -> None:
    told = drive(MOLLIE.authenticate(ACCOUNT, classic(body)), NOBODY)
    assert not told.sent
    assert isinstance(told.meant, Forged)


def test_a_bad_signature_is_not_read_as_a_classic_webhook() -> None:
    told = drive(
        MOLLIE.authenticate(ACCOUNT, classic(b"id=tr_1", headers={"x-mollie-signature": "sha256=00"})), NOBODY
    )
    assert not told.sent
    assert isinstance(told.meant, Forged)


BODIES: Final = [one.body for one in recorded("mollie") if one.folder == "webhooks"]


@pytest.mark.parametrize("body", BODIES)
def test_mollies_own_sdk_takes_the_deliveries_that_we_take(body: bytes) -> None:
    signature = sign(ACCOUNT, body, NOW).headers["x-mollie-signature"]
    secret = ACCOUNT.credential("webhook_secret")
    assert SignatureValidator.validate(body.decode(), secret, signature)
    with pytest.raises(InvalidSignatureException):
        SignatureValidator.validate(body.decode() + " ", secret, signature)


@pytest.mark.parametrize("written", ["{0}", "sha256={0}", "sha256=00, sha256={0}"])
def test_we_take_the_signatures_that_mollies_own_sdk_makes(written: str) -> None:
    """Bare or with its prefix, and beside another while a secret is being changed."""
    body = BODIES[0]
    made = SignatureValidator.create_signature(body.decode(), ACCOUNT.credential("webhook_secret"))
    delivery = Delivery({"x-mollie-signature": written.format(made)}, body, NOW, "https://recoup.example")
    assert isinstance(drive(MOLLIE.authenticate(ACCOUNT, delivery), NOBODY).meant, Authentic)


def test_the_published_signature_is_ours_too() -> None:
    account = replace(ACCOUNT, credentials={"webhook_secret": Secret("test_webhook_secret")})
    signature = "e479a5e4aaa17db94cfc546071e10e91c0b37f21e464e751ebdd7d7ad2ffd146"
    body = b'{"id":"tr_12345","event_type":"payment-link.paid"}'
    delivery = Delivery({"x-mollie-signature": signature}, body, NOW, "https://recoup.example")
    assert isinstance(drive(MOLLIE.authenticate(account, delivery), NOBODY).meant, Authentic)
    assert MOLLIE.notices(account, delivery) == ()
