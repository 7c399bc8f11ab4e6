"""What Stripe is asked about a dispute: documents are uploaded, then all evidence is handed in with one request.

* Documents go to `files.stripe.com` (for any other address than Stripe's own, to that address), each under a key of its
  own. Stripe takes one document for each purpose, 4.5 MB of them together, as PDF, JPEG or PNG, and 150,000 characters
  of text.
* `submit` hands in, which Stripe takes once for most disputes; it is done when the answer counts a submission. The key
  of the request is ours, so that a repetition hands in nothing twice.
* `close` gives up; it is done when the answer says that the dispute, or the inquiry, is lost or closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from recoup.connectors.base import (
    AcceptDispute,
    Account,
    EvidenceFile,
    Exchange,
    HttpRequest,
    SubmitEvidence,
)
from recoup.connectors.base.disputes import not_taken, unfit
from recoup.connectors.base.multipart import Part, multipart
from recoup.connectors.stripe.asking import Fields, named, post
from recoup.connectors.stripe.listing import Listing
from recoup.connectors.stripe.objects import Id
from recoup.connectors.stripe.reading import error_of, read, unchanged
from recoup.outcomes.core import Done, FollowUp, Unknown, Unprocessed

_API: Final = "https://api.stripe.com"
_FILES: Final = "https://files.stripe.com"
_PURPOSE: Final = "dispute_evidence"
_GIVEN_UP: Final = frozenset({"lost", "warning_closed"})


class Upload(Struct, frozen=True):
    """A file that Stripe took."""

    id: Id
    purpose: str


class Submissions(Struct, frozen=True):
    """How often evidence was handed in."""

    submission_count: int = 0


class DisputeObject(Struct, frozen=True):
    """A dispute as it is after a request."""

    id: Id
    status: str
    evidence_details: Submissions = Submissions()


class Disputing(Listing):
    """The two verbs of the connector that answer; those that ask are inherited."""

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """Upload the documents, then hand all in with the last request."""
        if why_not := unfit(asked.evidence):
            return why_not
        purposes = [file.purpose for file in asked.evidence.files]
        if len(set(purposes)) < len(purposes):
            return Unprocessed(
                "not sent: Stripe takes one document for each purpose; join those of one purpose"
            )
        uploads: dict[str, str] = {}
        for at, file in enumerate(asked.evidence.files):
            response = yield _upload(account, file, key=f"{asked.key}-file-{at}")
            upload = read(response, Upload)
            if upload is None or upload.purpose != _PURPOSE:
                error = error_of(response)
                said = (error.code or error.type) if error is not None else "no readable answer"
                return not_taken(at, f"HTTP {response.status}: {said}")
            uploads[file.purpose] = upload.id
        path = f"disputes/{named(asked.dispute_reference)}"
        response = yield post(account, path, _evidence(asked, uploads), key=asked.key)
        dispute = read(response, DisputeObject)
        if dispute is None:
            return unchanged(response)
        is_ours = dispute.id == asked.dispute_reference
        if not is_ours or dispute.evidence_details.submission_count < 1:
            return Unknown("the answer does not say that the evidence was handed in")
        return Done(dispute.id)

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """Close it, which cannot be taken back."""
        path = f"disputes/{named(asked.dispute_reference)}/close"
        response = yield post(account, path, (), key=asked.key)
        dispute = read(response, DisputeObject)
        if dispute is None:
            return unchanged(response)
        if dispute.id != asked.dispute_reference or dispute.status not in _GIVEN_UP:
            return Unknown("the answer does not say that the dispute was given up")
        return Done(dispute.id)


def _upload(account: Account, file: EvidenceFile, *, key: str) -> HttpRequest:
    content_type, body = multipart(
        (
            Part("purpose", _PURPOSE.encode()),
            Part("file", file.content, media_type=file.media_type, file_name=file.name),
        )
    )
    host = _FILES if account.base_url == _API else account.base_url
    bare = post(account, "files", (), key=key)
    return HttpRequest(
        "POST", f"{host}/v1/files", {**bare.headers, "Content-Type": content_type}, bare.secret_headers, body
    )


def _evidence(asked: SubmitEvidence, uploads: Mapping[str, str]) -> Fields:
    for name, value in (*asked.evidence.words.items(), *uploads.items()):
        yield f"evidence[{name}]", value
    yield "submit", "true"
