"""A customer authenticates, or refuses to: the charge or verification that waited for it goes on to its issuer, or
ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.db import Connection, Database
from recoup.kit.money import Money
from recoup.sandbox import store
from recoup.sandbox.chain.acquirers import Acquirers
from recoup.sandbox.chain.messages import Advice, Judgement, Request
from recoup.sandbox.core.cardfile import named, opens_by_form
from recoup.sandbox.core.codes import codes
from recoup.sandbox.core.issuer import Refusal
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.flow.asking import judged, request_for, reversal
from recoup.sandbox.flow.telling import news_of
from recoup.sandbox.store import World


@dataclass(frozen=True, slots=True)
class Page:
    """What a customer sees: the charge, whether it still waits for them, and where to go on. `by_form`: the page is
    opened by a form, and closed by another."""

    processor: ProcessorName
    amount: Money
    waits: bool
    approved: bool
    return_url: str | None
    by_form: bool = False


async def authenticate(
    database: Database,
    world: World,
    *,
    processor: ProcessorName,
    reference: str,
    approve: bool,
    network: Acquirers,
    now: datetime,
) -> Page | None:
    """What became of the charge; None where there is none. Only the first answer of a customer counts."""
    charge = await store.waiting(database, world_id=world.id, processor=processor, reference=reference)
    if charge is None:
        return None
    if charge.state is not OperationState.REQUIRES_ACTION:
        return page(charge)
    request = _request(charge, world)
    judgement = await network.authorise(request) if approve else _failed(charge)

    async def work(connection: Connection) -> tuple[Operation, Advice | None]:
        waiting = await store.lock_waiting(
            connection, world_id=world.id, processor=processor, reference=reference
        )
        assert waiting is not None, "a charge does not go away"
        settled = await _settled(connection, world, waiting, judgement, now=now)
        if settled.state is OperationState.APPROVED:
            return settled, None
        # Somebody may have asked the issuer for this charge, here or elsewhere: it must not hold what nobody took.
        undone = reversal(request)
        await network.keep(connection, undone)
        return settled, undone

    settled, undone = await database.retrying(work)
    if undone is not None:
        await network.tell(undone)
    return page(settled)


def page(charge: Operation) -> Page:
    """What a customer sees of a charge."""
    return Page(
        processor=charge.processor,
        amount=charge.asked_for,
        waits=charge.state is OperationState.REQUIRES_ACTION,
        approved=charge.state is OperationState.APPROVED,
        return_url=charge.return_url,
        by_form=charge.kind is OperationKind.CHARGE and opens_by_form(charge.card),
    )


async def _settled(
    connection: Connection,
    world: World,
    charge: Operation,
    judgement: Judgement | None,
    *,
    now: datetime,
) -> Operation:
    """The charge with its end, which may have come already."""
    if charge.state is not OperationState.REQUIRES_ACTION:
        return charge
    after = judged(charge, judgement)
    await store.settle(connection, after, world_id=world.id)
    await store.tell(connection, news_of(after, world, since=now), world_id=world.id)
    return after


def _request(charge: Operation, world: World) -> Request:
    card = named(charge.card or "", seed=world.seed, born=world.born)
    return request_for(charge, world_id=world.id, number=card.number, authenticated=True)


def _failed(charge: Operation) -> Judgement:
    return Judgement(Refusal(codes("authentication_failed", charge.brand or "")))
