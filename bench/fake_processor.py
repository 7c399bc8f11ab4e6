"""A processor that approves everything at once: as cheap as a Python process can be, so that it is no bottleneck.

It speaks the wire of the sandbox's processors and reads no more of a request than it must to answer it. Run as
`python -m bench.fake_processor`; it prints its port.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

import uvloop

_END: Final = b"\r\n\r\n"
_KEY: Final = b"idempotency-key:"
_LENGTH: Final = b"content-length:"


class Approver(asyncio.Protocol):
    """One connection, answered request by request."""

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
            end = split + len(_END) + int(_value(head, _LENGTH) or b"0")
            if len(self._pending) < end:
                return
            key = _value(head, _KEY)
            self._pending = self._pending[end:]
            self._approve(key)

    def _approve(self, key: bytes) -> None:
        body = (
            b'{"object":"charge","id":"ch_%s","key":"%s","state":"approved","amount":4999,"currency":"USD",'
            b'"capture":true,"network_transaction_id":"ntid"}' % (key, key)
        )
        assert self._transport is not None, "answers come on a connection"
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (len(body), body)
        )


def _value(head: bytes, name: bytes) -> bytes:
    start = head.find(name)
    if start < 0:
        return b""
    end = head.find(b"\r\n", start)
    return head[start + len(name) : end if end >= 0 else None].strip()


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Approver, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
