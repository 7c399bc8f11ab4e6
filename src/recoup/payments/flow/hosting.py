"""Pages of ours for customers whose processor wants a form posted or a script run in their browser.

A page's address carries a token: the merchant and the attempt, and a keyed hash of both that only we can make. It
opens that page and nothing else, for as long as the attempt waits for its customer. What the browser brings back is
kept with the attempt: nothing is decided by it, and nobody is asked, until the merchant confirms the payment.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import msgspec

from recoup.db import Database
from recoup.kit.secret import Secret
from recoup.payments import store
from recoup.payments.core import Attempt, AttemptState, Snapshot
from recoup.payments.core.records import Action, Returned
from recoup.payments.writes import storable

_ID_BYTES: Final = 16
_HASH_BYTES: Final = 32
TOKEN_LENGTH: Final = 86
"""Two ids and a hash, in base64 for URLs."""

_encode: Final = msgspec.json.Encoder().encode


class Addresses:
    """Makes the addresses of pages, and reads their tokens."""

    def __init__(self, secret: Secret, public_url: Callable[[], str]) -> None:
        self._key = secret.reveal().encode()
        self._public_url = public_url

    def page(self, merchant_id: UUID, attempt_id: UUID) -> str:
        """Where the customer of an attempt is sent."""
        return f"{self._public_url()}/actions/{self._token(merchant_id, attempt_id)}"

    def callback(self, merchant_id: UUID, attempt_id: UUID) -> str:
        """Where their browser brings back what came of it."""
        return f"{self.page(merchant_id, attempt_id)}/return"

    def named_by(self, token: str) -> tuple[UUID, UUID] | None:
        """The merchant and the attempt of a token; None where we did not make it."""
        if len(token) != TOKEN_LENGTH or not token.isascii():
            return None
        try:
            found = urlsafe_b64decode(f"{token}==")
        except (binascii.Error, ValueError):
            return None
        ids, hashed = found[:-_HASH_BYTES], found[-_HASH_BYTES:]
        if len(ids) != 2 * _ID_BYTES or not hmac.compare_digest(hashed, self._hash(ids)):
            return None
        if _spelled(found) != token:  # the last character has spare bits, which a decoder overlooks
            return None
        return UUID(bytes=ids[:_ID_BYTES]), UUID(bytes=ids[_ID_BYTES:])

    def _token(self, merchant_id: UUID, attempt_id: UUID) -> str:
        ids = merchant_id.bytes + attempt_id.bytes
        return _spelled(ids + self._hash(ids))

    def _hash(self, ids: bytes) -> bytes:
        return hmac.digest(self._key, ids, hashlib.sha256)


def _spelled(token: bytes) -> str:
    """The one way in which a token is written."""
    return urlsafe_b64encode(token).decode().rstrip("=")


class Hosting:
    """What pages show, and where customers go on to."""

    def __init__(self, database: Database, addresses: Addresses) -> None:
        self._database = database
        self._addresses = addresses

    async def visited(self, token: str) -> tuple[Snapshot, Attempt] | None:
        """The payment and the attempt that a token names; None where it names none."""
        named = self._addresses.named_by(token)
        if named is None:
            return None
        merchant_id, attempt_id = named
        snapshot = await store.load_by_attempt(self._database, merchant_id=merchant_id, attempt_id=attempt_id)
        attempt = None if snapshot is None else snapshot.attempt(attempt_id)
        return None if snapshot is None or attempt is None else (snapshot, attempt)

    def callback(self, attempt: Attempt) -> str:
        """Where the page of an attempt brings back what came of it."""
        return self._addresses.callback(attempt.merchant_id, attempt.id)

    async def keep(self, attempt: Attempt, parameters: Mapping[str, str]) -> None:
        """Keep what a customer brought back, where it is still awaited; later words replace earlier ones."""
        action = awaited_action(attempt)
        if action is None:
            return
        returned = storable(_encode(Returned(action.step, dict(parameters))))
        await store.keep_returned(self._database, attempt, step=action.step, returned=returned)


def awaited_action(attempt: Attempt) -> Action | None:
    """What a page has to do for an attempt; None where it waits for nothing of the kind."""
    return attempt.action if attempt.state is AttemptState.REQUIRES_ACTION else None
