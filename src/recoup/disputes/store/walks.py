"""SQL of how far processor accounts were asked which disputes there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from recoup.db import Connection, Queries
from recoup.disputes.core.walking import FAILING_FROM, Walk
from recoup.events.core import Places

PLACES: Final = Places("dispute_followers", "sequence")
"""How far each merchant's events are followed."""


async def newest(queries: Queries, *, merchant_id: UUID) -> int:
    """The last of a merchant's events."""
    row = await queries.fetch_one(
        "select sequence from event_streams where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    return 0 if row is None else int(row["sequence"])


async def follow(connection: Connection, *, merchant_id: UUID, upto: int) -> None:
    """Say that a merchant's events are followed, up to one."""
    await connection.execute(
        """
        insert into dispute_followers as known (merchant_id, sequence)
        values (%(merchant_id)s, %(upto)s)
        on conflict (merchant_id) do update set sequence = excluded.sequence
        where known.sequence < excluded.sequence
        """,
        {"merchant_id": merchant_id, "upto": upto},
    )


async def begin(connection: Connection, walk: Walk, *, merchant_id: UUID) -> bool:
    """Write down that an account is to be asked; False where that is known."""
    row = await connection.fetch_one(
        """
        insert into dispute_walks (merchant_id, processor_account_id, covered_until)
        values (%(merchant_id)s, %(account_id)s, %(covered_until)s)
        on conflict (merchant_id, processor_account_id) do nothing
        returning true as added
        """,
        {"merchant_id": merchant_id, "account_id": walk.account_id, "covered_until": walk.covered_until},
    )
    return row is not None


async def read(queries: Queries, *, merchant_id: UUID, account_id: UUID) -> Walk | None:
    """How far an account was asked."""
    row = await queries.fetch_one(
        """
        select processor_account_id as account_id, covered_until, began_at, since, cursor, pages, quiet, failures, why
        from dispute_walks
        where merchant_id = %(merchant_id)s and processor_account_id = %(account_id)s
        """,
        {"merchant_id": merchant_id, "account_id": account_id},
    )
    return None if row is None else Walk(**row)


async def failing(queries: Queries, *, merchant_id: UUID) -> Sequence[Walk]:
    """A merchant's accounts that cannot be asked."""
    rows = await queries.fetch_all(
        """
        select processor_account_id as account_id, covered_until, began_at, since, cursor, pages, quiet, failures, why
        from dispute_walks where merchant_id = %(merchant_id)s and failures >= %(failures)s
        order by processor_account_id
        """,
        {"merchant_id": merchant_id, "failures": FAILING_FROM},
    )
    return [Walk(**row) for row in rows]


async def count_failing(queries: Queries) -> int:
    """How many accounts cannot be asked."""
    row = await queries.fetch_one(
        """
        -- all merchants: a figure of the whole service
        select count(*) as failing from dispute_walks where failures >= %(failures)s
        """,
        {"failures": FAILING_FROM},
    )
    return 0 if row is None else int(row["failing"])


async def save(queries: Queries, before: Walk, after: Walk, *, merchant_id: UUID) -> bool:
    """Go on from where the walk stood; False where somebody else has gone on from there."""
    row = await queries.fetch_one(
        """
        update dispute_walks set
            covered_until = %(covered_until)s, began_at = %(began_at)s, since = %(since)s, cursor = %(cursor)s,
            pages = %(pages)s, quiet = %(quiet)s, failures = %(failures)s, why = %(why)s
        where merchant_id = %(merchant_id)s and processor_account_id = %(account_id)s
            and covered_until = %(known_until)s and began_at is not distinct from %(known_began)s
            and pages = %(known_pages)s and failures = %(known_failures)s
        returning true as saved
        """,
        _row(after)
        | {
            "merchant_id": merchant_id,
            "known_until": before.covered_until,
            "known_began": before.began_at,
            "known_pages": before.pages,
            "known_failures": before.failures,
        },
    )
    return row is not None


def _row(walk: Walk) -> dict[str, Any]:
    return {name: getattr(walk, name) for name in Walk.__slots__}
