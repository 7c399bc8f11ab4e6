"""An HTTP server that answers at once: as cheap as a process of Python can be, so that it is no bottleneck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, cast

import uvloop

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"

Answer = Callable[[bytes], bytes]
"""Given a request's head in lower case: the whole response."""


class _Connection(asyncio.Protocol):
    """One connection, answered request by request."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop registers no subclass

    def data_received(self, data: bytes) -> None:
        """Answer every whole request that has come."""
        self._pending += data
        while (split := self._pending.find(_END)) >= 0:
            head = self._pending[:split].lower()
            end = split + len(_END) + int(value(head, _LENGTH) or b"0")
            if len(self._pending) < end:
                return
            self._pending = self._pending[end:]
            assert self._transport is not None, "answers come on a connection"
            self._transport.write(self._answer(head))


def value(head: bytes, name: bytes) -> bytes:
    """What a header says, by its name in lower case with the colon; nothing where there is none."""
    start = head.find(name)
    if start < 0:
        return b""
    end = head.find(b"\r\n", start)
    return head[start + len(name) : end if end >= 0 else None].strip()


def serve(answer: Answer) -> None:
    """Print the port and serve until killed."""
    uvloop.run(_serve(answer))


async def _serve(answer: Answer) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(_Connection, answer), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
