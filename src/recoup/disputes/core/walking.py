"""When a processor account is asked which disputes there are, how far back, and when a dispute is read by itself.

A walk looks through the processor's list, page by page, for what moved since the last one began, and a day before that.
Walks that find nothing come ever more seldom, up to once a day; answers that cannot be used, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.connectors.base import Alert
from recoup.disputes.core.machine import Status
from recoup.disputes.core.records import Dispute

OVERLAP: Final = timedelta(days=1)
FIRST_BACK: Final = timedelta(days=150)
"""How far the first walk of an account looks back, where it is that old: longer than most networks let a
payment be contested."""
QUIET_MAX: Final = timedelta(days=1)
FAILED_FIRST: Final = timedelta(minutes=5)
FAILED_MAX: Final = timedelta(hours=6)
CURSOR_FAILURES_MAX: Final = 3
"""After so many failures in a row a walk begins anew: what leads to its next page may have lapsed."""
FAILING_FROM: Final = CURSOR_FAILURES_MAX
"""From so many failures in a row a person is shown that an account cannot be asked: a quarter of an hour."""
WALK_PAGES_MAX: Final = 5_000
"""A list that is longer leads in a circle."""
WHY_LENGTH_MAX: Final = 300
ENDED_AGAIN: Final = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
OPEN_WAIT_MAX: Final = timedelta(days=7)
PLACED_FIRST: Final = timedelta(minutes=1)
PLACED_MAX: Final = timedelta(days=1)
PLACED_WITHIN: Final = timedelta(days=30)
"""How long a dispute is looked at whose charge nobody here knows. An unresolved payment is settled sooner."""
_DOUBLINGS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Walk:
    """How far an account was asked; see the table `dispute_walks`."""

    account_id: UUID
    covered_until: datetime
    began_at: datetime | None = None
    since: datetime | None = None
    cursor: str | None = None
    pages: int = 0
    quiet: int = 0
    failures: int = 0
    why: str | None = None


def under_way(walk: Walk, now: datetime) -> Walk:
    """The walk that is under way; one that begins now, where none is."""
    if walk.began_at is not None:
        return walk
    return replace(walk, began_at=now, since=walk.covered_until - OVERLAP, cursor=None, pages=0)


def after_page(walk: Walk, cursor: str | None, *, found: bool) -> Walk:
    """The walk after a page that was heard whole. `found`: something of it was new."""
    quiet = 0 if found else walk.quiet
    walk = replace(walk, cursor=cursor, pages=walk.pages + 1, quiet=quiet, failures=0, why=None)
    if cursor is not None:
        return walk
    assert walk.began_at is not None, "a walk that ends has begun"
    return Walk(walk.account_id, walk.began_at, quiet=0 if found else walk.quiet + 1)


def after_failure(walk: Walk, why: str) -> Walk:
    """The walk after an answer that could not be used."""
    failures = walk.failures + 1
    walk = replace(walk, failures=failures, why=why[:WHY_LENGTH_MAX])
    if failures % CURSOR_FAILURES_MAX:
        return walk
    return replace(walk, began_at=None, since=None, cursor=None, pages=0)


def asked_again_at(walk: Walk, now: datetime, every: timedelta) -> datetime:
    """When to go on, after a failure or at the end of a walk."""
    if walk.failures:
        return now + min(_doubled(FAILED_FIRST, walk.failures - 1), FAILED_MAX)
    wait = _doubled(every, max(walk.quiet - 1, 0))
    return now + min(wait, max(every, QUIET_MAX))


def _doubled(wait: timedelta, times: int) -> timedelta:
    factor: int = 2 ** min(times, _DOUBLINGS_MAX)
    return wait * factor


def placed_at(dispute: Dispute, now: datetime) -> datetime | None:
    """When to look again of which payment a dispute is: its charge may have been answered after it was contested.
    Ever more seldom; in the end it was made elsewhere."""
    age = now - dispute.opened_at
    if dispute.payment_id is not None or dispute.charge_reference is None or age > PLACED_WITHIN:
        return None
    return now + min(max(PLACED_FIRST, age), PLACED_MAX)


def read_at(dispute: Dispute, now: datetime, every: timedelta) -> datetime | None:
    """When a dispute is read by itself: ever more seldom while nothing is heard of it, a few times after its end."""
    if dispute.ended_at is not None:
        return next((dispute.ended_at + span for span in ENDED_AGAIN if dispute.ended_at + span > now), None)
    if dispute.status is Status.WARNING and dispute.alert is not Alert.RAPID_RESOLUTION:
        return None
    return now + min(max(every, now - dispute.updated_at), max(every, OPEN_WAIT_MAX))
