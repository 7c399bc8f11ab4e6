"""What goes over the wire to a processor and comes back, as values: nothing here sends."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

import msgspec

REPLY_BYTES_MAX: Final = 1 << 20
"""The longest reply that is read; a longer one is not understood."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to a processor. `secret_headers` are sent like `headers`, and are never logged, nor is the body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    def json(self) -> object:
        """The body as JSON, or None where it is none: a match on a shape then simply fails."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class LinkMessage:
    """A message over a link. Its answer, and no other message, carries the same `match`."""

    match: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answers:
    """What came over a link answers the message with this `match`."""

    match: str


@dataclass(frozen=True, slots=True)
class Asks:
    """What came over a link asks for this reply; with `farewell`, the other end then takes nothing new on it."""

    reply: bytes = field(repr=False)
    farewell: bool = False


class LinkProtocol(Protocol):
    """How the lasting connections of one account are spoken: pure, and equal where they may be shared.

    A message is framed by its length in `header_bytes` bytes, binary and big-endian, the header itself not counted.
    `trace` numbers the messages that belong to the connection itself.
    """

    @property
    def header_bytes(self) -> int:
        """How long the length header is."""
        ...

    def __hash__(self) -> int:
        """It is a key: requests with an equal protocol and address go over one connection."""
        ...

    def sign_on(self, now: datetime, *, trace: int) -> LinkMessage:
        """What is said first on a connection."""
        ...

    def echo(self, now: datetime, *, trace: int) -> LinkMessage:
        """What is asked on a silent connection, to hear whether somebody is there."""
        ...

    def sign_off(self, now: datetime, *, trace: int) -> LinkMessage:
        """What is said last."""
        ...

    def is_accepted(self, answer: bytes) -> bool:
        """Whether the answer to one of these three says yes."""
        ...

    def heard(self, message: bytes) -> Answers | Asks | None:
        """What a message is that came over the connection; None where it is not understood."""
        ...


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """One message to a processor that keeps a connection open and takes many messages over it at once.

    `url` is `tcp://host:port` or `tls://host:port`. `method` is the message's type, to show. The answer is the one
    message that carries `match`, and reaches the connector as an `HttpResponse` with status 200, no headers, and the
    message without its length header as body. `repeat`, where there is one, is sent in place of `body` for as long as
    no answer comes, also when the same message is asked for again: only what may safely arrive twice has one.
    """

    method: str
    url: str
    protocol: LinkProtocol
    match: str
    body: bytes = field(repr=False)
    repeat: bytes = field(default=b"", repr=False)


def decoded(body: bytes, type_: type[T]) -> T | None:
    """A body as this type, or None where it is no JSON or has another shape."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def shaped(value: object, type_: type[T]) -> T | None:
    """A value as this type, or None where it has another shape."""
    try:
        return msgspec.convert(value, type_)
    except (msgspec.ValidationError, RecursionError):
        return None


Request = HttpRequest | LinkRequest
Exchange = Generator[Request, HttpResponse, T]
"""A conversation: yields requests, is sent responses, returns a meaning."""
