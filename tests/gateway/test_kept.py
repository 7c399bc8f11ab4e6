"""Kept connections: each is reused, none is trusted further than it deserves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.gateway.processors import ACCOUNT, Peer, Plain, Processor, account, charge, closed_port, reply

from recoup.gateway import Gateway
from recoup.outcomes.core import Approved, Outcome, Unknown, Unprocessed


async def _charge(gateway: Gateway, url: str, *, method: str = "POST") -> Outcome:
    timed = await gateway.charge(Plain(method=method), account(url), charge(), account_id=ACCOUNT)
    return timed.outcome


@asynccontextmanager
async def _stale(gateway: Gateway) -> AsyncIterator[Processor]:
    """A processor whose connection, kept after one payment, dies under the next request."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(reply())
        await peer.request()
        await peer.hang_up()

    async with Processor(script) as processor:
        assert isinstance(await _charge(gateway, processor.url), Approved)
        yield processor


class TestKeptConnections:
    """Reuse is where HTTP clients are too clever: they send again by themselves, and they read old answers."""

    async def test_one_connection_serves_many_payments(self, gateway: Gateway) -> None:
        async with Processor() as processor:
            for _ in range(5):
                assert isinstance(await _charge(gateway, processor.url), Approved)
            assert processor.connections == 1

    async def test_a_connection_said_to_close_is_not_used_again(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(reply(extra="Connection: close\r\n"))
            await peer.hang_up()

        async with Processor(script) as processor:
            for _ in range(3):
                assert isinstance(await _charge(gateway, processor.url), Approved)
            assert processor.connections == 3

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
    async def test_a_connection_that_dies_under_a_request_is_unknown_and_not_tried_again(
        self, gateway: Gateway, method: str
    ) -> None:
        async with _stale(gateway) as processor:
            assert isinstance(await _charge(gateway, processor.url, method=method), Unknown)
            assert len(processor.requests) == 2
            assert processor.connections == 1

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    async def test_a_failed_second_try_never_hides_the_first(self, gateway: Gateway, method: str) -> None:
        """Sent on a kept connection, and refused when tried again: that must not read as never sent."""
        gone = asyncio.Event()
        processor = Processor()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(reply())
            await peer.request()
            await processor.stop_listening()
            gone.set()
            await peer.hang_up()

        processor.follow(script)
        async with processor:
            assert isinstance(await _charge(gateway, processor.url), Approved)
            assert isinstance(await _charge(gateway, processor.url, method=method), Unknown)
            assert gone.is_set()
            assert isinstance(await _charge(gateway, processor.url), Unprocessed)

    async def test_what_is_said_unasked_is_nobodys_answer(self, gateway: Gateway) -> None:
        """A late second reply on an idle connection would be read as the next payment's, and shift all that follow."""
        spoken = asyncio.Event()

        async def script(peer: Peer) -> None:
            first = not spoken.is_set()
            await peer.request()
            await peer.say(
                reply(
                    '{"state": "approved", "id": "ch_1"}' if first else '{"state": "approved", "id": "ch_2"}'
                )
            )
            if first:
                await asyncio.sleep(0.02)
                await peer.say(reply('{"state": "approved", "id": "ch_1"}'))
                spoken.set()
                await asyncio.Event().wait()

        async with Processor(script) as processor:
            assert await _charge(gateway, processor.url) == Approved("ch_1")
            await spoken.wait()
            await asyncio.sleep(0.02)
            assert await _charge(gateway, processor.url) == Approved("ch_2")
            assert processor.connections == 2

    async def test_what_follows_an_answer_is_nobodys_answer(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(reply() + reply('{"state": "approved", "id": "ch_stray"}'))
            await asyncio.Event().wait()

        async with Processor(script) as processor:
            assert await _charge(gateway, processor.url) == Approved("ch_1")
            assert await _charge(gateway, processor.url) == Approved("ch_1")
            assert processor.connections == 2

    async def test_no_cookie_is_kept(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                await peer.say(reply(extra="Set-Cookie: session=other-customer\r\n"))

        async with Processor(script) as processor:
            await _charge(gateway, processor.url)
            await _charge(gateway, processor.url)
            assert b"cookie" not in processor.requests[1].lower()

    async def test_no_redirect_is_followed(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(reply("", status="307 Temporary Redirect", extra="Location: /elsewhere\r\n"))

        async with Processor(script) as processor:
            assert await _charge(gateway, processor.url) == Unknown("no readable answer: HTTP 307")
            assert len(processor.requests) == 1

    async def test_no_proxy_comes_from_the_environment(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", closed_port())
        async with Processor() as processor:
            assert isinstance(await _charge(gateway, processor.url), Approved)
