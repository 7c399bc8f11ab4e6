"""A person's decision about an attempt whose processor can neither tell what became of it nor forget it.

It is the one way out of an unknown outcome that is not the processor's word, so it is narrow: not while anybody can be
asked, not before a day has passed, never without evidence in words. What is decided is written into the attempt with
who decided it; what the processor says later against it moves nothing, and is a case.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from recoup.kit.cardlike import kept
from recoup.kit.refusals import conflict
from recoup.outcomes.core import Approved, Withdrawn
from recoup.payments.core.answers import WORDS_MAX
from recoup.payments.core.machine import AttemptState
from recoup.payments.core.records import BY_HAND, Attempt, Snapshot
from recoup.payments.core.step import Step
from recoup.payments.core.steps import answered

EVIDENCE_MIN: Final = 20
EVIDENCE_MAX: Final = 400
NOT_BEFORE: Final = timedelta(hours=24)
"""How long after an attempt nobody may decide about it: until then the processor's own books may still change."""
RESOLVED: Final = "payment.resolved_by_hand"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person found out: whether it was approved, under which name, how they know, and with which API key."""

    attempt_id: UUID
    approved: bool
    reference: str | None
    evidence: str
    who: str


def may_resolve(snapshot: Snapshot, resolution: Resolution, *, now: datetime) -> Attempt:
    """The attempt that may be decided about; refuses."""
    attempt = snapshot.attempt(resolution.attempt_id)
    if attempt is None or attempt is not snapshot.open_attempt or attempt.state is not AttemptState.UNKNOWN:
        raise conflict(
            "attempt_not_unknown",
            "Only an attempt whose outcome is unknown can be resolved, and this one is not, or not any more: read the "
            "payment.",
            param="attempt",
        )
    if now < attempt.started_at + NOT_BEFORE:
        raise conflict(
            "too_early_to_resolve",
            f"This attempt is not {NOT_BEFORE // timedelta(hours=1)} hours old, and its processor may still tell. Ask "
            "again then.",
            param="attempt",
        )
    return attempt


def resolved(snapshot: Snapshot, resolution: Resolution, *, now: datetime) -> Step:
    """Close the attempt as the person says."""
    attempt = may_resolve(snapshot, resolution, now=now)
    why = kept(f"{BY_HAND} with {resolution.who}: {resolution.evidence}", longest=WORDS_MAX)
    taken = snapshot.payment.capture == "automatic"
    reference = resolution.reference or attempt.reference or ""
    said = Approved(reference, captured=taken) if resolution.approved else Withdrawn(why)
    step = answered(snapshot, attempt.id, said, now=now, latency_ms=None)
    assert step is not None, "an unknown outcome takes either answer"
    attempts = tuple(replace(one, why=why) if one.id == attempt.id else one for one in step.after.attempts)
    payment = replace(step.payment, events_count=step.payment.events_count + 1)
    after = replace(step.after, payment=payment, attempts=attempts)
    return replace(step, after=after, happened=(RESOLVED, *step.happened))
