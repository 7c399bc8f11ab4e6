"""Adyen: what is asked of it to the letter, its decimals, and its own library's signatures, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import Adyen.util  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.cases.adyen import ACCOUNT, HMAC_KEY, sign
from tests.connectors.conformance import NOW, TOKEN, a_change, a_charge, a_token, a_verification, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.adyen import ADYEN
from recoup.connectors.adyen.answers import CURRENCIES, Amount, amount_of
from recoup.connectors.adyen.webhooks import Item, hmac_of
from recoup.connectors.base import Agreement, Authentic, Forged, HttpRequest, HttpResponse
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.codes.processors.adyen import ROWS
from recoup.outcomes.core import Unprocessed

NO_ANSWER = [HttpResponse(500, {}, b"")]
WEBHOOKS = [one for one in recorded("adyen") if one.folder == "webhooks"]
STANDARD = [one for one in WEBHOOKS if b"notificationItems" in one.body]


def sent(**ask: Any) -> HttpRequest:
    """The one request of a charge."""
    (request,) = drive(ADYEN.charge(ACCOUNT, a_charge(**ask)), NO_ANSWER).sent
    assert isinstance(request, HttpRequest)
    return request


def body(request: HttpRequest) -> dict[str, Any]:
    return msgspec.json.decode(request.body, type=dict[str, Any])


def test_a_charge_by_the_customer_is_asked_for_to_the_letter() -> None:
    request = sent()
    assert (request.method, request.url) == ("POST", "https://checkout-test.adyen.com/v71/payments")
    assert request.headers == {"Content-Type": "application/json", "Idempotency-Key": KEY}
    assert request.secret_headers == {"X-API-Key": "AQE-0000-no-real-api-key-0000"}
    assert body(request) == {
        "merchantAccount": "RecoupExampleECOM",
        "reference": KEY,
        "amount": {"value": 4999, "currency": "EUR"},
        "paymentMethod": {
            "type": "scheme",
            "number": "4242424242424242",
            "expiryMonth": "12",
            "expiryYear": "2031",
            "cvc": "737",
            "holderName": "Wilhelmina Ormsby",
        },
        "shopperEmail": "wilhelmina@example.com",
        "billingAddress": {
            "street": "1 Main Street",
            "houseNumberOrName": "N/A",
            "city": "Berlin",
            "postalCode": "94103-6677",
            "country": "DE",
        },
        "shopperIP": "203.0.113.9",
        "browserInfo": {"userAgent": "Mozilla/5.0", "acceptHeader": "text/html", "language": "de-DE"},
        "shopperInteraction": "Ecommerce",
        "shopperReference": "cus_01kb0000000000000000000001",
        "captureDelayHours": 0,
        "returnUrl": "https://shop.example/after",
        "origin": "https://shop.example",
        "channel": "Web",
        "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "disabled"}},
        "merchantOrderReference": "pay_01kb0000000000000000000001",
        "metadata": {"capture": "automatic", "merchant_reference": "order-1"},
    }


def test_a_charge_by_the_merchant_names_the_agreement_and_the_first_payment() -> None:
    asked = body(sent(initiator="merchant", agreement=Agreement.RECURRING, capture=False))
    assert asked["shopperInteraction"] == "ContAuth"
    assert asked["recurringProcessingModel"] == "Subscription"
    assert asked["additionalData"] == {"manualCapture": "true", "networkTxReference": "141544217307196"}
    assert asked["metadata"]["capture"] == "manual"
    assert "captureDelayHours" not in asked
    assert "authenticationData" not in asked
    assert "cvc" not in asked["paymentMethod"]


def test_a_token_goes_with_the_shopper_it_belongs_to() -> None:
    asked = body(sent(source=a_token(), initiator="merchant"))
    assert asked["paymentMethod"] == {"type": "scheme", "storedPaymentMethodId": TOKEN}
    assert asked["shopperReference"] == "customer-1"
    assert asked["recurringProcessingModel"] == "UnscheduledCardOnFile"
    assert "additionalData" not in asked, "Adyen knows the network's id of its own tokens"


def test_a_card_is_remembered_for_what_was_agreed() -> None:
    asked = body(sent(remember=True, agreement=Agreement.RECURRING, customer_key=None))
    assert asked["storePaymentMethod"] is True
    assert asked["recurringProcessingModel"] == "Subscription"
    assert asked["shopperReference"] == "pay_01kb0000000000000000000001"


def test_without_an_address_to_return_to_no_challenge_is_asked_for() -> None:
    asked = body(sent(return_url=None))
    assert asked["authenticationData"] == {"attemptAuthentication": "never"}
    assert asked["returnUrl"] == "https://return.invalid/"


def test_a_verification_is_of_nothing() -> None:
    (request,) = drive(ADYEN.verify(ACCOUNT, a_verification(remember=True)), NO_ANSWER).sent
    asked = body(request)
    assert asked["amount"] == {"value": 0, "currency": "EUR"}
    assert asked["storePaymentMethod"] is True


@pytest.mark.parametrize("verb", ["capture", "cancel", "refund"])
def test_a_change_names_the_payment_in_its_path(verb: str) -> None:
    (request,) = drive(getattr(ADYEN, verb)(ACCOUNT, a_change("GT8L/2")), NO_ANSWER).sent
    assert request.url == f"https://checkout-test.adyen.com/v71/payments/GT8L%2F2/{verb}s"
    amount = {} if verb == "cancel" else {"amount": {"value": 1000, "currency": "EUR"}}
    assert body(request) == {"merchantAccount": "RecoupExampleECOM", "reference": KEY, **amount}


@pytest.mark.parametrize("money", [Money(4990, "AFN"), Money(1_500_050, "IDR"), Money(199, "CVE")])
def test_an_amount_that_adyen_cannot_be_told_is_not_sent(money: Money) -> None:
    for exchange in (
        ADYEN.charge(ACCOUNT, a_charge(amount=money)),
        ADYEN.capture(ACCOUNT, a_change("GT8L", amount=money)),
    ):
        told = drive(exchange, NO_ANSWER)
        assert not told.sent
        assert isinstance(told.meant, Unprocessed)


@pytest.mark.parametrize(
    ("money", "value"),
    [
        (Money(12, "CLP"), 1200),
        (Money(990, "ISK"), 99000),
        (Money(1_500_000, "IDR"), 15000),
        (Money(4900, "CVE"), 49),
        (Money(4990, "JPY"), 4990),
        (Money(4990, "KWD"), 4990),
    ],
)
def test_amounts_have_adyens_decimals(money: Money, value: int) -> None:
    assert amount_of(money) == Amount(value, money.currency)


@given(currency=st.sampled_from(sorted(CURRENCIES)), minor=st.integers(0, 10**9))
def test_what_is_told_to_adyen_reads_as_the_same_amount(currency: str, minor: int) -> None:
    told = amount_of(Money(minor, currency))
    if told is not None:
        assert told.money() == Money(minor, currency)


@pytest.mark.parametrize("one", STANDARD, ids=str)
def test_what_we_sign_adyens_library_believes(one: Any) -> None:
    """The other way round, every recorded webhook is signed by it and believed by us."""
    told = msgspec.json.decode(one.body)
    for each in told["notificationItems"]:
        item = each["NotificationRequestItem"]
        ours = msgspec.convert(item, Item).signed_text().encode()
        item["additionalData"] = {"hmacSignature": hmac_of(bytes.fromhex(HMAC_KEY), ours)}
        assert Adyen.util.is_valid_hmac_notification(item, HMAC_KEY)


@given(payload=st.binary(max_size=200))
def test_a_body_signed_whole_is_signed_as_adyens_library_does(payload: bytes) -> None:
    ours = hmac_of(bytes.fromhex(HMAC_KEY), payload)
    assert Adyen.util.is_valid_hmac_payload(ours, HMAC_KEY, payload)


def test_one_forged_item_among_genuine_ones_spoils_the_delivery() -> None:
    (several,) = [one for one in WEBHOOKS if one.name == "several"]
    delivery = sign(ACCOUNT, several.body, NOW)
    told = msgspec.json.decode(delivery.body)
    told["notificationItems"][1]["NotificationRequestItem"]["additionalData"].pop("hmacSignature")
    forged = replace(delivery, body=msgspec.json.encode(told))
    assert isinstance(drive(ADYEN.authenticate(ACCOUNT, forged), []).meant, Forged)


def test_what_no_item_signs_is_not_read() -> None:
    """Beside genuine items anything could stand in the body: only a header signs that."""
    (several,) = [one for one in WEBHOOKS if one.name == "several"]
    (ended,) = [one for one in WEBHOOKS if one.name == "token_disabled"]
    delivery = sign(ACCOUNT, several.body, NOW)
    both = {**msgspec.json.decode(ended.body), **msgspec.json.decode(delivery.body)}
    mixed = replace(delivery, body=msgspec.json.encode(both))
    assert isinstance(drive(ADYEN.authenticate(ACCOUNT, mixed), []).meant, Authentic)
    assert ADYEN.notices(ACCOUNT, mixed) == ADYEN.notices(ACCOUNT, delivery)


def test_a_live_address_has_the_companys_prefix() -> None:
    live = ADYEN.addresses.of({"live_prefix": Secret("1797-AcmeBV")}, livemode=True)
    assert live == "https://1797-AcmeBV-checkout-live.adyenpayments.com/checkout/v71"


def test_every_refusal_reason_is_known_by_number_and_by_word() -> None:
    numbers = {row.code for row in ROWS if row.code.isdigit() and int(row.code) < 100}
    assert numbers == {str(code) for code in range(2, 51)} - {"13", "30", "47", "48", "49"}
    assert {"Refused", "FRAUD", "Not enough balance"} <= {row.code for row in ROWS}
