"""What a subject says about its routes, and what a handler is given and gives back.

    class NotesApi:
        def routes(self) -> list[Route]:
            return [Route("POST", "/v1/notes", self.create, body=CreateNote, answer=NoteObject, status=201,
                          summary="Create a note", tag="notes", idempotency=Idempotency.TRANSACTION)]

        async def create(self, call: Call[CreateNote, None]) -> NoteObject: ...

A handler never sees a request that its types do not allow, and raises a `Refusal` for what only it can know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, NoReturn, Protocol, TypeVar
from uuid import UUID

import msgspec

from recoup.db import Connection
from recoup.http.fields import ListObject as ListObject
from recoup.http.fields import ListQuery as ListQuery
from recoup.http.fields import Metadata as Metadata
from recoup.http.fields import Page as Page
from recoup.http.fields import parse_id as parse_id
from recoup.kit.ids import Kind

BodyT = TypeVar("BodyT")
QueryT = TypeVar("QueryT")


class Merchant(Protocol):
    """The tenant that a request is for, as far as the edge needs to know it."""

    @property
    def id(self) -> UUID:
        """Names the tenant in every table."""
        ...

    @property
    def livemode(self) -> bool:
        """Whether this is the side on which money is real."""
        ...

    @property
    def clock_offset(self) -> timedelta:
        """How far this tenant's time is ahead of the clock's (test mode only)."""
        ...


class Caller(Protocol):
    """Who sent a request: the owner of its API key."""

    @property
    def merchant(self) -> Merchant:
        """The tenant that the key belongs to."""
        ...

    @property
    def key_kind(self) -> str:
        """`secret` or `publishable`."""
        ...


class _Nobody:
    """Stands where a route asks for no key; whoever looks at it has a bug."""

    @property
    def merchant(self) -> NoReturn:
        raise AssertionError("this route asks for no key, so it has no merchant")

    id = livemode = clock_offset = key_kind = merchant


NOBODY: Final = _Nobody()


class Auth(StrEnum):
    """Which key opens a route."""

    SECRET = "secret"  # noqa: S105 - a kind of key, not a key
    PUBLISHABLE = "publishable"
    """A publishable key, or a secret one."""
    NONE = "none"


class Idempotency(StrEnum):
    """Who keeps the promise that a repeated request is done once."""

    TRANSACTION = "transaction"
    """The edge: claim, handler and answer are one transaction, which the handler finds in `Call.connection`."""
    FLOW = "flow"
    """The flow: it claims `Call.claim` in its first transaction and records the answer in its last."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key with the keyed hash of the request it came with. `at` is the wall clock's time."""

    key: str
    fingerprint: bytes = field(repr=False)
    at: datetime


class Call(msgspec.Struct, Generic[BodyT, QueryT], frozen=True, kw_only=True):
    """One request, checked: everything a handler may know of it."""

    caller: Any
    """The `Caller` behind the key. Any, because its own type belongs to a subject, which this floor does not know."""
    merchant: Any
    """The caller's `Merchant`."""
    now: datetime
    """The merchant's present: the clock's, moved by the merchant's own offset."""
    path: Mapping[str, str]
    body: BodyT
    query: QueryT
    request_id: str
    claim: Claim | None
    """None where the caller sent no `Idempotency-Key`, or the route takes none."""
    connection: Connection | None
    """The open transaction of `Idempotency.TRANSACTION`, else None."""

    def path_id(self, name: str, kind: Kind) -> UUID:
        """The id in the path parameter `name`; refuses with 404 where it is no id of this kind."""
        return parse_id(kind, self.path[name], what=name)

    def transaction(self) -> Connection:
        """The open transaction of a route in `Idempotency.TRANSACTION` mode."""
        assert self.connection is not None, "only Idempotency.TRANSACTION opens a transaction"
        return self.connection

    def __repr__(self) -> str:
        """Without the body, which may hold a card."""
        return f"Call(request_id={self.request_id!r})"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is encoded already. Its headers are not kept for a replay; its status and body are."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal that a route may answer with, for its documentation."""

    code: str
    status: int = 409
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that is a file and no JSON: its type, the most bytes of it, and how long a client may take to send it.

    The handler finds it as bytes in `Call.body`. Few are taken at once (`Limits.uploads_max`), since each is in memory
    while it is worked on.
    """

    content_type: str
    bytes_max: int
    seconds_max: float = 120.0


Handler = Callable[[Call[Any, Any]], Awaitable[msgspec.Struct | Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """A typed function bound to a method and a path. Path parameters are written `{name}` and fill a whole segment."""

    method: str
    path: str
    handler: Handler = field(repr=False)
    body: Any = field(default=None, kw_only=True)
    """The struct that a body reads as, or a union of structs told apart by a tag; None where there is none."""
    body_bytes_max: int | None = field(default=None, kw_only=True)
    """The most bytes of a body, where that is more than other routes take. Few such are taken at once, as files are."""
    upload: Upload | None = field(default=None, kw_only=True)
    """What a body is that is a file, in place of `body`."""
    query: type[msgspec.Struct] | None = field(default=None, kw_only=True)
    answer: Any = field(default=None, kw_only=True)
    """The type of the answer's body; None where there is none."""
    status: int = field(default=200, kw_only=True)
    also: int | None = field(default=None, kw_only=True)
    """Another status of success, with the same type of body: 200 where what would be made is there already."""
    summary: str = field(kw_only=True)
    description: str = field(default="", kw_only=True)
    tag: str = field(kw_only=True)
    auth: Auth = field(default=Auth.SECRET, kw_only=True)
    idempotency: Idempotency = field(default=Idempotency.NONE, kw_only=True)
    test_mode_only: bool = field(default=False, kw_only=True)
    errors: tuple[str | Problem, ...] = field(default=(), kw_only=True)
    """Refusals beyond the ones that every route has; a bare code is a conflict (409)."""
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    """Request bodies, by a few words that say what each shows."""
    answer_examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    path_descriptions: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def problems(self) -> tuple[Problem, ...]:
        """The route's own refusals, each with its status."""
        return tuple(error if isinstance(error, Problem) else Problem(error) for error in self.errors)

    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in their order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


@dataclass(frozen=True, slots=True)
class Acts:
    """What can be done to one object, whose path is `one`: each is `POST {one}/{verb}`, and answers with the object."""

    one: str
    answer: Any = field(kw_only=True)
    tag: str = field(kw_only=True)
    errors: tuple[str | Problem, ...] = field(default=(), kw_only=True)
    """What each of them may be refused with."""
    idempotency: Idempotency = field(default=Idempotency.TRANSACTION, kw_only=True)

    def route(
        self,
        verb: str,
        handler: Handler,
        summary: str,
        description: str = "",
        *,
        body: type[msgspec.Struct] | None = None,
        errors: tuple[str | Problem, ...] = (),
    ) -> Route:
        """The route of one of them."""
        return Route(
            "POST",
            f"{self.one}/{verb}",
            handler,
            body=body,
            answer=self.answer,
            summary=summary,
            description=description,
            tag=self.tag,
            idempotency=self.idempotency,
            errors=(*self.errors, *errors),
        )
