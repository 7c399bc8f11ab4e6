"""Seals a file for who may read it: JWE (RFC 7516) under a public key that the operator chose, never a caller.

Who calls the API may not choose the key: it would let anybody with an API key read every card.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from recoup.kit.secret import Secret

_KEY_BYTES_MAX: Final = 20_000
FILE_BYTES_MAX: Final = 32 << 20
"""Far above the largest batch, in which a card takes some sixty bytes."""


class _Files(jwe.JWERegistry):
    """What is sealed here is larger than a token."""

    max_ciphertext_length = FILE_BYTES_MAX


_HOW: Final = _Files(algorithms=["RSA-OAEP-256", "ECDH-ES", "A256GCM"])


class KeyUnusable(Exception):
    """There is no such key, or it is none; the message says what to do."""


class Recipient:
    """Who may read the files: the holder of the private half of a key."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._key = _read(file)
        if self._key.is_private:
            raise KeyUnusable(
                f"{file} is a private key: keep it where the files are read, and give the public one."
            )

    def sealed(self, plain: Secret) -> str:
        """The file for this recipient alone."""
        header = {"alg": _alg(self._key), "enc": "A256GCM", "cty": "text/csv"}
        return jwe.encrypt_compact(header, plain.reveal().encode(), self._key, registry=_HOW)


def opened(sealed: str, key_file: Path) -> Secret:
    """A sealed file in the clear, with the private key; raises `KeyUnusable`."""
    key = _read(key_file)
    try:
        found = jwe.decrypt_compact(sealed.strip(), key, registry=_HOW)
    except (JoseError, ValueError):
        raise KeyUnusable(f"{key_file} does not open this file.") from None
    assert found.plaintext is not None, "what was opened has a text"
    return Secret(found.plaintext.decode())


def _read(file: Path) -> RSAKey | ECKey:
    try:
        pem = file.read_bytes()[:_KEY_BYTES_MAX]
    except OSError as error:
        raise KeyUnusable(f"{file} cannot be read: {error.strerror}.") from None
    for kind in (RSAKey, ECKey):
        try:
            return kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
    raise KeyUnusable(f"{file} is no RSA or EC key in PEM.")


def _alg(key: RSAKey | ECKey) -> str:
    return "RSA-OAEP-256" if isinstance(key, RSAKey) else "ECDH-ES"
