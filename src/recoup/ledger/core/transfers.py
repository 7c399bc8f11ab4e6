"""A transfer: money from one account to another, with what caused it; and what an account's sums come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.ledger.core.chart import CHART, POSTINGS, Account, AccountKind, Side, TransferKind, account

AMOUNT_MAX: Final = 2**62
"""The largest amount of one transfer, in minor units."""


class Source(StrEnum):
    """What kind of thing caused a transfer."""

    EVENT = "event"
    DISPUTE = "dispute"
    SETTLEMENT = "settlement"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Cause:
    """What a transfer is posted for: an event, a dispute's news, a settlement's line, a person's decision. The same
    cause posts the same kind of transfer once. `at` is when it happened, in the merchant's time."""

    source: Source
    id: UUID
    at: datetime
    payment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money from the account `credit` to the account `debit`, in minor units of their currency."""

    kind: TransferKind
    amount: int
    debit: Account
    credit: Account
    cause: Cause

    def __post_init__(self) -> None:
        assert 0 < self.amount <= AMOUNT_MAX, "a transfer moves something"
        assert self.debit.currency == self.credit.currency, "a transfer is in one currency"
        posting = POSTINGS[self.kind]
        assert (self.debit.kind, self.credit.kind) == (posting.debit, posting.credit), "by the table alone"

    @property
    def currency(self) -> str:
        """The currency of both its accounts."""
        return self.debit.currency


def transfer(
    kind: TransferKind, amount: int, *, currency: str, processor_account_id: UUID, cause: Cause
) -> Transfer:
    """A transfer of this kind, for what happened at a processor account: the table names its accounts."""
    posting = POSTINGS[kind]
    return Transfer(
        kind,
        amount,
        debit=account(posting.debit, currency, processor_account_id),
        credit=account(posting.credit, currency, processor_account_id),
        cause=cause,
    )


def balance_of(kind: AccountKind, *, debited: int, credited: int) -> int:
    """What an account holds, counted on its normal side: below zero where the other side is the larger."""
    return debited - credited if CHART[kind].normal is Side.DEBIT else credited - debited
