"""What Checkout.com is asked about a dispute: documents are uploaded, evidence is kept, then it is handed in.

* It has a place for each sort of evidence, with one text of 500 characters and one document (PDF, JPEG or PNG, 4 MB).
* Its answers to the last requests have no body. They count as done where they bear Checkout.com's own request number,
  which nobody in between would add; else they are `Unknown`.
* Evidence that was kept by an earlier request is written over by the same places of a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

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
    no_readable_answer,
)
from recoup.connectors.base.disputes import not_taken, unfit
from recoup.connectors.base.multipart import Part, multipart
from recoup.connectors.checkout.answers import Name, read
from recoup.connectors.checkout.doors import REQUEST_ID, change_refused
from recoup.connectors.checkout.listing import Listing
from recoup.outcomes.core import Done, FollowUp, Refused, Unprocessed

TEXT_LENGTH_MAX: Final = 500
_DELIVERY: Final = "proof_of_delivery_or_service"
_RECEIPT: Final = "invoice_or_receipt"
_DISTINCT: Final = "invoice_showing_distinct_transactions"
_COMMUNICATION: Final = "customer_communication"
_POLICY: Final = "refund_or_cancellation_policy"
_MORE: Final = "additional_evidence"
_PLACES: Final = frozenset(
    {
        *(_DELIVERY, f"{_DELIVERY}_date", _RECEIPT, _DISTINCT, _COMMUNICATION, _POLICY, _MORE),
        "recurring_transaction_agreement",
    }
)
_TEXTS: Final = {
    EvidenceField.ACCESS_ACTIVITY_LOG: _DELIVERY,
    EvidenceField.SHIPPING_ADDRESS: _DELIVERY,
    EvidenceField.SHIPPING_CARRIER: _DELIVERY,
    EvidenceField.SHIPPING_TRACKING_NUMBER: _DELIVERY,
    EvidenceField.SHIPPING_DATE: f"{_DELIVERY}_date",
    EvidenceField.SERVICE_DATE: f"{_DELIVERY}_date",
    EvidenceField.PRODUCT_DESCRIPTION: _RECEIPT,
    EvidenceField.DUPLICATE_CHARGE_EXPLANATION: _DISTINCT,
    EvidenceField.DUPLICATE_CHARGE_ID: _DISTINCT,
    EvidenceField.CANCELLATION_POLICY_DISCLOSURE: _POLICY,
    EvidenceField.CANCELLATION_REBUTTAL: _POLICY,
    EvidenceField.REFUND_POLICY_DISCLOSURE: _POLICY,
    EvidenceField.REFUND_REFUSAL_EXPLANATION: _POLICY,
}
_FILES: Final = {
    DocumentPurpose.CANCELLATION_POLICY: _POLICY,
    DocumentPurpose.REFUND_POLICY: _POLICY,
    DocumentPurpose.CUSTOMER_COMMUNICATION: _COMMUNICATION,
    DocumentPurpose.DUPLICATE_CHARGE_DOCUMENTATION: _DISTINCT,
    DocumentPurpose.RECEIPT: _RECEIPT,
    DocumentPurpose.SERVICE_DOCUMENTATION: _DELIVERY,
    DocumentPurpose.SHIPPING_DOCUMENTATION: _DELIVERY,
}
_NOT_THERE: Final = {403: "not_allowed", 404: "not_found"}


class Uploaded(Struct, frozen=True):
    """A file that was taken."""

    id: Name


class Disputing(Listing):
    """The two verbs of the connector that answer; those that ask are inherited."""

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """Upload the documents, have all kept, then hand it in."""
        texts = asked.evidence.in_texts(_TEXTS, otherwise=_MORE)
        files = asked.evidence.in_places(_FILES, otherwise=_MORE)
        if why_not := _why_not_sent(asked.evidence, texts, [place for place, _ in files]):
            return why_not
        body = {f"{place}_text": text for place, text in texts.items()}
        for at, (place, file) in enumerate(files):
            response = yield _upload(account, file)
            uploaded = read(response, Uploaded, 200, 201)
            if uploaded is None:
                return change_refused(response) or not_taken(at, f"HTTP {response.status}")
            body[f"{place}_file"] = uploaded.id
        response = yield _request(account, "PUT", asked.dispute_reference, "evidence", body=body)
        if not _is_done(response):
            refused = _refused(response)
            return refused or Unprocessed(f"not handed in: it was not kept, HTTP {response.status}")
        response = yield _request(account, "POST", asked.dispute_reference, "evidence")
        return _meant(response, asked.dispute_reference)

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """Give up."""
        response = yield _request(account, "POST", asked.dispute_reference, "accept")
        return _meant(response, asked.dispute_reference)


def _why_not_sent(
    evidence: DisputeEvidence, texts: Mapping[str, str], places: list[str]
) -> Unprocessed | None:
    if why_not := unfit(evidence):
        return why_not
    for place, text in texts.items():
        if len(text) > TEXT_LENGTH_MAX:
            return Unprocessed(
                f"not sent: Checkout.com takes {TEXT_LENGTH_MAX} characters of {place}: use a document"
            )
    if len(set(places)) < len(places):
        return Unprocessed("not sent: Checkout.com takes one document in each place; join those of one place")
    unknown = set(places) - _PLACES
    if unknown:
        return Unprocessed(f"not sent: Checkout.com knows {', '.join(sorted(_PLACES))} alone")
    return None


def _meant(response: HttpResponse, reference: str) -> FollowUp:
    if _is_done(response):
        return Done(reference)
    return _refused(response) or no_readable_answer(response)


def _is_done(response: HttpResponse) -> bool:
    return response.status == 204 and bool(response.headers.get(REQUEST_ID))


def _refused(response: HttpResponse) -> FollowUp | None:
    """Not in a state that allows it, or not there: without a body, under Checkout.com's own number."""
    if response.status in _NOT_THERE and response.headers.get(REQUEST_ID):
        return Refused(_NOT_THERE[response.status], "Checkout.com does not take this for this dispute.")
    return change_refused(response)


def _upload(account: Account, file: EvidenceFile) -> HttpRequest:
    content_type, body = multipart(
        (
            Part("purpose", b"dispute_evidence"),
            Part("file", file.content, media_type=file.media_type, file_name=file.name),
        )
    )
    return HttpRequest(
        "POST", f"{account.base_url}/files", {"Content-Type": content_type}, _secret(account), body
    )


def _request(
    account: Account, method: str, reference: str, what: str, *, body: Mapping[str, str] | None = None
) -> HttpRequest:
    url = f"{account.base_url}/disputes/{quote(reference, safe='')}/{what}"
    content = b"" if body is None else msgspec.json.encode(body)
    return HttpRequest(method, url, {"Content-Type": "application/json"}, _secret(account), content)


def _secret(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.credential('secret_key')}"}
