"""A request with an `Idempotency-Key` is done once, whatever dies, and its first answer is given again.

The row of a key is written in the transaction that does the first part of the work, so that there is no moment at
which one exists without the other:

* In TRANSACTION mode the edge claims, runs the handler and records the answer in one transaction. A second request
  with the same key waits on the row's unique index, for at most `CLAIM_WAIT_MS`.
* In FLOW mode the flow's first transaction claims (`claim`, or the columns of `claim_row` in a statement of its own)
  and names the object that is made; its last records. A second request meets the row, and the flow raises `Claimed`.
  After a crash the row has no answer: the edge then asks the subject to `resume` the object, and records what it says.

A refusal is no answer: what it rolled back is gone, and so is the claim. Keys are kept for `KEPT`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from recoup.db import Connection, Database, Queries
from recoup.http.routes import Call, Claim, Merchant, Reply
from recoup.kit.refusals import Refusal, RefusalType

KEPT: Final = timedelta(days=7)
CLAIM_WAIT_MS: Final = 2000
DELETED_AT_ONCE: Final = 1000
_BATCHES_MAX: Final = 1000

Resume = Callable[[Merchant, UUID], Awaitable[Reply | None]]
"""Given the object that a key's first request made: its answer now, or None while it is still being worked on."""


class Claimed(Exception):
    """The key of this request was taken by an earlier one."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept under a key. Without a status, its request has no answer yet."""

    fingerprint: bytes = field(repr=False)
    resource: str | None
    resource_id: UUID | None
    status: int | None
    body: str | None = field(repr=False)


def claim_row(claim: Claim, *, resource: str, resource_id: UUID) -> dict[str, str]:
    """The columns of a claim but for the merchant's, as text that SQL casts, for a flow's own statement.

    Such a statement inserts them with `on conflict (merchant_id, key) do nothing returning key` and does its work only
    where a row came back; where none did, the flow raises `Claimed`.
    """
    return {
        "key": claim.key,
        "fingerprint": f"\\x{claim.fingerprint.hex()}",
        "resource": resource,
        "resource_id": str(resource_id),
        "created_at": claim.at.isoformat(),
    }


async def claim(
    connection: Connection,
    *,
    merchant_id: UUID,
    claim: Claim,
    resource: str | None = None,
    resource_id: UUID | None = None,
    wait_ms: int = CLAIM_WAIT_MS,
) -> None:
    """Take the key, in the open transaction; raises `Claimed` where an earlier request has it.

    Where that request's transaction is still open, waits for its end, at most `wait_ms`, then refuses. The same
    limit then holds for every other lock that the transaction waits for.
    """
    try:
        row = await connection.fetch_one(
            # The condition sets the limit before the insert can wait, without a round trip of its own.
            """
            insert into idempotency_keys (merchant_id, key, fingerprint, resource, resource_id, created_at)
            select %(merchant_id)s::uuid, %(key)s::text, %(fingerprint)s::bytea, %(resource)s::text,
                %(resource_id)s::uuid, %(created_at)s::timestamptz
            where set_config('lock_timeout', %(wait_ms)s::text, true) is not null
            on conflict (merchant_id, key) do nothing
            returning key
            """,
            {
                "merchant_id": merchant_id,
                "key": claim.key,
                "fingerprint": claim.fingerprint,
                "resource": resource,
                "resource_id": resource_id,
                "created_at": claim.at,
                "wait_ms": str(wait_ms),
            },
        )
    except psycopg.errors.LockNotAvailable:
        raise still_running() from None
    if row is None:
        raise Claimed


async def record(queries: Queries, *, merchant_id: UUID, key: str, status: int, body: bytes) -> bool:
    """Keep the answer for replays; the first one recorded stays, and False says that it was another."""
    row = await queries.fetch_one(
        """
        update idempotency_keys set status = %(status)s, body = %(body)s
        where merchant_id = %(merchant_id)s and key = %(key)s and status is null
        returning key
        """,
        {"merchant_id": merchant_id, "key": key, "status": status, "body": body.decode()},
    )
    return row is not None


async def read(queries: Queries, *, merchant_id: UUID, key: str) -> Stored | None:
    """What is kept under a key."""
    row = await queries.fetch_one(
        """
        select fingerprint, resource, resource_id, status, body from idempotency_keys
        where merchant_id = %(merchant_id)s and key = %(key)s
        """,
        {"merchant_id": merchant_id, "key": key},
    )
    return Stored(**row) if row is not None else None


async def replay(
    queries: Queries, *, merchant: Merchant, claim: Claim, resume: Mapping[str, Resume]
) -> Reply:
    """The answer to a request whose key was taken before; refuses another request, and one still running."""
    stored = await read(queries, merchant_id=merchant.id, key=claim.key)
    if stored is None:
        raise still_running()
    if stored.fingerprint != claim.fingerprint:
        raise reused()
    if stored.status is not None:
        return _recorded(stored)
    reply = await _resumed(stored, merchant=merchant, resume=resume)
    if reply is None:
        raise still_running()
    if await record(queries, merchant_id=merchant.id, key=claim.key, status=reply.status, body=reply.body):
        return reply
    first = await read(queries, merchant_id=merchant.id, key=claim.key)
    if first is None or first.status is None:
        raise still_running()
    return _recorded(first)


async def _resumed(stored: Stored, *, merchant: Merchant, resume: Mapping[str, Resume]) -> Reply | None:
    if stored.resource is None or stored.resource_id is None:
        return None
    assert stored.resource in resume, f"nobody resumes a {stored.resource}"
    return await resume[stored.resource](merchant, stored.resource_id)


def _recorded(stored: Stored) -> Reply:
    assert stored.status is not None and stored.body is not None, "an answer is recorded whole"
    return Reply(stored.status, stored.body.encode())


def reused() -> Refusal:
    """One key for two different requests (422)."""
    return Refusal(
        RefusalType.IDEMPOTENCY,
        "idempotency_key_reused",
        "This Idempotency-Key came before with another request: send a new key for a new request.",
        status=422,
    )


def still_running() -> Refusal:
    """The first request with this key has no answer yet (409)."""
    return Refusal(
        RefusalType.IDEMPOTENCY,
        "idempotency_key_in_use",
        "The first request with this Idempotency-Key is still being worked on: send it again in a moment.",
        retry_after_s=1,
    )


async def once(
    database: Database,
    call: Call[Any, Any],
    work: Callable[[], Awaitable[Reply]],
    *,
    resource: str,
    resource_id: UUID | None = None,
) -> Reply:
    """Do work that is harmless to repeat under the call's key, for a handler in FLOW mode that has no flow to claim it.

    The key is taken before and the answer recorded after, each in a transaction of its own; `resource` with its id, or
    the merchant's, is what a repeated request resumes. A refusal has done nothing, and gives the key back.
    """
    if call.claim is None:
        return await work()
    merchant_id = call.merchant.id
    async with database.transaction() as connection:
        await claim(
            connection,
            merchant_id=merchant_id,
            claim=call.claim,
            resource=resource,
            resource_id=resource_id or merchant_id,
        )
    try:
        reply = await work()
    except Refusal:
        await release(database, merchant_id=merchant_id, key=call.claim.key)
        raise
    await record(database, merchant_id=merchant_id, key=call.claim.key, status=reply.status, body=reply.body)
    return reply


async def delete_old(database: Database, *, now: datetime, at_once: int = DELETED_AT_ONCE) -> int:
    """Delete the keys that are older than `KEPT` by the wall clock, `at_once` a transaction; how many there were."""
    deleted = 0
    for _ in range(_BATCHES_MAX):
        batch = await _delete_batch(database, before=now - KEPT, at_once=at_once)
        deleted += batch
        if batch < at_once:
            break
    return deleted


async def _delete_batch(database: Database, *, before: datetime, at_once: int) -> int:
    # The one statement here over all merchants: it is housekeeping by age, with an index of its own.
    return await database.execute(
        """
        delete from idempotency_keys where (merchant_id, key) in (
            select merchant_id, key from idempotency_keys where created_at < %(before)s
            order by created_at limit %(at_once)s for update skip locked
        )
        """,
        {"before": before, "at_once": at_once},
    )


async def release(database: Database, *, merchant_id: UUID, key: str) -> None:
    """Give up a claim whose work was refused after all: nothing was done, so the key is free again."""
    await database.execute(
        """
        delete from idempotency_keys
        where merchant_id = %(merchant_id)s and key = %(key)s and status is null
        """,
        {"merchant_id": merchant_id, "key": key},
    )
