"""The one statement that writes what billing does: of one subscription or invoice, or of hundreds at once.

Whoever writes has locked the subscriptions and invoices that it changes (`locking`), so that nothing moves on between
reading and writing; the versions are looked at all the same, and `write` asserts that every row was written. A period
that was billed is refused by the unique rule of `invoices`, and everything with it.

A balance is changed by what is added or taken, never set: two who give credit at once both count. What is taken is
taken from a row that there is: a check would refuse the row of less than nothing that an insert begins with. What comes
last is the merchant's stream of events, whose row everybody waits for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.billing.core.records import CreditChange, Invoice, Subscription
from recoup.db import Connection
from recoup.db.due import slot_of
from recoup.events.core import NewEvent

_SUBSCRIPTIONS: Final[LiteralString] = """
    agreed as materialized (
        select r.* from rows from (
            json_to_recordset(%(subscriptions)s::json) as (
                id uuid, customer_id uuid, plan_id uuid, status text, version integer, next_at timestamptz,
                created_at timestamptz, updated_at timestamptz),
            unnest(%(subscriptions_data)b::text[])
        ) as r (id, customer_id, plan_id, status, version, next_at, created_at, updated_at, data)
    ), moved as (
        update subscriptions s
        set plan_id = a.plan_id, status = a.status, version = a.version, next_at = a.next_at, data = a.data::json,
            updated_at = a.updated_at
        from agreed a
        where s.merchant_id = %(merchant_id)s and s.id = a.id and s.version < a.version
        returning s.id
    ), begun as (
        insert into subscriptions (
            merchant_id, id, customer_id, plan_id, status, version, next_at, data, created_at, updated_at)
        select %(merchant_id)s, id, customer_id, plan_id, status, version, next_at, data::json, created_at, updated_at
        from agreed where id not in (select id from moved)
        on conflict (merchant_id, id) do nothing
        returning id
    )
"""
"""Mostly they are there: so they are looked up once, to be changed, and what was not found begins."""

_INVOICES: Final[LiteralString] = """
    billed as materialized (
        select r.* from rows from (
            json_to_recordset(%(invoices)s::json) as (
                id uuid, number bigint, customer_id uuid, subscription_id uuid, period integer, status text,
                version integer, payment_id uuid, created_at timestamptz, updated_at timestamptz),
            unnest(%(invoices_data)b::text[])
        ) as r (
            id, number, customer_id, subscription_id, period, status, version, payment_id, created_at, updated_at, data)
    ), opened as (
        insert into invoices (
            merchant_id, id, number, customer_id, subscription_id, period, status, version, payment_id, data,
            created_at, updated_at)
        select %(merchant_id)s, id, number, customer_id, subscription_id, period, status, version, payment_id,
            data::json, created_at, updated_at
        from billed where version = 1
        returning id
    ), settled as (
        insert into invoices as i (
            merchant_id, id, number, customer_id, subscription_id, period, status, version, payment_id, data,
            created_at, updated_at)
        select %(merchant_id)s, id, number, customer_id, subscription_id, period, status, version, payment_id,
            data::json, created_at, updated_at
        from billed where version > 1
        on conflict (merchant_id, id) do update
        set number = excluded.number, status = excluded.status, version = excluded.version,
            payment_id = excluded.payment_id, data = excluded.data, updated_at = excluded.updated_at
        where i.version < excluded.version
        returning id
    )
"""
"""The first version of an invoice is new, and is not looked up before it is written."""

_CREDIT: Final[LiteralString] = """
    given as materialized (
        select r.* from json_to_recordset(%(credits)s::json) as r (
            n integer, id uuid, customer_id uuid, currency text, amount bigint, reason text, invoice_id uuid,
            created_at timestamptz)
    ), sums as materialized (
        select customer_id, currency, sum(amount) as amount, max(created_at) as at
        from given group by customer_id, currency
    ), added as (
        insert into credit_balances as b (merchant_id, customer_id, currency, balance, updated_at)
        select %(merchant_id)s, customer_id, currency, amount, at
        from sums where amount >= 0 order by customer_id, currency
        on conflict (merchant_id, customer_id, currency) do update
        set balance = b.balance + excluded.balance, updated_at = excluded.updated_at
        returning customer_id, currency, balance
    ), taken as (
        update credit_balances b
        set balance = b.balance + s.amount, updated_at = s.at
        from sums s
        where b.merchant_id = %(merchant_id)s and b.customer_id = s.customer_id and b.currency = s.currency
            and s.amount < 0
        returning b.customer_id, b.currency, b.balance
    ), balanced as (
        select * from added union all select * from taken
    ), changed as (
        insert into credit_changes (
            merchant_id, id, customer_id, currency, amount, balance, reason, invoice_id, created_at)
        select %(merchant_id)s, g.id, g.customer_id, g.currency, g.amount,
            b.balance - coalesce(sum(g.amount) over later, 0), g.reason, g.invoice_id, g.created_at
        from balanced b
        join given g on g.customer_id = b.customer_id and g.currency = b.currency
        window later as (
            partition by g.customer_id, g.currency order by g.n
            rows between 1 following and unbounded following)
    )
"""

_DUES: Final[LiteralString] = """
    dropped as (
        delete from due d
        where d.ctid = any(array(
            select x.place
            from json_to_recordset(%(drops)s::json) as r (kind text, object_id uuid)
            cross join lateral (
                select k.ctid as place from due k
                where k.merchant_id = %(merchant_id)s and k.kind = r.kind and k.object_id = r.object_id
                limit 1
            ) x))
    ), put as (
        insert into due (merchant_id, slot, kind, object_id, due_at)
        select %(merchant_id)s, r.*
        from json_to_recordset(%(dues)s::json) as r (
            slot smallint, kind text, object_id uuid, due_at timestamptz)
        on conflict (merchant_id, kind, object_id)
        do update set due_at = excluded.due_at, leased_until = null, tries = 0
    )
"""

_NEWS: Final[LiteralString] = """
    news as materialized (
        select r.* from rows from (
            json_to_recordset(%(events)s::json) as (
                step integer, id uuid, type text, object_id uuid, object_sequence integer, created_at timestamptz),
            unnest(%(events_data)b::text[])
        ) as r (step, id, type, object_id, object_sequence, created_at, data)
    ), stream as (
        update event_streams
        set sequence = sequence + (select count(*) from news)
        where merchant_id = %(merchant_id)s
        returning sequence
    ), told as (
        insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
        select %(merchant_id)s, stream.sequence - (select count(*) from news) + n.step,
            n.id, n.type, n.object_id, n.object_sequence, n.data::json, n.created_at
        from news n cross join stream
    )
"""

_PARTS: Final = (_SUBSCRIPTIONS, _INVOICES, _CREDIT, _DUES, _NEWS)
_COUNTED: Final[Mapping[LiteralString, LiteralString]] = {
    _SUBSCRIPTIONS: "(select count(*) from moved) + (select count(*) from begun)",
    _INVOICES: "(select count(*) from opened) + (select count(*) from settled)",
}


@dataclass(frozen=True, slots=True)
class DueRow:
    """When to look at what; without a time, never again."""

    kind: str
    object_id: UUID
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Writes:
    """What is written together, all of it one merchant's."""

    subscriptions: Sequence[Subscription] = ()
    invoices: Sequence[Invoice] = ()
    credits: Sequence[CreditChange] = ()
    dues: Sequence[DueRow] = ()
    events: Sequence[NewEvent] = field(default=(), repr=False)


async def write(connection: Connection, merchant_id: UUID, what: Writes) -> None:
    """Write it all in the caller's transaction, which holds whatever is changed."""
    row = await connection.fetch_one(statement_for(what), _parameters(merchant_id, what))
    assert row is not None, "an aggregate always answers"
    wanted = len(what.subscriptions) + len(what.invoices)
    assert row["written"] == wanted, "what is locked does not move on"


def statement_for(what: Writes) -> LiteralString:
    """The statement of those of its parts that have something to write: each costs though it finds nothing, and what
    tells nothing waits for nobody's events."""
    return _statement(
        bool(what.subscriptions), bool(what.invoices), bool(what.credits), bool(what.dues), bool(what.events)
    )


@cache
def _statement(*wanted: bool) -> LiteralString:
    parts: list[LiteralString] = [part for part, is_wanted in zip(_PARTS, wanted, strict=True) if is_wanted]
    counts: list[LiteralString] = [count for part, count in _COUNTED.items() if part in parts]
    begun: LiteralString = "with" if parts else ""
    return f"{begun} {', '.join(parts)} select {' + '.join(counts) or '0'} as written"


def _parameters(merchant_id: UUID, what: Writes) -> dict[str, Any]:
    """Records and events go beside their columns as they are: JSON within JSON is read once more at every level."""
    return {
        "merchant_id": merchant_id,
        "subscriptions": _encoded([_subscription(one) for one in what.subscriptions]),
        "subscriptions_data": _records(what.subscriptions),
        "invoices": _encoded([_invoice(one) for one in what.invoices]),
        "invoices_data": _records(what.invoices),
        "credits": _encoded([_credit(place, one) for place, one in enumerate(what.credits)]),
        "dues": _encoded([_due(one) for one in what.dues if one.at is not None]),
        "drops": _encoded(
            [{"kind": one.kind, "object_id": one.object_id} for one in what.dues if one.at is None]
        ),
        "events": _encoded([_event(place, one) for place, one in enumerate(what.events, 1)]),
        "events_data": [one.data.decode() for one in what.events],
    }


def _records(records: Sequence[Subscription | Invoice]) -> list[str]:
    return [msgspec.json.encode(one).decode() for one in records]


def _encoded(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


def _subscription(one: Subscription) -> dict[str, Any]:
    return {
        "id": one.id,
        "customer_id": one.customer_id,
        "plan_id": one.terms[-1].plan_id,
        "status": one.status,
        "version": one.version,
        "next_at": one.next_at,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }


def _invoice(one: Invoice) -> dict[str, Any]:
    return {
        "id": one.id,
        "number": one.number,
        "customer_id": one.customer_id,
        "subscription_id": one.subscription_id,
        "period": None if one.period is None else one.period.number,
        "status": one.status,
        "version": one.version,
        "payment_id": one.payment_id,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }


def _credit(place: int, one: CreditChange) -> dict[str, Any]:
    return {
        "n": place,
        "id": one.id,
        "customer_id": one.customer_id,
        "currency": one.currency,
        "amount": one.amount,
        "reason": one.reason,
        "invoice_id": one.invoice_id,
        "created_at": one.created_at,
    }


def _due(one: DueRow) -> dict[str, Any]:
    return {
        "slot": slot_of(one.object_id),
        "kind": one.kind,
        "object_id": one.object_id,
        "due_at": one.at,
    }


def _event(step: int, one: NewEvent) -> dict[str, Any]:
    return {
        "step": step,
        "id": one.id,
        "type": one.type,
        "object_id": one.object_id,
        "object_sequence": one.object_sequence,
        "created_at": one.created_at,
    }
