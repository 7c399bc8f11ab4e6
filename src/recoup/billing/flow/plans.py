"""Plans: made, read, listed, renamed, retired. What they cost never changes: make another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from recoup.billing import store
from recoup.billing.core.records import Plan
from recoup.billing.objects import plan_object
from recoup.db import Connection, Database
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import Kind, render
from recoup.kit.metadata import merged
from recoup.kit.refusals import conflict, not_found
from recoup.merchants.core import Merchant


class Plans:
    """Everything that can be done with plans. What changes something runs in the caller's transaction."""

    def __init__(self, database: Database, *, new_id: Callable[[], UUID]) -> None:
        self._database = database
        self._new_id = new_id

    async def create(self, connection: Connection, merchant: Merchant, new: Plan) -> Plan:
        """A new plan."""
        await store.insert_plan(connection, new)
        await self._tell(connection, merchant, new, "plan.created")
        return new

    async def get(self, merchant: Merchant, plan_id: UUID) -> Plan:
        """One plan; refuses with 404."""
        found = await store.plan(self._database, merchant_id=merchant.id, plan_id=plan_id)
        return _there(found, plan_id)

    async def active(self, merchant: Merchant, plan_id: UUID, *, currency: str | None = None) -> Plan:
        """A plan that may be taken; refuses what is retired, or of another currency than what is billed already."""
        found = await store.plan(self._database, merchant_id=merchant.id, plan_id=plan_id)
        if found is None:
            raise not_found("plan", render(Kind.PLAN, plan_id), param="plan")
        if not found.active:
            raise conflict("plan_inactive", "This plan is not active any more: choose another.", param="plan")
        if currency is not None and found.currency != currency:
            message = f"This subscription is in {currency}, and its currency cannot change: make a new one."
            raise conflict("currency_mismatch", message, param="plan")
        return found

    async def page(
        self,
        merchant: Merchant,
        *,
        active: bool | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Plan]:
        """Plans newest first; with `before` oldest first."""
        return await store.plans(
            self._database, merchant_id=merchant.id, active=active, after=after, before=before, limit=limit
        )

    async def update(
        self,
        connection: Connection,
        merchant: Merchant,
        plan_id: UUID,
        fields: dict[str, Any],
        *,
        now: datetime,
    ) -> Plan:
        """Its name, its metadata (merged), or whether it is active."""
        held = _there(await store.lock_plan(connection, merchant_id=merchant.id, plan_id=plan_id), plan_id)
        if "metadata" in fields:
            fields = fields | {"metadata": merged(held.metadata, fields["metadata"])}
        after = replace(
            held, version=held.version + 1, events_count=held.events_count + 1, updated_at=now, **fields
        )
        await store.save_plan(connection, after)
        await self._tell(connection, merchant, after, "plan.updated")
        return after

    async def _tell(self, connection: Connection, merchant: Merchant, plan: Plan, fact: str) -> None:
        shown = msgspec.json.encode(plan_object(plan, livemode=merchant.livemode))
        event = NewEvent(self._new_id(), fact, plan.id, plan.events_count, shown, plan.updated_at)
        await append(connection, merchant.id, [event])


def _there(found: Plan | None, plan_id: UUID) -> Plan:
    if found is None:
        raise not_found("plan", render(Kind.PLAN, plan_id))
    return found
