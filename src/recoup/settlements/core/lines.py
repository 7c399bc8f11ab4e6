"""The one form that every processor's report is read into: a line for each movement of money, in whole minor units.

Signs are the merchant's. `gross` and `net` are above zero where the processor owes the merchant more, `fee` where the
processor took something. So `net = gross - fee` wherever nothing was converted, and the `net` of all lines of a payout
add up to what was paid out.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from typing import Final, NamedTuple

TEXT_MAX: Final = 200
"""The most characters of a name or reference that a processor puts into a line."""


class LineKind(StrEnum):
    """What a line is about."""

    CHARGE = "charge"
    CHARGE_REVERSAL = "charge_reversal"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    FEE = "fee"
    RESERVE = "reserve"
    CONVERSION = "conversion"
    ADJUSTMENT = "adjustment"
    PAYOUT = "payout"
    PAYOUT_REVERSAL = "payout_reversal"
    UNKNOWN = "unknown"


PAYOUTS: Final = frozenset({LineKind.PAYOUT, LineKind.PAYOUT_REVERSAL})
"""What leaves the balance for the bank, or comes back from there."""


class Line(NamedTuple):
    """One movement of money as a report tells it.

    `number` counts the lines of a report from 1; `row` is the line of the file where it begins. `key` is our own
    reference as the processor gives it back, `reference` the processor's own for this movement, `charge_reference` for
    the charge that it is about. `gross` is in `currency`; `fee` and `net` are in `settlement_currency`. `compared` says
    whether `gross` may be held against what we know: not where the report gives it converted.
    """

    number: int
    row: int
    kind: LineKind
    raw_kind: str
    key: str | None
    reference: str | None
    charge_reference: str | None
    payout: str | None
    gross: int
    fee: int
    net: int
    currency: str
    settlement_currency: str
    rate: str | None = None
    occurred_at: str | None = None
    last4: str | None = None
    compared: bool = True


_FINGERPRINT_BYTES: Final = 16


def identity(line: Line, account: str) -> str | None:
    """All that tells a line apart from the others of an account, whose id's 32 digits are given.

    Two lines of one file may well be the same in all that; two files that have the same number of them overlap. None
    where a line has neither a name nor a time nor a payout: nothing would tell a monthly fee from the next month's.
    """
    _, _, kind, raw, key, reference, charge, payout, gross, fee, net, currency, settled, _, at, _, _ = line
    if not (key or reference or charge or payout or at):
        return None
    return (
        f"{account}\0{kind._value_}\0{raw}\0{key or ''}\0{reference or ''}\0{charge or ''}\0{payout or ''}"
        f"\0{at or ''}\0{gross}\0{fee}\0{net}\0{currency}\0{settled}"
    )


def fingerprint(identity: str | None) -> str | None:
    """An identity as the 32 digits of a UUID. It is kept in the database for ever, so a change here, or of what is told
    apart, finds nothing of what was taken before."""
    if identity is None:
        return None
    return blake2b(identity.encode(), digest_size=_FINGERPRINT_BYTES).hexdigest()


class BadReport(Exception):
    """A report that cannot be read: nothing of it is taken. `row` is the line of the file; 0 means the whole."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(f"Line {row}: {why}" if row else why)
        self.row = row
        self.why = why
