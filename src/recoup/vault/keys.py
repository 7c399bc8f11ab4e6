"""Master keys: the keys that wrap every other key, and that the database never sees.

One master key is the setting `master_key`, or the first line of the file `master_key_file`. Further lines of the file
are older keys that can still be read with; that is how a master key is changed:

1. put the new key in the file's first line and leave the old one below it; restart;
2. wrap every tenant's keys anew (`Vault.rewrap`), which reads no card;
3. take the old line away no sooner than a week later: until then it recognises repeated requests (`Idempotency-Key`).

Where none is given, the sandbox makes one in the data folder. Such a key dies with the folder and is in every copy of
it, so live mode refuses to work with it.
"""

from __future__ import annotations

import binascii
import contextlib
import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from recoup.kit.ids import Entropy
from recoup.kit.secret import Secret
from recoup.vault.core.envelope import KEY_BYTES, Key

GENERATED_NAME: Final = "master.key"
KEYS_MAX: Final = 16
_OWNER_ONLY: Final = 0o600
_NAME_BYTES: Final = 4
_HOW_TO_MAKE_ONE: Final = (
    f"{KEY_BYTES} random bytes in base64, as `openssl rand -base64 {KEY_BYTES}` prints them"
)


class MasterKeyUnusable(Exception):
    """There is no master key, or it is none; the message says what to do and never shows it."""


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The master keys that this process knows, by their ids; `current` wraps what is new.

    `generated` says that nobody chose the key, so that live mode is refused.
    """

    current: str
    known: Mapping[str, Key] = field(repr=False)
    generated: bool = False

    @property
    def oldest(self) -> Key:
        """The key that stays the same for as long as it is listed: the last."""
        return self.known[next(reversed(list(self.known)))]


def key_id(key: Key) -> str:
    """The name of a master key in the rows that it wraps: it tells the key to nobody."""
    return key.mac(b"recoup master key id")[:_NAME_BYTES].hex()


def read_keys(text: Secret, *, generated: bool = False) -> MasterKeys:
    """Master keys from text, one a line, the current one first; raises `MasterKeyUnusable`."""
    lines = text.reveal().split()
    if not 0 < len(lines) <= KEYS_MAX:
        raise MasterKeyUnusable(f"A master key is {_HOW_TO_MAKE_ONE}; give at least one, a line each.")
    keys = [_read_key(Secret(line)) for line in lines]
    known = {key_id(key): key for key in keys}
    return MasterKeys(key_id(keys[0]), known, generated=generated)


def load_master_keys(
    value: Secret | None, file: Path | None, *, generate_in: Path | None, entropy: Entropy
) -> MasterKeys:
    """The master keys of the settings; without any, the one generated in the folder `generate_in`.

    `generate_in` None means that none may be generated. Raises `MasterKeyUnusable`.
    """
    if value is not None:
        return read_keys(value)
    if file is not None:
        return read_keys(_read_file(file))
    if generate_in is None:
        raise MasterKeyUnusable(f"Set master_key or master_key_file: {_HOW_TO_MAKE_ONE}.")
    path = generate_in / GENERATED_NAME
    if not path.exists():
        _generate(path, entropy)
    return read_keys(_read_file(path), generated=True)


def _read_key(text: Secret) -> Key:
    try:
        raw = b64decode(text.reveal(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise MasterKeyUnusable(f"A line of the master key is not {_HOW_TO_MAKE_ONE}.")
    return Key(raw)


def _read_file(path: Path) -> Secret:
    try:
        return Secret(path.read_text(encoding="ascii"))
    except OSError as error:
        raise MasterKeyUnusable(f"The master key file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise MasterKeyUnusable(
            f"The master key file {path} is no text; it holds {_HOW_TO_MAKE_ONE}."
        ) from None


def _generate(path: Path, entropy: Entropy) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_once(path, Secret(b64encode(entropy(KEY_BYTES)).decode() + "\n"))
    except OSError as error:
        raise MasterKeyUnusable(f"The master key cannot be written to {path}: {error.strerror}.") from None


def _write_once(path: Path, text: Secret) -> None:
    """Write a file whole or not at all, and never over another: two processes that start at once share one key."""
    descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), _OWNER_ONLY)
            file.write(text.reveal())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        _sync_folder(path.parent)
    finally:
        Path(draft).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
