"""Random histories of payments, made by payments' own steps, told as the events that would be in the stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st
from tests.payments.bank import decline

from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.ledger.core import Happened
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Done,
    FollowUp,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
    Withdrawn,
)
from recoup.payments.core import (
    IllegalMove,
    NewPayment,
    OperationKind,
    Reason,
    Snapshot,
    operations,
    steps,
)
from recoup.payments.core.operations import NewOperation
from recoup.payments.core.step import Step, Target
from recoup.payments.core.undoing import (
    CaptureLost,
    HoldGone,
    MoneyReturned,
    RefundLost,
    Undoing,
    hindrance,
    undone,
)
from recoup.payments.objects import Objects

START: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATIENCE: Final = timedelta(seconds=40)
AMOUNT: Final = 1000
MERCHANT: Final = UUID(int=2)
ACCOUNTS: Final = (UUID(int=31), UUID(int=32))

OUTCOMES: Final = (
    Approved("ch-1", captured=True),
    Approved("ch-1", captured=False),
    Approved("ch-1", captured=False),
    decline(),
    Unprocessed("never left"),
    Unknown("no answer"),
    ActionRequired("ref-1", "https://bank.example"),
    Pending("ref-1"),
    Withdrawn(),
)
KINDS: Final = (*[OperationKind.CAPTURE] * 4, *[OperationKind.REFUND] * 4, OperationKind.CANCEL)
ANSWERS: Final[tuple[FollowUp | Withdrawn, ...]] = (
    *[Done(f"done-{number}") for number in range(7)],
    Refused("no", "No."),
    Unknown("no answer"),
    Pending("p"),
    Withdrawn(),
)


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and the payment as it was right after the step that wrote it. `last` of its step."""

    type: str
    object_id: UUID
    happened: Happened
    data: bytes = field(repr=False)
    snapshot: Snapshot = field(repr=False)
    last: bool


@dataclass(slots=True)
class Life:
    """One payment, lived by steps; what is refused or illegal changes nothing, as in the database."""

    number: int
    currency: str = "USD"
    ids: Any = field(default_factory=lambda: count(1))
    now: datetime = START
    told: list[Told] = field(default_factory=list)
    counts: dict[UUID, int] = field(default_factory=dict)
    snapshot: Snapshot = field(init=False)

    def __post_init__(self) -> None:
        new = NewPayment(
            id=self.id(),
            merchant_id=MERCHANT,
            money=Money(AMOUNT, self.currency),
            capture="manual",
            initiator="customer",
            customer_id=None,
            merchant_reference=None,
            return_url=None,
            routing=None,
            recovery_policy=None,
            metadata={},
        )
        self.write(steps.opened(new, payment_method_id=None, now=self.now))

    def id(self) -> UUID:
        return UUID(int=self.number << 64 | next(self.ids))

    def write(self, step: Step) -> None:
        self.snapshot = step.after
        objects = Objects(lambda merchant, attempt: "")
        for place, fact in enumerate(step.happened):
            if fact.startswith("refund."):
                operation = step.after.operation(step.operation_id) if step.operation_id else None
                assert operation is not None
                about, data = operation.id, objects.refund(operation, livemode=False)
            else:
                about, data = step.payment.id, objects.payment(step.after, livemode=False)
            self.counts[about] = self.counts.get(about, 0) + 1
            happened = Happened(self.id(), self.counts[about], self.now)
            last = place == len(step.happened) - 1
            self.told.append(Told(fact, about, happened, data, step.after, last))

    def tried(self, work: Callable[[], Step | None]) -> None:
        self.now += timedelta(seconds=1)
        try:
            step = work()
        except (Refusal, IllegalMove):
            return
        if step is not None:
            self.write(step)

    def start(self, account: int) -> None:
        target = Target(self.id(), self.id(), ACCOUNTS[account], UUID(int=4), "\\x00", "visa", Reason.INITIAL)
        self.tried(lambda: steps.started(self.snapshot, target, now=self.now, patience=PATIENCE))

    def answer(self, which: int) -> None:
        attempts = self.snapshot.attempts
        if attempts:
            outcome = OUTCOMES[which % len(OUTCOMES)]
            self.tried(
                lambda: steps.answered(self.snapshot, attempts[-1].id, outcome, now=self.now, latency_ms=1)
            )

    def operate(self, kind: OperationKind, amount: int | None, *, final: bool) -> None:
        new = NewOperation(self.id(), kind, amount, final)
        self.tried(lambda: operations.begun(self.snapshot, new, now=self.now, patience=PATIENCE))

    def undo(self, which: int) -> None:
        """Evidence that something did not last."""
        no = Refused("no", "No.")
        attempts, made = self.snapshot.attempts, self.snapshot.operations
        about: list[Undoing] = [CaptureLost(None, no)]
        about += [CaptureLost(one.id, no) for one in made if one.kind is OperationKind.CAPTURE]
        about += [RefundLost(one.id, no) for one in made if one.kind is OperationKind.REFUND]
        about += [MoneyReturned(one.id, decline()) for one in attempts]
        about += [HoldGone(one.id) for one in attempts]
        undoing = about[which % len(about)]
        if hindrance(self.snapshot, undoing) is None:
            self.tried(lambda: undone(self.snapshot, undoing, now=self.now))

    def conclude(self, which: int, answer: int) -> None:
        if made := self.snapshot.operations:
            operation = made[-1 - which % len(made)]
            news = ANSWERS[answer % len(ANSWERS)]
            self.tried(lambda: operations.concluded(self.snapshot, operation.id, news, now=self.now))


def _lived(number: int, currency: str, how: int, acts: list[tuple[int, int, int]]) -> Life:
    life = Life(number, currency)
    if how:
        life.start(0)
        life.answer(how % 2)
    amounts = (300, 1, 700, AMOUNT, None)
    for act, one, other in acts:
        match act:
            case 0:
                life.start(one % 2)
            case 1:
                life.answer(one)
            case 2:
                life.operate(KINDS[one % len(KINDS)], amounts[other % len(amounts)], final=other > 80)
            case 3:
                life.conclude(one, other)
            case _:
                life.undo(one)
    return life


def lives(number: st.SearchStrategy[int] | None = None) -> st.SearchStrategy[Life]:
    """Histories; most begin with money that is held or taken."""
    acts = st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 2, 2, 3, 3, 3, 4]), st.integers(0, 99), st.integers(0, 99)),
        min_size=4,
        max_size=25,
    )
    return st.builds(
        _lived,
        number or st.just(1),
        st.sampled_from(["USD", "EUR"]),
        st.sampled_from([1, 3, 2, 0]),
        acts,
    )
