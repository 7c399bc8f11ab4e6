"""Dunning policies: made, read, listed, changed; one of them may be the merchant's default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from recoup.billing.core.dunning import DunningPolicy, Rules
from recoup.billing.dunning_objects import dunning_policy_object
from recoup.billing.flow.around import RecoveryPolicies
from recoup.billing.store import dunning as store
from recoup.db import Connection, Database
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import Kind, render
from recoup.kit.metadata import merged
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.merchants.flow import lock_merchant

POLICIES_MAX: Final = 100
CREATED: Final = "dunning_policy.created"
UPDATED: Final = "dunning_policy.updated"


class DunningPolicies:
    """Everything that can be done with policies. What changes something runs in the caller's transaction, and holds the
    merchant's row: of two who name a default at once one comes after the other."""

    def __init__(
        self, database: Database, *, recovering: RecoveryPolicies, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._recovering = recovering
        self._new_id = new_id

    async def create(self, connection: Connection, merchant: Merchant, new: DunningPolicy) -> DunningPolicy:
        """A new policy."""
        await self._check(merchant, new.rules)
        await lock_merchant(connection, merchant.id)
        if await store.count(connection, merchant_id=merchant.id) >= POLICIES_MAX:
            raise conflict("dunning_policy_limit", f"You have {POLICIES_MAX} policies already: change one.")
        if new.is_default:
            await self._step_down(connection, merchant, now=new.created_at)
        await store.insert(connection, new)
        await self._tell(connection, merchant, new, CREATED)
        return new

    async def get(self, merchant: Merchant, policy_id: UUID, *, param: str | None = None) -> DunningPolicy:
        """One policy; refuses with 404."""
        found = await store.read(self._database, merchant_id=merchant.id, policy_id=policy_id)
        return _there(found, policy_id, param=param)

    async def default(self, merchant: Merchant) -> DunningPolicy | None:
        """The one that holds where a subscription names none; None: what is built in."""
        return await store.default(self._database, merchant_id=merchant.id)

    async def page(
        self, merchant: Merchant, *, after: UUID | None, before: UUID | None, limit: int
    ) -> Sequence[DunningPolicy]:
        """Policies newest first; with `before` oldest first."""
        return await store.page(
            self._database, merchant_id=merchant.id, after=after, before=before, limit=limit
        )

    async def update(
        self,
        connection: Connection,
        merchant: Merchant,
        policy_id: UUID,
        *,
        rules: dict[str, Any],
        fields: dict[str, Any],
        now: datetime,
    ) -> DunningPolicy:
        """Other rules, for what falls behind from now on; another name, metadata (merged), or whether it is the
        default: without one, what is built in holds."""
        await lock_merchant(connection, merchant.id)
        found = await store.read(connection, merchant_id=merchant.id, policy_id=policy_id)
        held = _there(found, policy_id)
        if "metadata" in fields:
            fields = fields | {"metadata": merged(held.metadata, fields["metadata"])}
        after = replace(
            held,
            version=held.version + 1,
            events_count=held.events_count + 1,
            updated_at=now,
            rules=replace(held.rules, **rules),
            **fields,
        )
        await self._check(merchant, after.rules)
        if after.is_default and not held.is_default:
            await self._step_down(connection, merchant, now=now)
        await store.save(connection, after)
        await self._tell(connection, merchant, after, UPDATED)
        return after

    async def _step_down(self, connection: Connection, merchant: Merchant, *, now: datetime) -> None:
        """The default there was is none any more."""
        before = await store.default(connection, merchant_id=merchant.id)
        if before is None:
            return
        after = replace(
            before,
            version=before.version + 1,
            events_count=before.events_count + 1,
            updated_at=now,
            is_default=False,
        )
        await store.save(connection, after)
        await self._tell(connection, merchant, after, UPDATED)

    async def _check(self, merchant: Merchant, rules: Rules) -> None:
        """Refuses what cannot be meant."""
        if rules.contradicts:
            message = (
                "A subscription that is marked unpaid keeps what it owes, so that paying it ends that: let its "
                "invoices be kept open, or choose another final action."
            )
            raise invalid("dunning_contradiction", message, param="open_invoices")
        name = rules.recovery_policy
        if name is not None and not await self._recovering.is_known(merchant, name):
            message = (
                f"There is no recovery policy {name!r}: `GET /v1/recovery/policies` lists those there are."
            )
            raise invalid("recovery_policy_unknown", message, param="recovery_policy")

    async def _tell(
        self, connection: Connection, merchant: Merchant, policy: DunningPolicy, fact: str
    ) -> None:
        shown = msgspec.json.encode(dunning_policy_object(policy, livemode=merchant.livemode))
        event = NewEvent(self._new_id(), fact, policy.id, policy.events_count, shown, policy.updated_at)
        await append(connection, merchant.id, [event])


def _there(found: DunningPolicy | None, policy_id: UUID, *, param: str | None = None) -> DunningPolicy:
    if found is None:
        raise not_found("dunning policy", render(Kind.DUNNING_POLICY, policy_id), param=param)
    return found
