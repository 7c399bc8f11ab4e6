"""What is asked of a processor about a dispute: to hand the merchant's evidence in, or to give the money up.

Fields and documents are in Stripe's words, which are the most exact; each connector says them in its processor's.
Either may be asked once a dispute has told us its reference (`webhooks.DisputeNews`). The answer says what became of
the asking, never who wins: that is told by later news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from recoup.kit.money import Money
from recoup.outcomes.core import Unprocessed

FILES_MAX: Final = 8
"""The most documents that one submission carries."""
FILE_BYTES_MAX: Final = 4_000_000
"""The longest document: the least of what the processors take, with room for how it is wrapped."""
MEDIA_TYPES: Final = frozenset({"application/pdf", "image/jpeg", "image/png"})
"""What a document may be: what processors take, but Adyen no PNG."""


class DisputeVerb(StrEnum):
    """What a connector may be asked about a dispute."""

    SUBMIT = "submit"
    ACCEPT = "accept"


ALL_VERBS: Final = frozenset(DisputeVerb)


class EvidenceField(StrEnum):
    """What can be told in words."""

    ACCESS_ACTIVITY_LOG = "access_activity_log"
    BILLING_ADDRESS = "billing_address"
    CANCELLATION_POLICY_DISCLOSURE = "cancellation_policy_disclosure"
    CANCELLATION_REBUTTAL = "cancellation_rebuttal"
    CUSTOMER_EMAIL_ADDRESS = "customer_email_address"
    CUSTOMER_NAME = "customer_name"
    CUSTOMER_PURCHASE_IP = "customer_purchase_ip"
    DUPLICATE_CHARGE_EXPLANATION = "duplicate_charge_explanation"
    DUPLICATE_CHARGE_ID = "duplicate_charge_id"
    PRODUCT_DESCRIPTION = "product_description"
    REFUND_POLICY_DISCLOSURE = "refund_policy_disclosure"
    REFUND_REFUSAL_EXPLANATION = "refund_refusal_explanation"
    SERVICE_DATE = "service_date"
    SHIPPING_ADDRESS = "shipping_address"
    SHIPPING_CARRIER = "shipping_carrier"
    SHIPPING_DATE = "shipping_date"
    SHIPPING_TRACKING_NUMBER = "shipping_tracking_number"
    UNCATEGORIZED_TEXT = "uncategorized_text"


class DocumentPurpose(StrEnum):
    """What a document proves."""

    CANCELLATION_POLICY = "cancellation_policy"
    CUSTOMER_COMMUNICATION = "customer_communication"
    CUSTOMER_SIGNATURE = "customer_signature"
    DUPLICATE_CHARGE_DOCUMENTATION = "duplicate_charge_documentation"
    RECEIPT = "receipt"
    REFUND_POLICY = "refund_policy"
    SERVICE_DOCUMENTATION = "service_documentation"
    SHIPPING_DOCUMENTATION = "shipping_documentation"
    UNCATEGORIZED_FILE = "uncategorized_file"


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A document. `their_type` is the processor's own word for what it is, where the merchant knows better than we."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    purpose: DocumentPurpose = DocumentPurpose.UNCATEGORIZED_FILE
    their_type: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeEvidence:
    """All that is handed in. Nothing of it shows in a `repr`, since it is about a customer.

    `defense` is the processor's own word for why the merchant is right, for those who want one (Adyen's
    `defenseReasonCode`, PayPal's `evidence_type`).
    """

    fields: Mapping[EvidenceField, str] = field(default_factory=dict, repr=False)
    files: tuple[EvidenceFile, ...] = field(default=(), repr=False)
    defense: str | None = None

    @property
    def words(self) -> Mapping[EvidenceField, str]:
        """The fields that say something, in the order of `EvidenceField`, whatever order they came in."""
        told = ((name, self.fields.get(name, "").strip()) for name in EvidenceField)
        return {name: text for name, text in told if text}

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing at all."""
        return not self.files and not self.words

    def in_texts(self, places: Mapping[EvidenceField, str], *, otherwise: str) -> Mapping[str, str]:
        """The fields by a processor's own places for them; several in one place are titled and joined."""
        texts: dict[str, dict[EvidenceField, str]] = {}
        for name, text in self.words.items():
            texts.setdefault(places.get(name, otherwise), {})[name] = text
        return {place: _joined(told) for place, told in texts.items()}

    def in_places(
        self, places: Mapping[DocumentPurpose, str], *, otherwise: str
    ) -> tuple[tuple[str, EvidenceFile], ...]:
        """The documents, each with a processor's own place for it, or the one that the merchant named."""
        return tuple((file.their_type or places.get(file.purpose, otherwise), file) for file in self.files)


@dataclass(frozen=True, slots=True)
class SubmitEvidence:
    """Hand this in, once and for good: most processors take evidence a single time.

    `key` is ours for this submission, the same when it is asked again. `reason` is the dispute's, raw, as it was told.
    """

    key: str
    dispute_reference: str
    charge_reference: str | None
    evidence: DisputeEvidence
    reason: str | None = None
    amount: Money | None = None
    network: str | None = None


def _joined(told: Mapping[EvidenceField, str]) -> str:
    if len(told) == 1:
        return next(iter(told.values()))
    return "\n".join(f"{name.replace('_', ' ').capitalize()}: {text}" for name, text in told.items())


NOTHING_TO_HAND_IN: Final = Unprocessed("not sent: there is no evidence to hand in")


def unfit(evidence: DisputeEvidence) -> Unprocessed | None:
    """Why no processor is sent this: there is nothing, or too much, or of a kind that none takes."""
    if evidence.is_empty:
        return NOTHING_TO_HAND_IN
    if len(evidence.files) > FILES_MAX:
        return Unprocessed(f"not sent: there are more than {FILES_MAX} documents; join some")
    for at, file in enumerate(evidence.files, start=1):
        if file.media_type not in MEDIA_TYPES:
            return Unprocessed(f"not sent: document {at} is no PDF, JPEG or PNG")
        if not 0 < len(file.content) <= FILE_BYTES_MAX:
            return Unprocessed(f"not sent: document {at} is empty, or over {FILE_BYTES_MAX} bytes")
    return None


def not_taken(at: int, why: str) -> Unprocessed:
    """The document, counted from nought, that the processor did not take: then nothing was handed in."""
    return Unprocessed(f"not handed in: document {at + 1} was not taken: {why}")


@dataclass(frozen=True, slots=True)
class AcceptDispute:
    """Give the money up: the dispute is lost, and nothing more can be said."""

    key: str
    dispute_reference: str
    charge_reference: str | None
    amount: Money | None = None
