"""A customer authenticates, or refuses to: the charge that waited for it goes on to its issuer, or ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from recoup.db import Connection
from recoup.kit.money import Money
from recoup.sandbox import store
from recoup.sandbox.core.cardfile import named
from recoup.sandbox.core.charges import asked_about, decided
from recoup.sandbox.core.codes import codes
from recoup.sandbox.core.operations import Operation, OperationState
from recoup.sandbox.core.processors import PROCESSORS, ProcessorName
from recoup.sandbox.flow.desk import locked, write_account
from recoup.sandbox.store import World

_FAILED: Final = "authentication_failed"


@dataclass(frozen=True, slots=True)
class Page:
    """What a customer sees: the charge, whether it still waits for them, and where to go on."""

    processor: ProcessorName
    amount: Money
    waits: bool
    approved: bool
    return_url: str | None


async def authenticate(
    connection: Connection,
    world: World,
    *,
    processor: ProcessorName,
    reference: str,
    approve: bool,
    now: datetime,
) -> Page | None:
    """What became of the charge; None where there is none. Only the first answer of a customer counts."""
    charge = await store.lock_charge(connection, world_id=world.id, processor=processor, reference=reference)
    if charge is None:
        return None
    if charge.state is OperationState.REQUIRES_ACTION:
        charge = await _settled(connection, world, charge, approve=approve, now=now)
    return page(charge)


def page(charge: Operation) -> Page:
    """What a customer sees of a charge."""
    return Page(
        processor=charge.processor,
        amount=charge.money,
        waits=charge.state is OperationState.REQUIRES_ACTION,
        approved=charge.state is OperationState.APPROVED,
        return_url=charge.return_url,
    )


async def _settled(
    connection: Connection, world: World, charge: Operation, *, approve: bool, now: datetime
) -> Operation:
    if not approve:
        said = codes(_FAILED, charge.brand or "")
        charge = replace(
            charge,
            state=OperationState.DECLINED,
            decline_code=said.code,
            network_code=said.network_code,
            advice_code=said.advice_code,
        )
        await store.settle(connection, charge, world_id=world.id)
        return charge
    card = named(charge.card or "", seed=world.seed, born=world.born)
    standing = await locked(connection, world, charge.account)
    asked = replace(asked_about(charge, PROCESSORS[charge.processor], now=now), authenticated=True)
    after = decided(charge, card, standing, asked=asked)
    await store.settle(connection, after.operation, world_id=world.id)
    await write_account(connection, world, charge.account, after.standing)
    return after.operation
