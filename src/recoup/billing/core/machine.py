"""The two tables of moves of billing: of a subscription, and of an invoice.

A subscription is an agreement that bills. It begins in its trial or `active`; an invoice whose charge was refused has
it fall behind (`past_due`) until nothing that it owes is refused any more, or until that is given up (`unpaid`). A
pause bills nothing and ends where the subscription stood. It ends for good by being canceled, or `completed` after as
many payments as were agreed.

An invoice is a draft until it is opened, which gives it its number. It ends paid, or `void` where it was wrong. What
nobody hopes for any more is `uncollectible`, and may be paid all the same. Money that came back (a returned direct
debit) opens a paid invoice again.

A news that its table does not list raises `IllegalMove`, and nothing changes. No status is assigned anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a subscription stands."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"
    COMPLETED = "completed"


class News(StrEnum):
    """What can happen to a subscription. One that is resumed goes on where it would stand by now."""

    TRIAL_ENDED = "trial_ended"
    FELL_BEHIND = "fell_behind"
    CAUGHT_UP = "caught_up"
    GIVEN_UP = "given_up"
    PAUSED = "paused"
    RESUMED = "resumed"
    RESUMED_IN_TRIAL = "resumed_in_trial"
    RESUMED_BEHIND = "resumed_behind"
    CANCELED = "canceled"
    RAN_OUT = "ran_out"


_ENDS: Final[Mapping[News, Status]] = {News.CANCELED: Status.CANCELED, News.RAN_OUT: Status.COMPLETED}

MOVES: Final[Mapping[Status, Mapping[News, Status]]] = {
    Status.TRIALING: {
        News.TRIAL_ENDED: Status.ACTIVE,
        News.FELL_BEHIND: Status.PAST_DUE,
        News.PAUSED: Status.PAUSED,
        News.CANCELED: Status.CANCELED,
    },
    Status.ACTIVE: {News.FELL_BEHIND: Status.PAST_DUE, News.PAUSED: Status.PAUSED, **_ENDS},
    Status.PAST_DUE: {
        News.CAUGHT_UP: Status.ACTIVE,
        News.GIVEN_UP: Status.UNPAID,
        News.PAUSED: Status.PAUSED,
        **_ENDS,
    },
    Status.UNPAID: {News.CAUGHT_UP: Status.ACTIVE, News.PAUSED: Status.PAUSED, **_ENDS},
    Status.PAUSED: {
        News.RESUMED: Status.ACTIVE,
        News.RESUMED_IN_TRIAL: Status.TRIALING,
        News.RESUMED_BEHIND: Status.PAST_DUE,
        **_ENDS,
    },
    Status.CANCELED: {},
    Status.COMPLETED: {},
}

ENDED: Final = frozenset(status for status, moves in MOVES.items() if not moves)
"""From these nothing leads away, and nothing more is billed."""


class InvoiceStatus(StrEnum):
    """Where an invoice stands."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"


class InvoiceNews(StrEnum):
    """What can happen to an invoice."""

    OPENED = "opened"
    PAID = "paid"
    GIVEN_UP = "given_up"
    VOIDED = "voided"
    RETURNED = "returned"


INVOICE_MOVES: Final[Mapping[InvoiceStatus, Mapping[InvoiceNews, InvoiceStatus]]] = {
    InvoiceStatus.DRAFT: {
        InvoiceNews.OPENED: InvoiceStatus.OPEN,
        InvoiceNews.VOIDED: InvoiceStatus.VOID,
    },
    InvoiceStatus.OPEN: {
        InvoiceNews.PAID: InvoiceStatus.PAID,
        InvoiceNews.GIVEN_UP: InvoiceStatus.UNCOLLECTIBLE,
        InvoiceNews.VOIDED: InvoiceStatus.VOID,
    },
    InvoiceStatus.UNCOLLECTIBLE: {
        InvoiceNews.PAID: InvoiceStatus.PAID,
        InvoiceNews.VOIDED: InvoiceStatus.VOID,
    },
    InvoiceStatus.PAID: {InvoiceNews.RETURNED: InvoiceStatus.OPEN},
    InvoiceStatus.VOID: {},
}


class IllegalMove(AssertionError):
    """A news that cannot come in this state: a bug. Nothing changed."""


def moved(status: Status, news: News) -> Status:
    """Where a subscription stands after a news."""
    target = MOVES[status].get(news)
    if target is None:
        raise IllegalMove(f"a subscription that is {status} cannot take {news}")
    return target


def takes(status: Status, news: News) -> bool:
    """Whether a subscription that stands there can take a news."""
    return news in MOVES[status]


def invoice_moved(status: InvoiceStatus, news: InvoiceNews) -> InvoiceStatus:
    """Where an invoice stands after a news."""
    target = INVOICE_MOVES[status].get(news)
    if target is None:
        raise IllegalMove(f"an invoice that is {status} cannot take {news}")
    return target


def invoice_takes(status: InvoiceStatus, news: InvoiceNews) -> bool:
    """Whether an invoice that stands there can take a news."""
    return news in INVOICE_MOVES[status]
