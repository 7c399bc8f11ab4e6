"""What is special to GoCardless: its exact requests, reason codes beside vague causes, signatures by its own SDK."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

import gocardless_pro.webhooks  # type: ignore[import-untyped]
import msgspec
import pytest
from gocardless_pro.errors import InvalidSignatureError  # type: ignore[import-untyped]
from tests.connectors.cases import CASES
from tests.connectors.cases.gocardless import ACCOUNT, sign
from tests.connectors.conformance import NOW, a_card, a_charge, a_token, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.base import Authentic, Delivery, Forged, HttpRequest, HttpResponse
from recoup.connectors.gocardless import GOCARDLESS
from recoup.connectors.gocardless.replies import SAYS_MORE, Details
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.codes.processors import TABLES
from recoup.outcomes.core import Unprocessed

CASE: Final = CASES["gocardless"]
ROWS: Final = {row.code for row in TABLES["gocardless"]}
TODAY: Final = date(2026, 11, 23)
SECRET: Final = "ED7D658C-D8EB-4941-948B-3973214F2D49"
SIGNATURE: Final = "2693754819d3e32d7e8fcb13c729631f316c6de8dc1cf634d6527f1c07276e7e"
BODY: Final = (
    b'{"events":[{"id":"EV00BD05S5VM2T","created_at":"2018-07-05T09:13:51.404Z","resource_type":"subscriptions",'
    b'"action":"created","links":{"subscription":"SB0003JJQ2MR06"},"details":{"origin":"api",'
    b'"cause":"subscription_created","description":"Subscription created via the API."},"metadata":{}},'
    b'{"id":"EV00BD05TB8K63","created_at":"2018-07-05T09:13:56.893Z","resource_type":"mandates",'
    b'"action":"created","links":{"mandate":"MD000AMA19XGEC"},"details":{"origin":"api","cause":"mandate_created",'
    b'"description":"Mandate created via the API."},"metadata":{}}]}'
)
"""The vector that GoCardless publishes with its SDKs."""


def replies_of(name: str) -> Any:
    return next(one.replies for one in recorded("gocardless") if f"{one.folder}/{one.name}" == name)


def sent(verb: str, name: str, **ask: Any) -> list[HttpRequest]:
    return list(drive(CASE.asked(verb, ask=ask), replies_of(name)).sent)


def test_a_payment_is_asked_for_on_its_mandate() -> None:
    (request,) = sent("charge", "pending/charge")
    assert (request.method, request.url) == ("POST", "https://api-sandbox.gocardless.com/payments")
    assert request.headers == {
        "GoCardless-Version": "2015-07-06",
        "Content-Type": "application/json",
        "Idempotency-Key": KEY,
    }
    assert request.secret_headers == {"Authorization": "Bearer sandbox_0000-no-real-access-token-0000"}
    assert msgspec.json.decode(request.body) == {
        "payments": {
            "amount": 4999,
            "currency": "EUR",
            "description": "order-1",
            "retry_if_possible": False,
            "metadata": {
                "recoup_key": KEY,
                "recoup_payment": "pay_01kb0000000000000000000001",
                "merchant_reference": "order-1",
            },
            "links": {"mandate": "tok-secret-0000-of-a-saved-card"},
        }
    }


@pytest.mark.parametrize(
    "charge",
    [
        a_charge(source=a_card()),
        a_charge(source=a_token(), capture=False),
        a_charge(source=a_token(), amount=Money(4999, "CHF")),
    ],
    ids=["a card", "a hold", "a currency without a scheme"],
)
def test_what_a_direct_debit_cannot_do_is_never_sent(charge: Any) -> None:
    told = drive(GOCARDLESS.charge(ACCOUNT, charge), [HttpResponse(500, {})])
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)


def test_a_refund_confirms_the_total_of_all_refunds() -> None:
    """Else GoCardless refuses it: that is its guard against two refunds that know nothing of each other."""
    asked, request = sent("refund", "approved/refund_paid")
    assert asked.method == "GET"
    assert msgspec.json.decode(request.body)["refunds"] == {
        "amount": 1000,
        "total_amount_confirmation": 1500,
        "metadata": {"recoup_key": KEY, "recoup_charge": "att_01kb0000000000000000000002"},
        "links": {"payment": "reference-1"},
    }


def test_a_cancellation_carries_our_key_on_its_event() -> None:
    (request,) = sent("cancel", "approved/cancel")
    assert request.url.endswith("/payments/reference-1/actions/cancel")
    assert msgspec.json.decode(request.body) == {"data": {"metadata": {"recoup_key": KEY}}}


def test_a_key_is_looked_for_around_the_time_of_sending_and_page_by_page() -> None:
    first, second = sent("lookup", "approved/lookup_on_the_second_page")
    assert first.url == (
        "https://api-sandbox.gocardless.com/payments?created_at%5Bgte%5D=2026-11-23T04%3A50%3A00.000Z"
        "&created_at%5Blte%5D=2026-11-23T05%3A50%3A00.000Z&limit=500"
    )
    assert second.url == f"{first.url}&after=PM00SOMEBODYS"


def test_looking_through_pages_ends() -> None:
    endless = [HttpResponse(200, {}, b'{"payments":[],"meta":{"cursors":{"after":"PM1"},"limit":500}}')]
    assert len(drive(CASE.asked("lookup"), endless).sent) == 7


def test_why_a_payment_failed_is_asked_of_its_events() -> None:
    *_, request = sent("lookup", "declined/lookup_sepa_insufficient_funds")
    assert request.url.endswith("/events?payment=PM00RECOUP0001&action=failed&limit=1")


def test_every_reason_code_that_says_more_has_a_row_and_every_row_of_one_is_used() -> None:
    assert SAYS_MORE <= ROWS
    assert {code for code in ROWS if any(each.isdigit() for each in code)} <= SAYS_MORE


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ARUDD-6", "invalid_account"),  # no instruction: the bank knows nothing of the mandate
        ("ARUDD-8", "try_again_later"),  # the amount is not yet due
        ("PAYMENT_STATUS_REPORT-903", "stop_payment_order"),  # payment stopped or recalled
    ],
)
def test_a_bank_that_was_told_to_stop_is_not_asked_again(reason: str, code: str) -> None:
    assert Details("refer_to_payer", reason_code=reason).declined(TODAY, None).decline.code == code


@pytest.mark.parametrize("reason", sorted(SAYS_MORE))
def test_a_reason_code_decides_beside_a_vague_cause_only(reason: str) -> None:
    assert Details("refer_to_payer", reason_code=reason).code == reason
    assert Details("bank_account_closed", reason_code=reason).code == "bank_account_closed"


@pytest.mark.parametrize("digits", ["1", "2", "3", "4", "6", "15", "278"])
def test_digits_of_becs_are_not_read_as_a_card_networks(digits: str) -> None:
    """`4` asks to keep a card where cards are meant; in Australia's bank transfers it is another thing."""
    plain = Details("other").declined(TODAY, None).decline
    coded = Details("other", scheme="becs", reason_code=digits).declined(TODAY, None).decline
    assert (coded.code, coded.advice, coded.hardness) == (plain.code, plain.advice, plain.hardness)
    assert coded.raw["reason_code"] == digits


def test_the_published_signature_is_ours_too() -> None:
    account = replace(ACCOUNT, credentials={**ACCOUNT.credentials, "webhook_secret": Secret(SECRET)})
    delivery = Delivery({"webhook-signature": SIGNATURE}, BODY, NOW, "https://recoup.example")
    assert isinstance(
        drive(GOCARDLESS.authenticate(account, delivery), [HttpResponse(500, {})]).meant, Authentic
    )
    assert isinstance(
        drive(GOCARDLESS.authenticate(ACCOUNT, delivery), [HttpResponse(500, {})]).meant, Forged
    )


@pytest.mark.parametrize(
    "body",
    [one.body for one in recorded("gocardless") if one.folder == "webhooks"],
    ids=lambda body: body[:20],
)
def test_gocardlesss_own_sdk_takes_the_deliveries_that_we_take(body: bytes) -> None:
    """And reads the same events in them."""
    delivery = sign(ACCOUNT, body, NOW)
    secret, signature = ACCOUNT.credential("webhook_secret"), delivery.headers["webhook-signature"]
    ids = [event.id for event in gocardless_pro.webhooks.parse(body, secret, signature)]
    ours = [notice.event_id for notice in GOCARDLESS.notices(ACCOUNT, delivery)]
    assert ours
    assert ours == ids[: len(ours)]
    with pytest.raises(InvalidSignatureError):
        gocardless_pro.webhooks.parse(body + b" ", secret, signature)
