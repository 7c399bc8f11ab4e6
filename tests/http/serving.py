"""The edge behind real HTTP, and a client that speaks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import uvicorn
from tests.http.toy import SECRET_KEY
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from recoup.http.edge import Edge


@dataclass(frozen=True, slots=True)
class Answered:
    """What a client read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> Any:
        """What is in `error`."""
        return self.json["error"]


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to a served edge."""

    session: aiohttp.ClientSession
    port: int

    async def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        key: str | None = SECRET_KEY,
        headers: Mapping[str, str] | None = None,
        once: str | None = None,
    ) -> Answered:
        """One request; `once` is its idempotency key."""
        sent = {"Content-Type": "application/json"} if json is not None or body is not None else {}
        sent |= {"Authorization": f"Bearer {key}"} if key is not None else {}
        sent |= {"Idempotency-Key": once} if once is not None else {}
        data = msgspec.json.encode(json) if json is not None else body
        async with self.session.request(
            method, path, data=data, headers=sent | dict(headers or {}), allow_redirects=False
        ) as response:
            return Answered(response.status, response.headers.copy(), await response.read())

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def listening(edge: Edge) -> AsyncIterator[int]:
    """The edge behind the HTTP of uvicorn on a loopback port, without the signals and the ticks of its server."""
    config = uvicorn.Config(edge, log_config=None, access_log=False, lifespan="off", http="httptools")
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: HttpToolsProtocol(config=config, server_state=state, app_state={}),
        "127.0.0.1",
        0,
        backlog=512,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()


@asynccontextmanager
async def served(edge: Edge) -> AsyncIterator[Client]:
    """The edge, served, and a client for it."""
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        listening(edge) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as session,
    ):
        yield Client(session, port)
