"""Sends one webhook and reads what comes back: never more than is kept, never from where it must not go.

A name is resolved here, every address of it is judged, and the connection is made to an address that was judged. The
sockets are made by a function that judges once more, so that nothing in between can lead elsewhere. Test mode, which
may reach the machine itself, has connections of its own: a live webhook can never leave over one of them.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from recoup.kit.cardlike import without_card_numbers
from recoup.kit.clock import Clock
from recoup.webhooks.core.addresses import Network, address_of, may_be_sent_to
from recoup.webhooks.core.deliveries import REPLY_BYTES_KEPT
from recoup.webhooks.core.endpoints import Target
from recoup.webhooks.core.schedule import Answered, retry_after
from recoup.webhooks.core.signing import headers
from recoup.webhooks.flow.names import Names

CONNECT_TIMEOUT_S: Final = 5.0
TIMEOUT_S: Final = 15.0
"""From the first byte we send to the last that we read."""
REPLY_BYTES_READ: Final = 64 * 1024
"""An answer that goes on after this ends its connection; its status counts."""
KEEP_ALIVE_S: Final = 30.0
CONNECTIONS_MAX: Final = 512
_FORBIDDEN: Final = "not sent: the endpoint's name leads to an address that webhooks are not sent to"
_HEADERS: Final = {
    "Content-Type": "application/json",
    "User-Agent": "Recoup-Webhooks/1",
    "Accept-Encoding": "identity",
}


class _Forbidden(OSError):
    """An address that no webhook goes to."""


class _Judge(AbstractResolver):
    """Resolves names, and refuses one that leads to any forbidden address."""

    def __init__(self, *, livemode: bool, allowed: Sequence[Network], resolver: AbstractResolver) -> None:
        self._livemode = livemode
        self._allowed = allowed
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name; raises OSError."""
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            self.judge(one["host"])
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._resolver.close()

    def judge(self, host: str) -> None:
        """Raises where an address, written out, is forbidden."""
        address = address_of(host)
        if address is None or not may_be_sent_to(address, livemode=self._livemode, allowed=self._allowed):
            raise _Forbidden(_FORBIDDEN)

    def make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket of a connection that is about to be made."""
        family, type_, protocol, _, place = info
        self.judge(str(place[0]))
        made = socket.socket(family, type_, protocol)
        made.settimeout(0)
        return made


class Sender:
    """Sends webhooks. `tls` stands in for the machine's own certificate authorities, `resolver` for its names."""

    def __init__(
        self,
        *,
        clock: Clock,
        allowed: Sequence[Network] = (),
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._clock = clock
        self._allowed = tuple(allowed)
        self._timeout_s = timeout_s
        self._tls = tls
        self._resolver = resolver
        self._sessions: Mapping[bool, aiohttp.ClientSession] = {}
        self._judges: Mapping[bool, _Judge] = {}

    async def open(self) -> None:
        """Make ready to send."""
        resolver = self._resolver or Names()
        self._judges = {
            livemode: _Judge(livemode=livemode, allowed=self._allowed, resolver=resolver)
            for livemode in (False, True)
        }
        tls = self._tls or ssl.create_default_context()
        self._sessions = {livemode: self._session(judge, tls) for livemode, judge in self._judges.items()}

    def _session(self, judge: _Judge, tls: ssl.SSLContext) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=judge,
            use_dns_cache=False,
            ssl=tls,
            limit=CONNECTIONS_MAX,
            keepalive_timeout=KEEP_ALIVE_S,
            socket_factory=judge.make_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()

    async def send(self, target: Target, message_id: str, body: bytes) -> tuple[Answered, int]:
        """Send a message; what came back, and after how many milliseconds. Raises nothing that a network can do."""
        signed = headers(message_id, body, secrets=target.secrets, now=self._clock.now())
        began = perf_counter()
        answered = await self._answered(target, signed | _HEADERS, body)
        return answered, round((perf_counter() - began) * 1000)

    async def _answered(self, target: Target, sent: Mapping[str, str], body: bytes) -> Answered:
        url = URL(target.url)
        if target.livemode and url.scheme != "https":
            return Answered(None, error="not sent: live webhooks go over https only")
        try:
            if url.host is not None and address_of(url.host) is not None:
                self._judges[target.livemode].judge(url.host)
            async with self._sessions[target.livemode].post(
                url, data=body, headers=sent, allow_redirects=False
            ) as response:
                return await self._read(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answered(None, error=_why(error))

    async def _read(self, response: aiohttp.ClientResponse) -> Answered:
        """The status decides, also where the answer's body is too long or breaks off."""
        wait = retry_after(response.headers.get("Retry-After"), now=self._clock.now())
        try:
            reply = await _beginning(response)
        except (aiohttp.ClientError, OSError):
            reply = None
        error = None
        if 300 <= response.status < 400:
            error = "redirects are not followed: set the endpoint's url to where it leads"
        return Answered(response.status, reply, error, None if 200 <= response.status < 300 else wait)


async def _beginning(response: aiohttp.ClientResponse) -> str | None:
    """What is kept of an answer. One that does not end soon is cut off, with its connection."""
    kept, read = b"", 0
    async for chunk in response.content.iter_any():
        kept += chunk[: REPLY_BYTES_KEPT - len(kept)]
        read += len(chunk)
        if read > REPLY_BYTES_READ:
            response.close()
            break
    text = kept.decode("utf-8", errors="replace").replace("\x00", "�")
    return without_card_numbers(text) if text else None


_WORDS: Final[Sequence[tuple[type[BaseException], str]]] = (
    (_Forbidden, _FORBIDDEN),
    (aiohttp.ClientConnectorCertificateError, "not sent: the endpoint's certificate is not valid"),
    (ssl.SSLCertVerificationError, "not sent: the endpoint's certificate is not valid"),
    (ssl.SSLError, "not sent: no TLS connection could be agreed"),
    (socket.gaierror, "not sent: the endpoint's host name was not resolved"),
    (aiohttp.ConnectionTimeoutError, "not sent: no connection in time"),
    (TimeoutError, "no whole answer in time"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before an answer came"),
    (ConnectionRefusedError, "not sent: the connection was refused"),
    (OSError, "the connection failed"),
)
"""What went wrong, the first that fits."""


def _why(error: BaseException) -> str:
    """In words, without what the other side wrote."""
    certificate = isinstance(error, aiohttp.ClientConnectorCertificateError)
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) and not certificate else error
    found = (words for kind, words in _WORDS if isinstance(cause, kind))
    return next(found, f"the exchange failed: {type(cause).__name__}")
