"""What is special about NMI: forms word by word, acts listed in XML, a duplicate check that is switched off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.cases import CASES
from tests.connectors.cases.nmi import asked, moves_money
from tests.connectors.conformance import CRYPTOGRAM, DS_TRANSACTION, KEPT, NOW, a_charge, a_token, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.base import Account, Authentic, Delivery, HttpRequest, HttpResponse
from recoup.connectors.base.webhooks import hmac_hex
from recoup.kit.secret import Secret
from recoup.outcomes.codes.processors import TABLES
from recoup.outcomes.core import ActionRequired, Approved, Declined, Unprocessed

CASE = CASES["nmi"]


def sent(verb: str, **ask: Any) -> dict[str, str]:
    """The last form; the gateway answers well."""
    request = drive(CASE.asked(verb, ask=ask), CASE.good[verb]).sent[-1]
    assert isinstance(request, HttpRequest)
    return asked(request)


def test_a_charge_word_by_word() -> None:
    assert sent("charge", remember=True) == {
        "security_key": "security-key-of-nobody",
        "type": "sale",
        "amount": "49.99",
        "currency": "EUR",
        "orderid": KEY,
        "dup_seconds": "0",
        "payment": "creditcard",
        "ccnumber": "4242424242424242",
        "ccexp": "1231",
        "cvv": "737",
        "customer_vault": "add_customer",
        "first_name": "Wilhelmina",
        "last_name": "Ormsby",
        "address1": "1 Main Street",
        "city": "Berlin",
        "zip": "94103-6677",
        "country": "DE",
        "email": "wilhelmina@example.com",
        "order_description": "order-1",
        "ipaddress": "203.0.113.9",
        "initiated_by": "customer",
        "stored_credential_indicator": "stored",
    }


def test_a_charge_by_the_merchant_says_so_and_names_no_network_transaction() -> None:
    """The id that NMI takes is its own; another processor's would be refused, or worse, be somebody else's."""
    form = sent("charge", initiator="merchant", agreement="recurring")
    assert (form["initiated_by"], form["stored_credential_indicator"]) == ("merchant", "used")
    assert form["billing_method"] == "recurring"
    assert "141544217307196" not in form.values()


def test_a_saved_card_comes_from_the_vault() -> None:
    form = sent("charge", source=a_token())
    assert form["customer_vault_id"] == "tok-secret-0000-of-a-saved-card"
    assert (form["initiated_by"], form["stored_credential_indicator"]) == ("customer", "used")
    assert not form.keys() & {"ccnumber", "ccexp", "cvv", "customer_vault"}


def test_acts_on_a_charge_leave_its_order_id_alone() -> None:
    for verb in ("capture", "cancel"):
        form = sent(verb)
        assert form["transactionid"] == "reference-1"
        assert form["merchant_defined_field_1"] == KEY
        assert "orderid" not in form


def test_a_refund_has_an_order_id_of_its_own() -> None:
    form = sent("refund")
    assert (form["transactionid"], form["orderid"], form["amount"]) == ("reference-1", KEY, "10.00")


def test_questions_go_to_the_query_api() -> None:
    request = drive(CASE.asked("lookup"), CASE.good["lookup"]).sent[-1]
    assert isinstance(request, HttpRequest)
    assert request.url == "https://secure.nmi.com/api/query.php"
    assert asked(request) == {"security_key": "security-key-of-nobody", "order_id": KEY}


def test_a_webhooks_nonce_is_no_time() -> None:
    """Numbers in it mean nothing, so a delivery that is late is still genuine."""
    body = b'{"event_id": "e-1", "event_type": "transaction.sale.success", "event_body": {}}'
    key = CASE.account.credential("signing_key").encode()
    for nonce in ("1", "ffeeddccbbaa0099"):
        header = f"t={nonce},s={hmac_hex(key, nonce.encode() + b'.' + body)}"
        delivery = Delivery({"webhook-signature": header}, body, NOW, "https://pay.example/hooks/1")
        assert drive(CASE.connector.authenticate(CASE.account, delivery), ()).meant == Authentic("e-1")


def test_the_table_holds_every_published_code() -> None:
    published = """
        200 201 202 203 204 220 221 222 223 224 225 240 250 251 252 253 260 261 262 263 264 300 400 410 411 420 421 430
        440 441 460 461
    """.split()  # noqa: SIM905 - codes read best as words
    codes = [row.code for row in TABLES["nmi"]]
    assert set(published) <= set(codes)
    assert len(set(codes)) == len(codes)
    assert "100" not in codes


REPLIES = {(one.folder, one.name): one for one in recorded("nmi")}
BACK = "https://pay.example/actions/token/return"


def with_credentials(**changes: str | None) -> Account:
    known = {name: each.reveal() for name, each in CASE.account.credentials.items()} | changes
    return replace(CASE.account, credentials={name: Secret(one) for name, one in known.items() if one})


class TestPayerAuthentication:
    """NMI's own script, on a page of ours."""

    def test_a_saved_card_is_authenticated_before_anything_is_asked_of_nmi(self) -> None:
        told = drive(CASE.asked("charge", ask={"source": a_token(), "callback_url": BACK}), ())
        assert told.sent == ()
        meant = told.meant
        assert isinstance(meant, ActionRequired) and meant.script is not None
        assert meant.script.parameters == {
            "checkout_key": "checkout_public_of_nobody",
            "customerVaultId": "tok-secret-0000-of-a-saved-card",
            "currency": "EUR",
            "amount": "4999",
            "firstName": "Wilhelmina",
            "lastName": "Ormsby",
            "email": "wilhelmina@example.com",
            "address1": "1 Main Street",
            "city": "Berlin",
            "postalCode": "94103-6677",
            "country": "DE",
        }
        assert "https://secure.nmi.com" in meant.script.origins

    def test_a_card_to_remember_is_vaulted_first_which_moves_no_money(self) -> None:
        one = REPLIES["pending", "charge-remembered-always"]
        told = drive(CASE.asked("charge", ask=one.ask), one.replies)
        (saving,) = told.sent
        assert not moves_money(saving)
        form = asked(saving)
        assert (form["customer_vault"], form["ccnumber"]) == ("add_customer", "4242424242424242")
        assert not form.keys() & {"type", "cvv", "orderid", "amount"}
        meant = told.meant
        assert isinstance(meant, ActionRequired) and meant.script is not None
        assert meant.kept == {"customer_vault_id": "553318004"}
        assert "4242424242424242" not in str(meant.script.parameters)

    @pytest.mark.parametrize("text", ["", "response=3&responsetext=No vault&response_code=300", "response=1"])
    def test_where_the_vault_does_not_take_the_card_nothing_is_charged(self, text: str) -> None:
        reply = HttpResponse(200, {}, text.encode())
        told = drive(CASE.asked("charge", ask={"remember": True, "callback_url": BACK}), [reply])
        assert (len(told.sent), type(told.meant)) == (1, Unprocessed)

    @pytest.mark.parametrize(
        "ask",
        [
            {"source": a_token()},
            {"source": a_token(), "initiator": "merchant", "callback_url": BACK},
            {"callback_url": BACK},
        ],
        ids=["nowhere-to-come-back-to", "by-the-merchant", "a-card-of-one-use"],
    )
    def test_who_cannot_be_authenticated_is_charged_as_before(self, ask: dict[str, Any]) -> None:
        told = drive(CASE.asked("charge", ask=ask), CASE.good["charge"])
        assert asked(told.sent[-1])["type"] == "sale"
        assert isinstance(told.meant, Approved)

    @pytest.mark.parametrize(
        "change", [{"three_d_secure": None}, {"three_d_secure": "when_asked"}, {"checkout_key": None}]
    )
    def test_an_account_that_does_not_say_so_is_charged_as_before(
        self, change: dict[str, str | None]
    ) -> None:
        charge = a_charge(source=a_token(), callback_url=BACK)
        told = drive(CASE.connector.charge(with_credentials(**change), charge), CASE.good["charge"])
        assert isinstance(told.meant, Approved)

    def test_the_charge_that_goes_on_is_of_the_card_that_was_authenticated(self) -> None:
        form = sent("complete")
        assert form["customer_vault_id"] == KEPT["customer_vault_id"]
        assert {name: form[name] for name in ("type", "orderid", "amount")} == {
            "type": "sale",
            "orderid": KEY,
            "amount": "49.99",
        }
        assert {name: form[name] for name in form if name in AUTHENTICATION} == {
            "cavv": CRYPTOGRAM,
            "eci": "05",
            "cardholder_auth": "verified",
            "three_ds_version": "2.2.0",
            "directory_server_id": DS_TRANSACTION,
        }
        assert not form.keys() & {"ccnumber", "cvv"}

    def test_one_to_remember_says_so_and_brings_its_token(self) -> None:
        again = a_charge(remember=True)
        told = drive(CASE.asked("complete", ask={"charge": again}), CASE.good["complete"])
        assert asked(told.sent[-1])["stored_credential_indicator"] == "stored"
        assert isinstance(told.meant, Approved)
        assert told.meant.token == Secret(KEPT["customer_vault_id"])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("cavv", "not base64!"),
            ("cavv", "A" * 5000),
            ("cavv", "AAAA\r\ntype=credit"),
            ("cardHolderAuth", "verified&amount=0.01"),
            ("cardHolderAuth", "yes"),
        ],
    )
    def test_what_no_script_says_charges_nothing(self, name: str, value: str) -> None:
        brought = {"cavv": CRYPTOGRAM, "cardHolderAuth": "verified", name: value}
        told = drive(CASE.asked("complete", ask={"returned": brought}), ())
        assert told.sent == ()
        assert isinstance(told.meant, Declined)
        assert told.meant.decline.code == "authentication_required"

    def test_no_field_of_the_browsers_choice_reaches_nmi(self) -> None:
        brought = {
            "cavv": CRYPTOGRAM,
            "cardHolderAuth": "verified",
            "eci": "0&5",
            "amount": "0.01",
            "orderid": "x",
        }
        told = drive(CASE.asked("complete", ask={"returned": brought}), CASE.good["complete"])
        form = asked(told.sent[-1])
        assert (form["amount"], form["orderid"], "eci" in form) == ("49.99", KEY, False)


AUTHENTICATION = {"cavv", "eci", "xid", "cardholder_auth", "three_ds_version", "directory_server_id"}
