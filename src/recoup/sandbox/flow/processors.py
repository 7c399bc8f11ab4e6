"""The three processors of every world: a request in, an answer out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, Overloaded
from recoup.db.remembered import Remembered
from recoup.kit.clock import Clock
from recoup.sandbox import answers, store
from recoup.sandbox.answers import Answer
from recoup.sandbox.chain.acquirers import Acquirers
from recoup.sandbox.chain.messages import Advice
from recoup.sandbox.core import keys
from recoup.sandbox.core.faults import AT_THE_DOOR, ON_THE_WAY_BACK, FaultKind, Verb
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState, book
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.flow import authenticating, disputing, finding
from recoup.sandbox.flow.asking import reversal_by_key
from recoup.sandbox.flow.authenticating import Page
from recoup.sandbox.flow.changing import call_off, change
from recoup.sandbox.flow.charging import charge, verify
from recoup.sandbox.flow.desk import Body, Desk, Incoming, KeyTaken, laid_out, of_token, parsed
from recoup.sandbox.store import Arrival
from recoup.sandbox.store.news import WAITING_MAX
from recoup.sandbox.wire import (
    AcceptanceRequest,
    CancellationRequest,
    ChangeRequest,
    ChargeRequest,
    EvidenceRequest,
    VerificationRequest,
)

Sleep = Callable[[float], Awaitable[None]]
_WORLDS_MAX: Final = 1000
_COUNTED_EVERY_S: Final = 10.0
_AROUND: Final = AT_THE_DOOR | ON_THE_WAY_BACK
_STANDS: Final = frozenset(
    {
        OperationState.APPROVED,
        OperationState.DONE,
        OperationState.PENDING,
        OperationState.REQUIRES_ACTION,
    }
)


class Processors:
    """Answers what is asked of the processors of every world. `network` is their way to issuers, `sleep` how a request
    is kept waiting."""

    def __init__(
        self, database: Database, clock: Clock, network: Acquirers, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._database = database
        self._clock = clock
        self._network = network
        self._sleep = sleep
        self._waiting: Remembered[UUID, bool] = Remembered(entries_max=_WORLDS_MAX, ttl_s=_COUNTED_EVERY_S)

    async def answer(self, incoming: Incoming) -> Answer:
        """Do what a request asks."""
        arrival = await self._arrived(incoming)
        if arrival is None:
            return answers.UNAUTHORIZED
        body = parsed(incoming)
        if isinstance(body, Answer):
            return body
        desk = self._laid_out(incoming, arrival, body)
        fault = await desk.first_taken(self._database, [each for each in desk.faults if each.kind in _AROUND])
        if fault and (refused := answers.at_the_door(fault, key_came_before=desk.sent is not None)):
            return refused
        if fault is not None and fault.kind is FaultKind.LATE_ARRIVAL:
            await self._sleep(fault.delay_s)
            desk = self._laid_out(incoming, await self._arrived_again(incoming), body)
        return answers.delivered(await self._processed(desk), fault)

    async def opens(self, api_key: str) -> bool:
        """Whether this key opens a world."""
        world_id = keys.world_named_by(api_key)
        if world_id is None:
            return False
        key_digest = await store.key_digest(self._database, world_id=world_id)
        return key_digest is not None and keys.opens(api_key, world_id, key_digest)

    async def undo(self, incoming: Incoming) -> bool:
        """Undo what came with a key, if nothing was done with it since; whether nothing stands under it any more.

        Only for a link, where a reversal does that: over HTTP what happened stays, and is told.
        """
        world_id = keys.world_named_by(incoming.api_key)
        assert world_id is not None, "who talks over a link has signed on"
        reversal = reversal_by_key(world_id, incoming.processor, incoming.key)

        async def work(connection: Connection) -> bool:
            if not await store.undo(
                connection,
                world_id=world_id,
                processor=incoming.processor,
                key=incoming.key,
                status=answers.WITHDRAWN.status,
                answer=answers.WITHDRAWN.body.decode(),
            ):
                return False
            await self._network.keep(connection, reversal)
            return True

        if await self._database.retrying(work):
            await self._network.tell(reversal)
        found = await store.operation(
            self._database, world_id=world_id, processor=incoming.processor, key=incoming.key
        )
        return found is None or found.state not in _STANDS

    async def page(self, processor: ProcessorName, token: str) -> Page | None:
        """What a customer sees on the page of that token; None where it opens nothing."""
        world_id, reference = of_token(token)
        if world_id is None:
            return None
        found = await store.waiting(
            self._database, world_id=world_id, processor=processor, reference=reference
        )
        return None if found is None else authenticating.page(found)

    async def authenticate(self, processor: ProcessorName, token: str, *, approve: bool) -> Page | None:
        """The customer has authenticated, or refused to."""
        world_id, reference = of_token(token)
        if world_id is None:
            return None
        arrival = await store.arrival(self._database, world_id=world_id, processor=processor, key=None)
        if arrival is None:
            return None
        return await authenticating.authenticate(
            self._database,
            arrival.world,
            processor=processor,
            reference=reference,
            approve=approve,
            network=self._network,
            now=self._clock.now() + arrival.world.clock_offset,
        )

    async def _arrived(self, incoming: Incoming) -> Arrival | None:
        """The world that the API key opens, and what bears on the request."""
        world_id = keys.world_named_by(incoming.api_key)
        if world_id is None:
            return None
        arrival = await store.arrival(
            self._database, world_id=world_id, processor=incoming.processor, key=incoming.key
        )
        if arrival is None or not keys.opens(incoming.api_key, world_id, arrival.key_digest):
            return None
        if arrival.world.telling is not None and await self._waiting.get(
            world_id, lambda: self._too_much_waits(world_id)
        ):
            return replace(arrival, world=replace(arrival.world, telling=None))
        return arrival

    async def _too_much_waits(self, world_id: UUID) -> bool:
        """Whether more is to be told in this world than may wait: what happens then gets lost."""
        waiting = await store.count_untold(self._database, world_id=world_id, limit=WAITING_MAX)
        return waiting >= WAITING_MAX

    async def _arrived_again(self, incoming: Incoming) -> Arrival:
        arrival = await self._arrived(incoming)
        assert arrival is not None, "a world does not end"
        return arrival

    def _laid_out(self, incoming: Incoming, arrival: Arrival, body: Body) -> Desk:
        return laid_out(incoming, arrival, body, at=self._clock.now())

    async def _processed(self, desk: Desk) -> Answer:
        match desk.incoming.verb:
            case Verb.LOOKUP:
                return await self._looked_up(desk)
            case Verb.WITHDRAW:
                return await self._withdrawn(desk)
            case Verb.SUBMIT_EVIDENCE | Verb.ACCEPT_DISPUTE:
                return await disputing.answer(self._database, desk)
            case Verb.LIST_DISPUTES:
                return await finding.listed(self._database, desk)
            case Verb.READ_DISPUTE:
                return await finding.found(self._database, desk)
            case Verb.CHARGE | Verb.VERIFY | Verb.CAPTURE | Verb.CANCEL | Verb.REFUND:
                return await self._once(desk)

    async def _once(self, desk: Desk) -> Answer:
        """Do what is asked, unless it was done before under the same key."""
        if desk.sent is not None:
            return desk.again(desk.sent)
        try:
            return await self._done(desk)
        except KeyTaken:
            try:
                arrival = await self._arrived_again(desk.incoming)
            except Overloaded:
                return answers.BUSY_SINCE
            assert arrival.sent is not None, "the key is taken"
            return desk.again(arrival.sent)

    async def _done(self, desk: Desk) -> Answer:
        match desk.body:
            case ChargeRequest() as wanted:
                return await charge(self._database, desk, wanted, network=self._network)
            case VerificationRequest() as wanted:
                return await verify(self._database, desk, wanted, network=self._network)
            case ChangeRequest(amount=amount):
                return await self._changed(desk, amount)
            case CancellationRequest():
                return await self._changed(desk, None)
            case EvidenceRequest() | AcceptanceRequest() | None:
                raise AssertionError("neither a question nor an answer to a dispute is done so")

    async def _changed(self, desk: Desk, amount: int | None) -> Answer:
        """Change a charge; its issuer is told when that is written down."""
        answer, advice = await self._database.retrying(
            lambda connection: change(connection, desk, amount, network=self._network)
        )
        await self._told(advice)
        return answer

    async def _told(self, advice: Advice | None) -> None:
        if advice is not None:
            await self._network.tell(advice)

    async def _looked_up(self, desk: Desk) -> Answer:
        found = await store.operation(
            self._database,
            world_id=desk.world.id,
            processor=desk.incoming.processor,
            key=desk.incoming.key,
        )
        if found is None:
            return answers.NOT_FOUND
        changes: list[Operation] = []
        if found.kind is OperationKind.CHARGE:
            changes = await store.changes_of(self._database, found, world_id=desk.world.id)
        return desk.shown(found, book(found, changes, now=desk.now))

    async def _withdrawn(self, desk: Desk) -> Answer:
        """Burn the key unless something came with it; end a charge that waits; then say what the key stands for."""
        withdrawal = desk.begun(OperationKind.WITHDRAWAL, OperationState.WITHDRAWN)
        reversal = reversal_by_key(desk.world.id, desk.incoming.processor, desk.incoming.key)

        async def work(connection: Connection) -> Advice | None:
            if not await store.add(connection, withdrawal, world_id=desk.world.id):
                return await call_off(connection, desk, network=self._network)
            # The charge may be with its issuer, and whoever asked may have died: what it holds is let go of.
            await self._network.keep(connection, reversal)
            return reversal

        await self._told(await self._database.retrying(work))
        return await self._looked_up(desk)
