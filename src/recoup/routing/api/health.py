"""Accounts' health over HTTP: who is degraded, since when and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from recoup.http.fields import ListObject
from recoup.http.routes import Call, Merchant, Route
from recoup.merchants.core import ProcessorAccount
from recoup.routing.core.health import WHOLE
from recoup.routing.core.words import Health
from recoup.routing.flow.health import ProcessorHealth
from recoup.routing.objects import ProcessorHealthObject, health_object
from recoup.routing.store.health import StoredHealth

_PATH: Final = "/v1/routing/health"

AccountsOf = Callable[[UUID], Awaitable[Sequence[ProcessorAccount]]]
"""All accounts of a tenant, in the order in which they are tried."""


class ProcessorHealthList(ListObject[ProcessorHealthObject], frozen=True):
    """The health of all processor accounts."""


class RoutingHealthApi:
    """The route of accounts' health."""

    def __init__(self, health: ProcessorHealth, accounts_of: AccountsOf) -> None:
        self._health = health
        self._accounts_of = accounts_of

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.page,
                answer=ProcessorHealthList,
                summary="List the health of processor accounts",
                description=(
                    "Each account once as a whole, in the order of their positions, and once more for every issuer "
                    "country for which alone it is degraded. Not cut into pages."
                ),
                tag="routing",
            )
        ]

    async def page(self, call: Call[None, None]) -> ProcessorHealthList:
        """`GET /v1/routing/health`."""
        merchant: Merchant = call.merchant
        accounts = await self._accounts_of(merchant.id)
        written: dict[UUID, list[StoredHealth]] = {}
        for row in await self._health.states(merchant.id):
            written.setdefault(row.processor_account_id, []).append(row)
        data = [
            one
            for account in accounts
            for one in _objects(account, written.get(account.id, []), livemode=merchant.livemode)
        ]
        return ProcessorHealthList(data=data, has_more=False, url=_PATH)


def _objects(
    account: ProcessorAccount, rows: Sequence[StoredHealth], *, livemode: bool
) -> list[ProcessorHealthObject]:
    whole = next((row for row in rows if row.scope == WHOLE), None)
    parts = [row for row in rows if row.scope != WHOLE and row.health is Health.DEGRADED]
    found = [] if whole is None else [whole]
    shown = [
        health_object(
            account.id,
            label=account.label,
            scope=row.scope,
            health=row.health,
            since=row.since,
            why=row.why,
            evidence=row.evidence,
            livemode=livemode,
        )
        for row in (*found, *parts)
    ]
    if whole is not None:
        return shown
    never = health_object(
        account.id,
        label=account.label,
        scope=WHOLE,
        health=Health.GOOD,
        since=None,
        why=None,
        evidence={},
        livemode=livemode,
    )
    return [never, *shown]
