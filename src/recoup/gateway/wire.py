"""Sends one request to a processor, at most once, and tells what came back: a whole reply, or how it failed.

Money hangs on one question about every failure: *did the request certainly never leave, or might it have arrived?*

* `NeverLeft` is only what `_NEVER_LEFT` lists: errors that the HTTP client raises while it has no connection yet (name
  not resolved, refused, not connected in time, TLS not agreed), and what is refused here before it is called.
* `NoAnswer` is everything else: a reset, a close (also of an idle connection just as we write on it), silence, half an
  answer, an error nobody has seen yet, a call that was cut short.

Four habits of HTTP clients are taken away, for each can move money twice or tell one payment another's answer: sending
again by themselves (`_Once`), following redirects, keeping cookies, and reading what a processor says unasked on an
idle connection as the answer to the next request (`_Pool`).
"""

from __future__ import annotations

import asyncio
import os
import traceback
from dataclasses import dataclass
from pathlib import PurePath
from ssl import SSLContext
from typing import Final

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from recoup.connectors.base import REPLY_BYTES_MAX, HttpRequest, HttpResponse

KEEP_ALIVE_S: Final = 4.0
"""How long an idle connection is kept: less than the 5 s after which the quickest common servers (Node.js, uvicorn)
close it, because a close that crosses our request leaves the outcome unknown."""

_NEVER_LEFT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_BREAKS: Final = frozenset("\r\n\0")
_HEADERS: Final = {"User-Agent": "Recoup", "Accept-Encoding": "identity"}
"""`identity`, and nothing is decompressed, so that a small reply cannot become a huge one."""


@dataclass(frozen=True, slots=True)
class NeverLeft:
    """The request was certainly not sent."""

    why: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request may have arrived, and no trusted answer came back."""

    why: str


Received = HttpResponse | NeverLeft | NoAnswer


class Wire:
    """Connections to processors. `tls` stands in for the machine's own certificate authorities."""

    def __init__(self, *, connect_timeout_s: float, tls: SSLContext | None) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make ready to send, on the event loop that runs."""
        assert self._session is None, "open already"
        self._session = aiohttp.ClientSession(
            connector=_Pool(limit=0, keepalive_timeout=KEEP_ALIVE_S, ssl=self._tls or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            skip_auto_headers=("Content-Type",),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection; a request under way ends as `NoAnswer`. Closing twice is fine."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, request: HttpRequest, *, left_s: float) -> Received:
        """Send once, and read the reply whole, within `left_s` seconds. Never raises, not even when cancelled.

        Connecting may take half of that at most, so that it ends before the whole does and can be told apart.
        """
        headers = {**request.headers, **request.secret_headers}
        if self._session is None:
            return NeverLeft("not sent: the gateway is closed")
        if any(not _BREAKS.isdisjoint(name + value) for name, value in headers.items()):
            return NeverLeft("not sent: a header holds a line break; look at the account's credentials")
        if left_s <= 0:
            return NeverLeft("not sent: no time was left")
        try:
            async with self._session.request(
                request.method,
                request.url,
                headers=headers,
                data=request.body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=left_s, connect=min(self._connect_timeout_s, left_s / 2)),
                middlewares=(_Once(),),
            ) as response:
                return await _whole(response)
        except _NEVER_LEFT as error:
            return NeverLeft(_no_connection(error))
        except asyncio.CancelledError:
            return NoAnswer("the call was cut short")
        except Exception as error:  # noqa: BLE001 - whatever it was, the request may have left
            return NoAnswer(_no_answer(error))


class _Once:
    """Lets one request through to the network once.

    aiohttp sends a request of an idempotent method (GET, PUT, DELETE) again by itself when a kept connection breaks
    under it. The second try would hide the first: refused, it would read as never sent.
    """

    __slots__ = ("_used",)

    def __init__(self) -> None:
        self._used = False

    async def __call__(
        self, request: ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._used:
            raise aiohttp.ServerDisconnectedError
        self._used = True
        return await handler(request)


class _Pool(aiohttp.TCPConnector):
    """Kept connections, but none on which the processor spoke unasked while it was idle.

    aiohttp would hand such words (a late 408, a reply sent twice) to the next request as its answer, and from then on
    every answer to the request after the one it belongs to.
    """

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> Connection:
        """A new connection, or a kept one that was silent."""
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()


async def _whole(response: aiohttp.ClientResponse) -> HttpResponse | NoAnswer:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > REPLY_BYTES_MAX:
            response.close()
            return NoAnswer(f"the answer is longer than {REPLY_BYTES_MAX} bytes: HTTP {response.status}")
    return HttpResponse(response.status, response.headers, bytes(body))


def _no_connection(error: BaseException) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "not sent: the processor's host name was not resolved"
        case aiohttp.ClientSSLError():
            return "not sent: no TLS connection could be agreed"
        case aiohttp.ClientConnectorError():
            return f"not sent: no connection ({_of_the_system(error)})"
        case aiohttp.ConnectionTimeoutError():
            return "not sent: no connection in time"
        case _:
            return "not sent: the account's URL is none that can be called"


def _no_answer(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no whole answer in time"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer came"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
        case aiohttp.ClientResponseError():
            return "the answer was no HTTP"
        case aiohttp.ClientOSError():
            return f"the connection broke ({_of_the_system(error)})"
        case _:
            return f"the exchange failed: {place_of(error)}"


def _of_the_system(error: OSError) -> str:
    """The operating system's words, without the address that the error's own text may hold."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else type(error).__name__


def place_of(error: Exception) -> str:
    """Type and place of an error, without its message: that might quote a card number or a key."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def without_secrets(url: str) -> str:
    """Scheme, host and path: no query, no name and password before the host."""
    scheme, _, rest = url.partition("?")[0].rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
