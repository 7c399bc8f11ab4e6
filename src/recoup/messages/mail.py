"""Hands e-mails to a mail server by SMTP, and says what became of each: taken, refused, put off, or nobody knows.

The line between the last two is drawn where the text has left: until the server has asked for it, nothing can have been
sent; once it was given and no answer came, it may be on its way, and giving it again would send it twice.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from typing import Final

from recoup.kit.secret import Secret

AT_ONCE_MAX: Final = 4
"""Messages that are handed over at the same time, by a thread each: threads of their own, for names of hosts are looked
up by the others, and a mail server that never ends a conversation would stop everything."""
WHOLE_TIMES: Final = 3
"""A whole conversation may take so many times what one answer may; then nobody waits for it any more."""
WHY_MAX: Final = 300


class Security(StrEnum):
    """How the way to the mail server is kept secret."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """The mail server that takes our e-mails, and the address that they come from."""

    host: str
    port: int
    security: Security
    sender: str
    user: str | None = None
    password: Secret | None = field(default=None, repr=False)
    timeout_s: float = 10.0
    trusted: ssl.SSLContext | None = field(default=None, repr=False)
    """Whom to believe that it is the server; None: the machine's authorities."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The server took it, and will deliver it or send it back."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """The server certainly did not take it, this time."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will not take it. `address`: because there is nobody at the address."""

    why: str
    address: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """It may have been taken: the text left, and no answer came."""

    why: str


Handed = Taken | PutOff | Refused | Lost


class Mailer:
    """Speaks to one mail server."""

    def __init__(self, server: Server | None) -> None:
        self._server = server
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        self._threads = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="mail")

    @property
    def sender(self) -> str | None:
        """The address that e-mails come from; None where there is no mail server."""
        return None if self._server is None else self._server.sender

    async def send(self, message: EmailMessage, *, to: str) -> Handed:
        """Hand one e-mail over, once."""
        server = self._server
        if server is None:
            return PutOff("no mail server is set up")
        try:
            text = message.as_bytes(policy=SMTP)
        except (UnicodeError, ValueError):
            return Refused("the message cannot be written as an e-mail")
        await self._places.acquire()
        handing = asyncio.get_running_loop().run_in_executor(self._threads, _hand_over, server, text, to)
        handing.add_done_callback(lambda _: self._places.release())  # a thread that nobody waits for goes on
        try:
            async with asyncio.timeout(WHOLE_TIMES * server.timeout_s):
                return await asyncio.shield(handing)
        except TimeoutError:
            return Lost("the mail server was too slow, and may still have taken it")


def _hand_over(server: Server, text: bytes, to: str) -> Handed:
    try:
        smtp = _connected(server)
        try:
            return _asked_for(smtp, server, to) or _given(smtp, text)
        finally:
            _leave(smtp)
    except smtplib.SMTPResponseException as error:  # before the text: at the greeting, TLS or the password
        return PutOff(_said(error.smtp_code, error.smtp_error))
    except (OSError, smtplib.SMTPException) as error:
        return PutOff(f"no conversation with the mail server: {type(error).__name__}")


def _connected(server: Server) -> smtplib.SMTP:
    trusted = server.trusted or ssl.create_default_context()
    if server.security is Security.TLS:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=server.timeout_s, context=trusted
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
    try:
        if server.security is Security.STARTTLS:
            smtp.starttls(context=trusted)  # raises where the server cannot: nothing goes in the clear
        if server.user is not None and server.password is not None:
            smtp.login(server.user, server.password.reveal())
    except BaseException:
        smtp.close()
        raise
    return smtp


def _asked_for(smtp: smtplib.SMTP, server: Server, to: str) -> PutOff | Refused | None:
    """Name sender and recipient; None where the server wants the text."""
    smtp.ehlo_or_helo_if_needed()
    code, said = smtp.mail(server.sender)
    if code != 250:
        # Our own address is refused: somebody has to mend that, and no customer is to blame.
        return PutOff(_said(code, said))
    code, said = smtp.rcpt(to)
    if code in (250, 251):
        return None
    return Refused(_said(code, said), address=True) if code >= 500 else PutOff(_said(code, said))


def _given(smtp: smtplib.SMTP, text: bytes) -> Handed:
    """Give the text. From here on silence is no answer."""
    try:
        code, said = smtp.data(text)
    except smtplib.SMTPDataError as error:  # the server answered, before the text was given
        return _answered(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        return Lost(f"the mail server gave no answer to the text: {type(error).__name__}")
    return _answered(code, said)


def _answered(code: int, said: bytes | str) -> Handed:
    if code == 250:
        return Taken()
    return Refused(_said(code, said)) if code >= 500 else PutOff(_said(code, said))


def _leave(smtp: smtplib.SMTP) -> None:
    """Goodbyes are no part of the answer: the message was taken, or was not, before them."""
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        smtp.close()


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return f"{code} {plain}"[:WHY_MAX]
