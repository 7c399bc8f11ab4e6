"""How CyberSource signs: our requests by its HTTP signature, its webhooks by a keyed hash over time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

import msgspec

from recoup.connectors.base import Account, Authentic, Delivery, Forged, HttpRequest
from recoup.connectors.base.webhooks import hmac_bytes, is_stale, same


def signed(account: Account, method: str, path: str, body: Mapping[str, object] | None = None) -> HttpRequest:
    """A request with the headers that its signature covers: host, date, target, digest of the body, merchant."""
    assert account.now is not None, "who asks tells the time: the processor refuses signatures of another"
    merchant, encoded = account.credential("merchant_id"), b"" if body is None else msgspec.json.encode(body)
    covered = {
        "host": urlsplit(account.base_url).netloc,
        "date": format_datetime(account.now.astimezone(UTC), usegmt=True),
        "request-target": f"{method.lower()} {path}",
    }
    headers = {"v-c-merchant-id": merchant, "Date": covered["date"], "Accept": "application/json"}
    if body is not None:
        covered["digest"] = f"SHA-256={base64.b64encode(hashlib.sha256(encoded).digest()).decode()}"
        headers |= {"Digest": covered["digest"], "Content-Type": "application/json"}
    covered["v-c-merchant-id"] = merchant
    message = "\n".join(f"{name}: {value}" for name, value in covered.items())
    signature = _signature(account.credential("shared_secret"), message.encode())
    keyid = account.credential("key_id")
    signature_header = (
        f'keyid="{keyid}", algorithm="HmacSHA256", headers="{" ".join(covered)}", signature="{signature}"'
    )
    return HttpRequest(
        method=method,
        url=f"{account.base_url}{path}",
        headers=headers,
        secret_headers={"Signature": signature_header},
        body=encoded,
    )


def verdict(account: Account, delivery: Delivery, delivery_id: str) -> Authentic | Forged:
    """Whether a webhook was signed with the account's key, now: `t` (milliseconds), `keyId` and `sig`."""
    if not account.credential("webhook_key"):
        return Forged("the account has no webhook_key")
    header = delivery.headers.get("v-c-signature", "")
    parts = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    stamp = parts.get("t", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 15):
        return Forged("the signature does not say when it was made")
    expected = _signature(account.credential("webhook_key"), stamp.encode() + b"." + delivery.body)
    if not expected or not same(expected, parts.get("sig", "")):
        return Forged("the signature does not fit")
    if is_stale(datetime.fromtimestamp(int(stamp) / 1000, UTC), delivery):
        return Forged("the signature is too old, or of the future")
    return Authentic(delivery_id)


def _signature(key: str, message: bytes) -> str:
    """In base64, by a key in base64; nothing where the key is none, which the processor then refuses."""
    try:
        return base64.b64encode(hmac_bytes(base64.b64decode(key, validate=True), message)).decode()
    except (binascii.Error, ValueError):
        return ""
