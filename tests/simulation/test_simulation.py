"""The simulation, small: what `make sim` does with a hundred thousand payments, with a few hundred."""

from __future__ import annotations

from typing import Final

import pytest
from tests.simulation.chaos import Blow
from tests.simulation.orders import AFTER_SHARE, BEFORE_SHARE, orders_of
from tests.simulation.running import Plan, simulate

SMALL: Final = Plan(
    seed=20261122,
    payments=200,
    merchants=2,
    apart_s=(0.5, 1.5),
    dead_s=(1.0, 2.0),
    blows=(Blow.KILL_API, Blow.DEAD_CONSUMER, Blow.KILL_WORKER, Blow.CRASH_DATABASE),
)


@pytest.mark.slow
async def test_whatever_befalls_everybody_agrees_in_the_end() -> None:
    """No double charge, no wrong status, books that balance, and a consumer that knows it all."""
    told = await simulate(SMALL)
    assert told.wrong == [], f"seed {told.plan.seed}\n" + "\n".join(told.stories or map(str, told.wrong))
    assert told.seen["payments"] >= SMALL.payments
    assert all(told.seen[blow] for blow in SMALL.blows or ()), "everything befell it"
    for often in (
        "payments that failed over",
        "recoveries recovered",
        "refunds succeeded",
        "answered 500",
        "events read to fill gaps",
    ):
        assert told.seen[often], f"the weather was too good: {often}"


def test_one_seed_makes_the_same_orders_and_another_one_others() -> None:
    assert orders_of(7, 0, 50, subscribers=3) == orders_of(7, 0, 50, subscribers=3)
    assert orders_of(7, 0, 50, subscribers=3) != orders_of(8, 0, 50, subscribers=3)
    assert orders_of(7, 0, 80, subscribers=3)[:50] == orders_of(7, 0, 50, subscribers=3)


def test_as_much_goes_wrong_as_is_said() -> None:
    orders = orders_of(1, 0, 20_000, subscribers=3)
    kinds = [order.fault["kind"] for order in orders if order.fault is not None]
    assert kinds.count("timeout_after_success") / len(orders) == pytest.approx(AFTER_SHARE, abs=0.005)
    assert kinds.count("timeout_before_processing") / len(orders) == pytest.approx(BEFORE_SHARE, abs=0.005)
