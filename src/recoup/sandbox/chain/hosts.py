"""The listening end of a link: frames in, each message answered on its own, answers out in the order they are ready in.

A frame that is no message is counted and dropped; one that is longer than any message is out of step and ends the
connection. A connection is signed on (0800 with 001) before anything else is heard on it.
"""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import PurePath
from typing import Final, Protocol

import structlog

from recoup.connectors.base import iso8583
from recoup.connectors.base.iso8583 import Message

HEADER_BYTES: Final = 2
MESSAGE_BYTES_MAX: Final = 8192
UNDER_WAY_MAX: Final = 1024
"""How many messages of one connection are worked on at once; more are read when some are answered."""
CONNECTIONS_MAX: Final = 256
_REFUSED: Final = "05"
_SYSTEM_ERROR: Final = "96"
_NETWORK: Final = "0800"

_log: Final = structlog.get_logger("recoup.sandbox")


class Talk(Protocol):
    """What is said on one connection."""

    async def signed_on(self, message: Message) -> bool:
        """Whether whoever says this may talk here."""
        ...

    async def answer(self, message: Message) -> Message | None:
        """The answer to a message; None is silence."""
        ...


class Host:
    """A listening host, on loopback. `opened` makes the talk of each new connection."""

    def __init__(self, name: str, opened: Callable[[], Talk]) -> None:
        self.name = name
        self.garbage = 0
        self._opened = opened
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "it listens"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where it listens, as links name it."""
        return f"tcp://127.0.0.1:{self.port}"

    async def start(self, *, port: int = 0) -> None:
        """Listen; raises OSError where the port is taken. Port 0 means any free one."""
        self._server = await asyncio.start_server(self._served, "127.0.0.1", port, backlog=128)

    async def stop(self) -> None:
        """Listen no more, and end every connection. Stopping twice is fine."""
        if self._server is None:
            return
        self._server.close()
        connections = tuple(self._connections)
        for connection in connections:
            connection.end()
        await asyncio.gather(*(connection.ended() for connection in connections))

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        connection = _Connection(self, reader, writer, talk=self._opened())
        self._connections.add(connection)
        try:
            await connection.listen()
        finally:
            self._connections.discard(connection)


class _Connection:
    def __init__(
        self, host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, talk: Talk
    ) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self._talk = talk
        self._room = asyncio.Semaphore(UNDER_WAY_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def listen(self) -> None:
        """Read until the other end goes, or is out of step."""
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                if await self._signed_on():
                    await self._hear()
        finally:
            for task in self._tasks:
                task.cancel()
            self._writer.transport.abort()
            self._over.set()

    def end(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()

    async def ended(self) -> None:
        """Wait until it has ended."""
        await self._over.wait()

    async def _signed_on(self) -> bool:
        message = await self._next()
        if message is None or message["t"] != _NETWORK or message.get("70") != iso8583.SIGN_ON:
            return False
        accepted = await self._accepted(message)
        self._say(iso8583.reply(message, iso8583.APPROVED if accepted else _REFUSED))
        if not accepted:
            await self._writer.drain()
            self._writer.close()
        return accepted

    async def _accepted(self, message: Message) -> bool:
        try:
            return await self._talk.signed_on(message)
        except Exception as error:  # noqa: BLE001 - who cannot be recognised may not talk
            self._log_failed(error)
            return False

    async def _hear(self) -> None:
        while True:
            message = await self._next()
            if message is None:
                continue
            if message["t"] == _NETWORK:
                self._say(iso8583.reply(message, iso8583.APPROVED))
                continue
            await self._room.acquire()
            task = asyncio.create_task(self._answered(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _next(self) -> Message | None:
        """The next message; None where what came is none. Raises IncompleteReadError at the end."""
        length = int.from_bytes(await self._reader.readexactly(HEADER_BYTES), "big")
        if length > MESSAGE_BYTES_MAX:
            raise asyncio.IncompleteReadError(b"", length)
        body = await self._reader.readexactly(length)
        message = iso8583.decode(body) if body else None
        if message is None or message["t"][2] not in "024" or "11" not in message:
            self._host.garbage += 1
            return None
        return message

    async def _answered(self, message: Message) -> None:
        try:
            answer = await self._talk.answer(message)
        except Exception as error:  # noqa: BLE001 - a host answers, whatever broke
            self._log_failed(error)
            answer = iso8583.reply(message, _SYSTEM_ERROR)
        finally:
            self._room.release()
        if answer is not None and not self._writer.transport.is_closing():
            self._say(answer)

    def _log_failed(self, error: Exception) -> None:
        """Without the error's text, which may quote a card."""
        where = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{PurePath(where.filename).name}:{where.lineno}"
        _log.error("sandbox host failed", host=self._host.name, error=type(error).__name__, where=at)

    def _say(self, message: Message) -> None:
        self._writer.write(iso8583.framed(iso8583.encode(message), header_bytes=HEADER_BYTES))


@asynccontextmanager
async def listening(name: str, opened: Callable[[], Talk], *, port: int = 0) -> AsyncIterator[Host]:
    """A host that listens while the block runs."""
    host = Host(name, opened)
    await host.start(port=port)
    try:
        yield host
    finally:
        await host.stop()
