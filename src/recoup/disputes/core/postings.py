"""What a dispute posts to the ledger: the difference between what is booked of it and what it says now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID, uuid5

from recoup.connectors.base import Alert
from recoup.disputes.core.machine import GIVEN_UP, Status
from recoup.disputes.core.records import Booked, Dispute
from recoup.kit.money import Money
from recoup.ledger.core import Cause, Source, Transfer, TransferKind, transfer


def booked(dispute: Dispute) -> Booked:
    """What the ledger should have of a dispute. Warnings and inquiries move no money, and so post none."""
    taken = dispute.amount if dispute.withdrawn and dispute.amount and dispute.amount.minor > 0 else None
    is_lost = dispute.status in GIVEN_UP or _was_paid_back(dispute)
    fee = dispute.fee if dispute.fee and dispute.fee.minor > 0 else None
    return Booked(None if is_lost else taken, taken if is_lost else None, fee)


def _was_paid_back(dispute: Dispute) -> bool:
    """Whether an alert was settled with the merchant's money, so that no dispute came of it."""
    return dispute.alert is Alert.RAPID_RESOLUTION and dispute.status is Status.CLOSED


def transfers(before: Booked, after: Dispute, now: datetime) -> list[Transfer]:
    """What leads from what was booked to what `after` should have; nothing where that is the same.

    Each version of a dispute has a cause of its own, in each currency, so that it posts what it posts once.
    """
    wanted = after.booked
    currencies = {
        one.currency
        for side in (before, wanted)
        for one in (side.disputed, side.lost, side.fee)
        if one is not None
    }
    return [
        one for currency in sorted(currencies) for one in _in_currency(before, wanted, after, currency, now)
    ]


def _in_currency(
    before: Booked, wanted: Booked, dispute: Dispute, currency: str, now: datetime
) -> Iterator[Transfer]:
    lost = _minor(wanted.lost, currency) - _minor(before.lost, currency)
    disputed = _minor(wanted.disputed, currency) - _minor(before.disputed, currency)
    fee = _minor(wanted.fee, currency) - _minor(before.fee, currency)
    cause = Cause(Source.DISPUTE, _cause(dispute, currency), now, dispute.payment_id)
    moves = (
        (disputed + lost, TransferKind.DISPUTE_OPENED, TransferKind.DISPUTE_WON),
        (lost, TransferKind.DISPUTE_LOST, TransferKind.DISPUTE_REOPENED),
        (fee, TransferKind.DISPUTE_FEE, TransferKind.DISPUTE_FEE_RETURNED),
    )
    for more, forth, back in moves:
        if more:
            yield transfer(
                forth if more > 0 else back,
                abs(more),
                currency=currency,
                processor_account_id=dispute.processor_account_id,
                cause=cause,
            )


def _minor(money: Money | None, currency: str) -> int:
    return money.minor if money is not None and money.currency == currency else 0


def _cause(dispute: Dispute, currency: str) -> UUID:
    return uuid5(dispute.id, f"{dispute.version} {currency}")
