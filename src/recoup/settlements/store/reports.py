"""SQL of reports: the files, how far each is worked, its lines, and what was uploaded until it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, Queries
from recoup.db.paging import bounds
from recoup.settlements.core.formats.generic import Mapping
from recoup.settlements.core.reports import LineStatus, Report, ReportState, StoredLine
from recoup.settlements.core.tolerance import Tolerances

_COLUMNS: Final[
    LiteralString
] = """id, processor_account_id, format, mapping, tolerance, digest, size, state, lines,
    worked, matched, repeated, exceptions, first_at, created_at, updated_at, finished_at"""


def _report(row: dict[str, Any]) -> Report:
    return Report(
        **{
            **row,
            "tolerance": Tolerances(row["tolerance"]),
            "state": ReportState(row["state"]),
            "digest": bytes(row["digest"]),
        }
    )


async def begin(connection: Connection, report: Report, *, merchant_id: UUID) -> Report:
    """Write a report, unless the same file of the same account is there; the one that is there afterwards."""
    await connection.execute(
        """
        insert into settlements (merchant_id, id, processor_account_id, format, mapping, tolerance, digest, size, state,
            lines, worked, matched, exceptions, first_at, created_at, updated_at)
        values (%(merchant_id)s, %(id)s, %(account_id)s, %(format)s, %(mapping)s, %(tolerance)s, %(digest)s, %(size)s,
            'importing', %(lines)s, 0, 0, 0, %(first_at)s, %(now)s, %(now)s)
        on conflict (merchant_id, processor_account_id, digest) do nothing
        """,
        {
            "merchant_id": merchant_id,
            "id": report.id,
            "account_id": report.processor_account_id,
            "format": report.format,
            "mapping": report.mapping,
            "tolerance": report.tolerance,
            "digest": report.digest,
            "size": report.size,
            "lines": report.lines,
            "first_at": report.first_at,
            "now": report.created_at,
        },
    )
    found = await same(
        connection, merchant_id=merchant_id, account_id=report.processor_account_id, digest=report.digest
    )
    assert found is not None, "it is there, or was there before"
    return found


async def same(queries: Queries, *, merchant_id: UUID, account_id: UUID, digest: bytes) -> Report | None:
    """The report of this very file, if it was taken before."""
    row = await queries.fetch_one(
        f"""
        select {_COLUMNS} from settlements
        where merchant_id = %(merchant_id)s and processor_account_id = %(account_id)s and digest = %(digest)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "account_id": account_id, "digest": digest},
    )
    return None if row is None else _report(row)


async def read(queries: Queries, *, merchant_id: UUID, report_id: UUID) -> Report | None:
    """One report."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from settlements where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": report_id},
    )
    return None if row is None else _report(row)


async def hold_account(connection: Connection, *, merchant_id: UUID, account_id: UUID) -> None:
    """Let nobody else work a report of the account until this transaction ends. Comes before `lock`."""
    parameters = {"merchant_id": merchant_id, "account_id": account_id}
    await connection.execute(
        """
        insert into settlement_accounts (merchant_id, processor_account_id)
        values (%(merchant_id)s, %(account_id)s) on conflict do nothing
        """,
        parameters,
    )
    await connection.execute(
        """
        select from settlement_accounts
        where merchant_id = %(merchant_id)s and processor_account_id = %(account_id)s for no key update
        """,
        parameters,
    )


async def hold_accounts(connection: Connection, *, merchant_id: UUID) -> int:
    """The same for all accounts of a merchant that ever had a report worked; how many there are."""
    rows = await connection.fetch_all(
        """
        select processor_account_id from settlement_accounts
        where merchant_id = %(merchant_id)s order by processor_account_id for no key update
        """,
        {"merchant_id": merchant_id},
    )
    return len(rows)


async def lock(connection: Connection, *, merchant_id: UUID, report_id: UUID) -> Report:
    """One report, for this transaction alone."""
    row = await connection.fetch_one(
        f"""
        select {_COLUMNS} from settlements
        where merchant_id = %(merchant_id)s and id = %(id)s for no key update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": report_id},
    )
    assert row is not None, "reports are never thrown away"
    return _report(row)


async def page(
    database: Database,
    *,
    merchant_id: UUID,
    account_id: UUID | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Report]:
    """Reports newest first; with `before` oldest first."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await database.fetch_all(
        f"""
        select {_COLUMNS} from settlements
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
            and (%(account_id)s::uuid is null or processor_account_id = %(account_id)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "account_id": account_id, "limit": limit} | bounds(after, before),
    )
    return [_report(row) for row in rows]


async def move_on(
    connection: Connection, *, merchant_id: UUID, report_id: UUID, worked: int, exceptions: int, now: datetime
) -> None:
    """So many more lines are worked, of which so many are exceptions; `matched` is counted at the end."""
    await connection.execute(
        """
        update settlements
        set worked = worked + %(worked)s, exceptions = exceptions + %(exceptions)s, updated_at = %(now)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        {
            "merchant_id": merchant_id,
            "id": report_id,
            "worked": worked,
            "exceptions": exceptions,
            "now": now,
        },
    )


async def finish(connection: Connection, *, merchant_id: UUID, report_id: UUID, now: datetime) -> Report:
    """Every line is worked: count what fits, and let go of what was uploaded."""
    await connection.execute(
        "delete from settlement_files where merchant_id = %(merchant_id)s and settlement_id = %(id)s",
        {"merchant_id": merchant_id, "id": report_id},
    )
    row = await connection.fetch_one(
        f"""
        update settlements
        set state = 'done', finished_at = %(now)s, updated_at = %(now)s, (matched, repeated) = (
            select coalesce(sum(s.matched), 0)::bigint, coalesce(sum(s.repeated), 0)::bigint from settlement_sums s
            where s.merchant_id = %(merchant_id)s and s.settlement_id = %(id)s)
        where merchant_id = %(merchant_id)s and id = %(id)s and worked = lines
        returning {_COLUMNS}
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": report_id, "now": now},
    )
    assert row is not None, "a report ends when its last line is worked"
    return _report(row)


async def keep(connection: Connection, parts: Sequence[bytes], *, merchant_id: UUID, report_id: UUID) -> None:
    """Keep what was uploaded until it is worked."""
    for number, content in enumerate(parts):
        await connection.execute(
            """
            insert into settlement_files (merchant_id, settlement_id, part, content)
            values (%(merchant_id)s, %(id)s, %(part)s, %(content)s)
            on conflict (merchant_id, settlement_id, part) do nothing
            """,
            {"merchant_id": merchant_id, "id": report_id, "part": number, "content": content},
        )


async def kept(database: Database, *, merchant_id: UUID, report_id: UUID) -> AsyncIterator[bytes]:
    """What was uploaded, part by part."""
    part = 0
    while (
        row := await database.fetch_one(
            """
            select content from settlement_files
            where merchant_id = %(merchant_id)s and settlement_id = %(id)s and part = %(part)s
            """,
            {"merchant_id": merchant_id, "id": report_id, "part": part},
        )
    ) is not None:
        yield bytes(row["content"])
        part += 1


async def lines(
    queries: Queries,
    *,
    merchant_id: UUID,
    report_id: UUID,
    status: LineStatus | None,
    payment_id: UUID | None,
    after: int,
    limit: int,
) -> Sequence[StoredLine]:
    """The lines of a report behind a number, in the order of the file."""
    rows = await queries.fetch_all(
        """
        select number, file_row as row, kind, raw_kind, key, reference, charge_reference, payout, gross, fee, net,
            currency, settlement_currency, rate, occurred_at, last4, status, reason, payment_id, object_id, fee_expected
        from settlement_lines
        where merchant_id = %(merchant_id)s and settlement_id = %(id)s and number > %(after)s
            and (%(status)s::text is null or status = %(status)s)
            and (%(payment_id)s::uuid is null or payment_id = %(payment_id)s)
        order by number limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "id": report_id,
            "status": status,
            "payment_id": payment_id,
            "after": after,
            "limit": limit,
        },
    )
    return [StoredLine(**{**row, "status": LineStatus(row["status"])}) for row in rows]


async def write_mapping(
    connection: Connection, name: str, mapping: Mapping, *, merchant_id: UUID, now: datetime
) -> None:
    """A mapping under its name; one that is there is replaced."""
    await connection.execute(
        """
        insert into settlement_mappings (merchant_id, name, mapping, created_at, updated_at)
        values (%(merchant_id)s, %(name)s, %(mapping)s, %(now)s, %(now)s)
        on conflict (merchant_id, name) do update set mapping = excluded.mapping, updated_at = excluded.updated_at
        """,
        {
            "merchant_id": merchant_id,
            "name": name,
            "mapping": msgspec.json.encode(mapping).decode(),
            "now": now,
        },
    )


async def mapping(queries: Queries, name: str, *, merchant_id: UUID) -> Mapping | None:
    """A mapping by its name."""
    row = await queries.fetch_one(
        "select mapping from settlement_mappings where merchant_id = %(merchant_id)s and name = %(name)s",
        {"merchant_id": merchant_id, "name": name},
    )
    return None if row is None else msgspec.convert(row["mapping"], Mapping)


async def mappings(queries: Queries, *, merchant_id: UUID, limit: int) -> Sequence[tuple[str, Mapping]]:
    """All mappings, by name."""
    rows = await queries.fetch_all(
        """
        select name, mapping from settlement_mappings
        where merchant_id = %(merchant_id)s order by name limit %(limit)s
        """,
        {"merchant_id": merchant_id, "limit": limit},
    )
    return [(row["name"], msgspec.convert(row["mapping"], Mapping)) for row in rows]
