"""Pages for people beside the API: no key opens them, and they answer in HTML.

A subject says what it serves by a `PublicPage`. The edge caps its visitors apart from the API's callers, and those of
one share apart from another's; it bounds their bodies, and logs the path's template only: a path may hold a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from recoup.http.answers import Answer

HTML: Final = b"text/html; charset=utf-8"
_FORM: Final = b"application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a page. Nothing of it may be logged."""

    path: Mapping[str, str] = field(repr=False)
    query: bytes = field(default=b"", repr=False)
    headers: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def parameters(self, *, at_most: int, letters: int | None = None) -> dict[str, str] | None:
        """What query and form say, the form before the query; None where they say more than so many things, or use more
        letters for it."""
        kind = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        body = self.body if kind == _FORM else b""
        found: dict[str, str] = {}
        for raw in (self.query, body):
            try:
                pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=at_most)
            except ValueError:
                return None
            found |= pairs
        if letters is not None and sum(map(len, (*found, *found.values()))) > letters:
            return None
        return found if len(found) <= at_most else None


@dataclass(frozen=True, slots=True)
class PublicPage:
    """A page at a method and a path, which is written as a route's. Pages of one `share` share their places."""

    method: str
    path: str
    serve: Callable[[Visit], Awaitable[Answer]] = field(repr=False)
    body_bytes_max: int = 0
    share: str = "people"
