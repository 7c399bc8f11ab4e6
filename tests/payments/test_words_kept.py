"""What is kept of a processor's own words: never a card number."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import pytest
from tests.payments.beginnings import PATIENCE, START, opened, target

from recoup.outcomes.core import Approved, Refused, Unknown, Unprocessed
from recoup.payments.core import OperationKind, operations, steps
from recoup.payments.core.operations import NewOperation

NUMBER: Final = "4242424242424242"


@pytest.mark.parametrize("outcome", [Unprocessed(f"no card {NUMBER}"), Unknown(f"what is {NUMBER}?")])
def test_no_card_number_in_a_processors_words_is_kept(outcome: Unprocessed | Unknown) -> None:
    begun = steps.first_attempt(opened(), target(1), now=START, patience=PATIENCE)
    assert begun.begun is not None
    step = steps.answered(begun.after, begun.begun.id, outcome, now=START, latency_ms=None)
    assert step is not None and step.payment.failure and step.after.attempts[0].why
    assert NUMBER not in f"{step.payment} {step.after.attempts[0].why}"


@pytest.mark.parametrize(
    "answer", [Refused(NUMBER, f"No refund to {NUMBER}."), Unknown(f"what is {NUMBER}?")]
)
def test_nor_in_those_about_an_operation(answer: Refused | Unknown) -> None:
    begun = steps.first_attempt(opened(), target(1), now=START, patience=PATIENCE)
    assert begun.begun is not None
    held = steps.answered(begun.after, begun.begun.id, Approved("ch-1"), now=START, latency_ms=None)
    assert held is not None
    new = NewOperation(UUID(int=9), OperationKind.CAPTURE)
    taking = operations.begun(held.after, new, now=START, patience=PATIENCE)
    step = operations.concluded(taking.after, new.id, answer, now=START)
    assert step is not None
    assert NUMBER not in repr(step.after.operations)
