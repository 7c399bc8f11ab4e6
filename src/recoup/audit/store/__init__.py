"""SQL of audit cases, and of codes that no table knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.audit.core import Case, CaseKind, CaseState, CountedCode, UnseenCode
from recoup.db import Connection, Database, Queries
from recoup.db.paging import bounds

_COLUMNS: Final[LiteralString] = """
    id, kind, subject, state, object_id, summary, remedy, details, opened_at, resolved_at, resolution
"""


async def count(connection: Connection, unseen: UnseenCode, *, merchant_id: UUID) -> bool:
    """Count a code once for its attempt; whether it was not counted before."""
    row = await connection.fetch_one(
        """
        insert into unseen_codes as u
            (merchant_id, connector, code, network_code, payment_id, last_attempt_id, first_seen_at, last_seen_at)
        values (%(merchant_id)s, %(connector)s, %(code)s, %(network_code)s, %(payment_id)s, %(attempt_id)s,
            %(seen_at)s, %(seen_at)s)
        on conflict (merchant_id, connector, code, network_code) do update
            set times = u.times + 1, last_attempt_id = excluded.last_attempt_id,
                last_seen_at = excluded.last_seen_at
            where u.last_attempt_id < excluded.last_attempt_id
        returning times
        """,
        {
            "merchant_id": merchant_id,
            "connector": unseen.connector,
            "code": unseen.code,
            "network_code": unseen.network_code,
            "payment_id": unseen.payment_id,
            "attempt_id": unseen.attempt_id,
            "seen_at": unseen.seen_at,
        },
    )
    return row is not None


async def is_one_too_many(queries: Queries, unseen: UnseenCode, *, merchant_id: UUID, most: int) -> bool:
    """Whether a code is new and there are as many as are told apart."""
    row = await queries.fetch_one(
        """
        select count(*) >= %(most)s
            and not bool_or(connector = %(connector)s and code = %(code)s and network_code = %(network_code)s) as full
        from unseen_codes where merchant_id = %(merchant_id)s
        """,
        {
            "merchant_id": merchant_id,
            "most": most,
            "connector": unseen.connector,
            "code": unseen.code,
            "network_code": unseen.network_code,
        },
    )
    assert row is not None, "an aggregate always answers"
    return bool(row["full"])


async def counted(queries: Queries, *, merchant_id: UUID, limit: int) -> Sequence[CountedCode]:
    """The codes that no table knew, the newest first."""
    rows = await queries.fetch_all(
        """
        select connector, code, network_code, times, first_seen_at, last_seen_at
        from unseen_codes where merchant_id = %(merchant_id)s
        order by last_seen_at desc limit %(limit)s
        """,
        {"merchant_id": merchant_id, "limit": limit},
    )
    return [CountedCode(**row) for row in rows]


async def open_case(connection: Connection, case: Case, *, merchant_id: UUID) -> bool:
    """A new case, unless one about the same thing is open; whether it is new."""
    row = await connection.fetch_one(
        """
        insert into audit_cases (merchant_id, id, kind, subject, state, object_id, summary, remedy, details, opened_at)
        values (%(merchant_id)s, %(id)s, %(kind)s, %(subject)s, %(state)s, %(object_id)s, %(summary)s, %(remedy)s,
            %(details)s, %(opened_at)s)
        on conflict (merchant_id, kind, subject) where state = 'open' do nothing
        returning id
        """,
        {
            "merchant_id": merchant_id,
            "id": case.id,
            "kind": case.kind,
            "subject": case.subject,
            "state": case.state,
            "object_id": case.object_id,
            "summary": case.summary,
            "remedy": case.remedy,
            "details": msgspec.json.encode(case.details).decode(),
            "opened_at": case.opened_at,
        },
    )
    return row is not None


async def read(queries: Queries, *, merchant_id: UUID, case_id: UUID) -> Case | None:
    """One case."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from audit_cases where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": case_id},
    )
    return None if row is None else _case(row)


async def resolve(
    connection: Connection, *, merchant_id: UUID, case_id: UUID, at: datetime, resolution: str | None
) -> Case | None:
    """Close a case that is open; None where it is not."""
    row = await connection.fetch_one(
        f"""
        update audit_cases set state = 'resolved', resolved_at = %(at)s, resolution = %(resolution)s
        where merchant_id = %(merchant_id)s and id = %(id)s and state = 'open'
        returning {_COLUMNS}
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": case_id, "at": at, "resolution": resolution},
    )
    return None if row is None else _case(row)


async def page(
    database: Database,
    *,
    merchant_id: UUID,
    state: CaseState | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Case]:
    """Cases newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await database.fetch_all(
        f"""
        select {_COLUMNS} from audit_cases
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
            and (%(state)s::text is null or state = %(state)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "state": state,
            "limit": limit,
        }
        | bounds(after, before),
    )
    return [_case(row) for row in rows]


async def open_of_kind(queries: Queries, kind: CaseKind, *, merchant_id: UUID, limit: int) -> Sequence[Case]:
    """Open cases of one kind, in the order of what they are about."""
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from audit_cases
        where merchant_id = %(merchant_id)s and kind = %(kind)s and state = 'open'
        order by subject limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "kind": kind, "limit": limit},
    )
    return [_case(row) for row in rows]


def _case(row: dict[str, Any]) -> Case:
    return Case(**{**row, "kind": CaseKind(row["kind"]), "state": CaseState(row["state"])})
