"""Lasting connections to processors, each with many messages under way: what a `LinkRequest` travels over.

One connection an account, made when it is first needed and signed on before anything else is said. Answers are told
apart by what they carry, never by their order. What answers nothing that waits (too late, twice, made up, not readable)
is counted and dropped. Money hangs on the same line as in `wire`:

* `NeverLeft`: not one byte of the message was given to the socket. That is so before the connection is signed on, and
  where the message is refused here (too many under way, an end that reads nothing).
* `NoAnswer`: everything after, whatever happens: silence, a broken connection, a call that was cut short.

A message is given to the socket in one step without a wait between the last check and the write, so nothing can come
between them.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from structlog.typing import FilteringBoundLogger

from recoup.connectors.base import HttpResponse, LinkMessage, LinkRequest
from recoup.gateway.connection import REMEMBERED_MAX, Connection, Pace, Place, of_the_system
from recoup.gateway.wire import NeverLeft, NoAnswer, Received, place_of

_NO_URL: Final = "not sent: the account's URL is none that a link can be made to"


_log: Final[FilteringBoundLogger] = structlog.get_logger("recoup.gateway")


class Links:
    """The links of all accounts. `tls` stands in for the machine's own certificate authorities."""

    def __init__(
        self,
        *,
        pace: Pace,
        tls: ssl.SSLContext | None,
        now: Callable[[], datetime],
    ) -> None:
        self._pace = pace
        self._tls = tls
        self._now = now
        self._links: dict[Place, _Link] = {}
        self._noise: dict[UUID, Counter[str]] = {}
        self._open = False

    def open(self) -> None:
        """Make ready; links are made when they are needed."""
        self._open = True

    async def close(self) -> None:
        """Sign off everywhere; what is still under way ends as `NoAnswer`. Closing twice is fine."""
        self._open = False
        links = tuple(self._links.values())
        self._links.clear()
        await asyncio.gather(*(link.close() for link in links))

    def noise(self, account_id: UUID) -> Counter[str]:
        """How many messages were dropped: `late`, `unasked` and `garbage`."""
        return Counter(self._noise.get(account_id, {}))

    async def send(self, request: LinkRequest, *, account_id: UUID, left_s: float) -> Received:
        """Send, and wait for the answer, within `left_s` seconds. Never raises, not even when cancelled."""
        if not self._open:
            return NeverLeft("not sent: the gateway is closed")
        if left_s <= 0:
            return NeverLeft("not sent: no time was left")
        place = Place(account_id, request.url, request.protocol)
        link = self._links.get(place)
        if link is None:
            self._drop_idle()
            noise = self._noise.setdefault(account_id, Counter())
            link = self._links[place] = _Link(
                place, pace=self._pace, tls=self._tls, now=self._now, noise=noise
            )
        return await link.send(request, until=asyncio.get_running_loop().time() + left_s)

    def _drop_idle(self) -> None:
        """Forget links without a connection: an account that got other credentials leaves its old ones behind."""
        for place, link in tuple(self._links.items()):
            if link.is_idle:
                del self._links[place]


class _Link:
    """One account's way to its processor, over one connection after another."""

    def __init__(
        self,
        place: Place,
        *,
        pace: Pace,
        tls: ssl.SSLContext | None,
        now: Callable[[], datetime],
        noise: Counter[str],
    ) -> None:
        self._place = place
        self._pace = pace
        self._tls = tls
        self._now = now
        self._noise = noise
        self._connection: Connection | None = None
        self._leaving: list[Connection] = []
        self._connecting: asyncio.Task[Connection | NeverLeft] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._unanswered: OrderedDict[str, None] = OrderedDict()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing here to keep."""
        rests = asyncio.get_running_loop().time() < self._not_before
        return not (self._still_open() or self._connecting or rests)

    def _still_open(self) -> list[Connection]:
        """The connection in use, and those that the processor signed off while somebody waited for an answer there."""
        known = (*self._leaving, self._connection)
        return [one for one in known if one is not None and not one.is_closed]

    async def send(self, request: LinkRequest, *, until: float) -> Received:
        """Send, over a connection that is made first where there is none."""
        loop = asyncio.get_running_loop()
        within = min(self._pace.connect_timeout_s, (until - loop.time()) / 2)
        try:
            connection = await self._connected(within)
        except asyncio.CancelledError:
            return NeverLeft("not sent: the call was cut short")
        if isinstance(connection, NeverLeft):
            return connection
        try:
            return await self._converse(connection, request, until=until)
        except asyncio.CancelledError:
            return NoAnswer("the call was cut short")

    async def _converse(self, connection: Connection, request: LinkRequest, *, until: float) -> Received:
        """Send; and send the repetition, where there is one, for as long as there is time and no answer."""
        loop = asyncio.get_running_loop()
        left = False
        said: Received = NeverLeft("not sent: no time or no connection was left")
        while loop.time() < until and not connection.is_closed:
            pause = loop.time() + self._pace.repeat_after_s if request.repeat else until
            body = request.repeat if request.match in self._unanswered else request.body
            said = await connection.ask(LinkMessage(request.match, body), until=min(until, pause))
            if isinstance(said, NeverLeft):
                break
            left = True
            self._remember(request, answered=isinstance(said, HttpResponse))
            if isinstance(said, HttpResponse) or not request.repeat or connection.is_awaited(request.match):
                break
        return NoAnswer("no answer in time") if left and isinstance(said, NeverLeft) else said

    def _remember(self, request: LinkRequest, *, answered: bool) -> None:
        """Which messages with a repetition are out unanswered: from now on the repetition is sent."""
        self._unanswered.pop(request.match, None)
        if request.repeat and not answered:
            self._unanswered[request.match] = None
            if len(self._unanswered) > REMEMBERED_MAX:
                self._unanswered.popitem(last=False)

    async def _connected(self, within_s: float) -> Connection | NeverLeft:
        """A connection that is signed on. Everybody waits for the same one, each as long as they have time."""
        known = self._connection
        if known is not None and known.takes_more:
            return known
        loop = asyncio.get_running_loop()
        if self._connecting is None:
            if loop.time() < self._not_before:
                return NeverLeft("not sent: the link is down, and it is too soon to try again")
            self._connecting = loop.create_task(self._connect())
        task = self._connecting
        done, _ = await asyncio.wait({task}, timeout=within_s)
        return task.result() if done else NeverLeft("not sent: no connection in time")

    async def _connect(self) -> Connection | NeverLeft:
        try:
            made = await self._made()
        except Exception as error:  # noqa: BLE001 - nothing was sent yet, whatever it was
            made = NeverLeft(_no_connection(error))
        finally:
            self._connecting = None
        if isinstance(made, NeverLeft):
            self._failures += 1
            self._not_before = asyncio.get_running_loop().time() + self._pace.backoff_s(self._failures)
            _log.warning(
                "link_down", account=str(self._place.account_id), why=made.why, failures=self._failures
            )
            return made
        self._failures = 0
        self._leaving = self._still_open()
        self._connection = made
        return made

    async def _made(self) -> Connection | NeverLeft:
        parts = urlsplit(self._place.url)
        host, port = parts.hostname, parts.port
        if parts.scheme not in ("tcp", "tls") or not host or not port:
            return NeverLeft(_NO_URL)
        context = (self._tls or ssl.create_default_context()) if parts.scheme == "tls" else None
        async with asyncio.timeout(self._pace.connect_timeout_s):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=host if context else None
            )
            return await self._signed_on(reader, writer)

    async def _signed_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Connection | NeverLeft:
        connection = Connection(
            reader, writer, place=self._place, pace=self._pace, now=self._now, noise=self._noise
        )
        why: str | None = "not sent: the connection was not signed on"
        try:
            why = await connection.sign_on()
        finally:
            if why is not None:
                connection.end(why)
        return connection if why is None else NeverLeft(why)

    async def close(self) -> None:
        """Sign off, and end what is under way."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        await asyncio.gather(*(connection.close() for connection in self._still_open()))


def _no_connection(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "not sent: no connection in time"
        case ssl.SSLError():
            return "not sent: no TLS connection could be agreed"
        case OSError():
            return f"not sent: no connection ({of_the_system(error)})"
        case ValueError():
            return _NO_URL
        case _:
            return f"not sent: {place_of(error)}"
