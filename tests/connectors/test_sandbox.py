"""What the simulated processors' own replies mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest
from tests.connectors.cases import CASES
from tests.connectors.cases.sandbox import (
    CHANGE,
    CHARGE,
    change_reply,
    charge_reply,
    declined_reply,
    news,
    refusal,
    reply,
    sign,
)
from tests.connectors.conformance import a_charge, drive
from tests.connectors.recorded import KEY

from recoup.connectors.base import HttpResponse, Notice, Question, Subject
from recoup.connectors.registry import CONNECTORS
from recoup.kit.money import Money
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Category,
    Checks,
    Declined,
    Done,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
    Withdrawn,
)

ALPHA = CASES["alpha"]
AT: Final = datetime(2026, 11, 23, 5, 1, tzinfo=UTC)


def charged(answer: HttpResponse) -> object:
    return drive(ALPHA.asked("charge"), [answer]).meant


def looked_up(answer: HttpResponse) -> object:
    return drive(ALPHA.asked("lookup"), [answer]).meant


def test_an_approval() -> None:
    checks = Checks(cvc="pass", postal_code="fail")
    assert charged(charge_reply()) == Approved(
        "ch_1", captured=True, network_transaction_id="141544217307196", checks=checks
    )


def test_an_approval_that_only_holds() -> None:
    meant = charged(charge_reply(capture=False, captured=0))
    assert isinstance(meant, Approved)
    assert not meant.captured


def test_a_decline_says_what_the_network_said() -> None:
    meant = charged(declined_reply("insufficient_funds", "51", "25").reply)
    assert isinstance(meant, Declined)
    assert (meant.decline.code, meant.decline.category) == ("insufficient_funds", Category.FUNDS)
    assert meant.reference == "ch_1"


def test_authentication_and_patience() -> None:
    url = "http://127.0.0.1:9/alpha/authentications/x"
    assert charged(charge_reply(state="requires_action", authentication_url=url)) == ActionRequired(
        "ch_1", url
    )
    assert charged(charge_reply(state="pending")) == Pending("ch_1")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://x y", "https://x\ny", ""])
def test_an_address_that_is_none_is_not_given_to_a_customer(url: str) -> None:
    assert isinstance(charged(charge_reply(state="requires_action", authentication_url=url)), Unknown)


def test_an_answer_about_something_else_means_nothing() -> None:
    """Kept connections have been seen to hand one payment another's answer."""
    assert isinstance(charged(charge_reply(key="att_2")), Unknown)
    assert isinstance(charged(charge_reply(amount=5000)), Unknown)
    assert isinstance(charged(charge_reply(currency="USD")), Unknown)
    assert isinstance(looked_up(charge_reply(key="att_2")), Unknown)
    assert isinstance(drive(ALPHA.asked("capture"), [change_reply(object="refund")]).meant, Unknown)


def test_a_decline_without_a_reason_is_not_understood() -> None:
    assert isinstance(charged(charge_reply(state="declined")), Unknown)


@pytest.mark.parametrize("reference", ["", "a" * 256, "a\u0000", "a b"])
def test_a_reference_that_cannot_be_kept_is_not_understood(reference: str) -> None:
    assert isinstance(charged(charge_reply(id=reference)), Unknown)


def test_only_the_processors_own_promise_makes_it_unprocessed() -> None:
    assert charged(refusal(503, "unavailable")) == Unprocessed("HTTP 503: unavailable")
    assert isinstance(charged(refusal(503, "unavailable", processed=None)), Unknown)
    assert isinstance(charged(refusal(409, "key_reused", processed=None)), Unknown)
    assert isinstance(charged(refusal(503, "unavailable", processed=True)), Unknown)
    assert isinstance(charged(refusal(200, "unavailable")), Unknown)


def test_not_found_proves_nothing() -> None:
    assert isinstance(looked_up(refusal(404, "not_found", processed=None)), Unknown)


def test_a_burnt_key_is_a_promise_only_to_the_one_who_burns_it() -> None:
    burnt = reply({"object": "withdrawal", "key": KEY, "processor": "alpha", "state": "withdrawn"})
    assert isinstance(drive(ALPHA.asked("withdraw"), [burnt]).meant, Withdrawn)
    assert isinstance(drive(ALPHA.asked("withdraw_change"), [burnt]).meant, Withdrawn)
    assert isinstance(looked_up(burnt), Unknown)
    another = reply({"object": "withdrawal", "key": "att_2", "state": "withdrawn"})
    assert isinstance(drive(ALPHA.asked("withdraw"), [another]).meant, Unknown)


def test_withdrawing_what_is_there_tells_what_it_is() -> None:
    assert isinstance(drive(ALPHA.asked("withdraw"), [charge_reply()]).meant, Approved)
    assert isinstance(drive(ALPHA.asked("withdraw_change"), [change_reply()]).meant, Done)


def test_changes() -> None:
    def refunded(answer: HttpResponse) -> object:
        return drive(ALPHA.asked("refund"), [answer]).meant

    assert refunded(change_reply(object="refund", id="rf_1")) == Done("rf_1")
    assert refunded(change_reply(object="refund", id="rf_1", state="pending")) == Pending("rf_1")
    why = {"code": "amount_too_large", "message": "There is no more than 3 left to refund."}
    assert refunded(change_reply(object="refund", state="refused", **why)) == Refused(**why)
    assert isinstance(refunded(change_reply(object="refund", state="failed", code="refund_failed")), Refused)


def test_what_a_charge_sends() -> None:
    ask = {"amount": Money(700, "EUR"), "initiator": "merchant"}
    (request,) = drive(ALPHA.asked("charge", ask=ask), [charge_reply()]).sent
    assert request.url == "http://127.0.0.1:9/alpha/charges"
    assert request.headers["Idempotency-Key"] == KEY
    body = msgspec.json.decode(request.body)
    assert (body["order"], body["amount"], body["currency"]) == (a_charge().payment_key, 700, "EUR")
    assert (body["initiator"], body["capture"]) == ("merchant", True)


def test_keys_stay_whole_in_paths() -> None:
    """A key is data: a slash in it must not become another path."""
    question = Question(key="a/b?c#d%", brand="visa", today=a_charge().today)
    request = next(ALPHA.connector.lookup(ALPHA.account, question))
    assert request.url.endswith("/alpha/operations/a%2Fb%3Fc%23d%25")


def test_the_three_differ() -> None:
    alpha, bravo, charlie = (CONNECTORS[name].capabilities for name in ("alpha", "bravo", "charlie"))
    assert "amex" in alpha.brands - bravo.brands
    assert alpha.currencies is None
    assert charlie.currencies == frozenset({"EUR", "GBP"})
    assert not charlie.multiple_captures
    assert all(can.lookup and can.withdraw for can in (alpha, bravo, charlie))


def noticed(data: Mapping[str, object]) -> tuple[Notice, ...]:
    """What a webhook about this says."""
    return ALPHA.connector.notices(ALPHA.account, sign(ALPHA.account, news(data), AT))


def test_a_webhook_says_what_an_answer_says() -> None:
    """Then it can be trusted for as much, where nobody can be asked."""
    (notice,) = noticed(CHARGE)
    assert (notice.event_id, notice.about, notice.key) == ("ev_1", Subject.CHARGE, KEY)
    assert notice.meaning == charged(charge_reply())
    assert (notice.reference, notice.amount) == ("ch_1", Money(4999, "EUR"))
    assert notice.occurred_at == datetime(2026, 11, 23, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("object_", "about"),
    [("capture", Subject.CAPTURE), ("cancellation", Subject.CANCEL), ("refund", Subject.REFUND)],
)
def test_a_webhook_about_a_change_names_its_charge(object_: str, about: Subject) -> None:
    (notice,) = noticed({**CHANGE, "object": object_})
    assert (notice.about, notice.meaning) == (about, Done("cp_1"))
    assert (notice.reference, notice.charge_reference, notice.amount) == ("cp_1", "ch_1", Money(1000, "EUR"))


def test_a_refund_that_failed_says_why() -> None:
    (notice,) = noticed({**CHANGE, "object": "refund", "state": "failed", "code": "gone", "message": "No."})
    assert notice.meaning == Refused("gone", "No.")


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"id": "ev_1", "data": 1}', b"\xff"])
def test_a_webhook_that_is_not_understood_says_nothing(body: bytes) -> None:
    assert ALPHA.connector.notices(ALPHA.account, sign(ALPHA.account, body, AT)) == ()
