"""A route made ready: its parsers built, its laws checked, and what stands before its handler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from recoup.http.answers import VERSIONS
from recoup.http.parsing import BodyParser, Nothing, QueryParser
from recoup.http.routes import Auth, Caller, Claim, Idempotency, Reply, Route
from recoup.kit.refusals import Refusal, RefusalType, invalid

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
TOKEN_LENGTH_MAX: Final = 256
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")

_encode = msgspec.json.Encoder().encode


class Bound:
    """A route with everything about it that can be worked out before a request comes."""

    def __init__(self, route: Route) -> None:
        _check(route)
        self.route = route
        self.query = QueryParser(route.query or Nothing)
        takes_json = route.method in WITH_BODY and route.upload is None
        self.body = BodyParser(route.body or Nothing) if takes_json else None
        for example in route.examples.values():
            assert self.body is not None, f"{route.path}: an example for a route without a body"
            self.body.parse(msgspec.json.encode(example))

    def parse_query(self, raw: bytes) -> Any:
        """The query that the handler asked for, or None where it asked for none."""
        query = self.query.parse(raw)
        return query if self.route.query is not None else None

    def parse_body(self, raw: bytes) -> Any:
        """The body that the handler asked for, or None where it asked for none."""
        if self.body is None:
            return None
        body = self.body.parse(raw)
        return body if self.route.body is not None else None

    def canonical(self, body: Any) -> bytes:
        """The same bytes for all ways of writing the same body."""
        if self.route.upload is not None:
            return bytes(body)
        return self.body.canonical(body) if self.body is not None and body is not None else b""

    def permit(self, caller: Caller) -> None:
        """Refuses (403) a key that does not open this route."""
        if self.route.auth is Auth.SECRET and caller.key_kind != "secret":
            raise Refusal(
                RefusalType.PERMISSION,
                "secret_key_required",
                "A publishable key does not open this: call it from your server, with a secret key (`sk_…`).",
            )
        if self.route.test_mode_only and caller.merchant.livemode:
            raise Refusal(
                RefusalType.PERMISSION,
                "test_mode_only",
                "This exists in test mode only: use a test key (`sk_test_…`).",
            )

    def reply(self, result: msgspec.Struct | Reply) -> Reply:
        """A handler's result, encoded."""
        return result if isinstance(result, Reply) else Reply(self.route.status, _encode(result))

    def key(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The idempotency key of a request to this route; refuses (400) what is none."""
        raw = headers.get(b"idempotency-key")
        if raw is None or self.route.idempotency is Idempotency.NONE:
            return None
        if _KEY.fullmatch(raw) is None:
            raise invalid(
                "invalid_idempotency_key",
                "An Idempotency-Key has 1 to 255 visible ASCII characters and no space: a UUID does well.",
                param="Idempotency-Key",
            )
        return raw.decode("ascii")


def claim_of(key: str | None, *, fingerprint: bytes, at: datetime) -> Claim | None:
    """The claim that a request makes."""
    return Claim(key, fingerprint, at) if key is not None else None


def _check(route: Route) -> None:
    where = f"{route.method} {route.path}"
    assert route.method in METHODS, f"{where}: no method of ours"
    assert route.path.startswith("/") and not route.path.endswith("/"), f"{where}: /a/path"
    assert route.method in WITH_BODY or route.body is None, f"{where}: {route.method} takes no body"
    assert route.method in WITH_BODY or route.idempotency is Idempotency.NONE, f"{where}: it takes no key"
    assert route.upload is None or (route.body is None and route.method in WITH_BODY), (
        f"{where}: a file is a body"
    )
    keyed = route.idempotency is not Idempotency.NONE
    assert not keyed or route.auth is not Auth.NONE, f"{where}: keys belong to a merchant"


def check_version(headers: Mapping[bytes, bytes]) -> None:
    """Refuses (400) a version that this server does not speak."""
    version = headers.get(b"recoup-version")
    if version is not None and version.decode("latin-1") not in VERSIONS:
        raise invalid(
            "unknown_version",
            f"This server speaks version {', '.join(VERSIONS)}: send that in Recoup-Version, or leave it out.",
            param="Recoup-Version",
        )


def bearer(headers: Mapping[bytes, bytes]) -> str:
    """The API key of a request; refuses (401) where there is none."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not 0 < len(token) <= TOKEN_LENGTH_MAX or not token.isascii():
        raise Refusal(
            RefusalType.AUTHENTICATION,
            "api_key_missing",
            "Send your API key: `Authorization: Bearer sk_test_…`.",
        )
    return token.decode("ascii")


def unknown_key() -> Refusal:
    """A key that opens nothing (401)."""
    return Refusal(
        RefusalType.AUTHENTICATION,
        "api_key_invalid",
        "No such API key, or it was revoked: check that it is whole and belongs to this server.",
    )
