"""Disputes: opened on a charge, told as they go, and answered by their merchant once."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final, Literal

import msgspec

from recoup.db import Connection, Database
from recoup.kit.clock import rfc3339
from recoup.kit.money import Money
from recoup.sandbox import answers, store
from recoup.sandbox.answers import Answer
from recoup.sandbox.cards import PublishedCard
from recoup.sandbox.core.cardfile import named
from recoup.sandbox.core.chance import letters
from recoup.sandbox.core.disputes import (
    BY_CARD,
    BY_CARD_AFTER,
    Course,
    Dispute,
    DisputeKind,
    DisputeState,
    accepted,
    course_of,
    not_answerable,
    refunded,
    submitted,
)
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState, Refused
from recoup.sandbox.flow.desk import Desk
from recoup.sandbox.flow.telling import disputed
from recoup.sandbox.store import Replied, World
from recoup.sandbox.wire import DisputeAnswerObject, EvidenceRequest

_PREFIX: Final = "dp_"
_REFERENCE_LENGTH: Final = 26


async def opened(
    connection: Connection, world: World, charge: Operation, course: Course, *, money: Money, now: datetime
) -> Dispute:
    """Have a charge disputed: the next time that it is, in order. Who opens another holds the charge's row."""
    earlier = await store.count_disputes(
        connection, world_id=world.id, processor=charge.processor, charge_key=charge.key
    )
    dispute = course_of(_begun(world, charge, earlier, now=now), course, money)
    if await store.add_dispute(connection, dispute, world_id=world.id):
        await store.tell(connection, disputed(dispute, world, since=now), world_id=world.id)
    return dispute


async def by_card(
    connection: Connection, world: World, charge: Operation, taken: Operation, *, now: datetime
) -> None:
    """Have a charge disputed whose card is known for it, when its money is taken for the first time."""
    course = course_by_card(charge, taken, world, now=now)
    if course is None:
        return
    there = await store.count_disputes(
        connection, world_id=world.id, processor=charge.processor, charge_key=charge.key
    )
    if not there:
        await opened(connection, world, charge, course, money=taken.money, now=now)


async def refunded_early(
    connection: Connection, world: World, charge: Operation, refund: Operation, *, back: int, now: datetime
) -> None:
    """Settle the alerts of a charge that its merchant gives back by itself; `back` is all that was given back of it."""
    at = _given_back_at(refund, now)
    if at is None:
        return
    for alert in await store.alerts_of(
        connection, world_id=world.id, processor=charge.processor, charge_key=charge.key
    ):
        if alert.state_at(now) is DisputeState.WARNING and back >= alert.amount:
            after = refunded(alert, at)
            await store.decide_dispute(connection, after, world_id=world.id)
            await store.take_back(connection, world_id=world.id, about=alert.reference, after=now)
            await store.tell(connection, disputed(after, world, since=now), world_id=world.id)


def _given_back_at(refund: Operation, now: datetime) -> datetime | None:
    """When a refund has arrived; None where it fails."""
    if refund.kind is not OperationKind.REFUND:
        return None
    if refund.due_state is None:
        return now if refund.state is OperationState.DONE else None
    return refund.due_at if refund.due_state is OperationState.DONE else None


def course_by_card(charge: Operation, taken: Operation, world: World, *, now: datetime) -> Course | None:
    """How a charge goes on whose card is known for disputes; None where nothing was taken, or nothing follows."""
    known = charge.card is not None and charge.card.startswith("published:")
    if not known or not _takes(taken):
        return None
    card = named(charge.card or "", seed=world.seed, born=world.born)
    found = BY_CARD.get(card.disputes or "") if isinstance(card, PublishedCard) else None
    return None if found is None else Course(*found, opens_at=now + BY_CARD_AFTER)


def _takes(operation: Operation) -> bool:
    match operation.kind:
        case OperationKind.CHARGE:
            return bool(operation.capture) and operation.state is OperationState.APPROVED
        case OperationKind.CAPTURE:
            return operation.state is OperationState.DONE
        case _:
            return False


def _begun(world: World, charge: Operation, earlier: int, *, now: datetime) -> Dispute:
    drawn = letters(_REFERENCE_LENGTH, world.id.bytes, "dispute", charge.processor, charge.key, earlier)
    return Dispute(
        processor=charge.processor,
        reference=_PREFIX + drawn,
        epoch=charge.epoch,
        charge_key=charge.key,
        charge_reference=charge.reference,
        order_key=charge.order_key or "",
        kind=DisputeKind.CHARGEBACK,
        reason="",
        network=charge.brand or "",
        amount=0,
        currency="",
        fee=0,
        opens_at=now,
        created_at=now,
    )


async def answer(database: Database, desk: Desk) -> Answer:
    """Take what a merchant answers to a dispute."""
    return await database.retrying(lambda connection: _answered(connection, desk))


async def _answered(connection: Connection, desk: Desk) -> Answer:
    incoming, world_id = desk.incoming, desk.world.id
    found = await store.lock_dispute(
        connection, world_id=world_id, processor=incoming.processor, reference=incoming.dispute_reference
    )
    if found is None or found[0].state_at(desk.now) is DisputeState.ANNOUNCED:
        return answers.NO_DISPUTE
    dispute, replied = found
    if replied is not None and replied.key == incoming.key:
        same = hmac.compare_digest(replied.fingerprint, desk.fingerprint())
        return Answer(200, replied.reply.encode()) if same else answers.KEY_REUSED
    refused = not_answerable(dispute, now=desk.now)
    if refused is not None:
        return Answer(200, _reply(desk, "refused", refused))
    after = _after(dispute, desk)
    reply = _reply(desk, "done")
    answered = Replied(incoming.key, desk.fingerprint(), reply.decode())
    await store.answer_dispute(connection, after, answered, world_id=world_id)
    await store.take_back(connection, world_id=world_id, about=dispute.reference, after=desk.now)
    await store.tell(connection, disputed(after, desk.world, since=desk.now), world_id=world_id)
    return Answer(200, reply)


def _after(dispute: Dispute, desk: Desk) -> Dispute:
    match desk.body:
        case EvidenceRequest(fields=fields):
            return submitted(dispute, fields, now=desk.now)
        case _:
            return accepted(dispute, now=desk.now)


def _reply(desk: Desk, state: Literal["done", "refused"], why: Refused | None = None) -> bytes:
    return msgspec.json.encode(
        DisputeAnswerObject(
            key=desk.incoming.key,
            dispute=desk.incoming.dispute_reference,
            processor=desk.incoming.processor,
            state=state,
            created_at=rfc3339(desk.now),
            code=None if why is None else why.code,
            message=None if why is None else why.message,
        )
    )
