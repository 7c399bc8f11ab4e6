"""Worlds as their merchants see them: one for each tenant of test mode, with the tenant's own id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.kit.clock import Clock
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.kit.secret import Secret
from recoup.sandbox.core import keys
from recoup.sandbox.core.balances import Balance, balance, spends_per_cycle
from recoup.sandbox.core.cardfile import brand_of_name
from recoup.sandbox.core.charges import living
from recoup.sandbox.core.faults import FAULTS_MAX, Fault
from recoup.sandbox.core.issuer import CardState, Standing
from recoup.sandbox.core.limits import Broken, Counting
from recoup.sandbox.core.paydays import Cycle
from recoup.sandbox.core.people import GENERATIONS_MAX, POPULATION, Person, person
from recoup.sandbox.flow import renewing
from recoup.sandbox.store import World, lock_account, models, write_account
from recoup.sandbox.store.models import Model
from recoup.sandbox.worlds import store
from recoup.sandbox.worlds.store import ChangeLine, ChargeLine, Counts
from recoup.sandbox.worlds.tellings import no_world

_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Holder:
    """A person with a card as they stand at a moment; the number is made anew each time and kept nowhere."""

    who: Person
    state: CardState
    balance: int
    next_payday: datetime | None
    spends: int
    number: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which people are looked for; None means any."""

    cycle: Cycle | None = None
    brand: str | None = None
    country: str | None = None
    currency: str | None = None
    state: CardState | None = None
    balance_min: int | None = None
    balance_max: int | None = None
    predictable: bool | None = None

    def may_be(self, who: Person) -> bool:
        """Whether this is one of them, but for what changes."""
        return (
            self.cycle in {None, who.paydays.cycle}
            and self.brand in {None, who.facts.brand}
            and self.country in {None, who.facts.country}
            and self.currency in {None, who.currency}
            and self.predictable in {None, predictable(who)}
        )

    def is_now(self, holder: Holder) -> bool:
        """Whether what changes fits as well."""
        return (
            self.state in {None, holder.state}
            and (self.balance_min is None or holder.balance >= self.balance_min)
            and (self.balance_max is None or holder.balance <= self.balance_max)
        )


@dataclass(frozen=True, slots=True)
class CardChange:
    """What is done to a card; None leaves it. `reissued`: a new number, and the old one is good for nothing."""

    balance: int | None = None
    next_payday: date | None = None
    state: CardState | None = None
    reissued: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """A world, what time it is in it, and what has happened."""

    world: World
    now: datetime
    counts: Counts
    faults: Sequence[Fault]


def predictable(who: Person) -> bool:
    """Whether only money decides over a payment: no luck, no authentication, and a refusal that says why."""
    return not (who.looked_at or who.authenticates or who.hides_funds)


class Worlds:
    """Keeps worlds. `secret` is what their API keys are made from; it must outlive the process."""

    def __init__(
        self, database: Database, clock: Clock, *, secret: Secret, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret
        self._new_id = new_id

    def key(self, merchant_id: UUID) -> Secret:
        """The API key of this tenant's world, whether or not there is one yet."""
        return keys.api_key(merchant_id, self._secret)

    async def link_key(self, merchant_id: UUID) -> Secret:
        """What this tenant signs on with to the simulated acquirer's host; refuses where there is no world."""
        world, _ = await self._world(self._database, merchant_id)
        return keys.link_key(world.id, keys.digest(self.key(merchant_id).reveal()))

    async def ensure_world(self, merchant_id: UUID, *, seed: int) -> Secret:
        """The API key of this tenant's world, which is made where there is none; one that is there keeps its seed."""
        key, now = self.key(merchant_id), self._clock.now()
        await store.make(
            self._database,
            world_id=merchant_id,
            seed=seed,
            born=now.year,
            key_digest=keys.digest(key.reveal()),
            now=now,
        )
        return key

    async def restart(
        self, connection: Connection, merchant_id: UUID, *, seed: int, model: Model | None = None
    ) -> None:
        """A new world in place of the old one: people, balances, faults and counts. API key and time stay."""
        now = await self._now(connection, merchant_id)
        await store.restart(connection, world_id=merchant_id, seed=seed, born=now.year, now=now)
        if model is not None:
            await models.keep(connection, model, world_id=merchant_id)

    async def broken_limits(self, merchant_id: UUID) -> Broken:
        """What the card network has seen of tries that its rules forbid, since the world began."""
        world, _ = await self._world(self._database, merchant_id)
        count = Counting()
        async for card, tries in models.tries_by_card(self._database, world_id=world.id, epoch=world.epoch):
            count.card(brand_of_name(card, seed=world.seed, born=world.born), tries)
        return count.broken

    async def advance(self, merchant_id: UUID, *, to: datetime) -> None:
        """Move a world's time on to this moment; a world never goes back, and where there is none nothing moves."""
        offset = to - self._clock.now()
        milliseconds = max(0, -(-offset // timedelta(milliseconds=1)))
        await store.set_offset(self._database, world_id=merchant_id, offset_ms=milliseconds)

    async def summary(self, queries: Queries | None, merchant_id: UUID) -> Summary:
        """A world and what has happened in it."""
        reader = queries or self._database
        world, now = await self._world(reader, merchant_id)
        return Summary(
            world,
            now,
            await store.counts(reader, world_id=world.id, epoch=world.epoch, now=now),
            await store.faults(reader, world_id=world.id, epoch=world.epoch, now=now),
        )

    async def charges(
        self, merchant_id: UUID, *, order: str | None, after: str | None, limit: int
    ) -> list[ChargeLine]:
        """What the processors charged, by reference."""
        world, now = await self._world(self._database, merchant_id)
        return await store.charges(
            self._database,
            world_id=world.id,
            epoch=world.epoch,
            now=now,
            order=order,
            after=after,
            limit=limit,
        )

    async def changes(
        self, merchant_id: UUID, *, charge: str | None, after: str | None, limit: int
    ) -> list[ChangeLine]:
        """What was captured, let go of and given back, by reference."""
        world, now = await self._world(self._database, merchant_id)
        return await store.changes(
            self._database,
            world_id=world.id,
            epoch=world.epoch,
            now=now,
            charge=charge,
            after=after,
            limit=limit,
        )

    async def holders(
        self, merchant_id: UUID, wanted: Wanted, *, after: int = -1, limit: int
    ) -> list[Holder]:
        """People of a world, in their order, from after that one."""
        world, now = await self._world(self._database, merchant_id)
        standings = await store.accounts(self._database, world_id=world.id, epoch=world.epoch)
        found: list[Holder] = []
        for index in range(max(0, after + 1), POPULATION):
            if index % _AT_ONCE == 0:
                await asyncio.sleep(0)  # others get their turn while a thousand people are looked through
            holder = _fitting(world, index, standings, wanted, now=now)
            if holder is not None:
                found.append(holder)
            if len(found) == limit:
                break
        return found

    async def holder(self, merchant_id: UUID, index: int) -> Holder:
        """One of a world's people."""
        return (await self.holders(merchant_id, Wanted(), after=_existing(index) - 1, limit=1))[0]

    async def change_card(
        self, connection: Connection, merchant_id: UUID, index: int, change: CardChange
    ) -> Holder:
        """Do something to a card or its account."""
        world, now = await self._world(connection, merchant_id)
        account = f"person:{_existing(index)}"
        standing = await lock_account(connection, world_id=world.id, epoch=world.epoch, account=account)
        after = _changed(world, index, standing, change, now=now)
        await write_account(connection, after, world_id=world.id, epoch=world.epoch, account=account)
        before = person(world.seed, index, born=world.born, generation=standing.generation)
        if after.generation != standing.generation:
            newer = person(world.seed, index, born=world.born, generation=after.generation)
            await renewing.renewed(connection, world, before, newer, now)
        elif after.state is CardState.CLOSED and standing.state is not CardState.CLOSED:
            await renewing.closed(connection, world, before, now)
        return _holder(world, index, after, now=now)

    async def add_fault(
        self, connection: Connection, merchant_id: UUID, build: Callable[[UUID, datetime], Fault]
    ) -> Fault:
        """Let a fault wait; `build` makes it from its id and the world's time."""
        world, now = await self._world(connection, merchant_id)
        fault = build(self._new_id(), now)
        if fault.until is not None and fault.until <= now:
            raise invalid("fault_over", "`until` must be after the world's present time.", param="until")
        if not await store.add_fault(connection, fault, world_id=world.id, epoch=world.epoch):
            raise conflict("fault_limit", f"At most {FAULTS_MAX} faults may wait; delete some first.")
        return fault

    async def faults(self, merchant_id: UUID) -> list[Fault]:
        """The faults that wait, oldest first."""
        world, now = await self._world(self._database, merchant_id)
        return await store.faults(self._database, world_id=world.id, epoch=world.epoch, now=now)

    async def remove_fault(self, merchant_id: UUID, id_: UUID, *, shown: str) -> None:
        """Take away a fault that waits."""
        if not await store.remove_fault(self._database, world_id=merchant_id, id_=id_):
            raise not_found("fault", shown, hint="GET /v1/test/faults lists those that wait.")

    async def _world(self, queries: Queries, merchant_id: UUID) -> tuple[World, datetime]:
        world = await store.world(queries, world_id=merchant_id)
        if world is None:
            raise no_world()
        return world, self._clock.now() + world.clock_offset

    async def _now(self, queries: Queries, merchant_id: UUID) -> datetime:
        return (await self._world(queries, merchant_id))[1]


def _existing(index: int) -> int:
    if not 0 <= index < POPULATION:
        raise not_found("card", f"card_{index}", hint=f"They are card_0 to card_{POPULATION - 1}.")
    return index


def _fitting(
    world: World, index: int, standings: dict[str, Standing], wanted: Wanted, *, now: datetime
) -> Holder | None:
    """The person of that index, if they are one of those that are wanted. The cheap questions come first."""
    standing = standings.get(f"person:{index}", Standing())
    if not wanted.may_be(person(world.seed, index, born=world.born, generation=standing.generation)):
        return None
    holder = _holder(world, index, standing, now=now)
    return holder if wanted.is_now(holder) else None


def _holder(world: World, index: int, standing: Standing, *, now: datetime) -> Holder:
    born = person(world.seed, index, born=world.born, generation=standing.generation)
    who = living(born, standing)
    interval = who.paydays.around(now)
    return Holder(
        who=who,
        state=CardState.EXPIRED if now >= who.valid_until else standing.state,
        balance=balance(who, standing.known, now).minor,
        next_payday=interval.end if interval else None,
        spends=spends_per_cycle(who),
        number=Secret(who.number),
    )


def _changed(world: World, index: int, standing: Standing, change: CardChange, *, now: datetime) -> Standing:
    born = person(world.seed, index, born=world.born, generation=standing.generation)
    known = balance(living(born, standing), standing.known, now)
    if change.balance is not None:
        known = Balance(change.balance, now)
    after = replace(standing, known=known)
    if change.next_payday is not None:
        after = replace(after, payday_anchor=_payday(born, change.next_payday, now=now), payday_since=now)
    if change.reissued:
        if standing.generation + 1 >= GENERATIONS_MAX:
            raise conflict("too_many_numbers", f"A card is reissued {GENERATIONS_MAX - 1} times at most.")
        after = replace(after, generation=standing.generation + 1, state=CardState.ACTIVE)
    after = replace(after, state=change.state) if change.state is not None else after
    is_other = after.generation != standing.generation or after.state is CardState.CLOSED
    return replace(after, replaced_at=now) if is_other and after != standing else after


def _payday(who: Person, day: date, *, now: datetime) -> date:
    if who.dormant:
        raise conflict("never_paid", "Nobody pays into this account; choose a card with a cycle.")
    if not now.date() < day <= now.date() + timedelta(days=400):
        raise invalid(
            "payday_not_ahead",
            "`next_payday` must be a date after today, within 400 days.",
            param="next_payday",
        )
    return day
