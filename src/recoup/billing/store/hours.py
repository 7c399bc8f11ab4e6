"""SQL of what is learned of issuers' hours: a row for each issuer, as many as are kept, and how far it was learned.

Renewals are found by the ids of the payments that invoices remember: these are in the order of their making, a payment
is made when its invoice is charged, and there is an index of them. So what was learned is never read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.billing.core.hours import IssuerHours
from recoup.db import Connection, Queries
from recoup.db.due import slot_of

ISSUERS_MAX: Final = 2_000
"""How many issuers of a merchant are kept; those learned longest ago go first."""
NONE_YET: Final = UUID(int=0)

_hours: Final = msgspec.json.Decoder(IssuerHours)


@dataclass(frozen=True, slots=True)
class Charged:
    """An invoice that has a payment, and in whose time zone; none where its hour says nothing."""

    payment_id: UUID
    zone: str | None


async def hold(connection: Connection, *, merchant_id: UUID, now: datetime) -> UUID:
    """The last payment that was learned from, held until the transaction ends."""
    row = await connection.fetch_one(
        """
        insert into issuer_hours_learned as l (merchant_id, upto, learned_at)
        values (%(merchant_id)s, %(upto)s, %(now)s)
        on conflict (merchant_id) do update set upto = l.upto
        returning upto
        """,
        {"merchant_id": merchant_id, "upto": NONE_YET, "now": now},
    )
    assert row is not None, "an upsert answers"
    upto: UUID = row["upto"]
    return upto


async def charged_after(queries: Queries, upto: UUID, *, merchant_id: UUID, limit: int) -> Sequence[Charged]:
    """The invoices whose payments were made after that one, in their order.

    Where the moment was chosen by what was believed of the customer's money, the money says more than the hour does.
    """
    rows = await queries.fetch_all(
        """
        select i.payment_id, s.data ->> 'zone' as zone
        from (
            select merchant_id, payment_id, subscription_id, data from invoices
            where merchant_id = %(merchant_id)s and payment_id > %(upto)s
            order by payment_id limit %(limit)s
        ) i
        left join subscriptions s on s.merchant_id = %(merchant_id)s and s.id = i.subscription_id
            and i.data ->> 'expected' is null
        order by i.payment_id
        """,
        {"merchant_id": merchant_id, "upto": upto, "limit": limit},
    )
    return [Charged(row["payment_id"], row["zone"]) for row in rows]


async def hours_for_looks(
    connection: Connection, issuers: Sequence[str], *, merchant_id: UUID, kind: str, learn_at: datetime
) -> Mapping[str, IssuerHours]:
    """What is known of these issuers; and have more learned at that time, unless that is to be done already."""
    rows = await connection.fetch_all(
        """
        with asked as (
            insert into due (slot, merchant_id, kind, object_id, due_at)
            values (%(slot)s, %(merchant_id)s, %(kind)s, %(merchant_id)s, %(learn_at)s)
            on conflict (merchant_id, kind, object_id) do nothing
        )
        select issuer, data::text as data from issuer_hours
        where merchant_id = %(merchant_id)s and issuer = any(%(issuers)s::text[])
        """,
        {
            "slot": slot_of(merchant_id),
            "merchant_id": merchant_id,
            "kind": kind,
            "learn_at": learn_at,
            "issuers": list(set(issuers)),
        },
    )
    return {row["issuer"]: _hours.decode(row["data"]) for row in rows}


async def hours_of(
    queries: Queries, issuers: Sequence[str], *, merchant_id: UUID
) -> Mapping[str, IssuerHours]:
    """What is known of these issuers; of whom nothing is known is left out."""
    rows = await queries.fetch_all(
        """
        select issuer, data::text as data from issuer_hours
        where merchant_id = %(merchant_id)s and issuer = any(%(issuers)s::text[])
        """,
        {"merchant_id": merchant_id, "issuers": list(set(issuers))},
    )
    return {row["issuer"]: _hours.decode(row["data"]) for row in rows}


async def keep(
    connection: Connection,
    known: Mapping[str, IssuerHours],
    *,
    merchant_id: UUID,
    upto: UUID,
    now: datetime,
) -> None:
    """Write what is known now, and how far it was learned; too many issuers are let go of."""
    rows = [
        {"issuer": issuer, "data": one, "learned_at": one.learned_at} for issuer, one in sorted(known.items())
    ]
    await connection.execute(
        """
        with learned as (
            update issuer_hours_learned set upto = %(upto)s, learned_at = %(now)s
            where merchant_id = %(merchant_id)s
        )
        insert into issuer_hours as h (merchant_id, issuer, data, learned_at)
        select %(merchant_id)s, r.*
        from json_to_recordset(%(rows)s::json) as r (issuer text, data json, learned_at timestamptz)
        on conflict (merchant_id, issuer) do update set data = excluded.data, learned_at = excluded.learned_at
        """,
        {
            "merchant_id": merchant_id,
            "upto": upto,
            "now": now,
            "rows": msgspec.json.encode(rows).decode(),
        },
    )
    await connection.execute(
        """
        delete from issuer_hours
        where merchant_id = %(merchant_id)s and issuer = any(array(
            select issuer from issuer_hours
            where merchant_id = %(merchant_id)s
            order by learned_at desc, issuer offset %(most)s))
        """,
        {"merchant_id": merchant_id, "most": ISSUERS_MAX},
    )
