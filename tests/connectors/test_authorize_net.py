"""What is special about Authorize.Net: the order of its schema, its short references, its voids and batches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from tests.connectors.cases import CASES
from tests.connectors.conformance import NOW, a_token, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.authorize_net import requests
from recoup.connectors.base import Authentic, Delivery, Forged, HttpResponse
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.codes.processors import TABLES
from recoup.outcomes.core import Unprocessed

CASE = CASES["authorize_net"]
SCHEMA = """
    transactionType amount currencyCode payment profile refTransId order customer billTo customerIP transactionSettings
    userFields processingOptions subsequentAuthInformation
""".split()  # noqa: SIM905 - words read best as words


def sent(verb: str, **ask: Any) -> dict[str, Any]:
    """The last body that is sent; the gateway answers well."""
    told = drive(CASE.asked(verb, ask=ask), CASE.good[verb])
    body: dict[str, Any] = msgspec.json.decode(told.sent[-1].body)
    return body


def transaction(verb: str, **ask: Any) -> dict[str, Any]:
    found: dict[str, Any] = sent(verb, **ask)["createTransactionRequest"]["transactionRequest"]
    return found


def test_a_charge_word_by_word() -> None:
    assert sent("charge", remember=True) == {
        "createTransactionRequest": {
            "merchantAuthentication": {
                "name": "login-id-of-nobody",
                "transactionKey": "transaction-key-of-nobody",
            },
            "refId": requests.digest(KEY),
            "transactionRequest": {
                "transactionType": "authCaptureTransaction",
                "amount": "49.99",
                "currencyCode": "EUR",
                "payment": {
                    "creditCard": {
                        "cardNumber": "4242424242424242",
                        "expirationDate": "2031-12",
                        "cardCode": "737",
                    }
                },
                "profile": {"createProfile": True},
                "order": {"invoiceNumber": requests.digest(KEY), "description": KEY},
                "customer": {"type": "individual", "id": requests.digest(KEY)},
                "billTo": {
                    "firstName": "Wilhelmina",
                    "lastName": "Ormsby",
                    "address": "1 Main Street",
                    "city": "Berlin",
                    "zip": "94103-6677",
                    "country": "DE",
                },
                "customerIP": "203.0.113.9",
                "transactionSettings": {
                    "setting": [
                        {"settingName": "allowPartialAuth", "settingValue": "false"},
                        {"settingName": "duplicateWindow", "settingValue": "28800"},
                    ]
                },
                "userFields": {"userField": [{"name": "merchant_reference", "value": "order-1"}]},
                "processingOptions": {"isFirstSubsequentAuth": True},
            },
        }
    }


def test_every_request_is_in_the_order_of_the_schema() -> None:
    """JSON objects have none, and the gateway refuses any other."""
    for verb, ask in (
        ("charge", {"remember": True}),
        ("charge", {"source": a_token()}),
        ("charge", {"initiator": "merchant"}),
        ("verify", {"remember": True}),
        ("capture", {}),
        ("cancel", {}),
        ("refund", {}),
    ):
        names = list(transaction(verb, **ask))
        assert names == [name for name in SCHEMA if name in names]
        assert set(names) <= set(SCHEMA)
        assert list(sent(verb, **ask)["createTransactionRequest"]) == [
            "merchantAuthentication",
            "refId",
            "transactionRequest",
        ]


def test_our_key_fits_its_fields_only_as_a_digest() -> None:
    assert len(requests.digest(KEY)) == 20
    assert len(KEY) > 20


def test_a_charge_by_the_merchant_names_the_one_agreed_to() -> None:
    asked = transaction("charge", initiator="merchant", agreement="recurring")
    assert asked["processingOptions"] == {"isSubsequentAuth": True}
    assert asked["subsequentAuthInformation"] == {"originalNetworkTransId": "141544217307196"}
    assert {"settingName": "recurringBilling", "settingValue": "true"} in asked["transactionSettings"][
        "setting"
    ]


def test_a_saved_card_is_named_by_profile_and_payment_profile() -> None:
    asked = transaction("charge", source=a_token())
    assert asked["profile"] == {
        "customerProfileId": "customer-1",
        "paymentProfile": {"paymentProfileId": "tok-secret-0000-of-a-saved-card"},
    }
    assert asked["processingOptions"] == {"isStoredCredentials": True}
    assert "billTo" not in asked and "payment" not in asked


def test_a_saved_card_without_its_customer_is_not_sent() -> None:
    told = drive(CASE.asked("charge", ask={"source": replace(a_token(), customer=None)}), CASE.good["charge"])
    assert isinstance(told.meant, Unprocessed)
    assert not told.sent


def test_an_unsettled_charge_is_voided_only_as_a_whole() -> None:
    """A void gives everything back, whatever part was asked for."""
    replies = next(one for one in recorded("authorize_net") if one.name == "refund-unsettled").replies
    whole = drive(CASE.asked("refund", ask={"whole": True}), replies).sent[-1]
    part = drive(CASE.asked("refund", ask={"whole": False}), replies).sent[-1]
    other = drive(CASE.asked("refund", ask={"whole": True, "amount": Money(1001, "EUR")}), replies).sent[-1]
    kinds = [
        msgspec.json.decode(one.body)["createTransactionRequest"]["transactionRequest"]["transactionType"]
        for one in (whole, part, other)
    ]
    assert kinds == ["voidTransaction", "refundTransaction", "refundTransaction"]


def test_a_refund_tells_the_end_of_the_card_number_alone() -> None:
    card = transaction("refund", last4=None)["payment"]["creditCard"]
    assert card == {"cardNumber": "4242", "expirationDate": "XXXX"}


def test_a_search_ends() -> None:
    """Whatever the gateway lists, the days after sending and four batches bound it."""
    empty = HttpResponse(200, {}, b'{"messages":{"resultCode":"Ok"}}')
    batches = msgspec.json.encode(
        {"messages": {"resultCode": "Ok"}, "batchList": [{"batchId": str(number)} for number in range(50)]}
    )
    told = drive(CASE.asked("lookup"), [empty, HttpResponse(200, {}, batches), empty])
    assert len(told.sent) == 6


def test_the_first_batches_are_read_also_where_their_numbers_grow_longer() -> None:
    empty = HttpResponse(200, {}, b'{"messages":{"resultCode":"Ok"}}')
    batches = msgspec.json.encode(
        {
            "messages": {"resultCode": "Ok"},
            "batchList": [{"batchId": str(number)} for number in range(98, 108)],
        }
    )
    told = drive(CASE.asked("lookup"), [empty, HttpResponse(200, {}, batches), empty])
    read = [msgspec.json.decode(request.body)["getTransactionListRequest"] for request in told.sent[2:]]
    assert [one["batchId"] for one in read] == ["98", "99", "100", "101"]


def test_a_signature_made_by_others_is_known() -> None:
    """A published notification, its key as text."""
    body = (
        b'{"notificationId": "550e8400-e29b-41d4-a716-446655440001", "eventType": '
        b'"net.authorize.payment.refund.created", "eventDate": "2023-04-05T12:05:00.0000000Z", "webhookId": '
        b'"72a55c78-66e6-4b2e-a0d9-2a3f1cd4b891", "payload": {"responseCode": 1, "authCode": "GHIJKL", "authAmount": '
        b'20.0, "entityName": "transaction", "id": "60123456790"}}'
    )
    signature = (
        "sha512=D2D7A68DC46A3446110EFE0EA5FCFCEF4075169FEC4600167525E0366A280B4C27C7E8344786C5D3DA808264307F309511985DF0C"
        "5647FEA914D243F86833F36"
    )
    account = CASE.account
    theirs = type(account)(account.base_url, {"signature_key": Secret("1B2C3D4E5F" * 8)})
    delivery = Delivery({"x-anet-signature": signature}, body, NOW, "https://pay.example/hooks/1")
    assert drive(CASE.connector.authenticate(theirs, delivery), ()).meant == Authentic(
        "550e8400-e29b-41d4-a716-446655440001"
    )
    assert isinstance(drive(CASE.connector.authenticate(account, delivery), ()).meant, Forged)


def test_the_table_holds_every_published_reason_for_a_refusal() -> None:
    codes = {row.code for row in TABLES["authorize_net"]}
    assert len(codes) == len(TABLES["authorize_net"])
    known = {str(number) for number in (*range(2, 46), *range(47, 104), *range(200, 229), *range(315, 320))}
    assert known <= codes
    assert not codes & {"1", "252", "253", "295"}
