"""Disputes as a merchant of test mode asks for them, and as the processors have them: the world's truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.kit.clock import Clock
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.sandbox import store as facts
from recoup.sandbox.core.disputes import DISPUTES_MAX, ENDS, Course, Dispute, DisputeKind, Verdict
from recoup.sandbox.core.operations import Operation, book
from recoup.sandbox.flow.disputing import opened
from recoup.sandbox.store import World
from recoup.sandbox.worlds import store
from recoup.sandbox.worlds.tellings import no_world

THEN_DEFAULT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a merchant asks for. `amount` None is all that was captured."""

    order: str
    kind: DisputeKind
    reason: str
    amount: int | None
    after: timedelta
    then: Verdict | None
    then_after: timedelta


@dataclass(frozen=True, slots=True)
class Seen:
    """A dispute, and when it is looked at."""

    dispute: Dispute
    now: datetime


class Disputes:
    """Opens and shows disputes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def open(self, connection: Connection, merchant_id: UUID, wanted: Wanted) -> Seen:
        """Have the captured charge of a payment disputed."""
        _check_end(wanted)
        world, now = await self._world(connection, merchant_id)
        charge, captured = await _captured_of(connection, world, wanted.order, now=now)
        there = await facts.count_disputes(
            connection, world_id=world.id, processor=charge.processor, charge_key=charge.key
        )
        if there >= DISPUTES_MAX:
            raise conflict("dispute_limit", f"A charge can be disputed {DISPUTES_MAX} times.")
        amount = captured if wanted.amount is None else wanted.amount
        if amount > captured:
            raise invalid("amount_too_large", f"No more than {captured} was captured.", param="amount")
        course = Course(
            wanted.kind,
            wanted.reason,
            opens_at=now + wanted.after,
            then=wanted.then,
            then_after=wanted.then_after,
        )
        money = replace(charge.money, minor=amount)
        return Seen(await opened(connection, world, charge, course, money=money, now=now), now)

    async def page(
        self, merchant_id: UUID, *, order: str | None, after: str | None, limit: int
    ) -> list[Seen]:
        """The disputes of a world, by their references."""
        world, now = await self._world(self._database, merchant_id)
        found = await facts.disputes(
            self._database, world_id=world.id, epoch=world.epoch, order=order, after=after, limit=limit
        )
        return [Seen(dispute, now) for dispute in found]

    async def _world(self, queries: Queries, merchant_id: UUID) -> tuple[World, datetime]:
        world = await store.world(queries, world_id=merchant_id)
        if world is None:
            raise no_world()
        return world, self._clock.now() + world.clock_offset


def _check_end(wanted: Wanted) -> None:
    """Refuses an end that such a dispute never has."""
    if wanted.then is None or wanted.then in ENDS[wanted.kind]:
        return
    if wanted.kind is DisputeKind.WARNING:
        message = "A warning is neither won nor lost: leave `then` out."
        raise invalid("warning_has_no_end", message, param="then")
    ends = ", ".join(sorted(ENDS[wanted.kind]))
    raise invalid("no_such_end", f"What is of kind {wanted.kind} may end so: {ends}, none.", param="then")


async def _captured_of(
    connection: Connection, world: World, order: str, *, now: datetime
) -> tuple[Operation, int]:
    """The charge of a payment of which money was taken, locked, and how much; refuses where there is none."""
    tried = await facts.charges_for(connection, world_id=world.id, epoch=world.epoch, order=order)
    if not tried:
        raise not_found("payment", order[:64], hint="It must have been charged at a simulated processor.")
    for each in tried:
        charge = await facts.lock_charge(
            connection, world_id=world.id, processor=each.processor, reference=each.reference
        )
        assert charge is not None, "a charge does not go away"
        changes = await facts.changes_of(connection, charge, world_id=world.id)
        if captured := book(charge, changes, now=now).captured:
            return charge, captured
    raise conflict("nothing_captured", "No money was taken for this payment: there is nothing to dispute.")
