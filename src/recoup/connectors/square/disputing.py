"""What Square is asked about a dispute: each text and document is uploaded by itself, then all is handed in.

* A text has 500 characters at most; a document is a PDF, JPEG or PNG of 5 MB. There is one of each type, but for
  `GENERIC_EVIDENCE`; each is uploaded under a key made of ours, so that a repetition uploads nothing twice.
* Handed in is what the dispute holds, also what was uploaded elsewhere before.
* The last requests carry no key. They are done when the answer shows the dispute in its next state; when that has been
  reached before, Square refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from recoup.connectors.base import (
    AcceptDispute,
    Account,
    DisputeEvidence,
    DocumentPurpose,
    EvidenceField,
    EvidenceFile,
    Exchange,
    HttpRequest,
    HttpResponse,
    SubmitEvidence,
)
from recoup.connectors.base.disputes import unfit
from recoup.connectors.base.multipart import Part, multipart
from recoup.connectors.square.asking import named, send
from recoup.connectors.square.listing import Listing
from recoup.connectors.square.reading import Id, read, unchanged
from recoup.outcomes.core import Done, FollowUp, Refused, Unknown, Unprocessed

TEXT_LENGTH_MAX: Final = 500
_GENERIC: Final = "GENERIC_EVIDENCE"
_HANDED_IN: Final = frozenset({"PROCESSING", "INQUIRY_PROCESSING"})
_ACCEPTED: Final = frozenset({"ACCEPTED"})
_TEXTS: Final = {
    EvidenceField.ACCESS_ACTIVITY_LOG: "ONLINE_OR_APP_ACCESS_LOG",
    EvidenceField.BILLING_ADDRESS: "CARDHOLDER_INFORMATION",
    EvidenceField.CUSTOMER_EMAIL_ADDRESS: "CARDHOLDER_INFORMATION",
    EvidenceField.CUSTOMER_NAME: "CARDHOLDER_INFORMATION",
    EvidenceField.CUSTOMER_PURCHASE_IP: "CARDHOLDER_INFORMATION",
    EvidenceField.CANCELLATION_REBUTTAL: "REBUTTAL_EXPLANATION",
    EvidenceField.REFUND_REFUSAL_EXPLANATION: "REBUTTAL_EXPLANATION",
    EvidenceField.PRODUCT_DESCRIPTION: "PRODUCT_OR_SERVICE_DESCRIPTION",
    EvidenceField.SHIPPING_TRACKING_NUMBER: "TRACKING_NUMBER",
}
_FILES: Final = {
    DocumentPurpose.CANCELLATION_POLICY: "CANCELLATION_OR_REFUND_DOCUMENTATION",
    DocumentPurpose.REFUND_POLICY: "CANCELLATION_OR_REFUND_DOCUMENTATION",
    DocumentPurpose.CUSTOMER_COMMUNICATION: "CARDHOLDER_COMMUNICATION",
    DocumentPurpose.CUSTOMER_SIGNATURE: "AUTHORIZATION_DOCUMENTATION",
    DocumentPurpose.DUPLICATE_CHARGE_DOCUMENTATION: "DUPLICATE_CHARGE_DOCUMENTATION",
    DocumentPurpose.RECEIPT: "RECEIPT",
    DocumentPurpose.SERVICE_DOCUMENTATION: "SERVICE_RECEIVED_DOCUMENTATION",
    DocumentPurpose.SHIPPING_DOCUMENTATION: "PROOF_OF_DELIVERY_DOCUMENTATION",
}


class _Evidence(Struct, frozen=True):
    dispute_id: Id


class EvidenceAnswer(Struct, frozen=True):
    """A text or document that was taken."""

    evidence: _Evidence


class _Dispute(Struct, frozen=True):
    state: str
    id: Id | None = None
    dispute_id: Id | None = None


class DisputeAnswer(Struct, frozen=True):
    """The dispute as it is after a request."""

    dispute: _Dispute


class Disputing(Listing):
    """The two verbs of the connector that answer; those that ask are inherited."""

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """Upload each piece, then hand all in."""
        texts = asked.evidence.in_texts(_TEXTS, otherwise=_GENERIC)
        files = asked.evidence.in_places(_FILES, otherwise=_GENERIC)
        if why_not := _why_not_sent(asked.evidence, texts, [type_ for type_, _ in files]):
            return why_not
        path = f"disputes/{named(asked.dispute_reference)}"
        pieces = [
            send(account, "POST", f"{path}/evidence-text", body=_text(type_, text, key=f"{asked.key}-{at}"))
            for at, (type_, text) in enumerate(texts.items())
        ]
        pieces += [
            _file(account, path, file, type_=type_, key=f"{asked.key}-{at}")
            for at, (type_, file) in enumerate(files, start=len(texts))
        ]
        for piece in pieces:
            response = yield piece
            taken = read(response, EvidenceAnswer)
            if taken is None or taken.evidence.dispute_id != asked.dispute_reference:
                return _not_uploaded(response)
        response = yield send(account, "POST", f"{path}/submit-evidence")
        return _meant(response, asked.dispute_reference, _HANDED_IN)

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """Give up."""
        response = yield send(account, "POST", f"disputes/{named(asked.dispute_reference)}/accept")
        return _meant(response, asked.dispute_reference, _ACCEPTED)


def _why_not_sent(
    evidence: DisputeEvidence, texts: Mapping[str, str], types: list[str]
) -> Unprocessed | None:
    if why_not := unfit(evidence):
        return why_not
    for type_, text in texts.items():
        if len(text) > TEXT_LENGTH_MAX:
            return Unprocessed(
                f"not sent: Square takes {TEXT_LENGTH_MAX} characters of {type_}: use a document"
            )
    alone = [type_ for type_ in (*texts, *types) if type_ != _GENERIC]
    if len(set(alone)) < len(alone):
        return Unprocessed(
            "not sent: Square takes one piece of evidence of each type; join those of one type"
        )
    return None


def _not_uploaded(response: HttpResponse) -> FollowUp:
    """Nothing was handed in, whatever became of this piece."""
    said = unchanged(response)
    if isinstance(said, Refused | Unprocessed):
        return said
    return Unprocessed(f"not handed in: a piece of evidence was not taken: HTTP {response.status}")


def _meant(response: HttpResponse, reference: str, states: frozenset[str]) -> FollowUp:
    answer = read(response, DisputeAnswer)
    if answer is None:
        return unchanged(response)
    dispute = answer.dispute
    if (dispute.id or dispute.dispute_id) != reference or dispute.state not in states:
        return Unknown("the answer does not show the dispute in its next state")
    return Done(reference)


def _text(type_: str, text: str, *, key: str) -> Mapping[str, object]:
    return {"idempotency_key": key, "evidence_type": type_, "evidence_text": text}


def _file(account: Account, path: str, file: EvidenceFile, *, type_: str, key: str) -> HttpRequest:
    about = {"idempotency_key": key, "evidence_type": type_, "content_type": file.media_type}
    content_type, body = multipart(
        (
            Part("request", msgspec.json.encode(about), media_type="application/json"),
            Part("image_file", file.content, media_type=file.media_type, file_name=file.name),
        )
    )
    bare = send(account, "POST", f"{path}/evidence-files")
    return HttpRequest(
        "POST", bare.url, {**bare.headers, "Content-Type": content_type}, bare.secret_headers, body
    )
