"""What later subjects may know of a payment when they decide about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from recoup.kit.money import Money
from recoup.payments.core.machine import AttemptState, Reason, Status
from recoup.payments.core.records import DeclineRecord


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """One attempt of the payment."""

    at: datetime
    account: UUID
    state: AttemptState
    reason: Reason
    amount: Money
    rule: str | None
    decline_code: str | None
    is_part: bool = False
    """Whether it was made for a part of the payment."""


@dataclass(frozen=True, slots=True)
class CardTry:
    """One try on the same card, by whatever payment and processor: what network limits count.

    `declined` is true of an unknown outcome too: the network may have counted it. `code` is the standard code of its
    decline, where that is known.
    """

    at: datetime
    amount: Money
    declined: bool
    rule: str | None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class PaidWith:
    """With what an attempt was made. No `fingerprint` where it is a test card that everybody uses."""

    payment_method_id: UUID
    fingerprint: str | None = field(repr=False)
    brand: str


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """A payment as recovery sees it. `accounts` can do it, in order; `card_tries` go back as far as limits on a card
    need them, newest last. `record` are tries of the same customer that were made without us, with whatever card: they
    tell when there is money, and no limit counts them."""

    id: UUID
    status: Status
    amount: Money
    initiator: str
    customer_id: UUID | None
    payment_method_id: UUID | None
    fingerprint: str | None = field(repr=False)
    brand: str | None
    issuer_country: str | None
    created_at: datetime
    decline: DeclineRecord | None
    failure: str | None
    attempts: tuple[PastAttempt, ...]
    card_tries: tuple[CardTry, ...]
    accounts: tuple[UUID, ...]
    recovery_policy: str | None
    recovery_id: UUID | None
    record: tuple[CardTry, ...] = ()
    renewed_at: datetime | None = None
    """Since when the card of the payment method is newer than what was given."""
    is_closed: bool = False
    """Whether the account behind the card is known to be closed."""
    funding: str | None = None
    bin: str | None = None
    """The first digits of the card, by which issuers are known."""
    debt: Money | None = None
    """What was owed at first, where it is more than what is left."""
    divisible: bool = False
    """Whether a part of it may be charged by itself; it may be so once."""
    part_of: UUID | None = None
    """The payment that this one is a part of."""
