"""SQL of the look ahead: subscriptions with what their previews are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from recoup.billing.core.records import Subscription
from recoup.billing.store import AT_ONCE_MAX
from recoup.db import Connection

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
        from unnest(%(ids)s::uuid[]) as wanted (id)
        join subscriptions s on s.merchant_id = %(merchant_id)s and s.id = wanted.id
        order by s.id
        for update of s
        """,
        {"merchant_id": merchant_id, "ids": sorted(ids)},
    )
    return [_held(row["data"], row["balances"]) for row in rows]


def _held(data: str, balances: str | None) -> Held:
    subscription = _subscription.decode(data)
    known = {} if balances is None else _balances.decode(balances)
    return Held(subscription, known.get(subscription.currency, 0))
