"""Puts routing together: policies, experiments, health, what looks back at decisions, and the router that asks them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry

from recoup.db import Database
from recoup.http.routes import Route
from recoup.kit.clock import Clock
from recoup.merchants.flow import ProcessorAccounts
from recoup.payments.store import outcomes
from recoup.routing.api.experiments import ExperimentsApi
from recoup.routing.api.health import RoutingHealthApi
from recoup.routing.api.policies import RoutingPoliciesApi
from recoup.routing.core.hindsight import Came
from recoup.routing.flow.backtest import Backtests
from recoup.routing.flow.experiments import COUNT, REFRESH_S, Experiments
from recoup.routing.flow.health import EVERY_S as HEALTH_EVERY_S
from recoup.routing.flow.health import ProcessorHealth
from recoup.routing.flow.policies import RoutingPolicies
from recoup.routing.flow.routing import Router, Sources
from recoup.worker import Handler

Chore = tuple[str, float, Callable[[], Awaitable[object]]]
"""What is done again and again: its name, how many seconds apart, and what."""

FACTS: Final = {
    "processor.degraded": "A processor account, or one country's cards at it, does badly: others are asked first.",
    "processor.recovered": "A processor account that was degraded does well again.",
    "routing.experiment_started": "Two versions of the routing policy are tried side by side.",
    "routing.experiment_stopped": "A routing experiment was stopped, by you or by its guardrail.",
    "routing.policy_changed": "Another version of the routing policy is in force.",
}
"""The events of routing."""


class Routing:
    """Every part of routing, wired."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: ProcessorAccounts,
        clock: Clock,
        new_id: Callable[[], UUID],
        registry: CollectorRegistry,
    ) -> None:
        self._database, self._accounts = database, accounts
        self.policies = RoutingPolicies(database, accounts=accounts, new_id=new_id)
        self.experiments = Experiments(database, policies=self.policies, new_id=new_id)
        self.backtests = Backtests(database, outcomes=self._came, versions=self.policies)
        self.health = ProcessorHealth(
            database, accounts=accounts, clock=clock, new_id=new_id, registry=registry
        )
        self.router = Router(Sources(policies=self.policies, breakers=self.health, trials=self.experiments))

    async def open(self) -> None:
        """Learn what other processes know."""
        await self.experiments.refresh()
        await self.health.refresh()

    async def close(self) -> None:
        """Finish what is queued."""
        await self.health.close()

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {COUNT: self.experiments.count}

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (
            ("experiments", REFRESH_S, self.experiments.refresh),
            ("health", HEALTH_EVERY_S, self.health.refresh),
        )

    def routes(self) -> list[Route]:
        """All routes but those of decisions."""
        return [
            *RoutingPoliciesApi(self.policies).routes(),
            *ExperimentsApi(self.experiments).routes(),
            *RoutingHealthApi(self.health, self._accounts.accounts_of).routes(),
        ]

    async def _came(self, merchant_id: UUID, asked: Sequence[tuple[UUID, UUID]]) -> Mapping[UUID, Came]:
        """What came of decisions."""
        return await outcomes.of_decisions(self._database, asked, merchant_id=merchant_id)
