"""What can become of a processor's news of a dispute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

CONTRADICTED: Final = "dispute.contradicted"
"""The kind of due row that says: we asked, and were told an end of this dispute that cannot be true beside another."""


@dataclass(frozen=True, slots=True)
class Known:
    """Nothing changed, and nothing is wrong."""

    payment_id: UUID | None


@dataclass(frozen=True, slots=True)
class Applied:
    """The dispute is new, or moved; `happened` are the event types that were written."""

    payment_id: UUID | None
    happened: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two ends were told that cannot both be true. The newer one counts; a person should look.

    `about` is our id of the dispute; `known` is where it stands, `told` the other end; `remedy` is a sentence for a
    person.
    """

    payment_id: UUID | None
    about: str
    known: str
    told: str
    remedy: str


Heard: TypeAlias = Known | Applied | Contradiction
