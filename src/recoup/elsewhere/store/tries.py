"""SQL of tries elsewhere: written once each, read as a customer's record and by whoever learns from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from recoup.db import Connection, Queries
from recoup.kit.money import Money
from recoup.payments.core.facts import CardTry

RECORD_MAX: Final = 64
"""How many tries of a customer are read, the newest."""


class Row(Struct, frozen=True, kw_only=True):
    """One try, as its row has it. `customer` is our id of the customer, or their merchant's own name for them."""

    source: str
    external_id: str
    id: UUID
    recovery_id: UUID | None = None
    payment: str | None = None
    customer: str | None = None
    tried_at: datetime
    amount: int
    currency: str
    approved: bool
    code: str | None = None
    category: str | None = None
    network_code: str | None = None
    advice_code: str | None = None
    rule: str | None = None
    processor_account_id: UUID | None = None
    brand: str = "unknown"
    funding: str = "unknown"
    country: str | None = None
    bin: str | None = None
    initiator: str = "merchant"


_rows: Final = msgspec.json.Decoder(list[Row]).decode


async def insert(connection: Connection, rows: Sequence[Row], *, merchant_id: UUID, batch_id: UUID) -> int:
    """Write what is not there yet, told of by the event `batch_id`; how many that were."""
    cursor = await connection.execute(
        """
        insert into tries_elsewhere (
            merchant_id, source, external_id, id, batch_id, recovery_id, payment, customer, tried_at, amount, currency,
            approved, code, category, network_code, advice_code, rule, processor_account_id, brand, funding, country,
            bin, initiator)
        select %(merchant_id)s, r.source, r.external_id, r.id, %(batch_id)s, r.recovery_id, r.payment, r.customer,
            r.tried_at, r.amount, r.currency, r.approved, r.code, r.category, r.network_code, r.advice_code, r.rule,
            r.processor_account_id, r.brand, r.funding, r.country, r.bin, r.initiator
        from json_populate_recordset(null::tries_elsewhere, %(rows)s) r
        order by r.source, r.external_id
        on conflict (merchant_id, source, external_id) do nothing
        """,
        {"merchant_id": merchant_id, "batch_id": batch_id, "rows": msgspec.json.encode(rows).decode()},
    )
    return cursor.rowcount


async def known(
    queries: Queries, external_ids: Collection[str], *, merchant_id: UUID, source: str
) -> frozenset[str]:
    """Which of these are there already."""
    rows = await queries.fetch_all(
        """
        select t.external_id from unnest(%(ids)s::text[]) as wanted (id)
        join tries_elsewhere t on t.merchant_id = %(merchant_id)s and t.source = %(source)s
            and t.external_id = wanted.id
        """,
        {"merchant_id": merchant_id, "source": source, "ids": list(external_ids)},
    )
    return frozenset(row["external_id"] for row in rows)


async def record(
    queries: Queries,
    *,
    merchant_id: UUID,
    customers: Collection[str],
    currency: str,
    without: UUID | None,
    since: datetime,
) -> tuple[CardTry, ...]:
    """A customer's tries in a currency, oldest first, without those told of the recovery `without`."""
    rows = await queries.fetch_all(
        """
        select tried_at, amount, approved, code, rule from tries_elsewhere
        where merchant_id = %(merchant_id)s and customer = any(%(customers)s::text[]) and tried_at >= %(since)s
            and currency = %(currency)s
            and (%(without)s::uuid is null or recovery_id is distinct from %(without)s)
        order by tried_at desc limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "customers": list(customers),
            "currency": currency,
            "without": without,
            "since": since,
            "limit": RECORD_MAX,
        },
    )
    tries = [
        CardTry(
            row["tried_at"], Money(row["amount"], currency), not row["approved"], row["rule"], row["code"]
        )
        for row in rows
    ]
    return tuple(reversed(tries))


async def of_batches(
    queries: Queries, batch_ids: Collection[UUID], *, merchant_id: UUID, limit: int
) -> Sequence[Row]:
    """The tries of some batches that were made at accounts which are ours too."""
    row = await queries.fetch_one(
        """
        select json_agg(t)::text as tries from (
            select b.* from unnest(%(batch_ids)s::uuid[]) as wanted (id)
            join tries_elsewhere b on b.merchant_id = %(merchant_id)s and b.batch_id = wanted.id
            where b.processor_account_id is not null
            limit %(limit)s
        ) t
        """,
        {"merchant_id": merchant_id, "batch_ids": list(batch_ids), "limit": limit},
    )
    found: Any = None if row is None else row["tries"]
    return () if found is None else _rows(found)
