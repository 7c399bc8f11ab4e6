"""TLS: until both sides have agreed, no request was written."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.gateway.processors import (
    ACCOUNT,
    PATIENT_S,
    SLOTS,
    Peer,
    Plain,
    Processor,
    account,
    charge,
)

from recoup.gateway import Gateway
from recoup.kit.clock import SystemClock
from recoup.outcomes.core import Approved, Outcome, Unknown, Unprocessed


@dataclass(frozen=True, slots=True)
class _Certificate:
    pem: Path

    def server_side(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.pem))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> _Certificate:
    """A certificate for 127.0.0.1 that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "processor.test")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path_factory.mktemp("tls") / "processor.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return _Certificate(pem)


@pytest.fixture
async def trusting(certificate: _Certificate) -> AsyncIterator[Gateway]:
    """A gateway that trusts this certificate."""
    async with Gateway(
        now=SystemClock().now,
        timeout_s=PATIENT_S,
        connect_timeout_s=PATIENT_S / 2,
        in_flight_per_account_max=SLOTS,
        tls=certificate.trusted(),
    ) as gateway:
        yield gateway


async def _charge(gateway: Gateway, url: str) -> Outcome:
    return (await gateway.charge(Plain(), account(url), charge(), account_id=ACCOUNT)).outcome


def _https(url: str) -> str:
    return url.replace("http://", "https://")


async def test_a_trusted_processor_is_asked(trusting: Gateway, certificate: _Certificate) -> None:
    async with Processor(tls=certificate.server_side()) as processor:
        assert await _charge(trusting, processor.url) == Approved("ch_1")


async def test_an_untrusted_certificate_gets_nothing(gateway: Gateway, certificate: _Certificate) -> None:
    async with Processor(tls=certificate.server_side()) as processor:
        assert isinstance(await _charge(gateway, processor.url), Unprocessed)
        assert not processor.requests


async def test_a_certificate_for_another_name_gets_nothing(
    trusting: Gateway, certificate: _Certificate
) -> None:
    async with Processor(tls=certificate.server_side()) as processor:
        outcome = await _charge(trusting, processor.url.replace("127.0.0.1", "localhost"))
        assert isinstance(outcome, Unprocessed)
        assert not processor.requests


async def test_a_processor_without_tls_gets_nothing(gateway: Gateway) -> None:
    async def script(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with Processor(script) as processor:
        assert isinstance(await _charge(gateway, _https(processor.url)), Unprocessed)


async def test_a_close_in_the_middle_of_the_handshake_is_never_left(gateway: Gateway) -> None:
    async def script(peer: Peer) -> None:
        await peer.hang_up()

    async with Processor(script) as processor:
        assert isinstance(await _charge(gateway, _https(processor.url)), Unprocessed)


async def test_silence_in_the_middle_of_the_handshake_is_never_left(hasty: Gateway) -> None:
    async def script(peer: Peer) -> None:
        await asyncio.Event().wait()

    async with Processor(script) as processor:
        outcome = await _charge(hasty, _https(processor.url))
        assert outcome == Unprocessed("not sent: no connection in time")


async def test_a_gateway_closed_in_the_middle_of_the_handshake_sends_nothing(
    trusting: Gateway, certificate: _Certificate
) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    heard: list[bytes] = []

    class Hears(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            heard.append(data)

        def connection_lost(self, exc: Exception | None) -> None:
            ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        paying = asyncio.create_task(_charge(trusting, url))
        accepted, _ = await loop.sock_accept(listener)
        await trusting.close()
        await loop.connect_accepted_socket(Hears, accepted, ssl=certificate.server_side())
        assert isinstance(await paying, Unprocessed)
        await ended.wait()
        assert not heard


async def test_a_refusal_after_the_handshake_is_unknown(trusting: Gateway, certificate: _Certificate) -> None:
    """In TLS 1.3 a server that misses our certificate says so only after we have begun to write."""
    demanding = certificate.server_side()
    demanding.minimum_version = ssl.TLSVersion.TLSv1_3
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.load_verify_locations(certificate.pem)
    async with Processor(tls=demanding) as processor:
        assert isinstance(await _charge(trusting, processor.url), Unknown)


async def test_a_close_after_the_request_is_unknown(trusting: Gateway, certificate: _Certificate) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with Processor(script, tls=certificate.server_side()) as processor:
        assert isinstance(await _charge(trusting, processor.url), Unknown)
