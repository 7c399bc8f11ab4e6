"""Every decision of a month is made again from its record alone, and comes out the same."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from tests.recovery.cases import (
    NEW_YORKER,
    NOW,
    PAID_ON_FRIDAYS,
    PAID_ON_THE_FIRST,
    case,
    decline,
    payment,
    tried_again,
)

from recoup.gate.core import Held, Stopped
from recoup.merchants.core import Merchant
from recoup.outcomes.core import AdviceAction, Category
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core import DEFAULT, Case, Recovery, Rest, Run, Step, case_of, look, steps
from recoup.recovery.core.arms import WHOLE, Share, drawn, person
from recoup.recovery.core.groups import GROUPS
from recoup.recovery.core.known import Known, Learned
from recoup.recovery.core.learned import Taught
from recoup.recovery.core.policy import BASELINE, Policy
from recoup.recovery.core.records import How, Made
from recoup.recovery.core.replaying import replay
from recoup.recovery.flow.writing import prepared
from recoup.routing.core.replaying import Differs, NotReplayable, Same

RECOVERIES: Final = 40
LOOKS_MAX: Final = 30
MERCHANT: Final = Merchant(UUID(int=9), livemode=False)
SHARES: Final = (Share("policy", "default", None, WHOLE),)
POLICIES: Final = (DEFAULT, BASELINE, replace(DEFAULT, name="dear", try_costs=900, tries_max=6))
REFUSALS: Final = (
    decline(),
    decline(wait=timedelta(days=3)),
    decline(Category.ISSUER),
    decline(Category.PROCESSOR),
    decline(Category.LIMIT),
    decline(Category.AUTHENTICATION, action=AdviceAction.AUTHENTICATE),
    decline(Category.LIFECYCLE, code="expired_card"),
)


class Tilting:
    """A learned model that says the same of everybody."""

    def told(self, known: Known) -> Known:
        learned = Learned(3, tuple(0.1 * one for one in range(GROUPS)), (1.0,) * len(known.accounts))
        return replace(known, learned=learned)


class Month:
    """Recoveries from their opening to their end, by the core alone; what chance decides is drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.records: list[dict[str, Any]] = []
        self._ids = 0

    def new_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    def lived(self) -> None:
        """One recovery."""
        who = self.chance.choice((NEW_YORKER, PAID_ON_FRIDAYS, PAID_ON_THE_FIRST))
        opened_at = NOW + timedelta(seconds=self.chance.randrange(86_400 * 20), microseconds=123)
        facts = payment(self.chance.choice(REFUSALS[:5]), at=opened_at - timedelta(seconds=1))
        policy = self.chance.choice(POLICIES)
        drawn_from = person(customer_id=self.new_id(), fingerprint=None, payment_id=facts.id)
        arm = drawn(UUID(int=8), SHARES, held_out=500, seeds=("aa", "bb"), drawn_from=drawn_from)
        first = replace(
            case(facts, person=who, opened_at=opened_at),
            policy=policy,
            tries_max=policy.tries_max,
            arm=self.chance.choice((None, arm)),
            taught=self.chance.choice((None, cast("Taught", Tilting()))),
        )
        step = steps.opened(first, merchant_id=MERCHANT.id, recovery_id=self.new_id(), now=opened_at)
        if isinstance(step, Step):
            self._goes_on(self._kept(step, first), facts, policy, first)

    def _goes_on(self, recovery: Recovery, facts: PaymentFacts, policy: Policy, first: Case) -> None:
        for _ in range(LOOKS_MAX):
            due = steps.due_at(recovery)
            if due is None:
                return
            now = due + timedelta(microseconds=self.chance.randrange(10**6))
            seen = replace(case_of(recovery, facts, first.person, policy=policy), taught=first.taught)
            match look(recovery, seen, now):
                case Run() as run:
                    recovery, facts = self._tried(run, recovery, facts, seen, now)
                case Step() as step:
                    recovery = self._kept(step, seen)
                case Rest():
                    return

    def _tried(
        self, run: Run, recovery: Recovery, facts: PaymentFacts, seen: Case, now: datetime
    ) -> tuple[Recovery, PaymentFacts]:
        """A try that is due: held, hastened by hand, refused by payments, or made."""
        drawn_now = self.chance.random()
        if drawn_now < 0.1:
            held = steps.held(recovery, seen, Held(now + timedelta(hours=5), f"held {now}"), now)
            assert isinstance(held, Step)
            return self._kept(held, seen), facts
        if drawn_now < 0.13:
            stopped = steps.held(recovery, seen, Stopped("the merchant said stop"), now)
            assert isinstance(stopped, Step)
            return self._kept(stopped, seen), facts
        if drawn_now < 0.2:
            how = Made(self.chance.choice((How.POSTPONED, How.GONE)), "not now")
            return self._kept(steps.instead(run.after, seen, how, now), seen), facts
        if drawn_now < 0.25:
            return self._kept(steps.hastened(recovery, now), None), facts
        if drawn_now < 0.35:
            return run.after, tried_again(facts, now, None, status=PaymentStatus.CAPTURED)
        return run.after, tried_again(facts, now, self.chance.choice(REFUSALS))

    def _kept(self, step: Step, seen: Case | None) -> Recovery:
        ready = prepared(MERCHANT, step, seen, new_id=self.new_id)
        if ready.decision is not None:
            self.records.append(msgspec.json.decode(msgspec.json.encode(ready.decision)))
        return ready.after


def test_every_decision_of_a_month_is_made_again() -> None:
    month = Month(20261122)
    for _ in range(RECOVERIES):
        month.lived()
    outcomes = [(record, replay(record)) for record in month.records]
    assert [one for one in outcomes if isinstance(one[1], Differs)] == []
    kinds = Counter((record["made"]["how"], type(outcome)) for record, outcome in outcomes)
    assert {how for how, _ in kinds} == {*How}, kinds
    assert {how for how, outcome in kinds if outcome is NotReplayable} == {How.BY_HAND}
    assert sum(isinstance(outcome, Same) for _, outcome in outcomes) > 80


def test_a_record_that_was_changed_does_not_come_out_the_same_and_an_old_one_says_why_it_cannot() -> None:
    month = Month(1)
    while not any(one["action"] == "retry" and one["made"]["how"] == "planned" for one in month.records):
        month.lived()
    record = next(
        one for one in month.records if one["action"] == "retry" and one["made"]["how"] == "planned"
    )
    assert replay(record) == Same()
    found = replay(record | {"at": "2027-01-01T00:00:00.000Z"})
    assert isinstance(found, Differs) and "at was 2027-01-01" in found.differences[0]
    old = {name: value for name, value in record.items() if name not in ("case", "made", "now")}
    assert isinstance(replay(old), NotReplayable)
    assert isinstance(replay(record | {"case": record["case"] | {"form": 99}}), NotReplayable)


def test_nothing_that_names_a_person_or_a_card_is_kept_of_a_case() -> None:
    month = Month(2)
    while not month.records:
        month.lived()
    kept = month.records[0]["case"]["payment"]
    assert (kept["customer_id"], kept["payment_method_id"], kept["fingerprint"]) == (None, None, None)
