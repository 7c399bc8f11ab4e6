"""The line between what certainly did not leave and what may have arrived, at a server that misbehaves anywhere."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.messages.mailbox import HANG_UP, SILENCE, Mailbox, mailbox, plain

from recoup.kit.secret import Secret
from recoup.messages.mail import Lost, Mailer, PutOff, Refused, Security, Server, Taken

TO = "ann@home.example"


def server(box: Mailbox, **more: Any) -> Server:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": box.port,
        "security": Security.NONE,
        "sender": "billing@shop.example",
        "timeout_s": 5.0,
    }
    return Server(**(given | more))


def letter() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "billing@shop.example", TO, "Fällig"
    made.set_content(".\n..\nGrüße\n", cte="quoted-printable")
    return made


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mailbox() as box:
        assert await Mailer(server(box)).send(letter(), to=TO) == Taken()
    ((to, came),) = box.letters
    assert (to, came["Subject"], plain(came)) == (TO, "Fällig", ".\n..\nGrüße\n")


@pytest.mark.parametrize(
    ("says", "ends"),
    [
        ({"greeting": HANG_UP}, PutOff),
        ({"greeting": "554 not you"}, PutOff),
        ({"mail": "550 sender unknown"}, PutOff),
        ({"mail": HANG_UP}, PutOff),
        ({"rcpt": "450 later"}, PutOff),
        ({"rcpt": "550 nobody there"}, Refused),
        ({"rcpt": HANG_UP}, PutOff),
        ({"data": "451 no room"}, PutOff),
        ({"data": "554 no"}, Refused),
        ({"text": "452 no room"}, PutOff),
        ({"text": "554 spam"}, Refused),
        ({"text": HANG_UP}, Lost),
        ({"text": SILENCE}, Lost),
    ],
    ids=str,
)
async def test_only_what_was_given_without_an_answer_may_have_arrived(
    says: dict[str, str], ends: type
) -> None:
    async with mailbox(None, **says) as box:
        timeout_s = 0.3 if SILENCE in says.values() else 5.0
        handed = await Mailer(server(box, timeout_s=timeout_s)).send(letter(), to=TO)
    assert type(handed) is ends, handed
    assert bool(box.letters) is ("text" in says), "what was not given cannot have arrived"
    if isinstance(handed, Refused):
        assert handed.address is ("rcpt" in says), "only there is nobody at the address"


async def test_a_goodbye_that_fails_takes_nothing_back() -> None:
    async with mailbox(goodbye=HANG_UP) as box:
        assert await Mailer(server(box)).send(letter(), to=TO) == Taken()


async def test_where_nobody_listens_nothing_left() -> None:
    async with mailbox() as box:
        pass
    assert isinstance(await Mailer(server(box)).send(letter(), to=TO), PutOff)
    assert isinstance(await Mailer(None).send(letter(), to=TO), PutOff)


async def test_a_server_that_never_ends_a_conversation_keeps_nobody_elses_threads() -> None:
    """Names of hosts are looked up by the loop's own threads: without those nobody is charged any more."""
    over = asyncio.Event()

    async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not over.is_set():
            writer.write(b"220-wait\r\n")
            await asyncio.sleep(0.02)
        writer.close()

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with await asyncio.start_server(drips, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        mailer = Mailer(Server("127.0.0.1", port, Security.NONE, "billing@shop.example", timeout_s=0.2))
        assert isinstance(await mailer.send(letter(), to=TO), Lost)
        try:
            async with asyncio.timeout(5):
                assert await asyncio.to_thread(len, TO) == len(TO)
        finally:
            over.set()


def authority(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's certificate, and who believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    day = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(pem, secret)
    return serves, ssl.create_default_context(cafile=str(pem))


async def test_a_password_travels_encrypted_or_not_at_all(tmp_path: Path) -> None:
    serves, trusts = authority(tmp_path)
    secured: dict[str, Any] = {
        "host": "localhost",
        "security": Security.STARTTLS,
        "user": "us",
        "password": Secret("hush"),
    }
    async with mailbox(tls=serves) as box:
        mailer = Mailer(server(box, **secured, trusted=trusts))
        assert await mailer.send(letter(), to=TO) == Taken()
        assert (box.encrypted, len(box.logins)) == ([True], 1)
        stranger = Mailer(server(box, **secured))
        assert isinstance(await stranger.send(letter(), to=TO), PutOff), "nobody vouches for this server"
    async with mailbox() as box:
        mailer = Mailer(server(box, **secured, trusted=trusts))
        assert isinstance(await mailer.send(letter(), to=TO), PutOff), "it cannot encrypt"
    assert (box.letters, box.logins) == ([], [])
    assert "hush" not in repr(server(box, **secured))
