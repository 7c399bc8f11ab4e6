"""What a loaded, slow or broken world does to the edge, and what it must not do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from time import perf_counter
from typing import Any

import psycopg
import pytest
import structlog
import uvicorn
from structlog.testing import LogCapture
from tests.http.serving import Client, served
from tests.http.toy import CARD_NUMBER, SECRET_KEY, Toy
from tests.http.toy_types import CreateNote, NoteObject

from recoup.db import Database, Overloaded
from recoup.http.intake import Limits
from recoup.http.routes import Call

CAP = 4
OVERLOAD_ANSWER_S = 0.05


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Everything that is logged, with its context."""
    before = structlog.get_config()
    capture = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture.entries
    structlog.configure(**before)


@pytest.fixture
async def capped(toy: Toy) -> AsyncIterator[Client]:
    async with served(toy.edge(Limits(requests_in_flight_max=CAP))) as client:
        yield client
        toy.gate.set()


async def figure(client: Client, line: str) -> float:
    figures = (await client.send("GET", "/metrics", key=None)).body.decode()
    return next(float(one.split()[-1]) for one in figures.splitlines() if one.startswith(line))


async def until_in_flight(client: Client, number: int) -> None:
    for _ in range(1000):
        if await figure(client, "recoup_http_requests_in_flight") == number:
            return
    raise AssertionError(f"never {number} in flight")


class TestOverload:
    """Beyond the cap a request is refused at once, before anything of it is done."""

    async def test_it_is_refused_in_milliseconds(self, capped: Client, toy: Toy) -> None:
        waiting = [asyncio.create_task(capped.send("POST", "/v1/slow")) for _ in range(CAP)]
        await until_in_flight(capped, CAP)
        times = []
        for _ in range(20):
            began = perf_counter()
            refused = await capped.send("POST", "/v1/notes", json={"title": "a"})
            times.append(perf_counter() - began)
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert (refused.error["type"], refused.error["code"]) == ("rate_limited", "overloaded")
        assert sorted(times)[len(times) // 4] < OVERLOAD_ANSWER_S
        assert toy.calls == []
        toy.gate.set()
        assert {(await task).status for task in waiting} == {200}
        assert (await capped.send("POST", "/v1/notes", json={"title": "a"})).status == 201

    async def test_health_and_figures_are_still_served(self, capped: Client) -> None:
        waiting = [asyncio.create_task(capped.send("POST", "/v1/slow")) for _ in range(CAP)]
        await until_in_flight(capped, CAP)
        for path in ("/health/live", "/health/ready", "/metrics", "/docs"):
            assert (await capped.send("GET", path, key=None)).status == 200
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()

    async def test_its_body_is_not_waited_for(self, capped: Client) -> None:
        waiting = [asyncio.create_task(capped.send("POST", "/v1/slow")) for _ in range(CAP)]
        await until_in_flight(capped, CAP)
        reader, writer = await capped.raw()
        writer.write(request_head("/v1/notes", length=1000))
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        writer.close()
        for task in waiting:
            task.cancel()

    @pytest.mark.parametrize("body", [b"{", b'{"title":"a","weight":1}', b""])
    async def test_every_request_gives_its_place_back(self, capped: Client, body: bytes) -> None:
        for _ in range(CAP + 1):
            assert (await capped.send("POST", "/v1/notes", body=body)).status in {201, 400}
            assert (await capped.send("POST", "/v1/notes", body=body, key="nobody")).status == 401
            assert (await capped.send("POST", "/v1/broken", json={"title": "a"})).status == 500
        assert await figure(capped, "recoup_http_requests_in_flight") == 0


def request_head(path: str, *, length: int | None = None, extra: str = "") -> bytes:
    framing = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET_KEY}\r\n"
        f"Content-Type: application/json\r\n{framing}\r\n{extra}\r\n"
    ).encode()


async def response_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """A status, and everything after it until the connection is closed."""
    status = int((await reader.readline()).split()[1])
    return status, await reader.read()


class TestABody:
    """It is read to its limit in size and in time, and no further."""

    async def test_one_that_says_it_is_too_large_is_refused(self, client: Client) -> None:
        answered = await client.send("POST", "/v1/notes", body=b" " * (64 * 1024 + 1))
        assert (answered.status, answered.error["code"]) == (413, "body_too_large")
        assert "65536 bytes" in answered.error["message"]
        assert answered.headers["connection"] == "close"

    async def test_one_of_just_the_limit_is_read(self, client: Client) -> None:
        body = b'{"title": "a"}'.ljust(64 * 1024)
        assert (await client.send("POST", "/v1/notes", body=body)).status == 201

    async def test_one_that_turns_out_too_large_is_refused(self, client: Client) -> None:
        reader, writer = await client.raw()
        writer.write(request_head("/v1/notes"))
        for _ in range(9):
            writer.write(b"2000\r\n" + b" " * 0x2000 + b"\r\n")
        writer.write(b"0\r\n\r\n")
        status, rest = await response_of(reader)
        assert status == 413
        assert b"body_too_large" in rest
        writer.close()

    async def test_one_in_pieces_is_put_together(self, client: Client) -> None:
        reader, writer = await client.raw()
        writer.write(request_head("/v1/notes", extra="Connection: close\r\n"))
        for piece in (b'{"tit', b'le": "in ', b'pieces"}'):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        status, rest = await response_of(reader)
        assert status == 201
        assert b"in pieces" in rest
        writer.close()

    async def test_one_that_does_not_come_is_not_waited_for(self, toy: Toy) -> None:
        async with served(toy.edge(Limits(body_seconds_max=0.05))) as client:
            reader, writer = await client.raw()
            writer.write(request_head("/v1/notes", length=100) + b'{"title"')
            status, rest = await response_of(reader)
            assert status == 408
            assert b"body_too_slow" in rest
            assert b"connection: close" in rest.lower()
            assert toy.calls == []
            writer.close()

    async def test_one_whose_client_goes_away_starts_nothing(
        self, client: Client, toy: Toy, logged: list[Any]
    ) -> None:
        _, writer = await client.raw()
        writer.write(request_head("/v1/notes", length=100) + b'{"title"')
        await until_in_flight(client, 1)
        writer.close()
        await until_in_flight(client, 0)
        assert toy.calls == []
        assert [entry["status"] for entry in logged if entry.get("route") == "/v1/notes"] == [499]


class TestAClientThatGoesAway:
    """What has begun is brought to its end: a payment may be on its way."""

    async def test_a_handler_that_has_begun_ends(self, client: Client, toy: Toy) -> None:
        task = asyncio.create_task(client.send("POST", "/v1/slow"))
        await toy.entered.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        toy.gate.set()
        await until_in_flight(client, 0)
        assert toy.finished == ["slow"]

    async def test_its_answer_is_kept_for_when_it_comes_again(self, client: Client, toy: Toy) -> None:
        body = {"title": "wait for the gate"}
        task = asyncio.create_task(client.send("POST", "/v1/notes", json=body, once="k"))
        await toy.entered.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        toy.gate.set()
        await until_in_flight(client, 0)
        again = await client.send("POST", "/v1/notes", json=body, once="k")
        assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")

    async def test_a_server_that_cancels_the_request_does_not_stop_its_handler(self, toy: Toy) -> None:
        edge = toy.edge()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_: Any) -> None:
            raise AssertionError("nobody listens")

        headers = [(b"authorization", b"Bearer sk_test_ann")]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/slow",
            "query_string": b"",
            "headers": headers,
        }
        task = asyncio.create_task(edge(scope, receive, send))
        await toy.entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert toy.finished == []
        toy.gate.set()
        assert await edge.drain()
        assert toy.finished == ["slow"]


class TestShutdown:
    """The server stops taking requests, and waits for those that have begun."""

    async def test_it_waits_for_what_has_begun(self, toy: Toy) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = uvicorn.Config(toy.edge(), log_config=None, access_log=False, lifespan="on")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(request_head("/v1/slow", length=0))
            await toy.entered.wait()
            server.should_exit = True
            await asyncio.sleep(0)
            toy.gate.set()
            assert (await response_of(reader))[0] == 200
            await serving
            writer.close()

    async def test_it_does_not_wait_for_ever(self, toy: Toy) -> None:
        edge = toy.edge(Limits(shutdown_seconds_max=0.01))
        async with served(edge) as client:
            task = asyncio.create_task(client.send("POST", "/v1/slow"))
            await toy.entered.wait()
            assert not await edge.drain()
            toy.gate.set()
            assert (await task).status == 200
            assert await edge.drain()


class TestABug:
    """It is answered with 500 and nothing of ours, and logged with its place and without its data."""

    async def test_it_does_not_leak(self, client: Client, logged: list[Any]) -> None:
        answered = await client.send("POST", "/v1/broken", json={"title": "from the caller"})
        assert (answered.status, answered.error["type"]) == (500, "internal")
        (entry,) = [entry for entry in logged if entry["event"] == "request_broke"]
        assert entry["request_id"] == answered.error["request_id"]
        assert "RuntimeError" in entry["traceback"] and "in broken" in entry["traceback"]
        for secret in (CARD_NUMBER, f"{SECRET_KEY}aaaaaaaaaaaa", "call=", "card ="):
            assert secret not in answered.body.decode()
            assert secret not in entry["traceback"].replace("card = CARD_NUMBER", "")
        assert "RuntimeError" not in answered.body.decode()

    async def test_a_row_that_the_database_refuses_is_not_repeated(
        self, client: Client, toy: Toy, logged: list[Any]
    ) -> None:
        await toy.database.execute("alter table notes add constraint light check (weight < 77)")
        answered = await client.send("POST", "/v1/notes", json={"title": "a secret title", "weight": 99})
        await toy.database.execute("alter table notes drop constraint light")
        assert answered.status == 500
        (entry,) = [entry for entry in logged if entry["event"] == "request_broke"]
        assert "CheckViolation: 23514" in entry["traceback"] and "light" in entry["traceback"]
        assert "a secret title" not in entry["traceback"]

    async def test_each_request_is_one_line_without_its_path_query_or_body(
        self, client: Client, logged: list[Any]
    ) -> None:
        await client.send("GET", "/v1/notes/evt_hidden?x=hidden")
        await client.send("POST", "/v1/notes", json={"title": "hidden"}, headers={"Request-Id": "r1"})
        lines = [entry for entry in logged if entry["event"] == "request"]
        assert [(line["method"], line["route"], line["status"]) for line in lines] == [
            ("GET", "/v1/notes/{note}", 400),
            ("POST", "/v1/notes", 201),
        ]
        assert lines[1]["request_id"] == "r1"
        assert lines[1]["merchant"] == "mer_00000000000000000000000001"
        assert lines[1]["ms"] > 0
        assert "hidden" not in str(lines)


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Overloaded("no connection"), 503, "overloaded"),
        (psycopg.OperationalError("the connection is lost"), 503, "unavailable"),
        (psycopg.errors.AdminShutdown("terminating"), 503, "unavailable"),
        (psycopg.errors.QueryCanceled("statement timeout"), 503, "unavailable"),
        (psycopg.errors.LockNotAvailable("lock timeout"), 409, "busy"),
        (psycopg.errors.UndefinedTable("no such table"), 500, "internal"),
        (RecursionError("too deep"), 500, "internal"),
    ],
)
async def test_what_fails_below_is_answered_by_what_a_caller_can_do(
    toy: Toy, failure: Exception, status: int, code: str
) -> None:
    class Failing(Toy):
        async def create(self, call: Call[CreateNote, None]) -> NoteObject:
            raise failure

    async with served(Failing(toy.database, toy.clock).edge()) as client:
        answered = await client.send("POST", "/v1/notes", json={"title": "a"})
        assert (answered.status, answered.error["code"]) == (status, code)
        assert ("retry-after" in answered.headers) == (status != 500)
        assert str(failure) not in answered.body.decode()


async def test_without_a_database_the_api_says_so(toy: Toy, database_url: str) -> None:
    closed = await Database.open(database_url, connections_max=1)
    await closed.close()
    toy.database = closed
    async with served(toy.edge()) as client:
        answered = await client.send("POST", "/v1/notes", json={"title": "a"})
        assert (answered.status, answered.error["code"]) == (503, "unavailable")
        assert (await client.send("GET", "/health/live", key=None)).status == 200
