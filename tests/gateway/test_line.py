"""The line between *never left* and *left without an answer*, with real sockets on loopback."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import struct
from contextlib import ExitStack
from dataclasses import replace

import pytest
from tests.gateway.processors import (
    ACCOUNT,
    Peer,
    Plain,
    Processor,
    Script,
    account,
    charge,
    closed_port,
    reply,
)

from recoup.gateway import Gateway
from recoup.kit.clock import SystemClock
from recoup.outcomes.core import Approved, Outcome, Unknown, Unprocessed


async def _charge(gateway: Gateway, url: str, *, method: str = "POST") -> Outcome:
    timed = await gateway.charge(Plain(method=method), account(url), charge(), account_id=ACCOUNT)
    return timed.outcome


async def _after(gateway: Gateway, script: Script) -> Outcome:
    """What a charge comes to when the processor follows this script."""
    async with Processor(script) as processor:
        return await _charge(gateway, processor.url)


class TestNeverLeft:
    """Only these prove that a processor has nothing of ours; each lets another processor be asked."""

    async def test_refused(self, gateway: Gateway) -> None:
        outcome = await _charge(gateway, closed_port())
        assert isinstance(outcome, Unprocessed)
        assert "not sent" in outcome.why

    async def test_name_not_resolved(self, gateway: Gateway) -> None:
        outcome = await _charge(gateway, "http://nobody.invalid/v1")
        assert isinstance(outcome, Unprocessed)

    @pytest.mark.parametrize("timeout_s", [None, 0.1])
    async def test_connection_never_made(self, hasty: Gateway, timeout_s: float | None) -> None:
        """A listener whose queue is full leaves a newcomer waiting, as a dead machine behind a router does.

        An account that wants less time than connecting may take is told apart all the same.
        """
        with ExitStack() as sockets:
            listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(4):
                waiting = sockets.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(listener.getsockname())
            owner = replace(account(f"http://127.0.0.1:{listener.getsockname()[1]}/v1"), timeout_s=timeout_s)
            timed = await hasty.charge(Plain(), owner, charge(), account_id=ACCOUNT)
        assert timed.outcome == Unprocessed("not sent: no connection in time")

    @pytest.mark.parametrize(
        "url", ["ftp://127.0.0.1/v1", "http://", "nonsense", "http://127.1:80/v1", "http://[::1/v1"]
    )
    async def test_url_that_names_no_processor(self, gateway: Gateway, url: str) -> None:
        assert isinstance(await _charge(gateway, url), Unprocessed)

    async def test_closed_as_soon_as_it_was_made(self, gateway: Gateway) -> None:
        """A busy processor takes a connection and hangs up. Where that is seen before we write, nothing has left; one
        event loop sees it in time, the other only as a connection that broke, which proves nothing."""

        async def script(peer: Peer) -> None:
            await peer.hang_up()

        async with Processor(script) as processor:
            outcomes = [await _charge(gateway, processor.url) for _ in range(10)]
        assert all(isinstance(outcome, Unprocessed | Unknown) for outcome in outcomes)
        if "uvloop" in type(asyncio.get_running_loop()).__module__:
            assert any(isinstance(outcome, Unprocessed) for outcome in outcomes), outcomes

    async def test_gateway_closed(self) -> None:
        async with Processor() as processor:
            gateway = Gateway(
                now=SystemClock().now, timeout_s=1, connect_timeout_s=0.5, in_flight_per_account_max=1
            )
            assert isinstance(await _charge(gateway, processor.url), Unprocessed)
            assert processor.connections == 0


async def _reads_and_closes(peer: Peer) -> None:
    await peer.request()
    await peer.hang_up()


async def _reads_and_resets(peer: Peer) -> None:
    await peer.request()
    peer.reset()


async def _silent(peer: Peer) -> None:
    await peer.request()
    await asyncio.Event().wait()


async def _slow_headers(peer: Peer) -> None:
    await peer.request()
    for byte in reply():
        await peer.say(bytes([byte]))
        await asyncio.sleep(0.05)


async def _slow_body(peer: Peer) -> None:
    await peer.request()
    await peer.say(reply()[:-20])
    await asyncio.Event().wait()


async def _half_a_reply(peer: Peer) -> None:
    await peer.request()
    await peer.say(reply()[:-5])
    await peer.hang_up()


async def _reset_in_the_body(peer: Peer) -> None:
    await peer.request()
    await peer.say(reply()[:-5])
    await asyncio.sleep(0.01)
    peer.reset()


async def _too_short_a_length(peer: Peer) -> None:
    await peer.request()
    await peer.say(reply().replace(b"Content-Length: 35", b"Content-Length: 20"))
    await peer.hang_up()


async def _no_length_and_a_reset(peer: Peer) -> None:
    await peer.request()
    await peer.say(b'HTTP/1.1 200 OK\r\n\r\n{"state": "approved", "id": "ch')
    await asyncio.sleep(0.01)
    peer.reset()


async def _chunked_and_cut(peer: Peer) -> None:
    await peer.request()
    await peer.say(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n{"state": "approved", "id":')
    await peer.hang_up()


async def _chunked_without_an_end(peer: Peer) -> None:
    """The JSON is whole, but the reply is not: whether more was to come, nobody knows."""
    await peer.request()
    body = reply().partition(b"\r\n\r\n")[2]
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body))
    await peer.hang_up()


async def _garbage(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"\x00\xff\x15\x03\x01 no HTTP at all \r\n\r\n")
    await peer.hang_up()


async def _bad_chunk(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")


async def _two_lengths(peer: Peer) -> None:
    await peer.request()
    await peer.say(reply(extra="Content-Length: 3\r\n"))


async def _endless_headers(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\n")
    while True:
        await peer.say(b"X-More: " + b"a" * 4000 + b"\r\n")


async def _endless_1xx(peer: Peer) -> None:
    await peer.request()
    while True:
        await peer.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.01)


async def _switched_protocols(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + reply())
    await asyncio.Event().wait()


async def _huge_length(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    while True:
        await peer.say(b"a" * 65536)


async def _huge_chunks(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await peer.say(b"10000\r\n" + b"a" * 65536 + b"\r\n")


async def _endless_trailers(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    while True:
        await peer.say(b"X-More: " + b"a" * 65536 + b"\r\n")


async def _endless_chunk_extension(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;")
    while True:
        await peer.say(b"a" * 65536)


async def _bomb(peer: Peer) -> None:
    """A hundred megabytes in a hundred kilobytes: never unpacked, since no reply is."""
    await peer.request()
    packed = gzip.compress(b" " * 100_000_000, compresslevel=1)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    await peer.say(head.encode() + packed)


async def _redirect(peer: Peer) -> None:
    await peer.request()
    await peer.say(reply("", status="307 Temporary Redirect", extra="Location: /elsewhere\r\n"))


_LEFT = [
    _reads_and_closes,
    _reads_and_resets,
    _half_a_reply,
    _reset_in_the_body,
    _too_short_a_length,
    _no_length_and_a_reset,
    _chunked_and_cut,
    _chunked_without_an_end,
    _garbage,
    _bad_chunk,
    _two_lengths,
    _endless_headers,
    _huge_length,
    _huge_chunks,
    _endless_trailers,
    _endless_chunk_extension,
    _bomb,
    _redirect,
]
_ENDLESS = [_silent, _slow_headers, _slow_body, _endless_1xx, _switched_protocols]


@pytest.mark.parametrize("script", _LEFT, ids=lambda script: script.__name__.strip("_"))
async def test_what_left_without_a_trusted_answer_is_unknown(gateway: Gateway, script: Script) -> None:
    """Any of these might hide a charge that was made, so nobody else may be asked."""
    outcome = await _after(gateway, script)
    assert isinstance(outcome, Unknown), outcome


@pytest.mark.parametrize("script", _ENDLESS, ids=lambda script: script.__name__.strip("_"))
async def test_what_is_not_answered_in_time_is_unknown(hasty: Gateway, script: Script) -> None:
    outcome = await _after(hasty, script)
    assert isinstance(outcome, Unknown), outcome


async def test_a_reset_before_the_request_is_read_is_unknown(gateway: Gateway) -> None:
    """Our bytes were with the processor's machine; whether its program saw them, a reset does not say."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        paying = asyncio.create_task(_charge(gateway, f"http://127.0.0.1:{listener.getsockname()[1]}/v1"))
        accepted, _ = await loop.sock_accept(listener)
        arrived = asyncio.Event()
        loop.add_reader(accepted.fileno(), arrived.set)
        await arrived.wait()
        loop.remove_reader(accepted.fileno())
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        assert isinstance(await paying, Unknown)


async def test_a_call_that_is_cancelled_is_unknown(gateway: Gateway) -> None:
    """Who cancels us did not cancel the charge. The caller's last act is to write that down."""
    read = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        read.set()
        await asyncio.Event().wait()

    async with Processor(script) as processor:
        paying = asyncio.create_task(_charge(gateway, processor.url))
        await read.wait()
        paying.cancel()
        assert isinstance(await paying, Unknown)
        assert paying.cancelling() == 1


async def test_closing_the_gateway_leaves_what_is_under_way_unknown(gateway: Gateway) -> None:
    read = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        read.set()
        await asyncio.Event().wait()

    async with Processor(script) as processor:
        paying = asyncio.create_task(_charge(gateway, processor.url))
        await read.wait()
        await gateway.close()
        assert isinstance(await paying, Unknown)


async def test_nothing_that_a_processor_writes_reads_as_never_sent(gateway: Gateway) -> None:
    """Replies bent at random: an approval that survived, or unknown, and never an exception."""
    chance = random.Random(20261122)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(_bent(reply(), chance))
        await peer.hang_up()

    async with Processor(script) as processor:
        for _ in range(150):
            outcome = await _charge(gateway, processor.url)
            assert isinstance(outcome, Approved | Unknown), outcome


def _bent(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + chance.randbytes(chance.randint(1, 8)) + data[at:]
            case 2:
                data = data[:at] + data[at + chance.randint(1, 8) :]
            case _:
                data = data[:at] + data
    return data
