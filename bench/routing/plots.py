"""Pictures of the results as SVG, written by hand: no library, the same bytes from the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import fmean
from typing import Final

from bench.routing.contest import BEST_STATIC, HYPERSWITCH, ORACLE, OURS, THOMPSON
from bench.routing.drill import OUTAGE_MINUTES, WARM_UP_MINUTES
from bench.routing.intervals import Mean
from bench.routing.results import Results, rows, sweep_points
from bench.routing.scenarios import GOAL_GAP, SCENARIOS

WIDTH: Final = 760
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 44, 48
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
    frame = _Frame(height, (0.0, float(len(groups))), (-100.0, 100.0))
    body = [*frame.grid(range(-100, 101, 25), "% of the gap closed"), frame.across(GOAL_GAP, "goal")]
    for place, (label, gaps) in enumerate(groups):
        body.append(_text(frame.x(place + 0.5), height - BOTTOM + 18, label, anchor="middle"))
        for step, name in enumerate(names):
            gap = gaps.get(name)
            if gap is not None:
                body += frame.bar(place + 0.14 + 0.18 * step, 0.16, gap, COLOURS[name])
    return _svg(height, "Part of the gap from best static to oracle that is closed", [*body, *_legend(names)])


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
    height = 360
    xs = [x for line in lines for x, _ in line.points]
    lows = [mean.value - mean.half for line in lines for _, mean in line.points]
    highs = [mean.value + mean.half for line in lines for _, mean in line.points]
    ticks = _ticks(min(0.0, *lows), max(highs))
    frame = _Frame(height, (min(xs), max(xs)), (ticks[0], ticks[-1]))
    body = [] if shaded is None else [frame.band(*shaded)]
    body += [*frame.grid(ticks, labels[1]), *frame.along(_ticks(min(xs), max(xs)), labels[0])]
    for line in lines:
        body += frame.line(line, COLOURS.get(line.name, _OTHER))
    return _svg(height, title, [*body, *_legend([line.name for line in lines])])


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from below the lowest to above the highest."""
    span = max(high - low, 1e-9)
    step = next(
        size * 10**power
        for power in range(-4, 8)
        for size in (1.0, 2.0, 5.0)
        if span / (size * 10**power) <= 8
    )
    first = int(low // step)
    last = int(-(-high // step))
    return [round(place * step, 6) for place in range(first, last + 1)]


class _Frame:
    """Where values lie on the picture."""

    def __init__(self, height: int, across: tuple[float, float], up: tuple[float, float]) -> None:
        self._height = height
        self._across = across
        self._up = up

    def x(self, value: float) -> float:
        low, high = self._across
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self._up
        share = (min(max(value, low), high) - low) / (high - low)
        return self._height - BOTTOM - share * (self._height - TOP - BOTTOM)

    def grid(self, ticks: Sequence[float] | range, label: str) -> list[str]:
        found = [_text(LEFT, TOP - 10, label, anchor="start", size=11)]
        for tick in ticks:
            y = self.y(tick)
            weight = "#999" if tick == 0 else "#e3e3e3"
            found.append(_stroke((LEFT, y), (WIDTH - RIGHT, y), weight))
            found.append(_text(LEFT - 8, y + 4, f"{tick:g}", anchor="end"))
        return found

    def along(self, ticks: Sequence[float], label: str) -> list[str]:
        bottom = self._height - BOTTOM
        low, high = self._across
        found = [
            _text(self.x(tick), bottom + 18, f"{tick:g}", anchor="middle")
            for tick in ticks
            if low <= tick <= high
        ]
        middle = (LEFT + WIDTH - RIGHT) / 2
        return [*found, _text(middle, bottom + 36, label, anchor="middle", size=11)]

    def across(self, value: float, label: str) -> str:
        y = self.y(value)
        dashed = _stroke((LEFT, y), (WIDTH - RIGHT, y), "#0b6e4f", dash="5 4")
        return dashed + _text(LEFT + 4, y - 4, f"{label} {value:g}", anchor="start", size=11)

    def band(self, start: float, end: float) -> str:
        low, high = self._across
        left, right = self.x(min(max(start, low), high)), self.x(min(max(end, low), high))
        inner = self._height - TOP - BOTTOM
        return _box(left, TOP, width=right - left, height=inner, colour="#f6e7e4")

    def bar(self, at: float, width: float, mean: Mean, colour: str) -> list[str]:
        left, right = self.x(at), self.x(at + width)
        top, bottom = self.y(max(mean.value, 0.0)), self.y(min(mean.value, 0.0))
        middle = (left + right) / 2
        return [
            _box(left, top, width=right - left, height=max(bottom - top, 0.5), colour=colour),
            _stroke(
                (middle, self.y(mean.value - mean.half)), (middle, self.y(mean.value + mean.half)), "#222"
            ),
        ]

    def line(self, line: Line, colour: str) -> list[str]:
        path = " ".join(f"{self.x(x):.1f},{self.y(mean.value):.1f}" for x, mean in line.points)
        found = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
        for x, mean in line.points:
            if mean.half > 0:
                low, high = self.y(mean.value - mean.half), self.y(mean.value + mean.half)
                found.append(_stroke((self.x(x), low), (self.x(x), high), colour))
        return found


def _legend(names: Sequence[str]) -> list[str]:
    found = []
    for place, name in enumerate(names):
        y = TOP + 14 + 20 * place
        colour = COLOURS.get(name, _OTHER)
        found.append(_box(WIDTH - RIGHT + 14, y - 9, width=10, height=10, colour=colour))
        found.append(_text(WIDTH - RIGHT + 30, y, _short(name), anchor="start", size=11))
    return found


_SHORT: Final[Mapping[str, str]] = {
    "Thompson sampling for each BIN": "Thompson for each BIN",
    "Thompson sampling, forgetting (0.9995)": "Thompson, forgetting",
    BEST_STATIC: "Best static",
}


def _short(name: str) -> str:
    return _SHORT.get(name, name)


def _text(x: float, y: float, said: str, *, anchor: str, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="#333">{escape(said)}</text>'


def _stroke(
    start: tuple[float, float], end: tuple[float, float], colour: str, *, dash: str | None = None
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="{colour}" '
        f'stroke-width="1"{dashed}/>'
    )


def _box(x: float, y: float, *, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _svg(height: int, title: str, body: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="Helvetica, Arial, sans-serif" role="img"><title>{escape(title)}</title>'
    )
    back = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    heading = _text(LEFT, 20, title, anchor="start", size=14)
    return "\n".join([head, back, heading, *body, "</svg>", ""])
