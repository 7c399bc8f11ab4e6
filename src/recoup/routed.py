"""Puts routing together: policies, experiments, learning, health, what looks back, and the router that asks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry

from recoup.db import Database
from recoup.elsewhere.flow.learning import AlsoElsewhere
from recoup.http.routes import Route
from recoup.kit.clock import Clock
from recoup.merchants.flow import ProcessorAccounts
from recoup.payments.flow.learning import EndedAttempts
from recoup.payments.store import outcomes
from recoup.routing.api.experiments import ExperimentsApi
from recoup.routing.api.explain import ExplainApi
from recoup.routing.api.health import RoutingHealthApi
from recoup.routing.api.policies import RoutingPoliciesApi
from recoup.routing.core.hindsight import Came
from recoup.routing.flow.backtest import Backtests
from recoup.routing.flow.experiments import COUNT, REFRESH_S, Experiments
from recoup.routing.flow.figures import attempts_learned, decision_seconds, show_learned
from recoup.routing.flow.health import EVERY_S as HEALTH_EVERY_S
from recoup.routing.flow.health import ProcessorHealth
from recoup.routing.flow.learning import EVERY_S as LEARNING_EVERY_S
from recoup.routing.flow.learning import Learned, Learner
from recoup.routing.flow.policies import RoutingPolicies
from recoup.routing.flow.routing import Router, Sources
from recoup.routing.store import months
from recoup.worker import Chore, Handler

TIDY_S: Final = 3600.0

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
        decisions_kept: timedelta,
    ) -> None:
        self._database, self._accounts, self._clock, self._new_id = database, accounts, clock, new_id
        self._decisions_kept = decisions_kept
        self.policies = RoutingPolicies(database, accounts=accounts, new_id=new_id)
        self.experiments = Experiments(database, policies=self.policies, new_id=new_id)
        self.backtests = Backtests(database, outcomes=self._came, versions=self.policies)
        self.health = ProcessorHealth(
            database, accounts=accounts, clock=clock, new_id=new_id, registry=registry
        )
        attempts = AlsoElsewhere(database, EndedAttempts(database, accounts), accounts)
        self.learner = Learner(database, attempts, clock=clock)
        self.learned = Learned(database, clock=clock)
        self._attempts_learned = attempts_learned(registry)
        show_learned(registry, self.learned)
        self.router = Router(
            Sources(
                policies=self.policies,
                estimates=self.learned,
                breakers=self.health,
                trials=self.experiments,
            ),
            took=decision_seconds(registry),
        )

    async def open(self) -> None:
        """Learn what other processes know."""
        await self.tidy()
        await self.experiments.refresh()
        await self.health.refresh()

    async def close(self) -> None:
        """Finish what is queued."""
        await self.learned.close()
        await self.health.close()

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {COUNT: self.experiments.count}

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (
            ("experiments", REFRESH_S, self.experiments.refresh),
            ("health", HEALTH_EVERY_S, self.health.refresh),
            ("learning", LEARNING_EVERY_S, self.learn),
            ("learned", LEARNING_EVERY_S, self.learned.refresh),
            ("decisions", TIDY_S, self.tidy),
        )

    async def learn(self) -> None:
        """Learn what merchants' events tell that is new."""
        self._attempts_learned(await self.learner.rounds.go())

    async def tidy(self) -> None:
        """Make the parts of `decisions` that will be needed, and drop those that are old."""
        await months.tidy(self._database, now=self._clock.now(), kept=self._decisions_kept)

    def routes(self) -> list[Route]:
        """All routes but those of decisions."""
        explain = ExplainApi(
            self.router, accounts=self._accounts, connectors=self._accounts.connectors, new_id=self._new_id
        )
        return [
            *explain.routes(),
            *RoutingPoliciesApi(self.policies).routes(),
            *ExperimentsApi(self.experiments).routes(),
            *RoutingHealthApi(self.health, self._accounts.accounts_of).routes(),
        ]

    async def _came(self, merchant_id: UUID, asked: Sequence[tuple[UUID, UUID]]) -> Mapping[UUID, Came]:
        """What came of decisions."""
        return await outcomes.of_decisions(self._database, asked, merchant_id=merchant_id)
