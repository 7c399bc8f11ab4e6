"""A dispute as the API and the events show it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.connectors.base import Alert, DisputeVerb, DocumentPurpose, EvidenceField
from recoup.disputes.codes.words import Category
from recoup.disputes.core.machine import Status
from recoup.disputes.core.reasons import reason_code
from recoup.disputes.core.records import Answer, AnswerState, Dispute, Held
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render

_Minor = Annotated[int, Meta(description="In minor units of the currency.")]


class DisputeFeeObject(Struct, kw_only=True, frozen=True):
    """What the processor takes for the dispute itself."""

    amount: _Minor
    currency: str


class DisputeFileObject(Struct, kw_only=True, frozen=True):
    """A document that was given; what is in it is not shown again."""

    name: str
    type: str
    purpose: DocumentPurpose
    size: Annotated[int, Meta(description="In bytes.")]


class DisputeEvidenceObject(Struct, kw_only=True, frozen=True):
    """What evidence was given: which fields and documents, not what they say."""

    fields: list[EvidenceField]
    files: list[DisputeFileObject]
    updated_at: str | None


class DisputeAnswerObject(Struct, kw_only=True, frozen=True):
    """How far your answer is."""

    action: DisputeVerb
    state: Annotated[
        AnswerState,
        Meta(
            description="`done`: the processor has it. `pending`: it has it, and will say more. `unknown`: nobody "
            "knows yet whether it arrived. `refused`: it was not taken. `unsent`: it never left; send it again."
        ),
    ]
    explanation: str | None
    at: str


class AlertObject(Struct, kw_only=True, frozen=True):
    """What kind of early warning it is, or was before it became a dispute."""

    kind: Annotated[
        Alert,
        Meta(
            description="`fraud_report`: the issuer told the network of fraud (TC40, SAFE). `rapid_resolution`: it may "
            "be settled before it is a dispute (Ethoca, Verifi)."
        ),
    ]
    program: Annotated[str | None, Meta(description="Who sent it, in the processor's word.")]


class StopLiftedObject(Struct, kw_only=True, frozen=True):
    """That somebody let the card be tried again."""

    reason: str
    at: str


class DisputeObject(Struct, kw_only=True, frozen=True):
    """What an issuer or its customer contests, as the processor tells of it."""

    id: str
    object: Literal["dispute"] = "dispute"
    status: Status
    payment: Annotated[
        str | None, Meta(description="Null where the payment was made elsewhere than through Recoup.")
    ]
    processor_account: str
    reference: Annotated[str, Meta(description="The processor's own name for it.")]
    charge_reference: Annotated[
        str | None,
        Meta(description="The processor's name for the charge: disputes of one charge have the same."),
    ]
    amount: Annotated[
        int | None, Meta(description="What is contested: it may be less or more than the payment's amount.")
    ]
    currency: str | None
    fee: DisputeFeeObject | None
    funds_withdrawn: Annotated[bool, Meta(description="Whether the contested money is out of your hands.")]
    alert: AlertObject | None
    category: Category
    reason: Annotated[str | None, Meta(description="The network's or processor's own code, as it came.")]
    reason_meaning: str | None
    network: str | None
    evidence_due_by: Annotated[str | None, Meta(description="By when to answer (RFC 3339).")]
    evidence: DisputeEvidenceObject
    answer: Annotated[DisputeAnswerObject | None, Meta(description="What you answered through Recoup.")]
    stops_recoveries: Annotated[
        bool, Meta(description="Whether nothing is tried on this card to recover a payment.")
    ]
    stop_lifted: StopLiftedObject | None
    opened_at: Annotated[str, Meta(description="When it was first heard of.")]
    updated_at: str
    ended_at: str | None
    livemode: bool


def dispute_object(dispute: Dispute, *, livemode: bool) -> DisputeObject:
    """A dispute as it is now."""
    amount, fee, payment_id = dispute.amount, dispute.fee, dispute.payment_id
    meaning = reason_code(dispute.reason, dispute.network or dispute.card.brand)
    due, ended, lifted = dispute.evidence_due_by, dispute.ended_at, dispute.lifted
    return DisputeObject(
        id=render(Kind.DISPUTE, dispute.id),
        status=dispute.status,
        payment=None if payment_id is None else render(Kind.PAYMENT, payment_id),
        processor_account=render(Kind.PROCESSOR_ACCOUNT, dispute.processor_account_id),
        reference=dispute.reference,
        charge_reference=dispute.charge_reference,
        amount=None if amount is None else amount.minor,
        currency=None if amount is None else amount.currency,
        fee=None if fee is None else DisputeFeeObject(amount=fee.minor, currency=fee.currency),
        funds_withdrawn=dispute.withdrawn,
        alert=None if dispute.alert is None else AlertObject(kind=dispute.alert, program=dispute.program),
        category=dispute.category,
        reason=dispute.reason,
        reason_meaning=None if meaning is None else meaning.meaning,
        network=dispute.network,
        evidence_due_by=None if due is None else rfc3339(due),
        evidence=_evidence(dispute.evidence),
        answer=None if dispute.answer is None else _answer(dispute.answer),
        stops_recoveries=dispute.stops,
        stop_lifted=None if lifted is None else StopLiftedObject(reason=lifted.why, at=rfc3339(lifted.at)),
        opened_at=rfc3339(dispute.opened_at),
        updated_at=rfc3339(dispute.updated_at),
        ended_at=None if ended is None else rfc3339(ended),
        livemode=livemode,
    )


def _evidence(held: Held) -> DisputeEvidenceObject:
    return DisputeEvidenceObject(
        fields=list(held.fields),
        files=[
            DisputeFileObject(name=one.name, type=one.media_type, purpose=one.purpose, size=one.size)
            for one in held.files
        ],
        updated_at=None if held.at is None else rfc3339(held.at),
    )


def _answer(answer: Answer) -> DisputeAnswerObject:
    return DisputeAnswerObject(
        action=answer.verb, state=answer.state, explanation=answer.why, at=rfc3339(answer.at)
    )
