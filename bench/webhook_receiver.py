"""A merchant's server that takes every webhook at once: as cheap as a Python process can be. It prints its port."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import uvloop

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


class Taker(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
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
            length = int(head.split(_LENGTH, 1)[1].split(b"\r\n", 1)[0])
            end = split + len(_END) + length
            if len(self._pending) < end:
                return
            self._pending = self._pending[end:]
            assert self._transport is not None
            self._transport.write(_TAKEN)


async def serve() -> None:
    """Serve until killed."""
    listening = await asyncio.get_running_loop().create_server(Taker, "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
