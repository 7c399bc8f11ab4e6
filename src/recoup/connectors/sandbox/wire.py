"""What simulated processors are sent and answer, as shapes: see `recoup.sandbox.wire`."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import (
    Account,
    Authentication,
    Card,
    Charge,
    DisputeEvidence,
    HttpResponse,
    Source,
    Verification,
)
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    Approved,
    Checks,
    Done,
    FollowUpEvidence,
    Pending,
    Refused,
    Unprocessed,
)

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*\Z")]
Url = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[!-~]+\Z")]
Check = Literal["pass", "fail", "unavailable"]


class CheckResults(Struct, frozen=True):
    """What the issuer said of security code and address."""

    cvc: Check | None = None
    postal_code: Check | None = None
    address: Check | None = None

    def checks(self) -> Checks:
        """The same in everybody's words."""
        return Checks(cvc=self.cvc, postal_code=self.postal_code, address=self.address)


class Decline(Struct, frozen=True):
    """Why not."""

    code: Code
    network_code: Code | None = None
    advice_code: Code | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """What every answer says."""

    id: Name
    key: str
    state: str
    checks: CheckResults = CheckResults()
    decline: Decline | None = None
    network_transaction_id: Name | None = None
    token: Name | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, state={self.state!r})"

    def approved(self, *, captured: bool) -> Approved:
        """What an approval says."""
        return Approved(
            self.id,
            captured=captured,
            network_transaction_id=self.network_transaction_id,
            checks=self.checks.checks(),
            token=None if self.token is None else Secret(self.token),
        )


class ChargeAnswer(Answer, frozen=True, kw_only=True):
    """A charge."""

    object: Literal["charge"]
    amount: int
    currency: str
    capture: bool
    authentication_url: Url | None = None
    authentication_form: dict[Name, Text] | None = None


class VerificationAnswer(Answer, frozen=True, kw_only=True):
    """What an issuer says of a card."""

    object: Literal["verification"]
    authentication_url: Url | None = None


class ChangeAnswer(Struct, frozen=True, kw_only=True):
    """A capture, cancellation or refund."""

    object: Literal["capture", "cancellation", "refund"]
    id: Name
    key: str
    state: str
    code: Code | None = None
    message: Text | None = None
    charge: Name | None = None
    amount: int | None = None
    currency: str | None = None


def meant_by(change: ChangeAnswer) -> FollowUpEvidence | None:
    """What a change amounts to; None where its state is not understood."""
    match change:
        case ChangeAnswer(state="done", id=reference):
            return Done(reference)
        case ChangeAnswer(state="pending", id=reference):
            return Pending(reference)
        case ChangeAnswer(state="refused" | "failed", code=str(code), message=message):
            return Refused(code, message or "The processor gave no reason.")
        case _:
            return None


class DisputeNewsAnswer(Struct, frozen=True, kw_only=True):
    """A dispute as it is told."""

    object: Literal["dispute"]
    id: Name
    key: str
    charge: Name
    kind: str
    state: str
    reason: Text
    network: Text
    amount: int
    currency: str
    fee: int
    withdrawn: bool
    evidence_due_at: Annotated[datetime, Meta(tz=True)] | None = None
    alert: str | None = None
    program: Text | None = None


class CardNewsAnswer(Struct, frozen=True, kw_only=True):
    """A remembered card as it is told."""

    object: Literal["card"]
    token: Name
    state: str
    brand: Name
    last4: Name
    exp_month: int
    exp_year: int

    def __repr__(self) -> str:
        """Without what stands for the card."""
        return "CardNewsAnswer(***)"


class DisputeAnswer(Struct, frozen=True, kw_only=True):
    """Whether an answer to a dispute was taken."""

    object: Literal["dispute_answer"]
    key: str
    dispute: Name
    state: str
    code: Code | None = None
    message: Text | None = None


class WithdrawalAnswer(Struct, frozen=True, kw_only=True):
    """A key that stands for nothing."""

    object: Literal["withdrawal"]
    key: str
    state: Literal["withdrawn"]


class _Error(Struct, frozen=True):
    code: Code


class _ErrorAnswer(Struct, frozen=True):
    """Where `processed` is false, and only there, the processor promises that nothing was done."""

    error: _Error
    processed: bool


AnswerT = TypeVar("AnswerT", ChargeAnswer, VerificationAnswer, ChangeAnswer, WithdrawalAnswer, DisputeAnswer)


def read(response: HttpResponse, type_: type[AnswerT], *, key: str) -> AnswerT | None:
    """The answer, if it is one of this type and carries our key."""
    if response.status != 200:
        return None
    try:
        answer = msgspec.convert(response.json(), type_)
    except msgspec.ValidationError:
        return None
    return answer if answer.key == key else None


def refused_at_the_door(response: HttpResponse) -> Unprocessed | None:
    """The processor's own promise that nothing was done; no status alone is one."""
    if response.status < 400:
        return None
    try:
        error = msgspec.convert(response.json(), _ErrorAnswer)
    except msgspec.ValidationError:
        return None
    return None if error.processed else Unprocessed(f"HTTP {response.status}: {error.error.code}")


def authorization(account: Account) -> dict[str, str]:
    """The key that names the world."""
    key = account.credentials.get("api_key", Secret(""))
    return {"Authorization": f"Bearer {key.reveal()}"}


def charge_body(charge: Charge) -> dict[str, object]:
    """What is to be taken or held."""
    return {
        "order": charge.payment_key,
        "amount": charge.amount.minor,
        "currency": charge.amount.currency,
        **source_body(charge.source, remember=charge.remember),
        "capture": charge.capture,
        "initiator": charge.initiator.value,
        "network_transaction_id": charge.network_transaction_id,
        "merchant_reference": charge.merchant_reference,
        "return_url": charge.return_url,
        "country": charge.billing.country,
        "postal_code": charge.billing.postal_code,
        **_authentication_body(charge.authentication),
        **({} if charge.callback_url is None else {"callback_url": charge.callback_url}),
    }


def _authentication_body(known: Authentication | None) -> dict[str, object]:
    if known is None:
        return {}
    result = {"version": known.version, "status": known.status, "eci": known.eci}
    proof = {"cryptogram": known.cryptogram.reveal(), "ds_transaction_id": known.ds_transaction_id}
    return {"authentication": result | proof}


def verification_body(verification: Verification) -> dict[str, object]:
    """A question whether a card is good."""
    return {
        "currency": verification.currency,
        "postal_code": verification.billing.postal_code,
        "return_url": verification.return_url,
        **source_body(verification.source, remember=verification.remember),
    }


def evidence_body(evidence: DisputeEvidence) -> dict[str, object]:
    """What is handed in: of documents no more than what they are, since nobody there reads them."""
    files = [
        {
            "name": file.name,
            "media_type": file.media_type,
            "purpose": file.purpose.value,
            "sha256": hashlib.sha256(file.content).hexdigest(),
        }
        for file in evidence.files
    ]
    return {"fields": {field.value: text for field, text in evidence.fields.items()}, "files": files}


def source_body(source: Source, *, remember: bool) -> dict[str, object]:
    """With what is paid."""
    kept: dict[str, object] = {"remember": True} if remember else {}
    if not isinstance(source, Card):
        return {"token": source.value.reveal(), **kept}
    card: dict[str, object] = {"number": source.number.reveal(), "holder": source.holder}
    card |= {"exp_month": source.exp_month, "exp_year": source.exp_year}
    return {"card": card | {"cvc": source.cvc.reveal() if source.cvc is not None else None}, **kept}
