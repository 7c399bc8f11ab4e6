"""Experiments on a real database: payments counted once, whoever counts and however often; and the guardrail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from tests.routing.logbook import FACTS, A, B, first, option, record
from tests.vault.house import START, House

from recoup.db import Database
from recoup.events.core import NewEvent
from recoup.events.store import after as events_after
from recoup.events.store import append
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.routing.core.route import Arm
from recoup.routing.core.trials import APPROVAL, Finding, Result, Side, State, Trial, Unit
from recoup.routing.flow.experiments import COUNT, EVERY, Experiments, Wanted
from recoup.routing.store import experiments as store

WANTED: Final = Wanted("cheaper first", 1, 2, 5000, Unit.CUSTOMER, 100, 100, 10_000)
OPTIONS: Final = (option(A, fee=30_000), option(B, fee=20_000))
BAD_SHARE: Final = 3


@dataclass
class Saved:
    """Policies with versions 1 and 2."""

    async def exists(self, merchant_id: UUID, version: int) -> bool:
        return version in (1, 2)


@dataclass
class Lab:
    """A merchant with experiments, and payments that end as they are told."""

    house: House
    merchant: Merchant
    experiments: Experiments

    @classmethod
    async def of(cls, database: Database) -> Lab:
        house = House(database)
        merchant = (await house.merchant()).test
        return cls(house, merchant, Experiments(database, policies=Saved(), new_id=house.new_id))

    async def begin(self, wanted: Wanted = WANTED) -> Trial:
        async with self.house.database.transaction() as connection:
            trial = await self.experiments.create(connection, self.merchant, wanted, now=START)
        await self.experiments.refresh()
        return trial

    async def paid(
        self,
        trial: Trial | None,
        side: Side = Side.A,
        *,
        facts: Sequence[str] = ("payment.captured",),
        outcomes: Sequence[tuple[UUID, str]] = ((A, "approved"),),
        customer: UUID | None = None,
        options: Any = OPTIONS,
    ) -> None:
        """A payment that is on a side and meets these facts, in a transaction of its own."""
        payment_id, decision_id = self.house.new_id(), self.house.new_id()
        arm = None if trial is None else Arm(trial.id, side)
        stored = record(options, first(A, B), facts=replace(FACTS, customer_id=customer), arm=arm)
        shown = {
            "id": render(Kind.PAYMENT, payment_id),
            "amount": 10_000,
            "currency": "USD",
            "attempts": [
                {
                    "processor_account": render(Kind.PROCESSOR_ACCOUNT, account),
                    "outcome": outcome,
                    "decision": render(Kind.DECISION, decision_id),
                }
                for account, outcome in outcomes
            ],
        }
        events = [
            NewEvent(self.house.new_id(), fact, payment_id, number, msgspec.json.encode(shown), START)
            for number, fact in enumerate(facts, 1)
        ]
        async with self.house.database.transaction() as connection:
            await connection.execute(
                """
                insert into decisions (merchant_id, id, kind, object_id, data, created_at)
                values (%s, %s, 'route', %s, %s, %s)
                """,
                [self.merchant.id, decision_id, payment_id, msgspec.json.encode(stored).decode(), START],
            )
            await append(connection, self.merchant.id, events)

    async def counted(self, trial: Trial) -> Result:
        await self.experiments.count(self.merchant, trial.id, START)
        _, shown = await self.experiments.get(self.merchant, trial.id)
        return shown

    async def told(self) -> list[str]:
        found = await events_after(
            self.house.database, merchant_id=self.merchant.id, sequence=0, type_=None, limit=1000
        )
        return [one.type for one in found if one.type.startswith("routing.")]


async def test_each_payment_counts_once_when_it_ends(database: Database) -> None:
    """A capture after a hold, a recovery after a decline: the first ending is what the policy answers for."""
    lab = await Lab.of(database)
    trial = await lab.begin()
    await lab.paid(trial, Side.A, facts=("payment.created", "payment.authorized", "payment.captured"))
    await lab.paid(
        trial,
        Side.B,
        facts=("payment.declined", "payment.captured"),
        outcomes=((A, "declined"), (B, "declined")),
    )
    await lab.paid(trial, Side.B, facts=("payment.requires_action", "payment.canceled"))
    await lab.paid(trial, Side.B, facts=("payment.created", "payment.unresolved"))
    await lab.paid(None)
    first_look = await lab.counted(trial)
    assert await lab.counted(trial) == first_look, "counting again adds nothing"
    approval = first_look.approval
    assert (approval.a.payments, approval.a.gained) == (1, 1)
    assert (approval.b.payments, approval.b.gained) == (2, 0)
    assert approval.finding is Finding.TOO_FEW
    [worth] = first_look.comparisons[1:]
    assert (worth.metric, worth.a.gained) == ("USD", 10_000_000 - 30_000)
    assert worth.b.gained == -1000 - 1000 - 30_000, (
        "two declined tries, and one approved that was then canceled"
    )


async def test_what_came_before_does_not_count(database: Database) -> None:
    lab = await Lab.of(database)
    ghost = replace(await lab.begin(), id=lab.house.new_id())
    await lab.paid(ghost)
    trial = (await lab.experiments.page(lab.merchant, after=None, before=None, limit=1))[0]
    assert (await lab.counted(trial)).approval.a.payments == 0


async def test_a_customer_is_one_unit_with_several_payments(database: Database) -> None:
    lab = await Lab.of(database)
    trial = await lab.begin()
    customer = lab.house.new_id()
    for _ in range(3):
        await lab.paid(trial, customer=customer)
        await lab.counted(trial)
    await lab.paid(trial, customer=customer, facts=("payment.declined",), outcomes=((A, "declined"),))
    await lab.paid(trial)
    approval = (await lab.counted(trial)).approval
    assert (approval.a.units, approval.a.payments, approval.a.gained) == (2, 5, 4)
    assert (approval.a.nn, approval.a.ns, approval.a.ss) == (16 + 1, 12 + 1, 9 + 1)


async def test_a_payment_whose_price_is_not_known_counts_for_approval_only(database: Database) -> None:
    lab = await Lab.of(database)
    trial = await lab.begin()
    await lab.paid(trial, options=(option(A, fee=None), option(B)))
    shown = await lab.counted(trial)
    assert [one.metric for one in shown.comparisons] == [APPROVAL]


async def test_several_workers_count_a_payment_once(database: Database) -> None:
    lab = await Lab.of(database)
    trial = await lab.begin()
    for _ in range(30):
        await lab.paid(trial, customer=lab.house.new_id())
    await asyncio.gather(*(lab.experiments.count(lab.merchant, trial.id, START) for _ in range(5)))
    assert (await lab.counted(trial)).approval.a.payments == 30


async def test_a_long_stream_is_counted_in_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was away for long asks to be called again at once, and loses nothing."""
    lab = await Lab.of(database)
    lab.experiments = Experiments(
        database, policies=Saved(), new_id=lab.house.new_id, events_at_once=2, pages_at_once=3
    )
    trial = await lab.begin()
    for _ in range(9):
        await lab.paid(trial)
    assert await lab.experiments.count(lab.merchant, trial.id, START) == START
    assert await lab.experiments.count(lab.merchant, trial.id, START) == START + EVERY
    assert (await lab.counted(trial)).approval.a.payments == 9


async def test_the_guardrail_stops_what_is_much_worse(database: Database) -> None:
    lab = await Lab.of(database)
    trial = await lab.begin()
    for number in range(240):
        side = Side.B if number % 2 else Side.A
        bad = side is Side.B and number % BAD_SHARE
        facts, outcome = (("payment.declined",), "declined") if bad else (("payment.captured",), "approved")
        await lab.paid(trial, side, facts=facts, outcomes=((A, outcome),))
    assert await lab.experiments.count(lab.merchant, trial.id, START) is None, "nothing more is due"
    stopped, shown = await lab.experiments.get(lab.merchant, trial.id)
    assert stopped.state is State.STOPPED
    assert stopped.reason is not None and stopped.reason.startswith("guardrail: B approves 33")
    assert shown.approval.finding is Finding.A_BETTER
    assert await lab.told() == ["routing.experiment_started", "routing.experiment_stopped"]
    await lab.experiments.refresh()
    assert lab.experiments.assignment(lab.merchant.id, customer_id=None, seed=b"x") is None


async def test_one_experiment_runs_at_a_time(database: Database) -> None:
    lab = await Lab.of(database)
    trial = await lab.begin()
    with pytest.raises(Refusal) as refused:
        await lab.begin()
    assert refused.value.code == "experiment_running"
    async with database.transaction() as connection:
        await lab.experiments.stop(connection, lab.merchant, trial.id, reason="enough", now=START)
    again = await lab.begin()
    assert again.id != trial.id
    with pytest.raises(Refusal) as refused:
        async with database.transaction() as connection:
            await lab.experiments.stop(connection, lab.merchant, trial.id, reason="enough", now=START)
    assert refused.value.code == "experiment_stopped"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (replace(WANTED, version_b=1), "experiment_of_one"),
        (replace(WANTED, version_b=3), "resource_missing"),
    ],
)
async def test_versions_must_be_there_and_differ(database: Database, wanted: Wanted, code: str) -> None:
    lab = await Lab.of(database)
    with pytest.raises(Refusal) as refused:
        await lab.begin(wanted)
    assert refused.value.code == code


async def test_assignments_come_from_memory_and_are_the_merchant_s_own(database: Database) -> None:
    lab, other = await Lab.of(database), await Lab.of(database)
    trial = await lab.begin()
    customer = lab.house.new_id()
    mine = lab.experiments.assignment(lab.merchant.id, customer_id=customer, seed=b"1")
    assert mine is not None and mine.experiment_id == trial.id
    assert mine == lab.experiments.assignment(lab.merchant.id, customer_id=customer, seed=b"2")
    assert lab.experiments.assignment(other.merchant.id, customer_id=customer, seed=b"1") is None
    with pytest.raises(Refusal):
        await other.experiments.get(other.merchant, trial.id)


async def test_large_sums_lose_nothing(database: Database) -> None:
    """A value may be 10^15 thousandths, and its square is far beyond a bigint."""
    lab = await Lab.of(database)
    trial = await lab.begin()
    ours = {"merchant_id": lab.merchant.id, "experiment_id": trial.id}
    huge = replace((await lab.counted(trial)).approval.a, units=2, payments=2, gained=10**15, ss=10**30 + 1)
    async with database.transaction() as connection:
        await store.write_sums(connection, {(Side.A, "JPY"): huge}, **ours)
        await store.write_sums(connection, {(Side.A, "JPY"): huge}, **ours)
    assert (await store.sums(database, **ours))[Side.A, "JPY"] == huge


async def test_counting_is_due_from_the_start(database: Database) -> None:
    lab = await Lab.of(database)
    trial = await lab.begin()
    row = await database.fetch_one(
        "select due_at from due where merchant_id = %s and kind = %s and object_id = %s",
        [lab.merchant.id, COUNT, trial.id],
    )
    assert row is not None and row["due_at"] == START + EVERY
