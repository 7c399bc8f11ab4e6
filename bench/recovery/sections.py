"""What part of each gap is closed, as a section of the contest's page: the only part that another run writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from bench.recovery.shares import Budget, Sample

FIXED: Final = "Best fixed"
OURS: Final = "Recoup"
TRAINED: Final = "Recoup, trained"
BOUND: Final = "Ceiling, by day and as advised"
CEILING: Final = "Ceiling"
CHANCES: Final = "True chances"
LUCK: Final = "Luck"
POLICIES: Final = (FIXED, OURS, TRAINED, BOUND, CEILING, CHANCES, LUCK)
BEGINS: Final = "<!-- yardsticks -->"
ENDS: Final = "<!-- /yardsticks -->"
GOAL: Final = 80.0
WIDEST: Final = 100.0
"""An interval whose half is wider than this tells nothing of a share."""
_WAYS: Final = (
    ("Recoup", "luck", OURS, LUCK),
    ("trained", "luck", TRAINED, LUCK),
    ("ceiling", "luck", CEILING, LUCK),
    ("true chances", "luck", CHANCES, LUCK),
    ("Recoup", "true chances", OURS, CHANCES),
    ("Recoup", "the ceiling", OURS, CEILING),
    ("Recoup", "the ceiling by day and as advised", OURS, BOUND),
)

_TEXT: Final = """## What can be known at all

The oracle above knows luck. `python -m bench.recovery.yardsticks --write` holds the same policies against what could
be known, on {cases:,} cases, the first open ones of seeds {seeds}, and writes this section. It is run by itself:
**the other figures of this page come from another run**, of the policy as it was then.

* **Luck** is the oracle of this page: it knows which slot and route will be approved.
* **True chances** knows every cardholder as they are when their renewal is declined: pay and payday, what is spent, why
  it was declined, how the issuer sees this person on each route. What happens later it does not know: the spending of
  later cycles, transfers, irregular pay, outages, cards that die. It goes by the best true chance.
* **Ceiling** knows all numbers that the world is made of, and what each issuer is like, but of the cardholder what a
  merchant sees: 40,000 to 200,000 people are drawn for every case and weighed by record, code and advice; after a first
  try they are weighed again by its answer. It wants what is measured here and nothing else. A merchant does not even
  know the world, so no policy of theirs can do better but by chance, and by what drawing costs: of 110 cases drawn
  twice, one try chosen by one draw was worth 0.5 to 1.2 points less by the other than it was thought to be.
* **Ceiling, by day and as advised** knows as much, and makes no try between midnight and six, nor before a time that
  Mastercard's advice names: Recoup's own manners.

± is half of a 95 % interval over cases, drawn again 2,000 times.
"""


def section(sample: Sample, *, seeds: Sequence[int]) -> str:
    """The section, as Markdown between its marks."""
    told = ", ".join(str(seed) for seed in seeds)
    lines = [
        BEGINS,
        _TEXT.format(cases=len(sample.owed), seeds=told),
        *_nets(sample),
        *_gaps(sample),
        *_verdict(sample),
        ENDS,
    ]
    return "\n".join(lines)


def spliced(page: str, told: str) -> str:
    """A page with this section in the place of its older one, or before the tables by window."""
    if BEGINS in page:
        return re.sub(f"{re.escape(BEGINS)}.*?{re.escape(ENDS)}", lambda _: told, page, flags=re.DOTALL)
    at = page.index("## 7 days")
    return f"{page[:at]}{told}\n\n{page[at:]}"


def kept(page: str) -> str | None:
    """The section that a page has, for who writes the rest of it anew."""
    found = re.search(f"{re.escape(BEGINS)}.*?{re.escape(ENDS)}", page, flags=re.DOTALL)
    return None if found is None else found.group()


def _budgets(sample: Sample) -> list[Budget]:
    return sorted(sample.made[OURS], key=lambda one: (one[2], one[0], one[1]))


def _named(budget: Budget) -> tuple[str, str, str]:
    days, tries, routes = budget
    return f"{days}", f"{tries}", "one" if routes == 1 else "any"


def _nets(sample: Sample) -> Iterator[str]:
    yield "Net value, % of what was owed:"
    yield ""
    rows = [
        (*_named(budget), *(sample.percent(name, budget).shown(1) for name in POLICIES))
        for budget in _budgets(sample)
    ]
    yield from _table(("days", "tries", "route", *POLICIES), rows)


def _gaps(sample: Sample) -> Iterator[str]:
    yield "The part of the way from best fixed to each yardstick, %; - where the way is too short to be told from luck:"
    yield ""
    head = [f"{who} to {whom}" for who, whom, _, _ in _WAYS]
    rows = [
        (*_named(one), *(_way(sample, one, own=own, ceiling=top) for _, _, own, top in _WAYS))
        for one in _budgets(sample)
    ]
    yield from _table(("days", "tries", "route", *head), rows)
    yield "Points of net value by which Recoup is behind, and all tries per recovered payment:"
    yield ""
    behind = ("behind the ceiling", "behind the ceiling by day and as advised", "behind true chances")
    rows = [(*_named(one), *_behind(sample, one)) for one in _budgets(sample)]
    yield from _table(("days", "tries", "route", *behind, "tries, Recoup", "tries, ceiling"), rows)


def _way(sample: Sample, budget: Budget, *, own: str, ceiling: str) -> str:
    found = sample.closed(own, budget, floor=FIXED, ceiling=ceiling)
    return found.shown(0) if found.half <= WIDEST else "-"


def _behind(sample: Sample, budget: Budget) -> tuple[str, ...]:
    points = [sample.ahead(one, OURS, budget).shown(1, sign=True) for one in (CEILING, BOUND, CHANCES)]
    return (*points, *(f"{sample.tries(one, budget):.2f}" for one in (OURS, CEILING)))


def _verdict(sample: Sample) -> Iterator[str]:
    """Whether the goal can be reached by anybody, in words that follow from the numbers."""
    budgets = _budgets(sample)
    reached = [sample.closed(CEILING, one, floor=FIXED, ceiling=LUCK).value >= GOAL for one in budgets]
    chances = [sample.closed(CHANCES, one, floor=FIXED, ceiling=LUCK).value >= GOAL for one in budgets]
    fewest = min(sample.tries(CEILING, one) for one in budgets)
    yield (
        f"The goal of {GOAL:g} % of the gap to luck is reached by the ceiling at {sum(reached)} of {len(budgets)} "
        f"budgets, and by whoever knows every person's true chances at {sum(chances)}. The ceiling needs {fewest:.2f} "
        "tries per recovered payment at the fewest: cases that no try wins have to be tried before that is known."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('--:' for _ in head)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
