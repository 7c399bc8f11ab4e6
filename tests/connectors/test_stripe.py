"""Stripe: exact requests, its special currencies, what burning a key needs, and its own SDK's signatures."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import pytest
import stripe as sdk
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.cases.stripe import ACCOUNT, CASES, sign
from tests.connectors.conformance import NOW, Told, a_card, a_completion, a_question, drive
from tests.connectors.recorded import CHARGE_KEY, KEY, recorded

from recoup.connectors.base import Authentic, Delivery, Forged, HttpRequest, HttpResponse
from recoup.connectors.stripe import STRIPE, asking
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import ActionRequired, Approved, Declined, Unknown, Unprocessed, Withdrawn

CASE: Final = CASES[0]
REPLIES: Final = {(one.folder, one.name): one for one in recorded("stripe")}
SECRET: Final = "whsec_notasecret000000000000000"
NO_MULTICAPTURE: Final = replace(
    ACCOUNT, credentials={name: it for name, it in ACCOUNT.credentials.items() if name != "multicapture"}
)


def told(verb: str, name: str = "", *, folder: str = "approved", **ask: Any) -> Told:
    one = REPLIES[folder, name or verb]
    return drive(CASE.asked(verb, ask={**one.ask, **ask}), one.replies)


def form(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


def reply(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, msgspec.json.encode(body))


class TestRequests:
    """What is sent, to the field."""

    def test_a_card_in_session(self) -> None:
        (request,) = told("charge").sent
        assert (request.method, request.url) == ("POST", "https://api.stripe.com/v1/payment_intents")
        assert request.headers["Idempotency-Key"] == KEY
        assert request.headers["Stripe-Version"] == "2026-10-28.endive"
        assert request.secret_headers == {"Authorization": "Bearer sk_test_notakey0000000000000000"}
        assert form(request) == {
            "amount": "4999",
            "currency": "eur",
            "confirm": "true",
            "capture_method": "automatic",
            "payment_method_types[0]": "card",
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": a_card().number.reveal(),
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2031",
            "payment_method_data[card][cvc]": "737",
            "payment_method_data[billing_details][name]": "Wilhelmina Ormsby",
            "payment_method_data[billing_details][email]": "wilhelmina@example.com",
            "payment_method_data[billing_details][address][line1]": "1 Main Street",
            "payment_method_data[billing_details][address][city]": "Berlin",
            "payment_method_data[billing_details][address][postal_code]": "94103-6677",
            "payment_method_data[billing_details][address][country]": "DE",
            "expand[0]": "latest_charge",
            "metadata[recoup_key]": KEY,
            "metadata[recoup_payment]": "pay_01kb0000000000000000000001",
            "metadata[merchant_reference]": "order-1",
            "return_url": "https://shop.example/after",
        }

    def test_without_a_place_to_come_back_to_a_challenge_is_a_decline(self) -> None:
        sent = form(told("charge", return_url=None).sent[0])
        assert sent["error_on_requires_action"] == "true"
        assert "return_url" not in sent

    def test_a_saved_method_by_the_merchant(self) -> None:
        sent = form(told("charge", "charge_by_merchant").sent[0])
        assert sent["off_session"] == "true"
        assert sent["payment_method"] == "tok-secret-0000-of-a-saved-card"
        assert sent["customer"] == "customer-1"
        assert sent["payment_method_options[card][stored_credential_usage]"] == "recurring"
        assert not [
            name for name in sent if "mit_exemption" in name or name.startswith("payment_method_data")
        ]

    def test_a_card_by_the_merchant_brings_what_the_network_gave(self) -> None:
        sent = form(told("charge", initiator="merchant").sent[0])
        name = "payment_method_options[card][mit_exemption][network_transaction_id]"
        assert sent[name] == "141544217307196"
        assert "payment_method_data[card][cvc]" not in sent

    def test_saving_a_card_makes_a_customer_first(self) -> None:
        customer, charge = told("charge", "charge_remembered").sent
        assert customer.url.endswith("/v1/customers")
        assert customer.headers["Idempotency-Key"] == f"{KEY}-customer"
        sent = form(charge)
        assert (sent["customer"], sent["setup_future_usage"]) == ("cus_Recoup0000001", "off_session")
        assert sent["payment_method_options[card][setup_credential_usage]"] == "unscheduled"

    def test_without_that_customer_nothing_is_charged(self) -> None:
        broken = reply({"error": {"type": "api_error"}}, 500)
        exchange = drive(CASE.asked("charge", ask={"remember": True}), [broken])
        assert len(exchange.sent) == 1
        assert isinstance(exchange.meant, Unprocessed)

    def test_a_hold_asks_for_several_captures_where_the_account_may(self) -> None:
        name = "payment_method_options[card][request_multicapture]"
        assert form(told("charge", "charge_held").sent[0])[name] == "if_available"
        other = replace(CASE, account=NO_MULTICAPTURE)
        sent = drive(
            other.asked("charge", ask={"capture": False}), REPLIES["approved", "charge_held"].replies
        )
        assert name not in form(sent.sent[0])

    def test_a_capture_that_more_may_follow(self) -> None:
        (request,) = told("capture").sent
        assert request.url == "https://api.stripe.com/v1/payment_intents/reference-1/capture"
        assert form(request) == {
            "amount_to_capture": "1000",
            f"metadata[{KEY}]": "capture",
            "final_capture": "false",
        }
        assert "final_capture" not in form(told("capture", "capture_final").sent[0])

    def test_without_multicapture_the_rest_is_not_lost_by_surprise(self) -> None:
        other = replace(CASE, account=NO_MULTICAPTURE)
        replies = REPLIES["approved", "capture_final"].replies
        refused = drive(other.asked("capture"), replies)
        assert (refused.sent, type(refused.meant)) == ((), Unprocessed)
        assert drive(other.asked("capture", ask={"final": True}), replies).sent
        assert drive(other.asked("capture", ask={"whole": True}), replies).sent

    def test_a_refund(self) -> None:
        (request,) = told("refund").sent
        assert request.url == "https://api.stripe.com/v1/refunds"
        assert form(request) == {
            "payment_intent": "reference-1",
            "amount": "1000",
            "metadata[recoup_key]": KEY,
        }

    def test_a_reference_is_quoted_into_a_path(self) -> None:
        case = replace(CASE, charge_reference="../customers")
        (request,) = drive(case.asked("cancel"), [reply({})]).sent
        assert request.url == "https://api.stripe.com/v1/payment_intents/..%2Fcustomers/cancel"


class TestAmounts:
    """Where Stripe counts otherwise than ISO 4217."""

    @pytest.mark.parametrize(
        ("minor", "currency", "counted"),
        [
            (5, "ISK", 500),
            (500, "MGA", 5),
            (501, "MGA", None),
            (5120, "KWD", 5120),
            (5124, "KWD", None),
            (1050, "HUF", 1050),
            (1050, "TWD", 1050),
            (500, "UGX", None),
            (1000, "CLF", None),
            (500, "KRW", 500),
        ],
    )
    def test_an_amount_is_counted_as_stripe_does_or_not_sent(
        self, minor: int, currency: str, counted: int | None
    ) -> None:
        amount = Money(minor, currency)
        assert asking.counted(amount) == counted
        if counted is None:
            exchange = drive(CASE.asked("charge", ask={"amount": amount}), [reply({})])
            assert (exchange.sent, type(exchange.meant)) == ((), Unprocessed)

    @given(minor=st.integers(1, 10**9), currency=st.sampled_from(sorted(DECIMALS)))
    def test_what_is_counted_reads_back_as_the_same_money(self, minor: int, currency: str) -> None:
        amount = Money(minor, currency)
        counted = asking.counted(amount)
        assert counted is None or asking.money(counted, currency.lower()) == amount


class TestSetUps:
    """A card that is only checked, after its customer came back."""

    def completed(self, **changes: Any) -> object:
        verified = REPLIES["approved", "verify_remembered"].replies[-1].json()
        assert isinstance(verified, dict)
        one = {**verified, **changes}
        exchange = STRIPE.complete(
            ACCOUNT,
            replace(a_completion("reference-1"), reference="seti_1SXq1kRecoup0setup0001"),
        )
        return drive(exchange, [reply(one)]).meant

    def test_it_is_approved_with_its_token(self) -> None:
        meant = self.completed()
        assert isinstance(meant, Approved)
        assert meant.token == Secret("pm_1SXq1kRecoup0method0001")

    def test_it_is_declined(self) -> None:
        failure = {"code": "setup_intent_authentication_failure", "message": "no"}
        meant = self.completed(status="requires_payment_method", last_setup_error=failure)
        assert isinstance(meant, Declined)
        assert meant.decline.code == "authentication_failed"

    def test_another_one_is_not_believed(self) -> None:
        assert isinstance(self.completed(id="seti_another"), Unknown)
        assert isinstance(self.completed(metadata={}), Unknown)


class TestWithdrawing:
    """A key counts as burnt only where Stripe cannot have forgotten it."""

    def withdrawn(self, *, sent_at: datetime | None, created: datetime) -> Told:
        burnt, ended = (one.json() for one in REPLIES["approved", "withdraw"].replies)
        assert isinstance(burnt, dict)
        replies = [reply({**burnt, "created": int(created.timestamp())}), reply(ended)]
        question = replace(a_question(), sent_at=sent_at)
        return drive(STRIPE.withdraw(ACCOUNT, question), replies)

    def test_the_burning_takes_no_money_and_is_cancelled(self) -> None:
        burn, end = self.withdrawn(sent_at=NOW, created=NOW).sent
        assert burn.url.endswith("/v1/payment_intents")
        assert burn.headers["Idempotency-Key"] == KEY
        assert form(burn) == {
            "amount": "4999",
            "currency": "eur",
            "payment_method_types[0]": "card",
            "metadata[recoup_withdrawn]": KEY,
        }
        assert end.url.endswith("/v1/payment_intents/pi_3SXq2kRecoup0burnt000001/cancel")

    @pytest.mark.parametrize(
        ("after", "certain"),
        [
            (timedelta(0), True),
            (timedelta(hours=23), True),
            (timedelta(hours=23, seconds=1), False),
            (timedelta(days=30), False),
            (timedelta(minutes=-5), True),
            (timedelta(minutes=-6), False),
        ],
    )
    def test_only_within_the_time_that_keys_are_kept(self, after: timedelta, certain: bool) -> None:
        meant = self.withdrawn(sent_at=NOW, created=NOW + after).meant
        assert isinstance(meant, Withdrawn if certain else Unknown)

    def test_nothing_is_burnt_where_nobody_knows_when_it_was_sent(self) -> None:
        exchange = self.withdrawn(sent_at=None, created=NOW)
        assert (exchange.sent, type(exchange.meant)) == ((), Unknown)

    def test_a_challenge_that_was_met_in_the_meantime_is_told(self) -> None:
        one = REPLIES["approved", "withdraw_a_challenge"]
        intent = REPLIES["approved", "charge"].replies[0].json()
        error = {"type": "invalid_request_error", "code": "payment_intent_unexpected_state"}
        late = reply({"error": {**error, "payment_intent": intent}}, 400)
        meant = drive(CASE.asked("withdraw", ask=one.ask), [one.replies[0], late]).meant
        assert isinstance(meant, Approved)

    def test_another_payments_challenge_is_not_ended(self) -> None:
        one = REPLIES["approved", "withdraw_a_challenge"]
        intent = one.replies[0].json()
        assert isinstance(intent, dict)
        other = reply({**intent, "metadata": {"recoup_key": CHARGE_KEY}})
        exchange = drive(CASE.asked("withdraw", ask=one.ask), [other])
        assert (len(exchange.sent), type(exchange.meant)) == (1, Unknown)

    def test_a_challenge_is_only_looked_at_by_a_question(self) -> None:
        one = REPLIES["approved", "withdraw_a_challenge"]
        exchange = drive(CASE.asked("lookup", ask=one.ask), one.replies)
        assert {request.method for request in exchange.sent} == {"GET"}
        assert isinstance(exchange.meant, ActionRequired)


class TestSignaturesOfTheSdk:
    """Signatures made by Stripe's own library are good, and ours are good for it."""

    BODY: Final = REPLIES["webhooks", "payment_succeeded"].body

    def verdict(self, delivery: Delivery) -> Authentic | Forged:
        meant = drive(STRIPE.authenticate(ACCOUNT, delivery), [reply({})]).meant
        assert isinstance(meant, Authentic | Forged)
        return meant

    def test_the_librarys_signature_is_taken(self) -> None:
        stamp = int(NOW.timestamp())
        made = sdk.WebhookSignature._compute_signature(f"{stamp}.{self.BODY.decode()}", SECRET)
        headers = {"stripe-signature": f"t={stamp},v1={'0' * 64},v1={made}"}
        good = Delivery(headers, self.BODY, NOW, "https://pay.example/")
        assert isinstance(self.verdict(good), Authentic)
        assert isinstance(self.verdict(replace(good, body=self.BODY + b" ")), Forged)
        moved = {"stripe-signature": headers["stripe-signature"].replace(f"t={stamp}", f"t={stamp + 1}")}
        assert isinstance(self.verdict(replace(good, headers=moved)), Forged)

    def test_the_library_takes_ours_and_reads_the_same_event(self) -> None:
        delivery = sign(ACCOUNT, self.BODY, NOW)
        header = delivery.headers["stripe-signature"]
        assert sdk.WebhookSignature.verify_header(self.BODY.decode(), header, SECRET)
        event = sdk.Event.construct_from(msgspec.json.decode(self.BODY), "sk_test_notakey")
        assert self.verdict(delivery) == Authentic(event.id)
        assert STRIPE.notices(ACCOUNT, delivery)[0].event_id == event.id

    def test_the_library_refuses_what_we_refuse(self) -> None:
        delivery = sign(replace(ACCOUNT, credentials=_other_secret()), self.BODY, NOW)
        assert isinstance(self.verdict(delivery), Forged)
        with pytest.raises(sdk.SignatureVerificationError):
            sdk.WebhookSignature.verify_header(
                self.BODY.decode(), delivery.headers["stripe-signature"], SECRET
            )

    @pytest.mark.parametrize(
        "header", ["t=,v1=00", "t=١٢٣,v1=00", "t=" + "9" * 40 + ",v1=00", "v1=00", "t=1"]
    )
    def test_a_strange_header_is_a_forgery(self, header: str) -> None:
        delivery = Delivery({"stripe-signature": header}, self.BODY, NOW, "https://pay.example/")
        assert isinstance(self.verdict(delivery), Forged)


def _other_secret() -> dict[str, Secret]:
    return {**ACCOUNT.credentials, "webhook_secret": Secret("whsec_other")}
