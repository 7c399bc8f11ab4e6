"""The encryption: what is sealed under which key, and what binds a sealed thing to its place.

Three layers. A master key, kept outside the database, wraps the keys of each tenant. A tenant's data key seals its
cards and credentials. What is sealed names the row that it belongs to as additional data, so that bytes moved to
another row, or another tenant's, do not open. A tenant's fingerprint key recognises a card without reading it; it is
wrapped in a row of its own, so that neither a new data key nor a new master key changes a fingerprint.

Everything is AES-256-GCM with a nonce of 96 random bits in front. With random nonces a key is good for 2^32 seals (NIST
SP 800-38D, 2007, section 8.3), which no tenant comes near.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from recoup.kit.ids import Entropy

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_VERSION: Final = b"\x01"


class Unreadable(Exception):
    """Sealed bytes that this key, or this place, does not open: the wrong key, or an altered row."""


class Key:
    """A 256-bit key. It has no repr but its name, and no serialiser takes it."""

    __slots__ = ("_aead", "_bytes")

    def __init__(self, raw: bytes) -> None:
        assert len(raw) == KEY_BYTES, "a key has 256 bits"
        self._bytes = raw
        self._aead = AESGCM(raw)

    def __repr__(self) -> str:
        return "Key(***)"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")

    def seal(self, plain: bytes, *, aad: bytes, entropy: Entropy) -> bytes:
        """Encrypt; only the same `aad` opens it."""
        nonce = entropy(NONCE_BYTES)
        assert len(nonce) == NONCE_BYTES, "entropy gives as many bytes as are asked for"
        return _VERSION + nonce + self._aead.encrypt(nonce, plain, _VERSION + aad)

    def unseal(self, sealed: bytes, *, aad: bytes) -> bytes:
        """Decrypt; raises `Unreadable`."""
        if len(sealed) < len(_VERSION) + NONCE_BYTES + _TAG_BYTES or not sealed.startswith(_VERSION):
            raise Unreadable("these bytes were not sealed here")
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, body, _VERSION + aad)
        except InvalidTag:
            raise Unreadable("sealed under another key or for another place, or altered since") from None

    def wrap(self, inner: Key, *, aad: bytes, entropy: Entropy) -> bytes:
        """Encrypt another key under this one."""
        return self.seal(inner._bytes, aad=aad, entropy=entropy)

    def unwrap(self, wrapped: bytes, *, aad: bytes) -> Key:
        """The key that was wrapped; raises `Unreadable`."""
        return Key(self.unseal(wrapped, aad=aad))

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA256: 32 bytes that only a holder of the key can compute."""
        return hmac.digest(self._bytes, message, hashlib.sha256)

    def derive(self, purpose: bytes) -> Key:
        """Another key for one purpose (HKDF-SHA256, RFC 5869, 2010)."""
        return Key(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(self._bytes))
