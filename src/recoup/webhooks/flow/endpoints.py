"""What can be done with webhook endpoints, in which order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, Queries
from recoup.events.core import NewEvent
from recoup.events.store import append, next_object_sequence
from recoup.kit.clock import Clock
from recoup.kit.ids import Entropy, Kind, render
from recoup.kit.metadata import merged
from recoup.kit.refusals import conflict, not_found
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant, Sealed
from recoup.merchants.flow import Sealer, lock_merchant
from recoup.webhooks.core.addresses import Network, check_url
from recoup.webhooks.core.endpoints import (
    ENDPOINTS_MAX,
    PING,
    Endpoint,
    Reason,
    State,
    Target,
    check_filters,
    moved,
    not_now,
)
from recoup.webhooks.core.signing import SigningSecret, active, new_secret, rotated
from recoup.webhooks.objects import endpoint_object
from recoup.webhooks.store import endpoints as store
from recoup.webhooks.store import queueing
from recoup.webhooks.store.endpoints import Stored


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What a caller says of a new endpoint."""

    url: str
    events: Sequence[str]
    description: str
    metadata: Mapping[str, str]
    enabled: bool


class _KeptSecret(msgspec.Struct, frozen=True):
    secret: str
    until: datetime | None = None


_encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(list[_KeptSecret])


class WebhookEndpoints:
    """A merchant's endpoints. Their times are the machine's; `now` is the merchant's, and stands on events."""

    def __init__(
        self,
        database: Database,
        *,
        sealer: Sealer,
        clock: Clock,
        new_id: Callable[[], UUID],
        entropy: Entropy,
        types: Collection[str],
        allowed: Sequence[Network] = (),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy
        self._types = tuple(types)
        self._allowed = tuple(allowed)

    async def create(
        self, connection: Connection, merchant: Merchant, new: NewEndpoint, *, now: datetime
    ) -> tuple[Endpoint, SigningSecret]:
        """A new endpoint, which hears what happens from now on; its secret is given here and never again."""
        await lock_merchant(connection, merchant.id)
        if await store.count(connection, merchant_id=merchant.id) >= ENDPOINTS_MAX:
            raise conflict(
                "webhook_endpoint_limit",
                f"There are {ENDPOINTS_MAX} webhook endpoints already: delete one before you add another.",
            )
        wall = self._clock.now()
        endpoint = Endpoint(
            id=self._new_id(),
            url=check_url(new.url, livemode=merchant.livemode, allowed=self._allowed),
            description=new.description,
            filters=check_filters(new.events, types=self._types),
            metadata=merged({}, new.metadata),
            state=State.ENABLED if new.enabled else State.DISABLED,
            disabled_reason=None if new.enabled else Reason.REQUESTED,
            disabled_at=None if new.enabled else wall,
            failing_since=None,
            sequence=0,
            version=1,
            created_at=wall,
            updated_at=wall,
        )
        secret = new_secret(self._entropy)
        sealed = await self._sealed(connection, merchant, endpoint.id, [secret])
        await self.tell(connection, merchant, "webhook_endpoint.created", endpoint, now=now)
        await store.insert(connection, Stored(endpoint, sealed), merchant_id=merchant.id)
        return endpoint, secret

    async def get(self, merchant: Merchant, endpoint_id: UUID) -> tuple[Endpoint, Sequence[SigningSecret]]:
        """One endpoint, also a deleted one, with the secrets that sign; refuses with 404."""
        stored = await store.read(self._database, merchant_id=merchant.id, endpoint_id=endpoint_id)
        if stored is None:
            raise _no_endpoint(endpoint_id)
        secrets = await self._opened(self._database, merchant.id, stored)
        return stored.endpoint, active(secrets, now=self._clock.now())

    async def page(
        self, merchant: Merchant, *, after: UUID | None, before: UUID | None, limit: int
    ) -> Sequence[Endpoint]:
        """Endpoints that are not deleted, newest first; with `before` oldest first."""
        return await store.page(
            self._database, merchant_id=merchant.id, after=after, before=before, limit=limit
        )

    async def update(
        self,
        connection: Connection,
        merchant: Merchant,
        endpoint_id: UUID,
        *,
        changes: Mapping[str, Any],
        now: datetime,
    ) -> Endpoint:
        """Change fields: `url`, `events`, `description`, `metadata` (merged), `enabled`. Enabled again, it goes on
        where it was."""
        stored = await self._locked(connection, merchant, endpoint_id)
        held, wall = stored.endpoint, self._clock.now()
        if held.state is State.DELETED:
            raise not_now(held.state)
        changed = replace(
            held, **self._read(held, merchant, changes), version=held.version + 1, updated_at=wall
        )
        changed = self._switched(changed, changes.get("enabled"), wall=wall)
        await store.update(connection, Stored(changed, stored.sealed), merchant_id=merchant.id)
        if changed.state is State.ENABLED and held.state is State.DISABLED:
            await queueing.restart(connection, merchant_id=merchant.id, endpoint_id=held.id, now=wall)
        await self.tell(connection, merchant, _fact(held.state, changed.state), changed, now=now)
        return changed

    def _read(self, held: Endpoint, merchant: Merchant, changes: Mapping[str, Any]) -> dict[str, Any]:
        read: dict[str, Any] = {}
        if "url" in changes:
            read["url"] = check_url(changes["url"], livemode=merchant.livemode, allowed=self._allowed)
        if "events" in changes:
            read["filters"] = check_filters(changes["events"], types=self._types)
        if "description" in changes:
            read["description"] = changes["description"]
        if "metadata" in changes:
            read["metadata"] = merged(held.metadata, changes["metadata"])
        return read

    def _switched(self, endpoint: Endpoint, enabled: bool | None, *, wall: datetime) -> Endpoint:  # noqa: FBT001 - a field of the request
        match enabled, endpoint.state:
            case True, State.DISABLED:
                state = moved(endpoint.state, State.ENABLED)
                return replace(
                    endpoint, state=state, disabled_reason=None, disabled_at=None, failing_since=None
                )
            case False, State.ENABLED:
                return disabled(endpoint, Reason.REQUESTED, wall=wall)
            case _:
                return endpoint

    async def delete(self, merchant: Merchant, endpoint_id: UUID, *, now: datetime) -> Endpoint:
        """Disable an endpoint for good; what was pending is parked. Deleting it again changes nothing."""

        async def work(connection: Connection) -> Endpoint:
            stored = await self._locked(connection, merchant, endpoint_id)
            held, wall = stored.endpoint, self._clock.now()
            if held.state is State.DELETED:
                return held
            state = moved(held.state, State.DELETED)
            deleted = replace(held, state=state, version=held.version + 1, updated_at=wall)
            await store.update(connection, Stored(deleted, stored.sealed), merchant_id=merchant.id)
            await queueing.give_up(connection, merchant_id=merchant.id, endpoint_id=held.id, now=wall)
            await self.tell(connection, merchant, "webhook_endpoint.deleted", deleted, now=now)
            return deleted

        return await self._database.retrying(work)

    async def rotate(
        self,
        connection: Connection,
        merchant: Merchant,
        endpoint_id: UUID,
        *,
        overlap: timedelta,
        now: datetime,
    ) -> tuple[Endpoint, Sequence[SigningSecret]]:
        """A new secret, the first of those returned; what was signing signs beside it for `overlap`."""
        stored = await self._locked(connection, merchant, endpoint_id)
        held, wall = stored.endpoint, self._clock.now()
        if held.state is State.DELETED:
            raise not_now(held.state)
        before = await self._opened(connection, merchant.id, stored)
        secrets = rotated(before, new_secret(self._entropy), now=wall, overlap=overlap)
        changed = replace(held, version=held.version + 1, updated_at=wall)
        sealed = await self._sealed(connection, merchant, held.id, secrets)
        await store.update(connection, Stored(changed, sealed), merchant_id=merchant.id)
        await self.tell(connection, merchant, "webhook_endpoint.secret_rotated", changed, now=now)
        return changed, secrets

    async def ping(
        self, connection: Connection, merchant: Merchant, endpoint_id: UUID, *, now: datetime
    ) -> NewEvent:
        """An event that is delivered to this endpoint only, whatever its filters."""
        stored = await self._locked(connection, merchant, endpoint_id)
        if stored.endpoint.state is not State.ENABLED:
            raise not_now(stored.endpoint.state)
        return await self.tell(connection, merchant, PING, stored.endpoint, now=now)

    async def reseal(self, merchant: Merchant) -> int:
        """Encrypt a tenant's signing secrets under its newest data key, after a rotation; how many endpoints."""
        rows = await store.all_of(self._database, merchant_id=merchant.id)
        for row in rows:
            async with self._database.transaction() as connection:
                stored = await self._locked(connection, merchant, row.endpoint.id)
                secrets = await self._opened(connection, merchant.id, stored)
                sealed = await self._sealed(connection, merchant, row.endpoint.id, secrets)
                await store.update(connection, Stored(stored.endpoint, sealed), merchant_id=merchant.id)
        return len(rows)

    async def target(self, merchant_id: UUID, endpoint_id: UUID, *, livemode: bool) -> Target | None:
        """What a sender has to know; None where the endpoint is not enabled any more."""
        stored = await store.read(self._database, merchant_id=merchant_id, endpoint_id=endpoint_id)
        if stored is None or stored.endpoint.state is not State.ENABLED:
            return None
        secrets = tuple(await self._opened(self._database, merchant_id, stored))
        endpoint = stored.endpoint
        return Target(merchant_id, endpoint.id, endpoint.version, livemode, endpoint.url, secrets)

    async def tell(
        self, connection: Connection, merchant: Merchant, fact: str, endpoint: Endpoint, *, now: datetime
    ) -> NewEvent:
        """Write an event about an endpoint. Hold the endpoint's row."""
        event = NewEvent(
            id=self._new_id(),
            type=fact,
            object_id=endpoint.id,
            object_sequence=await next_object_sequence(connection, merchant.id, endpoint.id),
            data=_encode(endpoint_object(endpoint, livemode=merchant.livemode)),
            created_at=now,
        )
        await append(connection, merchant.id, [event])
        return event

    async def _locked(self, connection: Connection, merchant: Merchant, endpoint_id: UUID) -> Stored:
        stored = await store.lock(connection, merchant_id=merchant.id, endpoint_id=endpoint_id)
        if stored is None:
            raise _no_endpoint(endpoint_id)
        return stored

    async def _sealed(
        self,
        connection: Connection,
        merchant: Merchant,
        endpoint_id: UUID,
        secrets: Sequence[SigningSecret],
    ) -> Sealed:
        plain = _encode([_KeptSecret(one.secret.reveal(), one.until) for one in secrets])
        aad = _aad(merchant.id, endpoint_id)
        return await self._sealer.seal(merchant, plain, aad=aad, queries=connection)

    async def _opened(self, queries: Queries, merchant_id: UUID, stored: Stored) -> list[SigningSecret]:
        aad = _aad(merchant_id, stored.endpoint.id)
        plain = await self._sealer.unseal(merchant_id, stored.sealed, aad=aad, queries=queries)
        return [SigningSecret(Secret(one.secret), one.until) for one in _decoder.decode(plain)]


def disabled(endpoint: Endpoint, reason: Reason, *, wall: datetime) -> Endpoint:
    """The endpoint, disabled now."""
    return replace(
        endpoint,
        state=moved(endpoint.state, State.DISABLED),
        disabled_reason=reason,
        disabled_at=wall,
        version=endpoint.version + 1,
        updated_at=wall,
    )


def _fact(before: State, after: State) -> str:
    if before is after:
        return "webhook_endpoint.updated"
    return "webhook_endpoint.enabled" if after is State.ENABLED else "webhook_endpoint.disabled"


def _aad(merchant_id: UUID, endpoint_id: UUID) -> bytes:
    """Binds secrets to their row: moved to another row, they do not open."""
    return b"recoup webhook secrets 1" + merchant_id.bytes + endpoint_id.bytes


def _no_endpoint(endpoint_id: UUID) -> Exception:
    return not_found("webhook endpoint", render(Kind.WEBHOOK_ENDPOINT, endpoint_id))
