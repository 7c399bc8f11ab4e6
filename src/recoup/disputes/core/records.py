"""What we know of a dispute: its row, the news it was made from, and what the merchant answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.connectors.base import Alert, DisputeVerb, DocumentPurpose, EvidenceField
from recoup.connectors.base import DisputeState as News
from recoup.disputes.codes.words import Category
from recoup.disputes.core.machine import AWAITS_US, OPEN, Status
from recoup.kit.money import Money


@dataclass(frozen=True, slots=True)
class Tidings:
    """One piece of news of a dispute, as its processor told it; what is None was not told. `own` is an act of ours."""

    state: News
    occurred_at: datetime | None = None
    amount: Money | None = None
    fee: Money | None = None
    reason: str | None = None
    network: str | None = None
    evidence_due: datetime | None = None
    withdrawn: bool | None = None
    own: bool = False
    alert: Alert | None = None
    program: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """With what the disputed payment was paid. No `fingerprint` where it is a test card that everybody uses."""

    payment_method_id: UUID | None = None
    fingerprint: str | None = field(default=None, repr=False)
    brand: str | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger has of a dispute, in minor units: taken and not decided, taken and lost, and the fee."""

    disputed: Money | None = None
    lost: Money | None = None
    fee: Money | None = None


class AnswerState(StrEnum):
    """How far our answer to a dispute is."""

    SENDING = "sending"
    UNKNOWN = "unknown"
    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"
    UNSENT = "unsent"


ANSWERED: Final = frozenset({AnswerState.PENDING, AnswerState.DONE})
UNDECIDED: Final = frozenset({AnswerState.SENDING, AnswerState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the merchant answered: evidence handed in, or the money given up. `key` is the same when it is repeated."""

    verb: DisputeVerb
    state: AnswerState
    key: UUID
    at: datetime
    tries: int = 1
    code: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A document as it is known without opening it."""

    name: str
    media_type: str
    purpose: DocumentPurpose
    size: int


@dataclass(frozen=True, slots=True)
class Held:
    """What evidence there is, without what it says."""

    fields: tuple[EvidenceField, ...] = ()
    files: tuple[HeldFile, ...] = ()
    defense: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lifted:
    """Somebody said that its card may be tried again."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Which:
    """Which disputes are asked for; with `due_before` those that await an answer by an earlier time."""

    status: Status | None = None
    payment_id: UUID | None = None
    alert: Alert | None = None
    due_before: datetime | None = None


EVERY: Final = Which()


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute as its row has it. `payment_id` None: of a payment that was made elsewhere."""

    merchant_id: UUID
    id: UUID
    processor_account_id: UUID
    reference: str
    charge_reference: str | None
    payment_id: UUID | None
    card: Card
    status: Status
    version: int
    events_count: int
    amount: Money | None
    fee: Money | None
    reason: str | None
    network: str | None
    category: Category
    alert: Alert | None
    program: str | None
    withdrawn: bool
    evidence_due_by: datetime | None
    reminder_at: datetime | None
    stops: bool
    lifted: Lifted | None
    booked: Booked
    answer: Answer | None
    evidence: Held
    occurred_at: datetime | None
    opened_at: datetime
    updated_at: datetime
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether an end is still to come."""
        return self.status in OPEN

    @property
    def awaits_us(self) -> bool:
        """Whether the merchant should answer, and has not."""
        answered = self.answer is not None and self.answer.state in ANSWERED
        return self.status in AWAITS_US and not answered
