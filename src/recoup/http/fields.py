"""Fields that every subject shares: metadata, ids in requests, and pages of lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Generic, Literal, TypeVar
from uuid import UUID

from msgspec import Meta, Struct

from recoup.http.values import BIGINT_MAX, BIGINT_MIN
from recoup.kit.ids import TEXT_LENGTH, Kind, parse
from recoup.kit.refusals import invalid, not_found

T = TypeVar("T")

PAGE_MAX: Final = 100
PAGE_DEFAULT: Final = 10
ID_LENGTH_MAX: Final = TEXT_LENGTH + 8
_SHOWN_MAX: Final = 64

Int64 = Annotated[int, Meta(ge=BIGINT_MIN, le=BIGINT_MAX)]
"""Any whole number that the database can hold."""

Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its zone, as every time in a request must be."""

IdText = Annotated[str, Meta(min_length=1, max_length=ID_LENGTH_MAX)]
"""An id in a request, before `parse_id`."""

Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]],
    Meta(
        max_length=50,
        description="Up to 50 pairs of text that are kept and given back: keys to 40 characters, values to 500.",
        examples=[{"order": "1001"}],
    ),
]


def parse_id(kind: Kind, text: str, *, what: str = "", param: str | None = None) -> UUID:
    """The UUID in an id of this kind; what is no such id names nothing, so it is refused with 404."""
    id_ = parse(kind, text)
    if id_ is None:
        shown = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
        raise not_found((what or kind.name.lower()).replace("_", " "), shown, param=param)
    return id_


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for. Lists run from the newest to the oldest.

    A store selects `fetch` rows: after an id (`id < after order by id desc`), before one (`id > before order by id`),
    or from the start (`order by id desc`); `cut` brings them into the order of the answer.
    """

    limit: int
    after: UUID | None = None
    before: UUID | None = None

    @property
    def fetch(self) -> int:
        """How many rows to select: one more than are shown, to know whether there are more."""
        return self.limit + 1

    @property
    def backwards(self) -> bool:
        """Whether rows are selected from the oldest on."""
        return self.before is not None

    def cut(self, rows: Sequence[T]) -> tuple[list[T], bool]:
        """The rows to show, newest first, and whether there are more in the direction of the page."""
        shown = list(rows[: self.limit])
        if self.backwards:
            shown.reverse()
        return shown, len(rows) > self.limit


class ListQuery(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The query of every list; a subject adds its filters in a subclass."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many to return.")] = PAGE_DEFAULT
    starting_after: Annotated[
        IdText | None, Meta(description="The last id of the page before: what is older follows.")
    ] = None
    ending_before: Annotated[
        IdText | None, Meta(description="The first id of the page after: what is newer comes before it.")
    ] = None

    def page(self, kind: Kind) -> Page:
        """The page asked for; refuses what is no id of this kind, and both directions at once."""
        if self.starting_after is not None and self.ending_before is not None:
            raise invalid(
                "one_direction_only",
                "Send `starting_after` or `ending_before`, not both.",
                param="ending_before",
            )
        return Page(
            self.limit,
            after=_cursor(kind, self.starting_after, param="starting_after"),
            before=_cursor(kind, self.ending_before, param="ending_before"),
        )


def _cursor(kind: Kind, text: str | None, *, param: str) -> UUID | None:
    if text is None:
        return None
    id_ = parse(kind, text)
    if id_ is None:
        raise invalid(
            "invalid_cursor",
            f"`{param}` must be an id of this list, which begins with `{kind.value}_`.",
            param=param,
        )
    return id_


class ListObject(Struct, Generic[T], kw_only=True, frozen=True):
    """A page of a list. Name each kind of list: `class NoteList(ListObject[NoteObject], frozen=True): ...`."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: Annotated[bool, Meta(description="Whether there are more in the direction of the page.")]
    url: Annotated[str, Meta(description="The path of this list.")]
