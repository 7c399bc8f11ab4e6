"""A mail server that keeps what it is given, and can be told to misbehave at any step of the conversation."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

HANG_UP: Final = "hang up"
SILENCE: Final = "silence"
_GOOD: Final = {
    "greeting": "220 mailbox",
    "mail": "250 fine",
    "rcpt": "250 fine",
    "data": "354 go on",
    "text": "250 kept",
    "auth": "235 fine",
    "hello": "250 mailbox",
    "secret": "220 go on",
    "goodbye": "221 bye",
}


@dataclass
class Mailbox:
    """What came, to whom; `says` answers a step otherwise than well."""

    says: dict[str, str] = field(default_factory=dict)
    letters: list[tuple[str, EmailMessage]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation."""
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to, secret, goes_on = "", False, await self._say(writer, "greeting")
        while goes_on and (line := (await reader.readline()).decode().strip()):
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    self._offer(writer, secret=secret)
                case "STARTTLS" if self.tls is not None:
                    await self._say(writer, "secret")
                    await writer.start_tls(self.tls)
                    secret = True
                case "DATA":
                    goes_on = await self._take(reader, writer, to, secret=secret)
                case "RCPT":
                    to = rest.partition("<")[2].partition(">")[0]
                    goes_on = await self._say(writer, "rcpt")
                case other:
                    goes_on = await self._other(writer, other, rest)

    def _offer(self, writer: asyncio.StreamWriter, *, secret: bool) -> None:
        offers = [] if self.tls is None or secret else ["250-STARTTLS"]
        writer.write("".join(f"{one}\r\n" for one in ["250-mailbox", *offers, "250 AUTH PLAIN"]).encode())

    async def _other(self, writer: asyncio.StreamWriter, verb: str, rest: str) -> bool:
        match verb:
            case "MAIL":
                self.senders.append(rest)
                return await self._say(writer, "mail")
            case "AUTH":
                self.logins.append(rest)
                return await self._say(writer, "auth")
            case "QUIT":
                await self._say(writer, "goodbye")
                return False
            case _:
                return await self._say(writer, "hello")

    async def _take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: str, *, secret: bool
    ) -> bool:
        if not await self._say(writer, "data"):
            return False
        if not self._word("data").startswith("354"):
            return True
        text = await reader.readuntil(b"\r\n.\r\n")
        said = message_from_bytes(text[:-3].replace(b"\r\n..", b"\r\n."), policy=SMTP)
        assert isinstance(said, EmailMessage)
        self.letters.append((to, said))
        self.encrypted.append(secret)
        return await self._say(writer, "text")

    def _word(self, step: str) -> str:
        return self.says.get(step, _GOOD[step])

    async def _say(self, writer: asyncio.StreamWriter, step: str) -> bool:
        word = self._word(step)
        if word == SILENCE:
            await asyncio.sleep(30)
        if word in (HANG_UP, SILENCE):
            return False
        writer.write(f"{word}\r\n".encode())
        await writer.drain()
        return True


@asynccontextmanager
async def mailbox(tls: ssl.SSLContext | None = None, **says: str) -> AsyncIterator[Mailbox]:
    """A mail server on this machine while the block runs."""
    box = Mailbox(says=dict(says), tls=tls)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await box.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def plain(letter: EmailMessage) -> str:
    """The text of a letter for people who read no HTML."""
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def html(letter: EmailMessage) -> str:
    """The same with its looks."""
    body = letter.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def settings_for(box: Mailbox, **more: str) -> Mapping[str, str]:
    """The settings of a server that sends there."""
    return {
        "RECOUP_SMTP_HOST": "127.0.0.1",
        "RECOUP_SMTP_PORT": str(box.port),
        "RECOUP_SMTP_SECURITY": "none",
        "RECOUP_SMTP_FROM": "billing@shop.example",
        **more,
    }
