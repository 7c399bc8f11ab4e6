"""The pages beside the API: health, figures, the OpenAPI document and its reference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from recoup.http.answers import Answer
from recoup.http.docs.openapi import document
from recoup.http.docs.pages import reference
from recoup.http.routes import Route
from recoup.http.wiring import About, Wiring

_HTML: Final = b"text/html; charset=utf-8"
_CONTENT_SECURITY: Final = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
)


@dataclass(frozen=True, slots=True)
class SystemPage:
    """A page that needs no key and is served however much is in flight."""

    path: str
    render: Callable[[], Awaitable[Answer]]


def system_pages(routes: Sequence[Route], wiring: Wiring, *, about: About) -> list[SystemPage]:
    """All of them. The reference is written when it is first asked for."""

    described = document(routes, about)
    encoded = msgspec.json.encode(described)

    @cache
    def docs() -> bytes:
        return reference(described, base_url=about.base_url).encode()

    async def show_openapi() -> Answer:
        return Answer(200, encoded)

    async def show_docs() -> Answer:
        return Answer(200, docs(), (_CONTENT_SECURITY,), content_type=_HTML)

    return [
        SystemPage("/health/live", _live),
        SystemPage("/health/ready", lambda: _ready(wiring)),
        SystemPage("/metrics", lambda: _figures(wiring.registry)),
        SystemPage("/openapi.json", show_openapi),
        SystemPage(about.docs_url, show_docs),
        SystemPage("/", lambda: _go(about.docs_url)),
    ]


async def _live() -> Answer:
    return Answer(200, b'{"status":"live"}')


async def _ready(wiring: Wiring) -> Answer:
    try:
        ready = await wiring.ready()
    except Exception:  # noqa: BLE001 - whatever keeps us from knowing keeps us from being ready
        ready = False
    return Answer(200, b'{"status":"ready"}') if ready else Answer(503, b'{"status":"not_ready"}')


async def _figures(registry: CollectorRegistry) -> Answer:
    return Answer(200, generate_latest(registry), content_type=CONTENT_TYPE_LATEST.encode())


async def _go(path: str) -> Answer:
    return Answer(307, b"", ((b"location", path.encode()),))
