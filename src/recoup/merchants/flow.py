"""What can be done with merchants, their API keys and their processor accounts, in which order."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from recoup.connectors.base import Connector
from recoup.db import Connection, Database, Queries
from recoup.db.remembered import Remembered
from recoup.kit.ids import Entropy, Kind, render
from recoup.kit.metadata import merged
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.kit.secret import Secret
from recoup.merchants import store
from recoup.merchants.core import (
    ACCOUNTS_MAX,
    AmountLimits,
    ApiKey,
    Caller,
    Fees,
    KeyKind,
    Merchant,
    MerchantPair,
    NewKey,
    ParsedKey,
    ProcessorAccount,
    Sealed,
    check_base_url,
    check_credentials,
    check_limits,
    check_mode_of,
    check_modes_of,
    make_key,
    parse_key,
)
from recoup.merchants.store import StoredAccount

CALLERS_REMEMBERED_MAX: Final = 10_000
CALLER_TTL_S: Final = 5.0
"""How long a revoked key may still open the door, in a process that did not revoke it."""
TENANTS_REMEMBERED_MAX: Final = 10_000
ACCOUNTS_TTL_S: Final = 2.0
_UNSETTLED_S: Final = 15.0
"""Longer than a statement may take, so longer than it takes from our write to its commit."""
_LIST_MAX: Final = 1000


class Sealer(Protocol):
    """Encrypts under a tenant's own data key; the vault is one. `aad` must be the same to open as it was to seal."""

    def check_mode(self, *, livemode: bool) -> None:
        """Refuses live mode while there is no master key fit for it."""
        ...

    async def seal(self, merchant: Merchant, plain: bytes, *, aad: bytes, queries: Queries) -> Sealed:
        """Encrypt."""
        ...

    async def unseal(self, merchant_id: UUID, sealed: Sealed, *, aad: bytes, queries: Queries) -> bytes:
        """Decrypt."""
        ...


class _OpensNothing(Exception):
    """A token that is no key of ours, or was revoked. It is raised so that it is not remembered."""


class Merchants:
    """Tenants and their API keys."""

    def __init__(
        self,
        database: Database,
        *,
        sealer: Sealer,
        new_id: Callable[[], UUID],
        entropy: Entropy,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._new_id = new_id
        self._entropy = entropy
        self._callers: Remembered[bytes, Caller] = Remembered(
            entries_max=CALLERS_REMEMBERED_MAX, ttl_s=CALLER_TTL_S, monotonic=monotonic
        )

    async def create(self, name: str, *, now: datetime) -> MerchantPair:
        """A new merchant, with a test side and a live side."""
        pair = MerchantPair(
            name, Merchant(self._new_id(), livemode=False), Merchant(self._new_id(), livemode=True)
        )
        async with self._database.transaction() as connection:
            await store.insert_pair(connection, pair, now=now)
        return pair

    async def pairs(self, *, after: UUID | None = None, limit: int = _LIST_MAX) -> Sequence[MerchantPair]:
        """Merchants in the order in which they were made; go on from the id of the last one's test side."""
        assert 0 < limit <= _LIST_MAX, "a list has a limit"
        return await store.pairs(self._database, after=after, limit=limit)

    async def merchant(self, merchant_id: UUID) -> Merchant | None:
        """One tenant as it is now, its clock included."""
        return await store.merchant(self._database, merchant_id=merchant_id)

    async def create_key(self, merchant: Merchant, kind: KeyKind, *, now: datetime) -> tuple[ApiKey, NewKey]:
        """A new API key; its text is given here and never again."""
        self._sealer.check_mode(livemode=merchant.livemode)
        made = make_key(kind, merchant.id, livemode=merchant.livemode, entropy=self._entropy)
        key = ApiKey(self._new_id(), kind, made.hint, now)
        async with self._database.transaction() as connection:
            await store.insert_key(connection, key, merchant_id=merchant.id, digest=made.digest)
        return key, made

    async def keys(self, merchant_id: UUID) -> Sequence[ApiKey]:
        """A tenant's API keys, oldest first, the revoked ones too."""
        return await store.keys(self._database, merchant_id=merchant_id)

    async def revoke_key(self, merchant_id: UUID, key_id: UUID, *, now: datetime) -> ApiKey:
        """End a key: at once in this process, within `CALLER_TTL_S` in the others."""
        async with self._database.transaction() as connection:
            key = await store.revoke_key(connection, merchant_id=merchant_id, key_id=key_id, now=now)
        self._callers.forget_where(lambda caller: caller.key_id == key_id)
        if key is None:
            raise not_found("API key", render(Kind.API_KEY, key_id))
        return key

    async def authenticate(self, token: str) -> Caller | None:
        """Who a token belongs to, or None where it is no key of ours or was revoked."""
        key = parse_key(token)
        if key is None:
            return None
        try:
            return await self._callers.get(key.digest, lambda: self._caller(key))
        except _OpensNothing:
            return None

    def forget(self, merchant_id: UUID) -> None:
        """Read a tenant's callers anew, because its clock was moved."""
        self._callers.forget_where(lambda caller: caller.merchant.id == merchant_id)

    async def _caller(self, key: ParsedKey) -> Caller:
        found = await store.caller(self._database, key)
        if found is None:
            raise _OpensNothing
        caller, digest = found
        same = hmac.compare_digest(digest, key.digest) and caller.key_kind is key.kind
        if not same or caller.merchant.livemode is not key.livemode:
            raise _OpensNothing
        return caller


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a caller says of a new processor account. `position` None puts it behind the others."""

    connector: str
    label: str
    credentials: Mapping[str, Secret] = field(repr=False)
    base_url: str | None = None
    countries: frozenset[str] | None = None
    currencies: frozenset[str] | None = None
    brands: frozenset[str] | None = None
    fees: Fees | None = None
    timeout_ms: int | None = None
    position: int | None = None
    enabled: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)
    country: str | None = None
    acquirer: str | None = None
    fundings: frozenset[str] | None = None
    amount_limits: Mapping[str, AmountLimits] | None = None
    merchant_categories: frozenset[str] | None = None
    drained: bool = False
    three_d_secure: bool | None = None


class ProcessorAccounts:
    """Merchants' accounts at processors, their credentials sealed in the database and clear in memory.

    `simulated` gives what opens our own simulated processors for a tenant: nobody else could know it, so an account
    there opens with whatever credentials it was added. One with an address of its own has to know them.
    """

    def __init__(
        self,
        database: Database,
        *,
        connectors: Mapping[str, Connector],
        sealer: Sealer,
        new_id: Callable[[], UUID],
        monotonic: Callable[[], float] = time.monotonic,
        simulated: Callable[[UUID], Mapping[str, Secret]] | None = None,
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._sealer = sealer
        self._new_id = new_id
        self._simulated = simulated
        self._remembered: Remembered[UUID, tuple[ProcessorAccount, ...]] = Remembered(
            entries_max=TENANTS_REMEMBERED_MAX, ttl_s=ACCOUNTS_TTL_S, monotonic=monotonic
        )

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """The connectors there are, by name."""
        return self._connectors

    async def accounts_of(
        self, merchant_id: UUID, *, queries: Queries | None = None
    ) -> tuple[ProcessorAccount, ...]:
        """All accounts of a tenant, the disabled ones too, in the order in which they are tried.

        At most `ACCOUNTS_TTL_S` old; what this process writes is seen at once. `queries` is the caller's connection
        where it holds one: waiting for a second while all others wait for theirs would hold up everybody.
        """
        if queries is None:
            return await self._remembered.get(merchant_id, lambda: self._read(merchant_id, self._database))
        known = self._remembered.peek(merchant_id)
        return known if known is not None else await self._read(merchant_id, queries)

    async def owner_of(self, account_id: UUID) -> UUID | None:
        """Which tenant an account is of, for those who are told no more than its id."""
        return await store.owner_of(self._database, account_id=account_id)

    async def account(self, merchant_id: UUID, account_id: UUID) -> ProcessorAccount:
        """One account of a tenant; refuses with 404."""
        for account in await self.accounts_of(merchant_id):
            if account.id == account_id:
                return account
        raise _no_account(account_id)

    async def create(
        self, connection: Connection, merchant: Merchant, new: NewAccount, *, now: datetime
    ) -> ProcessorAccount:
        """A new account, in the caller's transaction."""
        connector = self._connectors.get(new.connector)
        if connector is None:
            raise invalid(
                "connector_unknown",
                f"`connector` must be one of: {', '.join(sorted(self._connectors))}.",
                param="connector",
            )
        await store.lock_merchant(connection, merchant_id=merchant.id)
        number, position = await store.count_accounts(connection, merchant_id=merchant.id)
        if number >= ACCOUNTS_MAX:
            raise conflict(
                "processor_account_limit",
                f"There are {ACCOUNTS_MAX} processor accounts already: update one instead of adding another.",
            )
        place = position if new.position is None else new.position
        account = _account(new, self._new_id(), position=place, now=now)
        stored = await self._checked(connection, merchant, account)
        await store.insert_account(connection, stored, merchant_id=merchant.id)
        self._remembered.forget(merchant.id, unsettled_s=_UNSETTLED_S)
        return account

    async def update(
        self,
        connection: Connection,
        merchant: Merchant,
        account_id: UUID,
        *,
        changes: Mapping[str, Any],
        same_account: bool = False,
        now: datetime,
    ) -> ProcessorAccount:
        """Change some fields of a `ProcessorAccount`, in the caller's transaction.

        New credentials replace all the old ones; metadata is merged. `same_account`: by the merchant's word they still
        lead to the account that the old ones led to.
        """
        held = await store.lock_account(connection, merchant_id=merchant.id, account_id=account_id)
        if held is None:
            raise _no_account(account_id)
        before = await self._opened(connection, held, merchant_id=merchant.id)
        account = replace(before, **changes, updated_at=now)
        moved = (account.base_url, account.credentials) != (before.base_url, before.credentials)
        if moved and not same_account:
            account = replace(account, repointed_at=now)
        if "metadata" in changes:
            account = replace(account, metadata=merged(held.account.metadata, account.metadata))
        stored = await self._checked(connection, merchant, account)
        await store.update_account(connection, stored, merchant_id=merchant.id)
        self._remembered.forget(merchant.id, unsettled_s=_UNSETTLED_S)
        return account

    async def disable(self, merchant: Merchant, account_id: UUID, *, now: datetime) -> ProcessorAccount:
        """Take an account out of use. It stays, because payments name it and may still have to ask it."""

        async def work(connection: Connection) -> ProcessorAccount:
            return await self.update(connection, merchant, account_id, changes={"enabled": False}, now=now)

        account = await self._database.retrying(work)
        self._remembered.forget(merchant.id)
        return account

    async def reseal(self, merchant: Merchant) -> int:
        """Encrypt a tenant's credentials under its newest data key, after a rotation; how many accounts that were."""
        resealed = 0
        for account in await self._read(merchant.id, self._database):
            async with self._database.transaction() as connection:
                held = await store.lock_account(connection, merchant_id=merchant.id, account_id=account.id)
                assert held is not None, "an account is never deleted"
                if held.sealed is not None:
                    opened = await self._opened(connection, held, merchant_id=merchant.id)
                    sealed = await self._sealed(connection, merchant, opened)
                    changed = replace(held, sealed=sealed)
                    await store.update_account(connection, changed, merchant_id=merchant.id)
                    resealed += 1
        return resealed

    async def _read(self, merchant_id: UUID, queries: Queries) -> tuple[ProcessorAccount, ...]:
        rows = await store.accounts(queries, merchant_id=merchant_id, limit=ACCOUNTS_MAX)
        opened = [await self._opened(queries, row, merchant_id=merchant_id) for row in rows]
        return tuple([self._let_in(account, merchant_id=merchant_id) for account in opened])

    def _let_in(self, account: ProcessorAccount, *, merchant_id: UUID) -> ProcessorAccount:
        connector = self._connectors.get(account.connector)
        ours = connector is not None and connector.test_mode_only and account.base_url is None
        if not ours or self._simulated is None:
            return account
        return replace(account, credentials=self._simulated(merchant_id))

    async def _opened(self, queries: Queries, row: StoredAccount, *, merchant_id: UUID) -> ProcessorAccount:
        if row.sealed is None:
            return row.account
        aad = _aad(merchant_id, row.account.id)
        plain = await self._sealer.unseal(merchant_id, row.sealed, aad=aad, queries=queries)
        texts = msgspec.json.decode(plain, type=dict[str, str])
        return replace(row.account, credentials={name: Secret(text) for name, text in texts.items()})

    async def _checked(
        self, connection: Connection, merchant: Merchant, account: ProcessorAccount
    ) -> StoredAccount:
        connector = self._connectors.get(account.connector)
        if connector is not None:
            check_mode_of(connector.name, test_mode_only=connector.test_mode_only, livemode=merchant.livemode)
            check_credentials(account.credentials, connector.credentials)
            check_modes_of(account.credentials, connector.credentials, livemode=merchant.livemode)
            check_limits(account, can=connector.capabilities)
            own = connector.addresses.of(account.credentials, livemode=merchant.livemode)
            check_base_url(
                account.base_url, livemode=merchant.livemode, own=own, ours=connector.test_mode_only
            )
        return StoredAccount(account, await self._sealed(connection, merchant, account))

    async def _sealed(
        self, connection: Connection, merchant: Merchant, account: ProcessorAccount
    ) -> Sealed | None:
        if not account.credentials:
            return None
        plain = msgspec.json.encode({name: text.reveal() for name, text in account.credentials.items()})
        aad = _aad(merchant.id, account.id)
        return await self._sealer.seal(merchant, plain, aad=aad, queries=connection)


def _account(new: NewAccount, account_id: UUID, *, position: int, now: datetime) -> ProcessorAccount:
    said = {one.name: getattr(new, one.name) for one in fields(new)}
    return ProcessorAccount(
        **said | {"id": account_id, "position": position, "created_at": now, "updated_at": now}
    )


def _aad(merchant_id: UUID, account_id: UUID) -> bytes:
    """Binds credentials to their row: moved to another row, they do not open."""
    return b"recoup credentials 1" + merchant_id.bytes + account_id.bytes


def _no_account(account_id: UUID) -> Exception:
    return not_found("processor account", render(Kind.PROCESSOR_ACCOUNT, account_id))


async def lock_merchant(connection: Connection, merchant_id: UUID) -> None:
    """Hold a tenant's row until the transaction ends: whoever counts before adding holds it."""
    await store.lock_merchant(connection, merchant_id=merchant_id)
