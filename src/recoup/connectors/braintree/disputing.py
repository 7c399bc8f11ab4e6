"""What Braintree is asked about a dispute: each text and document is added by itself, then the dispute is finalized.

* Only an open dispute takes evidence. A text has a category; what has none of its own goes into one general text. A
  document (PDF, JPEG or PNG, 4 MB) has the category that the merchant names (`their_type`), else `GENERAL`, or
  `PROOF_OF_DELIVERY` where it is of shipping.
* Evidence that was added stays: when a submission is asked for again after it had stopped in between, the texts and
  documents before that point are there twice, which the issuer reads past.
* Disputes are known to webhooks by their older name; GraphQL's is made from it.

Not verified against a live account: how the part of the form is named that carries a document (`variables.file`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from recoup.connectors.base import (
    AcceptDispute,
    Account,
    DocumentPurpose,
    EvidenceField,
    EvidenceFile,
    Exchange,
    HttpRequest,
    HttpResponse,
    SubmitEvidence,
    no_readable_answer,
)
from recoup.connectors.base.disputes import unfit
from recoup.connectors.base.multipart import Part, multipart
from recoup.connectors.braintree import asked as asking
from recoup.connectors.braintree import meant, wire
from recoup.connectors.braintree.listing import Listing
from recoup.connectors.braintree.told import global_id
from recoup.outcomes.core import Done, FollowUp, Unknown, Unprocessed

_GENERAL: Final = "GENERAL"
_TEXTS: Final = {
    EvidenceField.CUSTOMER_EMAIL_ADDRESS: "PURCHASER_EMAIL_ADDRESS",
    EvidenceField.CUSTOMER_NAME: "PURCHASER_NAME",
    EvidenceField.CUSTOMER_PURCHASE_IP: "PURCHASER_IP_ADDRESS",
    EvidenceField.SHIPPING_CARRIER: "CARRIER_NAME",
    EvidenceField.SHIPPING_TRACKING_NUMBER: "TRACKING_NUMBER",
}
_FILES: Final = {DocumentPurpose.SHIPPING_DOCUMENTATION: "PROOF_OF_DELIVERY"}
_HANDED_IN: Final = frozenset({"DISPUTED", "UNDER_REVIEW"})
_ACCEPTED: Final = frozenset({"ACCEPTED"})


def _mutation(name: str, answer: str) -> str:
    input_ = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation Recoup($input: {input_}!) {{ {name}(input: $input) {{ clientMutationId {answer} }} }}"


TEXT: Final = _mutation("createDisputeTextEvidence", "evidence { id }")
FILE: Final = _mutation("createDisputeFileEvidence", "evidence { id }")
FINALIZE: Final = _mutation("finalizeDispute", "dispute { id legacyId status }")
ACCEPT: Final = _mutation("acceptDispute", "dispute { id legacyId status }")


class _Piece(Struct, frozen=True):
    id: wire.Name


class Added(Struct, frozen=True):
    """A text or document that was taken."""

    evidence: _Piece


class _Dispute(Struct, frozen=True, rename="camel"):
    legacy_id: wire.Name
    status: str


class Moved(Struct, frozen=True):
    """The dispute as it is after a request."""

    dispute: _Dispute


class Disputing(Listing):
    """The two verbs of the connector that answer; those that ask are inherited."""

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """Add each piece, then finalize."""
        if why_not := unfit(asked.evidence):
            return why_not
        input_ = _input(asked.key, asked.dispute_reference)
        for category, text in asked.evidence.in_texts(_TEXTS, otherwise=_GENERAL).items():
            told = {**input_, "category": category, "content": text}
            response = yield asking.request(account, TEXT, input=told)
            if not _is_added(response, "createDisputeTextEvidence"):
                return _not_added(response)
        for category, file in asked.evidence.in_places(_FILES, otherwise=_GENERAL):
            response = yield _document(account, file, {**input_, "category": category})
            if not _is_added(response, "createDisputeFileEvidence"):
                return _not_added(response)
        response = yield asking.request(account, FINALIZE, input=input_)
        return _meant(response, "finalizeDispute", asked.dispute_reference, states=_HANDED_IN)

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """Give up."""
        input_ = _input(asked.key, asked.dispute_reference)
        response = yield asking.request(account, ACCEPT, input=input_)
        return _meant(response, "acceptDispute", asked.dispute_reference, states=_ACCEPTED)


def _input(key: str, reference: str) -> Mapping[str, object]:
    return {"clientMutationId": key, "disputeId": global_id("dispute", reference)}


def _is_added(response: HttpResponse, mutation: str) -> bool:
    return isinstance(wire.read(wire.answered(response, mutation), Added), Added)


def _not_added(response: HttpResponse) -> FollowUp:
    """Nothing was handed in, whatever became of this piece."""
    if error := wire.refused(response):
        return meant.not_changed(error)
    return Unprocessed(f"not handed in: a piece of evidence was not taken: HTTP {response.status}")


def _meant(response: HttpResponse, mutation: str, reference: str, *, states: frozenset[str]) -> FollowUp:
    if error := wire.refused(response):
        return meant.not_changed(error)
    found = wire.read(wire.answered(response, mutation), Moved)
    if not isinstance(found, Moved):
        return no_readable_answer(response)
    if found.dispute.legacy_id != reference or found.dispute.status not in states:
        return Unknown("the answer does not show the dispute in its next state")
    return Done(reference)


def _document(account: Account, file: EvidenceFile, input_: Mapping[str, object]) -> HttpRequest:
    """The mutation with a file beside it, by the specification for GraphQL requests of several parts."""
    bare = asking.request(account, FILE, input=input_, file=None)
    content_type, body = multipart(
        (
            Part("operations", bare.body, media_type="application/json"),
            Part("map", msgspec.json.encode({"0": ["variables.file"]}), media_type="application/json"),
            Part("0", file.content, media_type=file.media_type, file_name=file.name),
        )
    )
    headers = {**bare.headers, "Content-Type": content_type}
    return HttpRequest("POST", bare.url, headers, bare.secret_headers, body)
