"""What must always hold of what is kept here: the name of each law, what it means where it does not, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from recoup.audit.core import Case, CaseKind, CaseState

STARTED_MAX: Final = timedelta(minutes=15)
"""How old an attempt can be whose maker is still at work on it: many times longer than any processor is waited for."""
PAID_MAX: Final = timedelta(minutes=15)
"""How long after a payment is paid its recovery may still be open."""
BEHIND_MAX: Final = timedelta(minutes=15)
"""How old an event may be that a follower has not followed."""
OVERDUE_MAX: Final = timedelta(minutes=30)
"""How long after its time a row of due work may still wait: one that fails is tried again within five minutes."""


class Invariant(StrEnum):
    """A law of what is kept."""

    CHARGED_ONCE = "charged_once"
    AMOUNTS_IN_BOUNDS = "amounts_in_bounds"
    OPEN_IS_ASKED_ABOUT = "open_is_asked_about"
    STARTED_IS_LOOKED_AFTER = "started_is_looked_after"
    RECOVERY_ENDS_WHEN_PAID = "recovery_ends_when_paid"
    LEDGER_BALANCED = "ledger_balanced"
    LEDGER_AGREES = "ledger_agrees"
    EVENT_HAS_NEXT_TRY = "event_has_next_try"
    NOTHING_OVERDUE = "nothing_overdue"
    FOLLOWERS_KEEP_UP = "followers_keep_up"


OF_PRESENT_WORK: Final = frozenset({Invariant.NOTHING_OVERDUE, Invariant.FOLLOWERS_KEEP_UP})
"""Laws that are broken by a server that was down, until it has caught up."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What it says where a law is broken, and what to do."""

    summary: str
    remedy: str


MEANINGS: Final[Mapping[Invariant, Meaning]] = {
    Invariant.CHARGED_ONCE: Meaning(
        "The payment's status and its attempts disagree about whether money was taken, or more than one attempt may "
        "hold money.",
        "Look the payment up at the processor of each attempt. Void or refund what was charged twice there; then "
        "report this as a bug.",
    ),
    Invariant.AMOUNTS_IN_BOUNDS: Meaning(
        "The payment's amounts cannot be: more is captured than was authorised, or more refunded than captured, or "
        "they are not the sums of its captures and refunds.",
        "Compare the amounts with the processor's before you capture or refund anything more of it; then report this "
        "as a bug.",
    ),
    Invariant.OPEN_IS_ASKED_ABOUT: Meaning(
        "Something of the payment has no end yet, and no question about it is scheduled.",
        "Ask now: POST /v1/payments/{payment}/sync; that schedules what is left to ask. Then report this as a bug.",
    ),
    Invariant.STARTED_IS_LOOKED_AFTER: Meaning(
        "An attempt, capture, cancellation or refund was begun long ago, nobody is at work on it, and nothing will "
        "look after it.",
        "Ask now: POST /v1/payments/{payment}/sync. Then report this as a bug.",
    ),
    Invariant.RECOVERY_ENDS_WHEN_PAID: Meaning(
        "The payment is paid, and its recovery is still open.",
        "Stop the recovery: POST /v1/recoveries/{recovery}/stop. It charges nothing that is paid, as the payment "
        "itself refuses that; but report this as a bug.",
    ),
    Invariant.LEDGER_BALANCED: Meaning(
        "The books are out of balance: debits are not credits, or an account's sums are not those of its entries.",
        "Run `recoup ledger check`. Somebody has changed rows by hand, or there is a bug: report it with "
        "what it prints.",
    ),
    Invariant.LEDGER_AGREES: Meaning(
        "The books know the payment otherwise than it is.",
        "Compare its entries (GET /v1/ledger/entries?payment={payment}) with the processor's. Then "
        "report this as a bug.",
    ),
    Invariant.EVENT_HAS_NEXT_TRY: Meaning(
        "An event waits to be delivered to a webhook endpoint, and nothing will try it.",
        "Replay it: POST /v1/webhook_endpoints/{webhook_endpoint}/replay. Then report this as a bug.",
    ),
    Invariant.NOTHING_OVERDUE: Meaning(
        "Work that is due is not done, long after its time.",
        "See that a worker runs (`recoup serve` or `recoup work`), that it reaches the database, and what its "
        "log says.",
    ),
    Invariant.FOLLOWERS_KEEP_UP: Meaning(
        "What follows events has stopped: what it keeps is old.",
        "See `not_followed` in the log, and mend the reason; it then goes on where it stopped.",
    ),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """A law that is broken. `about` names what it is broken of: one open case for each."""

    invariant: Invariant
    about: str
    payment_id: UUID | None
    facts: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """What its case is about."""
        return f"{self.invariant}:{self.about}"


def case_of(hit: Hit, *, id_: UUID, now: datetime) -> Case:
    """The case of a law that is broken."""
    meaning = MEANINGS[hit.invariant]
    return Case(
        id=id_,
        kind=CaseKind.INVARIANT_BROKEN,
        subject=hit.subject,
        state=CaseState.OPEN,
        object_id=hit.payment_id,
        summary=f"{meaning.summary} ({hit.about})",
        remedy=meaning.remedy,
        details={"invariant": hit.invariant.value, "about": hit.about, **hit.facts},
        opened_at=now,
    )


MANY: Final = "(many)"
"""Stands for everything of which a law is broken beyond those that have a case each."""


def among_many(hit: Hit) -> Hit:
    """The same, without a case of its own."""
    return Hit(hit.invariant, MANY, None, {})
