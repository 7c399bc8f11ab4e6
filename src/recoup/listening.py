"""`recoup listen`: forwards events to a program on this machine, signed as webhooks are, and prints a line for each.

It reads the API, so it needs no endpoint, and no address that a server could reach.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from recoup.calling import Api
from recoup.kit.clock import Clock
from recoup.kit.secret import Secret
from recoup.webhooks.core.endpoints import Target, matches
from recoup.webhooks.core.schedule import Answered
from recoup.webhooks.core.signing import SigningSecret, secret_of
from recoup.webhooks.flow.sending import Sender

POLL_S: Final = 0.3
EVERYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Whoever types the address may send to it."""
_NOBODY: Final = UUID(int=0)


class _Page(Struct):
    data: list[Raw]
    has_more: bool
    latest_sequence: int


class _Event(Struct):
    id: str
    type: str
    sequence: int


_page: Final = msgspec.json.Decoder(_Page)
_event: Final = msgspec.json.Decoder(_Event)


def signing_secret(key: Secret) -> SigningSecret:
    """What forwarded events are signed with: the same for the same API key, so that it need not be set anew."""
    return secret_of(hmac.digest(key.reveal().encode(), b"recoup listen", hashlib.sha256))


async def listen(
    api: Api, *, forward: str, events: Sequence[str], clock: Clock, tell: Callable[[str], None]
) -> None:
    """Forward what happens from now on, in order, until this is cancelled. One that fails is told of, not repeated."""
    secret = signing_secret(api.key)
    target = Target(_NOBODY, _NOBODY, version=1, livemode=False, url=forward, secrets=(secret,))
    reached = _page.decode(await api.get("/v1/events?limit=1")).latest_sequence
    sender = Sender(clock=clock, allowed=EVERYWHERE)
    await sender.open()
    try:
        tell(f"Forwarding events to {forward}. Signing secret: {secret.secret.reveal()}")
        await _follow(api, sender, target, events=events, reached=reached, tell=tell)
    finally:
        await sender.close()


async def _follow(
    api: Api,
    sender: Sender,
    target: Target,
    *,
    events: Sequence[str],
    reached: int,
    tell: Callable[[str], None],
) -> None:
    """Forward the events behind a place, for ever."""
    while True:
        page = _page.decode(await api.get(f"/v1/events?limit=100&after_sequence={reached}"))
        for raw in page.data:
            event = _event.decode(raw)
            reached = event.sequence
            if matches(events, event.type):
                tell(await _forwarded(sender, target, event, bytes(raw)))
        if not page.has_more:
            await asyncio.sleep(POLL_S)


async def _forwarded(sender: Sender, target: Target, event: _Event, body: bytes) -> str:
    """Send one event; the line that says so."""
    answered, latency_ms = await sender.send(target, event.id, body)
    return f"{event.type} {event.id} -> {_said(answered)} ({latency_ms} ms)"


def _said(answered: Answered) -> str:
    return answered.error or f"HTTP {answered.status}"
