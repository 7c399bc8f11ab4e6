"""The world's luck: it belongs to the seed and to stable facts, never to an attempt's number or to a process."""

from __future__ import annotations

from hashlib import blake2b


def below(limit: int, *facts: object) -> int:
    """A number from 0 to `limit` - 1, evenly spread; the same facts give the same number, everywhere and always.

    The first fact is the world's seed; the next ones say what is being drawn, and for whom.
    """
    assert limit > 0, "there is nothing below nothing"
    drawn = blake2b("\x1f".join(map(str, facts)).encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") * limit >> 64


def letters(length: int, key: bytes, *facts: object) -> str:
    """A name made of digits and small letters, as hard to guess as `key` is."""
    drawn = blake2b("\x1f".join(map(str, facts)).encode(), key=key, digest_size=64).digest()
    assert length <= len(drawn), "a name is short"
    return "".join(_ALPHABET[byte & 31] for byte in drawn[:length])


def digits(length: int, *facts: object) -> str:
    """A number as text, with leading zeros."""
    return str(below(10**length, *facts)).zfill(length)


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
