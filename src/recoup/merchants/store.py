"""SQL of tenants, API keys and processor accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.merchants.core import (
    AmountLimits,
    ApiKey,
    Caller,
    Fees,
    KeyKind,
    Merchant,
    MerchantPair,
    ParsedKey,
    ProcessorAccount,
    Sealed,
)

KEYS_LISTED_MAX: Final = 1000


async def insert_pair(connection: Connection, pair: MerchantPair, *, now: datetime) -> None:
    """Both sides of a merchant, each with the row that numbers its events."""
    for side, twin in ((pair.test, pair.live), (pair.live, pair.test)):
        await connection.execute(
            """
            insert into merchants (id, twin_id, livemode, name, created_at)
            values (%(id)s, %(twin_id)s, %(livemode)s, %(name)s, %(now)s)
            """,
            {"id": side.id, "twin_id": twin.id, "livemode": side.livemode, "name": pair.name, "now": now},
        )
        await connection.execute(
            "insert into event_streams (merchant_id) values (%(merchant_id)s)", {"merchant_id": side.id}
        )


async def merchant(queries: Queries, *, merchant_id: UUID) -> Merchant | None:
    """One tenant."""
    row = await queries.fetch_one(
        "select id, livemode, clock_offset_ms from merchants where id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    return None if row is None else _merchant(row)


async def pairs(queries: Queries, *, after: UUID | None, limit: int) -> Sequence[MerchantPair]:
    """Merchants in the order in which they were made, from behind the test side `after`."""
    rows = await queries.fetch_all(
        """
        select t.id, t.livemode, t.clock_offset_ms, t.twin_id, t.name from merchants t
        where not t.livemode and (%(after)s::uuid is null or t.id > %(after)s)
        order by t.id limit %(limit)s
        """,
        {"after": after, "limit": limit},
    )
    return [
        MerchantPair(row["name"], _merchant(row), Merchant(row["twin_id"], livemode=True)) for row in rows
    ]


async def insert_key(connection: Connection, key: ApiKey, *, merchant_id: UUID, digest: bytes) -> None:
    """A new API key, as its digest."""
    await connection.execute(
        """
        insert into api_keys (merchant_id, id, kind, digest, hint, created_at)
        values (%(merchant_id)s, %(id)s, %(kind)s, %(digest)s, %(hint)s, %(created_at)s)
        """,
        {
            "merchant_id": merchant_id,
            "id": key.id,
            "kind": key.kind,
            "digest": digest,
            "hint": key.hint,
            "created_at": key.created_at,
        },
    )


async def caller(queries: Queries, key: ParsedKey) -> tuple[Caller, bytes] | None:
    """Who a key belongs to while it is not revoked, with the digest that is kept of it."""
    row = await queries.fetch_one(
        """
        select m.id, m.livemode, m.clock_offset_ms, k.id as key_id, k.kind, k.digest
        from api_keys k join merchants m on m.id = k.merchant_id
        where k.merchant_id = %(merchant_id)s and k.digest = %(digest)s and k.revoked_at is null
        """,
        {"merchant_id": key.merchant_id, "digest": key.digest},
    )
    if row is None:
        return None
    return Caller(_merchant(row), row["key_id"], KeyKind(row["kind"])), bytes(row["digest"])


async def keys(queries: Queries, *, merchant_id: UUID) -> Sequence[ApiKey]:
    """A tenant's keys, oldest first."""
    rows = await queries.fetch_all(
        """
        select id, kind, hint, created_at, revoked_at from api_keys
        where merchant_id = %(merchant_id)s order by id limit %(limit)s
        """,
        {"merchant_id": merchant_id, "limit": KEYS_LISTED_MAX},
    )
    return [_key(row) for row in rows]


async def revoke_key(
    connection: Connection, *, merchant_id: UUID, key_id: UUID, now: datetime
) -> ApiKey | None:
    """A key, revoked now unless it was before; None where there is none."""
    row = await connection.fetch_one(
        """
        update api_keys set revoked_at = coalesce(revoked_at, %(now)s)
        where merchant_id = %(merchant_id)s and id = %(key_id)s
        returning id, kind, hint, created_at, revoked_at
        """,
        {"merchant_id": merchant_id, "key_id": key_id, "now": now},
    )
    return None if row is None else _key(row)


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """A processor account as its row has it: the credentials are sealed, and `account` holds none."""

    account: ProcessorAccount
    sealed: Sealed | None


_ACCOUNT: Final[LiteralString] = """
    id, connector, label, base_url, data_key_id, credentials, countries, currencies, brands, fees, timeout_ms,
    position, enabled, metadata, created_at, updated_at, repointed_at, country, acquirer, fundings, amount_limits,
    merchant_categories, drained, three_d_secure
"""


async def accounts(queries: Queries, *, merchant_id: UUID, limit: int) -> Sequence[StoredAccount]:
    """A tenant's accounts in the order in which they are tried."""
    rows = await queries.fetch_all(
        f"""
        select {_ACCOUNT} from processor_accounts
        where merchant_id = %(merchant_id)s order by position, id limit %(limit)s
        """,  # noqa: S608 - column names of ours
        {"merchant_id": merchant_id, "limit": limit},
    )
    return [_stored(row) for row in rows]


async def lock_account(
    connection: Connection, *, merchant_id: UUID, account_id: UUID
) -> StoredAccount | None:
    """One account, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {_ACCOUNT} from processor_accounts
        where merchant_id = %(merchant_id)s and id = %(account_id)s for update
        """,  # noqa: S608 - column names of ours
        {"merchant_id": merchant_id, "account_id": account_id},
    )
    return None if row is None else _stored(row)


async def lock_merchant(connection: Connection, *, merchant_id: UUID) -> None:
    """Hold a tenant's row, so that what is counted cannot change before the transaction ends."""
    await connection.execute(
        "select 1 from merchants where id = %(merchant_id)s for no key update", {"merchant_id": merchant_id}
    )


async def count_accounts(queries: Queries, *, merchant_id: UUID) -> tuple[int, int]:
    """How many accounts a tenant has, and the position behind the last."""
    row = await queries.fetch_one(
        """
        select count(*) as number, coalesce(max(position) + 1, 0) as next from processor_accounts
        where merchant_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id},
    )
    assert row is not None, "an aggregate always answers"
    return row["number"], row["next"]


async def insert_account(connection: Connection, stored: StoredAccount, *, merchant_id: UUID) -> None:
    """A new account."""
    await connection.execute(
        """
        insert into processor_accounts (
            merchant_id, id, connector, label, base_url, data_key_id, credentials, countries, currencies, brands, fees,
            timeout_ms, position, enabled, metadata, created_at, updated_at, country, acquirer, fundings, amount_limits,
            merchant_categories, drained, three_d_secure)
        values (
            %(merchant_id)s, %(id)s, %(connector)s, %(label)s, %(base_url)s, %(data_key_id)s, %(credentials)s,
            %(countries)s, %(currencies)s, %(brands)s, %(fees)s, %(timeout_ms)s, %(position)s, %(enabled)s,
            %(metadata)s, %(created_at)s, %(updated_at)s, %(country)s, %(acquirer)s, %(fundings)s, %(amount_limits)s,
            %(merchant_categories)s, %(drained)s, %(three_d_secure)s)
        """,
        _columns(stored, merchant_id=merchant_id),
    )


async def owner_of(queries: Queries, *, account_id: UUID) -> UUID | None:
    """Which tenant an account is of."""
    row = await queries.fetch_one(
        """
        -- all merchants: a processor that sends us something names an account and nobody else.
        select merchant_id from processor_accounts where id = %(id)s
        """,
        {"id": account_id},
    )
    return None if row is None else row["merchant_id"]


async def update_account(connection: Connection, stored: StoredAccount, *, merchant_id: UUID) -> None:
    """All that can change of an account."""
    await connection.execute(
        """
        update processor_accounts set
            label = %(label)s, base_url = %(base_url)s, data_key_id = %(data_key_id)s, credentials = %(credentials)s,
            countries = %(countries)s, currencies = %(currencies)s, brands = %(brands)s, fees = %(fees)s,
            timeout_ms = %(timeout_ms)s, position = %(position)s, enabled = %(enabled)s,
            metadata = %(metadata)s, updated_at = %(updated_at)s, repointed_at = %(repointed_at)s,
            country = %(country)s, acquirer = %(acquirer)s, fundings = %(fundings)s, amount_limits = %(amount_limits)s,
            merchant_categories = %(merchant_categories)s, drained = %(drained)s, three_d_secure = %(three_d_secure)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        _columns(stored, merchant_id=merchant_id),
    )


def _merchant(row: dict[str, Any]) -> Merchant:
    return Merchant(row["id"], row["livemode"], timedelta(milliseconds=row["clock_offset_ms"]))


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(row["id"], KeyKind(row["kind"]), row["hint"], row["created_at"], row["revoked_at"])


def _stored(row: dict[str, Any]) -> StoredAccount:
    account = ProcessorAccount(
        id=row["id"],
        connector=row["connector"],
        label=row["label"],
        base_url=row["base_url"],
        credentials={},
        countries=_set(row["countries"]),
        currencies=_set(row["currencies"]),
        brands=_set(row["brands"]),
        fees=None if row["fees"] is None else msgspec.convert(row["fees"], Fees),
        timeout_ms=row["timeout_ms"],
        position=row["position"],
        enabled=row["enabled"],
        metadata=row["metadata"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        repointed_at=row["repointed_at"],
        country=row["country"],
        acquirer=row["acquirer"],
        fundings=_set(row["fundings"]),
        amount_limits=_limits(row["amount_limits"]),
        merchant_categories=_set(row["merchant_categories"]),
        drained=row["drained"],
        three_d_secure=row["three_d_secure"],
    )
    sealed = None if row["data_key_id"] is None else Sealed(row["data_key_id"], bytes(row["credentials"]))
    return StoredAccount(account, sealed)


def _limits(row: dict[str, Any] | None) -> dict[str, AmountLimits] | None:
    return None if row is None else msgspec.convert(row, dict[str, AmountLimits])


def _set(values: list[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _sorted(values: frozenset[str] | None) -> list[str] | None:
    return None if values is None else sorted(values)


def _columns(stored: StoredAccount, *, merchant_id: UUID) -> dict[str, object]:
    account, sealed = stored.account, stored.sealed
    return {
        "merchant_id": merchant_id,
        "id": account.id,
        "connector": account.connector,
        "label": account.label,
        "base_url": account.base_url,
        "data_key_id": None if sealed is None else sealed.data_key_id,
        "credentials": None if sealed is None else sealed.ciphertext,
        "countries": _sorted(account.countries),
        "currencies": _sorted(account.currencies),
        "brands": _sorted(account.brands),
        "fees": _json(account.fees),
        "timeout_ms": account.timeout_ms,
        "position": account.position,
        "enabled": account.enabled,
        "metadata": _json(account.metadata),
        "created_at": account.created_at,
        "updated_at": account.updated_at,
        "repointed_at": account.repointed_at,
        "country": account.country,
        "acquirer": account.acquirer,
        "fundings": _sorted(account.fundings),
        "amount_limits": _json(account.amount_limits),
        "merchant_categories": _sorted(account.merchant_categories),
        "drained": account.drained,
        "three_d_secure": account.three_d_secure,
    }


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
