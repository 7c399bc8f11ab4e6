"""Sends payments or webhooks, or asks for routes: as fast as they are answered, or at a steady rate; prints what it saw
as JSON.

    python -m bench.load PORT KEY closed CONNECTIONS SECONDS
    python -m bench.load PORT KEY open RATE SECONDS
    python -m bench.load PORT KEY open RATE SECONDS explain
    python -m bench.load PORT ACCOUNT closed CONNECTIONS SECONDS webhook

Closed: every connection sends its next payment when it has its answer. Open: payments leave on a schedule that does not
wait for answers, and latency counts from the time on the schedule, so that a stall is not hidden.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time, time
from typing import Final, cast

import msgspec
import uvloop

from recoup.connectors.base.webhooks import hmac_hex

OPEN_CONNECTIONS: Final = 64


WEBHOOK_SECRET: Final = "whsec_of_the_bench"
PAYMENT: Final = (
    b'{"amount":4999,"currency":"USD","payment_method_data":{"type":"card","card":{"number":"4242424242424242",'
    b'"exp_month":12,"exp_year":2030,"cvc":"123"},"billing_details":{"name":"Jane Doe","address":{"country":"US",'
    b'"postal_code":"94103"}}},"merchant_reference":"bench"}'
)
ROUTE: Final = (
    b'{"amount":4999,"currency":"USD","brand":"visa","funding":"credit","bin":"42424242",'
    b'"issuer_country":"US"}'
)


@dataclass(frozen=True)
class Kind:
    """A request that is sent again and again; how a good answer to it begins, and what it holds.

    `path`, and `request`, which gives headers and body, are told whose it is: a key, or an account; `request` also
    which one of all it is.
    """

    path: Callable[[str], str]
    request: Callable[[str, str], tuple[str, bytes]]
    status: bytes
    holds: bytes


def _with_key(body: bytes) -> Callable[[str, str], tuple[str, bytes]]:
    return lambda key, once: (f"authorization: Bearer {key}\r\nidempotency-key: {once}\r\n", body)


def webhook(_: str, once: str) -> tuple[str, bytes]:
    """What Stripe would send about a payment that is not ours, signed."""
    intent = {
        "id": f"pi_{once}",
        "object": "payment_intent",
        "amount": 4999,
        "amount_received": 4999,
        "currency": "usd",
        "status": "succeeded",
        "metadata": {"recoup_key": f"att_{once}"},
        "description": "x" * 600,
    }
    stamp = int(time())
    event = {
        "id": f"evt_{once}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": stamp,
        "data": {"object": intent},
    }
    body = msgspec.json.encode(event)
    signature = hmac_hex(WEBHOOK_SECRET.encode(), f"{stamp}.".encode() + body)
    return f"stripe-signature: t={stamp},v1={signature}\r\n", body


KINDS: Final = {
    "payment": Kind(lambda _: "/v1/payments", _with_key(PAYMENT), b"http/1.1 201", b'"status":"captured"'),
    "explain": Kind(lambda _: "/v1/routing/explain", _with_key(ROUTE), b"http/1.1 200", b'"chosen":"pa_'),
    "webhook": Kind(lambda account: f"/v1/inbound/{account}", webhook, b"http/1.1 200", b""),
}


class Sender(asyncio.Protocol):
    """One connection with at most one payment under way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._pending = b""
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop registers no subclass
        self._load.free(self)

    def send(self, request: bytes, since: float) -> None:
        """Send one payment; its time runs from `since`."""
        assert self._transport is not None, "connected"
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the answer once it is whole."""
        self._pending += data
        split = self._pending.find(b"\r\n\r\n")
        if split < 0:
            return
        head = self._pending[:split].lower()
        start = head.index(b"content-length:") + 15
        end = head.find(b"\r\n", start)
        length = int(head[start : end if end >= 0 else None])
        if len(self._pending) < split + 4 + length:
            return
        kind = self._load.kind
        good = head.startswith(kind.status) and kind.holds in self._pending
        self._pending = b""
        self._load.answered(perf_counter() - self._since, good=good)
        self._load.free(self)


class Load:
    """Hands payments to free connections."""

    def __init__(self, port: int, key: str, kind: Kind, *, closed: bool) -> None:
        self.port, self.key, self.kind, self.closed = port, key, kind, closed
        self.latencies: list[float] = []
        self.failures = 0
        self.stopped = False
        self._sent = 0
        self._idle: deque[Sender] = deque()
        self._late: deque[float] = deque()

    def free(self, sender: Sender) -> None:
        """A connection can take the next payment."""
        if self.stopped:
            return
        if self.closed:
            sender.send(self._request(), perf_counter())
        elif self._late:
            sender.send(self._request(), self._late.popleft())
        else:
            self._idle.append(sender)

    def due(self, at: float) -> None:
        """One is due by the schedule."""
        if self._idle:
            self._idle.popleft().send(self._request(), at)
        else:
            self._late.append(at)

    def answered(self, seconds: float, *, good: bool) -> None:
        """One answer came."""
        self.latencies.append(seconds)
        self.failures += not good

    def _request(self) -> bytes:
        self._sent += 1
        headers, body = self.kind.request(self.key, f"{id(self)}-{self._sent}-{perf_counter()}")
        return (
            f"POST {self.kind.path(self.key)} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n{headers}"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body


async def main(port: int, key: str, mode: str, *, amount: float, seconds: float, what: str) -> None:
    """Run the load and print what it saw."""
    loop = asyncio.get_running_loop()
    load = Load(port, key, KINDS[what], closed=mode == "closed")
    started, cpu = perf_counter(), process_time()
    connections = int(amount) if load.closed else OPEN_CONNECTIONS
    for _ in range(connections):
        await loop.create_connection(lambda: Sender(load), "127.0.0.1", port)
    if load.closed:
        await asyncio.sleep(seconds)
    else:
        for n in range(int(amount * seconds)):
            at = started + n / amount
            await asyncio.sleep(max(0.0, at - perf_counter()))
            load.due(at)
        await asyncio.sleep(0.5)
    load.stopped = True
    took, used = perf_counter() - started, process_time() - cpu
    print(json.dumps(_seen(load, took=took, cpu=used)), flush=True)


def _seen(load: Load, *, took: float, cpu: float) -> dict[str, float]:
    ordered = sorted(load.latencies)
    count = len(ordered)
    return {
        "payments": count,
        "failures": load.failures,
        "seconds": took,
        "cpu_s": cpu,
        "p50_ms": ordered[count // 2] * 1000,
        "p95_ms": ordered[min(count - 1, count * 95 // 100)] * 1000,
        "p99_ms": ordered[min(count - 1, count * 99 // 100)] * 1000,
    }


if __name__ == "__main__":
    port_, key_, mode_, amount_, seconds_, *what_ = sys.argv[1:]
    run = main(
        int(port_),
        key_,
        mode_,
        amount=float(amount_),
        seconds=float(seconds_),
        what=(what_ or ["payment"])[0],
    )
    uvloop.run(run)
