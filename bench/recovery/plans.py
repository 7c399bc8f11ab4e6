"""How many plans of due recoveries one core makes in a second: `python -m bench.recovery.plans`.

Whole plans with their why, their facts and what trying now would be worth, one at a time and together, beside the bare
limit of the same matrices: for each plan, the products that the greedy steps and the exchanges cannot do without.
Times are of the processor, the least of many rounds, for other work disturbs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from time import process_time
from typing import Annotated, Final
from uuid import UUID

import numpy as np
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from recoup.kit.money import Money
from recoup.outcomes.core import Category
from recoup.paydays.core import beliefs
from recoup.recovery.core.chances import OTHERS
from recoup.recovery.core.known import Known, Seen
from recoup.recovery.core.policy import DEFAULT
from recoup.recovery.core.weighing import Weighed, weigh_many

NOW: Final = datetime(2026, 11, 22, 15, tzinfo=UTC)
TOGETHER: Final = (1, 8, 32)
ROUTES: Final = 5
SEEN: Final = 8
"""Earlier tries of each card."""
SLOTS: Final = 35
GAINS: Final = 8
"""How often the gains of all slots are asked for a plan of four tries."""
_PLACES: Final = (("US", "America/New_York"), ("DE", "Europe/Berlin"), ("GB", "Europe/London"))
_CATEGORIES: Final = (Category.FUNDS, Category.ISSUER, Category.PROCESSOR, Category.LIMIT)

app = App(name="bench.recovery.plans", help=__doc__)


@dataclass(frozen=True, slots=True)
class Measured:
    """So many plans at once, and what one of them took."""

    together: int
    plan_s: float
    bare_s: float


def cases(count: int) -> list[Known]:
    """Refused payments of different people for different reasons, each with some months behind it."""
    accounts = tuple(UUID(int=n + 1) for n in range(ROUTES))
    return [_case(number, accounts) for number in range(count)]


def _case(number: int, accounts: tuple[UUID, ...]) -> Known:
    country, zone = _PLACES[number % len(_PLACES)]
    at = NOW - timedelta(hours=number % 7)
    seen = tuple(
        Seen(
            at=at - timedelta(days=30 * back),
            approved=back % 3 > 0,
            category="" if back % 3 else "funds",
            here=False,
            minor=4_999,
        )
        for back in range(SEEN, 0, -1)
    )
    return Known(
        now=NOW,
        deadline=at + DEFAULT.window,
        tries_left=DEFAULT.tries_max,
        amount=Money(4_999, "USD"),
        country=country,
        zone=zone,
        pay=None,
        category=_CATEGORIES[number % len(_CATEGORIES)].value,
        refused_at=at,
        not_before=NOW,
        advised_at=None,
        accounts=accounts,
        refused_by=accounts[0],
        seen=seen,
        refused=accounts[:1],
    )


def planned(known: Sequence[Known]) -> list[Weighed]:
    """The choices, with everything that is kept with them."""
    found = weigh_many(known)
    for one in found:
        one.facts()
    return found


def bare(together: int) -> Callable[[], object]:
    """The products of matrices of that many plans, and nothing else."""
    size = beliefs.HYPOTHESES + len(OTHERS)
    rows, there = np.ones((together, 8, size)), np.ones((together, SLOTS, size))
    return lambda: [rows @ there.swapaxes(1, 2) for _ in range(GAINS)]


def least(work: Callable[[], object], *, rounds: int) -> float:
    """The processor's time of the quickest of many rounds."""
    work()
    spent = []
    for _ in range(rounds):
        began = process_time()
        work()
        spent.append(process_time() - began)
    return min(spent)


def measured(*, rounds: int) -> list[Measured]:
    """What plans cost, alone and together."""
    found = []
    for together in TOGETHER:
        known = cases(together)
        took = least(partial(planned, known), rounds=rounds)
        found.append(Measured(together, took / together, least(bare(together), rounds=rounds) / together))
    return found


@app.default
def main(*, rounds: Annotated[int, Parameter(help="how many rounds")] = 60) -> None:
    """Print what a plan costs."""
    table = Table("plans at once", "ms each", "plans a second", "bare limit, ms each", "times the limit")
    for one in measured(rounds=rounds):
        times = (one.plan_s * 1e3, 1 / one.plan_s, one.bare_s * 1e3, one.plan_s / one.bare_s)
        shown = (f"{times[0]:.2f}", f"{times[1]:,.0f}", f"{times[2]:.3f}", f"{times[3]:.1f}")
        table.add_row(str(one.together), *shown)
    Console(width=100).print(table)


if __name__ == "__main__":
    app()
