"""What becomes of a dispute: by its news, by what the merchant did, and what is to be told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.connectors.base import Alert, DisputeVerb
from recoup.connectors.base import DisputeState as News
from recoup.disputes.codes.words import Category
from recoup.disputes.core.folding import Folded, folded
from recoup.disputes.core.machine import ANSWERABLE, OPEN, Status
from recoup.disputes.core.postings import booked
from recoup.disputes.core.reasons import category_of
from recoup.disputes.core.records import (
    ANSWERED,
    Answer,
    AnswerState,
    Booked,
    Card,
    Dispute,
    Held,
    Tidings,
)

EVIDENCE_DUE: Final = "dispute.evidence_due"
UPDATED: Final = "dispute.updated"
STOP_LIFTED: Final = "dispute.stop_lifted"
_FACT_OF: Final[Mapping[Status, str]] = {
    Status.WARNING: "dispute.warning",
    Status.INQUIRY: "dispute.inquiry",
    Status.NEEDS_RESPONSE: "dispute.opened",
    Status.UNDER_REVIEW: "dispute.submitted",
    Status.ACCEPTED: "dispute.accepted",
    Status.WON: "dispute.won",
    Status.LOST: "dispute.lost",
    Status.REVERSED: "dispute.reversed",
    Status.EXPIRED: "dispute.expired",
    Status.CLOSED: "dispute.closed",
}
_SETTLED_BY: Final[Mapping[DisputeVerb, frozenset[Status]]] = {
    DisputeVerb.SUBMIT: frozenset({Status.UNDER_REVIEW}),
    DisputeVerb.ACCEPT: frozenset({Status.ACCEPTED, Status.LOST}),
}
"""Where a dispute stands after an answer that arrived."""
_OWN_NEWS: Final[Mapping[DisputeVerb, News]] = {
    DisputeVerb.SUBMIT: News.SUBMITTED,
    DisputeVerb.ACCEPT: News.ACCEPTED,
}
_OPEN_ANSWERS: Final = frozenset({AnswerState.SENDING, AnswerState.UNKNOWN, AnswerState.PENDING})
_FRAUD_STAYS: Final = frozenset({Status.WARNING, Status.ACCEPTED, Status.LOST, Status.REVERSED})


@dataclass(frozen=True, slots=True)
class About:
    """Whose dispute it is, as far as was found out when a piece of news came."""

    payment_id: UUID | None = None
    charge_reference: str | None = None
    card: Card = field(default_factory=Card)


def begun(merchant_id: UUID, dispute_id: UUID, account_id: UUID, reference: str, *, now: datetime) -> Dispute:
    """A dispute of which nothing was written yet."""
    return Dispute(
        merchant_id=merchant_id,
        id=dispute_id,
        processor_account_id=account_id,
        reference=reference,
        charge_reference=None,
        payment_id=None,
        card=Card(),
        status=Status.WARNING,
        version=0,
        events_count=0,
        amount=None,
        fee=None,
        reason=None,
        network=None,
        category=Category.GENERAL,
        alert=None,
        program=None,
        withdrawn=False,
        evidence_due_by=None,
        reminder_at=None,
        stops=False,
        lifted=None,
        booked=Booked(),
        answer=None,
        evidence=Held(),
        occurred_at=None,
        opened_at=now,
        updated_at=now,
        ended_at=None,
    )


def concluded(
    before: Dispute, news: Sequence[Tidings], about: About, *, now: datetime, reminders: Sequence[timedelta]
) -> tuple[Dispute, Folded]:
    """The dispute after these, which are all its news; and what they come to. It has no new version yet."""
    seen = folded(news)
    known = before.payment_id is not None
    card = before.card if known else about.card
    is_warning = any(one.state is News.WARNING for one in news) and seen.alert is not Alert.RAPID_RESOLUTION
    after = replace(
        before,
        status=seen.status,
        amount=seen.amount,
        fee=seen.fee,
        reason=seen.reason,
        network=seen.network,
        category=category_of(seen.reason, seen.network or card.brand, is_warning=is_warning),
        alert=seen.alert,
        program=seen.program,
        withdrawn=seen.withdrawn,
        evidence_due_by=seen.evidence_due_by,
        occurred_at=seen.occurred_at,
        payment_id=before.payment_id or about.payment_id,
        charge_reference=before.charge_reference or about.charge_reference,
        card=card,
    )
    return finished(before, after, now=now, reminders=reminders), seen


def finished(before: Dispute, after: Dispute, *, now: datetime, reminders: Sequence[timedelta]) -> Dispute:
    """The same with all that follows from where it stands."""
    lifted = after.lifted if before.status is after.status else None
    after = replace(after, answer=_answer(before, after), lifted=lifted)
    ended = after.status not in OPEN | {Status.WARNING}
    after = replace(
        after,
        booked=booked(after),
        stops=stops(after),
        ended_at=(before.ended_at if before.status is after.status else None) or now if ended else None,
    )
    unmoved = before.evidence_due_by == after.evidence_due_by and before.reminder_at is not None
    reminder = before.reminder_at if unmoved else next_reminder(after, now, reminders)
    return replace(after, reminder_at=reminder if after.awaits_us else None)


def _answer(before: Dispute, after: Dispute) -> Answer | None:
    """Our answer as where the dispute stands shows it: arrived, or one to an earlier question."""
    answer = after.answer
    if answer is None:
        return None
    if after.status in _SETTLED_BY[answer.verb] and answer.state in _OPEN_ANSWERS:
        return replace(answer, state=AnswerState.DONE, code=None, why=None)
    taken_up = before.status not in ANSWERABLE and after.status in ANSWERABLE
    return None if taken_up and answer.state in ANSWERED else answer


def stops(dispute: Dispute) -> bool:
    """Whether nothing more may be tried on its card: while it is open, while an alert waits to be settled, and for good
    after fraud, unless somebody lifts that."""
    if dispute.status in OPEN:
        return True
    if dispute.lifted is not None:
        return False
    is_rapid = dispute.alert is Alert.RAPID_RESOLUTION
    if dispute.category is not Category.FRAUDULENT:
        return is_rapid and dispute.status is Status.WARNING
    return dispute.status in _FRAUD_STAYS or (is_rapid and dispute.status is Status.CLOSED)


def next_reminder(dispute: Dispute, now: datetime, reminders: Sequence[timedelta]) -> datetime | None:
    """When the merchant is reminded next of the day by which to answer; None where no reminder is left."""
    due = dispute.evidence_due_by
    if due is None or not dispute.awaits_us:
        return None
    return min((due - span for span in reminders if due - span > now), default=None)


def own_news(dispute: Dispute, answer: Answer) -> Tidings:
    """That we answered, as a piece of news: it came after what was known then, whatever our clock and theirs say; and
    after what had happened before it was sent, however late that is told."""
    known = dispute.occurred_at
    at = answer.at if known is None else max(known, answer.at)
    return Tidings(_OWN_NEWS[answer.verb], occurred_at=at, own=True)


def happened(before: Dispute, after: Dispute) -> tuple[str, ...]:
    """The events that lead from one to the other; none where nothing that is shown changed."""
    if before.events_count == 0 or before.status is not after.status:
        return (_FACT_OF[after.status],)
    return (UPDATED,) if _shown(before) != _shown(after) else ()


def _shown(dispute: Dispute) -> Dispute:
    """A dispute without what nobody is shown."""
    return replace(
        dispute,
        version=0,
        events_count=0,
        reminder_at=None,
        booked=Booked(),
        occurred_at=None,
        updated_at=dispute.opened_at,
    )
