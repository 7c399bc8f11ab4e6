"""A world's API key: it names the world, and all that must be hard to guess in it is derived from it.

The key itself is stored nowhere in the world; a digest of it is.
"""

from __future__ import annotations

import hmac
from hashlib import blake2b, sha256
from typing import Final
from uuid import UUID

from recoup.kit.ids import TEXT_LENGTH, Kind, parse, render
from recoup.kit.secret import Secret
from recoup.sandbox.core.chance import letters

_PREFIX: Final = "sbx_"
_SECRET_LENGTH: Final = 52
_LINK_PREFIX: Final = "lnk_"
_LINK_SECRET_LENGTH: Final = 34
_SECRET_LENGTHS: Final = {_PREFIX: _SECRET_LENGTH, _LINK_PREFIX: _LINK_SECRET_LENGTH}
_PREFIX_LENGTH: Final = 4
_SAVED: Final = "saved_"
_PROOF_LENGTH: Final = 26


def api_key(world_id: UUID, secret: Secret) -> Secret:
    """The key of a world, from a secret that is kept elsewhere."""
    keyed = hmac.digest(secret.reveal().encode(), b"the key of a sandbox world", "sha256")
    return Secret(f"{_PREFIX}{world_letters(world_id)}{letters(_SECRET_LENGTH, keyed, world_id)}")


def digest(key: str) -> bytes:
    """What is stored of a key. It is random enough to need no slow hash."""
    return sha256(key.encode()).digest()


def world_named_by(key: str) -> UUID | None:
    """The world that a key names, before anybody has looked whether it opens it."""
    secret_length = _SECRET_LENGTHS.get(key[:_PREFIX_LENGTH])
    if secret_length is None or len(key) != _PREFIX_LENGTH + TEXT_LENGTH + secret_length:
        return None
    return world_of_letters(key[_PREFIX_LENGTH : _PREFIX_LENGTH + TEXT_LENGTH])


def link_key(world_id: UUID, key_digest: bytes) -> Secret:
    """What a merchant signs on with to a link, where there is less room for a key: it is made of the key's digest."""
    secret = letters(_LINK_SECRET_LENGTH, key_digest, "link", world_id)
    return Secret(f"{_LINK_PREFIX}{world_letters(world_id)}{secret}")


def opens(key: str, world_id: UUID, key_digest: bytes) -> bool:
    """Whether this is the API key or the link key of a world, by the digest of its API key."""
    if key.startswith(_LINK_PREFIX):
        return hmac.compare_digest(link_key(world_id, key_digest).reveal().encode(), key.encode())
    return hmac.compare_digest(key_digest, digest(key))


def derived(key: str) -> bytes:
    """What keys the digests of a world: of requests, of unknown cards, of references."""
    return blake2b(key.encode(), digest_size=32, person=b"sandbox digests").digest()


def fingerprint(secret: bytes, *, path: str, body: bytes) -> bytes:
    """What tells one request from another; nothing of it is left out."""
    return blake2b(b"%s\0%s" % (path.encode(), body), key=secret, digest_size=32).digest()


def saved_token(secret: bytes, reference: str) -> str:
    """What a processor calls the card behind one of its charges that it was asked to remember."""
    return f"{_SAVED}{reference}_{letters(_PROOF_LENGTH, secret, 'saved', reference)}"


def saved_under(secret: bytes, token: str) -> str | None:
    """The reference in such a token, or None where the processor never gave it."""
    reference = token.removeprefix(_SAVED).rpartition("_")[0]
    known = hmac.compare_digest(saved_token(secret, reference).encode(), token.encode())
    return reference if known else None


def world_letters(world_id: UUID) -> str:
    """A world's id in 26 letters."""
    return render(Kind.MERCHANT, world_id).partition("_")[2]


def world_of_letters(text: str) -> UUID | None:
    """The world's id in 26 letters, or None where they are none."""
    return parse(Kind.MERCHANT, f"{Kind.MERCHANT.value}_{text}")
