"""Chance that can be drawn again: every draw of a decision comes from the seed that is stored with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final, TypeVar

_BYTES: Final = 8
_RANGE: Final = float(1 << 64)
NOTHING: Final = 1e-12
"""Shares below this are rounding."""

K = TypeVar("K")


def draw(seed: bytes, label: str) -> float:
    """A number in [0, 1), always the same for this seed and label."""
    digest = blake2b(seed + label.encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest) / _RANGE


def pick(shares: Mapping[K, float], drawn: float) -> K:
    """Which of some shares a draw falls into; shares need not sum to 1, and their order matters."""
    assert shares, "nothing to pick from"
    total = sum(shares.values())
    if total <= NOTHING:
        return next(iter(shares))
    reached, mark = 0.0, drawn * total
    last = next(iter(shares))
    for key, share in shares.items():
        if share <= 0:
            continue
        reached, last = reached + share, key
        if mark < reached:
            return key
    return last


def led_by(first: K, rest: Sequence[K]) -> tuple[K, ...]:
    """`rest` with `first` moved to its front."""
    return (first, *(one for one in rest if one != first))
