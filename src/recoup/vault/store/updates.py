"""SQL of how payment methods changed, and of the change itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.vault.core import PaymentMethod
from recoup.vault.core.renewals import Teller, Told, Update, UpdateKind

FINGERPRINTS_MAX: Final = 100
_COLUMNS: Final[LiteralString] = """
    id, payment_method_id, kind, told_by, told_at, processor_account_id, event_id, batch_id, fingerprint, before, after,
    created_at
"""


async def write_card(connection: Connection, changed: PaymentMethod, *, merchant_id: UUID) -> None:
    """All that a renewal can change of a payment method that is held."""
    await connection.execute(
        """
        update payment_methods set
            fingerprint = r.fingerprint, brand = r.brand, bin = r.bin, last4 = r.last4, exp_month = r.exp_month,
            exp_year = r.exp_year, funding = r.funding, issuer_country = r.issuer_country, data_key_id = r.data_key_id,
            ciphertext = r.ciphertext, updated_at = r.updated_at, renewed_at = r.renewed_at,
            closed_at = r.closed_at, superseded_at = r.superseded_at
        from json_populate_record(null::payment_methods, %(row)s) r
        where payment_methods.merchant_id = %(merchant_id)s and payment_methods.id = r.id
        """,
        {"merchant_id": merchant_id, "row": msgspec.json.encode(changed.row(merchant_id)).decode()},
    )


async def insert(connection: Connection, new: Update, *, merchant_id: UUID) -> None:
    """One more change."""
    told = new.told
    await connection.execute(
        f"""
        insert into card_updates (merchant_id, {_COLUMNS})
        values (
            %(merchant_id)s, %(id)s, %(payment_method_id)s, %(kind)s, %(told_by)s, %(told_at)s,
            %(processor_account_id)s, %(event_id)s, %(batch_id)s, %(fingerprint)s, %(before)s, %(after)s,
            %(created_at)s)
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "id": new.id,
            "payment_method_id": new.method_id,
            "kind": new.kind,
            "told_by": told.by,
            "told_at": told.at,
            "processor_account_id": told.account_id,
            "event_id": told.event_id,
            "batch_id": told.batch_id,
            "fingerprint": new.fingerprint,
            "before": msgspec.json.encode(new.before).decode(),
            "after": msgspec.json.encode(new.after).decode(),
            "created_at": new.created_at,
        },
    )


async def last_told_at(queries: Queries, *, merchant_id: UUID, method_id: UUID) -> datetime | None:
    """When what is known of a card was told."""
    row = await queries.fetch_one(
        """
        select max(told_at) as at from card_updates
        where merchant_id = %(merchant_id)s and payment_method_id = %(method_id)s
        """,
        {"merchant_id": merchant_id, "method_id": method_id},
    )
    return None if row is None else row["at"]


async def page(
    queries: Queries,
    *,
    merchant_id: UUID,
    method_id: UUID,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Update]:
    """The changes of a payment method: newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from card_updates
        where merchant_id = %(merchant_id)s and payment_method_id = %(method_id)s
            and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "method_id": method_id, "limit": limit} | bounds(after, before),
    )
    return [_update(row) for row in rows]


async def fingerprints(queries: Queries, *, merchant_id: UUID, method_id: UUID) -> list[bytes]:
    """What a payment method's card was recognised by before its changes, newest first."""
    rows = await queries.fetch_all(
        """
        select fingerprint from card_updates
        where merchant_id = %(merchant_id)s and payment_method_id = %(method_id)s
        order by id desc limit %(limit)s
        """,
        {"merchant_id": merchant_id, "method_id": method_id, "limit": FINGERPRINTS_MAX},
    )
    return list(dict.fromkeys(bytes(row["fingerprint"]) for row in rows))


async def expiring(
    queries: Queries,
    *,
    merchant_id: UUID,
    brands: Sequence[str],
    until: datetime,
    since: datetime,
    limit: int,
) -> Sequence[tuple[UUID, str]]:
    """Customers' cards in the vault that expire by then and were not replaced, each with its brand; those that expired
    before `since` are given up."""
    rows = await queries.fetch_all(
        """
        select id, brand from payment_methods
        where merchant_id = %(merchant_id)s and type = 'card' and customer_id is not null and detached_at is null
            and closed_at is null and brand = any(%(brands)s)
            and exp_year * 12 + exp_month <= %(until)s and exp_year * 12 + exp_month >= %(since)s
        order by exp_year * 12 + exp_month, id limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "brands": list(brands),
            "until": until.year * 12 + until.month,
            "since": since.year * 12 + since.month,
            "limit": limit,
        },
    )
    return [(row["id"], row["brand"]) for row in rows]


def _update(row: dict[str, Any]) -> Update:
    told = Told(
        by=Teller(row["told_by"]),
        at=row["told_at"],
        account_id=row["processor_account_id"],
        event_id=row["event_id"],
        batch_id=row["batch_id"],
    )
    return Update(
        id=row["id"],
        method_id=row["payment_method_id"],
        kind=UpdateKind(row["kind"]),
        told=told,
        fingerprint=bytes(row["fingerprint"]),
        before=row["before"],
        after=row["after"],
        created_at=row["created_at"],
    )
