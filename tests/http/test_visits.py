"""Pages for people without a key: a share of their own, bounded bodies, and the same answer to every failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.http.serving import Client, served
from tests.http.toy import Toy

from recoup.http.answers import Answer
from recoup.http.edge import Edge
from recoup.http.intake import Limits
from recoup.http.visits import HTML, PublicPage, Visit

VISITS = 2


class Pages:
    """One page that answers at once, one that waits, one that breaks."""

    def __init__(self) -> None:
        self.entered = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()

    def pages(self) -> list[PublicPage]:
        """All of them."""
        return [
            PublicPage("POST", "/echo/{name}", self.echo, body_bytes_max=10),
            PublicPage("GET", "/wait", self.wait),
            PublicPage("GET", "/break", self.break_),
        ]

    async def echo(self, visit: Visit) -> Answer:
        """What came."""
        said = b"%s %s %s" % (visit.path["name"].encode(), visit.query, visit.body)
        return Answer(200, said, content_type=HTML)

    async def wait(self, visit: Visit) -> Answer:
        """Until told."""
        self.entered.release()
        await self.go_on.wait()
        return Answer(200, b"")

    async def break_(self, visit: Visit) -> Answer:
        """A bug."""
        raise RuntimeError("a secret of ours")


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def client(toy: Toy, pages: Pages) -> AsyncIterator[Client]:
    limits = Limits(visits_max=VISITS)
    edge = Edge(toy.routes(), toy._wiring(), pages=pages.pages(), limits=limits)
    async with served(edge) as client:
        yield client


async def test_a_page_needs_no_key_and_gets_what_was_sent(client: Client) -> None:
    shown = await client.send("POST", "/echo/ann?a=1", body=b"hello", key=None)
    assert (shown.status, shown.body) == (200, b"ann a=1 hello")
    assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
    assert shown.headers["Cache-Control"] == "no-store"


async def test_a_body_is_bounded_by_its_page(client: Client) -> None:
    assert (await client.send("POST", "/echo/ann", body=b"x" * 11, key=None)).status == 413
    assert (await client.send("GET", "/echo/ann", key=None)).status == 405


async def test_a_bug_tells_nothing(client: Client) -> None:
    shown = await client.send("GET", "/break", key=None)
    assert shown.status == 500
    assert b"secret" not in shown.body


async def test_visitors_never_keep_the_api_busy(client: Client, pages: Pages) -> None:
    """Anybody may come; whoever has a key must still be served."""
    waiting = [asyncio.create_task(client.send("GET", "/wait", key=None)) for _ in range(VISITS)]
    for _ in waiting:
        await pages.entered.acquire()
    one_more = await client.send("GET", "/wait", key=None)
    assert (one_more.status, "Retry-After" in one_more.headers) == (503, True)
    assert (await client.send("GET", "/v1/notes")).status == 200
    pages.go_on.set()
    assert [(await one).status for one in waiting] == [200] * VISITS
    assert (await client.send("GET", "/wait", key=None)).status == 200
