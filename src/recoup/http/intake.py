"""Reading a request's body: never more than its limit, never longer than its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from recoup.http.idempotency import CLAIM_WAIT_MS
from recoup.kit.refusals import Refusal, RefusalType

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_DISCARDED_BYTES_MAX: Final = 1 << 20
_DISCARD_SECONDS_MAX: Final = 2.0
_LENGTH_DIGITS_MAX: Final = 18


class ClientGone(Exception):
    """The client went away before its request was whole: nobody waits for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the edge takes at most."""

    requests_in_flight_max: int = 256
    visits_max: int = 64
    """Requests to the public pages of one share that are worked on, beside those."""
    visits_arriving_max: int = 256
    """Requests to the public pages of one share of which the body is still on its way."""
    uploads_max: int = 4
    """Files that are taken in at once, among those in flight: each is in memory."""
    body_bytes_max: int = 64 * 1024
    body_seconds_max: float = 10.0
    """How long a client may take to send one body."""
    claim_wait_ms: int = CLAIM_WAIT_MS
    """How long a request waits for the end of an earlier one with its idempotency key."""
    shutdown_seconds_max: float = 30.0
    """How long a shutdown waits for the requests that have begun."""


def comes_with_body(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request says that a body follows."""
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limits: Limits) -> bytes:
    """The whole body; refuses with 413 or 408, raises `ClientGone`."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or len(declared) > _LENGTH_DIGITS_MAX or int(declared) > limits.body_bytes_max:
        await _discard(receive)
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.body_seconds_max):
            return await _read(receive, limits)
    except TimeoutError:
        raise _too_slow(limits) from None


async def _read(receive: Receive, limits: Limits) -> bytes:
    message = await _part(receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return _within(body, limits)
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await _part(receive)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limits.body_bytes_max:
            await _discard(receive)
            raise _too_large(limits)
    return b"".join(parts)


def _within(body: bytes, limits: Limits) -> bytes:
    if len(body) > limits.body_bytes_max:
        raise _too_large(limits)
    return body


async def _part(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


async def _discard(receive: Receive) -> None:
    """Read on for a little, because a client that is cut off while it sends does not read why."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS_MAX):
            await _read_away(receive, _DISCARDED_BYTES_MAX)


async def _read_away(receive: Receive, bytes_max: int) -> None:
    while bytes_max > 0:
        message = await _part(receive)
        bytes_max -= len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def require_json(raw: bytes, headers: Mapping[bytes, bytes]) -> None:
    """Refuses (415) a body that does not say that it is plain JSON in UTF-8."""
    if not raw:
        return
    kind, _, parameter = headers.get(b"content-type", b"").lower().partition(b";")
    charset = parameter.strip().replace(b'"', b"")
    if kind.strip() == b"application/json" and charset in {b"", b"charset=utf-8"}:
        if headers.get(b"content-encoding", b"identity").lower() == b"identity":
            return
        raise _unsupported("Send the body uncompressed.")
    raise _unsupported("Send JSON, with `Content-Type: application/json`.")


def require_type(content_type: str, headers: Mapping[bytes, bytes]) -> None:
    """Refuses (415) a body that does not say that it is of this type, uncompressed."""
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != content_type.encode() or headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise _unsupported(f"Send the file itself, uncompressed, with `Content-Type: {content_type}`.")


def _unsupported(message: str) -> Refusal:
    return Refusal(RefusalType.INVALID_REQUEST, "unsupported_media_type", message, status=415)


def _too_large(limits: Limits) -> Refusal:
    message = f"The body is larger than {limits.body_bytes_max} bytes: send a smaller one."
    return Refusal(RefusalType.INVALID_REQUEST, "body_too_large", message, status=413)


def _too_slow(limits: Limits) -> Refusal:
    message = f"The body took longer than {limits.body_seconds_max:g} seconds to arrive: send it faster."
    return Refusal(RefusalType.INVALID_REQUEST, "body_too_slow", message, status=408)
