"""Puts audit together: cases, what second sources confirm, and the laws that are watched over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from prometheus_client import CollectorRegistry

from recoup.audit import jobs
from recoup.audit.api import AuditApi
from recoup.audit.contradictions import Contradictions
from recoup.audit.core.invariants import Invariant
from recoup.audit.drifting import EVERY_S as SUMMED_EVERY_S
from recoup.audit.drifting import Drift
from recoup.audit.flow import Audit
from recoup.audit.store.drift import PLACES as SUMMED
from recoup.audit.twice import PaidTwice
from recoup.audit.watching import EVERY_S as WATCHED_EVERY_S
from recoup.audit.watching import Watch
from recoup.booked import Books
from recoup.db import Database
from recoup.disputed import Disputed
from recoup.disputes.flow.heard import CONTRADICTED as DISPUTE_CONTRADICTED
from recoup.figures import broken, unrecognised
from recoup.http.routes import Route
from recoup.kit.clock import Clock
from recoup.ledger.store.following import PLACES as POSTED
from recoup.merchants.flow import Merchants, ProcessorAccounts
from recoup.payments.flow import Payments
from recoup.payments.flow.heard import CONTRADICTED
from recoup.payments.store.rereading import PLACES as REREAD
from recoup.recovery.flow import Recoveries
from recoup.recovery.flow.writing import PAID_TWICE
from recoup.worker import Chore, Handler

FOLLOWERS = {"ledger": POSTED, "rereading": REREAD, "drift": SUMMED}
"""Who must keep up with events. What learns for routing may wait where there is nothing to choose."""


class Around(Protocol):
    """Where the time comes from."""

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        ...


class Parts(Protocol):
    """The parts of the service that audit is put together from."""

    database: Database
    merchants: Merchants
    accounts: ProcessorAccounts
    payments: Payments
    recoveries: Recoveries
    disputed: Disputed
    books: Books
    registry: CollectorRegistry

    @property
    def around(self) -> Around:
        """What differs between a server and a test."""
        ...

    @property
    def new_id(self) -> Callable[[], UUID]:
        """Makes a new id."""
        ...


class Audited:
    """Every part of audit, wired."""

    def __init__(self, parts: Parts) -> None:
        database, clock, merchant = parts.database, parts.around.clock, parts.merchants.merchant
        self.cases = Audit(
            database,
            payments=parts.payments,
            accounts=parts.accounts,
            new_id=parts.new_id,
            unrecognised=unrecognised(parts.registry),
        )
        self.drift = Drift(database, merchant=merchant, unasked=parts.disputed.asking.failing, clock=clock)
        self.watch = Watch(
            database,
            audit=self.cases,
            ledger=parts.books.ledger,
            followers=FOLLOWERS,
            merchant=merchant,
            clock=clock,
            new_id=parts.new_id,
            figures=broken(parts.registry, [one.value for one in Invariant]),
        )
        self._contradictions = Contradictions(
            database,
            audit=self.cases,
            payments=parts.payments,
            disputes=parts.disputed.disputes,
            new_id=parts.new_id,
        )
        self._twice = PaidTwice(
            database,
            audit=self.cases,
            payments=parts.payments,
            recoveries=parts.recoveries,
            new_id=parts.new_id,
        )

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {
            **jobs.handlers(self.cases),
            CONTRADICTED: self._contradictions.on_contradicted,
            DISPUTE_CONTRADICTED: self._contradictions.on_dispute,
            PAID_TWICE: self._twice.on_paid_twice,
        }

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (
            ("drift", SUMMED_EVERY_S, self.drift.go),
            ("invariants", WATCHED_EVERY_S, self.watch.go),
        )

    def routes(self) -> list[Route]:
        """All routes."""
        return AuditApi(self.cases, self.drift).routes()
