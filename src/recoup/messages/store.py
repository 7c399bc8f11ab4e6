"""SQL of messages. A message is written onto the version that it was read at, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.messages.core.machine import Status
from recoup.messages.core.policy import NO_POLICY, Channel, MessagePolicy
from recoup.messages.core.records import Message

EARLIER_MAX: Final = 200
"""The most of a recipient's messages that are read to decide about one more; far more than a week may hold."""

_COLUMNS: Final[LiteralString] = """
    merchant_id, id, recovery_id, payment_id, customer_id, number, channel, language, recipient, status, version,
    events_count, tries, why, link_until, next_at, created_at, sent_at, updated_at
"""


class Stopped(StrEnum):
    """Why nothing is sent to somebody any more."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom messages go to."""

    stopped: Stopped | None


async def policy(queries: Queries, *, merchant_id: UUID) -> MessagePolicy:
    """What the merchant said last; where it said nothing, nobody is asked."""
    row = await queries.fetch_one(
        "select policy from message_policies where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    return NO_POLICY if row is None else msgspec.convert(row["policy"], MessagePolicy)


async def put_policy(
    connection: Connection, said: MessagePolicy, *, merchant_id: UUID, now: datetime
) -> None:
    """Keep what the merchant says now."""
    await connection.execute(
        """
        insert into message_policies (merchant_id, policy, updated_at)
        values (%(merchant_id)s, %(policy)s, %(now)s)
        on conflict (merchant_id) do update set policy = excluded.policy, updated_at = excluded.updated_at
        """,
        {"merchant_id": merchant_id, "policy": msgspec.json.encode(said).decode(), "now": now},
    )


async def hold_recipient(connection: Connection, *, merchant_id: UUID, recipient: bytes) -> Recipient:
    """Somebody to whom messages go, held until the transaction ends: nobody else decides about them meanwhile."""
    await connection.execute(
        """
        insert into message_recipients (merchant_id, recipient) values (%(merchant_id)s, %(recipient)s)
        on conflict (merchant_id, recipient) do nothing
        """,
        {"merchant_id": merchant_id, "recipient": recipient},
    )
    row = await connection.fetch_one(
        """
        select stopped from message_recipients
        where merchant_id = %(merchant_id)s and recipient = %(recipient)s
        for update
        """,
        {"merchant_id": merchant_id, "recipient": recipient},
    )
    assert row is not None, "it was just written, and is never deleted"
    return Recipient(None if row["stopped"] is None else Stopped(row["stopped"]))


async def stop(
    connection: Connection, *, merchant_id: UUID, recipient: bytes, why: Stopped | None, now: datetime
) -> None:
    """Send nothing there any more, or with None send again."""
    await connection.execute(
        """
        update message_recipients set stopped = %(why)s, stopped_at = %(at)s
        where merchant_id = %(merchant_id)s and recipient = %(recipient)s
        """,
        {
            "merchant_id": merchant_id,
            "recipient": recipient,
            "why": why,
            "at": None if why is None else now,
        },
    )


async def earlier(
    connection: Connection, *, merchant_id: UUID, recipient: bytes, since: datetime
) -> Sequence[Message]:
    """What somebody was sent since then, the newest first."""
    rows = await connection.fetch_all(
        f"""
        select {_COLUMNS} from messages
        where merchant_id = %(merchant_id)s and recipient = %(recipient)s and created_at > %(since)s
        order by created_at desc limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "recipient": recipient, "since": since, "limit": EARLIER_MAX},
    )
    return [_message(row) for row in rows]


async def insert(connection: Connection, new: Message) -> bool:
    """A new message; False where its recovery has one of that number already."""
    cursor = await connection.execute(
        f"""
        insert into messages ({_COLUMNS})
        values (
            %(merchant_id)s, %(id)s, %(recovery_id)s, %(payment_id)s, %(customer_id)s, %(number)s, %(channel)s,
            %(language)s, %(recipient)s, %(status)s, %(version)s, %(events_count)s, %(tries)s, %(why)s,
            %(link_until)s, %(next_at)s, %(created_at)s, %(sent_at)s, %(updated_at)s)
        on conflict do nothing
        """,  # noqa: S608 - pieces of ours
        _row(new),
    )
    return cursor.rowcount == 1


async def save(connection: Connection, changed: Message, *, expected: int) -> bool:
    """All that can change of a message; False where it has moved on from the version `expected`."""
    cursor = await connection.execute(
        """
        update messages set
            status = %(status)s, version = %(version)s, events_count = %(events_count)s, tries = %(tries)s,
            why = %(why)s, next_at = %(next_at)s, sent_at = %(sent_at)s, updated_at = %(updated_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s and version = %(expected)s
        """,
        _row(changed) | {"expected": expected},
    )
    return cursor.rowcount == 1


async def read(queries: Queries, *, merchant_id: UUID, message_id: UUID) -> Message | None:
    """One message."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from messages where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": message_id},
    )
    return None if row is None else _message(row)


async def by_arm(
    queries: Queries, *, merchant_id: UUID, experiment_id: UUID, most: int
) -> dict[tuple[str, str], int]:
    """How many messages left, or were to be sent by the merchant, by arm and category of the first recoveries."""
    rows = await queries.fetch_all(
        """
        select r.arm->>'name' as arm, r.stake->>'category' as category, count(*) as messages
        from (
            select id, arm, stake from recoveries
            where merchant_id = %(merchant_id)s and experiment_id = %(experiment_id)s
            order by id limit %(most)s
        ) r
        join messages m on m.merchant_id = %(merchant_id)s and m.recovery_id = r.id
        where m.status in ('sent', 'due', 'kept')
        group by r.arm->>'name', r.stake->>'category'
        """,
        {"merchant_id": merchant_id, "experiment_id": experiment_id, "most": most},
    )
    return {(row["arm"], row["category"]): row["messages"] for row in rows}


async def of_recovery(queries: Queries, *, merchant_id: UUID, recovery_id: UUID) -> tuple[Message, ...]:
    """The messages of a recovery, in order: a policy plans few."""
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from messages
        where merchant_id = %(merchant_id)s and recovery_id = %(recovery_id)s order by number
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "recovery_id": recovery_id},
    )
    return tuple(_message(row) for row in rows)


async def page(
    queries: Queries,
    *,
    merchant_id: UUID,
    recovery_id: UUID | None,
    customer_id: UUID | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Message]:
    """Messages newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    of_one: LiteralString = "" if recovery_id is None else "and recovery_id = %(recovery_id)s"
    of_customer: LiteralString = "" if customer_id is None else "and customer_id = %(customer_id)s"
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from messages
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s {of_one} {of_customer}
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "recovery_id": recovery_id,
            "customer_id": customer_id,
            "limit": limit,
        }
        | bounds(after, before),
    )
    return [_message(row) for row in rows]


def _row(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in Message.__slots__}


def _message(row: DictRow) -> Message:
    return Message(
        **row
        | {
            "channel": Channel(row["channel"]),
            "status": Status(row["status"]),
            "recipient": bytes(row["recipient"]),
        }
    )
