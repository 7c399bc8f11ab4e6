"""What an experiment shows: counted in the database, held against the same counted by hand, at equal age."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.cases import NOW, days, decline, payment
from tests.recovery.office import Office

from recoup.db.grouped import write_alone
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Category
from recoup.recovery import store
from recoup.recovery.core import NotOpened, Recovery, Status
from recoup.recovery.core.arms import HOLD_OUT, REST, WHOLE, Arm, Stake
from recoup.recovery.core.machine import EndReason
from recoup.recovery.core.policy import BASELINE, DEFAULT
from recoup.recovery.core.trials import ALL, RECOVERED, Cell, Day, curve
from recoup.recovery.flow.experiments import RecoveryExperiments, WantedArm
from recoup.recovery.flow.policies import RecoveryPolicies
from recoup.routing.core.policy_reading import Format

HALVES: Final = [
    WantedArm("as now", "default", None, WHOLE // 2),
    WantedArm("patient", "patient", None, WHOLE // 2),
]
PATIENT: Final = 'name = "patient"\nwindow_days = 40\ntries_max = 6'
CASES: Final = 300
AGE: Final = 14


class NoAccounts:
    async def accounts_of(self, merchant_id: UUID, *, queries: Any = None) -> list[Any]:
        del merchant_id, queries
        return []


class Lab:
    """An office whose recoveries go by policies and experiments."""

    def __init__(self, office: Office) -> None:
        self.office, self.us = office, office.us
        self.experiments = RecoveryExperiments(office.database, new_id=office.new_id)
        self.policies = RecoveryPolicies(
            office.database, accounts=NoAccounts(), running=self.experiments, new_id=office.new_id
        )
        self.experiments.with_policies(self.policies)
        office.recoveries.choose_by(self.policies)

    async def save(self, source: str, merchant: Merchant | None = None) -> int:
        async with self.office.database.transaction() as connection:
            saved = await self.policies.save(
                connection,
                merchant or self.us,
                source,
                Format.TOML,
                note=None,
                created_by=None,
                now=self.office.clock.now(),
            )
        return saved.version

    async def hold_out(self, percent: int, merchant: Merchant | None = None) -> Any:
        async with self.office.database.transaction() as connection:
            now = self.office.clock.now()
            return await self.experiments.set_hold_out(
                connection, merchant or self.us, percent * 100, now=now
            )

    async def begin(self, arms: list[WantedArm] = HALVES) -> Any:
        async with self.office.database.transaction() as connection:
            now = self.office.clock.now()
            return await self.experiments.create(connection, self.us, "E", arms, age_days=None, now=now)

    async def end(self, experiment_id: UUID) -> Any:
        async with self.office.database.transaction() as connection:
            now = self.office.clock.now()
            return await self.experiments.end(connection, self.us, experiment_id, now=now)


@pytest.fixture
def lab(office: Office) -> Lab:
    return Lab(office)


async def test_a_recovery_goes_by_the_version_that_was_newest_when_it_opened(lab: Lab) -> None:
    assert await lab.save('name = "default"\nmethod = "schedule"\ndays = [2, 4]') == 1
    facts = payment(at=lab.office.clock.now())
    first = await lab.office.opened(facts)
    assert (first.policy, first.policy_version, first.tries_max, first.arm) == ("default", 1, 2, None)
    assert first.next_at == NOW + days(2)
    assert await lab.save('name = "default"\nmethod = "schedule"\ndays = [5]\nasking = false') == 2
    second = await lab.office.opened(facts)
    assert (second.policy_version, second.next_at, second.asking) == (2, NOW + days(5), False)
    await lab.office.hears(first.payment_id)
    assert (await lab.office.again(first)).next_at == NOW + days(2), "an open one stays with its own"
    named = await lab.office.opened(replace(facts, recovery_policy="nobody-knows-it"))
    assert (named.policy, named.policy_version) == ("default", 2)
    with pytest.raises(Refusal, match="is no TOML"):
        await lab.save("name")


async def test_what_the_policy_does_not_take_on_opens_nothing(lab: Lab) -> None:
    await lab.save('name = "default"\ndeclines = ["funds"]')
    issuer = payment(decline(Category.ISSUER))
    assert isinstance(await lab.policies.opening(lab.us, issuer), NotOpened)
    assert (await lab.office.opened(payment())).policy_version == 1


async def test_from_day_one_a_live_merchant_holds_some_out_and_a_test_merchant_nobody(lab: Lab) -> None:
    assert (await lab.office.opened(payment())).arm is None
    live = lab.office.pair.live
    recovery = await lab.office.opened(payment(), merchant=live)
    assert recovery.arm is not None and recovery.arm.held_out == 500 and len({*recovery.arm.seeds}) == 2
    standing = await lab.experiments.hold_out(live)
    assert standing is not None and standing.standing and standing.id == recovery.arm.experiment_id
    again = await lab.office.opened(payment(), merchant=live)
    assert again.arm == recovery.arm, "the same card is the same person"
    all_out = await lab.hold_out(90, live)
    assert all_out.hold_out_seed == standing.hold_out_seed and all_out.id != standing.id


async def test_an_experiment_draws_people_into_its_arms_and_ends(lab: Lab) -> None:
    await lab.save(PATIENT)
    await lab.hold_out(40)
    begun = await lab.begin()
    assert (begun.held_out, begun.age_days) == (4_000, 40)
    found: dict[str, Recovery] = {}
    for number in range(40):
        one = await lab.office.opened(payment(fingerprint=f"card {number}"))
        assert one.arm is not None and one.stake is not None
        found[one.arm.name] = one
        if len(found) == 3:
            break
    policies = {name: (one.policy, one.policy_version) for name, one in found.items()}
    assert policies == {HOLD_OUT: ("baseline", None), "as now": ("default", None), "patient": ("patient", 1)}
    assert found[HOLD_OUT].next_at == NOW + days(1)
    assert found["patient"].deadline == NOW + days(40)
    named = await lab.office.opened(payment(fingerprint="other", recovery_policy="patient"))
    assert named.arm is None, "who names a policy is in no experiment"
    with pytest.raises(Refusal, match="Another experiment runs"):
        await lab.begin()
    with pytest.raises(Refusal, match="An experiment runs"):
        await lab.hold_out(10)
    assert (await lab.end(begun.id)).ended_at is not None
    with pytest.raises(Refusal, match="ended already"):
        await lab.end(begun.id)
    after = await lab.office.opened(payment(fingerprint="card 0"))
    assert after.arm is not None and after.arm.experiment_id != begun.id


async def test_arms_that_do_not_fit_are_refused(lab: Lab) -> None:
    await lab.save(PATIENT)
    await lab.save('name = "picky"\ndeclines = ["funds"]')
    one = WantedArm("a", "default", None, 5_000)
    wrong = {
        "100 together": [one],
        "No two arms": [one, one],
        "that of the hold-out": [replace(one, name=HOLD_OUT, share=WHOLE)],
        "other declines": [replace(one, policy="picky", share=WHOLE)],
        "no recovery policy": [replace(one, policy="unknown", share=WHOLE)],
    }
    for said, arms in wrong.items():
        with pytest.raises(Refusal, match=f"(?i){said}"):
            await lab.begin(arms)


async def test_what_is_counted_is_what_was_counted_by_hand(lab: Lab) -> None:
    """Totals, sums at equal age and days of age, over people with several recoveries in several currencies."""
    standing = await lab.hold_out(30)
    chance = random.Random(5)
    made = [await _put(lab, standing.id, chance) for _ in range(CASES)]
    now = NOW + days(45)
    shown = await lab.experiments.result(lab.us, standing, age_days=AGE, now=now)
    counts = shown.counts
    assert (counts.recoveries, counts.complete) == (CASES, True)
    for arm in (HOLD_OUT, REST):
        ours = [one for one in made if one.arm is not None and one.arm.name == arm]
        totals = counts.totals[Cell(arm, ALL)]
        assert (totals.opened, totals.tries) == (len(ours), sum(len(one.tried_after_s) for one in ours))
        assert totals.still_open == sum(one.is_open for one in ours)
        assert totals.recovered == sum(one.status is Status.RECOVERED for one in ours)
        ripe = [one for one in ours if one.opened_at <= now - days(AGE)]
        for metric in (RECOVERED, "USD", "JPY"):
            sums = counts.aged[Cell(arm, ALL), metric]
            assert (sums.units, sums.payments, sums.gained, sums.nn, sums.ns, sums.ss) == by_hand(
                ripe, metric
            )
        assert [*counts.days[arm]] == days_by_hand(ours, now)
    some = counts.aged[Cell(REST, "issuer"), RECOVERED]
    assert 0 < some.payments < counts.aged[Cell(REST, ALL), RECOVERED].payments
    assert {one.category for one in shown.uplifts} == {ALL, "funds", "issuer"}


async def _put(lab: Lab, experiment_id: UUID, chance: random.Random) -> Recovery:
    """A recovery that lived somehow, as its row has it."""
    arm = Arm(
        experiment_id, chance.choice((HOLD_OUT, REST)), 3_000, ("aa", "bb"), f"{chance.randrange(80):032x}"
    )
    opened_at = NOW + timedelta(seconds=chance.randrange(40 * 86_400))
    currency = chance.choice(("USD", "USD", "JPY"))
    stake = Stake(chance.choice(("funds", "issuer")), currency, chance.randrange(1, 9_000), 10_000)
    ends = opened_at + timedelta(seconds=chance.randrange(28 * 86_400))
    paid, is_open = chance.random() < 0.4, ends > NOW + days(45)
    status = Status.SCHEDULED if is_open else Status.RECOVERED if paid else Status.EXHAUSTED
    recovery_id = lab.office.new_id()
    new = Recovery(
        merchant_id=lab.us.id,
        id=recovery_id,
        payment_id=await lab.office.refused(),
        status=status,
        version=1,
        events_count=0,
        policy="default",
        opened_at=opened_at,
        deadline=opened_at + days(28),
        tries_made=0,
        tries_max=4,
        next_at=None,
        plan=None,
        decision_id=None,
        end_reason=None if is_open else EndReason.PAID if paid else EndReason.TRIES_EXHAUSTED,
        ended_at=None if is_open else ends,
        updated_at=opened_at,
        arm=arm,
        stake=stake,
        tried_after_s=tuple(sorted(chance.randrange(28 * 86_400) for _ in range(chance.randrange(4)))),
    )
    row = store.row(new, expected=0, decision=None, dues=[], events=[])
    async with lab.office.database.transaction() as connection:
        assert await write_alone(connection, store.WRITE, row) is not None
    return new


def by_hand(ripe: list[Recovery], metric: str) -> tuple[int, ...]:
    units: dict[str, tuple[int, int]] = {}
    for one in ripe:
        assert one.arm is not None and one.stake is not None
        if metric not in (RECOVERED, one.stake.currency):
            continue
        n, s = units.get(one.arm.drawn_from, (0, 0))
        units[one.arm.drawn_from] = (n + 1, s + won(one, metric))
    both = units.values()
    whole = [sum(n for n, _ in both), sum(s for _, s in both), sum(n * n for n, _ in both)]
    return (len(units), *whole, sum(n * s for n, s in both), sum(s * s for _, s in both))


def won(one: Recovery, metric: str) -> int:
    assert one.stake is not None
    in_time = one.ended_at is not None and one.ended_at - one.opened_at <= days(AGE)
    paid = one.status is Status.RECOVERED and in_time
    if metric == RECOVERED:
        return int(paid)
    tries = sum(after <= AGE * 86_400 for after in one.tried_after_s)
    return (one.stake.minor * 1000 if paid else 0) - tries * one.stake.try_cost


def days_by_hand(ours: list[Recovery], now: datetime) -> list[Day]:
    ages = {one.id: (now - one.opened_at) // days(1) for one in ours}
    found = []
    for day in range(max(ages.values())):
        old = [one for one in ours if ages[one.id] > day]
        on_it = [one for one in old if one.status is Status.RECOVERED and one.ended_at is not None]
        paid = [one for one in on_it if one.ended_at and (one.ended_at - one.opened_at) // days(1) == day]
        found.append(Day(len(old), len(paid)))
    return found


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
def test_the_curve_is_what_would_be_seen_if_nobody_were_young(lives: list[tuple[int, int]]) -> None:
    """Where everybody is old it is the plain share; being young takes nobody out of the days that they lived."""
    old = [Day(len(lives), sum(paid == day for _, paid in lives)) for day in range(10)]
    assert curve(old)[-1] == pytest.approx(1.0)
    seen = [
        Day(
            sum(age > day for age, _ in lives),
            sum(age > day and paid == day for age, paid in lives),
        )
        for day in range(10)
    ]
    reached = curve(seen)
    assert len(reached) == max(age for age, _ in lives) if any(age for age, _ in lives) else reached == ()
    whole = sum((Fraction(one.recovered, one.at_risk) for one in seen if one.at_risk), Fraction(0))
    assert not reached or reached[-1] == pytest.approx(float(whole))


def test_built_in_policies_stay_what_the_hold_out_goes_by() -> None:
    facts: Mapping[str, Any] = {"default": DEFAULT, "baseline": BASELINE}
    assert facts["baseline"].window == facts["default"].window, "compared at an equal window"
    assert facts["baseline"].tries_max == facts["default"].tries_max, "and at as many tries"
