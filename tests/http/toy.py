"""A small subject of our own, notes, with one route for everything that the edge promises, and a server for it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import aiohttp
import msgspec
import uvicorn
from msgspec import Meta
from prometheus_client import CollectorRegistry
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from recoup.db import Database
from recoup.http.bound import Bound
from recoup.http.edge import Edge
from recoup.http.fields import Int64, ListObject, ListQuery, Metadata, Moment
from recoup.http.idempotency import claim, record
from recoup.http.intake import Limits
from recoup.http.routes import Auth, Call, Idempotency, Problem, Reply, Route
from recoup.http.wiring import About, Webhook, Wiring
from recoup.kit.clock import ManualClock
from recoup.kit.ids import Kind, render, uuid7
from recoup.kit.refusals import conflict, not_found
from recoup.kit.secret import Secret

START: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET_KEY: Final = "sk_test_ann"
OTHER_KEY: Final = "sk_test_bob"
LIVE_KEY: Final = "sk_live_ann"
PUBLISHABLE_KEY: Final = "pk_test_ann"
CARD_NUMBER: Final = "4242424242424242"

EXAMPLE: Final = {
    "id": "evt_01kaq3v8e7f0t9m2c4x6z8b1d5",
    "object": "note",
    "title": "Milk",
    "weight": 12,
    "metadata": {"aisle": "3"},
    "livemode": False,
}

TABLES: Final = """
    create table notes (
        merchant_id uuid not null,
        id uuid not null,
        title text not null,
        weight bigint not null,
        metadata json not null,
        primary key (merchant_id, id)
    )
"""


@dataclass(frozen=True, slots=True)
class ToyMerchant:
    """A tenant."""

    id: UUID
    livemode: bool = False
    clock_offset: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class ToyCaller:
    """The owner of a key."""

    merchant: ToyMerchant
    key_kind: str = "secret"


ANN: Final = ToyMerchant(UUID(int=1), clock_offset=timedelta(days=3))
ANN_LIVE: Final = ToyMerchant(UUID(int=2), livemode=True)
BOB: Final = ToyMerchant(UUID(int=3))
CALLERS: Final = {
    SECRET_KEY: ToyCaller(ANN),
    OTHER_KEY: ToyCaller(BOB),
    LIVE_KEY: ToyCaller(ANN_LIVE),
    PUBLISHABLE_KEY: ToyCaller(ANN, "publishable"),
}


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


class Crash(BaseException):
    """The process dies here, as far as a flow can tell."""


@dataclass
class Toy:
    """The subject, with switches for what a test needs to happen."""

    database: Database
    clock: ManualClock
    printed: list[UUID] = field(default_factory=list)
    crash_after_claim: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    finished: list[str] = field(default_factory=list)
    ready: bool = True
    calls: list[Call[Any, Any]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def new_id(self) -> UUID:
        """Ids in order."""
        return uuid7(self.clock.now(), lambda n: next(self._numbers).to_bytes(n, "big"))

    def routes(self) -> list[Route]:
        """All of them."""
        note = "/v1/notes/{note}"
        return [
            Route(
                "POST",
                "/v1/notes",
                self.create,
                body=CreateNote,
                answer=NoteObject,
                status=201,
                summary="Create a note",
                description="Keeps a note. A heavy one is `note_too_heavy`.",
                tag="notes",
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("note_too_heavy", 409, "The note weighs more than the desk can bear."),),
                examples={"A small note": {"title": "Milk", "weight": 12, "metadata": {"aisle": "3"}}},
                answer_examples={"A small note": EXAMPLE},
            ),
            Route(
                "GET",
                "/v1/notes",
                self.list,
                query=NoteQuery,
                answer=NoteList,
                summary="List notes",
                tag="notes",
            ),
            Route("GET", note, self.read, answer=NoteObject, summary="Retrieve a note", tag="notes"),
            Route("DELETE", note, self.delete, answer=NoteObject, summary="Delete a note", tag="notes"),
            Route(
                "POST",
                f"{note}/print",
                self.print,
                answer=PrintObject,
                status=201,
                summary="Print a note",
                tag="printing",
                idempotency=Idempotency.FLOW,
            ),
            Route("POST", "/v1/slow", self.slow, answer=TokenObject, summary="Wait", tag="printing"),
            Route("POST", "/v1/broken", self.broken, body=CreateNote, summary="Break", tag="printing"),
            Route(
                "POST",
                "/v1/anything",
                self.anything,
                body=Anything,
                answer=Anything,
                summary="Echo",
                tag="other",
            ),
            Route(
                "POST",
                "/v1/tokens",
                self.token,
                answer=TokenObject,
                summary="Make a token",
                tag="other",
                auth=Auth.PUBLISHABLE,
            ),
            Route(
                "GET",
                "/v1/open",
                self.open,
                answer=TokenObject,
                summary="Open to all",
                tag="other",
                auth=Auth.NONE,
            ),
            Route(
                "POST",
                "/v1/test_only",
                self.token_for_tests,
                answer=TokenObject,
                summary="Only a test",
                tag="other",
                test_mode_only=True,
            ),
        ]

    async def create(self, call: Call[CreateNote, None]) -> NoteObject:
        """In the edge's transaction."""
        self.calls.append(call)
        if call.body.weight > 10**9:
            raise conflict("note_too_heavy", "Send a lighter note.", param="weight")
        row = {
            "merchant_id": call.merchant.id,
            "id": self.new_id(),
            "title": call.body.title,
            "weight": call.body.weight,
            "metadata": msgspec.json.encode(call.body.metadata).decode(),
        }
        await call.transaction().execute(
            "insert into notes values (%(merchant_id)s, %(id)s, %(title)s, %(weight)s, %(metadata)s)", row
        )
        if call.body.title == "wait for the gate":
            self.entered.set()
            await self.gate.wait()
        return _note(row | {"metadata": call.body.metadata}, livemode=call.merchant.livemode)

    async def list(self, call: Call[None, NoteQuery]) -> NoteList:
        """Newest first."""
        page = call.query.page(Kind.EVENT)
        order = "asc" if page.backwards else "desc"
        rows = await self.database.fetch_all(
            "select * from notes where merchant_id = %(merchant_id)s"
            " and (%(after)s::uuid is null or id < %(after)s) and (%(before)s::uuid is null or id > %(before)s)"
            f" order by id {order} limit %(fetch)s",
            {
                "merchant_id": call.merchant.id,
                "after": page.after,
                "before": page.before,
                "fetch": page.fetch,
            },
        )
        shown, has_more = page.cut(rows)
        data = [_note(row, livemode=call.merchant.livemode) for row in shown]
        return NoteList(data=data, has_more=has_more, url="/v1/notes")

    async def read(self, call: Call[None, None]) -> NoteObject:
        """One note."""
        id_ = call.path_id("note", Kind.EVENT)
        row = await self.database.fetch_one(
            "select * from notes where merchant_id = %(merchant_id)s and id = %(id)s",
            {"merchant_id": call.merchant.id, "id": id_},
        )
        if row is None:
            raise not_found("note", render(Kind.EVENT, id_))
        return _note(row, livemode=call.merchant.livemode)

    async def delete(self, call: Call[None, None]) -> NoteObject:
        """One note less."""
        note = await self.read(call)
        await self.database.execute(
            "delete from notes where merchant_id = %(merchant_id)s and id = %(id)s",
            {"merchant_id": call.merchant.id, "id": call.path_id("note", Kind.EVENT)},
        )
        return note

    async def print(self, call: Call[None, None]) -> Reply:
        """A flow of two transactions: claim, print, record."""
        await self.read(call)
        print_id = self.new_id()
        merchant_id = call.merchant.id
        if call.claim is not None:
            async with self.database.transaction() as connection:
                await claim(
                    connection,
                    merchant_id=merchant_id,
                    claim=call.claim,
                    resource="print",
                    resource_id=print_id,
                )
        if self.crash_after_claim:
            raise ConnectionResetError("as if the process had died here")
        self.printed.append(print_id)
        self.entered.set()
        await self.gate.wait()
        reply = _printed(print_id)
        if call.claim is not None:
            await record(
                self.database,
                merchant_id=merchant_id,
                key=call.claim.key,
                status=reply.status,
                body=reply.body,
            )
        return reply

    async def resume_print(self, _: Any, print_id: UUID) -> Reply | None:
        """A print that is not being made can be answered for."""
        return _printed(print_id) if self.gate.is_set() else None

    async def slow(self, _: Call[None, None]) -> TokenObject:
        """Wait for the gate."""
        self.entered.set()
        await self.gate.wait()
        self.finished.append("slow")
        return TokenObject(token="slow")

    async def broken(self, call: Call[CreateNote, None]) -> NoteObject:
        """A bug, with a card number and a key in its words."""
        card = CARD_NUMBER
        raise RuntimeError(f"cannot charge {card} with {SECRET_KEY}aaaaaaaaaaaa: {call.body.title}")

    async def anything(self, call: Call[Anything, None]) -> Anything:
        """Echo."""
        return call.body

    async def token(self, call: Call[None, None]) -> TokenObject:
        """For any key."""
        self.calls.append(call)
        return TokenObject(token=call.caller.key_kind)

    async def token_for_tests(self, _: Call[None, None]) -> TokenObject:
        """For test keys."""
        return TokenObject(token="test")

    async def open(self, _: Call[None, None]) -> TokenObject:
        """For all."""
        return TokenObject(token="open")

    @staticmethod
    def bind(route: Route) -> Bound:
        """A route made ready, as the edge does it at the start."""
        return Bound(route)

    def edge(self, limits: Limits | None = None) -> Edge:
        """The application."""
        return Edge(self.routes(), self._wiring(), limits=limits, about=ABOUT)

    def _wiring(self) -> Wiring:
        async def authenticate(token: str) -> ToyCaller | None:
            return CALLERS.get(token)

        async def ready() -> bool:
            return self.ready

        return Wiring(
            authenticate=authenticate,
            clock=self.clock,
            database=self.database,
            fingerprint=lambda data: hashlib.blake2b(data, key=b"toy", digest_size=32).digest(),
            new_request_id=lambda: render(Kind.REQUEST, self.new_id()),
            ready=ready,
            registry=CollectorRegistry(),
            resume={"print": self.resume_print},
        )


ABOUT: Final = About(
    tags={"notes": "What people **write down**.", "printing": "Notes on paper."},
    webhooks=[
        Webhook(type="note.created", summary="A note was written down.", payload=EventObject),
        Webhook(type="note.deleted", summary="A note is gone.", payload=EventObject),
    ],
)


def _note(row: Mapping[str, Any], *, livemode: bool) -> NoteObject:
    return NoteObject(
        id=render(Kind.EVENT, row["id"]),
        title=row["title"],
        weight=row["weight"],
        metadata=row["metadata"],
        livemode=livemode,
    )


def _printed(print_id: UUID) -> Reply:
    return Reply(201, msgspec.json.encode(PrintObject(id=str(print_id), pages=1)))


@dataclass(frozen=True, slots=True)
class Answered:
    """What a client read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> Any:
        """What is in `error`."""
        return self.json["error"]


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to a served edge."""

    session: aiohttp.ClientSession
    port: int

    async def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        key: str | None = SECRET_KEY,
        headers: Mapping[str, str] | None = None,
        once: str | None = None,
    ) -> Answered:
        """One request; `once` is its idempotency key."""
        sent = {"Content-Type": "application/json"} if json is not None or body is not None else {}
        sent |= {"Authorization": f"Bearer {key}"} if key is not None else {}
        sent |= {"Idempotency-Key": once} if once is not None else {}
        data = msgspec.json.encode(json) if json is not None else body
        async with self.session.request(
            method, path, data=data, headers=sent | dict(headers or {}), allow_redirects=False
        ) as response:
            return Answered(response.status, response.headers.copy(), await response.read())

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def listening(edge: Edge) -> AsyncIterator[int]:
    """The edge behind the HTTP of uvicorn on a loopback port, without the signals and the ticks of its server."""
    config = uvicorn.Config(edge, log_config=None, access_log=False, lifespan="off", http="httptools")
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: HttpToolsProtocol(config=config, server_state=state, app_state={}),
        "127.0.0.1",
        0,
        backlog=512,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()


@asynccontextmanager
async def served(edge: Edge) -> AsyncIterator[Client]:
    """The edge, served, and a client for it."""
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        listening(edge) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as session,
    ):
        yield Client(session, port)
