"""Why a line, or a payment that no line names, is an exception; and what to do about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.kit.money import Money


class Reason(StrEnum):
    """What is wrong, the gravest first: a line has one."""

    SETTLED_THOUGH_DECLINED = "settled_though_declined"
    SETTLED_THOUGH_FAILED = "settled_though_failed"
    SETTLED_THOUGH_NOT_CAPTURED = "settled_though_not_captured"
    SETTLED_THOUGH_OPEN = "settled_though_open"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    DISPUTE_UNKNOWN = "dispute_unknown"
    DISPUTE_DIFFERS = "dispute_differs"
    DISPUTE_FEE_DIFFERS = "dispute_fee_differs"
    OTHER_ACCOUNT = "other_account"
    DUPLICATE = "duplicate"
    CURRENCY_DIFFERS = "currency_differs"
    AMOUNT_DIFFERS = "amount_differs"
    SUMS_DIFFER = "sums_differ"
    FEE_DIFFERS = "fee_differs"
    UNKNOWN_KIND = "unknown_kind"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason says, and what to do."""

    summary: str
    remedy: str


MEANINGS: Final[Mapping[Reason, Meaning]] = {
    Reason.SETTLED_THOUGH_DECLINED: Meaning(
        "The processor settled a charge that we have as declined or never processed.",
        "The customer was charged. See whether the payment was paid by another attempt too: then refund this charge at "
        "the processor; else ship, and record the payment as paid.",
    ),
    Reason.SETTLED_THOUGH_FAILED: Meaning(
        "The processor carried out a refund that we have as failed.",
        "The customer has the money. See that nobody refunds it again.",
    ),
    Reason.SETTLED_THOUGH_NOT_CAPTURED: Meaning(
        "The processor settled a charge of which we have captured nothing.",
        "See who captured it: a capture made at the processor's own pages is not known here. If nobody meant it, "
        "refund it there.",
    ),
    Reason.SETTLED_THOUGH_OPEN: Meaning(
        "The processor settled what has no final answer here yet.",
        "Ask the processor: POST /v1/payments/{id}/sync. Then accept this.",
    ),
    Reason.MISSING_HERE: Meaning(
        "The processor settled something that is not known here.",
        "Look the reference up at the processor. If it belongs to a payment of ours, link it; if it was made outside "
        "Recoup, accept it: the ledger then has its money as a difference.",
    ),
    Reason.MISSING_THERE: Meaning(
        "It was captured, refunded or disputed here, and no report has it.",
        "See that all reports are uploaded. If they are, ask the processor where the money is.",
    ),
    Reason.DISPUTE_UNKNOWN: Meaning(
        "The processor settled a dispute that is not known here.",
        "Wait for the processor's news of it, which end this, and see that its webhooks arrive. If there is no news to "
        "come, accept this: the ledger then has its money as a difference, which is taken back should it be told after "
        "all.",
    ),
    Reason.DISPUTE_DIFFERS: Meaning(
        "The processor's lines of a dispute come to another amount than its news told.",
        "Ask the processor: POST /v1/disputes/{id}/sync. News that agree end this, as do lines that are still to come. "
        "Else accept it: what the dispute does not have by then is posted as a difference.",
    ),
    Reason.DISPUTE_FEE_DIFFERS: Meaning(
        "The processor took another fee for a dispute than its news told.",
        "Ask the processor for the difference, or accept this: the ledger then has the fee that was taken.",
    ),
    Reason.OTHER_ACCOUNT: Meaning(
        "The payment was made at another of your processor accounts than the one that the report was uploaded for.",
        "See that the report was uploaded for the right account.",
    ),
    Reason.DUPLICATE: Meaning(
        "The same movement was settled before.",
        "If two reports overlap, ignore it. If the processor settled it twice, the customer was charged or refunded "
        "twice: have the processor put it right.",
    ),
    Reason.CURRENCY_DIFFERS: Meaning(
        "The processor settled another currency than the payment's.",
        "See the payment at the processor. Accept the difference if it was converted there.",
    ),
    Reason.AMOUNT_DIFFERS: Meaning(
        "The processor settled another amount than we have.",
        "See whether it was captured or refunded in part at the processor. Accept the difference, or have it put "
        "right there.",
    ),
    Reason.SUMS_DIFFER: Meaning(
        "The line's own amounts do not add up: gross less fee is not net.",
        "Ask the processor what was taken, and accept the line.",
    ),
    Reason.FEE_DIFFERS: Meaning(
        "The fee is not what the account's contract tells.",
        "See the account's `fees`. If they are right, ask the processor for the difference; else correct them.",
    ),
    Reason.UNKNOWN_KIND: Meaning(
        "The report calls the line by a word that no table knows.",
        "See what it is in the processor's documentation, and accept or ignore it.",
    ),
}
GRAVE: Final = frozenset(
    {
        Reason.SETTLED_THOUGH_DECLINED,
        Reason.SETTLED_THOUGH_FAILED,
        Reason.SETTLED_THOUGH_NOT_CAPTURED,
    }
)
"""What contradicts a final state here: an audit case opens."""


OF_DISPUTES: Final = frozenset({Reason.DISPUTE_UNKNOWN, Reason.DISPUTE_DIFFERS, Reason.DISPUTE_FEE_DIFFERS})
"""What is about all lines of a dispute, and not about one alone."""


class ExceptionState(StrEnum):
    """Whether somebody has still to look at an exception."""

    OPEN = "open"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """How an exception ended."""

    ACCEPTED = "accepted"
    LINKED = "linked"
    IGNORED = "ignored"
    FOUND = "found"
    """By itself: a later report had it, or later news told it."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """An exception. `expected` is what we have, `found` what the report says, in minor units of `currency`.

    `settlement_id` and `number` name the line, both None for what no report has. `proposals` are payments that it may
    belong to, by amount, date and card: nothing is linked by that alone.
    """

    id: UUID
    settlement_id: UUID | None
    number: int | None
    processor_account_id: UUID
    reason: Reason
    state: ExceptionState
    payment_id: UUID | None
    object_id: UUID | None
    expected: int | None
    found: int | None
    currency: str
    proposals: tuple[UUID, ...]
    opened_at: datetime
    resolved_at: datetime | None = None
    resolution: Resolution | None = None
    note: str | None = None

    @property
    def summary(self) -> str:
        """What is wrong, with the amounts."""
        says = [
            f"{word} {Money(amount, self.currency)}"
            for word, amount in (("here", self.expected), ("there", self.found))
            if amount is not None
        ]
        return (
            f"{MEANINGS[self.reason].summary[:-1]}: {', '.join(says)}."
            if says
            else MEANINGS[self.reason].summary
        )
