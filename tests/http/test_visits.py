"""Pages for people without a key: a share of their own, bounded bodies, and the same answer to every failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.http.serving import Answered, Client, served
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
            PublicPage("POST", "/told", self.told, body_bytes_max=10, share="machines"),
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

    async def told(self, visit: Visit) -> Answer:
        """What a machine says."""
        return Answer(200, visit.body)

    async def break_(self, visit: Visit) -> Answer:
        """A bug."""
        raise RuntimeError("a secret of ours")


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def client(toy: Toy, pages: Pages) -> AsyncIterator[Client]:
    limits = Limits(visits_max=VISITS, visits_arriving_max=VISITS + 1)
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


async def _slow(client: Client, path: str) -> asyncio.StreamWriter:
    """Somebody who says that a body comes, and then sends one byte of it."""
    _, writer = await client.raw()
    writer.write(b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx" % path.encode())
    await writer.drain()
    return writer


async def test_slow_bodies_take_no_places_from_those_that_came_whole(client: Client) -> None:
    slow = [await _slow(client, "/echo/ann") for _ in range(VISITS)]
    assert (await client.send("POST", "/echo/ann", body=b"hi", key=None)).status == 200
    slow.append(await _slow(client, "/echo/ann"))
    shown = await _until(client, "/echo/ann", 503)
    assert "Retry-After" in shown.headers, "their number is bounded too"
    assert (await client.send("POST", "/told", body=b"hi", key=None)).body == b"hi", "the other share"
    for one in slow:
        one.close()
    await _until(client, "/echo/ann", 200)


async def _until(client: Client, path: str, status: int) -> Answered:
    """What is answered as soon as the server has seen what the slow ones did."""
    async with asyncio.timeout(5):
        while True:
            shown = await client.send("POST", path, body=b"hi", key=None)
            if shown.status == status:
                return shown


async def test_shares_are_apart(client: Client, pages: Pages) -> None:
    waiting = [asyncio.create_task(client.send("GET", "/wait", key=None)) for _ in range(VISITS)]
    for _ in waiting:
        await pages.entered.acquire()
    assert (await client.send("POST", "/echo/ann", body=b"hi", key=None)).status == 503
    assert (await client.send("POST", "/told", body=b"hi", key=None)).status == 200
    pages.go_on.set()
    await asyncio.gather(*waiting)
