"""A consumer's server on loopback: it keeps what it was sent, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web


@dataclass(frozen=True, slots=True)
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The event."""
        return msgspec.json.decode(self.body)

    @property
    def id(self) -> str:
        """The id of the message."""
        return self.headers["webhook-id"]


@dataclass(frozen=True, slots=True)
class Says:
    """An answer."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0


class Receiver:
    """`answer` decides what each request is told."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answer: Callable[[Got], Says] = lambda _: Says()
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def url(self, path: str = "hook") -> str:
        """An address of this server."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def at(self, path: str) -> list[Got]:
        """What came to one path."""
        return [one for one in self.got if one.path == f"/{path}"]

    async def _take(self, request: web.Request) -> web.Response:
        got = Got(request.path, request.headers.copy(), await request.read())
        self.got.append(got)
        says = self.answer(got)
        if says.after_s:
            await asyncio.sleep(says.after_s)
        return web.Response(status=says.status, body=says.body, headers=says.headers)
