"""Processors made of raw sockets, which do exactly what a test says, and a plain connector that talks to them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date
from ssl import SSLContext
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from recoup.connectors.base import (
    Account,
    Addresses,
    Capabilities,
    Card,
    Change,
    Charge,
    Credential,
    Defaults,
    Exchange,
    HttpRequest,
    Initiator,
    Question,
    no_readable_answer,
)
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    Approved,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Unknown,
    Withdrawn,
)

PATIENT_S: Final = 20.0
"""For tests that end by themselves, however busy the machine is."""
HASTY_S: Final = 0.8
HASTY_CONNECT_S: Final = 0.6
SLOTS: Final = 3
ACCOUNT: Final = UUID(int=1)
OTHER_ACCOUNT: Final = UUID(int=2)
NUMBER: Final = "4242424242424242"
API_KEY: Final = "sk_live_very_secret"


def reply(
    body: str = '{"state": "approved", "id": "ch_1"}', *, status: str = "200 OK", extra: str = ""
) -> bytes:
    """A whole HTTP/1.1 reply."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n{body}".encode()


Heard = Callable[[bytes], Awaitable[None]]


class Peer:
    """The processor's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, heard: Heard) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = heard

    async def request(self) -> bytes:
        """Read one request whole."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        request = head + await self._reader.readexactly(length)
        await self._heard(request)
        return request

    async def say(self, data: bytes) -> None:
        """Write, and wait until it is with the kernel."""
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """Close with a reset instead of a farewell."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def hang_up(self) -> None:
        """Close, and wait until that is done."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


Script = Callable[[Peer], Awaitable[None]]


async def approve(peer: Peer) -> None:
    """Answer every request of a connection with an approval."""
    while True:
        await peer.request()
        await peer.say(reply())


class Processor:
    """A server on loopback that follows a script on each connection, and counts."""

    def __init__(self, script: Script = approve, *, tls: SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._arrival = asyncio.Condition()
        self._talks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.requests: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self._port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        peer = Peer(reader, writer, heard=self._note)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._script(peer)
        writer.close()

    async def _note(self, request: bytes) -> None:
        async with self._arrival:
            self.requests.append(request)
            self._arrival.notify_all()

    async def asked(self, times: int) -> None:
        """Wait until that many requests have been read."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= times)

    def follow(self, script: Script) -> None:
        """Follow another script from the next connection on."""
        self._script = script

    async def stop_listening(self) -> None:
        """Refuse new connections; those that are open stay."""
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        """Where it listens, `/v1` behind it."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._port}/v1"


def closed_port() -> str:
    """A URL at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}/v1"


def charge() -> Charge:
    """A charge of 49.99 dollars."""
    return Charge(
        key="att_1",
        payment_key="pay_1",
        amount=Money(4999, "USD"),
        source=Card(Secret(NUMBER), 12, 2030, "visa"),
        capture=True,
        initiator=Initiator.CUSTOMER,
        today=date(2026, 11, 22),
    )


CHANGE: Final = Change(key="cap_1", charge_key="att_1", charge_reference="ch_1", amount=Money(4999, "USD"))
QUESTION: Final = Question(key="att_1", brand="visa", today=date(2026, 11, 22))


def account(url: str) -> Account:
    """An account at that processor."""
    return Account(url, {"api_key": Secret(API_KEY)})


class Plain(Defaults):
    """One request a verb; 200 with `state: approved` is approval or done, anything else is not understood."""

    name = "plain"
    test_mode_only = False
    credentials: Final = {"api_key": Credential("The key.")}
    addresses = Addresses(None, None)
    capabilities = Capabilities(
        currencies=None,
        countries=None,
        brands=frozenset({"visa"}),
        manual_capture=True,
        multiple_captures=True,
        partial_refunds=True,
        stored_credentials=True,
        lookup=True,
        withdraw=True,
    )

    def __init__(self, *, method: str = "POST") -> None:
        self._method = method

    def _post(self, account: Account, path: str) -> Exchange[Approved | Unknown]:
        response = yield HttpRequest(
            self._method,
            f"{account.base_url}/{path}",
            headers={"Content-Type": "application/json"},
            secret_headers={"Authorization": f"Bearer {account.credentials['api_key'].reveal()}"},
            body=b'{"amount":4999}' if self._method != "GET" else b"",
        )
        match response.json():
            case {"state": "approved", "id": str(reference)} if response.status == 200:
                return Approved(reference)
            case _:
                return no_readable_answer(response)

    def _follow_up(self, account: Account, path: str) -> Exchange[Done | Unknown]:
        answer = yield from self._post(account, path)
        return Done(answer.reference) if isinstance(answer, Approved) else answer

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        del charge
        return (yield from self._post(account, "charges"))

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        return (yield from self._follow_up(account, f"charges/{change.charge_reference}/capture"))

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        return (yield from self._follow_up(account, f"charges/{change.charge_reference}/cancel"))

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        return (yield from self._follow_up(account, f"charges/{change.charge_reference}/refund"))

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        return (yield from self._post(account, f"charges/{question.key}"))

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        return (yield from self._follow_up(account, f"changes/{question.key}"))

    def withdraw(self, account: Account, question: Question) -> Exchange[Evidence | Withdrawn]:
        return (yield from self._post(account, f"charges/{question.key}/withdraw"))

    def withdraw_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence | Withdrawn]:
        return (yield from self._follow_up(account, f"changes/{question.key}/withdraw"))
