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

from recoup import auditing, checking, sandboxed, server
from recoup.app import Service
from recoup.kit.secret import Secret
from recoup.merchants.core import KeyKind
from recoup.merchants.flow import NewAccount
from recoup.settings import load

CHECKS: Final = {"the ledger balances": checking.checked, "invariants hold": auditing.checked}
"""What `recoup ledger check` and `recoup audit check` do, by the law that it is about."""


OUTLIVING: Final = "alpha"
"""The processor whose process is never killed; the others die with the process that asks them."""


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant and its secret test key."""

    id: str
    key: Secret = field(repr=False)


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
    """Merchants as the sandbox makes them, with a world each, but for where one of their processors is."""
    async with opened(house) as service:
        return [await _merchant(service, house, number, seed=seed + number) for number in range(count)]


async def _merchant(service: Service, house: House, number: int, *, seed: int) -> Merchant:
    now = service.around.clock.now()
    made = (await service.merchants.create(f"Merchant {number}", now=now)).test
    world_key = await service.simulated.worlds.ensure_world(made.id, seed=seed)
    async with service.database.transaction() as connection:
        for connector, fees in sandboxed.ACCOUNTS.items():
            account = NewAccount(
                connector=connector,
                label=connector,
                credentials={"api_key": world_key},
                base_url=house.processors_url if connector == OUTLIVING else None,
                fees=fees,
            )
            await service.accounts.create(connection, made, account, now=now)
    _, key = await service.merchants.create_key(made, KeyKind.SECRET, now=now)
    return Merchant(str(made.id), key.text)


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
