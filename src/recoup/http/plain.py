"""Pages that load nothing, run nothing and post to nobody but their own host, as answers."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from recoup.http.answers import Answer, Header
from recoup.http.visits import HTML

SAFE: Final[tuple[Header, ...]] = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"x-robots-tag", b"noindex"),
)
"""What keeps an address to those who have it: it is told to no other site, framed by none and found by no search."""


def page(status: int, html: str, *, nonce: str) -> Answer:
    """A page whose one style sheet stands in it, under this nonce."""
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src 'nonce-{nonce}'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
    headers = (*SAFE, (b"content-security-policy", policy.encode("ascii")))
    return Answer(status, html.encode(), headers, content_type=HTML)


def moved(url: str) -> Answer:
    """Look there now. The same host: a browser holds a form to where it may go along redirections too."""
    path = urlsplit(url).path
    return Answer(303, b"", (*SAFE, (b"location", path.encode("ascii"))), content_type=HTML)


def web(url: str | None) -> str | None:
    """An address that a browser may be sent to."""
    return url if url is not None and urlsplit(url).scheme in ("https", "http") else None
