"""Puts the ledger together: what follows the events, what reads the books, and their routes."""

from __future__ import annotations

from collections.abc import Sequence

from recoup.db import Database
from recoup.http.routes import Route
from recoup.ledger.api import LedgerApi
from recoup.ledger.flow import Ledger
from recoup.ledger.flow.fees import ExpectedFees
from recoup.ledger.flow.following import EVERY_S, Follower
from recoup.merchants.flow import ProcessorAccounts
from recoup.payments.flow.learning import EndedAttempts
from recoup.worker import Chore


class Books:
    """Every part of the ledger, wired."""

    def __init__(self, database: Database, accounts: ProcessorAccounts) -> None:
        fees = ExpectedFees(accounts.accounts_of, EndedAttempts(database, accounts))
        self.follower = Follower(database, fees)
        self.ledger = Ledger(database, self.follower)

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (("ledger", EVERY_S, self.follower.rounds.go),)

    def routes(self) -> list[Route]:
        """All routes."""
        return LedgerApi(self.ledger).routes()
