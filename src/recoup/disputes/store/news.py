"""SQL of what was told of disputes, and of the evidence that was gathered for them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.connectors.base import Alert
from recoup.connectors.base import DisputeState as News
from recoup.db import Connection, Queries
from recoup.disputes.core.folding import canonical
from recoup.disputes.core.records import Tidings
from recoup.disputes.store import money
from recoup.merchants.core import Sealed

NEWS_MAX: Final = 500
"""The most pieces of news that are kept of one dispute; there are a dozen, even of one that is fought to the end."""


async def add(
    connection: Connection, news: Tidings, *, merchant_id: UUID, dispute_id: UUID, now: datetime
) -> bool:
    """A piece of news; False where it is there already, or where there are too many."""
    row = await connection.fetch_one(
        """
        insert into dispute_news (merchant_id, dispute_id, digest, state, amount, currency, fee, fee_currency, reason,
            network, evidence_due, withdrawn, own, alert, program, occurred_at, heard_at)
        select %(merchant_id)s::uuid, %(dispute_id)s::uuid, %(digest)s::bytea, %(state)s::text, %(amount)s::bigint,
            %(currency)s::text, %(fee)s::bigint, %(fee_currency)s::text, %(reason)s::text, %(network)s::text,
            %(evidence_due)s::timestamptz, %(withdrawn)s::boolean, %(own)s::boolean, %(alert)s::text,
            %(program)s::text, %(occurred_at)s::timestamptz, %(now)s::timestamptz
        where (select count(*) from dispute_news
            where merchant_id = %(merchant_id)s and dispute_id = %(dispute_id)s) < %(most)s
        on conflict (merchant_id, dispute_id, digest) do nothing
        returning state
        """,
        {
            "merchant_id": merchant_id,
            "dispute_id": dispute_id,
            "digest": hashlib.sha256(canonical(news).encode()).digest(),
            "state": news.state.value,
            "amount": None if news.amount is None else news.amount.minor,
            "currency": None if news.amount is None else news.amount.currency,
            "fee": None if news.fee is None else news.fee.minor,
            "fee_currency": None if news.fee is None else news.fee.currency,
            "reason": news.reason,
            "network": news.network,
            "evidence_due": news.evidence_due,
            "withdrawn": news.withdrawn,
            "own": news.own,
            "alert": news.alert,
            "program": news.program,
            "occurred_at": news.occurred_at,
            "now": now,
            "most": NEWS_MAX,
        },
    )
    return row is not None


async def of(queries: Queries, *, merchant_id: UUID, dispute_id: UUID) -> list[Tidings]:
    """All that was told of a dispute."""
    rows = await queries.fetch_all(
        """
        select state, amount, currency, fee, fee_currency, reason, network, evidence_due, withdrawn, own, alert,
            program, occurred_at
        from dispute_news where merchant_id = %(merchant_id)s and dispute_id = %(dispute_id)s
        """,
        {"merchant_id": merchant_id, "dispute_id": dispute_id},
    )
    return [
        Tidings(
            News(row["state"]),
            occurred_at=row["occurred_at"],
            amount=money(row["amount"], row["currency"]),
            fee=money(row["fee"], row["fee_currency"]),
            reason=row["reason"],
            network=row["network"],
            evidence_due=row["evidence_due"],
            withdrawn=row["withdrawn"],
            own=row["own"],
            alert=None if row["alert"] is None else Alert(row["alert"]),
            program=row["program"],
        )
        for row in rows
    ]


async def keep_evidence(
    connection: Connection, sealed: Sealed, *, merchant_id: UUID, dispute_id: UUID, now: datetime
) -> None:
    """The evidence of a dispute, in place of what there was."""
    await connection.execute(
        """
        insert into dispute_evidence (merchant_id, dispute_id, data_key_id, sealed, updated_at)
        values (%(merchant_id)s, %(dispute_id)s, %(data_key_id)s, %(sealed)s, %(now)s)
        on conflict (merchant_id, dispute_id) do update
        set data_key_id = excluded.data_key_id, sealed = excluded.sealed, updated_at = excluded.updated_at
        """,
        {
            "merchant_id": merchant_id,
            "dispute_id": dispute_id,
            "data_key_id": sealed.data_key_id,
            "sealed": sealed.ciphertext,
            "now": now,
        },
    )


async def evidence(queries: Queries, *, merchant_id: UUID, dispute_id: UUID) -> Sealed | None:
    """The evidence of a dispute, sealed."""
    row = await queries.fetch_one(
        """
        select data_key_id, sealed from dispute_evidence
        where merchant_id = %(merchant_id)s and dispute_id = %(dispute_id)s
        """,
        {"merchant_id": merchant_id, "dispute_id": dispute_id},
    )
    return None if row is None else Sealed(row["data_key_id"], bytes(row["sealed"]))
