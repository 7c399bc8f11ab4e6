"""Which cards account updaters are asked about, what they answer, and how soon they are asked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.vault.core import MethodType, PaymentMethod

BRANDS: Final = frozenset({"visa", "mastercard"})
"""The networks with an account updater that is asked by file."""
CARDS_MAX: Final = 50_000
"""The most cards of one batch."""
EXPIRING_WITHIN: Final = timedelta(days=60)
"""A card that expires sooner is asked about before a renewal meets the old one: issuers send new cards about then."""
EXPIRED_FOR: Final = timedelta(days=92)
"""A card that expired longer ago is asked about only where a payment failed."""
ASKED_ANEW: Final = timedelta(days=7)
"""How long an answer that brought nothing counts for a card that merely expires soon."""
_WAITS: Final = (timedelta(days=1), timedelta(days=2), timedelta(days=4))
_LAST_WAIT: Final = timedelta(days=7)


class Reason(StrEnum):
    """Why a card is asked about."""

    RECOVERY = "recovery"
    """A payment failed that a newer card may pay."""
    RENEWAL = "renewal"
    """It expires soon."""
    REQUESTED = "requested"


class Answer(StrEnum):
    """What an account updater says of a card."""

    NUMBER = "number"
    EXPIRY = "expiry"
    CLOSED = "closed"
    CONTACT_CARDHOLDER = "contact_cardholder"
    """The issuer wants the customer to be asked: the network passes nothing on."""
    CURRENT = "current"
    NO_MATCH = "no_match"
    NOT_PARTICIPATING = "not_participating"
    OPTED_OUT = "opted_out"
    REFUSED = "refused"
    """The question was faulty, or the merchant is not registered."""


BRINGS_A_CARD: Final = frozenset({Answer.NUMBER, Answer.EXPIRY})
FINAL: Final = frozenset(
    {Answer.CLOSED, Answer.CONTACT_CARDHOLDER, Answer.NOT_PARTICIPATING, Answer.OPTED_OUT}
)
"""After which asking again brings nothing else."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What was asked of one card, or waits to be."""

    method_id: UUID
    brand: str
    reason: Reason
    wanted_at: datetime
    asked_at: datetime | None
    asked_times: int
    batch_id: UUID | None
    answered_at: datetime | None
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions that left in one file, and how many were answered."""

    id: UUID
    format: str
    cards: int
    answered: int
    created_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a batch. `fingerprint` is the card's that left."""

    method_id: UUID
    fingerprint: bytes = field(repr=False)
    answer: Answer | None


def askable(method: PaymentMethod) -> bool:
    """Whether an account updater can be asked about it: a card in the vault, of a network that has one."""
    usable = method.detached_at is None and method.closed_at is None
    return usable and method.type is MethodType.CARD and method.brand in BRANDS


def again_after(asked_times: int) -> timedelta:
    """How soon a card is asked about once more that is still wanted: issuers report within days of a new card."""
    return _WAITS[asked_times - 1] if 0 < asked_times <= len(_WAITS) else _LAST_WAIT
