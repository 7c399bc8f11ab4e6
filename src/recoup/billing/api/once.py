"""Requests of billing that charge: done once under their key, outside of any transaction of the edge's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.billing.objects import InvoiceObject
from recoup.db import Database
from recoup.http import idempotency
from recoup.http.routes import Call, Reply
from recoup.kit.refusals import Refusal

PAYMENT: Final = "invoice_payment"
"""What a key of such a request names: the invoice, of which it is answered when it comes again."""


async def once(
    database: Database,
    call: Call[Any, Any],
    invoice_id: UUID,
    work: Callable[[], Awaitable[InvoiceObject]],
) -> Reply:
    """Take the key, do the work, record the answer. A refusal charges nothing, and gives the key back."""
    if call.claim is None:
        return _reply(await work())
    merchant_id, key = call.merchant.id, call.claim.key
    async with database.transaction() as connection:
        await idempotency.claim(
            connection, merchant_id=merchant_id, claim=call.claim, resource=PAYMENT, resource_id=invoice_id
        )
    try:
        reply = _reply(await work())
    except Refusal:
        await idempotency.release(database, merchant_id=merchant_id, key=key)
        raise
    await idempotency.record(database, merchant_id=merchant_id, key=key, status=reply.status, body=reply.body)
    return reply


def _reply(shown: InvoiceObject) -> Reply:
    return Reply(200, msgspec.json.encode(shown))
