"""What all news of a dispute come to, in whatever order and however often they came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from recoup.connectors.base import Alert
from recoup.connectors.base import DisputeState as News
from recoup.disputes.core.machine import ASKS, CONTRADICTIONS, RANK, Status, moved
from recoup.disputes.core.records import Tidings
from recoup.kit.money import Money

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TAKES: Final = frozenset({News.OPENED, News.LOST, News.ACCEPTED, News.REVERSED})
_GIVES: Final = frozenset({News.WON, News.RESOLVED_EARLY})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Folded:
    """A dispute by its news. `contradicts` are the last two ends that cannot both be true, the newer one second.

    `asked`: what was asked of the merchant last, by an inquiry or by a chargeback.
    """

    status: Status
    amount: Money | None = None
    fee: Money | None = None
    reason: str | None = None
    network: str | None = None
    evidence_due_by: datetime | None = None
    withdrawn: bool = False
    occurred_at: datetime | None = None
    contradicts: tuple[Status, Status] | None = None
    asked: Status | None = None
    alert: Alert | None = None
    program: str | None = None


def folded(news: Iterable[Tidings]) -> Folded:
    """The dispute that these news tell of: there is at least one."""
    ordered = sorted(set(news), key=order)
    assert ordered, "a dispute is known by its news"
    now: Folded | None = None
    for one in ordered:
        now = _after(now, one)
    assert now is not None, "there was a first"
    return now


def tells(news: Iterable[Tidings], one: Tidings) -> bool:
    """Whether this would change what is known, but for when it was, or contradicts it. What is found by asking says
    mostly what is known, and is not kept each time."""
    known = tuple(news)
    return not known or _essence(folded((*known, one))) != _essence(folded(known))


def _essence(seen: Folded) -> Folded:
    return replace(seen, occurred_at=None)


def order(one: Tidings) -> tuple[datetime, bool, int, str]:
    """When a news happened, among the others; of the same moment what we did comes last, and the rest are told apart by
    what they say."""
    return one.occurred_at or _EARLIEST, one.own, RANK[one.state], canonical(one)


def canonical(one: Tidings) -> str:
    """A news as text: the same for the same news, and for no other."""
    parts = (
        one.state.value,
        _text(one.occurred_at),
        _text(one.amount),
        _text(one.fee),
        _text(one.reason),
        _text(one.network),
        _text(one.evidence_due),
        _text(one.withdrawn),
        _text(one.own),
    )
    alert = (one.alert.value, _text(one.program)) if one.alert is not None else ()
    return "\x1f".join((*parts, *alert))


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat()
        case Money(minor, currency):
            return f"{minor} {currency}"
        case _:
            return f"={value}"


def _after(before: Folded | None, one: Tidings) -> Folded:
    held = before or Folded(Status.WARNING)
    status = moved(None if before is None else before.status, one.state, asked=held.asked)
    contradicts = held.contradicts
    if before is not None and (before.status, one.state) in CONTRADICTIONS:
        contradicts = (before.status, status)
    return Folded(
        status,
        amount=_newer(held.amount, one.amount),
        fee=_newer(held.fee, one.fee),
        reason=_newer(held.reason, one.reason),
        network=_newer(held.network, one.network),
        evidence_due_by=_newer(held.evidence_due_by, one.evidence_due),
        withdrawn=_withdrawn(before, one, status),
        occurred_at=_newer(held.occurred_at, one.occurred_at),
        contradicts=contradicts,
        asked=status if status in ASKS else held.asked,
        alert=_newer(held.alert, one.alert),
        program=_newer(held.program, one.program),
    )


def _withdrawn(before: Folded | None, one: Tidings, status: Status) -> bool:
    """Whether the money is out of our hands: as it is told, else as such news usually mean where they count."""
    if one.withdrawn is not None:
        return one.withdrawn
    had = before is not None and before.withdrawn
    booked = status is Status.UNDER_REVIEW and one.state is News.OPENED
    counts = before is None or status is not before.status
    if not counts and not booked:
        return had
    if one.state in _TAKES:
        return True
    return had and one.state not in _GIVES


def _newer(held: T | None, told: T | None) -> T | None:
    return held if told is None else told


@dataclass(frozen=True, slots=True)
class Moves:
    """How often the money of a dispute was taken and given back, by all its news, and how much it is."""

    taken: int
    given: int
    amount: Money | None
    fee: Money | None


def moves(news: Iterable[Tidings]) -> Moves:
    """What became of the money, as these news tell it in the order in which they happened: there is at least one."""
    now: Folded | None = None
    taken = given = 0
    for one in sorted(set(news), key=order):
        had = now is not None and now.withdrawn
        now = _after(now, one)
        taken += now.withdrawn and not had
        given += had and not now.withdrawn
    assert now is not None, "a dispute is known by its news"
    return Moves(taken, given, now.amount, now.fee)
