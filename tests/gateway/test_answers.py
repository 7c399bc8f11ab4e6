"""What is unusual but whole still counts as an answer, and what a request looks like on the wire; real sockets."""

from __future__ import annotations

import asyncio

import pytest
from tests.gateway.processors import (
    ACCOUNT,
    API_KEY,
    Peer,
    Plain,
    Processor,
    Script,
    account,
    charge,
    reply,
)

from recoup.connectors.base import REPLY_BYTES_MAX, Account, Charge, Exchange, HttpRequest, HttpResponse
from recoup.gateway import Gateway
from recoup.outcomes.core import Approved, Outcome, Unknown


async def _charge(gateway: Gateway, url: str, *, method: str = "POST") -> Outcome:
    timed = await gateway.charge(Plain(method=method), account(url), charge(), account_id=ACCOUNT)
    return timed.outcome


async def _after(gateway: Gateway, script: Script) -> Outcome:
    """What a charge comes to when the processor follows this script."""
    async with Processor(script) as processor:
        return await _charge(gateway, processor.url)


class TestAnswers:
    """What is unusual but whole still counts."""

    async def test_an_approval_is_read(self, gateway: Gateway) -> None:
        async with Processor() as processor:
            assert await _charge(gateway, processor.url) == Approved("ch_1")

    async def test_interim_answers_are_passed_over(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply()
            )

        assert await _after(gateway, script) == Approved("ch_1")

    async def test_what_an_interim_answer_says_is_not_the_answers(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(b"HTTP/1.1 199 Wait\r\nContent-Length: 2\r\n\r\n[]" + reply())

        assert await _after(gateway, script) == Approved("ch_1")

    async def test_an_answer_that_ends_with_the_connection(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(b'HTTP/1.0 200 OK\r\n\r\n{"state": "approved", "id": "ch_1"}')
            await peer.hang_up()

        assert await _after(gateway, script) == Approved("ch_1")

    async def test_an_answer_byte_by_byte(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            for byte in reply():
                await peer.say(bytes([byte]))

        assert await _after(gateway, script) == Approved("ch_1")

    @pytest.mark.parametrize("length", [REPLY_BYTES_MAX, REPLY_BYTES_MAX + 1])
    async def test_the_longest_answer(self, gateway: Gateway, length: int) -> None:
        """One byte more than the limit, and it is not read."""
        body = '{"state": "approved", "id": "ch_1"}'.ljust(length)

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(reply(body))

        outcome = await _after(gateway, script)
        assert isinstance(outcome, Approved if length == REPLY_BYTES_MAX else Unknown)

    async def test_headers_are_found_whatever_their_case(self, gateway: Gateway) -> None:
        """As connectors look for them: in lower case, those that come twice joined."""
        seen: list[HttpResponse] = []

        class Reading(Plain):
            def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
                del charge
                seen.append((yield HttpRequest("GET", account.base_url)))
                return Approved("ch_1")

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(reply(extra="Retry-After: 5\r\nX-Two: a\r\nx-two: b\r\n"))

        async with Processor(script) as processor:
            await gateway.charge(Reading(), account(processor.url), charge(), account_id=ACCOUNT)
        assert dict(seen[0].headers) == {"content-length": "35", "retry-after": "5", "x-two": "a, b"}

    async def test_trailers_are_no_headers(self, gateway: Gateway) -> None:
        seen: list[HttpResponse] = []

        class Reading(Plain):
            def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
                del charge
                seen.append((yield HttpRequest("GET", account.base_url)))
                return Approved("ch_1")

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nRetry-After: 5\r\n\r\n"
            )

        async with Processor(script) as processor:
            await gateway.charge(Reading(), account(processor.url), charge(), account_id=ACCOUNT)
        assert seen == [HttpResponse(200, {"transfer-encoding": "chunked"}, b"{}")]

    @pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
    async def test_an_answer_that_has_no_body_is_whole(self, gateway: Gateway, status: str) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(f"HTTP/1.1 {status}\r\n\r\n".encode())
            await asyncio.Event().wait()

        assert await _after(gateway, script) == Unknown(f"no readable answer: HTTP {status[:3]}")


class TestRequests:
    """What goes over the wire."""

    async def test_a_request_is_written_whole_and_once(self, gateway: Gateway) -> None:
        async with Processor() as processor:
            await _charge(gateway, processor.url)
            host = processor.url.removeprefix("http://").removesuffix("/v1")
            assert processor.requests == [
                (
                    f"POST /v1/charges HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Recoup\r\nAccept: */*\r\n"
                    "Accept-Encoding: identity\r\nContent-Type: application/json\r\n"
                    f"Authorization: Bearer {API_KEY}\r\nContent-Length: 15\r\n\r\n"
                    '{"amount":4999}'
                ).encode()
            ]

    async def test_what_a_connector_says_wins_over_what_we_would_say(self, gateway: Gateway) -> None:
        class Own(Plain):
            def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
                del charge
                yield HttpRequest(
                    "POST", f"{account.base_url}?a=b", headers={"accept": "text/x", "host": "h"}
                )
                return Approved("ch_1")

        async with Processor() as processor:
            await gateway.charge(Own(), account(processor.url), charge(), account_id=ACCOUNT)
            head = processor.requests[0].decode().lower()
        assert head.startswith("post /v1?a=b http/1.1\r\n") and head.endswith("content-length: 0\r\n\r\n")
        assert (head.count("accept:"), head.count("host:")) == (1, 1)
        assert "accept: text/x\r\n" in head and "host: h\r\n" in head
