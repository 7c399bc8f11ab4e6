"""Calls the API of a server that is up, for commands that do what a merchant's server would do."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import msgspec

from recoup.kit.secret import Secret
from recoup.sandboxed import kept_key
from recoup.settings import Settings

TIMEOUT_S: Final = 60.0
_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104 - compared, not bound


class CallRefused(Exception):
    """The server refused a call, or there is no key for it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Api:
    """A server as one merchant sees it."""

    session: aiohttp.ClientSession = field(repr=False)
    url: str
    key: Secret

    async def get(self, path: str) -> bytes:
        """What is there."""
        return await self._asked("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What was made, under an idempotency key of its own."""
        return msgspec.json.decode(await self._asked("POST", path, msgspec.json.encode(body)))

    async def _asked(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Authorization": f"Bearer {self.key.reveal()}", "Content-Type": "application/json"}
        if body is not None:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        async with self.session.request(method, self.url + path, data=body, headers=headers) as response:
            read = await response.read()
        if response.status >= 400:
            raise CallRefused(_message(read) or f"{method} {path} was answered HTTP {response.status}.")
        return read


def _message(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""


@asynccontextmanager
async def calling(settings: Settings, *, url: str | None, key: str | None) -> AsyncIterator[Api]:
    """The server at `url`, or the one that these settings start; with `key`, or its sandbox merchant's."""
    found = Secret(key) if key is not None else kept_key(settings.data_dir)
    if found is None:
        raise CallRefused("There is no sandbox merchant here: start `recoup serve`, or give --key and --url.")
    where = url or f"http://{_LOCAL.get(settings.host, settings.host)}:{settings.port}"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Api(session, where.rstrip("/"), found)
