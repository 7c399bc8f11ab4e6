"""What an event is, before it has its number in the merchant's stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString
from uuid import UUID


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact to be written down: `data` is the object as the API shows it at that moment, as JSON bytes."""

    id: UUID
    type: str
    object_id: UUID
    object_sequence: int
    data: bytes = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that happened, with its place in the merchant's stream and in its object's."""

    sequence: int
    id: UUID
    type: str
    object_id: UUID
    object_sequence: int
    data: object
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RawEvent:
    """A fact that happened, for those who read on from it: `data` is the object as the API showed it, as JSON."""

    type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Places:
    """The table where a follower keeps its place in each merchant's stream, and the column that has it."""

    table: LiteralString
    column: LiteralString
