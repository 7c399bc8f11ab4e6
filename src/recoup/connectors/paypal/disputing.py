"""What PayPal is asked about a dispute: evidence with its documents is one request, and accepting the claim is another.

* PayPal takes evidence while it waits for the seller. What kind it is (`defense`, PayPal's `evidence_type`) is
  `PROOF_OF_FULFILLMENT` where a tracking number is told, else `OTHER`; PayPal may have asked for another.
* Tracking number and carrier go where PayPal wants them, all other words into one note of 2,000 characters. Documents
  are PDF, JPEG or PNG, below 10 MB each.
* Both requests are answered with a link to the dispute, which is what counts as done. Whether PayPal knows a repetition
  by its `PayPal-Request-Id` is not said: a dispute that waits for the seller no more refuses.
* The app of the account needs PayPal's feature for disputes.
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
    EvidenceField,
    Exchange,
    HttpRequest,
    HttpResponse,
    SubmitEvidence,
    no_readable_answer,
)
from recoup.connectors.base.disputes import unfit
from recoup.connectors.base.multipart import Part, multipart
from recoup.connectors.paypal import asked as asking
from recoup.connectors.paypal import meant, wire
from recoup.connectors.paypal.listing import Listing
from recoup.outcomes.core import Done, FollowUp, Unprocessed

NOTE_LENGTH_MAX: Final = 2000
_DISPUTES: Final = ("v1", "customer", "disputes")
_CARRIERS: Final = frozenset({"DHL", "FEDEX", "UPS", "USPS"})
_TRACKED: Final = (EvidenceField.SHIPPING_TRACKING_NUMBER, EvidenceField.SHIPPING_CARRIER)
_NO_ACCESS: Final = Unprocessed("not sent: PayPal gave no access")


class Links(Struct, frozen=True):
    """Where to go next: to the dispute itself."""

    links: tuple[wire.Link, ...]


class Disputing(Listing):
    """The two verbs of the connector that answer; those that ask are inherited."""

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """Everything at once."""
        if why_not := unfit(asked.evidence):
            return why_not
        told = _told(asked.evidence)
        if len(str(told.get("notes", ""))) > NOTE_LENGTH_MAX:
            return Unprocessed(
                f"not sent: PayPal takes {NOTE_LENGTH_MAX} characters of words: use a document"
            )
        access = yield from _access(account)
        if access is None:
            return _NO_ACCESS
        path = asking.path(*_DISPUTES, asked.dispute_reference, "provide-evidence")
        response = yield _with_documents(account, access, path, asked, {"evidences": [told]})
        return _meant(response, asked.dispute_reference)

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """Accept the claim: the buyer is paid back."""
        access = yield from _access(account)
        if access is None:
            return _NO_ACCESS
        path = asking.path(*_DISPUTES, asked.dispute_reference, "accept-claim")
        body = {"note": "The claim is accepted.", "accept_claim_reason": "REASON_NOT_SET"}
        response = yield asking.post(account, access, path, key=asked.key, body=body)
        return _meant(response, asked.dispute_reference)


def _access(account: Account) -> Exchange[str | None]:
    response = yield asking.token(account)
    given = wire.read(response, wire.AccessToken)
    return given.access_token if given and given.token_type.lower() == "bearer" else None


def _told(evidence: DisputeEvidence) -> dict[str, object]:
    """One piece of evidence as PayPal wants it told."""
    words = evidence.words
    number = words.get(EvidenceField.SHIPPING_TRACKING_NUMBER)
    told: dict[str, object] = {
        "evidence_type": evidence.defense or ("OTHER" if number is None else "PROOF_OF_FULFILLMENT")
    }
    if number is not None:
        carrier = words.get(EvidenceField.SHIPPING_CARRIER, "")
        told["evidence_info"] = {"tracking_info": [{**_carrier(carrier), "tracking_number": number}]}
    others = {name: text for name, text in words.items() if number is None or name not in _TRACKED}
    if others:
        (told["notes"],) = DisputeEvidence(others).in_texts({}, otherwise="notes").values()
    return told


def _carrier(name: str) -> Mapping[str, str]:
    known = name.upper()
    other = {"carrier_name_other": name} if name else {}
    return {"carrier_name": known} if known in _CARRIERS else {"carrier_name": "OTHER", **other}


def _with_documents(
    account: Account, access: str, path: str, asked: SubmitEvidence, told: Mapping[str, object]
) -> HttpRequest:
    parts = [Part("input", msgspec.json.encode(told), media_type="application/json")]
    parts += [
        Part(f"file{at}", file.content, media_type=file.media_type, file_name=file.name)
        for at, file in enumerate(asked.evidence.files, start=1)
    ]
    content_type, body = multipart(parts)
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}{path}",
        headers={"Content-Type": content_type, "PayPal-Request-Id": asked.key},
        secret_headers={"Authorization": f"Bearer {access}"},
        body=body,
    )


def _meant(response: HttpResponse, reference: str) -> FollowUp:
    if failure := wire.refused(response):
        return meant.not_changed(failure)
    answer = wire.read(response, Links)
    if answer is None or not any(f"/{reference}" in link.href for link in answer.links):
        return no_readable_answer(response)
    return Done(reference)
