"""Names that nobody answers for: they keep nobody else from being looked up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from recoup.webhooks.flow.names import Names


class System:
    """A system that never answers for some names, until it is told."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked: list[str] = []
        self.entered = threading.Semaphore(0)

    def look(self, host: str, port: int, family: socket.AddressFamily) -> Sequence[tuple[Any, ...]]:
        """Wait, fail or answer, by the name."""
        self.asked.append(host)
        self.entered.release()
        if host == "dead.example":
            self.go_on.wait(30)
        if host == "none.example":
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        if host == "odd.example":
            raise UnicodeError("label too long")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.7", port))]


async def test_dead_names_keep_nobody_else_waiting() -> None:
    system = System()
    names = Names(system.look, at_most=20)
    dead = [asyncio.create_task(names.resolve("dead.example", 443)) for _ in range(19)]
    for _ in dead:
        await asyncio.to_thread(system.entered.acquire)
    async with asyncio.timeout(10):
        (found,) = await names.resolve("shop.example", 443)
        loop = asyncio.get_running_loop()
        assert await loop.getaddrinfo("127.0.0.1", 443), "the loop's own look-ups go on"
    assert (found["hostname"], found["host"], found["port"]) == ("shop.example", "203.0.113.7", 443)
    system.go_on.set()
    await asyncio.gather(*dead)


async def test_who_gives_up_frees_no_thread() -> None:
    """Else each try at a dead name would leave one more behind."""
    system = System()
    names = Names(system.look, at_most=1)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await names.resolve("dead.example", 443)
    assert system.asked == ["dead.example"]
    system.go_on.set()
    assert await names.resolve("shop.example", 443)


@pytest.mark.parametrize("host", ["none.example", "odd.example"])
async def test_what_is_no_name_is_an_error_of_the_network(host: str) -> None:
    with pytest.raises(OSError):
        await Names(System().look).resolve(host, 443)
