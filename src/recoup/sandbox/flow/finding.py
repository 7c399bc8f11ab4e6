"""What a processor says of disputes when it is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from recoup.db import Queries
from recoup.kit.clock import rfc3339
from recoup.sandbox import answers, store
from recoup.sandbox.answers import Answer
from recoup.sandbox.core.disputes import Dispute, DisputeState
from recoup.sandbox.flow.desk import Desk
from recoup.sandbox.flow.telling import shown
from recoup.sandbox.wire import DisputeFound, DisputesFound

PAGE: Final = 50
_NOT_UNDERSTOOD: Final = answers.unprocessed(
    400, "invalid_request", "Say since when, as in since=2026-11-22T05:00:00Z."
)


class _Asked(Struct, frozen=True):
    since: Annotated[datetime, Meta(tz=True)]
    after: Annotated[str, Meta(max_length=100, pattern=r"^[!-~]*\Z")] = ""


async def listed(queries: Queries, desk: Desk) -> Answer:
    """A page of disputes that moved since a moment."""
    try:
        asked = msgspec.convert(dict(parse_qsl(desk.incoming.query)), _Asked)
    except msgspec.ValidationError:
        return _NOT_UNDERSTOOD
    found = await store.moved_disputes(
        queries,
        world_id=desk.world.id,
        processor=desk.incoming.processor,
        epoch=desk.world.epoch,
        since=asked.since,
        now=desk.now,
        after=asked.after,
        limit=PAGE,
    )
    follows = found[-1].reference if len(found) == PAGE else None
    page = DisputesFound(data=[_found(one, desk.now) for one in found], next=follows)
    return Answer(200, msgspec.json.encode(page))


async def found(queries: Queries, desk: Desk) -> Answer:
    """One dispute."""
    one = await store.dispute_named(
        queries,
        world_id=desk.world.id,
        processor=desk.incoming.processor,
        reference=desk.incoming.dispute_reference,
    )
    if one is None or one.state_at(desk.now) is DisputeState.ANNOUNCED:
        return answers.NO_DISPUTE
    return Answer(200, msgspec.json.encode(_found(one, desk.now)))


def _found(dispute: Dispute, now: datetime) -> DisputeFound:
    return DisputeFound(since=rfc3339(dispute.stands_since(now)), dispute=shown(dispute, now=now))
