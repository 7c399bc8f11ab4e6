"""What every connector that can is asked about a dispute: evidence in words and documents, and giving up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tests.connectors.recorded import KEY

from recoup.connectors.base import (
    AcceptDispute,
    DisputeEvidence,
    DocumentPurpose,
    EvidenceField,
    EvidenceFile,
    ListDisputes,
    ReadDispute,
    SubmitEvidence,
)
from recoup.kit.money import Money

DISPUTE: Final = "dispute-1"
WORDS: Final = {
    EvidenceField.CUSTOMER_NAME: "Wilhelmina Ormsby",
    EvidenceField.SHIPPING_TRACKING_NUMBER: "1Z0000000000000000",
    EvidenceField.UNCATEGORIZED_TEXT: "The parcel was signed for; »thank you«, wrote the customer.",
}
PDF: Final = EvidenceFile(
    "receipt of\r\norder 1.pdf", "application/pdf", b"%PDF-1.4\n\xff receipt", DocumentPurpose.RECEIPT
)
PHOTO: Final = EvidenceFile(
    "door.jpg", "image/jpeg", b"\xff\xd8 photo \r\n--", DocumentPurpose.SHIPPING_DOCUMENTATION
)


def documents(**types: str | None) -> DisputeEvidence:
    """The two documents alone, with the processor's own words for them and for why the merchant is right."""
    defense = types.pop("defense", None)
    files = (PDF, PHOTO)
    kinds = [types.get(file.purpose.value) for file in files]
    return DisputeEvidence(
        files=tuple(replace(file, their_type=kind) for file, kind in zip(files, kinds, strict=True)),
        defense=defense,
    )


def a_submission(dispute_reference: str = DISPUTE, **changes: Any) -> SubmitEvidence:
    """Words and two documents, of which the first's name could break a header."""
    whole: dict[str, Any] = {
        "key": KEY,
        "charge_reference": "reference-1",
        "evidence": DisputeEvidence(WORDS, (PDF, PHOTO)),
        "reason": "13.1",
        "amount": Money(4999, "EUR"),
        **changes,
    }
    return SubmitEvidence(dispute_reference=dispute_reference, **whole)


def an_acceptance(dispute_reference: str = DISPUTE, **changes: Any) -> AcceptDispute:
    """The merchant gives up."""
    whole: dict[str, Any] = {
        "key": KEY,
        "charge_reference": "reference-1",
        "amount": Money(4999, "EUR"),
        **changes,
    }
    return AcceptDispute(dispute_reference=dispute_reference, **whole)


def about_disputes(
    verb: str, reference: str, *, now: datetime, **changes: Any
) -> SubmitEvidence | AcceptDispute | ListDisputes | ReadDispute:
    """What is asked by one of the four verbs."""
    match verb:
        case "submit_evidence":
            return a_submission(reference, **changes)
        case "accept_dispute":
            return an_acceptance(reference, **changes)
        case "list_disputes":
            return ListDisputes(now - timedelta(days=1), now, **changes)
        case _:
            return ReadDispute(reference, now, **changes)
