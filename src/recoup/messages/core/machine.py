"""Where a message stands, and what may happen to it: one table.

A message is written as `sending` before it leaves. The mail server's word then decides: `sent`, or `failed` for good,
or `waiting` to be tried again where it was certainly not taken. Where its word never came the message is `unknown`: it
may have arrived, so it is not sent again. What the merchant sends by itself is `due`, and in test mode without an
address for it a message is `kept`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a message stands."""

    SENDING = "sending"
    WAITING = "waiting"
    SENT = "sent"
    KEPT = "kept"
    DUE = "due"
    UNKNOWN = "unknown"
    FAILED = "failed"
    BOUNCED = "bounced"
    CANCELED = "canceled"


class News(StrEnum):
    """What can happen to a message."""

    BEGUN = "begun"
    TAKEN = "taken"
    NOT_SENT_IN_TEST_MODE = "not_sent_in_test_mode"
    PUT_OFF = "put_off"
    REFUSED = "refused"
    LOST_SIGHT = "lost_sight"
    BOUNCED = "bounced"
    NOT_NEEDED = "not_needed"


_ANSWERS: Final[Mapping[News, Status]] = {
    News.TAKEN: Status.SENT,
    News.REFUSED: Status.FAILED,
    News.BOUNCED: Status.BOUNCED,
}
MOVES: Final[Mapping[Status, Mapping[News, Status]]] = {
    Status.SENDING: {
        **_ANSWERS,
        News.NOT_SENT_IN_TEST_MODE: Status.KEPT,
        News.PUT_OFF: Status.WAITING,
        News.LOST_SIGHT: Status.UNKNOWN,
    },
    Status.WAITING: {
        News.BEGUN: Status.SENDING,
        News.REFUSED: Status.FAILED,
        News.NOT_NEEDED: Status.CANCELED,
    },
    Status.SENT: {News.BOUNCED: Status.BOUNCED},
    # Its sender was taken for dead and is not, or the address answers after all.
    Status.UNKNOWN: _ANSWERS,
    Status.KEPT: {},
    Status.DUE: {News.BOUNCED: Status.BOUNCED},
    Status.FAILED: {},
    Status.BOUNCED: {},
    Status.CANCELED: {},
}

NOT_ASKED: Final = frozenset({Status.FAILED, Status.CANCELED})
"""Messages that certainly reached nobody: they do not count towards what a customer may be sent."""


class IllegalMove(AssertionError):
    """A news that cannot come in this state: a bug. Nothing changed."""


def moved(status: Status, news: News) -> Status:
    """Where a message stands after a news."""
    target = MOVES[status].get(news)
    if target is None:
        raise IllegalMove(f"a message that is {status} cannot take {news}")
    return target


def takes(status: Status, news: News) -> bool:
    """Whether a news can come in this state."""
    return news in MOVES[status]
