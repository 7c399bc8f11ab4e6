"""What we know of a recovery, and the plans that are made for it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

from recoup.outcomes.core import Category
from recoup.paydays.core import PayCycle
from recoup.payments.core import Reason
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core.arms import Arm, Stake
from recoup.recovery.core.learned import Taught
from recoup.recovery.core.machine import OPEN, STANDINGS, EndReason, Standing, Status
from recoup.recovery.core.policy import ELSEWHERE as ELSEWHERE
from recoup.recovery.core.policy import Policy


class Action(StrEnum):
    """What a plan says to do next."""

    RETRY = "retry"
    ASK_CUSTOMER = "ask_customer"
    GIVE_UP = "give_up"


class Mode(StrEnum):
    """Whose failure a recovery is about, and who tries."""

    OWN = "own"
    """A payment of ours failed, and we try it."""
    ACT = "act"
    """Somebody else's payment failed; we try the debt as a payment of ours."""
    ADVISE = "advise"
    """Somebody else's payment failed, and they try it: we say when, where and how."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try at `at`, at these accounts in this order. `not_before`: from when a person may ask for it earlier. `part`:
    how much of what is left, in minor units; None: all of it."""

    at: datetime
    accounts: tuple[UUID, ...]
    not_before: datetime
    why: str
    facts: dict[str, Any]
    part: int | None = None


@dataclass(frozen=True, slots=True)
class AskCustomer:
    """Only the customer can help: by authenticating, or with another card."""

    why: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing more is to be tried."""

    reason: EndReason
    why: str
    facts: dict[str, Any]


Plan = Retry | AskCustomer | GiveUp
"""The next step of a recovery, always with its why and the facts behind it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan as it is kept with its recovery. `attempts` is how many attempts of the payment it was made after."""

    action: Action
    why: str
    attempts: int
    at: datetime | None = None
    not_before: datetime | None = None
    accounts: tuple[UUID, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    renewed_at: datetime | None = None
    """Since when the card was as new as it was known to be then."""
    part: int | None = None
    """How much is tried, in minor units; None: all that is left."""


def kept(plan: Plan, *, attempts: int, renewed_at: datetime | None = None) -> Planned:
    """A plan, to be kept with its recovery."""
    match plan:
        case Retry(at=at, accounts=accounts, not_before=not_before, why=why, facts=facts, part=part):
            return Planned(Action.RETRY, why, attempts, at, not_before, accounts, facts, renewed_at, part)
        case AskCustomer(why=why, facts=facts):
            return Planned(Action.ASK_CUSTOMER, why, attempts, facts=facts, renewed_at=renewed_at)
        case GiveUp(why=why, facts=facts):
            return Planned(Action.GIVE_UP, why, attempts, facts=facts, renewed_at=renewed_at)


@dataclass(frozen=True, slots=True)
class Recovery:
    """One recovery as its row has it. `next_at` is there while a try is scheduled.

    Where we only advise there is no payment of ours: `payment_id` is then the recovery's own id.
    """

    merchant_id: UUID
    id: UUID
    payment_id: UUID
    status: Status
    version: int
    events_count: int
    policy: str
    opened_at: datetime
    deadline: datetime
    tries_made: int
    tries_max: int
    next_at: datetime | None
    plan: Planned | None
    decision_id: UUID | None
    end_reason: EndReason | None
    ended_at: datetime | None
    updated_at: datetime
    mode: Mode = Mode.OWN
    external_id: str | None = None
    paid_elsewhere_at: datetime | None = None
    policy_version: int | None = None
    """None where the policy is built in."""
    asking: bool = True
    """Whether the policy lets the customer be asked."""
    arm: Arm | None = None
    """Where it belongs, as long as people are held out or an experiment runs."""
    stake: Stake | None = None
    tried_after_s: tuple[int, ...] = ()
    """How many seconds after its opening each of its tries was, where it belongs to an arm."""
    amount: int | None = None
    """What was owed when it was opened, in minor units of `currency`; None where its row is older than that."""
    currency: str | None = None
    received: int | None = None
    """What of that was paid since, here."""

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of the customer: when they are paid, and where they live."""

    zone: str
    country: str | None = None
    pay: PayCycle | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What a plan is made from. `tries_made` counts the tries of the recovery, not those inside one of them.

    `disputed` says why nothing may be tried on the card, where a dispute forbids it. `taught` is the merchant's learned
    model, where there is one.
    """

    payment: PaymentFacts
    person: Person
    policy: Policy
    opened_at: datetime
    deadline: datetime
    tries_made: int
    tries_max: int
    disputed: str | None = None
    arm: Arm | None = None
    taught: Taught | None = None


class How(StrEnum):
    """How a plan comes about."""

    PLANNED = "planned"
    """From the facts alone."""
    TIME_UP = "time_up"
    HELD = "held"
    STOPPED = "stopped"
    POSTPONED = "postponed"
    GONE = "gone"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class Made:
    """What a plan was made from beside the case: `why` and `until` are those of what was in the way."""

    how: How = How.PLANNED
    why: str = ""
    until: datetime | None = None


PLANNED: Final = Made()


def owed(payment: PaymentFacts) -> int:
    """What was owed when the payment was refused first, parts included, in minor units."""
    return (payment.debt or payment.amount).minor


def received(payment: PaymentFacts) -> int:
    """What of that was paid since."""
    is_paid = STANDINGS[payment.status] is Standing.PAID
    return owed(payment) if is_paid else owed(payment) - payment.amount.minor


def tries_of(payment: PaymentFacts) -> int:
    """How often the recovery has tried this payment: a fact of the attempts, which a crash cannot miscount."""
    return sum(attempt.reason is Reason.RECOVERY for attempt in payment.attempts)


def case_of(
    recovery: Recovery,
    payment: PaymentFacts,
    person: Person,
    *,
    policy: Policy,
    disputed: str | None = None,
    taught: Taught | None = None,
) -> Case:
    """An open recovery with fresh facts."""
    return Case(
        payment=payment,
        person=person,
        policy=policy,
        opened_at=recovery.opened_at,
        deadline=recovery.deadline,
        tries_made=tries_of(payment),
        tries_max=recovery.tries_max,
        disputed=disputed,
        arm=recovery.arm,
        taught=taught,
    )


def stake_of(case: Case) -> Stake | None:
    """What a recovery of this case is counted by; None where it belongs to no arm."""
    if case.arm is None:
        return None
    amount, record = case.payment.amount, case.payment.decline
    category = Category.PROCESSOR if record is None else record.decline.category
    thousandths = case.policy.try_costs * 10 ** (amount.decimals + 1)
    return Stake(category.value, amount.currency, amount.minor, thousandths)


def tried_after_s(case: Case) -> tuple[int, ...]:
    """How many seconds after the opening each try was, where they are counted."""
    if case.arm is None:
        return ()
    tries = [one.at for one in case.payment.attempts if one.reason is Reason.RECOVERY]
    return tuple(max(0, int((at - case.opened_at).total_seconds())) for at in tries)


T = TypeVar("T")
Thinking: TypeAlias = Generator[Case, Plan, T]
"""A thought that may want a plan on its way: it hands its case over, and gets the plan. Whoever leads thoughts to their
end may have the plans of many made together."""
