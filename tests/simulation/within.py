"""What a simulation does from within, as no route does it: making merchants, seeing what is due, checking books."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Final
from uuid import UUID

import psycopg
from tests.simulation.processes import SETTINGS, House
from tests.whole.served import world_key

from recoup import auditing, checking, sandboxed, server
from recoup.app import Service
from recoup.kit.secret import Secret
from recoup.settings import load

CHECKS: Final = {"the ledger balances": checking.checked, "invariants hold": auditing.checked}
"""What `recoup ledger check` and `recoup audit check` do, by the law that it is about."""


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant, its secret test key, and what opens its processors."""

    id: str
    key: Secret = field(repr=False)
    world_key: Secret = field(repr=False)


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Service]:
    """The house's service beside its processes, as a command has it."""
    given = {
        "RECOUP_DATABASE_URL": house.postgres.conninfo,
        "RECOUP_DATA_DIR": str(house.folder / "beside"),
    }
    store = server.Store(house.postgres.conninfo, alone=False)
    async with server.opened(load({**SETTINGS, **given}), store) as service:
        yield service


async def merchants(house: House, count: int, *, seed: int) -> list[Merchant]:
    """Merchants with a world each, as the command line makes them."""
    made = []
    async with opened(house) as service:
        for number in range(count):
            key = await sandboxed.make(service, name=f"Merchant {number}", seed=seed + number)
            caller = await service.merchants.authenticate(key.reveal())
            assert caller is not None, "the key was just made"
            made.append(Merchant(str(caller.merchant.id), key, await world_key(service, key.reveal())))
    return made


async def checked(house: House, merchant_ids: Sequence[str]) -> list[tuple[str, str]]:
    """What the commands that check everything find of merchants: the law, and what they print."""
    async with opened(house) as service:
        found = [await _found(service, UUID(id_), law) for id_ in merchant_ids for law in CHECKS]
    return [(law, said) for law, said in found if said]


async def _found(service: Service, merchant_id: UUID, law: str) -> tuple[str, str]:
    merchant = await service.merchants.merchant(merchant_id)
    assert merchant is not None, "merchants are not deleted"
    with redirect_stdout(StringIO()) as said:
        broken = await CHECKS[law](service, f"merchant {merchant_id}", merchant)
    return law, said.getvalue() if broken else ""


def due(house: House, merchant_id: str) -> Mapping[str, int]:
    """What is still due of a merchant, by kind."""
    rows = _rows(house, "select kind, count(*) from due where merchant_id = %s group by kind", merchant_id)
    return dict(rows)


def undelivered(house: House, merchant_id: str) -> int:
    """Events that are neither delivered nor parked at an endpoint that wants them."""
    [(behind, pending)] = _rows(
        house,
        """
        select (select sum(s.sequence - e.sequence) from webhook_endpoints e
                join event_streams s on s.merchant_id = e.merchant_id where e.merchant_id = m.id)::bigint,
            (select count(*) from webhook_deliveries d where d.merchant_id = m.id and d.status = 'pending')
        from merchants m where m.id = %s
        """,
        merchant_id,
    )
    return int(behind or 0) + int(pending)


def _rows(house: House, statement: str, merchant_id: str) -> list[Any]:
    with psycopg.connect(house.postgres.conninfo, autocommit=True) as connection:
        return connection.execute(statement.encode(), [merchant_id]).fetchall()
