"""Acquirers made of raw sockets, which do exactly what a test says on each connection of a link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from tests.gateway.processors import ACCOUNT, PATIENT_S, Peer, Processor

from recoup.connectors.base import Account, Card, Charge, Initiator, Question, iso8583
from recoup.connectors.iso8583 import CONNECTORS
from recoup.gateway import Gateway, Pace
from recoup.kit.clock import SystemClock
from recoup.kit.ids import Kind, render, uuid7
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Outcome

LINK: Final = CONNECTORS[0]
MADE: Final = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
BRISK: Final = Pace(backoff_first_s=0.0, farewell_s=0.5)
"""Tries again at once, so that a test need not wait."""
BRIEF_S: Final = 0.3
WARM: Final = 99
"""The number of the charge that only makes a connection."""
NETWORK: Final = frozenset({"0800", "0810"})


class Caller(Peer):
    """Recoup's end of one connection, as the acquirer sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, host: Host) -> None:
        super().__init__(reader, writer, heard=host.note)
        self._host = host

    async def hear(self) -> dict[str, str]:
        """The next message."""
        length = int.from_bytes(await self._reader.readexactly(self._host.header_bytes), "big")
        body = await self._reader.readexactly(length)
        said = iso8583.decode(body)
        assert said is not None, "Recoup sends messages only"
        await self._host.note(body)
        return said

    async def money(self) -> dict[str, str]:
        """The next message about money; those about the connection are answered on the way."""
        while (said := await self.hear())["t"] in NETWORK:
            if said["t"] == "0800":
                await self.tell(iso8583.reply(said, "00"))
        return said

    async def tell(self, message: Mapping[str, str]) -> None:
        """Say a message."""
        await self.frame(iso8583.encode(message))

    async def frame(self, body: bytes) -> None:
        """Say whatever it is, behind its length."""
        await self.say(iso8583.framed(body, header_bytes=self._host.header_bytes))

    async def until_gone(self) -> None:
        """Answer what is about the connection, and hear the rest in silence."""
        while True:
            await self.money()


Line = Callable[[Caller], Awaitable[None]]


def approval(request: Mapping[str, str], **fields: str) -> Mapping[str, str]:
    """An approval; its code is the trace number, so that an answer to another message shows."""
    return iso8583.reply(request, "00", fields={"38": request["11"], **fields})


async def approve(caller: Caller) -> None:
    """Approve everything."""
    while True:
        await caller.tell(approval(await caller.money()))


class Host(Processor):
    """An acquirer on loopback that follows a line on each connection, and counts."""

    def __init__(self, line: Line = approve, *, header_bytes: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self._line = line
        self.header_bytes = header_bytes

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._line(Caller(reader, writer, host=self))
        writer.close()

    async def note(self, message: bytes) -> None:
        """Count a message."""
        await self._note(message)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'tls' if self._tls else 'tcp'}://127.0.0.1:{self._port}"

    @property
    def heard(self) -> list[dict[str, str]]:
        """Every message so far."""
        return [iso8583.decode(body) or {} for body in self.requests]

    @property
    def types(self) -> list[str]:
        """The types of the messages about money so far."""
        return [said["t"] for said in self.heard if said["t"] not in NETWORK]


def key(number: int, kind: Kind = Kind.ATTEMPT) -> str:
    """One of our keys."""
    return render(kind, uuid7(MADE, lambda size: number.to_bytes(size, "big")))


def account(url: str, *, timeout_s: float | None = None, **credentials: str) -> Account:
    """An account at that acquirer."""
    said = {"acquirer_id": "412345", "terminal_id": "RECOUP01", "merchant_id": "SHOP1", **credentials}
    return Account(url, {name: Secret(value) for name, value in said.items()}, timeout_s)


def charge(number: int = 1, *, minor: int = 4999, capture: bool = True) -> Charge:
    """A charge."""
    return Charge(
        key=key(number),
        payment_key=key(number, Kind.PAYMENT),
        amount=Money(minor, "EUR"),
        source=Card(Secret("4242424242424242"), 12, 2031, "visa"),
        capture=capture,
        initiator=Initiator.CUSTOMER,
        today=MADE.date(),
    )


def question(number: int = 1) -> Question:
    """What is asked about that charge."""
    return Question(key(number), "visa", MADE.date(), amount=Money(4999, "EUR"))


def quicker(**changes: float) -> Pace:
    """BRISK, with other times."""
    return replace(BRISK, **changes)  # type: ignore[arg-type]


async def silent(caller: Caller) -> None:
    """Hear in silence, but for what is about the connection."""
    await caller.until_gone()


async def mute(caller: Caller) -> None:
    """Hear in silence."""
    while True:
        await caller.hear()


async def hangs_up(caller: Caller) -> None:
    """Hang up on the first message about money."""
    await caller.money()
    await caller.hang_up()


@asynccontextmanager
async def open_gateway(pace: Pace = BRISK, **options: Any) -> AsyncIterator[Gateway]:
    """A gateway with room for many."""
    words = {"timeout_s": PATIENT_S, "connect_timeout_s": PATIENT_S / 2, "in_flight_per_account_max": 64}
    async with Gateway(**{**words, **options}, pace=pace, now=SystemClock().now) as gateway:
        yield gateway


async def ask(gateway: Gateway, where: Account, number: int = 1) -> Outcome:
    """A charge, and what came of it."""
    return (await gateway.charge(LINK, where, charge(number), account_id=ACCOUNT)).outcome


def approved_as(number: int) -> str:
    """The reference of that charge's own approval: its approval code is its own trace number."""
    name = iso8583.name_of(key(number))
    assert name is not None
    return f"0200-{name.rrn}-{name.stan}-4999"


def warmed(line: Any) -> Any:
    """That line, after one approval."""

    async def whole(caller: Caller) -> None:
        await caller.tell(approval(await caller.money()))
        await line(caller)

    return whole


async def warm_up(gateway: Gateway, host: Host) -> None:
    """Have a connection, so that a call in a hurry does not fail for want of one."""
    assert isinstance(await ask(gateway, account(host.url), WARM), Approved)
