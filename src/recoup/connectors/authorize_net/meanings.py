"""What Authorize.Net's answers mean: a transaction's response and reason codes, its state when asked, its webhooks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from recoup.connectors.authorize_net import requests, wire
from recoup.connectors.authorize_net.wire import Answer, Details, Event, Transaction
from recoup.connectors.base import (
    AskAgain,
    CredentialNews,
    HttpResponse,
    Notice,
    Question,
    Subject,
    no_readable_answer,
)
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    Approved,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

NAME: Final = "authorize_net"

_AT_THE_DOOR: Final = frozenset(
    f"E000{number:02}" for number in (*range(2, 12), 13, 14, 15, 16, 40, 53, 59)
) | {"E00104"}
_MAYBE_DONE: Final = frozenset({"11", "222", "318", "120", "121", "122", "152", "181", "295", "36"})
"""Reasons that leave it open whether money is held: a duplicate of something, or a reversal that failed."""
_NO_ZERO_AMOUNTS: Final = frozenset({"289", "2007"})
_ALREADY_CAPTURED: Final = "311"

_CAPTURED: Final = frozenset(
    {"capturedPendingSettlement", "settledSuccessfully", "pendingFinalSettlement"}
) | {
    "pendingSettlement",
    "updatingSettlement",
}
_HELD: Final = "authorizedPendingCapture"
_WAITING: Final = frozenset(
    {"FDSPendingReview", "FDSAuthorizedPendingReview", "underReview", "approvedReview"}
) | {"authorizedPendingRelease"}
_FAILED: Final = frozenset({"declined", "generalError", "communicationError", "failedReview"})
_GONE: Final = frozenset({"voided", "expired"})
_REFUNDED: Final = frozenset({"refundPendingSettlement", "refundSettledSuccessfully"})

_CHARGES: Final = frozenset({"authorization.created", "authcapture.created", "capture.created"}) | {
    "fraud.held",
    "fraud.approved",
    "fraud.declined",
}


def charged(response: HttpResponse, *, key: str, brand: str, today: date, captured: bool) -> Outcome:
    """What the answer to a charge or a verification means."""
    answer = wire.read(response, Answer)
    if answer is None or answer.transaction_response is None:
        return _refused_at_the_door(answer) or no_readable_answer(response)
    if answer.ref_id != requests.digest(key):
        return Unknown("the answer is about another request")
    said = answer.transaction_response
    match said.response_code:
        case "1" if said.is_whole and answer.messages.result_code == "Ok":
            return _approved(answer, said, captured=captured)
        case "4" if said.is_whole:
            return Pending(said.trans_id)
        case "2" | "3" if said.reason.error_code in _NO_ZERO_AMOUNTS:
            return Unprocessed("this account's processor does not check cards without charging them")
        case "2" | "3" if said.reason.error_code and said.reason.error_code not in _MAYBE_DONE:
            return declined(
                NAME,
                said.reason.error_code,
                on=today,
                brand=brand,
                text=said.reason.error_text or None,
                raw=said.raw(),
                reference=said.trans_id if said.is_whole else None,
                checks=wire.checks(said.avs_result_code, said.cvv_result_code),
            )
        case _:
            return Unknown(
                f"no clear answer: response code {said.response_code}, reason {said.reason.error_code}"
            )


def _approved(answer: Answer, said: Transaction, *, captured: bool) -> Approved:
    token, customer = answer.token()
    return Approved(
        said.trans_id,
        captured=captured,
        network_transaction_id=said.network_trans_id or None,
        checks=wire.checks(said.avs_result_code, said.cvv_result_code),
        token=token,
        token_customer=customer,
    )


def changed(response: HttpResponse, *, key: str) -> FollowUp:
    """What the answer to a capture, void or refund means."""
    answer = wire.read(response, Answer)
    if answer is None or answer.transaction_response is None:
        return _refused_at_the_door(answer) or no_readable_answer(response)
    if answer.ref_id != requests.digest(key):
        return Unknown("the answer is about another request")
    said = answer.transaction_response
    match said.response_code:
        case "1" if any(one.code == _ALREADY_CAPTURED for one in said.messages):
            return Unknown("it was captured before, nobody says with which amount")
        case "1" if said.is_whole and answer.messages.result_code == "Ok":
            return Done(said.trans_id)
        case "4" if said.is_whole:
            return Pending(said.trans_id)
        case "2" | "3" if said.reason.error_code and said.reason.error_code not in _MAYBE_DONE:
            return Refused(said.reason.error_code, said.reason.error_text or "The gateway gave no reason.")
        case _:
            return Unknown(
                f"no clear answer: response code {said.response_code}, reason {said.reason.error_code}"
            )


def _refused_at_the_door(answer: Answer | None) -> Unprocessed | None:
    """The gateway's own errors about credentials, permissions and the shape of a request."""
    if answer is None or answer.messages.result_code != "Error" or not answer.messages.message:
        return None
    codes = [one.code for one in answer.messages.message]
    return Unprocessed(f"refused: {', '.join(codes)}") if _AT_THE_DOOR.issuperset(codes) else None


def evidence(found: Details, question: Question) -> Evidence:
    """What the state of a transaction says of a charge."""
    if not found.authorised(question.amount):
        return Unknown("the transaction that carries our key is for another amount")
    checks = wire.checks(found.avs_response, found.card_code_response)
    status = found.transaction_status
    if status == _HELD or status in _CAPTURED:
        return Approved(
            found.trans_id,
            captured=status != _HELD,
            network_transaction_id=found.network_trans_id or None,
            checks=checks,
        )
    if status in _WAITING:
        return Pending(found.trans_id)
    # What was let go of, by somebody or by the gateway itself, was not taken, and never will be: no reason says so.
    reason = status if status in _GONE else str(found.response_reason_code)
    if status in _GONE or (status in _FAILED and reason not in _MAYBE_DONE | {"", "1"}):
        return declined(
            NAME,
            reason,
            on=question.today,
            brand=question.brand,
            text=None if status in _GONE else found.response_reason_description or None,
            raw={"transactionStatus": status},
            reference=found.trans_id,
            checks=checks,
        )
    return Unknown(f"the transaction is {status}")


def capture_found(charge: Details, question: Question) -> FollowUpEvidence:
    """What the state of a charge says of its capture."""
    if charge.transaction_status in _GONE:
        return Refused(charge.transaction_status, "Nothing is held any more that could be captured.")
    if charge.transaction_status in _CAPTURED and charge.settles(question.amount):
        return Done(charge.trans_id)
    return Unknown(f"the charge is {charge.transaction_status}")


def cancel_found(charge: Details) -> FollowUpEvidence:
    """What the state of a charge says of its cancellation."""
    gone = charge.transaction_status in _GONE
    return Done(charge.trans_id) if gone else Unknown("the charge has not been voided yet")


def refund_found(refund: Details | None, question: Question) -> FollowUpEvidence:
    """What the state of a transaction says of a refund."""
    if refund is None or refund.order.description != question.key:
        return Unknown("the gateway shows no transaction that carries our key")
    if refund.transaction_status in _FAILED:
        return Refused(
            str(refund.response_reason_code), refund.response_reason_description or "It was declined."
        )
    if refund.transaction_status in _REFUNDED and refund.settles(question.amount):
        return Done(refund.trans_id)
    return Unknown(f"the refund is {refund.transaction_status}")


def notice(told: Event) -> Notice:
    """What a webhook is about. The card of a payment profile is known by its id."""
    kind, id_ = told.event_type.removeprefix("net.authorize.").removeprefix("payment."), told.payload.id
    at = _time(told.event_date)
    match kind:
        case kind if kind in _CHARGES:
            return Notice(told.notification_id, Subject.CHARGE, AskAgain(), reference=id_, occurred_at=at)
        case "priorAuthCapture.created":
            about = Subject.CAPTURE
        case "void.created":
            about = Subject.CANCEL
        case "refund.created":
            return Notice(told.notification_id, Subject.REFUND, AskAgain(), reference=id_, occurred_at=at)
        case "customer.paymentProfile.updated" | "customer.paymentProfile.deleted":
            news = CredentialNews(Secret(id_), closed=kind.endswith("deleted"))
            return Notice(told.notification_id, Subject.CREDENTIAL, news, occurred_at=at)
        case _:
            return Notice(told.notification_id, Subject.OTHER, None, reference=id_, occurred_at=at)
    return Notice(
        told.notification_id, about, AskAgain(), reference=id_, charge_reference=id_, occurred_at=at
    )


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
