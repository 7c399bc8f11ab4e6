"""The laws of the core: no sequence of calls and answers, however odd, breaks a sum, a number or a rule."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace
from tests.payments.bank import decline, lost_card, no_funds
from tests.payments.beginnings import AMOUNT, PATIENCE, START, opened, target

from recoup.kit.refusals import Refusal
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Done,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
    Withdrawn,
)
from recoup.payments.core import (
    ATTEMPT_MOVES,
    HOLDS_MONEY_MAYBE,
    Attempt,
    AttemptState,
    IllegalMove,
    OperationKind,
    OperationState,
    Snapshot,
    Status,
    answers,
    evidence,
    operations,
    steps,
    undoing,
)
from recoup.payments.core.operations import NewOperation
from recoup.payments.core.records import ATTEMPTS_MAX
from recoup.payments.core.step import Step

OUTCOMES: Final = st.sampled_from(
    [
        Approved("ch-1", captured=True),
        Approved("ch-1", captured=False),
        Approved("ch-1", captured=False),
        decline(),
        no_funds(),
        lost_card(),
        Unprocessed("never left"),
        Unknown("no answer"),
        ActionRequired("ref-1", "https://bank.example"),
        Pending("ref-1"),
        Withdrawn(),
    ]
)
FOLLOW_UPS: Final = st.sampled_from(
    [
        Done("done-1"),
        Done("done-2"),
        Done("done-3"),
        Refused("no", "No."),
        Unprocessed("never left"),
        Unknown("no answer"),
        Pending("p"),
        Withdrawn(),
    ]
)
EVIDENCE: Final = st.sampled_from(
    [Approved("ch-1", captured=True), Approved("ch-1"), lost_card(), Pending("ref-1"), Unknown("no answer")]
)
SEEN: Final[set[Status]] = set()
UNDONE: Final[set[type]] = set()


class Life(RuleBasedStateMachine):
    """One payment, and everybody who may have something to say about it."""

    def __init__(self) -> None:
        super().__init__()
        self.ids = count(1)
        self.now = START
        self.told: Counter[UUID] = Counter()
        self.snapshot = Snapshot(opened().payment)
        self.version = 0

    @initialize(begins=st.sampled_from(["new", "new", "held", "held", "taken", "given back"]))
    def open(self, begins: str) -> None:
        """Most lives begin with money that can be captured, refunded, or come back."""
        self.write(opened())
        if begins == "new":
            return
        self.write(self.start_step())
        self.hear(self.snapshot.attempts[0], Approved("ch-1", captured=begins != "held"))
        if begins == "given back":
            self.write(self.begin_step(OperationKind.REFUND, 300))
            self.conclude_last(Done("refunded"))

    def conclude_last(self, answer: Any) -> None:
        last = self.snapshot.operations[-1]
        step = operations.concluded(self.snapshot, last.id, answer, now=self.tick())
        assert step is not None
        self.write(step)

    def write(self, step: Step) -> None:
        """Take a step as the database does, and check what every step must keep."""
        payment = step.payment
        assert payment.version == self.version + 1
        counted = sum(fact.startswith("payment.") for fact in step.happened)
        before = 0 if step.before is None else step.before.payment.events_count
        assert payment.events_count == before + counted
        for fact in step.happened:
            about = step.operation_id if fact.startswith("refund.") else payment.id
            assert about is not None
            self.told[about] += 1
            if fact.startswith("refund."):
                assert self.told[about] in ((1,) if fact == "refund.created" else (2, 3))
        assert self.told[payment.id] == payment.events_count
        assert (step.ask_at is not None) == steps.is_open(step.after), "what is open is asked about"
        assert step.ask_at is None or step.ask_at > self.now
        assert step.is_in(step.after)
        self.snapshot, self.version = step.after, payment.version

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def refused(self, work: Any) -> bool:
        """Do it; where it is refused, nothing changed."""
        before = self.snapshot
        try:
            self.write(work())
        except Refusal:
            assert self.snapshot is before
            return True
        return False

    def start_step(self) -> Step:
        return steps.started(self.snapshot, target(next(self.ids)), now=self.tick(), patience=PATIENCE)

    def begin_step(self, kind: OperationKind, amount: int | None = None, *, final: bool = False) -> Step:
        new = NewOperation(UUID(int=10_000 + next(self.ids)), kind, amount, final)
        return operations.begun(self.snapshot, new, now=self.tick(), patience=PATIENCE)

    @precondition(lambda self: self.snapshot.open_attempt is None)
    @rule()
    def start(self) -> None:
        startable = {Status.REQUIRES_PAYMENT_METHOD, Status.DECLINED, Status.FAILED}
        allowed = (
            self.snapshot.payment.status in startable and self.snapshot.payment.attempts_count < ATTEMPTS_MAX
        )
        assert self.refused(self.start_step) != allowed

    @precondition(lambda self: self.snapshot.attempts)
    @rule(outcome=OUTCOMES)
    def answer(self, outcome: Any) -> None:
        """An answer or evidence about the attempt that was made last."""
        self.hear(self.snapshot.attempts[-1], outcome)

    @precondition(lambda self: len(self.snapshot.attempts) > 1)
    @rule(outcome=OUTCOMES, which=st.integers(0, 100))
    def answer_late(self, outcome: Any, which: int) -> None:
        """Or about one that is closed long since."""
        self.hear(self.snapshot.attempts[which % len(self.snapshot.attempts)], outcome)

    def hear(self, attempt: Attempt, outcome: Any) -> None:
        before = self.snapshot
        if not answers.takes(attempt, outcome) and not answers.says_nothing_new(attempt, outcome):
            with pytest.raises(IllegalMove):
                steps.answered(before, attempt.id, outcome, now=self.tick(), latency_ms=1)
            assert self.snapshot is before
            return
        step = steps.answered(before, attempt.id, outcome, now=self.tick(), latency_ms=1)
        if step is None:
            return
        if isinstance(outcome, Unknown):
            assert attempt.state is AttemptState.STARTED, "an unknown moves nothing that waits"
        self.write(step)

    @precondition(
        lambda self: self.snapshot.open_attempt and self.snapshot.open_attempt.state is AttemptState.STARTED
    )
    @rule(outcome=st.sampled_from([decline(), Unprocessed("never left")]))
    def fail_over(self, outcome: Any) -> None:
        attempt = self.snapshot.open_attempt
        assert attempt is not None
        self.refused(
            lambda: steps.failed_over(
                self.snapshot,
                attempt.id,
                outcome,
                target(next(self.ids)),
                now=self.tick(),
                latency_ms=1,
                patience=PATIENCE,
            )
        )

    @precondition(lambda self: self.snapshot.payment.authorized)
    @rule(
        kind=st.sampled_from(OperationKind),
        amount=st.sampled_from([300, 1, 700, AMOUNT, AMOUNT + 1, None]),
        final=st.booleans(),
    )
    def operate(self, kind: OperationKind, amount: int | None, final: bool) -> None:
        amounts, status = self.snapshot.payment.amounts, self.snapshot.payment.status
        if self.refused(lambda: self.begin_step(kind, amount, final=final)):
            return
        if kind is OperationKind.REFUND:
            assert (amount or 1) <= amounts.refundable
        else:
            assert status in (Status.AUTHORIZED, Status.PARTIALLY_CAPTURED)
            assert (amount or 1) <= amounts.capturable or kind is OperationKind.CANCEL

    @precondition(lambda self: self.snapshot.operations)
    @rule(answer=FOLLOW_UPS, which=st.sampled_from([1, 1, 1, 2, 3]))
    def conclude(self, answer: Any, which: int) -> None:
        """An answer or evidence about the last operation, or an earlier one."""
        operation = self.snapshot.operations[-min(which, len(self.snapshot.operations))]
        before, state = self.snapshot, operation.state
        same_again = isinstance(answer, Pending) and state is OperationState.PENDING
        if not operations.takes(operation, answer) and not same_again and not isinstance(answer, Unknown):
            with pytest.raises(IllegalMove):
                operations.concluded(before, operation.id, answer, now=self.tick())
            return
        step = operations.concluded(before, operation.id, answer, now=self.tick())
        if same_again or (isinstance(answer, Unknown) and state is not OperationState.STARTED):
            assert step is None, "an unknown moves nothing that waits"
            return
        assert step is not None
        self.write(step)

    @precondition(lambda self: self.snapshot.attempts)
    @rule(told=EVIDENCE, which=st.integers(0, 100))
    def tell_of_attempt(self, told: Any, which: int) -> None:
        """Evidence about an attempt that is closed, whichever and however often."""
        attempt = self.snapshot.attempts[which % len(self.snapshot.attempts)]
        if not ATTEMPT_MOVES[attempt.state] or attempt.state is AttemptState.APPROVED:
            self.undo(evidence.of_attempt(self.snapshot, attempt, told))

    @precondition(lambda self: self.snapshot.operations)
    @rule(answer=st.sampled_from([Done("d"), Refused("bounced", "It came back.")]), which=st.integers(0, 100))
    def tell_of_operation(self, answer: Any, which: int) -> None:
        """Evidence about a capture, cancellation or refund that has ended."""
        operation = self.snapshot.operations[which % len(self.snapshot.operations)]
        if operation.finished_at is not None:
            self.undo(evidence.of_operation(operation, answer))

    @precondition(lambda self: self.snapshot.payment.refunded)
    @rule()
    def bounce(self) -> None:
        """A refund comes back."""
        given = [one for one in self.snapshot.operations if one.kind is OperationKind.REFUND]
        done = next(one for one in given if one.state is OperationState.SUCCEEDED)
        self.undo(evidence.of_operation(done, Refused("bounced", "It came back.")))

    @precondition(lambda self: self.snapshot.payment.captured)
    @rule()
    def lose_what_was_taken_at_once(self) -> None:
        self.undo(undoing.CaptureLost(None, Refused("no", "No.")))

    def undo(self, verdict: Any) -> None:
        """Where it is not hindered; it never makes money that was not there."""
        before = self.snapshot
        if not isinstance(verdict, evidence.Agrees | evidence.Against):
            if undoing.hindrance(before, verdict) is not None:
                return
            self.write(undoing.undone(before, verdict, now=self.tick()))
            UNDONE.add(type(verdict))
        after = self.snapshot.payment
        assert after.captured <= before.payment.captured
        assert after.refunded <= before.payment.refunded
        assert len(self.snapshot.attempts) == len(before.attempts), "no evidence starts an attempt"

    @rule(promised=st.booleans(), seldom=st.sampled_from(range(8)))
    def cancel(self, promised: bool, seldom: int) -> None:
        if seldom != 5:
            return  # or most lives would be short
        held = self.snapshot.open_attempt
        proof = Withdrawn() if promised else None
        refused = self.refused(lambda: steps.abandoned(self.snapshot, now=self.tick(), proof=proof))
        if held is not None:
            assert refused or (promised and held.state is AttemptState.REQUIRES_ACTION)

    @precondition(lambda self: steps.is_open(self.snapshot) and self.snapshot.attempts[-1].asked < 2)
    @rule()
    def ask(self) -> None:
        before = self.snapshot
        self.write(steps.asked(before, now=self.tick()))
        same = replace(self.snapshot.payment, version=before.payment.version)
        assert same == before.payment, "a question without an answer changes nothing"

    @precondition(lambda self: self.snapshot.payment.recovery_id is None)
    @rule()
    def attach_recovery(self) -> None:
        self.write(steps.recovery_attached(self.snapshot, UUID(int=next(self.ids)), now=self.tick()))

    @invariant()
    def the_sums_are_right(self) -> None:
        payment, ended = self.snapshot.payment, OperationState.SUCCEEDED
        amounts = payment.amounts  # which asserts that no part is more than its whole
        sums: Counter[tuple[OperationKind, bool]] = Counter()
        for one in self.snapshot.operations:
            if one.state is not OperationState.FAILED:
                sums[one.kind, one.state is ended] += one.amount
        at_once = [one for one in self.snapshot.attempts if one.state is AttemptState.APPROVED]
        taken = sums[OperationKind.CAPTURE, True]
        assert amounts.captured in (taken, AMOUNT) and (amounts.captured == taken or not taken)
        assert amounts.capture_pending == sums[OperationKind.CAPTURE, False]
        assert amounts.refunded == sums[OperationKind.REFUND, True]
        assert amounts.refund_pending == sums[OperationKind.REFUND, False]
        assert amounts.authorized == (AMOUNT if at_once else 0)

    @invariant()
    def what_the_state_forbids_is_refused(self) -> None:
        if self.snapshot.open_attempt is not None:
            assert self.refused(self.start_step), "nothing starts while an attempt may hold money"
        if not self.snapshot.payment.authorized:
            assert all(self.refused(lambda kind=kind: self.begin_step(kind)) for kind in OperationKind)

    @invariant()
    def at_most_one_attempt_may_hold_money(self) -> None:
        held = [one for one in self.snapshot.attempts if one.state in HOLDS_MONEY_MAYBE]
        assert len(held) <= 1
        assert [one.number for one in self.snapshot.attempts] == list(
            range(1, len(self.snapshot.attempts) + 1)
        )

    @invariant()
    def the_status_says_what_is_there(self) -> None:
        payment, held = self.snapshot.payment, self.snapshot.open_attempt
        SEEN.add(payment.status)
        state = None if held is None else held.state
        match payment.status:
            case Status.PROCESSING:
                assert state in (AttemptState.STARTED, AttemptState.PENDING)
            case Status.UNRESOLVED:
                assert state is AttemptState.UNKNOWN
            case Status.REQUIRES_ACTION:
                assert state is AttemptState.REQUIRES_ACTION and payment.next_action is not None
            case Status.AUTHORIZED | Status.PARTIALLY_CAPTURED | Status.CAPTURED:
                assert state is AttemptState.APPROVED
            case Status.CANCELED:
                assert payment.captured == 0 and payment.amounts.capturable == 0
            case _:
                assert state is None
        assert (payment.decline is not None) == (payment.status is Status.DECLINED) or (
            payment.status is Status.CANCELED
        )
        assert (payment.amounts.capturable == 0) or payment.status in (
            Status.AUTHORIZED,
            Status.PARTIALLY_CAPTURED,
        )

    @invariant()
    def captures_and_cancellations_go_one_at_a_time(self) -> None:
        under_way = [
            one
            for one in self.snapshot.operations
            if one.kind is not OperationKind.REFUND and one.finished_at is None
        ]
        assert len(under_way) <= 1


def test_a_life_of_any_shape_keeps_the_laws() -> None:
    run_state_machine_as_test(Life, settings=settings(max_examples=200, stateful_step_count=40))
    assert len(SEEN) > len(Status) // 2, "the lives were too short to prove anything"
    kinds = {undoing.MoneyReturned, undoing.CaptureLost, undoing.RefundLost, undoing.HoldGone}
    assert kinds == UNDONE, "something was never undone"


@given(asked=st.integers(0, 10**6))
def test_questions_slow_down_and_never_end(asked: int) -> None:
    """No answer is ever assumed: the next question is always later, and never more than a day away."""
    next_one = steps.ask_again_at(asked, START)
    assert START < next_one <= steps.ask_again_at(asked + 1, START) <= START + timedelta(days=1)
