"""What the demo reads of the API's answers; everything else in them is ignored."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from recoup.kit.money import Money


class Advice(Struct, frozen=True):
    """What to do after a decline."""

    action: str
    not_before: datetime | None


class Decline(Struct, frozen=True):
    """Why a payment was declined."""

    code: str
    category: str
    hardness: str
    message: str
    processor_code: str | None
    network_code: str | None
    network_advice_code: str | None
    advice: Advice
    source: str


class Attempt(Struct, frozen=True):
    """One request to one processor."""

    outcome: str | None
    reason: str
    explanation: str | None
    finished_at: datetime | None
    decision: str


class Payment(Struct, frozen=True):
    """A payment."""

    id: str
    status: str
    amount: int
    currency: str
    amount_captured: int
    amount_refunded: int
    payment_method: str | None
    decline: Decline | None
    explanation: str | None
    attempts: list[Attempt]
    recovery: str | None

    @property
    def outcomes(self) -> list[str | None]:
        """What each attempt came back with."""
        return [attempt.outcome for attempt in self.attempts]


class Refund(Struct, frozen=True):
    """Money given back."""

    status: str
    amount: int


class Account(Struct, frozen=True):
    """An account at a processor."""

    id: str
    connector: str
    enabled: bool


class Accounts(Struct, frozen=True):
    """A page of accounts."""

    data: list[Account]


class Because(Struct, frozen=True):
    """The part of a decision that says why."""

    why: str


class Decision(Struct, frozen=True):
    """A stored choice."""

    data: Because


class Fault(Struct, frozen=True):
    """Something that will go wrong."""

    id: str


class Entry(Struct, frozen=True):
    """One thing that happened to a payment."""

    at: datetime
    type: str
    summary: str


class Timeline(Struct, frozen=True):
    """Everything that happened to a payment."""

    entries: list[Entry]


class Clock(Struct, frozen=True):
    """The merchant's own time."""

    now: datetime
    ran: int


class Customer(Struct, frozen=True):
    """Who pays."""

    id: str


class Method(Struct, frozen=True):
    """With what is paid."""

    id: str
    network_transaction_id: str | None


class Plan(Struct, frozen=True):
    """The next step of a recovery."""

    action: str
    at: datetime | None
    why: str


class Recovery(Struct, frozen=True):
    """The case that a declined payment opened."""

    id: str
    status: str
    plan: Plan | None


class Person(Struct, frozen=True):
    """Somebody of the simulated world, with a card."""

    id: str
    number: str | None
    last4: str
    exp_month: int
    exp_year: int
    brand: str
    country: str
    currency: str
    time_zone: str
    balance: int
    next_payday: datetime | None

    def __repr__(self) -> str:
        """Without the number."""
        return f"Person({self.id})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """The same for `rich`."""
        return [("id", self.id)]


class People(Struct, frozen=True):
    """A page of people."""

    data: list[Person]


class World(Struct, frozen=True):
    """What the simulated processors have counted."""

    charges_asked: int
    charges_made: int
    double_charges: int


class Charge(Struct, frozen=True):
    """One charge as its processor has it."""

    processor: str
    state: str
    amount: int
    currency: str
    captured: int
    refunded: int

    @property
    def money(self) -> Money:
        """What was charged."""
        return Money(self.amount, self.currency)


class Charges(Struct, frozen=True):
    """A page of charges."""

    data: list[Charge]


class Problem(Struct, frozen=True):
    """Why a request was refused."""

    code: str
    message: str


class Refused(Struct, frozen=True):
    """The body of a refusal."""

    error: Problem
