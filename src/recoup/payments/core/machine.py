"""The three tables of moves: of a payment, of an attempt, and of a capture, cancellation or refund.

A payment is the merchant's intent to be paid once. Its life, in prose: it waits for a payment method; an attempt
starts and it is `processing`. The attempt's answer moves it: approved, it is `authorized` (held) or `captured` (taken);
declined, `declined`; certainly never processed, `failed`; without a trusted answer, `unresolved`. From `unresolved`
only evidence leads away: approved, declined, or the processor's promise that nothing happened (withdrawn). Where the
customer must act it waits; they come back, the same attempt goes on and it is `processing` again. A declined or failed
payment may start again. Held money is captured, in one part or several, or released.

Nothing of that is final in the world, so evidence may undo it: a capture that failed after all leaves its money held,
and what was taken at once and came back (a returned direct debit) ends as `declined`, with its attempt `reversed`.

A news that its table does not list raises `IllegalMove`, and nothing changes. No status is assigned anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a payment stands."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    UNRESOLVED = "unresolved"
    AUTHORIZED = "authorized"
    PARTIALLY_CAPTURED = "partially_captured"
    CAPTURED = "captured"
    DECLINED = "declined"
    FAILED = "failed"
    CANCELED = "canceled"


class News(StrEnum):
    """What can happen to a payment."""

    STARTED = "started"
    FAILED_OVER = "failed_over"
    RESUMED = "resumed"
    HELD = "held"
    TAKEN = "taken"
    REFUSED = "refused"
    NEVER_PROCESSED = "never_processed"
    LOST_SIGHT = "lost_sight"
    ACTION_NEEDED = "action_needed"
    ANSWER_LATER = "answer_later"
    CAPTURED_SOME = "captured_some"
    CAPTURED_ALL = "captured_all"
    RELEASED_ALL = "released_all"
    RELEASED_REST = "released_rest"
    ABANDONED = "abandoned"
    UNCAPTURED_SOME = "uncaptured_some"
    UNCAPTURED_ALL = "uncaptured_all"
    REVERSED = "reversed"


_ANSWERS: Final[Mapping[News, Status]] = {
    News.HELD: Status.AUTHORIZED,
    News.TAKEN: Status.CAPTURED,
    News.REFUSED: Status.DECLINED,
    News.NEVER_PROCESSED: Status.FAILED,
    News.ACTION_NEEDED: Status.REQUIRES_ACTION,
    News.ANSWER_LATER: Status.PROCESSING,
    News.LOST_SIGHT: Status.UNRESOLVED,
}

_UNDONE: Final[Mapping[News, Status]] = {
    News.UNCAPTURED_SOME: Status.PARTIALLY_CAPTURED,
    News.UNCAPTURED_ALL: Status.AUTHORIZED,
}

MOVES: Final[Mapping[Status, Mapping[News, Status]]] = {
    Status.REQUIRES_PAYMENT_METHOD: {News.STARTED: Status.PROCESSING, News.ABANDONED: Status.CANCELED},
    Status.PROCESSING: {**_ANSWERS, News.FAILED_OVER: Status.PROCESSING},
    Status.UNRESOLVED: _ANSWERS,
    Status.REQUIRES_ACTION: {
        **_ANSWERS,
        News.RESUMED: Status.PROCESSING,
        News.ABANDONED: Status.CANCELED,
    },
    Status.AUTHORIZED: {
        News.CAPTURED_SOME: Status.PARTIALLY_CAPTURED,
        News.CAPTURED_ALL: Status.CAPTURED,
        News.RELEASED_ALL: Status.CANCELED,
    },
    Status.PARTIALLY_CAPTURED: {
        News.CAPTURED_SOME: Status.PARTIALLY_CAPTURED,
        News.CAPTURED_ALL: Status.CAPTURED,
        News.RELEASED_REST: Status.CAPTURED,
        **_UNDONE,
    },
    Status.CAPTURED: {**_UNDONE, News.REVERSED: Status.DECLINED},
    Status.DECLINED: {News.STARTED: Status.PROCESSING, News.ABANDONED: Status.CANCELED},
    Status.FAILED: {News.STARTED: Status.PROCESSING, News.ABANDONED: Status.CANCELED},
    Status.CANCELED: {},
}


class Reason(StrEnum):
    """Why an attempt was made."""

    INITIAL = "initial"
    FAILOVER = "failover"
    RECOVERY = "recovery"
    RENEWAL = "renewal"
    MANUAL = "manual"


class AttemptState(StrEnum):
    """Where an attempt stands; `started`, `completing` and `pending` have no outcome yet.

    `completing`: its customer came back, and the processor is being asked to go on with it. `reversed`: it was approved
    and the money taken, and later all of it was returned.
    """

    STARTED = "started"
    COMPLETING = "completing"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    APPROVED = "approved"
    DECLINED = "declined"
    UNPROCESSED = "unprocessed"
    REVERSED = "reversed"


class AttemptNews(StrEnum):
    """What can happen to an attempt. `WITHDRAWN` is the processor's promise that it did and will do nothing;
    `REVERSED`, that what it had approved and taken is not ours any more."""

    APPROVED = "approved"
    DECLINED = "declined"
    UNPROCESSED = "unprocessed"
    UNKNOWN = "unknown"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    WITHDRAWN = "withdrawn"
    RESUMED = "resumed"
    REVERSED = "reversed"


_SETTLES: Final[Mapping[AttemptNews, AttemptState]] = {
    AttemptNews.APPROVED: AttemptState.APPROVED,
    AttemptNews.DECLINED: AttemptState.DECLINED,
    AttemptNews.WITHDRAWN: AttemptState.UNPROCESSED,
    AttemptNews.ACTION_REQUIRED: AttemptState.REQUIRES_ACTION,
    AttemptNews.PENDING: AttemptState.PENDING,
}

ATTEMPT_MOVES: Final[Mapping[AttemptState, Mapping[AttemptNews, AttemptState]]] = {
    AttemptState.STARTED: {
        AttemptNews.APPROVED: AttemptState.APPROVED,
        AttemptNews.DECLINED: AttemptState.DECLINED,
        AttemptNews.UNPROCESSED: AttemptState.UNPROCESSED,
        AttemptNews.UNKNOWN: AttemptState.UNKNOWN,
        AttemptNews.ACTION_REQUIRED: AttemptState.REQUIRES_ACTION,
        AttemptNews.PENDING: AttemptState.PENDING,
    },
    AttemptState.UNKNOWN: {**_SETTLES, AttemptNews.UNPROCESSED: AttemptState.UNPROCESSED},
    AttemptState.PENDING: _SETTLES,
    AttemptState.REQUIRES_ACTION: {**_SETTLES, AttemptNews.RESUMED: AttemptState.COMPLETING},
    AttemptState.COMPLETING: {
        AttemptNews.APPROVED: AttemptState.APPROVED,
        AttemptNews.DECLINED: AttemptState.DECLINED,
        AttemptNews.UNKNOWN: AttemptState.UNKNOWN,
        AttemptNews.ACTION_REQUIRED: AttemptState.REQUIRES_ACTION,
        AttemptNews.PENDING: AttemptState.PENDING,
    },
    AttemptState.APPROVED: {AttemptNews.REVERSED: AttemptState.REVERSED},
    AttemptState.DECLINED: {},
    AttemptState.UNPROCESSED: {},
    AttemptState.REVERSED: {},
}
"""`UNKNOWN` takes `UNPROCESSED` from one source alone: the process that made the attempt, when its own answer comes
after it was given up for lost. A question can never return it (`Evidence` has no such member), nor can a completion:
the processor has the attempt already, so nothing that is said of its going on means that it never was."""

HOLDS_MONEY_MAYBE: Final = frozenset(
    {
        AttemptState.STARTED,
        AttemptState.COMPLETING,
        AttemptState.PENDING,
        AttemptState.REQUIRES_ACTION,
        AttemptState.UNKNOWN,
        AttemptState.APPROVED,
    }
)
"""While one attempt of a payment is in one of these, no other may start: the database has the same rule."""


class OperationKind(StrEnum):
    """What is done to money that an attempt holds or took."""

    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"


class OperationState(StrEnum):
    """Where a capture, cancellation or refund stands."""

    STARTED = "started"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class OperationNews(StrEnum):
    """What can happen to a capture, cancellation or refund."""

    DONE = "done"
    REFUSED = "refused"
    UNPROCESSED = "unprocessed"
    UNKNOWN = "unknown"
    PENDING = "pending"
    WITHDRAWN = "withdrawn"
    UNDONE = "undone"


OPERATION_MOVES: Final[Mapping[OperationState, Mapping[OperationNews, OperationState]]] = {
    OperationState.STARTED: {
        OperationNews.DONE: OperationState.SUCCEEDED,
        OperationNews.REFUSED: OperationState.FAILED,
        OperationNews.UNPROCESSED: OperationState.FAILED,
        OperationNews.UNKNOWN: OperationState.UNKNOWN,
        OperationNews.PENDING: OperationState.PENDING,
    },
    OperationState.UNKNOWN: {
        OperationNews.DONE: OperationState.SUCCEEDED,
        OperationNews.REFUSED: OperationState.FAILED,
        OperationNews.UNPROCESSED: OperationState.FAILED,
        OperationNews.PENDING: OperationState.PENDING,
        OperationNews.WITHDRAWN: OperationState.FAILED,
    },
    OperationState.PENDING: {
        OperationNews.DONE: OperationState.SUCCEEDED,
        OperationNews.REFUSED: OperationState.FAILED,
        OperationNews.WITHDRAWN: OperationState.FAILED,
    },
    OperationState.SUCCEEDED: {OperationNews.UNDONE: OperationState.FAILED},
    OperationState.FAILED: {},
}


class IllegalMove(AssertionError):
    """A news that cannot come in this state: a bug, or a contradiction that a person must see. Nothing changed."""


def moved(status: Status, news: News) -> Status:
    """Where a payment stands after a news."""
    target = MOVES[status].get(news)
    if target is None:
        raise IllegalMove(f"a payment that is {status} cannot take {news}")
    return target


def attempt_moved(state: AttemptState, news: AttemptNews) -> AttemptState:
    """Where an attempt stands after a news."""
    target = ATTEMPT_MOVES[state].get(news)
    if target is None:
        raise IllegalMove(f"an attempt that is {state} cannot take {news}")
    return target


def operation_moved(state: OperationState, news: OperationNews) -> OperationState:
    """Where a capture, cancellation or refund stands after a news."""
    target = OPERATION_MOVES[state].get(news)
    if target is None:
        raise IllegalMove(f"an operation that is {state} cannot take {news}")
    return target
