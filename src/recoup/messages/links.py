"""The links that customers get: what they open, for how long, and a keyed hash that only we can make.

A link names a merchant and a recovery (to pay, or to give another card), a message (to get no more of them) or another
billing date (to agree to it). It opens that and nothing else. Who has the link may use it, so it shows nothing that its
owner would not tell.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final
from uuid import UUID

from recoup.kit.secret import Secret

_ID_BYTES: Final = 16
_TIME_BYTES: Final = 6
_HASH_BYTES: Final = 32
_NAMED_BYTES: Final = 1 + 2 * _ID_BYTES + _TIME_BYTES
_TOKEN_LENGTH: Final = -(-(_NAMED_BYTES + _HASH_BYTES) * 4 // 3)


class Opens(IntEnum):
    """What a link opens."""

    PAY = 1
    UNSUBSCRIBE = 2
    INVOICE = 3
    BILLING_DATE = 4


@dataclass(frozen=True, slots=True)
class Named:
    """What a token names, and until when."""

    merchant_id: UUID
    object_id: UUID
    until: datetime


class Links:
    """Makes links, and reads their tokens."""

    def __init__(self, secret: Secret, public_url: Callable[[], str]) -> None:
        self._key = secret.reveal().encode()
        self._public_url = public_url

    def pay(self, merchant_id: UUID, recovery_id: UUID, *, until: datetime) -> str:
        """Where a customer pays what a recovery is about."""
        return f"{self._public_url()}/pay/{self._token(Opens.PAY, merchant_id, recovery_id, until)}"

    def unsubscribe(self, merchant_id: UUID, message_id: UUID, *, until: datetime) -> str:
        """Where they say that they want no more messages."""
        return f"{self._public_url()}/unsubscribe/{self._token(Opens.UNSUBSCRIBE, merchant_id, message_id, until)}"

    def invoice(self, merchant_id: UUID, invoice_id: UUID, *, until: datetime) -> str:
        """Where they see an invoice, and pay it."""
        return f"{self._public_url()}/invoices/{self._token(Opens.INVOICE, merchant_id, invoice_id, until)}"

    def billing_date(self, merchant_id: UUID, change_id: UUID, *, until: datetime) -> str:
        """Where they agree to another billing date, or do not."""
        return f"{self._public_url()}/billing-date/{self._token(Opens.BILLING_DATE, merchant_id, change_id, until)}"

    def named_by(self, token: str, opens: Opens) -> Named | None:
        """What a token names; None where we did not make it, or for something else."""
        if len(token) != _TOKEN_LENGTH or not token.isascii():
            return None
        try:
            found = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        named, hashed = found[:-_HASH_BYTES], found[-_HASH_BYTES:]
        if len(named) != _NAMED_BYTES or not hmac.compare_digest(hashed, self._hash(named)):
            return None
        if _spelled(found) != token:  # the last character has spare bits, which a decoder overlooks
            return None
        if named[0] != opens:
            return None
        ids = named[1 : 1 + 2 * _ID_BYTES]
        seconds = int.from_bytes(named[-_TIME_BYTES:], "big")
        return Named(
            UUID(bytes=ids[:_ID_BYTES]), UUID(bytes=ids[_ID_BYTES:]), datetime.fromtimestamp(seconds, UTC)
        )

    def _token(self, opens: Opens, merchant_id: UUID, object_id: UUID, until: datetime) -> str:
        seconds = int(until.timestamp()).to_bytes(_TIME_BYTES, "big")
        named = bytes([opens]) + merchant_id.bytes + object_id.bytes + seconds
        return _spelled(named + self._hash(named))

    def _hash(self, named: bytes) -> bytes:
        return hmac.digest(self._key, named, hashlib.sha256)


def _spelled(token: bytes) -> str:
    """The one way in which a token is written."""
    return urlsafe_b64encode(token).decode().rstrip("=")
