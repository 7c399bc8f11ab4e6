"""Puts together policies of recovery, the hold-out and experiments with them, and who counts messages for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

from recoup.db import Database
from recoup.http.routes import Route
from recoup.merchants.flow import ProcessorAccounts
from recoup.recovery.api.experiments import RecoveryExperimentsApi
from recoup.recovery.api.policies import RecoveryPoliciesApi
from recoup.recovery.flow.experiments import ENDED, STARTED, RecoveryExperiments
from recoup.recovery.flow.policies import SAVED, RecoveryPolicies
from recoup.recovery.flow.replaying import Replays

FACTS: Final = {
    SAVED: "A recovery policy was saved; recoveries of its name that open from now on go by it.",
    STARTED: "An experiment with recovery policies began, or people are held out in another share.",
    ENDED: "An experiment with recovery policies ended.",
}
"""The events of recovery's policies."""


class Parts(Protocol):
    """The parts of the service that this is put together from."""

    accounts: ProcessorAccounts

    @property
    def new_id(self) -> Callable[[], UUID]:
        """Makes a new id."""
        ...


class Compared:
    """Every part of it, wired."""

    def __init__(self, parts: Parts, database: Database) -> None:
        self.experiments = RecoveryExperiments(database, new_id=parts.new_id)
        self.policies = RecoveryPolicies(
            database, accounts=parts.accounts, running=self.experiments, new_id=parts.new_id
        )
        self.experiments.with_policies(self.policies)
        self.replays = Replays(database)

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            *RecoveryPoliciesApi(self.policies).routes(),
            *RecoveryExperimentsApi(self.experiments).routes(),
        ]
