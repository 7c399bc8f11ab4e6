"""The chart of accounts and the table of postings: which account every kind of transfer debits, and which it credits.

A transfer is one row with both its sides, so no set of books can be out of balance. What an account's kind means does
not depend on who posts: callers name a kind of transfer, and this table names the accounts. Every kind has its
opposite, since nothing that is posted is ever changed: what turns out otherwise is posted back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

ACCOUNTS_MAX: Final = 2**31 - 1
"""No account has a larger number."""


class Side(StrEnum):
    """A side of an account; its balance grows on the one that is its normal side."""

    DEBIT = "debit"
    CREDIT = "credit"


class Scope(StrEnum):
    """How many accounts of a kind there are in a currency: one, or one for each processor account."""

    CURRENCY = "currency"
    PROCESSOR_ACCOUNT = "processor_account"


class AccountKind(StrEnum):
    """What an account is for."""

    HELD = "held"
    AUTHORIZATIONS = "authorizations"
    RECEIVABLE = "receivable"
    SALES = "sales"
    FEES = "fees"
    REFUNDS = "refunds"
    REFUNDS_PENDING = "refunds_pending"
    DISPUTED = "disputed"
    DISPUTE_LOSSES = "dispute_losses"
    DISPUTE_FEES = "dispute_fees"
    RESERVES = "reserves"
    IN_TRANSIT = "in_transit"
    BANK = "bank"
    EXCHANGE = "exchange"
    DIFFERENCES = "differences"


@dataclass(frozen=True, slots=True)
class Heading:
    """One line of the chart."""

    normal: Side
    scope: Scope
    summary: str

    @property
    def by_processor_account(self) -> bool:
        """Whether there is one account of the kind for each processor account."""
        return self.scope is Scope.PROCESSOR_ACCOUNT


_DEBIT, _CREDIT = Side.DEBIT, Side.CREDIT
_EACH, _ONE = Scope.PROCESSOR_ACCOUNT, Scope.CURRENCY

CHART: Final[Mapping[AccountKind, Heading]] = {
    AccountKind.HELD: Heading(
        _DEBIT, _EACH, "Held on customers' cards and not captured yet; a memo, not money."
    ),
    AccountKind.AUTHORIZATIONS: Heading(_CREDIT, _ONE, "The other side of what is held."),
    AccountKind.RECEIVABLE: Heading(_DEBIT, _EACH, "What the processor owes you."),
    AccountKind.SALES: Heading(_CREDIT, _ONE, "What was captured."),
    AccountKind.FEES: Heading(
        _DEBIT, _EACH, "What the processor takes for payments: expected at first, then as settled."
    ),
    AccountKind.REFUNDS: Heading(_DEBIT, _ONE, "What you gave back, or are giving back."),
    AccountKind.REFUNDS_PENDING: Heading(_CREDIT, _EACH, "Refunds that are on their way."),
    AccountKind.DISPUTED: Heading(_DEBIT, _EACH, "Taken back for disputes that are not decided."),
    AccountKind.DISPUTE_LOSSES: Heading(_DEBIT, _EACH, "Lost in disputes."),
    AccountKind.DISPUTE_FEES: Heading(_DEBIT, _EACH, "What the processor takes for disputes."),
    AccountKind.RESERVES: Heading(_DEBIT, _EACH, "Yours, but kept back by the processor as security."),
    AccountKind.IN_TRANSIT: Heading(_DEBIT, _EACH, "Paid out by the processor and not seen at the bank yet."),
    AccountKind.BANK: Heading(_DEBIT, _ONE, "Arrived at your bank."),
    AccountKind.EXCHANGE: Heading(_DEBIT, _ONE, "What was changed into, or came from, another currency."),
    AccountKind.DIFFERENCES: Heading(_DEBIT, _EACH, "Differences that you accepted, and write-offs."),
}


class TransferKind(StrEnum):
    """Why money moved from one account to another."""

    AUTHORIZATION = "authorization"
    HOLD_USED = "hold_used"
    RELEASE = "release"
    HOLD_RESTORED = "hold_restored"
    CAPTURE = "capture"
    CAPTURE_REVERSAL = "capture_reversal"
    FEE_EXPECTED = "fee_expected"
    FEE_EXPECTED_REVERSAL = "fee_expected_reversal"
    FEE_ADDED = "fee_added"
    FEE_REDUCED = "fee_reduced"
    REFUND_CREATED = "refund_created"
    REFUND_CANCELED = "refund_canceled"
    REFUND_PAID = "refund_paid"
    REFUND_RETURNED = "refund_returned"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    DISPUTE_REOPENED = "dispute_reopened"
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_FEE_RETURNED = "dispute_fee_returned"
    RESERVE_HELD = "reserve_held"
    RESERVE_RELEASED = "reserve_released"
    PAYOUT = "payout"
    PAYOUT_RETURNED = "payout_returned"
    BANK_ARRIVAL = "bank_arrival"
    BANK_WITHDRAWAL = "bank_withdrawal"
    CONVERTED_OUT = "converted_out"
    CONVERTED_IN = "converted_in"
    WRITE_OFF = "write_off"
    WRITE_BACK = "write_back"


@dataclass(frozen=True, slots=True)
class Posting:
    """A line of the table: what is debited, what is credited, and when that is done."""

    debit: AccountKind
    credit: AccountKind
    when: str


_K, _A = TransferKind, AccountKind

POSTINGS: Final[Mapping[TransferKind, Posting]] = {
    _K.AUTHORIZATION: Posting(_A.HELD, _A.AUTHORIZATIONS, "An issuer approved, and the money is held."),
    _K.HOLD_USED: Posting(_A.AUTHORIZATIONS, _A.HELD, "A part of the held money was captured."),
    _K.RELEASE: Posting(_A.AUTHORIZATIONS, _A.HELD, "Held money was let go."),
    _K.HOLD_RESTORED: Posting(
        _A.HELD, _A.AUTHORIZATIONS, "A capture was taken back, and the money is held again."
    ),
    _K.CAPTURE: Posting(_A.RECEIVABLE, _A.SALES, "Money was captured."),
    _K.CAPTURE_REVERSAL: Posting(_A.SALES, _A.RECEIVABLE, "A capture or an approval was taken back."),
    _K.FEE_EXPECTED: Posting(
        _A.FEES, _A.RECEIVABLE, "The fee that the account's contract tells, at capture."
    ),
    _K.FEE_EXPECTED_REVERSAL: Posting(
        _A.RECEIVABLE, _A.FEES, "An expected fee whose capture was taken back."
    ),
    _K.FEE_ADDED: Posting(_A.FEES, _A.RECEIVABLE, "A settlement shows a larger fee than was expected."),
    _K.FEE_REDUCED: Posting(_A.RECEIVABLE, _A.FEES, "A settlement shows a smaller fee than was expected."),
    _K.REFUND_CREATED: Posting(_A.REFUNDS, _A.REFUNDS_PENDING, "A refund was asked for."),
    _K.REFUND_CANCELED: Posting(_A.REFUNDS_PENDING, _A.REFUNDS, "A refund did not happen."),
    _K.REFUND_PAID: Posting(_A.REFUNDS_PENDING, _A.RECEIVABLE, "A refund was carried out."),
    _K.REFUND_RETURNED: Posting(
        _A.RECEIVABLE, _A.REFUNDS_PENDING, "A refund that was carried out came back."
    ),
    _K.DISPUTE_OPENED: Posting(_A.DISPUTED, _A.RECEIVABLE, "The processor took money back for a dispute."),
    _K.DISPUTE_WON: Posting(
        _A.RECEIVABLE, _A.DISPUTED, "A dispute was won or withdrawn: the money is yours again."
    ),
    _K.DISPUTE_LOST: Posting(_A.DISPUTE_LOSSES, _A.DISPUTED, "A dispute was lost or accepted."),
    _K.DISPUTE_REOPENED: Posting(_A.DISPUTED, _A.DISPUTE_LOSSES, "A dispute that was lost is open again."),
    _K.DISPUTE_FEE: Posting(_A.DISPUTE_FEES, _A.RECEIVABLE, "The processor took a fee for a dispute."),
    _K.DISPUTE_FEE_RETURNED: Posting(_A.RECEIVABLE, _A.DISPUTE_FEES, "It gave that fee back."),
    _K.RESERVE_HELD: Posting(_A.RESERVES, _A.RECEIVABLE, "The processor keeps money back as security."),
    _K.RESERVE_RELEASED: Posting(_A.RECEIVABLE, _A.RESERVES, "It let go of such money."),
    _K.PAYOUT: Posting(_A.IN_TRANSIT, _A.RECEIVABLE, "The processor paid out."),
    _K.PAYOUT_RETURNED: Posting(
        _A.RECEIVABLE, _A.IN_TRANSIT, "A payout failed, or the processor collected a debt."
    ),
    _K.BANK_ARRIVAL: Posting(_A.BANK, _A.IN_TRANSIT, "A payout was seen at the bank."),
    _K.BANK_WITHDRAWAL: Posting(_A.IN_TRANSIT, _A.BANK, "Money left the bank for the processor."),
    _K.CONVERTED_OUT: Posting(_A.EXCHANGE, _A.RECEIVABLE, "Money was changed into another currency."),
    _K.CONVERTED_IN: Posting(_A.RECEIVABLE, _A.EXCHANGE, "Money came in from another currency."),
    _K.WRITE_OFF: Posting(_A.DIFFERENCES, _A.RECEIVABLE, "You accepted that the processor paid too little."),
    _K.WRITE_BACK: Posting(_A.RECEIVABLE, _A.DIFFERENCES, "You accepted that the processor paid too much."),
}


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """An account of a merchant; `processor_account_id` where there is one of its kind for each of those."""

    kind: AccountKind
    currency: str
    processor_account_id: UUID | None = None

    def __post_init__(self) -> None:
        told = self.processor_account_id is not None
        assert told is CHART[self.kind].by_processor_account, "an account is named as its heading says"


def account(kind: AccountKind, currency: str, processor_account_id: UUID) -> Account:
    """The account of a kind for what happened at a processor account."""
    return Account(kind, currency, processor_account_id if CHART[kind].by_processor_account else None)
