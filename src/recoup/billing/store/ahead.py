"""SQL of the look ahead: subscriptions with what their previews are made from, and when they are looked at.

When a subscription is looked at is written by whoever holds its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.billing.core.records import Subscription
from recoup.billing.store import AT_ONCE_MAX
from recoup.db import Connection
from recoup.db.due import slot_of

_subscription: Final = msgspec.json.Decoder(Subscription)
_balances: Final = msgspec.json.Decoder(dict[str, int])


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription, and its customer's credit balance in its currency."""

    subscription: Subscription
    balance: int


async def lock_for_looks(connection: Connection, *, merchant_id: UUID, ids: Sequence[UUID]) -> list[Held]:
    """Those of these subscriptions that there are, held until the transaction ends; not so the balances, which are
    shown and not spent."""
    assert len(ids) <= AT_ONCE_MAX, "what is locked together has an end"
    rows = await connection.fetch_all(
        """
        select s.data::text as data, (
            select json_object_agg(b.currency, b.balance)::text from credit_balances b
            where b.merchant_id = %(merchant_id)s and b.customer_id = s.customer_id
        ) as balances
        from subscriptions s
        where s.merchant_id = %(merchant_id)s and s.id = any(%(ids)s::uuid[])
        order by s.id
        for update of s
        """,
        {"merchant_id": merchant_id, "ids": list(ids)},
    )
    return [_held(row["data"], row["balances"]) for row in rows]


async def lock_of_customer(
    connection: Connection, *, merchant_id: UUID, customer_id: UUID, after: UUID
) -> list[Subscription]:
    """The next subscriptions of a customer, held until the transaction ends."""
    rows = await connection.fetch_all(
        """
        select data::text as data from subscriptions
        where merchant_id = %(merchant_id)s and customer_id = %(customer_id)s and id > %(after)s
        order by id limit %(limit)s
        for update
        """,
        {"merchant_id": merchant_id, "customer_id": customer_id, "after": after, "limit": AT_ONCE_MAX},
    )
    return [_subscription.decode(row["data"]) for row in rows]


async def lock_next(connection: Connection, *, merchant_id: UUID, after: UUID) -> list[Subscription]:
    """The merchant's next subscriptions, held until the transaction ends."""
    rows = await connection.fetch_all(
        """
        select data::text as data from subscriptions
        where merchant_id = %(merchant_id)s and id > %(after)s
        order by id limit %(limit)s
        for update
        """,
        {"merchant_id": merchant_id, "after": after, "limit": AT_ONCE_MAX},
    )
    return [_subscription.decode(row["data"]) for row in rows]


async def look_at(
    connection: Connection, looks: Mapping[UUID, datetime], *, merchant_id: UUID, kind: str
) -> None:
    """Have these subscriptions looked at then, at the latest; a look that is to come before stays."""
    rows = [{"slot": slot_of(id_), "object_id": id_, "due_at": looks[id_]} for id_ in sorted(looks)]
    await connection.execute(
        """
        insert into due as d (merchant_id, slot, kind, object_id, due_at)
        select %(merchant_id)s, r.slot, %(kind)s, r.object_id, r.due_at
        from json_to_recordset(%(rows)s::json) as r (slot smallint, object_id uuid, due_at timestamptz)
        on conflict (merchant_id, kind, object_id)
        do update set due_at = least(d.due_at, excluded.due_at), leased_until = null, tries = 0
        """,
        {"merchant_id": merchant_id, "kind": kind, "rows": msgspec.json.encode(rows).decode()},
    )


def _held(data: str, balances: str | None) -> Held:
    subscription = _subscription.decode(data)
    known = {} if balances is None else _balances.decode(balances)
    return Held(subscription, known.get(subscription.currency, 0))
