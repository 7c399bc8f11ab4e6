"""Who goes by which policy: a draw that gives the same person the same arm, for as long as an experiment runs.

A person is the customer, else the card by what it is recognised by, else the payment. Who is held out is drawn with a
seed of the merchant's own that never changes: the same people are held out in every experiment, and a greater share
holds out more of them and lets none go. The arms of an experiment are drawn among the others with its own seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from uuid import UUID

WHOLE: Final = 10_000
"""Shares are in basis points."""
HELD_OUT_LIVE: Final = 500
HELD_OUT_TEST: Final = 0
"""The shares from day one. A test merchant holds nobody out unless told to: a test is to end the same way each time."""
HOLD_OUT: Final = "hold-out"
"""The name of the arm that goes by the baseline."""
REST: Final = "policy"
"""The name of the other arm where no experiment runs."""
_DRAWN_BYTES: Final = 8
_UNIT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Share:
    """An arm: its part of those who are not held out, in basis points, and its policy (version None: built in)."""

    arm: str
    policy: str
    version: int | None
    share: int


@dataclass(frozen=True, slots=True)
class Arm:
    """Where a recovery belongs, and how that was drawn: `drawn_from` is the person, hashed."""

    experiment_id: UUID
    name: str
    held_out: int
    seeds: tuple[str, str]
    drawn_from: str


@dataclass(frozen=True, slots=True)
class Stake:
    """What a recovery in an arm is counted by: why it was refused, what is owed, and what each try costs
    (`try_cost`, in thousandths of a minor unit)."""

    category: str
    currency: str
    minor: int
    try_cost: int


def person(*, customer_id: UUID | None, fingerprint: str | None, payment_id: UUID) -> str:
    """Who is drawn for, without naming them."""
    if customer_id is not None:
        named = b"customer" + customer_id.bytes
    elif fingerprint is not None:
        named = b"card" + fingerprint.encode()
    else:
        named = b"payment" + payment_id.bytes
    return blake2b(named, digest_size=_UNIT_BYTES).hexdigest()


def drawn(
    experiment_id: UUID, shares: Sequence[Share], *, held_out: int, seeds: tuple[str, str], drawn_from: str
) -> Arm:
    """The arm of a person; `seeds` are that of the hold-out and that of the experiment."""
    name = arm_of(shares, held_out=held_out, seeds=seeds, drawn_from=drawn_from)
    return Arm(experiment_id, name, held_out, seeds, drawn_from)


def arm_of(shares: Sequence[Share], *, held_out: int, seeds: tuple[str, str], drawn_from: str) -> str:
    """The name of the arm."""
    if _draw(seeds[0], drawn_from) < held_out:
        return HOLD_OUT
    at, upto = _draw(seeds[1], drawn_from), 0
    for one in shares:
        upto += one.share
        if at < upto:
            return one.arm
    raise AssertionError("the shares are the whole")


def policy_in(shares: Sequence[Share], arm: str) -> tuple[str, int | None] | None:
    """The policy of an arm; None for the hold-out, which goes by the baseline of the day."""
    return next(((one.policy, one.version) for one in shares if one.arm == arm), None)


def _draw(seed: str, drawn_from: str) -> int:
    """A number from 0 to `WHOLE`, that not included."""
    digest = blake2b(bytes.fromhex(drawn_from), key=bytes.fromhex(seed), digest_size=_DRAWN_BYTES).digest()
    return int.from_bytes(digest) * WHOLE >> 8 * _DRAWN_BYTES
