"""What callers send about disputes."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.connectors.base import Alert, DocumentPurpose, EvidenceField
from recoup.connectors.base.disputes import FILES_MAX
from recoup.disputes.core.evidence import TEXT_LENGTH_MAX
from recoup.disputes.core.machine import Status
from recoup.http.fields import IdText, ListQuery, Moment

NAME_LENGTH_MAX: Final = 100
REASON_LENGTH_MAX: Final = 500

FileName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=NAME_LENGTH_MAX,
        pattern=r"^[^\x00-\x1f\x7f/\\\"]+\Z",
        description="What the document is called; another one of the same name takes its place.",
        examples=["receipt.pdf"],
    ),
]


class EvidenceFileData(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A document."""

    name: FileName
    type: Annotated[
        str,
        Meta(max_length=40, description="`application/pdf`, `image/jpeg` or `image/png`."),
    ]
    content: Annotated[bytes, Meta(min_length=1, description="In base64.")]
    purpose: DocumentPurpose = DocumentPurpose.UNCATEGORIZED_FILE

    def __repr__(self) -> str:
        """Without what is in it."""
        return "EvidenceFileData(***)"


class AddEvidence(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """More evidence: what is not named stays as it was."""

    fields: Annotated[
        dict[EvidenceField, Annotated[str, Meta(max_length=TEXT_LENGTH_MAX)] | None],
        Meta(description="Texts by their names; null takes one away."),
    ] = {}
    files: Annotated[
        list[EvidenceFileData],
        Meta(max_length=FILES_MAX, description="Documents, 4.5 MB together."),
    ] = []
    remove_files: Annotated[
        list[FileName], Meta(max_length=FILES_MAX, description="The names of documents to take away.")
    ] = []
    defense: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | None,
        Meta(
            description="The processor's own word for why you are right, for those who want one: Adyen's "
            "`defenseReasonCode`, PayPal's `evidence_type`."
        ),
    ] = None

    def __repr__(self) -> str:
        """Without what it says of a customer."""
        return "AddEvidence(***)"


class LiftStop(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Why the card may be tried again."""

    reason: Annotated[
        str,
        Meta(
            min_length=1, max_length=REASON_LENGTH_MAX, description="It is kept, and shown with the dispute."
        ),
    ]


class DisputeQuery(ListQuery, frozen=True):
    """Which disputes."""

    status: Annotated[Status | None, Meta(description="Only those that stand there.")] = None
    alert: Annotated[Alert | None, Meta(description="Only early warnings of this kind.")] = None
    payment: Annotated[IdText | None, Meta(description="Only those of this payment.")] = None
    due_before: Annotated[
        Moment | None, Meta(description="Only those that await your answer by an earlier time than this.")
    ] = None
