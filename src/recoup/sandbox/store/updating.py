"""SQL of the account updater of a world."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.sandbox.core.issuer import Standing
from recoup.sandbox.core.updating import Updater
from recoup.sandbox.store.accounts import standing_of


async def updater(queries: Queries, *, world_id: UUID) -> Updater:
    """How good the account updater of a world is."""
    row = await queries.fetch_one(
        "select updater from sandbox.worlds where world_id = %(world_id)s", {"world_id": world_id}
    )
    kept = None if row is None else row["updater"]
    return Updater() if kept is None else msgspec.convert(kept, Updater)


async def set_updater(connection: Connection, new: Updater, *, world_id: UUID) -> bool:
    """Make it as good as that; whether there is such a world."""
    row = await connection.fetch_one(
        """
        update sandbox.worlds set updater = %(updater)s where world_id = %(world_id)s returning true as there
        """,
        {"world_id": world_id, "updater": msgspec.json.encode(new).decode()},
    )
    return row is not None


async def standings(
    queries: Queries, *, world_id: UUID, epoch: int, accounts: Sequence[str]
) -> dict[str, Standing]:
    """How these accounts stand, of which something has happened to."""
    rows = await queries.fetch_all(
        """
        select * from sandbox.accounts
        where world_id = %(world_id)s and epoch = %(epoch)s and account = any(%(accounts)s)
        """,
        {"world_id": world_id, "epoch": epoch, "accounts": list(accounts)},
    )
    return {row["account"]: standing_of(row) for row in rows}
