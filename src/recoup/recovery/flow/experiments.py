"""Experiments with policies of recovery, and the hold-out that stands: begin, end, and what has come of them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Final, Protocol
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.db.remembered import Remembered
from recoup.kit.ids import Kind, made_at, render
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.merchants.flow import lock_merchant
from recoup.recovery.core.arms import HELD_OUT_LIVE, HELD_OUT_TEST, HOLD_OUT, REST, WHOLE, Share
from recoup.recovery.core.policy import DEFAULT, Policy
from recoup.recovery.core.trials import (
    AGE_DAYS,
    ALL,
    Cell,
    Counts,
    Experiment,
    Result,
    State,
    Totals,
    result,
    ripe_before,
)
from recoup.recovery.store import experiments as store
from recoup.recovery.trial_objects import recovery_experiment_object
from recoup.vault.flow.news import Fact, tell

STARTED: Final = "recovery.experiment_started"
ENDED: Final = "recovery.experiment_ended"
_MERCHANTS_MAX: Final = 10_000
_TTL_S: Final = 2.0
"""For how long a process may go on drawing for an experiment that has ended."""
_UNSETTLED_S: Final = 15.0
_SEED_BYTES: Final = 16
_STANDING: Final = "Hold-out"

Messages = Callable[[Merchant, UUID, int], Awaitable[Mapping[tuple[str, str], int]]]
"""How many messages customers were sent, by arm and category of the first so many recoveries of an experiment."""


class Policies(Protocol):
    """What experiments ask of policies."""

    async def fresh(self, merchant_id: UUID, name: str) -> Policy:
        """The policy of that name as it is in this moment; the default where nobody knows the name."""
        ...

    async def of(self, merchant_id: UUID, name: str, version: int | None) -> Policy:
        """A version of a policy; refuses with 404."""
        ...


@dataclass(frozen=True, slots=True)
class WantedArm:
    """An arm that is asked for; `version` None: the newest. `share` in basis points of those who are not held out."""

    name: str
    policy: str
    version: int | None
    share: int


async def _no_messages(merchant: Merchant, experiment_id: UUID, most: int) -> Mapping[tuple[str, str], int]:
    del merchant, experiment_id, most
    return {}


class RecoveryExperiments:
    """Everything that can be done with experiments of recovery."""

    _policies: Policies

    def __init__(
        self,
        database: Database,
        *,
        new_id: Callable[[], UUID],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._new_id = database, new_id
        self._messages: Messages = _no_messages
        self._running: Remembered[UUID, Sequence[Experiment]] = Remembered(
            entries_max=_MERCHANTS_MAX, ttl_s=_TTL_S, monotonic=monotonic
        )

    def with_policies(self, policies: Policies) -> None:
        """Ask these policies; they ask experiments too, so one of both is there first."""
        self._policies = policies

    def count_messages(self, messages: Messages) -> None:
        """Count messages by this; whoever sends them is put together later."""
        self._messages = messages

    async def current(self, merchant: Merchant) -> Experiment | None:
        """The experiment to which a recovery belongs that opens now; None where nobody is held out or compared."""
        running = await self._of(merchant)
        if not running and merchant.livemode:
            running = [await self._database.retrying(lambda connection: self._stand(connection, merchant))]
            self._running.forget(merchant.id)
        for one in running:
            if not one.standing:
                return one
        return next((one for one in running if one.held_out), None)

    async def _of(self, merchant: Merchant) -> Sequence[Experiment]:
        async def look() -> Sequence[Experiment]:
            return await store.running(self._database, merchant_id=merchant.id)

        return await self._running.get(merchant.id, look)

    async def _stand(
        self, connection: Connection, merchant: Merchant, started_at: datetime | None = None
    ) -> Experiment:
        """The hold-out that stands, which is there from the first recovery on."""
        await lock_merchant(connection, merchant.id)
        found = await self._standing(connection, merchant)
        if found is not None:
            return found
        id_ = self._new_id()
        held_out = HELD_OUT_LIVE if merchant.livemode else HELD_OUT_TEST
        at = started_at or made_at(id_)
        new = _hold_out(id_, held_out=held_out, seed=self._seed(), own=self._seed(), at=at)
        inserted = await store.insert(connection, new, merchant_id=merchant.id)
        assert inserted, "the merchant is held"
        return new

    async def _standing(self, queries: Queries, merchant: Merchant) -> Experiment | None:
        running = await store.running(queries, merchant_id=merchant.id)
        return next((one for one in running if one.standing), None)

    def _seed(self) -> str:
        return blake2b(self._new_id().bytes + self._new_id().bytes, digest_size=_SEED_BYTES).hexdigest()

    async def hold_out(self, merchant: Merchant) -> Experiment | None:
        """The hold-out that stands; None where none has opened yet."""
        return await self._standing(self._database, merchant)

    async def set_hold_out(
        self, connection: Connection, merchant: Merchant, held_out: int, *, now: datetime
    ) -> Experiment:
        """Hold out another share from now on. The same people are held out as before, as far as the share allows; what
        is measured begins anew, because people of before and after would not be alike."""
        standing = await self._stand(connection, merchant, now)
        running = await store.running(connection, merchant_id=merchant.id)
        if any(not one.standing for one in running):
            raise conflict(
                "experiment_running", "An experiment runs, in which the share cannot change. End it first."
            )
        self._running.forget(merchant.id, unsettled_s=_UNSETTLED_S)
        if standing.held_out == held_out and standing.started_at == now:  # it was not there before
            return standing
        await store.end(connection, merchant_id=merchant.id, experiment_id=standing.id, at=now)
        new = _hold_out(
            self._new_id(), held_out=held_out, seed=standing.hold_out_seed, own=self._seed(), at=now
        )
        inserted = await store.insert(connection, new, merchant_id=merchant.id)
        assert inserted, "the merchant is held"
        await self._tell(connection, merchant, STARTED, new, now=now)
        return new

    async def create(
        self,
        connection: Connection,
        merchant: Merchant,
        name: str,
        arms: Sequence[WantedArm],
        *,
        age_days: int | None,
        now: datetime,
    ) -> Experiment:
        """Begin an experiment. Refuses arms that do not fit, and a second experiment with 409."""
        shares, longest = await self._shares(merchant, arms)
        standing = await self._stand(connection, merchant, now)
        new = Experiment(
            id=self._new_id(),
            name=name,
            standing=False,
            shares=shares,
            held_out=standing.held_out,
            seed=self._seed(),
            hold_out_seed=standing.hold_out_seed,
            age_days=age_days or longest,
            state=State.RUNNING,
            started_at=now,
        )
        if not await store.insert(connection, new, merchant_id=merchant.id):
            raise conflict("experiment_running", "Another experiment runs. End it first.")
        self._running.forget(merchant.id, unsettled_s=_UNSETTLED_S)
        await self._tell(connection, merchant, STARTED, new, now=now)
        return new

    async def _shares(self, merchant: Merchant, arms: Sequence[WantedArm]) -> tuple[tuple[Share, ...], int]:
        """The arms with the versions that they go by, and the longest window of their policies in days."""
        if sum(one.share for one in arms) != WHOLE:
            raise invalid("shares_not_whole", "The shares of the arms must be 100 together.", param="arms")
        names = [one.name for one in arms]
        if HOLD_OUT in names or len({*names}) < len(names):
            message = f"No two arms may have one name, and none that of the hold-out, `{HOLD_OUT}`."
            raise invalid("arm_names", message, param="arms")
        default, shares, longest = await self._policies.fresh(merchant.id, DEFAULT.name), [], 0
        for one in arms:
            policy = await self._policy(merchant, one)
            if policy.declines != default.declines:
                message = (
                    f"The policy of the arm {one.name!r} takes on other declines than `{DEFAULT.name}` does."
                )
                raise invalid(
                    "arm_declines", f"{message} Arms must not differ in whom they count.", param="arms"
                )
            shares.append(Share(one.name, policy.name, policy.version, one.share))
            longest = max(longest, policy.window.days)
        return tuple(shares), longest

    async def _policy(self, merchant: Merchant, arm: WantedArm) -> Policy:
        if arm.version is not None:
            return await self._policies.of(merchant.id, arm.policy, arm.version)
        found = await self._policies.fresh(merchant.id, arm.policy)
        if found.name != arm.policy:
            hint = "Save the policy first."
            raise not_found("recovery policy", arm.policy, param="arms", hint=hint)
        return found

    async def end(
        self, connection: Connection, merchant: Merchant, experiment_id: UUID, *, now: datetime
    ) -> Experiment:
        """End an experiment: recoveries that open from now on go by `default` again, those that are open stay with
        their policies and are counted on. Refuses with 409 where it has ended, and for the hold-out."""
        found = await self.get(merchant, experiment_id, queries=connection)
        if found.standing:
            message = (
                "The hold-out is no experiment that ends: set its share to 0 by `POST /v1/recovery/hold_out`."
            )
            raise conflict("hold_out_stands", message)
        ended = await store.end(connection, merchant_id=merchant.id, experiment_id=experiment_id, at=now)
        if ended is None:
            raise conflict("experiment_ended", "This experiment has ended already.")
        self._running.forget(merchant.id, unsettled_s=_UNSETTLED_S)
        await self._tell(connection, merchant, ENDED, ended, now=now)
        return ended

    async def get(
        self, merchant: Merchant, experiment_id: UUID, *, queries: Queries | None = None
    ) -> Experiment:
        """One experiment; refuses with 404."""
        found = await store.read(
            queries or self._database, merchant_id=merchant.id, experiment_id=experiment_id
        )
        if found is None:
            raise not_found("recovery experiment", render(Kind.EXPERIMENT, experiment_id))
        return found

    async def page(
        self, merchant: Merchant, *, after: UUID | None, before: UUID | None, limit: int
    ) -> Sequence[Experiment]:
        """Experiments and hold-outs newest first; with `before` oldest first."""
        return await store.page(
            self._database, merchant_id=merchant.id, after=after, before=before, limit=limit
        )

    async def result(
        self, merchant: Merchant, experiment: Experiment, *, age_days: int | None, now: datetime
    ) -> Result:
        """What it has shown so far."""
        age = age_days or experiment.age_days
        ours = {"merchant_id": merchant.id, "experiment_id": experiment.id}
        totals, recoveries = await store.totals(self._database, **ours)
        sent = await self._messages(merchant, experiment.id, store.RECOVERIES_MAX)
        for (arm, category), messages in sent.items():
            _count(totals, Cell(arm, category), messages)
            _count(totals, Cell(arm, ALL), messages)
        counts = Counts(
            totals=totals,
            aged=await store.aged(self._database, **ours, before=ripe_before(now, age), age_days=age),
            days=await store.days(self._database, **ours, now=now),
            recoveries=recoveries,
            complete=recoveries < store.RECOVERIES_MAX,
        )
        return result(experiment, counts, age_days=age)

    async def _tell(
        self, connection: Connection, merchant: Merchant, fact: str, shown: Experiment, *, now: datetime
    ) -> None:
        told = Fact(fact, shown.id, recovery_experiment_object(shown, None, livemode=merchant.livemode))
        await tell(connection, merchant.id, [told], now=now, new_id=self._new_id)


def _count(totals: dict[Cell, Totals], cell: Cell, messages: int) -> None:
    before = totals.get(cell, Totals())
    totals[cell] = replace(before, messages=before.messages + messages)


def _hold_out(id_: UUID, *, held_out: int, seed: str, own: str, at: datetime) -> Experiment:
    return Experiment(
        id=id_,
        name=_STANDING,
        standing=True,
        shares=(Share(REST, DEFAULT.name, None, WHOLE),),
        held_out=held_out,
        seed=own,
        hold_out_seed=seed,
        age_days=AGE_DAYS,
        state=State.RUNNING,
        started_at=at,
    )
