"""A small version of the simulated years: both ways of charging bill everybody for every month, once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bench.billing.figures import Lived, joined
from bench.billing.life import DUE, PAYDAY, START, Arm, Span
from bench.billing.page import page, picture
from bench.billing.people import Crowd
from bench.billing.years import Task, arm_lived, parted

SPAN = Span(seed=7, subscriptions=30, months=3, tick_s=21_600)


async def arm(which: Arm, tmp_path: Path, database_url: str, *, groups: int = 1) -> Lived:
    return joined(
        [
            await arm_lived(Task(span, which), folder=tmp_path, conninfo=database_url)
            for span in parted(SPAN, groups)
        ]
    )


async def test_both_arms_bill_each_period_once_and_agree_with_the_bank(
    tmp_path: Path, database_url: str
) -> None:
    """What must hold of each (each period billed once, nothing paid twice, sums equal) is checked where it is read."""
    due, payday = await arm(DUE, tmp_path, database_url, groups=2), await arm(PAYDAY, tmp_path, database_url)
    assert np.array_equal(due.of("billed_minor"), payday.of("billed_minor")), (
        "both bill the same people the same"
    )
    assert due.total("invoices") == payday.total("invoices") == SPAN.subscriptions * SPAN.months
    assert due.total("moved") == 0 < payday.total("moved"), "only who agreed is charged on another day"
    assert max(payday.moved_by) <= PAYDAY.window_days
    assert "failed, %" in page([due, payday]) and picture([due, payday]).startswith("<svg")


def test_luck_belongs_to_person_and_slot_whoever_asks_and_in_which_order() -> None:
    one, other = (Crowd(7, 40, start=START) for _ in range(2))
    asked = [(person, one.due_at(person, period)) for person in range(40) for period in (0, 14)]
    answers = {
        who: one.answer(*who, amount=2_000, recent=0, mended=False) for who in [*asked, *reversed(asked)]
    }
    for person, at in sorted(asked, key=lambda who: -who[0]):
        assert one.period(person, at) in (0, 14) and other.slot(person, at) == one.slot(person, at)
        assert other.answer(person, at, amount=2_000, recent=0, mended=False) == answers[person, at]
