"""What the toy subject takes and gives: one of everything that a body may hold."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from recoup.http.fields import Int64, ListObject, ListQuery, Metadata, Moment
from recoup.kit.secret import Secret


class Color(StrEnum):
    """The color of the paper."""

    WHITE = "white"
    BLUE = "blue"


class Drawing(
    msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True, tag="drawing", tag_field="type"
):
    """Lines on the note."""

    points: Annotated[list[Annotated[int, Meta(ge=0, le=999)]], Meta(max_length=8)] = []


class Card(
    msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True, tag="card", tag_field="type"
):
    """A card clipped to the note."""

    number: Annotated[Secret, Meta(description="12 to 19 digits.")]
    holder: Annotated[str, Meta(min_length=1, max_length=50)] | None = None


class CreateNote(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A note to keep."""

    title: Annotated[
        str, Meta(min_length=1, max_length=100, description="What the note says.", examples=["Milk"])
    ]
    weight: Annotated[Int64, Meta(description="In grams; any whole number.")] = 0
    color: Color = Color.WHITE
    shape: Literal["square", "round"] = "square"
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z", description="Two letters of ISO 3166.")] | None = (
        None
    )
    remind_at: Moment | None = None
    attachment: Annotated[Drawing | Card | None, Meta(description="Something on the note.")] = None
    metadata: Metadata = {}


class NoteObject(msgspec.Struct, kw_only=True, frozen=True):
    """A note."""

    id: str
    object: Literal["note"] = "note"
    title: str
    weight: int
    metadata: dict[str, str]
    livemode: bool


class NoteList(ListObject[NoteObject], frozen=True):
    """A page of notes."""


class NoteQuery(ListQuery, frozen=True, kw_only=True):
    """Which notes to list."""

    color: Annotated[Color | None, Meta(description="Only notes of this color.")] = None
    heavy: Annotated[
        bool | None, Meta(description="Only notes of a kilogram and more, or only lighter ones.")
    ] = None
    titles: Annotated[list[str], Meta(max_length=3, description="Only notes with one of these titles.")] = (
        msgspec.field(default_factory=list)
    )


class PrintObject(msgspec.Struct, kw_only=True, frozen=True):
    """A print of a note."""

    id: str
    object: Literal["print"] = "print"
    pages: int


class Anything(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Free JSON."""

    json: Any = None


class TokenObject(msgspec.Struct, kw_only=True, frozen=True):
    """What stands for something."""

    token: str


class EventObject(msgspec.Struct, kw_only=True, frozen=True):
    """A fact that happened."""

    id: str
    object: Literal["event"] = "event"
    type: str
    sequence: int
    data: NoteObject
