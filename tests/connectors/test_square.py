"""Square: exact requests, what is never done, and its own SDK's check of signatures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec
from square.utils.webhooks_helper import verify_signature
from tests.connectors.cases.square import ACCOUNT, CASES, URL, sign
from tests.connectors.conformance import NOW, TOKEN, Told, a_card, a_charge, a_question, drive
from tests.connectors.recorded import KEY, recorded

from recoup.connectors.base import Authentic, Delivery, Forged, HttpRequest, HttpResponse, Token
from recoup.connectors.square import SQUARE
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import ActionRequired, Approved, Declined, Unknown, Unprocessed

CASE: Final = CASES[0]
REPLIES: Final = {(one.folder, one.name): one for one in recorded("square")}


def told(verb: str, name: str = "", *, folder: str = "approved", **ask: Any) -> Told:
    one = REPLIES[folder, name or verb]
    return drive(CASE.asked(verb, ask={**one.ask, **ask}), one.replies)


def body(request: HttpRequest) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(request.body)
    return decoded


def reply(value: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, msgspec.json.encode(value))


class TestRequests:
    """What is sent, to the field."""

    def test_a_charge(self) -> None:
        (request,) = told("charge").sent
        assert (request.method, request.url) == ("POST", "https://connect.squareupsandbox.com/v2/payments")
        assert request.headers["Square-Version"] == "2026-09-16"
        assert request.secret_headers == {"Authorization": "Bearer EAAAnotatoken000000000000000000"}
        assert body(request) == {
            "idempotency_key": KEY,
            "reference_id": KEY,
            "source_id": TOKEN,
            "customer_id": "customer-1",
            "amount_money": {"amount": 4999, "currency": "EUR"},
            "autocomplete": True,
            "accept_partial_authorization": False,
            "location_id": "LR3C0UP000001",
            "note": "order-1",
            "customer_details": {"customer_initiated": True},
            "buyer_email_address": "wilhelmina@example.com",
            "billing_address": {
                "address_line_1": "1 Main Street",
                "locality": "Berlin",
                "postal_code": "94103-6677",
                "country": "DE",
            },
        }

    def test_a_hold_and_a_charge_by_the_merchant_say_so(self) -> None:
        assert body(told("charge", "charge_held").sent[0])["autocomplete"] is False
        by_merchant = body(told("charge", "charge_by_merchant").sent[0])
        assert by_merchant["customer_details"] == {"customer_initiated": False}

    def test_a_token_to_remember_is_put_on_file_and_then_charged(self) -> None:
        card, charge = told("charge", "charge_remembered").sent
        assert card.url.endswith("/v2/cards")
        assert body(card)["source_id"] == TOKEN
        assert (body(card)["idempotency_key"], body(card)["card"]["customer_id"]) == (
            f"{KEY}-card",
            "customer-1",
        )
        assert (body(charge)["source_id"], body(charge)["customer_id"]) == (
            "ccof:r3c0up0000000000GB",
            "customer-1",
        )

    def test_without_a_customer_one_is_made_first(self) -> None:
        customer = reply({"customer": {"id": "customer-1"}})
        replies = [customer, *REPLIES["approved", "charge_remembered"].replies]
        charge = a_charge(source=Token(Secret(TOKEN)), remember=True)
        exchange = drive(SQUARE.charge(ACCOUNT, charge), replies)
        assert [request.url.rpartition("/")[2] for request in exchange.sent] == [
            "customers",
            "cards",
            "payments",
        ]
        assert isinstance(exchange.meant, Approved)
        assert exchange.meant.token == Secret("ccof:r3c0up0000000000GB")

    def test_a_card_on_file_is_not_put_there_again(self) -> None:
        charge = a_charge(
            source=Token(Secret("ccof:r3c0up0000000000GB"), customer="customer-1"), remember=True
        )
        exchange = drive(SQUARE.charge(ACCOUNT, charge), REPLIES["approved", "charge"].replies)
        assert len(exchange.sent) == 1

    def test_where_the_card_cannot_be_put_on_file_nothing_is_charged(self) -> None:
        exchange = drive(CASE.asked("charge", ask={"remember": True}), [reply({}, 500)])
        assert (len(exchange.sent), type(exchange.meant)) == (1, Unprocessed)

    def test_a_card_number_is_never_sent(self) -> None:
        exchange = drive(SQUARE.charge(ACCOUNT, a_charge(source=a_card())), [reply({})])
        assert (exchange.sent, type(exchange.meant)) == ((), Unprocessed)
        assert not SQUARE.capabilities.cards

    def test_a_currency_that_no_seller_has_is_not_sent(self) -> None:
        exchange = drive(CASE.asked("charge", ask={"amount": Money(100, "CHF")}), [reply({})])
        assert (exchange.sent, type(exchange.meant)) == ((), Unprocessed)

    def test_a_refund(self) -> None:
        (request,) = told("refund").sent
        assert body(request) == {
            "idempotency_key": KEY,
            "payment_id": "reference-1",
            "amount_money": {"amount": 1000, "currency": "EUR"},
            "reason": KEY,
        }

    def test_the_time_of_sending_bounds_the_search(self) -> None:
        first, second = told("lookup", "lookup_on_another_page").sent
        assert first.url.endswith(
            "/v2/payments?limit=100&location_id=LR3C0UP000001"
            "&begin_time=2026-11-23T04%3A50%3A00.000Z&end_time=2026-11-23T05%3A10%3A00.000Z"
        )
        assert "cursor=cR3c0up" in second.url
        anytime = replace(a_question(), sent_at=None)
        (request,) = drive(SQUARE.lookup(ACCOUNT, anytime), [reply({})]).sent
        assert "begin_time" not in request.url


class TestCaptures:
    """Square captures what the payment says; so the payment is read before, and never more is captured."""

    def test_a_part_is_lowered_to_first(self) -> None:
        look, lower, complete = told("capture").sent
        assert (look.method, lower.method, complete.method) == ("GET", "PUT", "POST")
        assert body(lower) == {
            "idempotency_key": f"{KEY}-amount",
            "payment": {
                "amount_money": {"amount": 1000, "currency": "EUR"},
                "version_token": "vR3c0upToken0000000000000000000000000000001o",
            },
        }
        assert complete.url.endswith("/v2/payments/reference-1/complete")
        assert body(complete) == {"version_token": "vR3c0upToken0000000000000000000000000000002o"}

    def test_the_whole_is_completed_as_it_was_seen(self) -> None:
        look, complete = told("capture", "capture_whole").sent
        assert (look.method, complete.method) == ("GET", "POST")
        assert body(complete) == {"version_token": "vR3c0upToken0000000000000000000000000000001o"}

    def test_more_than_is_held_is_not_captured(self) -> None:
        exchange = told("capture", amount=Money(5000, "EUR"))
        assert (len(exchange.sent), type(exchange.meant)) == (1, Unprocessed)

    def test_where_the_amount_stays_nothing_is_captured(self) -> None:
        look, *_ = REPLIES["approved", "capture"].replies
        exchange = drive(CASE.asked("capture"), [look, look])
        assert [request.method for request in exchange.sent] == ["GET", "PUT"]
        assert isinstance(exchange.meant, Unprocessed)


class TestVerifying:
    """Square's own script, on a page of ours."""

    BACK: Final = "https://pay.example/actions/token/return"
    ON_FILE: Final = Token(Secret("ccof:r3c0up0000000000GB"), customer="customer-1", brand="visa")
    WANTS: Final = REPLIES["declined", "verification_required"].replies

    def said(self, wish: str, source: Token = ON_FILE, **changes: Any) -> Told:
        account = replace(ACCOUNT, credentials={**ACCOUNT.credentials, "three_d_secure": Secret(wish)})
        charge = a_charge(**{"source": source, "callback_url": self.BACK, **changes})
        return drive(SQUARE.charge(account, charge), self.WANTS)

    def test_a_card_on_file_that_is_declined_for_want_of_it_waits(self) -> None:
        told = self.said("when_asked")
        assert (len(told.sent), type(told.meant)) == (1, ActionRequired)
        assert isinstance(told.meant, ActionRequired) and told.meant.script is not None
        assert told.meant.script.parameters == {
            "application_id": "sandbox-sq0idb-recoup00000000000000",
            "location_id": "LR3C0UP000001",
            "source_id": "ccof:r3c0up0000000000GB",
            "amount": "49.99",
            "currency": "EUR",
            "givenName": "Wilhelmina",
            "familyName": "Ormsby",
            "email": "wilhelmina@example.com",
            "line1": "1 Main Street",
            "city": "Berlin",
            "postalCode": "94103-6677",
            "countryCode": "DE",
        }

    def test_always_means_before_anything_is_charged(self) -> None:
        told = self.said("always", Token(Secret("cnon:of-one-use"), brand="visa"), amount=Money(4990, "JPY"))
        assert told.sent == ()
        assert isinstance(told.meant, ActionRequired) and told.meant.script is not None
        assert told.meant.reference == KEY
        assert told.meant.script.parameters["amount"] == "4990"

    def test_a_token_of_one_use_that_was_declined_may_be_spent(self) -> None:
        assert isinstance(self.said("when_asked", Token(Secret("cnon:of-one-use"))).meant, Declined)

    def test_who_cannot_be_verified_is_declined_as_before(self) -> None:
        for changes in ({"callback_url": None}, {"initiator": "merchant"}):
            assert isinstance(self.said("when_asked", **changes).meant, Declined)
        assert isinstance(self.said("off").meant, Declined)
        account = replace(ACCOUNT, credentials={**ACCOUNT.credentials, "application_id": Secret("")})
        charge = a_charge(source=self.ON_FILE, callback_url=self.BACK)
        assert isinstance(drive(SQUARE.charge(account, charge), self.WANTS).meant, Declined)

    def test_a_live_account_loads_the_live_script(self) -> None:
        account = replace(ACCOUNT, livemode=True)
        charge = a_charge(source=self.ON_FILE, callback_url=self.BACK)
        meant = drive(SQUARE.charge(account, charge), self.WANTS).meant
        assert isinstance(meant, ActionRequired) and meant.script is not None
        assert meant.url == "https://web.squarecdn.com/v1/square.js"
        assert not [one for one in meant.script.origins if "sandbox" in one]

    def test_the_charge_that_goes_on_differs_in_its_key_and_token_alone(self) -> None:
        """Under the first key Square would refuse another request, or show the first decline again."""
        (first,), (second,) = told("charge").sent, told("complete").sent
        changed = {"idempotency_key": f"{KEY}-3ds", "verification_token": "returned-0002"}
        assert body(second) == {**body(first), **changed}
        assert body(second)["reference_id"] == KEY
        assert len(body(second)["idempotency_key"]) <= 45

    def test_the_card_and_the_amount_are_ours_whatever_the_browser_says(self) -> None:
        forged = {"verification_token": "verf", "source_id": "ccof:of-another", "amount": "0.01"}
        (request,) = told("complete", returned=forged).sent
        assert body(request)["source_id"] == TOKEN
        assert body(request)["amount_money"] == {"amount": 4999, "currency": "EUR"}

    def test_what_no_script_made_is_not_handed_on(self) -> None:
        for token in ("a\r\nb", "x" * 5000, "", "\u00fc"):
            exchange = told("complete", returned={"verification_token": token})
            assert (exchange.sent, type(exchange.meant)) == ((), Declined)

    def test_while_the_customer_may_be_at_it_the_newest_payments_are_looked_through(self) -> None:
        (request,) = told("lookup", "lookup_waits", folder="garbage").sent
        assert "begin_time=" in request.url and "end_time=" not in request.url


class TestWithdrawing:
    """Square keeps no promise that a request still on its way would be refused."""

    def test_nothing_is_promised(self) -> None:
        exchange = drive(SQUARE.withdraw(ACCOUNT, a_question()), [reply({})])
        assert (exchange.sent, type(exchange.meant)) == ((), Unknown)
        assert not SQUARE.capabilities.withdraw


class TestSignaturesOfTheSdk:
    """Square's own library finds good what is signed as we check it, and bad what we refuse."""

    KEY_OF_OURS: Final = ACCOUNT.credential("webhook_signature_key")
    BODY: Final = REPLIES["webhooks", "payment_completed"].body

    def both(self, delivery: Delivery) -> tuple[bool, bool]:
        ours = drive(SQUARE.authenticate(ACCOUNT, delivery), [reply({})]).meant
        assert isinstance(ours, Authentic | Forged)
        theirs = verify_signature(
            request_body=delivery.body.decode(),
            signature_header=delivery.headers.get("x-square-hmacsha256-signature", ""),
            signature_key=self.KEY_OF_OURS,
            notification_url=delivery.url,
        )
        return isinstance(ours, Authentic), theirs

    def test_we_agree(self) -> None:
        good = sign(ACCOUNT, self.BODY, NOW)
        assert self.both(good) == (True, True)
        assert self.both(replace(good, body=self.BODY + b" ")) == (False, False)
        assert self.both(replace(good, url=f"{URL}/")) == (False, False)
        assert self.both(replace(good, headers={})) == (False, False)
        other = replace(ACCOUNT, credentials={"webhook_signature_key": Secret("another")})
        assert self.both(sign(other, self.BODY, NOW)) == (False, False)
