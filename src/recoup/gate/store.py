"""SQL of kill switches and checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.gate.core import SWITCHES_MAX, Check, Otherwise, Scope, Switch
from recoup.merchants.core import Sealed

_SWITCH: Final[LiteralString] = "merchant_id, id, scope, account_id, code, reason, set_at, lifted_at"


async def on(queries: Queries, *, merchant_id: UUID) -> Sequence[Switch]:
    """The switches that are on."""
    rows = await queries.fetch_all(
        f"""
        select {_SWITCH} from kill_switches where merchant_id = %(merchant_id)s and lifted_at is null
        order by id limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": SWITCHES_MAX},
    )
    return [_switch(row) for row in rows]


async def page(
    queries: Queries, *, merchant_id: UUID, after: UUID | None, before: UUID | None, limit: int
) -> Sequence[Switch]:
    """Switches, lifted ones too, newest first; with `before` oldest first."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select {_SWITCH} from kill_switches
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": limit} | bounds(after, before),
    )
    return [_switch(row) for row in rows]


async def hold(connection: Connection, *, merchant_id: UUID, switch_id: UUID) -> Switch | None:
    """One switch, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {_SWITCH} from kill_switches where merchant_id = %(merchant_id)s and id = %(id)s for update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": switch_id},
    )
    return None if row is None else _switch(row)


async def insert(connection: Connection, new: Switch) -> None:
    """A switch that is on from now."""
    await connection.execute(
        """
        insert into kill_switches (merchant_id, id, scope, account_id, code, reason, set_at)
        values (%(merchant_id)s, %(id)s, %(scope)s, %(account_id)s, %(code)s, %(reason)s, %(set_at)s)
        """,
        {
            "merchant_id": new.merchant_id,
            "id": new.id,
            "scope": new.scope.value,
            "account_id": new.account_id,
            "code": new.code,
            "reason": new.reason,
            "set_at": new.set_at,
        },
    )


async def lift(connection: Connection, *, merchant_id: UUID, switch_id: UUID, at: datetime) -> None:
    """From now it holds nothing."""
    await connection.execute(
        "update kill_switches set lifted_at = %(at)s where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant_id, "id": switch_id, "at": at},
    )


def _switch(row: DictRow) -> Switch:
    return Switch(**row | {"scope": Scope(row["scope"])})


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """A check with its secret, sealed."""

    check: Check
    secret: Sealed


async def check_of(queries: Queries, *, merchant_id: UUID) -> StoredCheck | None:
    """The merchant's check, where it has one."""
    row = await queries.fetch_one(
        """
        select merchant_id, id, url, timeout_ms, otherwise, version, updated_at, data_key_id, sealed
        from recovery_checks where merchant_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id},
    )
    if row is None:
        return None
    secret = Sealed(row.pop("data_key_id"), bytes(row.pop("sealed")))
    return StoredCheck(Check(**row | {"otherwise": Otherwise(row["otherwise"])}), secret)


async def put_check(connection: Connection, stored: StoredCheck) -> None:
    """The merchant's check, in the place of the one before."""
    check = stored.check
    await connection.execute(
        """
        insert into recovery_checks (
            merchant_id, id, url, timeout_ms, otherwise, version, updated_at, data_key_id, sealed)
        values (%(merchant_id)s, %(id)s, %(url)s, %(timeout_ms)s, %(otherwise)s, %(version)s, %(updated_at)s,
            %(data_key_id)s, %(sealed)s)
        on conflict (merchant_id) do update
        set url = excluded.url, timeout_ms = excluded.timeout_ms, otherwise = excluded.otherwise,
            version = excluded.version, updated_at = excluded.updated_at, data_key_id = excluded.data_key_id,
            sealed = excluded.sealed
        """,
        {
            "merchant_id": check.merchant_id,
            "id": check.id,
            "url": check.url,
            "timeout_ms": check.timeout_ms,
            "otherwise": check.otherwise.value,
            "version": check.version,
            "updated_at": check.updated_at,
            "data_key_id": stored.secret.data_key_id,
            "sealed": stored.secret.ciphertext,
        },
    )


async def drop_check(connection: Connection, *, merchant_id: UUID) -> bool:
    """Ask nobody any more; False where nobody was asked."""
    cursor = await connection.execute(
        "delete from recovery_checks where merchant_id = %(merchant_id)s", {"merchant_id": merchant_id}
    )
    return cursor.rowcount == 1
