"""Looks up where endpoints' names lead, on threads of its own.

The event loop looks names up on a few threads for the whole process, two at a time under uvloop. A name whose servers
never answer holds one for as long as the system waits, so endpoints that merchants name must have no part in them: else
a dead one would keep payments from reaching their processors.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

LOOKUPS_MAX: Final = 64
"""Names that are looked up at once."""

Found = Sequence[tuple[Any, ...]]
"""What `getaddrinfo` gives."""
Look = Callable[[str, int, socket.AddressFamily], Found]


def look(host: str, port: int, family: socket.AddressFamily) -> Found:
    """Ask the system, for as long as it takes."""
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class Names(AbstractResolver):
    """Resolves names. Whoever gives up waiting leaves the thread to end by itself; it counts until then."""

    def __init__(self, look: Look = look, *, at_most: int = LOOKUPS_MAX) -> None:
        self._look = look
        self._room = asyncio.Semaphore(at_most)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name; raises OSError."""
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found] = loop.create_future()

        def ended(found: Found, error: OSError | None) -> None:
            self._room.release()
            if answer.done():
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

        def work() -> None:
            found, error = _tried(self._look, host, port, family)
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(ended, found, error)

        try:
            Thread(target=work, name="webhook name", daemon=True).start()
        except RuntimeError as error:
            self._room.release()
            raise OSError("no thread could be started") from error
        return [_result(host, one) for one in await answer]

    async def close(self) -> None:
        """Nothing is held."""


def _tried(look: Look, host: str, port: int, family: socket.AddressFamily) -> tuple[Found, OSError | None]:
    try:
        return look(host, port, family), None
    except OSError as error:
        return (), error
    except ValueError:  # a label that is too long, or empty
        return (), OSError("this is no name that could be looked up")


def _result(host: str, found: tuple[Any, ...]) -> ResolveResult:
    family, _, protocol, _, place = found
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=str(place[0]), port=int(place[1]), family=family, proto=protocol, flags=numeric
    )
