"""Experiments with routing policies: who is on which side, what has come of it, and when one stops by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, Queries, due
from recoup.events.core import NewEvent, RawEvent
from recoup.events.store import append, first_of_types, last_sequence, next_object_sequence
from recoup.kit.ids import Kind, parse, render
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.routing.core.endings import APPROVED, ENDINGS, Decided, Told, decided, ended, told
from recoup.routing.core.trials import (
    Assignment,
    Count,
    Ended,
    Result,
    State,
    Trial,
    Unit,
    assigned,
    result,
    too_much_worse,
)
from recoup.routing.store import experiments as store
from recoup.routing.store import logged
from recoup.routing.trial_objects import experiment_object

COUNT: Final = "routing.experiment"
"""The kind of due row that says: add up what has ended, and look at the guardrail."""
EVERY: Final = timedelta(seconds=30)
REFRESH_S: Final = 1.0
"""How long another process may go on assigning payments to an experiment that has stopped."""
EVENTS_AT_ONCE: Final = 1000
PAGES_AT_ONCE: Final = 20


class Policies(Protocol):
    """The saved versions of routing policies."""

    async def exists(self, merchant_id: UUID, version: int) -> bool:
        """Whether a merchant has saved this version."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """An experiment that is asked for; the fields are those of `Trial`."""

    name: str
    version_a: int
    version_b: int
    share: int
    unit: Unit
    drop_max: int
    units_min: int
    margin: int


class Experiments:
    """Everything that can be done with experiments."""

    def __init__(
        self,
        database: Database,
        *,
        policies: Policies,
        new_id: Callable[[], UUID],
        events_at_once: int = EVENTS_AT_ONCE,
        pages_at_once: int = PAGES_AT_ONCE,
    ) -> None:
        self._events_at_once, self._pages_at_once = events_at_once, pages_at_once
        self._database = database
        self._policies = policies
        self._new_id = new_id
        self._running: Mapping[UUID, Trial] = {}

    async def refresh(self) -> None:
        """Learn which experiments run; call it every `REFRESH_S`."""
        self._running = await store.running(self._database)

    def assignment(self, merchant_id: UUID, *, customer_id: UUID | None, seed: bytes) -> Assignment | None:
        """The side of a payment, from memory; None where no experiment runs."""
        trial = self._running.get(merchant_id)
        return None if trial is None else assigned(trial, customer_id=customer_id, seed=seed)

    async def create(
        self, connection: Connection, merchant: Merchant, wanted: Wanted, *, now: datetime
    ) -> Trial:
        """Begin an experiment. Refuses versions that are not there, and a second one with 409."""
        await self._check(merchant, wanted)
        trial = Trial(
            id=self._new_id(),
            name=wanted.name,
            version_a=wanted.version_a,
            version_b=wanted.version_b,
            share=wanted.share,
            unit=wanted.unit,
            drop_max=wanted.drop_max,
            units_min=wanted.units_min,
            margin=wanted.margin,
            state=State.RUNNING,
            started_at=now,
        )
        counted = await last_sequence(connection, merchant_id=merchant.id)
        if not await store.insert(connection, trial, merchant_id=merchant.id, counted=counted):
            raise conflict(
                "experiment_running",
                "Another routing experiment runs. Stop it first: a payment belongs to one at most.",
            )
        await due.put(connection, merchant_id=merchant.id, kind=COUNT, object_id=trial.id, due_at=now + EVERY)
        await self._tell(connection, merchant, "routing.experiment_started", trial, shown=None, now=now)
        return trial

    async def _check(self, merchant: Merchant, wanted: Wanted) -> None:
        if wanted.version_a == wanted.version_b:
            raise invalid(
                "experiment_of_one",
                "`policy_a` and `policy_b` are the same version: there is nothing to compare.",
                param="policy_b",
            )
        for param, version in (("policy_a", wanted.version_a), ("policy_b", wanted.version_b)):
            if not await self._policies.exists(merchant.id, version):
                raise not_found(
                    "version of your routing policy", str(version), param=param, hint="Save the policy first."
                )

    async def get(self, merchant: Merchant, experiment_id: UUID) -> tuple[Trial, Result]:
        """One experiment and what it has shown; refuses with 404."""
        return await self._read(self._database, merchant, experiment_id)

    async def page(
        self, merchant: Merchant, *, after: UUID | None, before: UUID | None, limit: int
    ) -> Sequence[Trial]:
        """Experiments newest first; with `before` oldest first."""
        return await store.page(
            self._database, merchant_id=merchant.id, after=after, before=before, limit=limit
        )

    async def stop(
        self, connection: Connection, merchant: Merchant, experiment_id: UUID, *, reason: str, now: datetime
    ) -> tuple[Trial, Result]:
        """Stop an experiment; from then on all payments go by the policy that is saved last. Refuses with 409 where
        it has stopped before."""
        found = await self._stopped(connection, merchant, experiment_id, reason=reason, now=now)
        if found is None:
            await self._read(connection, merchant, experiment_id)
            raise conflict("experiment_stopped", "This experiment has stopped already.")
        return found

    async def _stopped(
        self, connection: Connection, merchant: Merchant, experiment_id: UUID, *, reason: str, now: datetime
    ) -> tuple[Trial, Result] | None:
        trial = await store.stop(
            connection, merchant_id=merchant.id, experiment_id=experiment_id, at=now, reason=reason
        )
        if trial is None:
            return None
        shown = await self._result(connection, merchant, trial)
        await self._tell(connection, merchant, "routing.experiment_stopped", trial, shown=shown, now=now)
        return trial, shown

    async def _read(self, queries: Queries, merchant: Merchant, experiment_id: UUID) -> tuple[Trial, Result]:
        trial = await store.read(queries, merchant_id=merchant.id, experiment_id=experiment_id)
        if trial is None:
            raise not_found("routing experiment", render(Kind.EXPERIMENT, experiment_id))
        return trial, await self._result(queries, merchant, trial)

    async def _result(self, queries: Queries, merchant: Merchant, trial: Trial) -> Result:
        return result(trial, await store.sums(queries, merchant_id=merchant.id, experiment_id=trial.id))

    async def count(self, merchant: Merchant, experiment_id: UUID, now: datetime) -> datetime | None:
        """Add up what has ended since the last time; stop the experiment where B is certainly too much worse."""
        for _ in range(self._pages_at_once):
            async with self._database.transaction() as connection:
                more = await self._count_page(connection, merchant, experiment_id)
            if more is None:
                return None
            if not more:
                return await self._guarded(merchant, experiment_id, now)
        return now

    async def _count_page(
        self, connection: Connection, merchant: Merchant, experiment_id: UUID
    ) -> bool | None:
        """Count a part of the events, once: the place reached is in the same transaction as the sums. Whether there
        are more; None where the experiment does not run."""
        ours = {"merchant_id": merchant.id, "experiment_id": experiment_id}
        reached = await store.counted(connection, **ours)
        if reached is None:
            return None
        trial = await store.read(connection, **ours)
        assert trial is not None, "its row is locked"
        last = await last_sequence(connection, merchant_id=merchant.id)
        upto = min(last, reached + self._events_at_once)
        events = await first_of_types(connection, ENDINGS, merchant_id=merchant.id, after=reached, upto=upto)
        if found := await self._ended(connection, merchant, trial, events):
            units = {one.unit_id for one in found if not one.is_alone}
            count = Count(await store.sums(connection, **ours), await store.units(connection, units, **ours))
            for one in found:
                count.add(one)
            await store.write_sums(connection, count.changed_sums, **ours)
            await store.write_units(connection, count.changed_units, **ours)
        await store.set_counted(connection, **ours, upto=upto)
        return upto < last

    async def _ended(
        self, connection: Connection, merchant: Merchant, trial: Trial, events: Sequence[RawEvent]
    ) -> list[Ended]:
        """What these events add to the experiment."""
        payments = [(told.decode(event.data), event.type in APPROVED) for event in events]
        decisions = await self._decisions(connection, merchant, [payment for payment, _ in payments])
        read = (
            ended(trial, payment, decisions, is_approved=is_approved) for payment, is_approved in payments
        )
        return [one for one in read if one is not None]

    async def _decisions(
        self, connection: Connection, merchant: Merchant, payments: Sequence[Told]
    ) -> Mapping[str, Decided]:
        names = {tried.decision for payment in payments for tried in payment.attempts}
        ids = {id_: name for name in names if (id_ := parse(Kind.DECISION, name)) is not None}
        records = await logged.by_id(connection, ids, merchant_id=merchant.id)
        return {ids[id_]: decided.decode(data) for id_, data in records.items()}

    async def _guarded(self, merchant: Merchant, experiment_id: UUID, now: datetime) -> datetime | None:
        trial, shown = await self._read(self._database, merchant, experiment_id)
        if not too_much_worse(shown.approval, trial):
            return now + EVERY
        found = shown.approval
        reason = (
            f"guardrail: B approves {found.b.mean:.2%} and A {found.a.mean:.2%}; the difference is certainly beyond "
            f"the {trial.drop_max / 100:g} points that are allowed"
        )
        async with self._database.transaction() as connection:
            await self._stopped(connection, merchant, experiment_id, reason=reason, now=now)
        return None

    async def _tell(
        self,
        connection: Connection,
        merchant: Merchant,
        fact: str,
        trial: Trial,
        *,
        shown: Result | None,
        now: datetime,
    ) -> None:
        event = NewEvent(
            id=self._new_id(),
            type=fact,
            object_id=trial.id,
            object_sequence=await next_object_sequence(connection, merchant.id, trial.id),
            data=msgspec.json.encode(experiment_object(trial, shown, livemode=merchant.livemode)),
            created_at=now,
        )
        await append(connection, merchant.id, [event])
