"""What a report posts to the ledger: fees as they were taken, conversions, reserves, and what was paid out.

A charge and a refund are in the ledger already, since they happened here; the report adds what only it can tell. Money
that a person must look at first is not posted before they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from recoup.ledger.core import Cause, Source, Transfer, TransferKind, transfer
from recoup.settlements.core.lines import LineKind
from recoup.settlements.core.reasons import Reason

OF_DISPUTES: Final = frozenset({LineKind.DISPUTE, LineKind.DISPUTE_REVERSAL})
"""Disputes post for themselves; what they cost, the report posts where no news told it."""
_CONVERTED: Final = frozenset({LineKind.CHARGE, LineKind.REFUND}) | OF_DISPUTES


@dataclass(frozen=True, slots=True)
class Summed:
    """What the lines of one kind come to. `fees_expected` in `currency`, `fees` and `net` in the other."""

    kind: str
    currency: str
    settlement_currency: str
    gross: int
    fees: int
    net: int
    fees_expected: int


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A payout and what it came to; below zero where the processor collected a debt."""

    payout: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class Of:
    """What is posted for: a report or an exception of a processor account, and when it was worked."""

    id: UUID
    processor_account_id: UUID
    at: datetime
    source: Source = Source.SETTLEMENT


def posted(
    sums: Sequence[Summed], payouts: Sequence[PaidOut], of: Of, *, dispute_fees: bool = False
) -> list[Transfer]:
    """The transfers of a report, each with a cause of its own, so that posting them again posts nothing.

    `dispute_fees`: what disputes cost is not posted yet, since news of them do not tell it.
    """
    more = _dispute_fees(sums, of) if dispute_fees else ()
    return [*_fees(sums, of), *more, *_converted(sums, of), *_reserved(sums, of), *_paid_out(payouts, of)]


def _fees(sums: Sequence[Summed], of: Of) -> Iterator[Transfer]:
    more: defaultdict[str, int] = defaultdict(int)
    for one in sums:
        if one.kind not in OF_DISPUTES:
            more[one.settlement_currency] += one.fees
            more[one.currency] -= one.fees_expected
    for currency, amount in sorted(more.items()):
        yield from _either(
            amount, TransferKind.FEE_ADDED, TransferKind.FEE_REDUCED, of=of, currency=currency, name="fees"
        )


def _dispute_fees(sums: Sequence[Summed], of: Of) -> Iterator[Transfer]:
    more: defaultdict[str, int] = defaultdict(int)
    for one in sums:
        if one.kind in OF_DISPUTES:
            more[one.settlement_currency] += one.fees
    forth, back = TransferKind.DISPUTE_FEE, TransferKind.DISPUTE_FEE_RETURNED
    for currency, amount in sorted(more.items()):
        yield from _either(amount, forth, back, of=of, currency=currency, name="dispute fees")


def _converted(sums: Sequence[Summed], of: Of) -> Iterator[Transfer]:
    for one in sums:
        if one.currency == one.settlement_currency or one.kind not in _CONVERTED:
            continue
        name = f"converted {one.kind} {one.currency} {one.settlement_currency}"
        out, into = TransferKind.CONVERTED_OUT, TransferKind.CONVERTED_IN
        yield from _either(one.gross, out, into, of=of, currency=one.currency, name=f"{name} out")
        settled = one.net + one.fees
        yield from _either(settled, into, out, of=of, currency=one.settlement_currency, name=f"{name} in")


def _reserved(sums: Sequence[Summed], of: Of) -> Iterator[Transfer]:
    for one in sums:
        if one.kind == LineKind.RESERVE:
            yield from _either(
                one.net,
                TransferKind.RESERVE_RELEASED,
                TransferKind.RESERVE_HELD,
                of=of,
                currency=one.settlement_currency,
                name="reserve",
            )


def _paid_out(payouts: Sequence[PaidOut], of: Of) -> Iterator[Transfer]:
    for one in payouts:
        yield from _either(
            one.amount,
            TransferKind.PAYOUT,
            TransferKind.PAYOUT_RETURNED,
            of=of,
            currency=one.currency,
            name=f"payout {one.payout}",
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """A line that a person took up: what it moved, in `currency` for `gross` and in `settlement_currency` for the rest.

    `fee_expected` is the part of the payment's expected fee that no line has taken before, in `currency`. `expected` is
    what we have in the place of `gross`, where that differs.
    """

    kind: str
    gross: int
    fee: int
    net: int
    currency: str
    settlement_currency: str
    fee_expected: int = 0
    expected: int | None = None

    @property
    def summed(self) -> Summed:
        """The line by itself, as a report's sums have it."""
        return Summed(
            self.kind,
            self.currency,
            self.settlement_currency,
            self.gross,
            self.fee,
            self.net,
            self.fee_expected,
        )


def accepted(reason: Reason, line: Taken, of: Of) -> list[Transfer]:
    """What accepting a line posts: what it would have posted had it fitted, its fee above all, and the difference.

    What we have with another amount differs by the amounts; what we do not have at all, by all that was moved before
    the fee. Other reasons are about money that is posted elsewhere, or by the payment when its own truth changes. A
    fee that differs is posted with the report, since it was taken in any case.
    """
    if reason is Reason.FEE_DIFFERS:
        return []
    difference, currency = 0, line.settlement_currency
    usual = posted([line.summed], (), of)
    match reason:
        case Reason.AMOUNT_DIFFERS if line.expected is not None:
            difference, currency = line.gross - line.expected, line.currency
        case Reason.SUMS_DIFFER:
            difference = line.net - (line.gross - line.fee)
        case Reason.MISSING_HERE | Reason.DUPLICATE | Reason.UNKNOWN_KIND:
            # No capture or refund is in the books for it, so there is nothing to convert either.
            difference, usual = line.net + line.fee, list(_fees([line.summed], of))
        case _:
            pass
    back, off = TransferKind.WRITE_BACK, TransferKind.WRITE_OFF
    return [*usual, *_either(difference, back, off, of=of, currency=currency, name="accepted")]


def contested(amount: int, currency: str, of: Of) -> list[Transfer]:
    """What a person accepts of a dispute's lines beyond what the dispute has posted; and what takes that back once
    news tell it, with the other sign."""
    back, off = TransferKind.WRITE_BACK, TransferKind.WRITE_OFF
    return list(_either(amount, back, off, of=of, currency=currency, name="contested"))


def contested_fee(amount: int, currency: str, of: Of) -> list[Transfer]:
    """The same for what a dispute costs."""
    forth, back = TransferKind.DISPUTE_FEE, TransferKind.DISPUTE_FEE_RETURNED
    return list(_either(amount, forth, back, of=of, currency=currency, name="contested fee"))


def linked(reason: Reason, line: Taken, of: Of) -> list[Transfer]:
    """What linking a line to a payment posts: what it would have posted had it been known whose it is."""
    return [] if reason is Reason.FEE_DIFFERS else posted([line.summed], (), of)


def _either(
    amount: int, more: TransferKind, less: TransferKind, *, of: Of, currency: str, name: str
) -> Iterator[Transfer]:
    """A transfer of one kind for an amount above zero, of the other for one below."""
    if amount:
        yield transfer(
            more if amount > 0 else less,
            abs(amount),
            currency=currency,
            processor_account_id=of.processor_account_id,
            cause=Cause(of.source, uuid5(of.id, f"{name} {currency}"), of.at),
        )
