"""How a processor's answers read, and how they are delivered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, assert_never

import msgspec

from recoup.kit.clock import rfc3339
from recoup.sandbox.core.cardfile import opens_by_form
from recoup.sandbox.core.faults import Fault, FaultKind
from recoup.sandbox.core.operations import Book, Operation, OperationKind, OperationState
from recoup.sandbox.core.operations import book as booked
from recoup.sandbox.core.processors import PROCESSORS
from recoup.sandbox.wire import (
    FORM_FIELD,
    ChangeObject,
    ChargeObject,
    ChecksObject,
    DeclineObject,
    ErrorAnswer,
    ErrorObject,
    VerificationObject,
    WithdrawalObject,
)


class Delivery(StrEnum):
    """How an answer goes out."""

    WHOLE = "whole"
    HALF = "half"
    """Half of the body, then the connection is closed."""
    GARBAGE = "garbage"
    """Something else in its place."""
    CUT = "cut"
    """Not at all: the connection is reset."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, when (by the wall clock), and how."""

    status: int
    body: bytes = field(repr=False)
    after_s: int = 0
    delivery: Delivery = Delivery.WHOLE
    headers: tuple[tuple[str, str], ...] = ()


def delivered(answer: Answer, fault: Fault | None) -> Answer:
    """The answer as a fault on the way back lets it through."""
    match fault.kind if fault is not None else None:
        case FaultKind.SLOW if fault is not None:
            return replace(answer, after_s=fault.delay_s)
        case FaultKind.TIMEOUT_AFTER_SUCCESS if fault is not None:
            return replace(answer, after_s=fault.delay_s, delivery=Delivery.CUT)
        case FaultKind.RESET_AFTER:
            return replace(answer, delivery=Delivery.CUT)
        case FaultKind.HALF_REPLY:
            return replace(answer, delivery=Delivery.HALF)
        case FaultKind.GARBAGE:
            return replace(answer, delivery=Delivery.GARBAGE)
        case _:
            return answer


def at_the_door(fault: Fault, *, key_came_before: bool) -> Answer | None:
    """What a fault at the door answers with; None where it only keeps the request waiting.

    Nobody at the door promises anything about a key that came before: what it stands for may have moved money.
    """
    refused = no_promise if key_came_before else unprocessed
    match fault.kind:
        case FaultKind.OUTAGE:
            return refused(503, "unavailable", "This processor is out of service.")
        case FaultKind.RATE_LIMITED:
            answer = refused(429, "rate_limited", "Too many requests; come back in a second.")
            return replace(answer, headers=(("retry-after", "1"),))
        case FaultKind.TIMEOUT_BEFORE_PROCESSING:
            return Answer(503, b"", after_s=fault.delay_s, delivery=Delivery.CUT)
        case FaultKind.RESET_BEFORE:
            return Answer(503, b"", delivery=Delivery.CUT)
        case _:
            return None


def unprocessed(status: int, code: str, message: str) -> Answer:
    """An error that promises that nothing was done and nothing will be."""
    return Answer(
        status,
        msgspec.json.encode(ErrorAnswer(error=ErrorObject(code=code, message=message), processed=False)),
    )


def no_promise(status: int, code: str, message: str) -> Answer:
    """An error that leaves open what was done."""
    return Answer(status, msgspec.json.encode(ErrorAnswer(error=ErrorObject(code=code, message=message))))


KEY_REUSED: Final = no_promise(409, "key_reused", "This key came before with another request.")
BUSY_SINCE: Final = no_promise(
    503, "busy", "Too many requests are under way; what became of this one is not known."
)
WITHDRAWN: Final = unprocessed(
    409, "withdrawn", "This key was withdrawn: it never was and never will be done."
)
NOT_FOUND: Final = no_promise(404, "not_found", "Nothing came with this key so far.")
NO_CHARGE: Final = unprocessed(422, "no_such_charge", "There is no such charge.")
NO_DISPUTE: Final = unprocessed(422, "no_such_dispute", "There is no such dispute.")
NO_TOKEN: Final = unprocessed(422, "no_such_token", "There is no such saved card.")
NO_KEY: Final = unprocessed(400, "key_missing", "Send an Idempotency-Key of 1 to 255 characters.")
UNAUTHORIZED: Final = unprocessed(
    401, "unauthorized", "Send the API key of a world: Authorization: Bearer sbx_…"
)
NOT_SUPPORTED: Final = unprocessed(
    422, "not_supported", "This processor does not take this currency, brand or country."
)


def shown(operation: Operation, book: Book, *, base_url: str, token: str, now: datetime) -> Answer:
    """The answer that tells where an operation stands. `token` opens its authentication page."""
    url = f"{base_url}/{operation.processor}/authentications/{token}"
    match operation.kind:
        case OperationKind.CHARGE:
            form = {FORM_FIELD: token} if opens_by_form(operation.card) else None
            return _ok(_charge(operation, book, url=url, form=form, now=now))
        case OperationKind.VERIFICATION:
            return _ok(_verification(operation, url=url, now=now))
        case OperationKind.CAPTURE | OperationKind.CANCELLATION | OperationKind.REFUND:
            return _ok(_change(operation, now=now))
        case OperationKind.WITHDRAWAL:
            return _ok(
                WithdrawalObject(
                    key=operation.key,
                    processor=operation.processor,
                    created_at=rfc3339(operation.created_at),
                )
            )
    assert_never(operation.kind)


def _ok(value: msgspec.Struct) -> Answer:
    return Answer(200, msgspec.json.encode(value))


def as_of(operation: Operation, *, now: datetime) -> ChargeObject | ChangeObject:
    """A charge or a change as it stands at a moment, before anything was done with it since."""
    if operation.kind is OperationKind.CHARGE:
        return _charge(operation, booked(operation, (), now=now), url="", form=None, now=now)
    return _change(operation, now=now)


def _charge(
    charge: Operation, book: Book, *, url: str, form: dict[str, str] | None, now: datetime
) -> ChargeObject:
    state = charge.state_at(now)
    amount = charge.money
    approved = state is OperationState.APPROVED
    return ChargeObject(
        id=charge.reference,
        key=charge.key,
        order=charge.order_key or "",
        processor=charge.processor,
        state=state,
        amount=amount.minor,
        currency=amount.currency,
        capture=bool(charge.capture),
        captured=book.captured,
        released=book.released,
        refunded=book.refunded,
        fee=PROCESSORS[charge.processor].fee(amount, country=charge.country or "") if approved else 0,
        checks=ChecksObject(
            cvc=charge.cvc_check, postal_code=charge.postal_code_check, address=charge.address_check
        ),
        created_at=rfc3339(charge.created_at),
        decline=_decline(charge) if state is OperationState.DECLINED else None,
        network_transaction_id=charge.network_transaction_id if approved else None,
        authentication_url=url if state is OperationState.REQUIRES_ACTION else None,
        authentication_form=form if state is OperationState.REQUIRES_ACTION else None,
    )


def _verification(question: Operation, *, url: str, now: datetime) -> VerificationObject:
    state = question.state_at(now)
    return VerificationObject(
        id=question.reference,
        key=question.key,
        processor=question.processor,
        state=state,
        currency=question.currency or "",
        checks=ChecksObject(
            cvc=question.cvc_check, postal_code=question.postal_code_check, address=question.address_check
        ),
        created_at=rfc3339(question.created_at),
        decline=_decline(question) if state is OperationState.DECLINED else None,
        network_transaction_id=question.network_transaction_id,
        authentication_url=url if state is OperationState.REQUIRES_ACTION else None,
    )


_NO_TOKEN: Final = b'"token":null}'


def with_token(answer: Answer, token: str | None) -> Answer:
    """The answer that gives a token. What is written down of an answer has none: a token is made anew each time."""
    if token is None:
        return answer
    assert answer.body.endswith(_NO_TOKEN), "only charges and verifications give tokens"
    return replace(answer, body=answer.body.removesuffix(_NO_TOKEN) + b'"token":"%s"}' % token.encode())


def _decline(charge: Operation) -> DeclineObject:
    assert charge.decline_code and charge.network_code, "a decline says why"
    return DeclineObject(
        code=charge.decline_code, network_code=charge.network_code, advice_code=charge.advice_code
    )


def _change(change: Operation, *, now: datetime) -> ChangeObject:
    state = change.state_at(now)
    failed = state in {OperationState.REFUSED, OperationState.FAILED}
    return ChangeObject(
        object=_CHANGES[change.kind],
        id=change.reference,
        key=change.key,
        charge=change.charge_reference or "",
        processor=change.processor,
        state=state,
        amount=change.money.minor,
        currency=change.money.currency,
        created_at=rfc3339(change.created_at),
        code=change.decline_code if failed else None,
        message=change.message if failed else None,
    )


_CHANGES: Final[dict[OperationKind, Literal["capture", "cancellation", "refund"]]] = {
    OperationKind.CAPTURE: "capture",
    OperationKind.CANCELLATION: "cancellation",
    OperationKind.REFUND: "refund",
}
