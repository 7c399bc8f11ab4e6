"""What an answer does to the attempt it is about."""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from msgspec.structs import replace

from recoup.kit.cardlike import kept
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Outcome,
    Pending,
    Unknown,
    Unprocessed,
    Withdrawn,
)
from recoup.payments.core.machine import ATTEMPT_MOVES, AttemptNews, AttemptState, attempt_moved
from recoup.payments.core.records import Action, Attempt

WORDS_MAX: Final = 500
"""How much is kept of why something did not happen: part of it may be the processor's own words."""
AT_WORK: Final = frozenset({AttemptState.STARTED, AttemptState.COMPLETING})
"""Somebody is asking the processor at this moment, or died in asking."""


def why_of(answer: object) -> str | None:
    """Why an answer settles nothing, where it says so; without card numbers, whoever wrote it."""
    why: str | None = getattr(answer, "why", None)
    return None if why is None else kept(why, longest=WORDS_MAX)


def takes(attempt: Attempt, outcome: Outcome | Withdrawn) -> bool:
    """Whether an attempt still takes this answer: a closed one takes none, one that waits no `Unprocessed`."""
    return _attempt_news(outcome) in ATTEMPT_MOVES[attempt.state]


def contradicts(attempt: Attempt, outcome: Outcome | Withdrawn) -> bool:
    """Whether an answer that an attempt does not take tells another end than is known."""
    match outcome:
        case Approved():
            return attempt.state is not AttemptState.APPROVED
        case Declined():
            return attempt.state is not AttemptState.DECLINED
        case Unprocessed() | Withdrawn():
            return attempt.state is not AttemptState.UNPROCESSED
        case Unknown() | Pending() | ActionRequired():
            return False
        case _:
            assert_never(outcome)


def says_nothing_new(attempt: Attempt, outcome: Outcome | Withdrawn) -> bool:
    """True for an unanswered question about an attempt that waits, and for the same interim answer again."""
    match outcome:
        case Unknown():
            return attempt.state not in AT_WORK
        case Pending():
            return attempt.state is AttemptState.PENDING
        case ActionRequired():
            return attempt.state is AttemptState.REQUIRES_ACTION
        case Approved() | Declined() | Unprocessed() | Withdrawn():
            return False
        case _:
            assert_never(outcome)


def _attempt_news(outcome: Outcome | Withdrawn) -> AttemptNews:
    match outcome:
        case Approved():
            return AttemptNews.APPROVED
        case Declined():
            return AttemptNews.DECLINED
        case Unprocessed():
            return AttemptNews.UNPROCESSED
        case Unknown():
            return AttemptNews.UNKNOWN
        case ActionRequired():
            return AttemptNews.ACTION_REQUIRED
        case Pending():
            return AttemptNews.PENDING
        case Withdrawn():
            return AttemptNews.WITHDRAWN
        case _:
            assert_never(outcome)


def resumed(attempt: Attempt) -> Attempt:
    """An attempt that goes on, because its customer came back."""
    return replace(attempt, state=attempt_moved(attempt.state, AttemptNews.RESUMED), asked=0)


def closed(
    attempt: Attempt, outcome: Outcome | Withdrawn, *, now: datetime, latency_ms: int | None
) -> Attempt:
    state = attempt_moved(attempt.state, _attempt_news(outcome))
    still_open = state in {AttemptState.PENDING, AttemptState.REQUIRES_ACTION, AttemptState.UNKNOWN}
    decline = outcome.decline if isinstance(outcome, Declined) else None
    return replace(
        attempt,
        state=state,
        reference=getattr(outcome, "reference", None) or attempt.reference,
        decline=decline,
        rule=decline.rule if decline is not None else None,
        why=why_of(outcome),
        action_url=outcome.url if isinstance(outcome, ActionRequired) else None,
        finished_at=None if still_open else now,
        latency_ms=latency_ms if latency_ms is not None else attempt.latency_ms,
        action=_action(attempt, outcome) if still_open else None,
        returned=attempt.returned if still_open else None,
    )


def _action(attempt: Attempt, outcome: Outcome | Withdrawn) -> Action | None:
    """What our page is to do: the next step, the same one where nothing else is asked, and else the last one known."""
    known = attempt.action
    if not isinstance(outcome, ActionRequired):
        return known
    if not outcome.needs_a_page:
        return None
    form = None if outcome.form is None else dict(outcome.form)
    asked = Action(outcome.url, 1, form, outcome.script, dict(outcome.kept))
    if known is None or asked == replace(known, step=1):
        return known or asked
    return replace(asked, step=known.step + 1)


def still_awaited(attempt: Attempt) -> ActionRequired:
    """What the customer of an attempt is asked for, said once more."""
    action, reference = attempt.action, attempt.reference or ""
    if action is None:
        return ActionRequired(reference, attempt.action_url or "")
    return ActionRequired(reference, action.url, action.form, action.script, action.kept)
