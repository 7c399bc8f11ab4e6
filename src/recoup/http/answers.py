"""What leaves: answers with their headers, and every refusal in one shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from recoup.kit.cardlike import without_card_numbers
from recoup.kit.refusals import Refusal, RefusalType

VERSION: Final = "2026-11-01"
VERSIONS: Final = (VERSION,)

JSON: Final = b"application/json"
_EVERY_ANSWER: Final = (
    (b"recoup-version", VERSION.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)

Header = tuple[bytes, bytes]

CLOSE: Final[Header] = (b"connection", b"close")
REPLAYED: Final[Header] = (b"idempotent-replayed", b"true")


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What was wrong with a request, and what to do about it."""

    type: Annotated[RefusalType, Meta(description="The kind of error: decide by it how to react.")]
    code: Annotated[
        str, Meta(description="The error itself, one word for programs.", examples=["missing_field"])
    ]
    message: Annotated[str, Meta(description="One sentence for people that says what to do.")]
    param: Annotated[str | None, Meta(description="The field it is about, such as `card.number`.")]
    doc_url: Annotated[str, Meta(description="Where this error is explained.")]
    request_id: Annotated[
        str, Meta(description="The request's id, as in the `Request-Id` header and the logs.")
    ]


class ErrorObject(msgspec.Struct, frozen=True):
    """The body of every answer that is a refusal."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and the headers that are its own."""

    status: int
    body: bytes = field(repr=False)
    headers: tuple[Header, ...] = ()
    content_type: bytes = JSON

    def start(self, request_id: str) -> dict[str, object]:
        """The ASGI message that opens this answer."""
        headers: list[Header] = [
            (b"content-type", self.content_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"request-id", request_id.encode("ascii")),
            *_EVERY_ANSWER,
            *self.headers,
        ]
        return {"type": "http.response.start", "status": self.status, "headers": headers}


_encode = msgspec.json.Encoder().encode


def refuse(refusal: Refusal, request_id: str, *, docs_url: str, headers: Iterable[Header] = ()) -> Answer:
    """A refusal as callers read it. What they sent may be repeated in it, but never a card number."""
    detail = ErrorDetail(
        type=refusal.type,
        code=refusal.code,
        message=without_card_numbers(refusal.message),
        param=None if refusal.param is None else without_card_numbers(refusal.param),
        doc_url=f"{docs_url}#error-{refusal.code}",
        request_id=request_id,
    )
    own = list(headers)
    if refusal.retry_after_s is not None:
        own.append((b"retry-after", b"%d" % refusal.retry_after_s))
    if refusal.type is RefusalType.AUTHENTICATION:
        own.append((b"www-authenticate", b"Bearer"))
    return Answer(refusal.http_status, _encode(ErrorObject(detail)), tuple(own))
