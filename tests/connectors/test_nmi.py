"""What is special about NMI: forms word by word, acts listed in XML, a duplicate check that is switched off."""

from __future__ import annotations

from typing import Any

from tests.connectors.cases import CASES
from tests.connectors.cases.nmi import asked
from tests.connectors.conformance import NOW, a_token, drive
from tests.connectors.recorded import KEY

from recoup.connectors.base import Authentic, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_hex
from recoup.outcomes.codes.processors import TABLES

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
