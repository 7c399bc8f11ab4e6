"""The result of a 3-D Secure authentication that was made elsewhere: told to who takes one, where they read it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
import pytest
from tests.connectors.cases import CASES
from tests.connectors.conformance import (
    CRYPTOGRAM,
    DS_TRANSACTION,
    Case,
    a_token,
    an_authentication,
    carried,
    drive,
    loggable,
)

from recoup.connectors.base import HttpResponse, iso8583
from recoup.outcomes.core import Approved

every_connector = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
ADYEN: Final = {
    "authenticationResponse": "Y",
    "directoryResponse": "Y",
    "cavv": CRYPTOGRAM,
    "eci": "05",
    "dsTransID": DS_TRANSACTION,
    "threeDSVersion": "2.2.0",
}
CYBERSOURCE: Final = {
    "eciRaw": "05",
    "paresStatus": "Y",
    "paSpecificationVersion": "2.2.0",
    "directoryServerTransactionId": DS_TRANSACTION,
}


def sent(name: str, **words: Any) -> Any:
    """The body of the last request of an authenticated charge."""
    case = CASES[name]
    ask = {"authentication": an_authentication(**words)}
    request = drive(case.asked("charge", ask=ask), case.good["charge"]).sent[-1]
    if b"=" in request.body[:60] and not request.body.startswith(b"{"):
        return {field: values[0] for field, values in parse_qs(request.body.decode()).items()}
    return msgspec.json.decode(request.body)


@every_connector
def test_an_authentication_made_elsewhere_goes_to_those_alone_who_take_one(case: Case) -> None:
    """Whole: how far it went and its proof. Without one, nothing of the kind is said."""
    told = drive(case.asked("charge", ask={"authentication": an_authentication()}), case.good["charge"])
    sent = [carried(request) for request in told.sent if case.moves_money(request)]
    proof = CRYPTOGRAM.rstrip("=")
    if case.connector.capabilities.takes_authentication:
        assert isinstance(told.meant, Approved)
        assert proof in sent[-1]
        assert "05" in sent[-1].replace(proof, "")
    else:
        assert not [each for each in sent if proof in each or DS_TRANSACTION in each]
    without = drive(case.asked("charge"), case.good["charge"])
    assert not [request for request in without.sent if proof in carried(request)]


@every_connector
def test_the_proof_of_an_authentication_is_a_secret(case: Case) -> None:
    asked = {"authentication": an_authentication()}
    assert CRYPTOGRAM not in repr(asked)
    for replies in (case.good["charge"], [HttpResponse(200, {}, b"?")], [HttpResponse(500, {})]):
        told = drive(case.asked("charge", ask=asked), replies)
        shown = f"{told!r} {told.meant!s} {[loggable(request) for request in told.sent]}"
        assert CRYPTOGRAM not in shown
        assert CRYPTOGRAM.rstrip("=") not in shown


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("adyen", "mpiData", ADYEN),
        ("adyen", "authenticationData", {"attemptAuthentication": "never"}),
        (
            "authorize_net",
            "createTransactionRequest.transactionRequest.cardholderAuthentication",
            {"authenticationIndicator": "05", "cardholderAuthenticationValue": CRYPTOGRAM},
        ),
        (
            "braintree",
            "variables.input.options.threeDSecureAuthentication.passThrough",
            {
                "eciFlag": "05",
                "cavv": CRYPTOGRAM,
                "threeDSecureServerTransactionId": DS_TRANSACTION,
                "version": "2.2.0",
                "directoryServerResponse": "Y",
            },
        ),
        (
            "checkout",
            "3ds",
            {
                "enabled": True,
                "eci": "05",
                "cryptogram": CRYPTOGRAM,
                "xid": DS_TRANSACTION,
                "version": "2.2.0",
                "status": "Y",
            },
        ),
        ("cybersource", "consumerAuthenticationInformation", {"cavv": CRYPTOGRAM, **CYBERSOURCE}),
        ("cybersource", "processingInformation.commerceIndicator", "vbv"),
        (
            "worldpay",
            "instruction.threeDS",
            {
                "type": "external",
                "version": "2.2.0",
                "eci": "05",
                "authenticationValue": CRYPTOGRAM,
                "transactionId": DS_TRANSACTION,
            },
        ),
    ],
)
def test_the_result_stands_where_the_processor_reads_it(name: str, path: str, expected: Any) -> None:
    body = sent(name)
    for part in path.split("."):
        body = body[part]
    assert body == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "stripe",
            {
                "payment_method_options[card][three_d_secure][version]": "2.2.0",
                "payment_method_options[card][three_d_secure][ares_trans_status]": "Y",
                "payment_method_options[card][three_d_secure][electronic_commerce_indicator]": "05",
                "payment_method_options[card][three_d_secure][cryptogram]": CRYPTOGRAM,
                "payment_method_options[card][three_d_secure][transaction_id]": DS_TRANSACTION,
            },
        ),
        (
            "nmi",
            {
                "cardholder_auth": "verified",
                "cavv": CRYPTOGRAM,
                "eci": "05",
                "directory_server_id": DS_TRANSACTION,
                "three_ds_version": "2.2.0",
            },
        ),
    ],
)
def test_so_it_does_in_a_form(name: str, expected: dict[str, str]) -> None:
    assert expected.items() <= sent(name).items()


def test_braintree_charges_a_saved_card_that_was_authenticated_as_a_card() -> None:
    """The mutation for saved methods of any kind has no place for it."""
    case = CASES["braintree"]
    ask = {"authentication": an_authentication(), "source": a_token()}
    told = drive(case.asked("charge", ask=ask), case.good["charge"][-1:])
    body = msgspec.json.decode(told.sent[-1].body)
    assert "chargeCreditCard(" in body["query"]
    assert body["variables"]["input"]["options"]["threeDSecureAuthentication"]
    assert isinstance(told.meant, Approved)
    plain = drive(case.asked("charge", ask={"source": a_token()}), case.good["charge"][-1:]).sent[-1]
    assert b"chargePaymentMethod(" in plain.body
    assert b"options" not in plain.body


def test_an_attempt_is_called_one() -> None:
    assert sent("nmi", status="A", eci="06")["cardholder_auth"] == "attempted"
    assert sent("cybersource", status="A", eci="06")["processingInformation"]["commerceIndicator"] == (
        "vbv_attempted"
    )


def test_cybersource_wants_mastercards_proof_under_another_name() -> None:
    body = sent("cybersource", eci="02")
    assert body["processingInformation"]["commerceIndicator"] == "spa"
    expected = {"ucafAuthenticationData": CRYPTOGRAM, "ucafCollectionIndicator": "2", **CYBERSOURCE}
    assert body["consumerAuthenticationInformation"] == {**expected, "eciRaw": "02"}


def test_authorize_net_reads_its_fields_in_the_order_of_its_schema() -> None:
    asked = list(sent("authorize_net")["createTransactionRequest"]["transactionRequest"])
    place = asked.index("cardholderAuthentication")
    assert asked.index("billTo") < place < asked.index("transactionSettings")


def test_a_link_carries_it_in_subelements() -> None:
    case = CASES["iso8583"]
    told = drive(case.asked("charge", ask={"authentication": an_authentication()}), case.good["charge"])
    said = iso8583.decode(told.sent[-1].body)
    assert said is not None
    tags = iso8583.subelements(said["48"])
    assert tags is not None
    assert (tags["42"], tags["43"], tags["66"]) == ("05Y", CRYPTOGRAM, f"2.2.0 {DS_TRANSACTION}")
