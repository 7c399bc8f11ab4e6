"""SQL of verifications: questions whether a payment method is good, each asked of one account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from recoup.budgets.core import stops
from recoup.db import Database
from recoup.outcomes.core import Checks, Decline
from recoup.payments.writes import Written, cards_of


class Verification(Struct, frozen=True):
    """One row. `status` is `started` while nobody knows better, and `completing` while one whose customer came back is
    asked about again. `reference` is the processor's name for it, there where it can be gone on with."""

    merchant_id: UUID
    id: UUID
    payment_method_id: UUID
    processor_account_id: UUID
    fingerprint: str
    currency: str
    status: str
    decline: Decline | None
    checks: Checks | None
    why: str | None
    created_at: datetime
    finished_at: datetime | None
    reference: str | None = None
    action_url: str | None = None
    return_url: str | None = None
    confirmed_at: datetime | None = None

    def __repr__(self) -> str:
        """Without the fingerprint, which would tell one card from another."""
        return f"Verification(id={self.id}, status={self.status})"


_row = msgspec.json.Decoder(Verification)


async def begin(
    database: Database,
    new: Verification,
    *,
    merchant_id: UUID,
    claim: dict[str, Any] | None,
    count: dict[str, Any],
) -> Written:
    """Write a question down together with the idempotency key it came with, and count it with its card."""
    row = await database.fetch_one(
        """
        with counted as (
            insert into card_tries as k (merchant_id, card, version, room, stopped, tries)
            select %(merchant_id)s, c.card, coalesce(c.seen, 0) + 1, c.room, coalesce(c.stopped, false),
                coalesce(c.kept, '{}') || c.try
            from json_to_record(%(count)s) as c (
                card bytea, room smallint, try uuid, seen integer, kept uuid[], stopped boolean)
            on conflict (merchant_id, card) do update
            set version = k.version + 1, room = excluded.room,
                stopped = case when k.version = excluded.version - 1 then excluded.stopped else k.stopped end,
                tries = case when k.version = excluded.version - 1 then excluded.tries
                    else k.tries || excluded.tries end
            where k.version = excluded.version - 1
                or excluded.version = 1 and not k.stopped and cardinality(k.tries) < excluded.room
            returning card
        ), claimed as (
            insert into idempotency_keys (merchant_id, key, fingerprint, resource, resource_id, created_at)
            select c.merchant_id, c.key, c.fingerprint, c.resource, c.resource_id, c.created_at
            from json_populate_record(null::idempotency_keys, %(claim)s) c
            where c.key is not null and c.merchant_id = %(merchant_id)s and exists (select card from counted)
            on conflict (merchant_id, key) do nothing
            returning key
        ), begun as (
            insert into verifications (
                merchant_id, id, payment_method_id, processor_account_id, fingerprint, currency, status, created_at,
                return_url)
            select v.merchant_id, v.id, v.payment_method_id, v.processor_account_id, v.fingerprint, v.currency,
                v.status, v.created_at, v.return_url
            from json_populate_record(null::verifications, %(row)s) v
            where v.merchant_id = %(merchant_id)s and exists (select card from counted)
                and (not %(claims)s or exists (select key from claimed))
            returning id
        )
        select exists (select card from counted) as counted, exists (select id from begun) as begun
        """,
        {
            "row": msgspec.json.encode(new).decode(),
            "claim": msgspec.json.encode(claim or {}).decode(),
            "claims": claim is not None,
            "count": msgspec.json.encode(count).decode(),
            "merchant_id": merchant_id,
        },
    )
    assert row is not None, "it always says"
    if not row["counted"]:
        return Written.BARRED
    return Written.YES if row["begun"] else Written.TAKEN


async def go_on(
    database: Database,
    *,
    merchant_id: UUID,
    payment_method_id: UUID,
    verification_id: UUID,
    at: datetime,
    lost_before: datetime,
    claim: dict[str, Any] | None,
) -> Verification | None:
    """Note that the customer came back, together with the idempotency key of who says so; the row as it then is.

    None where the key was used before, or where it is not theirs to go on with: it has ended, or somebody is at work on
    it who began after `lost_before`. Then the key is not taken either.
    """
    row = await database.fetch_one(
        """
        with ready as materialized (
            select v.id from verifications v
            where v.merchant_id = %(merchant_id)s and v.id = %(id)s and v.payment_method_id = %(payment_method_id)s
                and v.reference is not null
                and (v.status in ('requires_action', 'unresolved')
                    or (v.status = 'completing' and v.confirmed_at < %(lost_before)s))
            for update
        ), claimed as (
            insert into idempotency_keys (merchant_id, key, fingerprint, resource, resource_id, created_at)
            select c.merchant_id, c.key, c.fingerprint, c.resource, c.resource_id, c.created_at
            from json_populate_record(null::idempotency_keys, %(claim)s) c
            where c.key is not null and c.merchant_id = %(merchant_id)s and exists (select id from ready)
            on conflict (merchant_id, key) do nothing
            returning key
        )
        update verifications v
        set status = 'completing', confirmed_at = %(at)s, why = null
        from ready r
        where v.merchant_id = %(merchant_id)s and v.id = r.id and (not %(claims)s or exists (select key from claimed))
        returning to_json(v)::text as verification
        """,
        {
            "merchant_id": merchant_id,
            "id": verification_id,
            "payment_method_id": payment_method_id,
            "at": at,
            "lost_before": lost_before,
            "claim": msgspec.json.encode(claim or {}).decode(),
            "claims": claim is not None,
        },
    )
    return None if row is None else _row.decode(row["verification"])


async def end(
    database: Database,
    ended: Verification,
    *,
    merchant_id: UUID,
    network_transaction_id: str | None = None,
    tokens: Sequence[dict[str, Any]] = (),
) -> Verification:
    """Write the answer down, and what came with it, unless it has one; the row as it then is."""
    await database.execute(
        """
        with stopped as (
            update card_tries k set stopped = true, version = k.version + 1
            where k.merchant_id = %(merchant_id)s and k.card = any(%(stops)s::text[]::bytea[])
        ), ended as (
            update verifications v
            set status = r.status, decline = r.decline, checks = r.checks, why = r.why, finished_at = r.finished_at,
                reference = r.reference, action_url = r.action_url
            from json_populate_record(null::verifications, %(row)s) r
            where v.merchant_id = %(merchant_id)s and v.id = r.id and v.status in ('started', 'completing')
            returning v.payment_method_id
        ), kept as (
            insert into processor_tokens (
                merchant_id, payment_method_id, processor_account_id, data_key_id, ciphertext, remembered, created_at,
                digest)
            select t.merchant_id, t.payment_method_id, t.processor_account_id, t.data_key_id, t.ciphertext,
                t.remembered, t.created_at, t.digest
            from json_populate_recordset(null::processor_tokens, %(tokens)s) t
            where t.merchant_id = %(merchant_id)s
            on conflict (merchant_id, payment_method_id, processor_account_id) do update
            set data_key_id = excluded.data_key_id, ciphertext = excluded.ciphertext,
                remembered = excluded.remembered, created_at = excluded.created_at, digest = excluded.digest
        )
        update payment_methods m set network_transaction_id = %(network_transaction_id)s
        from ended e
        where m.merchant_id = %(merchant_id)s and m.id = e.payment_method_id
            and %(network_transaction_id)s::text is not null
        """,
        {
            "row": msgspec.json.encode(ended).decode(),
            "tokens": msgspec.json.encode(tokens).decode(),
            "network_transaction_id": network_transaction_id,
            "stops": _stopped_by(ended),
            "merchant_id": merchant_id,
        },
    )
    found = await read(database, merchant_id=merchant_id, verification_id=ended.id)
    assert found is not None, "verifications are never deleted"
    return found


def _stopped_by(ended: Verification) -> list[str]:
    """What is stopped by its answer."""
    if ended.decline is None or not stops(ended.decline.rule):
        return []
    return list(cards_of(ended.fingerprint, ended.payment_method_id))


async def read(database: Database, *, merchant_id: UUID, verification_id: UUID) -> Verification | None:
    """One verification."""
    row = await database.fetch_one(
        """
        select to_json(v)::text as verification from verifications v
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        {"merchant_id": merchant_id, "id": verification_id},
    )
    return None if row is None else _row.decode(row["verification"])
