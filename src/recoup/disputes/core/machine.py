"""Where a dispute stands, and what news move it where: one table.

A dispute begins as a `warning` (somebody reported fraud; no money moves), as an `inquiry` (the issuer asks first), or,
most often, as a chargeback that `needs_response`. Evidence handed in leaves it `under_review`; then it is `won` or
`lost`. The merchant may have `accepted` it, the time for evidence may have `expired`, and what was won may be taken
again: `reversed`. `closed` ended without either being told.

News come doubled, late and in any order, so a dispute is what all its news come to, in the order in which the processor
says that they happened (`folding.py`). A news that the table does not list leaves it where it stands: late news never
move it backwards. Two ends that cannot both be true are in `CONTRADICTIONS`: the newer one counts, and a person is
told. No status is assigned anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from recoup.connectors.base import DisputeState as News


class Status(StrEnum):
    """Where a dispute stands."""

    WARNING = "warning"
    INQUIRY = "inquiry"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    ACCEPTED = "accepted"
    WON = "won"
    LOST = "lost"
    REVERSED = "reversed"
    EXPIRED = "expired"
    CLOSED = "closed"


BEGINNINGS: Final[Mapping[News, Status]] = {
    News.WARNING: Status.WARNING,
    News.INQUIRY: Status.INQUIRY,
    News.OPENED: Status.NEEDS_RESPONSE,
    News.SUBMITTED: Status.UNDER_REVIEW,
    News.ACCEPTED: Status.ACCEPTED,
    News.WON: Status.WON,
    News.LOST: Status.LOST,
    News.REVERSED: Status.REVERSED,
    News.EXPIRED: Status.EXPIRED,
    News.CLOSED: Status.CLOSED,
    News.RESOLVED_EARLY: Status.CLOSED,
}
"""Where the first that is heard of a dispute puts it: what came before may never be told."""

_ENDS: Final[Mapping[News, Status]] = {
    News.ACCEPTED: Status.ACCEPTED,
    News.WON: Status.WON,
    News.LOST: Status.LOST,
    News.REVERSED: Status.REVERSED,
}
_ONWARDS: Final[Mapping[News, Status]] = {
    **_ENDS,
    News.SUBMITTED: Status.UNDER_REVIEW,
    News.EXPIRED: Status.EXPIRED,
    News.CLOSED: Status.CLOSED,
    News.RESOLVED_EARLY: Status.CLOSED,
}

MOVES: Final[Mapping[Status, Mapping[News, Status]]] = {
    Status.WARNING: {
        **_ONWARDS,
        News.INQUIRY: Status.INQUIRY,
        News.OPENED: Status.NEEDS_RESPONSE,
    },
    Status.INQUIRY: {**_ONWARDS, News.OPENED: Status.NEEDS_RESPONSE},
    Status.NEEDS_RESPONSE: _ONWARDS,
    Status.UNDER_REVIEW: {**_ONWARDS, News.OPENED: Status.NEEDS_RESPONSE},
    Status.EXPIRED: {**_ONWARDS, News.OPENED: Status.NEEDS_RESPONSE},
    Status.REVERSED: _ONWARDS,
    Status.CLOSED: {
        **_ENDS,
        News.OPENED: Status.NEEDS_RESPONSE,
        News.SUBMITTED: Status.UNDER_REVIEW,
    },
    Status.ACCEPTED: {News.WON: Status.WON},
    Status.WON: {
        News.REVERSED: Status.REVERSED,
        News.LOST: Status.LOST,
        News.ACCEPTED: Status.ACCEPTED,
    },
    Status.LOST: {News.WON: Status.WON},
}
"""An inquiry that was answered may become a chargeback all the same, and so may one that had been closed."""

ASKS: Final = frozenset({Status.INQUIRY, Status.NEEDS_RESPONSE, Status.REVERSED})
"""Where a question was put to the merchant."""
CHARGED: Final = frozenset({Status.NEEDS_RESPONSE, Status.REVERSED})
"""Questions of which a chargeback is the subject already: it does not ask again when its money is booked."""

CONTRADICTIONS: Final = frozenset(
    {
        (Status.WON, News.LOST),
        (Status.WON, News.ACCEPTED),
        (Status.LOST, News.WON),
        (Status.ACCEPTED, News.WON),
    }
)
"""Ends that cannot both be true, where nothing between them says that it was taken up again."""

ANSWERABLE: Final = frozenset({Status.INQUIRY, Status.NEEDS_RESPONSE, Status.EXPIRED, Status.REVERSED})
"""Where evidence can be handed in, or the money given up; whether it is too late, only the processor says."""
AWAITS_US: Final = frozenset({Status.INQUIRY, Status.NEEDS_RESPONSE})
"""Where the merchant is reminded of the day by which to answer."""
OPEN: Final = frozenset(
    {Status.INQUIRY, Status.NEEDS_RESPONSE, Status.UNDER_REVIEW, Status.EXPIRED, Status.REVERSED}
)
"""Where an end is still to come."""
GIVEN_UP: Final = frozenset({Status.ACCEPTED, Status.LOST, Status.REVERSED})
"""Where the money that was taken is lost, as things stand."""


def moved(status: Status | None, news: News, *, asked: Status | None = None) -> Status:
    """Where a dispute stands after a news; `status` is None before the first. `asked` is what was asked last.

    Some processors announce a chargeback, and tell once more when its money is booked, perhaps after it was answered:
    what answered a chargeback is not asked for again. What answered an inquiry does not answer a chargeback.
    """
    if status is None:
        return BEGINNINGS[news]
    if status is Status.UNDER_REVIEW and news is News.OPENED and asked in CHARGED:
        return status
    return MOVES[status].get(news, status)


_ORDER: Final = (
    News.WARNING,
    News.INQUIRY,
    News.OPENED,
    News.EXPIRED,
    News.SUBMITTED,
    News.CLOSED,
    News.RESOLVED_EARLY,
    News.ACCEPTED,
    News.WON,
    News.REVERSED,
    News.LOST,
)
RANK: Final[Mapping[News, int]] = {news: place for place, news in enumerate(_ORDER)}
"""Which of two news of the same moment came first."""
assert set(RANK) == set(News), "every news has its rank"
