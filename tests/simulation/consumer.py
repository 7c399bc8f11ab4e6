"""The merchants' own servers: one flaky program that hears of everything by webhook, and keeps what it was told last.

It verifies with the `standardwebhooks` package, answers 500 at times, is dead for moments, and at times answers well
and forgets at once what it was told. What it missed it learns from `GET /v1/events?after_sequence=`, and from nowhere
else.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Raw, Struct
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

FAILS: Final = 0.03
"""Requests answered with 500; a second one of the same event is always taken."""
FORGETS: Final = 0.02
"""Events taken with 204 and lost at once."""
PAGES_MAX: Final = 100_000


class _Data(Struct):
    object: Raw


class _Event(Struct):
    id: str
    type: str
    sequence: int
    object_sequence: int
    data: _Data


class _Named(Struct):
    id: str


class _Page(Struct):
    data: list[_Event]
    has_more: bool
    latest_sequence: int


_event: Final = msgspec.json.Decoder(_Event)
_named: Final = msgspec.json.Decoder(_Named)
_page: Final = msgspec.json.Decoder(_Page)


@dataclass(frozen=True, slots=True)
class Latest:
    """What was last told of an object, as JSON."""

    object_sequence: int
    type: str
    body: bytes = field(repr=False)


@dataclass(slots=True)
class Ears:
    """What one merchant's server knows: every event's number, and each object as last told."""

    secret: str = field(repr=False, default="")
    heard: set[int] = field(default_factory=set)
    objects: dict[str, Latest] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    filled: int = 0

    @property
    def complete_up_to(self) -> int:
        """There is an event for every number up to here."""
        place = 0
        while place + 1 in self.heard:
            place += 1
        return place

    def keep(self, event: _Event) -> bool:
        """Keep an event; whether it is new. Of an object only the last state counts, in whatever order they come."""
        if event.sequence in self.heard:
            return False
        self.heard.add(event.sequence)
        body = bytes(event.data.object)
        id_ = _named.decode(body).id
        known = self.objects.get(id_)
        if known is None or known.object_sequence < event.object_sequence:
            self.objects[id_] = Latest(event.object_sequence, event.type, body)
        return True

    async def fill(self, read: Callable[[str], Awaitable[bytes]]) -> None:
        """Read every event that no webhook has brought."""
        for _ in range(PAGES_MAX):
            page = _page.decode(await read(f"/v1/events?limit=100&after_sequence={self.complete_up_to}"))
            self.filled += sum([self.keep(event) for event in page.data])
            if not page.has_more:
                return
        raise AssertionError("the events do not end")

    def object(self, id_: str) -> Any:
        """An object as it was last told; None where nothing was."""
        known = self.objects.get(id_)
        return None if known is None else msgspec.json.decode(known.body)


class Consumer:
    """All merchants' servers in one."""

    def __init__(self, chance: random.Random, *, fails: float = FAILS, forgets: float = FORGETS) -> None:
        self._chance = chance
        self._fails, self._forgets = fails, forgets
        self._dead_until = 0.0
        self.url = ""
        self.ears: dict[str, Ears] = {}
        self.seen: Counter[str] = Counter()

    def address(self, merchant: str) -> str:
        """Where a merchant's events go."""
        self.ears[merchant] = Ears()
        return f"{self.url}/hook/{merchant}"

    def dies_for(self, seconds: float) -> None:
        """Nobody answers for so long."""
        self._dead_until = time.monotonic() + seconds

    def well(self) -> None:
        """From now on it takes everything."""
        self._fails = self._forgets = self._dead_until = 0.0

    async def hook(self, request: web.Request) -> web.Response:
        """One webhook."""
        self.seen["webhooks"] += 1
        if time.monotonic() < self._dead_until:
            self.seen["came to a dead server"] += 1
            assert request.transport is not None, "it just sent this"
            request.transport.abort()
            raise asyncio.CancelledError
        ears, body = self.ears[request.match_info["merchant"]], await request.read()
        try:
            Webhook(ears.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.seen["not verified"] += 1
            return web.Response(status=400)
        return self._taken(ears, _event.decode(body))

    def _taken(self, ears: Ears, event: _Event) -> web.Response:
        if event.id not in ears.failed and self._chance.random() < self._fails:
            ears.failed.add(event.id)
            self.seen["answered 500"] += 1
            return web.Response(status=500)
        if event.sequence not in ears.heard and self._chance.random() < self._forgets:
            self.seen["forgotten"] += 1
            return web.Response(status=204)
        if not ears.keep(event):
            self.seen["came again"] += 1
        return web.Response(status=204)


@asynccontextmanager
async def listening(consumer: Consumer) -> AsyncIterator[Consumer]:
    """The merchants' servers, up while the block runs."""
    app = web.Application()
    app.router.add_post("/hook/{merchant}", consumer.hook)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        consumer.url = f"http://{host}:{port}"
        yield consumer
    finally:
        await runner.cleanup()
