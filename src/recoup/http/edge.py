"""The ASGI application: every request comes in here, is checked, runs its handler to the end, and is answered.

The order of a request, cheapest first, so that what will be refused costs little: path and method, the cap on requests
in flight, version, key, query, body, idempotency key; only then a transaction. A handler that has begun is never
stopped by its client going away: a payment may be on its way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import structlog

from recoup.http.answers import CLOSE, Answer
from recoup.http.bound import Bound, bearer, check_version, claim_of, unknown_key
from recoup.http.exchange import CLIENT_GONE, Exchange, Reporter, own_request_id
from recoup.http.failures import overloaded
from recoup.http.intake import (
    ClientGone,
    Limits,
    Receive,
    Send,
    comes_with_body,
    read_body,
    require_json,
    require_type,
)
from recoup.http.metrics import Metrics
from recoup.http.routes import NOBODY, Auth, Call, Caller, Route, Upload
from recoup.http.runner import Runner
from recoup.http.system import SystemPage, system_pages
from recoup.http.table import Table
from recoup.http.visits import PublicPage, Visit
from recoup.http.wiring import About, Wiring
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, RefusalType

LARGE_BODY_SECONDS_MAX: Final = 120.0
"""How long a client may take to send a body that is larger than others."""
_CLOSING: Final = frozenset({408, 413})
"""Answers given before the body was read to its end; the connection cannot be used again."""

Scope = MutableMapping[str, Any]


class Edge:
    """The API as an ASGI application."""

    def __init__(
        self,
        routes: Sequence[Route],
        wiring: Wiring,
        *,
        pages: Sequence[PublicPage] = (),
        limits: Limits | None = None,
        about: About | None = None,
    ) -> None:
        self._wiring = wiring
        self._limits = limits or Limits()
        metrics = Metrics(wiring.registry)
        metrics.in_flight.set_function(lambda: self._in_flight)
        about = about or About()
        self._reporter = Reporter(metrics, docs_url=about.docs_url)
        self._runner = Runner(wiring, self._reporter, claim_wait_ms=self._limits.claim_wait_ms)
        self._running: set[asyncio.Task[Answer]] = set()
        self._in_flight = 0
        self._visits: Counter[str] = Counter()
        self._arriving: Counter[str] = Counter()
        self._uploads = 0
        self._table: Table[Bound | SystemPage | PublicPage] = Table()
        for route in routes:
            self._table.add(route.method, route.path, Bound(route))
        for page in pages:
            self._table.add(page.method, page.path, page)
        for system in system_pages(routes, wiring, about=about):
            self._table.add("GET", system.path, system)
            self._table.add("HEAD", system.path, system)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1000})

    async def drain(self) -> bool:
        """Wait until no handler runs, at most `Limits.shutdown_seconds_max`; whether that came about."""
        try:
            async with asyncio.timeout(self._limits.shutdown_seconds_max):
                while self._running:
                    await asyncio.wait(self._running)
        except TimeoutError:
            return False
        return True

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.drain()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        exchange = Exchange(
            method=scope["method"],
            path=scope["path"],
            query_string=scope["query_string"],
            headers=headers,
            receive=receive,
            request_id=own_request_id(headers) or self._wiring.new_request_id(),
        )
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        try:
            answer = await self._answer(exchange)
        except ClientGone:
            self._reporter.answered(exchange, CLIENT_GONE)
            return
        try:
            await send(answer.start(exchange.request_id))
            body = b"" if exchange.method == "HEAD" else answer.body
            await send({"type": "http.response.body", "body": body})
        except OSError:
            pass  # the client went away; what was done stays done
        self._reporter.answered(exchange, answer.status)

    async def _answer(self, exchange: Exchange) -> Answer:
        try:
            return await self._respond(exchange)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - whatever broke, the caller gets an answer
            answer = self._reporter.refused(error, exchange)
        if answer.status == 405:
            allowed = ", ".join(sorted(self._table.methods(exchange.path)))
            return replace(answer, headers=(*answer.headers, (b"allow", allowed.encode())))
        return replace(answer, headers=(*answer.headers, CLOSE)) if answer.status in _CLOSING else answer

    async def _respond(self, exchange: Exchange) -> Answer:
        target, parameters = self._find(exchange)
        if isinstance(target, SystemPage):
            exchange.route = target.path
            return await target.render()
        if isinstance(target, PublicPage):
            exchange.route = target.path
            return await self._visited(exchange, target, parameters)
        exchange.route = target.route.path
        if self._in_flight >= self._limits.requests_in_flight_max:
            raise overloaded("Too many requests are being worked on: try again in a moment.")
        self._in_flight += 1
        task: asyncio.Task[Answer] | None = None
        try:
            with self._room(target.route):
                call = await self._check(exchange, target, parameters)
                task = asyncio.create_task(self._runner.run(target, call, exchange))
                self._running.add(task)
                task.add_done_callback(self._ended)
                return await asyncio.shield(task)
        finally:
            if task is None:
                self._in_flight -= 1

    @contextmanager
    def _room(self, route: Route) -> Iterator[None]:
        """Room for a file in memory, where one comes."""
        if route.upload is None and route.body_bytes_max is None:
            yield
            return
        if self._uploads >= self._limits.uploads_max:
            raise overloaded("Too many files are being taken in: try again in a moment.")
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    async def _visited(self, exchange: Exchange, page: PublicPage, parameters: Mapping[str, str]) -> Answer:
        """Serve somebody without a key. Each share of pages has its own places, so that its visitors keep neither the
        API nor another share busy; and a body that is slow to come takes none from those that are worked on."""
        body = b""
        if page.body_bytes_max or comes_with_body(exchange.headers):
            limits = replace(self._limits, body_bytes_max=page.body_bytes_max)
            with _place(self._arriving, page.share, at_most=limits.visits_arriving_max):
                body = await read_body(exchange.receive, exchange.headers, limits)
        with _place(self._visits, page.share, at_most=self._limits.visits_max):
            return await page.serve(Visit(parameters, exchange.query_string, exchange.headers, body))

    def _ended(self, task: asyncio.Task[Answer]) -> None:
        """A request is in flight until its handler ends, whether or not its client waits for it."""
        self._running.discard(task)
        self._in_flight -= 1

    def _find(self, exchange: Exchange) -> tuple[Bound | SystemPage | PublicPage, Mapping[str, str]]:
        found = self._table.find(exchange.method, exchange.path)
        if found is not None:
            return found
        if self._table.methods(exchange.path):
            raise Refusal(
                RefusalType.INVALID_REQUEST,
                "method_not_allowed",
                "This path takes other methods: see the Allow header.",
                status=405,
            )
        raise Refusal(
            RefusalType.NOT_FOUND, "unknown_route", "There is nothing at this path: see the reference."
        )

    async def _check(
        self, exchange: Exchange, bound: Bound, parameters: Mapping[str, str]
    ) -> Call[object, object]:
        """Everything that is refused before a handler runs."""
        check_version(exchange.headers)
        caller = await self._identify(exchange, bound)
        query = bound.parse_query(exchange.query_string)
        raw = b""
        if bound.body is not None:
            raw = await read_body(exchange.receive, exchange.headers, self._limits_of(bound.route))
            require_json(raw, exchange.headers)
        body = bound.parse_body(raw)
        if bound.route.upload is not None:
            body = await self._file(exchange, bound.route.upload)
        now = self._wiring.clock.now()
        key = bound.key(exchange.headers)
        fingerprint = self._fingerprint(exchange, bound.canonical(body)) if key is not None else b""
        known = bound.route.auth is not Auth.NONE
        return Call(
            caller=caller,
            merchant=caller.merchant if known else NOBODY,
            now=now + caller.merchant.clock_offset if known else now,
            path=parameters,
            body=body,
            query=query,
            request_id=exchange.request_id,
            claim=claim_of(key, fingerprint=fingerprint, at=now),
            connection=None,
        )

    def _limits_of(self, route: Route) -> Limits:
        """The limits of a route: its own, where it takes more than others."""
        if route.body_bytes_max is None or route.body_bytes_max <= self._limits.body_bytes_max:
            return self._limits
        return replace(
            self._limits, body_bytes_max=route.body_bytes_max, body_seconds_max=LARGE_BODY_SECONDS_MAX
        )

    async def _file(self, exchange: Exchange, upload: Upload) -> bytes:
        require_type(upload.content_type, exchange.headers)
        limits = replace(self._limits, body_bytes_max=upload.bytes_max, body_seconds_max=upload.seconds_max)
        return await read_body(exchange.receive, exchange.headers, limits)

    async def _identify(self, exchange: Exchange, bound: Bound) -> Caller:
        if bound.route.auth is Auth.NONE:
            return NOBODY
        caller = await self._wiring.authenticate(bearer(exchange.headers))
        if caller is None:
            raise unknown_key()
        bound.permit(caller)
        structlog.contextvars.bind_contextvars(merchant=_shown(caller.merchant.id))
        return caller

    def _fingerprint(self, exchange: Exchange, canonical: bytes) -> bytes:
        target = f"{exchange.method} {exchange.path}\n".encode()
        return self._wiring.fingerprint(target + exchange.query_string + b"\n" + canonical)


@contextmanager
def _place(taken: Counter[str], share: str, *, at_most: int) -> Iterator[None]:
    """A visitor's place; refuses where all are taken."""
    if taken[share] >= at_most:
        raise overloaded("Too many visitors at once: try again in a moment.")
    taken[share] += 1
    try:
        yield
    finally:
        taken[share] -= 1


@lru_cache(maxsize=4096)
def _shown(merchant_id: UUID) -> str:
    return render(Kind.MERCHANT, merchant_id)
