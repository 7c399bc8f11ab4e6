"""A small subject of our own, notes, with one route for everything that the edge promises; `serving` serves it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from prometheus_client import CollectorRegistry
from tests.http.toy_types import (
    Anything,
    CreateNote,
    EventObject,
    NoteList,
    NoteObject,
    NoteQuery,
    PrintObject,
    TokenObject,
)

from recoup.db import Database
from recoup.http.bound import Bound
from recoup.http.edge import Edge
from recoup.http.idempotency import claim, record
from recoup.http.intake import Limits
from recoup.http.routes import Auth, Call, Idempotency, Problem, Reply, Route
from recoup.http.wiring import About, Webhook, Wiring
from recoup.kit.clock import ManualClock
from recoup.kit.ids import Kind, render, uuid7
from recoup.kit.refusals import conflict, not_found

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
        return [*self._routes_of_notes(), *self._routes_of_the_rest()]

    def _routes_of_notes(self) -> list[Route]:
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
        ]

    def _routes_of_the_rest(self) -> list[Route]:
        return [
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
            " and (%(heavy)s::boolean is null or (weight >= 1000) = %(heavy)s)"
            " and (%(titles)s::text[] = '{}' or title = any (%(titles)s))"
            " and (%(after)s::uuid is null or id < %(after)s) and (%(before)s::uuid is null or id > %(before)s)"
            f" order by id {order} limit %(fetch)s",
            {
                "heavy": call.query.heavy,
                "titles": call.query.titles,
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
