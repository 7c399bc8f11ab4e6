"""What recovery would do after a decline that never happened: the same plan as after a real one, with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.outcomes.core import Decline
from recoup.outcomes.core.classify import Meaning
from recoup.paydays.core import PayCycle, local_zone
from recoup.payments.core import AttemptState, DeclineRecord, Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import CardTry, PastAttempt, PaymentFacts
from recoup.recovery.core.opening import NotOpened, opens
from recoup.recovery.core.planning import Asked, asked_of, judged, plan
from recoup.recovery.core.policy import DEFAULT, Policy
from recoup.recovery.core.records import Case, Person, Plan
from recoup.recovery.core.weighing import weigh

ROUTES_MAX: Final = 5
_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothetical:
    """A decline that never happened. `tries_made` of the policy's tries were made already; `routes` could be tried."""

    meaning: Meaning
    at: datetime
    amount: Money
    brand: str
    country: str | None
    time_zone: str | None
    pay: PayCycle | None
    tries_left: int
    routes: int
    policy: Policy = DEFAULT


@dataclass(frozen=True, slots=True)
class Explained:
    """The plan, and what was weighed; None where there was nothing to weigh."""

    plan: Plan
    weighed: dict[str, Any] | None
    tries_left: int


def explained(asked: Hypothetical, now: datetime) -> Explained:
    """What would be done after this decline, and why."""
    case = _case(asked)
    if isinstance(opens(case.payment), NotOpened):
        return Explained(plan(case, now), None, asked.tries_left)
    question = asked_of(case, now)
    if not isinstance(question, Asked):
        return Explained(question, None, asked.tries_left)
    found = weigh(question.known)
    chosen = judged(case, question, found, now)
    weighed = None if found.at is None else _by_number(found.facts(), case.payment.accounts)
    if weighed is not None and "part" in chosen.facts:
        weighed |= {"part": chosen.facts["part"]}
    return Explained(chosen, weighed, asked.tries_left)


def _by_number(facts: dict[str, Any], accounts: tuple[UUID, ...]) -> dict[str, Any]:
    """What was weighed, with routes by number, the first the one that refused."""
    numbers = {render(Kind.PROCESSOR_ACCOUNT, one): place for place, one in enumerate(accounts, start=1)}
    named = {
        name: [
            {key: value for key, value in one.items() if key != "processor_account"}
            | {"route": numbers[one["processor_account"]]}
            for one in facts[name]
        ]
        for name in ("tries", "candidates")
    }
    return facts | named


def _case(asked: Hypothetical) -> Case:
    meaning = asked.meaning
    decline = Decline(
        code=meaning.code,
        category=meaning.category,
        hardness=meaning.hardness,
        message=meaning.message,
        advice=meaning.advice,
        rule=meaning.rule,
    )
    policy = asked.policy
    return Case(
        payment=_payment(asked, decline),
        person=Person(local_zone(asked.time_zone, country=asked.country), asked.country, asked.pay),
        policy=policy,
        opened_at=asked.at,
        deadline=asked.at + policy.window,
        tries_made=0,
        tries_max=asked.tries_left,
    )


def _payment(asked: Hypothetical, decline: Decline) -> PaymentFacts:
    accounts = tuple(UUID(int=n + 1) for n in range(asked.routes))
    attempt = PastAttempt(
        at=asked.at,
        account=accounts[0],
        state=AttemptState.DECLINED,
        reason=Reason.INITIAL,
        amount=asked.amount,
        rule=decline.rule,
        decline_code=decline.code,
    )
    return PaymentFacts(
        id=_NOBODY,
        status=PaymentStatus.DECLINED,
        amount=asked.amount,
        initiator="merchant",
        customer_id=None,
        payment_method_id=None,
        fingerprint=None,
        brand=asked.brand,
        issuer_country=asked.country,
        created_at=asked.at,
        decline=DeclineRecord(decline, asked.at),
        failure=None,
        attempts=(attempt,),
        card_tries=(CardTry(asked.at, asked.amount, declined=True, rule=decline.rule),),
        accounts=accounts,
        recovery_policy=None,
        recovery_id=None,
        divisible=True,
    )
