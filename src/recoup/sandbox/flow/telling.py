"""What a processor tells of an operation: its moments, worded as its answers are, and what arrives of them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from recoup.kit.clock import rfc3339
from recoup.sandbox import answers
from recoup.sandbox.core.disputes import Dispute
from recoup.sandbox.core.news import News, event_of, id_of, moments, on_the_way
from recoup.sandbox.core.operations import Operation
from recoup.sandbox.store import World
from recoup.sandbox.wire import DisputeObject, NewsObject


def news_of(operation: Operation, world: World, *, since: datetime | None = None) -> list[News]:
    """What is to be told of an operation that was just written down, or that changed at a later moment; nothing where
    the world tells nothing."""
    if world.telling is None:
        return []
    told: list[News] = []
    for at, state in moments(operation, since=since):
        event = event_of(world.id, operation.processor, operation.reference, state)
        said = NewsObject(
            id=event,
            type=f"{operation.kind}.{state}",
            occurred_at=rfc3339(at),
            data=answers.as_of(operation, now=at),
        )
        news = News(
            id=id_of(world.id, event),
            processor=operation.processor,
            event=event,
            about=operation.reference,
            charge_key=operation.charge_key or operation.key,
            occurred_at=at,
            due_at=at,
            body=msgspec.json.encode(said).decode(),
        )
        told += on_the_way(news, world.telling, world_id=world.id)
    return told


def disputed(dispute: Dispute, world: World, *, since: datetime) -> list[News]:
    """What is to be told of a dispute from a moment on, also in a world that tells nothing else."""
    told: list[News] = []
    for at, state in dispute.moments():
        if at < since:
            continue
        event = event_of(world.id, dispute.processor, dispute.reference, state, rfc3339(at))
        said = NewsObject(
            id=event, type=f"dispute.{state}", occurred_at=rfc3339(at), data=shown(dispute, now=at)
        )
        news = News(
            id=id_of(world.id, event),
            processor=dispute.processor,
            event=event,
            about=dispute.reference,
            charge_key=dispute.charge_key,
            occurred_at=at,
            due_at=at,
            body=msgspec.json.encode(said).decode(),
        )
        if world.telling is None:
            told.append(news)
        else:
            told += on_the_way(news, world.telling, world_id=world.id)
    return told


def shown(dispute: Dispute, *, now: datetime) -> DisputeObject:
    """A dispute as it stands."""
    alert, program = dispute.alert or (None, None)
    return DisputeObject(
        id=dispute.reference,
        key=dispute.charge_key,
        charge=dispute.charge_reference,
        order=dispute.order_key,
        processor=dispute.processor,
        kind=dispute.kind,
        state=dispute.state_at(now),
        reason=dispute.reason,
        network=dispute.network,
        amount=dispute.amount,
        currency=dispute.currency,
        fee=dispute.fee_at(now),
        withdrawn=dispute.withdrawn_at(now),
        evidence_due_at=None if dispute.evidence_due_at is None else rfc3339(dispute.evidence_due_at),
        created_at=rfc3339(dispute.opens_at),
        alert=alert,
        program=program,
    )
