"""SQL of processors' tokens, each of one payment method at one account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.vault.core import ProcessorToken

OF_METHOD: Final[LiteralString] = """
    (select json_agg(t order by t.created_at, t.processor_account_id) from processor_tokens t
    where t.merchant_id = payment_methods.merchant_id and t.payment_method_id = payment_methods.id) as tokens
"""
"""A column of a select from `payment_methods`: all its tokens, read with it."""


def tokens_of(rows: Sequence[dict[str, Any]] | None) -> tuple[ProcessorToken, ...]:
    """What `OF_METHOD` reads."""
    return tuple(
        ProcessorToken(
            processor_account_id=UUID(row["processor_account_id"]),
            data_key_id=UUID(row["data_key_id"]),
            ciphertext=bytes.fromhex(row["ciphertext"].removeprefix("\\x")),
            remembered=row["remembered"],
            created_at=datetime.fromisoformat(row["created_at"]),
            digest=None if row["digest"] is None else bytes.fromhex(row["digest"].removeprefix("\\x")),
        )
        for row in rows or ()
    )


async def put(
    connection: Connection, tokens: Sequence[ProcessorToken], *, merchant_id: UUID, method_id: UUID
) -> None:
    """Keep tokens; each takes the place of the one at the same account."""
    rows = [one.row(merchant_id, method_id) for one in tokens]
    await put_rows(connection, rows, merchant_id=merchant_id)


async def put_rows(
    connection: Connection, rows: Sequence[Mapping[str, object]], *, merchant_id: UUID
) -> None:
    """The same, of rows that are made."""
    await connection.execute(
        """
        insert into processor_tokens (
            merchant_id, payment_method_id, processor_account_id, data_key_id, ciphertext, remembered, created_at,
            digest)
        select merchant_id, payment_method_id, processor_account_id, data_key_id, ciphertext, remembered, created_at,
            digest
        from json_populate_recordset(null::processor_tokens, %(rows)s) where merchant_id = %(merchant_id)s
        on conflict (merchant_id, payment_method_id, processor_account_id) do update
        set data_key_id = excluded.data_key_id, ciphertext = excluded.ciphertext, remembered = excluded.remembered,
            created_at = excluded.created_at, digest = excluded.digest
        """,
        {"rows": msgspec.json.encode(rows).decode(), "merchant_id": merchant_id},
    )


async def remove(connection: Connection, *, merchant_id: UUID, method_id: UUID, account_id: UUID) -> None:
    """Forget the token of one account."""
    await connection.execute(
        """
        delete from processor_tokens
        where merchant_id = %(merchant_id)s and payment_method_id = %(method_id)s
            and processor_account_id = %(account_id)s
        """,
        {"merchant_id": merchant_id, "method_id": method_id, "account_id": account_id},
    )


async def remove_remembered(connection: Connection, *, merchant_id: UUID, method_id: UUID) -> None:
    """Forget what processors remembered of a card, since it is not what they remember any more."""
    await connection.execute(
        """
        delete from processor_tokens
        where merchant_id = %(merchant_id)s and payment_method_id = %(method_id)s and remembered
        """,
        {"merchant_id": merchant_id, "method_id": method_id},
    )


async def under_other_keys(
    connection: Connection, *, merchant_id: UUID, data_key_id: UUID, limit: int
) -> Sequence[tuple[UUID, ProcessorToken]]:
    """Tokens that are not sealed under this key, each with its payment method, held until the transaction ends."""
    rows = await connection.fetch_all(
        """
        select payment_method_id, processor_account_id, data_key_id, ciphertext, remembered, created_at, digest
        from processor_tokens
        where merchant_id = %(merchant_id)s and data_key_id <> %(data_key_id)s
        order by payment_method_id, processor_account_id limit %(limit)s for no key update skip locked
        """,
        {"merchant_id": merchant_id, "data_key_id": data_key_id, "limit": limit},
    )
    return [_of_method(row) for row in rows]


async def unrecognised(
    connection: Connection, *, merchant_id: UUID, limit: int
) -> Sequence[tuple[UUID, ProcessorToken]]:
    """Tokens without a digest, each with its payment method, held until the transaction ends."""
    rows = await connection.fetch_all(
        """
        select payment_method_id, processor_account_id, data_key_id, ciphertext, remembered, created_at, digest
        from processor_tokens
        where merchant_id = %(merchant_id)s and digest is null
        limit %(limit)s for no key update skip locked
        """,
        {"merchant_id": merchant_id, "limit": limit},
    )
    return [_of_method(row) for row in rows]


async def merchants_with_unrecognised(queries: Queries, *, limit: int) -> list[UUID]:
    """Whose tokens have no digest."""
    rows = await queries.fetch_all(
        """
        -- all merchants: a chore finishes what an older version kept
        select distinct merchant_id from processor_tokens where digest is null limit %(limit)s
        """,
        {"limit": limit},
    )
    return [row["merchant_id"] for row in rows]


async def methods_with(
    queries: Queries, *, merchant_id: UUID, account_id: UUID, digest: bytes, limit: int
) -> list[UUID]:
    """The payment methods that have this token at this account."""
    rows = await queries.fetch_all(
        """
        select payment_method_id from processor_tokens
        where digest = %(digest)s and merchant_id = %(merchant_id)s and processor_account_id = %(account_id)s
        order by payment_method_id limit %(limit)s
        """,
        {"merchant_id": merchant_id, "account_id": account_id, "digest": digest, "limit": limit},
    )
    return [row["payment_method_id"] for row in rows]


def _of_method(row: DictRow) -> tuple[UUID, ProcessorToken]:
    method_id = row.pop("payment_method_id")
    digest = None if row["digest"] is None else bytes(row["digest"])
    return method_id, ProcessorToken(**{**row, "ciphertext": bytes(row["ciphertext"]), "digest": digest})
