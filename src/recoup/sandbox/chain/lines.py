"""The asking end of a link: a kept connection with many messages under way, and answers told apart by their numbers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from recoup.connectors.base import HttpResponse, LinkRequest, iso8583
from recoup.connectors.base.iso8583 import Message
from recoup.gateway.connection import Pace
from recoup.gateway.link import Links
from recoup.gateway.wire import NeverLeft
from recoup.kit.clock import Clock

PACE: Final = Pace(
    connect_timeout_s=2.0,
    sign_on_timeout_s=2.0,
    farewell_s=0.2,
    backoff_first_s=0.05,
    backoff_max_s=1.0,
    in_flight_max=2048,
)


@dataclass(frozen=True, slots=True)
class Down:
    """There is no connection: the message never left."""


@dataclass(frozen=True, slots=True)
class Silent:
    """The message may have arrived, and there was no answer in time."""


class Line:
    """One member's way to another's host. `name` tells links apart in logs: it is a number made of it."""

    def __init__(self, name: str, url: str, clock: Clock) -> None:
        self._id = UUID(bytes=name.encode()[:16].ljust(16, b"\0"))
        self._url = url
        self._protocol = iso8583.Link("0")
        self._links = Links(pace=PACE, tls=None, now=clock.now)
        self._traces = itertools.count(1)

    def open(self) -> None:
        """Make ready; the connection is made when the first message needs it."""
        self._links.open()

    async def close(self) -> None:
        """Sign off."""
        await self._links.close()

    def trace(self) -> int:
        """The number of the next message."""
        return next(self._traces)

    async def ask(self, message: Message, *, within_s: float) -> Message | Down | Silent:
        """Send a message, and wait for its answer."""
        match_ = iso8583.match_of(iso8583.reply_type(message["t"]), message["11"], message["37"])
        request = LinkRequest(message["t"], self._url, self._protocol, match_, iso8583.encode(message))
        received = await self._links.send(request, account_id=self._id, left_s=within_s)
        if isinstance(received, NeverLeft):
            return Down()
        answer = iso8583.decode(received.body) if isinstance(received, HttpResponse) else None
        return Silent() if answer is None else answer
