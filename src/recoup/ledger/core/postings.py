"""What news post: the difference between what they tell and what is posted already.

`position` is what is posted of a payment or refund. News carry the object's state at their time, so posting the
difference brings the books to it, whatever came between and however often a piece of news is read. The sum of all
transfers of a payment is therefore always what the payment itself says of its sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from recoup.ledger.core.chart import TransferKind
from recoup.ledger.core.news import Happened, News, PaymentNews, RefundNews
from recoup.ledger.core.transfers import Cause, Source, Transfer, transfer

FeeOf = Callable[[int], int | None]
"""The fee that an account's contract tells for a captured amount, in minor units; None where it tells none."""


@dataclass(frozen=True, slots=True)
class Position:
    """What is posted of a payment or a refund, in minor units. `object_sequence` is the last event that was worked."""

    object_id: UUID
    payment_id: UUID
    currency: str
    processor_account_id: UUID | None = None
    held: int = 0
    captured: int = 0
    refund_pending: int = 0
    refunded: int = 0
    fee: int = 0
    object_sequence: int = 0

    def __post_init__(self) -> None:
        parts = (self.held, self.captured, self.refund_pending, self.refunded, self.fee)
        assert min(parts) >= 0, "no part of a position is negative"
        assert self.processor_account_id is not None or not any(parts), "money is somewhere"


def unknown_fee(captured: int) -> int | None:
    """The fee where no contract tells one."""
    return None if captured else 0


def posted(
    news: News, positions: Callable[[UUID], Position | None], fee_of: FeeOf
) -> tuple[Position, list[Transfer]] | None:
    """The position after news with the transfers that lead there; None where the books are as far already.

    `positions` tells what is posted of an object.
    """
    match news:
        case PaymentNews():
            before = positions(news.payment_id) or Position(news.payment_id, news.payment_id, news.currency)
            if before.object_sequence >= news.happened.object_sequence:
                return None
            return _of_payment(news, before, fee_of)
        case RefundNews():
            before = positions(news.refund_id) or _new_refund(news, positions(news.payment_id))
            if before.object_sequence >= news.happened.object_sequence:
                return None
            return _of_refund(news, before)
        case _:
            assert_never(news)


def _new_refund(news: RefundNews, payment: Position | None) -> Position:
    """A refund is given back from where its payment's money is."""
    assert payment is not None and payment.processor_account_id is not None, "what is refunded was captured"
    return Position(news.refund_id, news.payment_id, news.currency, payment.processor_account_id)


def _of_payment(news: PaymentNews, before: Position, fee_of: FeeOf) -> tuple[Position, list[Transfer]]:
    wanted = replace(
        before,
        held=_held(news, before),
        captured=news.captured,
        fee=_fee(before, news.captured, fee_of),
        processor_account_id=news.processor_account_id or before.processor_account_id,
        object_sequence=news.happened.object_sequence,
    )
    if before.processor_account_id in (None, wanted.processor_account_id):
        return wanted, list(_payment_transfers(before, wanted, news.happened))
    # The money is at another account now: what was posted there is taken back, and all is posted here.
    nothing = replace(before, held=0, captured=0, fee=0)
    here = replace(nothing, processor_account_id=wanted.processor_account_id)
    wanted = replace(wanted, fee=_fee(here, news.captured, fee_of))
    return wanted, [
        *_payment_transfers(before, nothing, news.happened),
        *_payment_transfers(here, wanted, news.happened),
    ]


def _held(news: PaymentNews, before: Position) -> int:
    """What is held. While a capture is under way less may be captured, and nothing else tells of it: as long as the sum
    that was captured is the same, money that is held at the same account stays held."""
    if not news.holds:
        return 0
    if news.captured != before.captured or news.processor_account_id != before.processor_account_id:
        return news.capturable
    return max(before.held, news.capturable)


def _fee(before: Position, captured: int, fee_of: FeeOf) -> int:
    """The expected fee: its change is what today's contract makes of the change of the sum. A fee that was expected is
    taken back with the last of what it was for; where no contract tells one it stays as it is."""
    if not captured:
        return 0
    then, now = fee_of(before.captured) if before.captured else 0, fee_of(captured)
    if then is None or now is None:
        return before.fee
    return max(0, before.fee + now - then)


def _payment_transfers(before: Position, wanted: Position, happened: Happened) -> Iterator[Transfer]:
    more_captured = wanted.captured - before.captured
    yield from _hold_transfers(before, wanted, happened, more_captured=more_captured)
    yield from _moved(more_captured, TransferKind.CAPTURE, TransferKind.CAPTURE_REVERSAL, wanted, happened)
    yield from _moved(
        wanted.fee - before.fee,
        TransferKind.FEE_EXPECTED,
        TransferKind.FEE_EXPECTED_REVERSAL,
        wanted,
        happened,
    )


def _hold_transfers(
    before: Position, wanted: Position, happened: Happened, *, more_captured: int
) -> Iterator[Transfer]:
    """What a capture took of the held money is told apart from what was let go, and a hold from one that came back."""
    more_held = wanted.held - before.held
    used = min(max(0, -more_held), max(0, more_captured))
    restored = min(max(0, more_held), max(0, -more_captured))
    yield from _moved(-used, TransferKind.AUTHORIZATION, TransferKind.HOLD_USED, wanted, happened)
    yield from _moved(restored, TransferKind.HOLD_RESTORED, TransferKind.RELEASE, wanted, happened)
    rest = more_held + used - restored
    yield from _moved(rest, TransferKind.AUTHORIZATION, TransferKind.RELEASE, wanted, happened)


def _of_refund(news: RefundNews, before: Position) -> tuple[Position, list[Transfer]]:
    wanted = replace(
        before,
        refund_pending=news.pending,
        refunded=news.done,
        object_sequence=news.happened.object_sequence,
    )
    created = (news.pending + news.done) - (before.refund_pending + before.refunded)
    paid = news.done - before.refunded
    return wanted, [
        *_moved(created, TransferKind.REFUND_CREATED, TransferKind.REFUND_CANCELED, wanted, news.happened),
        *_moved(paid, TransferKind.REFUND_PAID, TransferKind.REFUND_RETURNED, wanted, news.happened),
    ]


def _moved(
    more: int, forth: TransferKind, back: TransferKind, position: Position, happened: Happened
) -> Iterator[Transfer]:
    """The transfer forth of what there is more, or back of what there is less."""
    if not more:
        return
    account_id = position.processor_account_id
    assert account_id is not None, "money is somewhere"
    yield transfer(
        forth if more > 0 else back,
        abs(more),
        currency=position.currency,
        processor_account_id=account_id,
        cause=Cause(Source.EVENT, happened.event_id, happened.at, position.payment_id),
    )
