"""Reads our own keys where a processor gives them back: `att_…` of an attempt, `cap_…` and `ref_…` of an operation."""

from __future__ import annotations

from typing import Final

from recoup.kit.ids import TEXT_LENGTH

_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_IN_BASE_32: Final = dict.fromkeys(range(128), "!") | {
    ord(letter): digit for letter, digit in zip(_LETTERS, _DIGITS, strict=True)
}
"""Our letters as Python's own digits of base 32, and whatever is none of ours as what is no digit."""
_PREFIX: Final = 4
OPERATIONS: Final = frozenset({"cap_", "ref_"})


def named(key: str | None) -> tuple[str | None, str | None]:
    """The attempt and the operation that a key names, as the 32 digits of a UUID; each None where it names none.

    As `recoup.kit.ids.parse`, at a tenth of the cost: there are a million of them in a report.
    """
    if key is None or len(key) != _PREFIX + TEXT_LENGTH or not key.isascii():
        return None, None
    prefix = key[:_PREFIX]
    if prefix != "att_" and prefix not in OPERATIONS:
        return None, None
    try:
        value = int(key[_PREFIX:].translate(_IN_BASE_32), 32)
    except ValueError:
        return None, None
    if value >> 128:
        return None, None
    return (f"{value:032x}", None) if prefix == "att_" else (None, f"{value:032x}")
