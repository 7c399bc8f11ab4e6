"""What processors tell unasked: which moments of an operation they tell, and what becomes of it on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final
from uuid import UUID

from recoup.sandbox.core.chance import below, letters
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState
from recoup.sandbox.core.processors import ProcessorName

WHOLE: Final = 10_000
"""What shares are parts of."""
DOUBLED_WITHIN_S: Final = 60
"""How soon something comes a second time."""
LATE_MAX_S: Final = 7 * 86_400
_EVENT_LENGTH: Final = 26


@dataclass(frozen=True, slots=True)
class Telling:
    """How the processors of a world tell: which parts of `WHOLE` get lost, come twice, or come up to `reordered_by_s`
    later than what happened after them. `seed` is its luck."""

    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    reordered_by_s: int = 86_400
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing to tell. `event` is the processor's name for it, `about` the reference of what it is about, and
    `charge_key` our key of the charge behind that. Times are the world's."""

    id: UUID
    processor: ProcessorName
    event: str
    about: str
    charge_key: str
    occurred_at: datetime
    due_at: datetime
    body: str


def moments(
    operation: Operation, *, since: datetime | None = None
) -> Iterator[tuple[datetime, OperationState]]:
    """When an operation is told of, and what it is then. `since` is when it came to be what it is, if later."""
    if operation.state in _TOLD.get(operation.kind, ()):
        yield since or operation.created_at, operation.state
    if operation.due_at is not None and operation.due_state is not None:
        yield operation.due_at, operation.due_state


def event_of(world_id: UUID, *facts: object) -> str:
    """The name of an event: of these facts there is one."""
    return f"ev_{letters(_EVENT_LENGTH, world_id.bytes, 'event', *facts)}"


def id_of(world_id: UUID, event: str, *, copy: int = 0) -> UUID:
    """The id of what is told of an event, the first time or once more."""
    drawn = blake2b(f"{event} {copy}".encode(), key=world_id.bytes, digest_size=16).digest()
    return UUID(bytes=drawn)


def on_the_way(news: News, telling: Telling, *, world_id: UUID) -> list[News]:
    """What arrives of it, and when: nothing, once, or twice; in time or late."""
    if _drawn("lost", news, telling) < telling.lost:
        return []
    arrives = [news]
    if _drawn("doubled", news, telling) < telling.doubled:
        after = timedelta(seconds=1 + below(DOUBLED_WITHIN_S, telling.seed, "after", news.event))
        again = id_of(world_id, news.event, copy=1)
        arrives.append(replace(news, id=again, due_at=news.due_at + after))
    if _drawn("reordered", news, telling) < telling.reordered:
        late_ms = below(telling.reordered_by_s * 1000, telling.seed, "late", news.event)
        arrives[0] = replace(news, due_at=news.due_at + timedelta(milliseconds=late_ms))
    return arrives


def _drawn(what: str, news: News, telling: Telling) -> int:
    return below(WHOLE, telling.seed, what, news.event)


_TOLD: Final = {
    OperationKind.CHARGE: {OperationState.APPROVED, OperationState.DECLINED, OperationState.PENDING},
    OperationKind.CAPTURE: {OperationState.DONE},
    OperationKind.CANCELLATION: {OperationState.DONE},
    OperationKind.REFUND: {OperationState.DONE, OperationState.PENDING, OperationState.FAILED},
}
"""What is told. That a request was turned away is its answer, and no news."""
