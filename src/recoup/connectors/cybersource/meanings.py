"""What CyberSource's answers mean: statuses and reasons of what was asked, services of what was found, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from recoup.connectors.base import (
    AskAgain,
    ChangeKind,
    Charge,
    CredentialNews,
    Delivery,
    HttpResponse,
    Notice,
    Question,
    Subject,
    no_readable_answer,
)
from recoup.connectors.base.webhooks import body_digest
from recoup.connectors.cybersource import wire
from recoup.connectors.cybersource.wire import Answer, Application, Details, Invalid, Unauthorised
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    Approved,
    Declined,
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

NAME: Final = "cybersource"

_PENDING: Final = "PENDING_AUTHENTICATION"
_DECLINES: Final = frozenset({"DECLINED", "AUTHORIZED_RISK_DECLINED", _PENDING, "AUTHENTICATION_FAILED"})
_WAITING: Final = frozenset({"AUTHORIZED_PENDING_REVIEW", "PENDING_REVIEW"})
_ACCEPTED: Final = frozenset({"PENDING", "TRANSMITTED", "REVERSED", "COMPLETED"})
_OF_THE_CARD: Final = frozenset({"INVALID_CARD", "INVALID_CARD_TYPE", "CARD_TYPE_NOT_ACCEPTED"})
"""Reasons of a refused request that speak of the card: as good as a decline."""
_MAYBE_DONE: Final = frozenset({"DUPLICATE_REQUEST", "PROCESSOR_UNAVAILABLE"})
_NO_VERDICT: Final = frozenset({"", "100", "104", "110", "150", "151", "152", "250"})
"""Reason codes of a service that did not end in a yes or a no."""
_CHALLENGED: Final = "475"
"""The reason code of an enrolment that ended in a challenge: nothing was authorised, and without us nothing will be."""
_REVIEW: Final = "480"
_REJECT: Final = "481"
_SERVICES: Final = {
    ChangeKind.CAPTURE: "ics_bill",
    ChangeKind.CANCEL: "ics_auth_reversal",
    ChangeKind.REFUND: "ics_credit",
}
_SUBJECTS: Final = (
    ("payments.capture", Subject.CAPTURE),
    ("payments.settlement", Subject.CAPTURE),
    ("payments.refund", Subject.REFUND),
    ("payments.credit", Subject.REFUND),
    ("payments.void", Subject.CANCEL),
    ("payments.reversal", Subject.CANCEL),
    ("payments.", Subject.CHARGE),
    ("risk.casemanagement.decision.", Subject.CHARGE),
)


def is_challenge(answer: Answer, *, key: str) -> bool:
    """Whether the customer must be challenged before this payment goes on."""
    return answer.status == _PENDING and answer.client_reference_information.code == key


def charge_answered(response: HttpResponse, charge: Charge) -> Outcome:
    """What the answer to a charge means."""
    return charged(
        response,
        key=charge.key,
        amount=charge.amount,
        brand=charge.source.brand,
        today=charge.today,
        captured=charge.capture,
    )


def completed(response: HttpResponse, charge: Charge) -> Evidence:
    """What the answer to a charge that goes on means: it was heard of before, so that nothing proves it never was."""
    outcome = charge_answered(response, charge)
    return Unknown(outcome.why) if isinstance(outcome, Unprocessed) else outcome


def charged(
    response: HttpResponse, *, key: str, amount: Money | None, brand: str, today: date, captured: bool
) -> Outcome:
    """What the answer to a payment means."""
    answer = wire.read(response, Answer, 201)
    if answer is None:
        return _not_taken(response, brand=brand, today=today) or no_readable_answer(response)
    if answer.client_reference_information.code != key:
        return Unknown("the answer is about another request")
    said = answer.processor_information
    match answer.status:
        case "AUTHORIZED" if amount is not None and not answer.order_information.amount_details.are(amount):
            return Unknown("the answer is about another amount")
        case "AUTHORIZED":
            token, customer = answer.token_information.token()
            return Approved(
                answer.id,
                captured=captured,
                network_transaction_id=said.network_transaction_id or said.transaction_id or None,
                checks=said.checks(),
                token=token,
                token_customer=customer,
            )
        case status if status in _WAITING:
            return Pending(answer.id)
        case status if status in _DECLINES and answer.error_information.reason not in _MAYBE_DONE:
            return _declined(answer, brand=brand, today=today)
        case status:
            return Unknown(f"no clear answer: {status}")


def _declined(answer: Answer, *, brand: str, today: date) -> Declined:
    said, why = answer.processor_information, answer.error_information
    return declined(
        NAME,
        why.reason or answer.status,
        on=today,
        network_code=said.network_code(),
        advice_code=said.advice_code(),
        brand=brand,
        text=why.message or said.response_details or None,
        raw={"status": answer.status, **said.raw()},
        reference=answer.id,
        checks=said.checks(),
    )


def _not_taken(response: HttpResponse, *, brand: str, today: date) -> Outcome | None:
    """The processor's own word that it did not take the request; one about the card is a decline."""
    invalid = wire.read(response, Invalid, 400)
    if invalid is not None and invalid.status == "INVALID_REQUEST" and invalid.reason in _OF_THE_CARD:
        return declined(NAME, invalid.reason, on=today, brand=brand, text=invalid.message or None)
    return _unprocessed(response)


def _unprocessed(response: HttpResponse) -> Unprocessed | Unknown | None:
    invalid = wire.read(response, Invalid, 400)
    if invalid is not None and invalid.status == "INVALID_REQUEST":
        if invalid.reason in _MAYBE_DONE:
            return Unknown(f"no clear answer: {invalid.reason}")
        return Unprocessed(f"HTTP 400: {invalid.reason}")
    refused = wire.read(response, Unauthorised, 401, 403)
    return None if refused is None else Unprocessed(f"HTTP {response.status}: not authorised")


def changed(response: HttpResponse, *, key: str) -> FollowUp:
    """What the answer to a capture, refund or reversal means."""
    answer = wire.read(response, Answer, 201)
    if answer is None:
        invalid = wire.read(response, Invalid, 400)
        if invalid is not None and invalid.status == "INVALID_REQUEST" and invalid.reason not in _MAYBE_DONE:
            return Refused(invalid.reason, invalid.message or "The processor gave no reason.")
        return _unprocessed(response) or no_readable_answer(response)
    if answer.client_reference_information.code != key:
        return Unknown("the answer is about another request")
    if answer.status in _ACCEPTED:
        return Done(answer.id)
    if answer.status == "DECLINED" and answer.error_information.reason:
        why = answer.error_information
        return Refused(why.reason, why.message or "The processor gave no reason.")
    return Unknown(f"no clear answer: {answer.status}")


def waits(found: Details) -> bool:
    """Whether a transaction ended with a challenge of the customer, before anything was authorised; whichever service
    says so, since read as a decline it would hide the payment that follows a challenge that was met."""
    told = (found.application("ics_pa_enroll"), found.application("ics_auth"))
    codes = {"" if one is None else str(one.reason_code) for one in told}
    return _CHALLENGED in codes and codes <= {"", _CHALLENGED}


def evidence(found: Details, question: Question) -> Evidence:
    """What the services of a transaction say of a charge.

    One that waits for its customer was refused where we never heard of the challenge: nobody can take it up any more.
    """
    authorised = found.application("ics_auth")
    if waits(found):
        if question.reference is not None:
            return Unknown("the customer was challenged, and what came of that is not to be found")
        return declined(NAME, _CHALLENGED, on=question.today, brand=question.brand, reference=found.id)
    if authorised is None:
        return Unknown("the transaction that carries our key is no payment")
    if question.amount is not None and not found.order_information.amount_details.are(question.amount):
        return Unknown("the transaction that carries our key is for another amount")
    billed = found.application("ics_bill")
    captured = billed is not None and billed.done
    verdict = authorised if captured else _rejection(found) or authorised
    said, code = found.processor_information, str(verdict.reason_code)
    if verdict.done:
        return Approved(
            found.id,
            captured=captured,
            network_transaction_id=said.network_transaction_id or said.transaction_id or None,
            checks=said.checks(),
        )
    if code == _REVIEW:
        return Pending(found.id)
    if code in _NO_VERDICT:
        return Unknown(f"the transaction ended in no verdict: {code}")
    return declined(
        NAME,
        code,
        on=question.today,
        network_code=said.network_code(),
        advice_code=said.advice_code(),
        brand=question.brand,
        text=verdict.r_message or None,
        raw=said.raw(),
        reference=found.id,
        checks=said.checks(),
    )


def _rejection(found: Details) -> Application | None:
    """The merchant's own fraud rules said no after the issuer had said yes: what was held is not to be captured."""
    decision = found.application("ics_decision")
    return decision if decision is not None and str(decision.reason_code) == _REJECT else None


def change_found(found: Details, question: Question) -> FollowUpEvidence:
    """What the services of a transaction say of a change."""
    service = None if question.change is None else found.application(_SERVICES[question.change])
    if service is None:
        return Unknown("the transaction that carries our key is another kind of change")
    if question.amount is not None and not found.order_information.amount_details.have(question.amount):
        return Unknown("the transaction that carries our key is for another amount")
    if service.done:
        return Done(found.id)
    code = str(service.reason_code)
    if code in _NO_VERDICT:
        return Unknown(f"the change ended in no verdict: {code}")
    return Refused(code, service.r_message or "The processor gave no reason.")


def delivery_id(delivery: Delivery) -> str:
    """A notification keeps its id when it is sent again."""
    told = wire.event(delivery)
    return (told.notification_id if told is not None else "") or body_digest(delivery)


def notices(delivery: Delivery) -> tuple[Notice, ...]:
    """What changed; how, must be asked, since payloads differ by product and version."""
    told = wire.event(delivery)
    if told is None:
        return ()
    name, at = delivery_id(delivery), _time(told.event_date)
    data = _data(told.payload)
    if told.event_type.startswith("tms."):
        return (Notice(name, Subject.CREDENTIAL, _credential(data), occurred_at=at),)
    about = next(
        (subject for start, subject in _SUBJECTS if told.event_type.startswith(start)), Subject.OTHER
    )
    reference = _text(data, "id") or _text(data, "requestId")
    reference_information = data.get("clientReferenceInformation")
    key = _text(reference_information, "code") or _text(data, "merchantReferenceCode")
    askable = about is not Subject.OTHER and bool(reference or key)
    return (
        Notice(
            name,
            about,
            AskAgain() if askable else None,
            reference=reference,
            charge_reference=_text(data, "rootId"),
            key=key,
            occurred_at=at,
        ),
    )


def _data(payload: object) -> Mapping[str, Any]:
    """The object that a payload is about: itself, its first, or what it holds as `data`."""
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    if isinstance(payload, dict) and isinstance(payload.get("data"), dict):
        payload = payload["data"]
    return payload if isinstance(payload, dict) else {}


def _text(data: object, name: str) -> str | None:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) and value else None


def _credential(data: Mapping[str, Any]) -> CredentialNews | None:
    """The saved card that was renewed, by the end of its link."""
    links = data.get("_links")
    found = links.get("paymentInstruments") if isinstance(links, dict) else None
    href = _text(found[0], "href") if isinstance(found, list) and found else None
    return None if href is None else CredentialNews(Secret(href.rpartition("/")[2]))


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
