"""A merchant's evidence: how much of it there may be, how it is kept, and what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.connectors.base import DisputeEvidence, DocumentPurpose, EvidenceField, EvidenceFile
from recoup.connectors.base.disputes import FILE_BYTES_MAX, FILES_MAX, MEDIA_TYPES
from recoup.disputes.core.records import Held, HeldFile
from recoup.kit.refusals import Refusal, invalid

TEXT_LENGTH_MAX: Final = 20_000
TEXTS_LENGTH_MAX: Final = 150_000
"""All texts together, as Stripe takes them."""
FILES_BYTES_MAX: Final = 4_500_000
"""All documents together, as Stripe takes them."""
REQUEST_BYTES_MAX: Final = 4 * (FILES_BYTES_MAX // 3) + 4 * TEXTS_LENGTH_MAX + 100_000
"""What a request may bring: all documents in base64, all texts, and what stands around them."""
_MAGIC: Final[Mapping[str, bytes]] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}
"""How a document of each kind begins."""
assert set(_MAGIC) == MEDIA_TYPES, "every kind of document is recognised"


class _File(msgspec.Struct, frozen=True, array_like=True):
    name: str
    media_type: str
    purpose: DocumentPurpose
    their_type: str | None
    content: bytes

    def __repr__(self) -> str:
        return "File(***)"


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    fields: dict[str, str]
    files: tuple[_File, ...]
    defense: str | None

    def __repr__(self) -> str:
        return "Kept(***)"


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(_Kept).decode


def packed(evidence: DisputeEvidence) -> bytes:
    """What is sealed."""
    files = tuple(
        _File(one.name, one.media_type, one.purpose, one.their_type, one.content) for one in evidence.files
    )
    return _pack(_Kept({name.value: text for name, text in evidence.fields.items()}, files, evidence.defense))


def unpacked(plain: bytes) -> DisputeEvidence:
    """The evidence that was sealed."""
    kept = _unpack(plain)
    return DisputeEvidence(
        {EvidenceField(name): text for name, text in kept.fields.items()},
        tuple(
            EvidenceFile(one.name, one.media_type, one.content, one.purpose, one.their_type)
            for one in kept.files
        ),
        kept.defense,
    )


def place(merchant_id: UUID, dispute_id: UUID) -> bytes:
    """Binds what is sealed to its row: moved to another, it does not open."""
    return b"recoup evidence 1" + merchant_id.bytes + dispute_id.bytes


def merged(
    before: DisputeEvidence,
    *,
    fields: Mapping[EvidenceField, str | None],
    files: Sequence[EvidenceFile],
    without: Sequence[str],
    defense: str | None,
) -> DisputeEvidence:
    """Evidence with more: a text takes the place of the one before, None takes it away, and a document takes the place
    of one of its name. Refuses what is too much."""
    texts = dict(before.fields) | {name: text for name, text in fields.items() if text is not None}
    for name, text in fields.items():
        if text is None:
            texts.pop(name, None)
    gone = {*without, *(one.name for one in files)}
    kept = tuple(one for one in before.files if one.name not in gone)
    after = DisputeEvidence(texts, (*kept, *files), defense or before.defense)
    _check(after)
    return after


def _check(evidence: DisputeEvidence) -> None:
    if sum(len(text) for text in evidence.fields.values()) > TEXTS_LENGTH_MAX:
        raise _too_much("fields", f"All texts together may have {TEXTS_LENGTH_MAX} letters.")
    if len(evidence.files) > FILES_MAX:
        raise _too_much("files", f"A dispute takes {FILES_MAX} documents.")
    if sum(len(one.content) for one in evidence.files) > FILES_BYTES_MAX:
        raise _too_much("files", f"All documents together may have {FILES_BYTES_MAX} bytes.")


def check_file(file: EvidenceFile, *, param: str) -> None:
    """Refuses a document that is too long, or is not what it says."""
    if len(file.content) > FILE_BYTES_MAX:
        raise _too_much(param, f"A document may have {FILE_BYTES_MAX} bytes.")
    begins = _MAGIC.get(file.media_type)
    if begins is None or not file.content.startswith(begins):
        kinds = ", ".join(sorted(_MAGIC))
        message = f"A document must be one of {kinds}, and begin as such a file does."
        raise invalid("evidence_file_unreadable", message, param=param)


def _too_much(param: str, message: str) -> Refusal:
    return invalid("evidence_too_large", message, param=param)


def held(evidence: DisputeEvidence, at: datetime) -> Held:
    """What is shown of it."""
    return Held(
        tuple(sorted(name for name, text in evidence.fields.items() if text.strip())),
        tuple(HeldFile(one.name, one.media_type, one.purpose, len(one.content)) for one in evidence.files),
        evidence.defense is not None,
        at,
    )
