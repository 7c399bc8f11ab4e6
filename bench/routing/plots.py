"""Pictures of the results as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from bench.routing.contest import BEST_STATIC, HYPERSWITCH, ORACLE, OURS, THOMPSON
from bench.routing.drill import OUTAGE_MINUTES, WARM_UP_MINUTES
from bench.routing.intervals import Mean
from bench.routing.results import Results, rows, sweep_points
from bench.routing.scenarios import GOAL_GAP, SCENARIOS
from recoup.backtests import drawing
from recoup.backtests.drawing import BOTTOM, Frame, Point, legend, svg, text

COLOURS: Final = {
    OURS: "#0b6e4f",
    HYPERSWITCH: "#c8553d",
    THOMPSON: "#7a6ff0",
    "Thompson sampling for each BIN": "#b8860b",
    "Thompson sampling, forgetting (0.9995)": "#7a6ff0",
    "Sliding-window UCB (200)": "#888888",
    ORACLE: "#222222",
    "alpha": "#c8553d",
    "bravo": "#0b6e4f",
    "charlie": "#7a6ff0",
}
_OTHER: Final = "#5b8db8"


@dataclass(frozen=True, slots=True)
class Line:
    """A named row of points; a point may have an interval."""

    name: str
    points: Sequence[tuple[float, Mean]]


def pictures(results: Results) -> dict[str, str]:
    """File name to SVG, of what was run."""
    found = {"routing-gap.svg": _gaps(results), "routing-regret.svg": _regret(results)}
    if "affinity" in results.sweeps:
        found["routing-affinity.svg"] = _affinity(results)
    if results.drills:
        found["routing-outage.svg"] = _outage(results)
    return found


def _gaps(results: Results) -> str:
    """The part of the gap closed where issuers differ, as bars from 0."""
    names = (OURS, "Thompson sampling for each BIN", THOMPSON, HYPERSWITCH)
    groups = [
        (SCENARIOS[name].name.replace("_", " "), {row.policy: row.gap for row in rows(scores)})
        for name, scores in results.scenarios.items()
        if SCENARIOS[name].has_issuers
    ]
    height = 340
    frame = Frame(height, (0.0, float(len(groups))), (-100.0, 100.0))
    body = [*frame.grid(range(-100, 101, 25), "% of the gap closed"), frame.across(GOAL_GAP, "goal")]
    for place, (label, gaps) in enumerate(groups):
        body.append(text(frame.x(place + 0.5), height - BOTTOM + 18, label, anchor="middle"))
        for step, name in enumerate(names):
            gap = gaps.get(name)
            if gap is not None:
                body += frame.bar(place + 0.14 + 0.18 * step, 0.16, _point(0.0, gap), COLOURS[name])
    return svg(height, "Part of the gap from best static to oracle that is closed", [*body, *_legend(names)])


def _affinity(results: Results) -> str:
    points = sweep_points(results.sweeps["affinity"])
    lines = [
        Line(name, [(float(point.label), point.against[name]) for point in points])
        for name in (OURS, THOMPSON, HYPERSWITCH)
    ]
    lines.append(Line(ORACLE, [(float(point.label), point.gap) for point in points]))
    return chart(
        "The larger the affinity of issuers and acquirers, the more there is to win",
        lines,
        labels=("standard deviation on the logit scale", "points of approval above best static"),
    )


def _regret(results: Results) -> str:
    """What was lost against the oracle, adding up over the days of the scenario in which everything happens."""
    name = "everything" if "everything" in results.scenarios else next(iter(results.scenarios))
    scores = results.scenarios[name]
    lines = []
    for policy in (OURS, "Thompson sampling for each BIN", THOMPSON, HYPERSWITCH, BEST_STATIC):
        sums, points = [0.0] * len(scores), [(0.0, Mean(0.0, 0.0))]
        for day in sorted(scores[0][ORACLE].daily):
            sums = [
                total + one[ORACLE].daily.get(day, 0.0) - one[policy].daily.get(day, 0.0)
                for total, one in zip(sums, scores, strict=True)
            ]
            points.append((day + 1.0, Mean(fmean(sums), 0.0)))
        lines.append(Line(policy, points))
    return chart(
        f"Approvals lost against the oracle, adding up ({SCENARIOS[name].title.lower()})",
        lines,
        labels=("days", "payments lost"),
    )


def _outage(results: Results) -> str:
    kind = next(iter(results.drills))
    lines = []
    for policy in (OURS, "Thompson sampling, forgetting (0.9995)", HYPERSWITCH, "Sliding-window UCB (200)"):
        every = results.drills[kind].get(policy)
        if every:
            steps = min(len(one.by_ten_seconds) for one in every)
            shares = [100 * fmean(one.by_ten_seconds[step] for one in every) for step in range(steps)]
            lines.append(Line(policy, [(step / 6, Mean(share, 0.0)) for step, share in enumerate(shares)]))
    bounds = (WARM_UP_MINUTES, WARM_UP_MINUTES + OUTAGE_MINUTES)
    return chart(
        f"Share of payments asked of the acquirer that breaks ({kind})",
        lines,
        labels=("minutes, at a thousand payments each", "% of payments"),
        shaded=bounds,
    )


def chart(
    title: str,
    lines: Sequence[Line],
    *,
    labels: tuple[str, str],
    shaded: tuple[float, float] | None = None,
) -> str:
    """Lines over a grid, as SVG; `shaded` is a part of the x axis."""
    drawn = [
        drawing.Line(_short(line.name), _colour(line.name), [_point(x, mean) for x, mean in line.points])
        for line in lines
    ]
    return drawing.chart(title, drawn, labels=labels, shaded=shaded)


def _point(x: float, mean: Mean) -> Point:
    return Point(x, mean.value, mean.value - mean.half, mean.value + mean.half)


def _legend(names: Sequence[str]) -> list[str]:
    return legend([(_short(name), _colour(name)) for name in names])


def _colour(name: str) -> str:
    return COLOURS.get(name, _OTHER)


_SHORT: Final[Mapping[str, str]] = {
    "Thompson sampling for each BIN": "Thompson for each BIN",
    "Thompson sampling, forgetting (0.9995)": "Thompson, forgetting",
    BEST_STATIC: "Best static",
}


def _short(name: str) -> str:
    return _SHORT.get(name, name)
