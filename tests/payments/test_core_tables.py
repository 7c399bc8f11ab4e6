"""The tables of moves: what leads where, and what leads nowhere."""

from __future__ import annotations

from recoup.payments.core import (
    ATTEMPT_MOVES,
    HOLDS_MONEY_MAYBE,
    MOVES,
    OPERATION_MOVES,
    AttemptNews,
    AttemptState,
    News,
    OperationNews,
    OperationState,
    Status,
)


def test_every_status_can_be_come_to() -> None:
    """Chance alone may miss one; the table must not."""
    reached, ahead = set[Status](), [Status.REQUIRES_PAYMENT_METHOD]
    while ahead:
        status = ahead.pop()
        if status not in reached:
            reached.add(status)
            ahead.extend(MOVES[status].values())
    assert reached == set(Status)


def test_what_is_closed_stays_closed() -> None:
    """What holds no money takes no more answers; what holds it can only lose it."""
    assert [status for status in Status if not MOVES[status]] == [Status.CANCELED]
    assert set(MOVES[Status.CAPTURED]) == {News.UNCAPTURED_SOME, News.UNCAPTURED_ALL, News.REVERSED}
    closed = {state for state in AttemptState if not ATTEMPT_MOVES[state]}
    assert closed == {AttemptState.DECLINED, AttemptState.UNPROCESSED, AttemptState.REVERSED}
    assert closed | HOLDS_MONEY_MAYBE == set(AttemptState)
    assert set(ATTEMPT_MOVES[AttemptState.APPROVED]) == {AttemptNews.REVERSED}
    assert not OPERATION_MOVES[OperationState.FAILED]
    assert set(OPERATION_MOVES[OperationState.SUCCEEDED]) == {OperationNews.UNDONE}


def test_from_an_unknown_outcome_only_evidence_leads_away() -> None:
    assert set(MOVES[Status.UNRESOLVED].values()).isdisjoint({Status.CANCELED})
    for states in (AttemptState.UNKNOWN, AttemptState.PENDING, AttemptState.REQUIRES_ACTION):
        assert AttemptState.UNKNOWN not in ATTEMPT_MOVES[states].values()
