"""The picture of the results, drawn as those of routing are."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from bench.recovery.contest import BEST_FIXED_ROUTES, ORACLE, OURS, OURS_TIME
from bench.recovery.results import Results
from bench.routing.intervals import Mean, mean_of
from bench.routing.plots import COLOURS, Line, chart

DRAWN: Final = {
    ORACLE: "#222222",
    OURS: "#0b6e4f",
    OURS_TIME: "#7fb59f",
    BEST_FIXED_ROUTES: "#5b8db8",
    "1/3/5/7": "#c8553d",
    "Kill Bill, 8/8/8": "#b8860b",
    "Hyperswitch's ladder": "#7a6ff0",
}
TRIES: Final = 4
for _name, _colour in DRAWN.items():
    COLOURS.setdefault(_name, _colour)


def pictures(results: Results) -> dict[str, str]:
    """File name to SVG."""
    days = results.windows[-1]
    tries = TRIES if (days, TRIES) in results.budgets else results.budgets[-1][1]
    lines = [Line(name, _curve(results, name, (days, tries))) for name in DRAWN]
    title = f"What came back, day by day ({days} days, at most {tries} tries)"
    drawn = chart(title, lines, labels=("days after the decline", "% of what was owed"))
    return {"recovery-by-day.svg": drawn}


def _curve(results: Results, name: str, budget: tuple[int, int]) -> list[tuple[float, Mean]]:
    """What had come back until the end of each day."""
    curves = []
    for contest in results.contests:
        score = contest[budget][name]
        curves.append([100.0 * sum_ / score.owed for sum_ in accumulate(score.by_day)])
    days = list(zip(*curves, strict=True))
    means = [Mean(mean_of(day).value, 0.0) for day in days]
    return [(0.0, Mean(0.0, 0.0)), *((place + 1.0, mean) for place, mean in enumerate(means[: budget[0]]))]
