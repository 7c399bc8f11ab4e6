"""SQL of the accounts behind the cards of a world."""

from __future__ import annotations

from uuid import UUID

from psycopg.rows import DictRow

from recoup.db import Connection
from recoup.sandbox.core.balances import Balance
from recoup.sandbox.core.issuer import CardState, Standing


async def lock_account(connection: Connection, *, world_id: UUID, epoch: int, account: str) -> Standing:
    """An account, made where it is used for the first time, and nobody else's until the transaction ends."""
    row = await connection.fetch_one(
        """
        insert into sandbox.accounts (world_id, epoch, account) values (%(world_id)s, %(epoch)s, %(account)s)
        on conflict (world_id, epoch, account) do update set account = excluded.account
        returning *
        """,
        {"world_id": world_id, "epoch": epoch, "account": account},
    )
    assert row is not None, "it was there or has been made"
    return standing_of(row)


async def write_account(
    connection: Connection, standing: Standing, *, world_id: UUID, epoch: int, account: str
) -> None:
    """Write down how a locked account stands."""
    known = standing.known
    await connection.execute(
        """
        update sandbox.accounts
        set generation = %(generation)s, state = %(state)s, balance = %(balance)s, balance_at = %(balance_at)s,
            payday_anchor = %(payday_anchor)s, payday_since = %(payday_since)s, set_up = %(set_up)s, day = %(day)s,
            day_payments = %(day_payments)s, replaced_at = %(replaced_at)s
        where world_id = %(world_id)s and epoch = %(epoch)s and account = %(account)s
        """,
        {
            "world_id": world_id,
            "epoch": epoch,
            "account": account,
            "generation": standing.generation,
            "state": standing.state,
            "balance": known.minor if known else None,
            "balance_at": known.at if known else None,
            "payday_anchor": standing.payday_anchor,
            "payday_since": standing.payday_since,
            "set_up": standing.set_up,
            "day": standing.day,
            "day_payments": standing.day_payments,
            "replaced_at": standing.replaced_at,
        },
    )


def standing_of(row: DictRow) -> Standing:
    """A row of `sandbox.accounts`."""
    known = None if row["balance_at"] is None else Balance(row["balance"], row["balance_at"])
    return Standing(
        generation=row["generation"],
        state=CardState(row["state"]),
        known=known,
        set_up=row["set_up"],
        day=row["day"],
        day_payments=row["day_payments"],
        payday_anchor=row["payday_anchor"],
        payday_since=row["payday_since"],
        replaced_at=row["replaced_at"],
    )
