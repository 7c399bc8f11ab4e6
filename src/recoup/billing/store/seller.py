"""SQL of what invoices show of their merchant. Nothing of it is changed: what is said anew is a version of its own, so
that an old invoice goes on showing who its merchant was."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.billing.core.seller import NO_SETTINGS, InvoiceSettings
from recoup.db import Connection, Queries

_decoder: Final = msgspec.json.Decoder(InvoiceSettings)


async def settings(queries: Queries, *, merchant_id: UUID) -> InvoiceSettings:
    """What the merchant said last."""
    row = await queries.fetch_one(
        """
        select data::text as data from invoice_settings
        where merchant_id = %(merchant_id)s
        order by version desc limit 1
        """,
        {"merchant_id": merchant_id},
    )
    return NO_SETTINGS if row is None else _decoder.decode(row["data"])


async def settings_at(queries: Queries, *, merchant_id: UUID, at: datetime) -> InvoiceSettings:
    """What held at a time; before anything was said, what was said first."""
    row = await queries.fetch_one(
        """
        select data::text as data from invoice_settings
        where merchant_id = %(merchant_id)s
        order by created_at <= %(at)s desc, case when created_at <= %(at)s then -version else version end limit 1
        """,
        {"merchant_id": merchant_id, "at": at},
    )
    return NO_SETTINGS if row is None else _decoder.decode(row["data"])


async def add_settings(
    connection: Connection, said: InvoiceSettings, *, merchant_id: UUID, now: datetime
) -> bool:
    """What holds from now on; False where somebody else says something at this moment."""
    cursor = await connection.execute(
        """
        insert into invoice_settings (merchant_id, version, data, created_at)
        select %(merchant_id)s, coalesce(max(version), 0) + 1, %(data)s, %(now)s
        from invoice_settings where merchant_id = %(merchant_id)s
        on conflict (merchant_id, version) do nothing
        """,
        {"merchant_id": merchant_id, "data": msgspec.json.encode(said).decode(), "now": now},
    )
    return cursor.rowcount == 1
