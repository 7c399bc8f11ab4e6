"""Puts settlements together: reports in, what came of them, what is missing, and the cases that they open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from recoup.audit.flow import Audit
from recoup.audit.settlements import SettlementCases
from recoup.booked import Books
from recoup.connectors.base import Connector
from recoup.db import Database
from recoup.http.routes import Route
from recoup.kit.clock import Clock
from recoup.merchants.flow import Merchants, ProcessorAccounts
from recoup.settlements.api import SettlementsApi
from recoup.settlements.flow import Contesting, Exceptions, Importing, Missing, Reports
from recoup.settlements.flow.importing import CONTRADICTED, WORK
from recoup.settlements.flow.missing import EVERY_S
from recoup.worker import Chore, Handler

FACTS: Final = {
    "settlement.completed": "A processor's report was matched, line by line.",
}
"""The events of settlements."""


class Around(Protocol):
    """Where the time comes from, and what is known of processors."""

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        ...

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """The translators by their names."""
        ...


class Parts(Protocol):
    """The parts of the service that settlements are put together from."""

    database: Database
    accounts: ProcessorAccounts
    merchants: Merchants
    audit_cases: Audit
    books: Books

    @property
    def around(self) -> Around:
        """What differs between a server and a test."""
        ...

    def new_id(self) -> UUID:
        """A new id, made now."""
        ...


class Settled:
    """Every part of settlements, wired."""

    def __init__(self, parts: Parts) -> None:
        database, new_id = parts.database, parts.new_id
        connectors = parts.around.connectors

        def tells_dispute_fees(name: str) -> bool:
            return connectors[name].capabilities.dispute_fees

        contesting = Contesting(
            database, accounts=parts.accounts, tells_dispute_fees=tells_dispute_fees, new_id=new_id
        )
        self.importing = Importing(
            database,
            accounts=parts.accounts,
            catch_up=parts.books.ledger.catch_up,
            tells_dispute_fees=tells_dispute_fees,
            new_id=new_id,
        )
        self.reports = Reports(database)
        self.exceptions = Exceptions(database, contesting)
        self.missing = Missing(
            database,
            merchant=parts.merchants.merchant,
            contesting=contesting,
            clock=parts.around.clock,
            new_id=new_id,
        )
        self._cases = SettlementCases(
            database, audit=parts.audit_cases, exceptions=self.exceptions, new_id=new_id
        )

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {WORK: self.importing.work_kept, CONTRADICTED: self._cases.on_contradicted}

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (("missing in settlements", EVERY_S, self.missing.look),)

    def routes(self) -> list[Route]:
        """All routes."""
        return SettlementsApi(self.importing, self.reports, self.exceptions).routes()
