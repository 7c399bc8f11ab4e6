"""Signatures by the Standard Webhooks specification (version 1.0.0, 2023-11): symmetric, HMAC-SHA256.

What is signed is `{webhook-id}.{webhook-timestamp}.{body}`. While a secret is being rotated, the old one signs beside
the new one, so that a receiver can change over at any moment between.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from recoup.kit.ids import Entropy
from recoup.kit.secret import Secret

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
"""The specification asks for 24 to 64."""
OVERLAP: Final = timedelta(hours=24)
"""How long an old secret signs beside the new one, unless told."""
OVERLAP_MAX: Final = timedelta(days=7)
SECRETS_MAX: Final = 3
"""Secrets that sign at once: rotating again ends the oldest."""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret and when it ends; None: until it is rotated."""

    secret: Secret
    until: datetime | None = None
    key: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", b64decode(self.secret.reveal().removeprefix(PREFIX)))


def new_secret(entropy: Entropy) -> SigningSecret:
    """A fresh secret."""
    return secret_of(entropy(SECRET_BYTES))


def secret_of(key: bytes) -> SigningSecret:
    """The secret whose key these bytes are."""
    return SigningSecret(Secret(PREFIX + b64encode(key).decode()))


def rotated(
    secrets: Sequence[SigningSecret], fresh: SigningSecret, *, now: datetime, overlap: timedelta
) -> tuple[SigningSecret, ...]:
    """The secrets after a rotation, newest first: what was signing goes on for `overlap` at most."""
    assert timedelta(0) <= overlap <= OVERLAP_MAX, "an overlap has limits"
    end = now + overlap
    old = [replace(one, until=end if one.until is None else min(one.until, end)) for one in secrets]
    return (fresh, *active(old, now=now))[:SECRETS_MAX]


def active(secrets: Sequence[SigningSecret], *, now: datetime) -> tuple[SigningSecret, ...]:
    """The secrets that sign now."""
    return tuple(one for one in secrets if one.until is None or now < one.until)


def headers(
    message_id: str, body: bytes, *, secrets: Sequence[SigningSecret], now: datetime
) -> dict[str, str]:
    """The headers of a message that is sent now."""
    timestamp = str(int(now.timestamp()))
    signed = b"%b.%b.%b" % (message_id.encode(), timestamp.encode(), body)
    signatures = [
        f"v1,{b64encode(hmac.digest(one.key, signed, hashlib.sha256)).decode()}"
        for one in active(secrets, now=now)
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
