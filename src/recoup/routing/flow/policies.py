"""Saves routing policies, puts them in force, and remembers them, so that a payment finds its policy in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.db.remembered import Remembered
from recoup.kit.refusals import Refusal, conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.merchants.flow import lock_merchant
from recoup.routing.core.facts import Facts
from recoup.routing.core.policy import Account, Policy, metadata_keys, rule
from recoup.routing.core.policy_names import Labelled, directory_of
from recoup.routing.core.policy_reading import Format, Reading, read, reread
from recoup.routing.flow.routing import Ruled
from recoup.routing.policy_objects import PolicyVersionObject, version_object
from recoup.routing.store import policies as store
from recoup.routing.store.policies import Activation, SavedPolicy
from recoup.vault.flow.news import Fact, tell

CHANGED: Final = "routing.policy_changed"
VERSIONS_MAX: Final = 10_000
_TENANTS_MAX: Final = 10_000
_POLICIES_MAX: Final = 1_000
_TTL_S: Final = 2.0
"""For how long a process may go by the version that another one has replaced."""
_POLICY_TTL_S: Final = 3600.0
"""Versions never change; this only lets go of those that are no longer used."""
_UNSETTLED_S: Final = 15.0
_NONE: Final = 0
"""In memory: no policy was ever saved."""


class Accounts(Protocol):
    """What policies ask of merchants."""

    async def accounts_of(self, merchant_id: UUID, *, queries: Queries | None = None) -> Sequence[Labelled]:
        """All accounts of a tenant, the disabled ones too."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A version of a policy, and since when it is in force; None where another one is."""

    saved: SavedPolicy
    activation: Activation | None


class RoutingPolicies:
    """The policies of all tenants, as this process knows them."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: Accounts,
        new_id: Callable[[], UUID],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._new_id = new_id
        self._versions: Remembered[UUID, int] = Remembered(
            entries_max=_TENANTS_MAX, ttl_s=_TTL_S, monotonic=monotonic
        )
        self._policies: Remembered[tuple[UUID, int], Policy] = Remembered(
            entries_max=_POLICIES_MAX, ttl_s=_POLICY_TTL_S, monotonic=monotonic
        )

    async def ruled(
        self,
        merchant_id: UUID,
        facts: Facts,
        accounts: Iterable[Account],
        *,
        version: int | None,
    ) -> Ruled | None:
        """What the policy in force (or the one of that version) says of a payment; None where there is none."""
        chosen = await self._version(merchant_id) if version is None else version
        if chosen == _NONE:
            return None
        policy = await self.policy(merchant_id, chosen)
        return Ruled(rule(policy, facts, accounts), chosen, metadata_keys(policy))

    async def policy(self, merchant_id: UUID, version: int) -> Policy:
        """A version, ready to be asked. Refuses with 404."""

        async def look() -> Policy:
            saved = _there(
                await store.read(self._database, merchant_id=merchant_id, version=version), version
            )
            return reread(saved.source, saved.format, saved.names)

        return await self._policies.get((merchant_id, version), look)

    async def exists(self, merchant_id: UUID, version: int) -> bool:
        """Whether there is such a version."""
        return await store.read(self._database, merchant_id=merchant_id, version=version) is not None

    async def _version(self, merchant_id: UUID) -> int:
        async def look() -> int:
            newest = await store.in_force(self._database, merchant_id=merchant_id)
            return _NONE if newest is None else newest.version

        return await self._versions.get(merchant_id, look)

    async def in_force(self, merchant_id: UUID) -> Held | None:
        """The policy in force, as it was written; None where none was ever saved."""
        activation = await store.in_force(self._database, merchant_id=merchant_id)
        if activation is None:
            return None
        saved = await store.read(self._database, merchant_id=merchant_id, version=activation.version)
        return Held(_there(saved, activation.version), activation)

    async def version(self, merchant_id: UUID, version: int) -> Held:
        """One version, as it was written. Refuses with 404."""
        saved = _there(await store.read(self._database, merchant_id=merchant_id, version=version), version)
        return Held(saved, await self._activation_of(self._database, merchant_id, version))

    async def page(
        self, merchant_id: UUID, *, after: int | None, before: int | None, limit: int
    ) -> Sequence[Held]:
        """Versions newest first, or with `before` oldest first; without what was written."""
        saved = await store.page(
            self._database, merchant_id=merchant_id, after=after, before=before, limit=limit
        )
        newest = await store.in_force(self._database, merchant_id=merchant_id)
        return [
            Held(one, newest if newest is not None and newest.version == one.version else None)
            for one in saved
        ]

    async def check(
        self, merchant_id: UUID, source: str, format_: Format, *, queries: Queries | None = None
    ) -> Reading:
        """What a text says as a policy of this merchant, or everything that is wrong with it."""
        accounts = await self._accounts.accounts_of(merchant_id, queries=queries)
        return read(source, format_, directory_of(accounts))

    async def save(
        self,
        connection: Connection,
        merchant: Merchant,
        source: str,
        format_: Format,
        *,
        note: str | None,
        created_by: str | None,
        now: datetime,
    ) -> Held:
        """Keep a text as the newest version, and put it in force. Refuses what is wrong, all of it at once."""
        kept = await self.keep(
            connection, merchant, source, format_, note=note, created_by=created_by, now=now
        )
        return await self._put_in_force(connection, merchant, kept.saved, by=created_by, now=now)

    async def keep(
        self,
        connection: Connection,
        merchant: Merchant,
        source: str,
        format_: Format,
        *,
        note: str | None,
        created_by: str | None,
        now: datetime,
    ) -> Held:
        """Keep a text as the newest version; what is in force stays so. Refuses as `save` does."""
        await lock_merchant(connection, merchant.id)
        reading = await self.check(merchant.id, source, format_, queries=connection)
        if reading.policy is None:
            raise refused(reading)
        newest = await store.newest_version(connection, merchant_id=merchant.id)
        if newest >= VERSIONS_MAX:
            raise conflict(
                "routing_policy_limit",
                f"There are {VERSIONS_MAX} versions already, which is the most: activate one of them.",
            )
        saved = SavedPolicy(newest + 1, format_, source, reading.names, note, created_by, now)
        await store.add(connection, saved, merchant_id=merchant.id)
        return Held(saved, None)

    async def activate(
        self, connection: Connection, merchant: Merchant, version: int, *, by: str | None, now: datetime
    ) -> Held:
        """Put a version in force that was saved before. Refuses with 404. What holds already stays as it is."""
        await lock_merchant(connection, merchant.id)
        saved = _there(await store.read(connection, merchant_id=merchant.id, version=version), version)
        already = await self._activation_of(connection, merchant.id, version)
        if already is not None:
            return Held(saved, already)
        return await self._put_in_force(connection, merchant, saved, by=by, now=now)

    async def _put_in_force(
        self, connection: Connection, merchant: Merchant, saved: SavedPolicy, *, by: str | None, now: datetime
    ) -> Held:
        before = await store.in_force(connection, merchant_id=merchant.id)
        sequence = 1 if before is None else before.sequence + 1
        activation = Activation(sequence, saved.version, activated_by=by, activated_at=now)
        await store.activate(connection, activation, merchant_id=merchant.id)
        # The policy of a tenant is one object, which has the tenant's own id.
        shown: PolicyVersionObject = version_object(
            saved, activation, merchant_id=merchant.id, livemode=merchant.livemode
        )
        fact = Fact(CHANGED, merchant.id, shown)
        await tell(connection, merchant.id, [fact], now=now, new_id=self._new_id)
        self._versions.forget(merchant.id, unsettled_s=_UNSETTLED_S)
        return Held(saved, activation)

    async def _activation_of(self, queries: Queries, merchant_id: UUID, version: int) -> Activation | None:
        newest = await store.in_force(queries, merchant_id=merchant_id)
        return newest if newest is not None and newest.version == version else None


def refused(reading: Reading) -> Refusal:
    """The refusal of a text that is no policy of this merchant."""
    number = len(reading.problems) + reading.more
    head = "The policy was not saved:" if number == 1 else f"The policy was not saved, for {number} reasons:"
    return invalid("invalid_policy", f"{head}\n{reading.told()}", param=reading.problems[0].path or None)


def _there(saved: SavedPolicy | None, version: int) -> SavedPolicy:
    if saved is None:
        raise not_found(
            "version of the routing policy",
            str(version),
            hint="`GET /v1/routing/policy/versions` lists those there are.",
        )
    return saved
