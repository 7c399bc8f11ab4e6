"""SQL of billing: what is read and locked, and (`writing`) the one statement that writes what changed.

Locks are taken in one order: subscriptions, then invoices, then credit balances, each by id; then the merchant's
counter of invoices, and last the merchant's events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from msgspec.structs import replace
from psycopg.rows import DictRow

from recoup.billing.core.machine import InvoiceStatus, Status
from recoup.billing.core.records import CreditChange, Invoice, Plan, Subscription
from recoup.billing.store.writing import DueRow as DueRow
from recoup.billing.store.writing import Writes as Writes
from recoup.billing.store.writing import write as write
from recoup.db import Connection, Queries
from recoup.db.paging import bounds

AT_ONCE_MAX: Final = 500
"""The most subscriptions or invoices that are locked together."""
CURRENCIES_MAX: Final = 500
"""More currencies than there are."""
CREDITS_SHOWN: Final = 100
"""The most changes of a credit balance that are read at once."""

_plan: Final = msgspec.json.Decoder(Plan)
_subscription: Final = msgspec.json.Decoder(Subscription)
_invoice: Final = msgspec.json.Decoder(Invoice)


async def insert_plan(connection: Connection, new: Plan) -> None:
    """A new plan."""
    await connection.execute(
        """
        insert into plans (merchant_id, id, active, version, data, created_at, updated_at)
        values (%(merchant_id)s, %(id)s, %(active)s, %(version)s, %(data)s, %(created_at)s, %(updated_at)s)
        """,
        _plan_row(new),
    )


async def save_plan(connection: Connection, changed: Plan) -> None:
    """All that can change of a plan, which is locked."""
    await connection.execute(
        """
        update plans set active = %(active)s, version = %(version)s, data = %(data)s, updated_at = %(updated_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        _plan_row(changed),
    )


async def plan(queries: Queries, *, merchant_id: UUID, plan_id: UUID) -> Plan | None:
    """One plan."""
    row = await queries.fetch_one(
        "select data::text as data from plans where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant_id, "id": plan_id},
    )
    return None if row is None else _plan.decode(row["data"])


async def lock_plan(connection: Connection, *, merchant_id: UUID, plan_id: UUID) -> Plan | None:
    """One plan, held until the transaction ends."""
    row = await connection.fetch_one(
        "select data::text as data from plans where merchant_id = %(merchant_id)s and id = %(id)s for update",
        {"merchant_id": merchant_id, "id": plan_id},
    )
    return None if row is None else _plan.decode(row["data"])


async def plans(
    queries: Queries,
    *,
    merchant_id: UUID,
    active: bool | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Plan]:
    """Plans newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select data::text as data from plans
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
            and (%(active)s::boolean is null or active = %(active)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "active": active, "limit": limit} | bounds(after, before),
    )
    return [_plan.decode(row["data"]) for row in rows]


async def subscription(queries: Queries, *, merchant_id: UUID, subscription_id: UUID) -> Subscription | None:
    """One subscription."""
    row = await queries.fetch_one(
        "select data::text as data from subscriptions where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant_id, "id": subscription_id},
    )
    return None if row is None else _subscription.decode(row["data"])


async def lock_subscriptions(
    connection: Connection, *, merchant_id: UUID, ids: Sequence[UUID]
) -> Mapping[UUID, Subscription]:
    """Those of these subscriptions that there are, held until the transaction ends."""
    assert len(ids) <= AT_ONCE_MAX, "what is locked together has an end"
    rows = await connection.fetch_all(
        """
        select s.data::text as data
        from unnest(%(ids)s::uuid[]) as wanted (id)
        cross join lateral (
            select data from subscriptions
            where merchant_id = %(merchant_id)s and id = wanted.id
            limit 1
            for update
        ) s
        """,
        {"merchant_id": merchant_id, "ids": sorted(ids)},
    )
    return {one.id: one for one in (_subscription.decode(row["data"]) for row in rows)}


async def subscriptions(
    queries: Queries,
    *,
    merchant_id: UUID,
    customer_id: UUID | None,
    plan_id: UUID | None,
    status: Status | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Subscription]:
    """Subscriptions newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    of_customer: LiteralString = "" if customer_id is None else "and customer_id = %(customer_id)s"
    rows = await queries.fetch_all(
        f"""
        select data::text as data from subscriptions
        where merchant_id = %(merchant_id)s {of_customer} and id < %(after)s and id > %(before)s
            and (%(plan_id)s::uuid is null or plan_id = %(plan_id)s)
            and (%(status)s::text is null or status = %(status)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "customer_id": customer_id,
            "plan_id": plan_id,
            "status": status,
            "limit": limit,
        }
        | bounds(after, before),
    )
    return [_subscription.decode(row["data"]) for row in rows]


_INVOICE: Final[LiteralString] = "number, data::text as data"


async def invoice(queries: Queries, *, merchant_id: UUID, invoice_id: UUID) -> Invoice | None:
    """One invoice."""
    row = await queries.fetch_one(
        f"select {_INVOICE} from invoices where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": invoice_id},
    )
    return None if row is None else invoice_of_row(row)


async def lock_invoice(connection: Connection, *, merchant_id: UUID, invoice_id: UUID) -> Invoice | None:
    """One invoice, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {_INVOICE} from invoices
        where merchant_id = %(merchant_id)s and id = %(id)s
        for update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": invoice_id},
    )
    return None if row is None else invoice_of_row(row)


async def invoice_of_payment(queries: Queries, *, merchant_id: UUID, payment_id: UUID) -> Invoice | None:
    """The invoice that is paid by a payment: there is one at most."""
    row = await queries.fetch_one(
        f"""
        select {_INVOICE} from invoices
        where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "payment_id": payment_id},
    )
    return None if row is None else invoice_of_row(row)


async def invoices(
    queries: Queries,
    *,
    merchant_id: UUID,
    customer_id: UUID | None,
    subscription_id: UUID | None,
    status: InvoiceStatus | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Invoice]:
    """Invoices newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    of_customer: LiteralString = "" if customer_id is None else "and customer_id = %(customer_id)s"
    of_subscription: LiteralString = (
        "" if subscription_id is None else "and subscription_id = %(subscription_id)s"
    )
    rows = await queries.fetch_all(
        f"""
        select {_INVOICE} from invoices
        where merchant_id = %(merchant_id)s {of_customer} {of_subscription}
            and id < %(after)s and id > %(before)s and (%(status)s::text is null or status = %(status)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "customer_id": customer_id,
            "subscription_id": subscription_id,
            "status": status,
            "limit": limit,
        }
        | bounds(after, before),
    )
    return [invoice_of_row(row) for row in rows]


async def take_numbers(connection: Connection, *, merchant_id: UUID, count: int) -> int:
    """The first of so many numbers for invoices, in a row. Whoever else wants one waits for the transaction's end, so
    that one that is rolled back leaves no gap."""
    row = await connection.fetch_one(
        """
        insert into invoice_numbers as n (merchant_id, last) values (%(merchant_id)s, %(count)s)
        on conflict (merchant_id) do update set last = n.last + excluded.last
        returning last
        """,
        {"merchant_id": merchant_id, "count": count},
    )
    assert row is not None, "an upsert answers"
    return int(row["last"]) - count + 1


async def lock_balances(
    connection: Connection, *, merchant_id: UUID, customer_ids: Sequence[UUID]
) -> dict[tuple[UUID, str], int]:
    """The credit balances of these customers, held until the transaction ends; who is left out has none."""
    assert len(customer_ids) <= AT_ONCE_MAX, "what is locked together has an end"
    rows = await connection.fetch_all(
        """
        select b.customer_id, b.currency, b.balance
        from unnest(%(ids)s::uuid[]) as wanted (id)
        cross join lateral (
            select customer_id, currency, balance from credit_balances
            where merchant_id = %(merchant_id)s and customer_id = wanted.id
            order by currency limit %(most)s
            for update
        ) b
        """,
        {"merchant_id": merchant_id, "ids": sorted(set(customer_ids)), "most": CURRENCIES_MAX},
    )
    return {(row["customer_id"], row["currency"]): row["balance"] for row in rows}


async def balances(queries: Queries, *, merchant_id: UUID, customer_id: UUID) -> dict[str, int]:
    """A customer's credit balances by currency."""
    rows = await queries.fetch_all(
        """
        select currency, balance from credit_balances
        where merchant_id = %(merchant_id)s and customer_id = %(customer_id)s
        order by currency
        """,
        {"merchant_id": merchant_id, "customer_id": customer_id},
    )
    return {row["currency"]: row["balance"] for row in rows}


async def credit_changes(
    queries: Queries, *, merchant_id: UUID, customer_id: UUID, limit: int = CREDITS_SHOWN
) -> Sequence[CreditChange]:
    """What was added to a customer's balances and taken from them, newest first."""
    rows = await queries.fetch_all(
        """
        select id, customer_id, currency, amount, balance, reason, invoice_id, created_at
        from credit_changes
        where merchant_id = %(merchant_id)s and customer_id = %(customer_id)s
        order by id desc limit %(limit)s
        """,
        {"merchant_id": merchant_id, "customer_id": customer_id, "limit": limit},
    )
    return [CreditChange(**row) for row in rows]


def _plan_row(plan: Plan) -> dict[str, Any]:
    return {
        "merchant_id": plan.merchant_id,
        "id": plan.id,
        "active": plan.active,
        "version": plan.version,
        "data": msgspec.json.encode(plan).decode(),
        "created_at": plan.created_at,
        "updated_at": plan.updated_at,
    }


def invoice_of_row(row: DictRow) -> Invoice:
    """An invoice as its row has it, with its number."""
    return replace(_invoice.decode(row["data"]), number=row["number"])
