"""One HTTP/1.1 connection to a processor: writes one request at a time, reads one reply whole, and trusts no more.

It does little on purpose, and it is most of what a call costs us. Nothing is sent again, no redirect is followed, no
cookie is kept, nothing is unpacked. What ends a request is a whole reply, read strictly, or a failure with its words. A
connection on which anything came that nobody asked for, or that did not end as it should, is not used again.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final, cast

import httptools

from recoup.connectors.base import REPLY_BYTES_MAX, HttpResponse

HEAD_BYTES_MAX: Final = 64 * 1024
_SWITCHED: Final = 101


class Broken(Exception):
    """No whole reply came; the message says why, without quoting what the processor wrote."""


class Connection(asyncio.Protocol):
    """A connection that was made. Everything after that may have reached the processor."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reply: asyncio.Future[HttpResponse] | None = None
        self._usable = True
        self.idle_since = 0.0
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._received = self._body_bytes = 0
        self._headers_complete = self._complete = False

    @property
    def usable(self) -> bool:
        """Whether another request may be written."""
        return self._usable and self._reply is None

    async def ask(self, request: bytes, *, left_s: float) -> HttpResponse:
        """Write a request and read its reply whole; raises `Broken`, or `TimeoutError`. Call it once at a time.

        Whoever is cancelled meanwhile must `drop` the connection.
        """
        if not self.usable or self._transport is None:
            raise Broken("the connection was closed before an answer came")
        self._begin()
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[HttpResponse] = loop.create_future()
        self._reply = reply
        timer = loop.call_later(left_s, self._fail, TimeoutError())
        self._transport.write(request)
        try:
            return await reply
        finally:
            timer.cancel()

    def drop(self) -> None:
        """Close at once; a request under way has no answer."""
        self._fail(Broken("the connection was closed by us"))

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop registers no subclass

    def data_received(self, data: bytes) -> None:
        """Read on. What comes while nobody asked ends the connection: it is no answer to what is asked next."""
        if self._reply is None:
            self.drop()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._complete:
                self._fail(Broken("the answer was no HTTP"))
                return
            self._usable = False  # the answer is whole, and what follows it is no HTTP
        if self._body_bytes > REPLY_BYTES_MAX:
            status = self._parser.get_status_code()
            self._fail(Broken(f"the answer is longer than {REPLY_BYTES_MAX} bytes: HTTP {status}"))
        elif self._complete:
            self._succeed()
        elif self._received > HEAD_BYTES_MAX + 2 * self._body_bytes:
            # Headers, trailers, or a chunk's frame without an end: nothing of it would ever be a body.
            self._fail(Broken("the answer was no HTTP"))

    def eof_received(self) -> bool:
        """Nothing more will come: `connection_lost` follows."""
        self._usable = False
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, which is also the end of an answer that says no length, if it was a clean one."""
        self._usable = False
        if self._reply is None:
            return
        if exc is None and self._headers_complete and self._ends_with_the_connection():
            self._succeed()
        elif isinstance(exc, OSError):
            self._fail(Broken(f"the connection broke ({of_the_system(exc)})"))
        elif self._headers_complete:
            self._fail(Broken("the answer broke off"))
        else:
            self._fail(Broken("the connection was closed before an answer came"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A reply begins; a second one was not asked for."""
        if self._complete:
            self._usable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; those that come twice are joined."""
        if not self._headers_complete:  # what comes after the body is not said of it
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """All headers are here."""
        self._headers_complete = True

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._complete:
            return
        self._body_bytes += len(body)
        if self._body_bytes <= REPLY_BYTES_MAX:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """A reply is whole. Interim ones (1xx) are passed over."""
        if self._complete:
            return
        self._status = self._parser.get_status_code()
        if 100 <= self._status < 200 and self._status != _SWITCHED:
            self._headers, self._body, self._body_bytes = {}, [], 0
            self._headers_complete = False
            return
        self._complete = True
        self._usable = self._usable and self._parser.should_keep_alive()

    # The ends of a request.

    def _ends_with_the_connection(self) -> bool:
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        self._status = self._parser.get_status_code()
        return not framed and self._status >= 200 and self._body_bytes <= REPLY_BYTES_MAX

    def _succeed(self) -> None:
        reply, self._reply = self._reply, None
        if not self._usable and self._transport is not None:
            self._transport.close()
        if reply is not None and not reply.done():
            reply.set_result(HttpResponse(self._status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        reply, self._reply = self._reply, None
        self._usable = False
        if self._transport is not None:
            self._transport.abort()
        if reply is not None and not reply.done():
            reply.set_exception(error)


def of_the_system(error: OSError) -> str:
    """The operating system's words, without the address that the error's own text may hold."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else type(error).__name__
