"""What goes over the wire to a processor and comes back, as values: nothing here sends."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

REPLY_BYTES_MAX: Final = 1 << 20
"""The longest reply that is read; a longer one is not understood."""


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


T = TypeVar("T")
Exchange = Generator[HttpRequest, HttpResponse, T]
"""A conversation: yields requests, is sent responses, returns a meaning."""
