"""Which accounts are well, as this process knows it: breakers in memory, shared with other processes by the database.

How payments and routing use it (nothing here waits or raises):

    asked = health.asked(merchant, account_id, issuer_country=..., at=now)         # just before a processor is asked
    timed = await gateway.charge(...)
    health.observe(merchant, account_id, timed.outcome, latency_ms=timed.latency_ms, issuer_country=...,
                   expected=estimate, at=now, asked=asked)                          # after each answer
    standing = health.standing(merchant_id, account_id, issuer_country=..., at=now)  # for each account of a route

`at` is the merchant's present. `asked` is optional: with it, requests that hang count while they hang, not only when
they time out, and an account that falls silent is passed over before any of them is overdue; one that is never observed
counts as one that hangs. `expected` is optional: with it, a collapse of
approvals is noticed; leave it out where the estimate does not hold for this try.

`refresh` is called every second: it hears requests that are overdue, writes what could not be written, and takes over
what other processes wrote. The first call takes up what is degraded since before the process started.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from recoup.db import Database, is_passing
from recoup.kit.clock import Clock
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Outcome, Unknown
from recoup.routing.core import health as core
from recoup.routing.core.breaker import Transition
from recoup.routing.core.health import AccountHealth
from recoup.routing.core.silence import SILENT, Silence
from recoup.routing.core.symptoms import OVERDUE, Answer, answer_of, counted_before
from recoup.routing.core.words import WELL, Health, Standing
from recoup.routing.flow.health_writing import QUEUED_MAX, Accounts, HealthWriter, Scope
from recoup.routing.store import health as store
from recoup.routing.store.health import StoredHealth

EVERY_S: Final = 1.0
ACCOUNTS_MAX: Final = 20_000
"""Accounts in memory, at two or three kilobytes each; those that were heard of first make room."""
WAITING_MAX: Final = 4096
"""Requests of one account that are watched while they wait."""
OVERLAP: Final = timedelta(minutes=5)
"""How far back each look at what changed goes: clocks of machines differ, and commits come late."""
PAGE: Final = 1000
PAGES_MAX: Final = 20
VERSIONS_MAX: Final = 50_000
ROWS_SHOWN_MAX: Final = 4000
COUNTRY_LENGTH: Final = 2
_FIRST: Final = (UUID(int=0), UUID(int=0), "")

_log: Final = structlog.get_logger("recoup.routing")


@dataclass(slots=True, eq=False)
class Asked:
    """A request that is under way: since when, and from when on it is overdue (both monotonic)."""

    merchant: Merchant
    account_id: UUID
    country: str | None
    at: datetime
    since: float
    overdue_at: float
    number: int
    is_answered: bool = False
    was_counted: bool = False


@dataclass(slots=True, eq=False)
class _Held:
    health: AccountHealth = core.UNHEARD
    waiting: deque[Asked] = field(default_factory=deque)
    silence: Silence = field(default_factory=Silence)


class ProcessorHealth:
    """The breakers of all accounts that this process has heard of. One event loop's own."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: Accounts,
        clock: Clock,
        new_id: Callable[[], UUID],
        registry: CollectorRegistry,
        monotonic: Callable[[], float] = time.monotonic,
        queued_max: int = QUEUED_MAX,
        accounts_max: int = ACCOUNTS_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._accounts_max = accounts_max
        self._held: dict[tuple[UUID, UUID], _Held] = {}
        self._open: set[Scope] = set()
        self._versions: dict[Scope, int] = {}
        self._changed_at: datetime | None = None
        self._count = _Figures(registry)
        self._writer = HealthWriter(
            database,
            accounts=accounts,
            clock=clock,
            new_id=new_id,
            written=self._versions.__setitem__,
            failed=self._count.unwritten.inc,
            queued_max=queued_max,
        )
        self._count.degraded.set_function(lambda: len(self._open))
        self._count.waiting.set_function(lambda: len(self._writer))

    def standing(
        self, merchant_id: UUID, account_id: UUID, *, issuer_country: str | None, at: datetime
    ) -> Standing:
        """The health of an account for payments with cards of that issuer country."""
        held = self._held.get((merchant_id, account_id))
        if held is None:
            return WELL
        try:
            if held.waiting:
                self._hear_overdue(held)
            country = _country(issuer_country)
            found = core.standing(held.health, at, country=country)
            if found.health is Health.DEGRADED:
                held.health = core.passed(held.health, at, country=country)
                return found
            if held.waiting and self._is_silent(held):
                self._count.silent.inc()
                return SILENT
        except Exception:  # noqa: BLE001 - a payment must not fail over this
            _log.exception("health_standing_failed")
            return WELL
        return found

    def asked(
        self, merchant: Merchant, account_id: UUID, *, issuer_country: str | None, at: datetime
    ) -> Asked | None:
        """Watch a request that is about to leave; give what is returned to `observe`."""
        try:
            return self._asked(merchant, account_id, _country(issuer_country), at)
        except Exception:  # noqa: BLE001 - a payment must not fail over this
            _log.exception("health_asked_failed")
            return None

    def observe(
        self,
        merchant: Merchant,
        account_id: UUID,
        outcome: Outcome,
        *,
        latency_ms: int | None,
        issuer_country: str | None,
        at: datetime,
        expected: float | None = None,
        asked: Asked | None = None,
    ) -> None:
        """Hear an answer, and queue what it changes."""
        try:
            answer = answer_of(outcome, latency_ms=latency_ms, expected=expected)
            if asked is not None:
                asked.is_answered = True
                answer = counted_before(answer) if asked.was_counted else answer
            held = self._held_of(merchant.id, account_id)
            if asked is not None and not isinstance(outcome, Unknown):
                held.silence.answered(asked.number)
            if answer.latency_ms is not None:
                held.silence.took(answer.latency_ms)
            if held.waiting:
                self._hear_overdue(held)
            self._hear(held, merchant, account_id, answer, country=_country(issuer_country), at=at)
        except Exception:  # noqa: BLE001 - a payment must not fail over this
            _log.exception("health_observe_failed")

    async def refresh(self) -> None:
        """Keep up: with requests that hang, with what is to be written, with what others wrote."""
        for held in [one for one in self._held.values() if one.waiting]:
            self._hear_overdue(held)
        await self._writer.flush()
        try:
            await (self._take_up() if self._changed_at is None else self._keep_up(self._changed_at))
        except Exception as error:
            if not is_passing(error):
                raise
            _log.warning("health_not_refreshed", error=type(error).__name__)

    async def states(self, merchant_id: UUID) -> Sequence[StoredHealth]:
        """What is written of a merchant's accounts."""
        return await store.of_merchant(self._database, merchant_id=merchant_id, limit=ROWS_SHOWN_MAX)

    async def close(self) -> None:
        """Write what is queued, if the database lets us."""
        await self._writer.close()

    def _asked(self, merchant: Merchant, account_id: UUID, country: str | None, at: datetime) -> Asked | None:
        held = self._held_of(merchant.id, account_id)
        held.health = core.asked(held.health, at, country=country)
        slow_ms = held.health.usual.slow_ms
        if slow_ms is None or len(held.waiting) >= WAITING_MAX:
            return None
        since = self._monotonic()
        number = held.silence.asked(since)
        asked = Asked(merchant, account_id, country, at, since, since + slow_ms / 1000, number)
        held.waiting.append(asked)
        return asked

    def _is_silent(self, held: _Held) -> bool:
        slow_ms = held.health.usual.slow_ms
        return slow_ms is not None and held.silence.is_silent(self._monotonic(), overdue_s=slow_ms / 1000)

    def _hear_overdue(self, held: _Held) -> None:
        """Count each request that is overdue, once; what is answered is let go."""
        now, waiting = self._monotonic(), held.waiting
        while waiting and (waiting[0].is_answered or waiting[0].overdue_at <= now):
            one = waiting.popleft()
            if not one.is_answered:
                one.was_counted = True
                at = one.at + timedelta(seconds=now - one.since)
                self._hear(held, one.merchant, one.account_id, OVERDUE, country=one.country, at=at)

    def _hear(
        self,
        held: _Held,
        merchant: Merchant,
        account_id: UUID,
        answer: Answer,
        *,
        country: str | None,
        at: datetime,
    ) -> None:
        held.health, transitions = core.heard(held.health, answer, at, country=country)
        for one in transitions:
            self._moved((merchant.id, account_id, one.scope), one, livemode=merchant.livemode)

    def _moved(self, scope: Scope, transition: Transition, *, livemode: bool) -> None:
        self._mark(scope, transition.health)
        self._count.transitions.labels(transition.health.value).inc()
        queued = self._writer.put(scope, transition, livemode=livemode)
        _log.warning(
            "processor_health_changed",
            processor_account=render(Kind.PROCESSOR_ACCOUNT, scope[1]),
            scope=scope[2],
            health=transition.health.value,
            why=transition.why,
            told=queued,
        )
        if queued:
            self._writer.wake()
        else:
            self._count.dropped.inc()

    def _mark(self, scope: Scope, health: Health) -> None:
        (self._open.add if health is Health.DEGRADED else self._open.discard)(scope)

    def _held_of(self, merchant_id: UUID, account_id: UUID) -> _Held:
        held = self._held.get((merchant_id, account_id))
        if held is None:
            if len(self._held) >= self._accounts_max:
                self._make_room()
            held = self._held[merchant_id, account_id] = _Held()
        return held

    def _make_room(self) -> None:
        """Forget the account that was heard of first, one that is well if there is any among the first."""
        first = list(islice(self._held.items(), 100))
        well = (key for key, held in first if not any(held.health.degraded()))
        key = next(well, first[0][0])
        for scope, _ in self._held.pop(key).health.degraded():
            self._open.discard((*key, scope))
            self._versions.pop((*key, scope), None)

    async def _take_up(self) -> None:
        """Everything that is degraded, at the start."""
        began, after = self._clock.now(), _FIRST
        for _ in range(PAGES_MAX):
            rows = await store.degraded(self._database, after=after, limit=PAGE)
            for row in rows:
                self._adopt(row)
            if len(rows) < PAGE:
                break
            after = (rows[-1].merchant_id, rows[-1].processor_account_id, rows[-1].scope)
        self._changed_at = began

    async def _keep_up(self, changed_at: datetime) -> None:
        """What was written since the last look, and a little before."""
        since = changed_at - OVERLAP
        for _ in range(PAGES_MAX):
            rows = await store.changed(self._database, since=since, limit=PAGE)
            for row in rows:
                self._adopt(row)
            if rows:
                self._changed_at = max(self._changed_at or changed_at, rows[-1].changed_at)
            if len(rows) < PAGE or rows[-1].changed_at <= since:
                break
            since = rows[-1].changed_at

    def _adopt(self, row: StoredHealth) -> None:
        """Take over what another process wrote; what this one is about to write is newer."""
        scope = (row.merchant_id, row.processor_account_id, row.scope)
        if scope in self._writer or self._versions.get(scope, 0) >= row.version:
            return
        if len(self._versions) >= VERSIONS_MAX:
            self._versions.clear()
        self._versions[scope] = row.version
        if row.health is Health.GOOD and scope not in self._open:
            return  # it is well here, too
        held = self._held_of(row.merchant_id, row.processor_account_id)
        held.health = core.told(
            held.health,
            row.scope,
            health=row.health,
            since=row.since,
            why=row.why,
            cause=str(row.evidence.get("cause")),
        )
        if held.health.breaker(row.scope).health is row.health:
            self._mark(scope, row.health)


class _Figures:
    """What an operator sees of it; accounts are named in events and logs, since their number has no bound here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.transitions = Counter(
            "recoup_processor_health_transitions",
            "Breakers that this process saw move, by where to.",
            ["health"],
            registry=registry,
        )
        self.unwritten = Counter(
            "recoup_processor_health_writes_failed",
            "Tries to write a change of health that failed.",
            registry=registry,
        )
        self.silent = Counter(
            "recoup_processor_passed_over_while_silent",
            "Times that an account was put behind others because none of its requests under way was answered.",
            registry=registry,
        )
        self.dropped = Counter(
            "recoup_processor_health_changes_dropped",
            "Changes of health that found the queue full and were not told.",
            registry=registry,
        )
        self.degraded = Gauge(
            "recoup_processor_scopes_degraded",
            "Accounts, and countries of accounts, that are degraded.",
            registry=registry,
        )
        self.waiting = Gauge(
            "recoup_processor_health_writes_waiting",
            "Changes of health waiting to be written.",
            registry=registry,
        )


def _country(issuer_country: str | None) -> str | None:
    """The scope for an issuer country; what is no code of a country has none."""
    return issuer_country if issuer_country is not None and len(issuer_country) == COUNTRY_LENGTH else None
