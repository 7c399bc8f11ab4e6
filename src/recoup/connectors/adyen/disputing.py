"""What Adyen is asked about a dispute, by its Disputes API, version 30: which defences there are, then one of them.

* The API has a host of its own, `ca-test.adyen.com` or `ca-live.adyen.com`; an account with any other address than
  Adyen's is asked there. Its API key needs the role for disputes.
* Adyen takes documents alone, as PDF (2 MB) or JPEG (10 MB). Evidence in words is not sent: write it into a document.
* A dispute is defended for a reason that Adyen offers (`defense`), which says what kinds of documents it wants. Without
  a reason, the first whose wants are met is taken. Each document has a kind (`their_type`); without one, it is the only
  kind that the reason has, or `DefenseMaterial`. There is one document of a kind.
* Documents are kept until the last request defends. Nothing that is asked here carries a key at Adyen, and a dispute
  that was defended or accepted before is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from recoup.connectors.adyen.answers import Name, change_refused, read
from recoup.connectors.base import (
    AcceptDispute,
    Account,
    EvidenceFile,
    Exchange,
    HttpRequest,
    HttpResponse,
    SubmitEvidence,
    no_readable_answer,
)
from recoup.connectors.base.disputes import unfit
from recoup.kit.cardlike import kept
from recoup.outcomes.core import Done, FollowUp, Refused, Unprocessed

_PATH: Final = "/ca/services/DisputeService/v30"
_TEST: Final = "checkout-test.adyen.com"
_LIVE: Final = "-checkout-live.adyenpayments.com"
_GENERIC: Final = "DefenseMaterial"
_TAKEN: Final = {"application/pdf": "application/pdf", "image/jpeg": "image/jpg"}
_WHY_LENGTH_MAX: Final = 200
_REASONS_SHOWN_MAX: Final = 10


class Result(Struct, frozen=True, rename="camel"):
    """Whether it was done."""

    success: bool
    error_message: str | None = None


class Answer(Struct, frozen=True, rename="camel"):
    """What every request is answered."""

    dispute_service_result: Result


class Kind(Struct, frozen=True, rename="camel"):
    """A kind of document that a reason wants, or takes."""

    defense_document_type_code: Name
    requirement_level: str
    available: bool = False


class Reason(Struct, frozen=True, rename="camel"):
    """A reason for which the dispute can be defended."""

    defense_reason_code: Name
    defense_document_types: list[Kind] = []

    def kinds_of(self, files: Iterable[EvidenceFile]) -> tuple[str, ...] | None:
        """The kind of each document; None where one has none here, or two have the same."""
        known = [kind.defense_document_type_code for kind in self.defense_document_types]
        usual = _GENERIC if _GENERIC in known else known[0] if len(known) == 1 else None
        kinds = tuple(file.their_type or usual for file in files)
        told = tuple(kind for kind in kinds if kind in known)
        return told if len(told) == len(kinds) == len(set(kinds)) else None

    def is_met_by(self, kinds: Iterable[str]) -> bool:
        """Whether these documents, and those that are there, are all that it wants."""
        there = {kind.defense_document_type_code for kind in self.defense_document_types if kind.available}
        there |= set(kinds)
        levels: dict[str, list[bool]] = {}
        for kind in self.defense_document_types:
            is_there = kind.defense_document_type_code in there
            levels.setdefault(kind.requirement_level, []).append(is_there)
        return all(levels.get("Required", ())) and any(levels.get("OneOrMore", (True,)))


class Reasons(Answer, frozen=True, rename="camel"):
    """The reasons that there are."""

    defense_reasons: list[Reason] = []


class Disputing:
    """The two verbs of the connector."""

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """Ask which defences there are, supply the documents, then defend."""
        if why_not := _why_not_sent(asked):
            return why_not
        response = yield _post(account, "retrieveApplicableDefenseReasons", asked.dispute_reference)
        reasons = read(response, Reasons)
        if reasons is None or not reasons.dispute_service_result.success:
            return _before_the_last(response, reasons)
        chosen = _chosen(reasons.defense_reasons, asked)
        if chosen is None:
            return _no_defense(reasons.defense_reasons)
        reason, kinds = chosen
        documents = [_document(file, kind) for file, kind in zip(asked.evidence.files, kinds, strict=True)]
        more: dict[str, object] = {"defenseDocuments": documents}
        response = yield _post(account, "supplyDefenseDocument", asked.dispute_reference, **more)
        supplied = read(response, Answer)
        if supplied is None or not supplied.dispute_service_result.success:
            return _before_the_last(response, supplied)
        more = {"defenseReasonCode": reason.defense_reason_code}
        response = yield _post(account, "defendDispute", asked.dispute_reference, **more)
        return _done(response, asked.dispute_reference)

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """Give up."""
        response = yield _post(account, "acceptDispute", asked.dispute_reference)
        return _done(response, asked.dispute_reference)


def _why_not_sent(asked: SubmitEvidence) -> Unprocessed | None:
    evidence = asked.evidence
    if why_not := unfit(evidence):
        return why_not
    if evidence.words or not evidence.files:
        return Unprocessed("not sent: Adyen takes documents alone; write what the fields say into a document")
    if any(file.media_type not in _TAKEN for file in evidence.files):
        return Unprocessed("not sent: Adyen takes documents as PDF or JPEG alone")
    return None


def _chosen(reasons: Iterable[Reason], asked: SubmitEvidence) -> tuple[Reason, tuple[str, ...]] | None:
    """The reason that was named, or else the first that these documents meet."""
    named = asked.evidence.defense
    for reason in reasons:
        kinds = reason.kinds_of(asked.evidence.files)
        fits = named == reason.defense_reason_code or (named is None and reason.is_met_by(kinds or ()))
        if kinds is not None and fits:
            return reason, kinds
    return None


def _no_defense(reasons: list[Reason]) -> Unprocessed:
    """What there is to choose from."""
    shown = "; ".join(
        f"{reason.defense_reason_code} with "
        + ", ".join(kind.defense_document_type_code for kind in reason.defense_document_types)
        for reason in reasons[:_REASONS_SHOWN_MAX]
    )
    return Unprocessed(f"not sent: no defence fits these documents; there are: {shown or 'none'}")


def _before_the_last(response: HttpResponse, answer: Answer | None) -> FollowUp:
    """What it means that a request failed after which nothing was defended yet."""
    if answer is not None:
        return Refused("not_defended", _why(answer))
    return change_refused(response) or Unprocessed(
        f"not defended: no readable answer, HTTP {response.status}"
    )


def _done(response: HttpResponse, reference: str) -> FollowUp:
    answer = read(response, Answer)
    if answer is None:
        return change_refused(response) or no_readable_answer(response)
    if not answer.dispute_service_result.success:
        return Refused("not_done", _why(answer))
    return Done(reference)


def _why(answer: Answer) -> str:
    said = answer.dispute_service_result.error_message or "no reason given"
    return f"Adyen: {kept(said, longest=_WHY_LENGTH_MAX)}"


def _document(file: EvidenceFile, kind: str) -> Mapping[str, str]:
    return {
        "content": base64.b64encode(file.content).decode(),
        "contentType": _TAKEN[file.media_type],
        "defenseDocumentTypeCode": kind,
    }


def _post(account: Account, what: str, reference: str, **more: object) -> HttpRequest:
    body = {
        "disputePspReference": reference,
        "merchantAccountCode": account.credential("merchant_account"),
        **more,
    }
    return HttpRequest(
        method="POST",
        url=f"{_service(account.base_url)}/{what}",
        headers={"Content-Type": "application/json"},
        secret_headers={"X-API-Key": account.credential("api_key")},
        body=msgspec.json.encode(body),
    )


def _service(base_url: str) -> str:
    """Where the Disputes API is, for an account at this address."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host == _TEST:
        return f"https://ca-test.adyen.com{_PATH}"
    if host.endswith(_LIVE):
        return f"https://ca-live.adyen.com{_PATH}"
    return f"{parts.scheme}://{parts.netloc}{_PATH}"
