"""Tenants and API keys: what a key says, and what is kept of it.

A merchant has a test side and a live side, each a tenant of its own, so that their data cannot meet. A key reads
`sk_test_<26 letters: the tenant><52 letters: 256 random bits>`. It names its tenant, so that looking it up touches one
tenant's rows only; what is kept is the SHA-256 of the whole text, which is enough for text that nobody can guess.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.kit.ids import TEXT_LENGTH, Entropy, Kind, parse, render
from recoup.kit.secret import Secret

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_SECRET_BYTES: Final = 32
_SECRET_LETTERS: Final = 52
_HINT_LETTERS: Final = 4
_SHAPE: Final = re.compile(
    rf"(?P<kind>sk|pk)_(?P<mode>test|live)_(?P<tenant>[{_ALPHABET}]{{{TEXT_LENGTH}}})[{_ALPHABET}]{{{_SECRET_LETTERS}}}"
)


class KeyKind(StrEnum):
    """What a key may do: a secret key everything, a publishable key what a shopper's browser needs."""

    SECRET = "secret"  # noqa: S105 - a kind of key, not a key
    PUBLISHABLE = "publishable"


_PREFIXES: Final = {KeyKind.SECRET: "sk", KeyKind.PUBLISHABLE: "pk"}
_KINDS: Final = {prefix: kind for kind, prefix in _PREFIXES.items()}


@dataclass(frozen=True, slots=True)
class Merchant:
    """One side of a merchant: a tenant. Its now is the clock's now plus `clock_offset`, which is zero in live mode."""

    id: UUID
    livemode: bool
    clock_offset: timedelta = timedelta(0)

    def now(self, wall: datetime) -> datetime:
        """This tenant's time when the machine's clock shows `wall`."""
        return wall + self.clock_offset


@dataclass(frozen=True, slots=True)
class MerchantPair:
    """The two sides of one merchant."""

    name: str
    test: Merchant
    live: Merchant


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    merchant: Merchant
    key_id: UUID
    key_kind: KeyKind


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept and shown of a key: `hint` is its beginning and its last letters."""

    id: UUID
    kind: KeyKind
    hint: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is made: the only time that its text exists here."""

    text: Secret
    digest: bytes = field(repr=False)
    hint: str


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """What a key says of itself, which proves nothing yet."""

    kind: KeyKind
    livemode: bool
    merchant_id: UUID
    digest: bytes = field(repr=False)


def make_key(kind: KeyKind, merchant_id: UUID, *, livemode: bool, entropy: Entropy) -> NewKey:
    """A new key for a tenant; `entropy(n)` gives n random bytes."""
    chance = int.from_bytes(entropy(_SECRET_BYTES), "big") << (5 * _SECRET_LETTERS - 8 * _SECRET_BYTES)
    letters = "".join(_ALPHABET[chance >> 5 * place & 31] for place in reversed(range(_SECRET_LETTERS)))
    tenant = render(Kind.MERCHANT, merchant_id).partition("_")[2]
    start = f"{_PREFIXES[kind]}_{'live' if livemode else 'test'}_"
    text = f"{start}{tenant}{letters}"
    return NewKey(Secret(text), _digest(text), f"{start}…{letters[-_HINT_LETTERS:]}")


def parse_key(text: str) -> ParsedKey | None:
    """What a key says of itself, or None where the text is no key."""
    shape = _SHAPE.fullmatch(text)
    merchant_id = parse(Kind.MERCHANT, f"{Kind.MERCHANT.value}_{shape['tenant']}") if shape else None
    if shape is None or merchant_id is None:
        return None
    return ParsedKey(_KINDS[shape["kind"]], shape["mode"] == "live", merchant_id, _digest(text))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
