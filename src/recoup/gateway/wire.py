"""Sends one request to a processor, at most once, and tells what came back: a whole reply, or how it failed.

Money hangs on one question about every failure: *did the request certainly never leave, or might it have arrived?*

* `NeverLeft` is only what happens while there is no connection yet (name not resolved, refused, not connected in time,
  TLS not agreed) or while nothing was written on a new one (it was closed at once, the gateway is closed, no time is
  left), and what is refused here before one is made.
* `NoAnswer` is everything else: a reset, a close (also of an idle connection just as we write on it), silence, half an
  answer, an error nobody has seen yet, a call that was cut short.

The line is a line of this file: what comes before `Connection.ask` has written nothing. The connection is our own
(`recoup.gateway.http1`), because what HTTP clients do by themselves can move money twice or tell one payment
another's answer: sending again, following redirects, keeping cookies, and reading what a processor says unasked on an
idle connection as the answer to the next request.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import traceback
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohappyeyeballs

from recoup.connectors.base import HttpRequest, HttpResponse
from recoup.gateway.http1 import Broken, Connection, of_the_system

KEEP_ALIVE_S: Final = 4.0
"""How long an idle connection is kept: less than the 5 s after which the quickest common servers (Node.js, uvicorn)
close it, because a close that crosses our request leaves the outcome unknown."""

_NEXT_ADDRESS_S: Final = 0.25
"""How long one address of a name may stay silent before the next is tried beside it (RFC 8305)."""
_BREAKS: Final = frozenset("\r\n\0")
_HEADERS: Final = {"User-Agent": "Recoup", "Accept": "*/*", "Accept-Encoding": "identity"}
"""`identity`, and nothing is unpacked, so that a small reply cannot become a huge one."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_PORTS: Final = {"http": 80, "https": 443}
_URLS_REMEMBERED: Final = 1024


@dataclass(frozen=True, slots=True)
class NeverLeft:
    """The request was certainly not sent."""

    why: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request may have arrived, and no trusted answer came back."""

    why: str


Received = HttpResponse | NeverLeft | NoAnswer


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a connection is with."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Place:
    """A URL, taken apart: whom to connect to, and what to ask for there."""

    origin: Origin
    target: str
    headers: dict[str, str] = field(repr=False)
    """Those that the URL says: the host, and who we are where it says that."""


class Wire:
    """Connections to processors. `tls` stands in for the machine's own certificate authorities."""

    def __init__(self, *, connect_timeout_s: float, tls: ssl.SSLContext | None) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._tls = tls or ssl.create_default_context()
        self._open = False
        self._idle: dict[Origin, deque[Connection]] = {}
        self._busy: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Make ready to send."""
        assert not self._open, "open already"
        self._open = True

    async def close(self) -> None:
        """Close every connection; a request under way ends as `NoAnswer`. Closing twice is fine."""
        self._open = False
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in [*self._busy, *(one for kept in self._idle.values() for one in kept)]:
            connection.drop()
        self._idle.clear()
        await asyncio.sleep(0)

    async def send(self, request: HttpRequest, *, left_s: float) -> Received:
        """Send once, and read the reply whole, within `left_s` seconds. Never raises, not even when cancelled.

        Connecting may take half of that at most, so that it ends before the whole does and can be told apart.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + left_s
        prepared = self._prepared(request, left_s=left_s)
        if isinstance(prepared, NeverLeft):
            return prepared
        place, written = prepared
        connection: Connection | None = None
        try:
            connection = self._kept(place.origin, now=loop.time())
            if connection is None:
                made = await self._connect(place.origin, min(self._connect_timeout_s, left_s / 2))
                if isinstance(made, NeverLeft):
                    return made
                connection = made
                if why_not := self._why_not(connection, left_s=deadline - loop.time()):
                    connection.drop()
                    return NeverLeft(f"not sent: {why_not}")
            self._busy.add(connection)
            # From here on the request may have arrived.
            return await connection.ask(written, left_s=deadline - loop.time())
        except asyncio.CancelledError:
            if connection is not None:
                connection.drop()
            return NoAnswer("the call was cut short")
        except Exception as error:  # noqa: BLE001 - whatever it was, the request may have left
            if connection is not None:
                connection.drop()
            return NoAnswer(_no_answer(error))
        finally:
            if connection is not None:
                self._busy.discard(connection)
                self._keep(place.origin, connection, now=loop.time())

    def _prepared(self, request: HttpRequest, *, left_s: float) -> tuple[Place, bytes] | NeverLeft:
        if not self._open:
            return NeverLeft("not sent: the gateway is closed")
        own = {**request.headers, **request.secret_headers}
        if any(not _BREAKS.isdisjoint(name + value) for name, value in own.items()):
            return NeverLeft("not sent: a header holds a line break; look at the account's credentials")
        if left_s <= 0:
            return NeverLeft("not sent: no time was left")
        place = _place(request.url)
        if place is None:
            return NeverLeft("not sent: the account's URL is none that can be called")
        return place, _written(request, place, own)

    def _why_not(self, connection: Connection, *, left_s: float) -> str | None:
        """What changed while the connection was being made, so that nothing should be written on it after all."""
        if not self._open:
            return "the gateway is closed"
        if not connection.usable:
            return "the connection was closed as soon as it was made"
        return "no time was left" if left_s <= 0 else None

    def _kept(self, origin: Origin, *, now: float) -> Connection | None:
        """An idle connection, the one used last first, since it is the likeliest to live."""
        kept = self._idle.get(origin)
        while kept:
            connection = kept.pop()
            if connection.usable and now - connection.idle_since < KEEP_ALIVE_S:
                return connection
            connection.drop()
        return None

    def _keep(self, origin: Origin, connection: Connection, *, now: float) -> None:
        if not connection.usable:
            return
        if not self._open:
            connection.drop()
            return
        connection.idle_since = now
        self._idle.setdefault(origin, deque()).append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._let_go)

    def _let_go(self) -> None:
        """Close what has been idle for long."""
        self._sweep = None
        loop = asyncio.get_running_loop()
        before = loop.time() - KEEP_ALIVE_S
        for origin, kept in [*self._idle.items()]:
            while kept and (kept[0].idle_since <= before or not kept[0].usable):
                kept.popleft().drop()
            if not kept:
                del self._idle[origin]
        if self._idle:
            self._sweep = loop.call_later(KEEP_ALIVE_S, self._let_go)

    async def _connect(self, origin: Origin, timeout_s: float) -> Connection | NeverLeft:
        """A new connection. Nothing of a request is written here, so whatever fails, it never left."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connected(origin)
        except Exception as error:  # noqa: BLE001 - see above
            return NeverLeft(_no_connection(error))

    async def _connected(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        reached = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1, loop=loop
        )
        secure = origin.scheme == "https"
        try:
            _, connection = await loop.create_connection(
                Connection,
                sock=reached,
                ssl=self._tls if secure else None,
                server_hostname=origin.host if secure else None,
            )
        except BaseException:
            reached.close()
            raise
        # One look at what came meanwhile: an end that hangs up at once gets nothing of ours.
        await asyncio.sleep(0)
        return connection


@lru_cache(maxsize=_URLS_REMEMBERED)
def _place(url: str) -> Place | None:
    """Where a URL leads; None where it is none that can be called."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        return None
    headers = {"Host": parts.netloc.rpartition("@")[2]}
    if parts.username is not None:
        who = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(who.encode()).decode()}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(Origin(parts.scheme, parts.hostname, port or _PORTS[parts.scheme]), target, headers)


def _written(request: HttpRequest, place: Place, own: dict[str, str]) -> bytes:
    """The request as it goes over the wire."""
    names = {name.lower() for name in own}
    lines = [f"{request.method} {place.target} HTTP/1.1"]
    for defaults in (place.headers, _HEADERS):
        lines += [f"{name}: {value}" for name, value in defaults.items() if name.lower() not in names]
    lines += [f"{name}: {value}" for name, value in own.items()]
    if request.body or request.method in _WITH_BODY:
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join([*lines, "\r\n"]).encode() + request.body


def _no_connection(error: BaseException) -> str:
    match error:
        case socket.gaierror():
            return "not sent: the processor's host name was not resolved"
        case ssl.SSLError() | ssl.CertificateError():
            return "not sent: no TLS connection could be agreed"
        case TimeoutError():
            return "not sent: no connection in time"
        case OSError():
            return f"not sent: no connection ({of_the_system(error)})"
        case _:
            return f"not sent: no connection ({type(error).__name__})"


def _no_answer(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no whole answer in time"
        case Broken():
            return str(error)
        case _:
            return f"the exchange failed: {place_of(error)}"


def place_of(error: Exception) -> str:
    """Type and place of an error, without its message: that might quote a card number or a key."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def without_secrets(url: str) -> str:
    """Scheme, host and path: no query, no name and password before the host."""
    scheme, _, rest = url.partition("?")[0].rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
