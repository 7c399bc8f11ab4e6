"""SQL of tries elsewhere: written once each, read as a customer's record and by whoever learns from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg.rows import DictRow

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


class AskedRecord(Struct, frozen=True, kw_only=True):
    """Whose tries are asked for, by all that the customer is called: in a currency, since then, and without those told
    of the recovery `without`."""

    customers: tuple[str, ...]
    currency: str
    without: UUID | None
    since: datetime


async def records(
    queries: Queries, asked: Sequence[AskedRecord], *, merchant_id: UUID
) -> dict[AskedRecord, tuple[CardTry, ...]]:
    """Each customer's tries, oldest first. Who has none is left out."""
    rows = await queries.fetch_all(
        """
        select a.place, a.currency, t.tried_at, t.amount, t.approved, t.code, t.rule
        from json_to_recordset(%(asked)s::json) as a (
            place integer, customers json, currency text, without uuid, since timestamptz)
        cross join lateral (
            select tried_at, amount, approved, code, rule from tries_elsewhere
            where merchant_id = %(merchant_id)s
                and customer = any(array(select json_array_elements_text(a.customers)))
                and tried_at >= a.since and currency = a.currency
                and (a.without is null or recovery_id is distinct from a.without)
            order by tried_at desc limit %(limit)s
        ) t
        order by a.place, t.tried_at
        """,
        {
            "merchant_id": merchant_id,
            "asked": msgspec.json.encode(
                [{"place": place, **msgspec.structs.asdict(one)} for place, one in enumerate(asked)]
            ).decode(),
            "limit": RECORD_MAX,
        },
    )
    return {
        asked[place]: tuple(_card_try(row) for row in group)
        for place, group in groupby(rows, key=itemgetter("place"))
    }


def _card_try(row: DictRow) -> CardTry:
    money = Money(row["amount"], row["currency"])
    return CardTry(row["tried_at"], money, not row["approved"], row["rule"], row["code"])


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
