"""Pictures as SVG, written by hand: no library, the same bytes from the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 760
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 44, 48
NAMED: Final = 210
"""How far from the left bars begin, so that there is room for the names of their groups."""
BAR: Final = 13


class Point(NamedTuple):
    """A point of a line with its interval, which may be nothing (low and high are the value)."""

    x: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """A named row of points. `banded`: intervals are shown as one area instead of a stroke at every point."""

    name: str
    colour: str
    points: Sequence[Point]
    banded: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """A named row of bars, one in each group; None where there is none."""

    name: str
    colour: str
    values: Sequence[Point | None]


def chart(
    title: str,
    lines: Sequence[Line],
    *,
    labels: tuple[str, str],
    shaded: tuple[float, float] | None = None,
) -> str:
    """Lines over a grid, as SVG; `shaded` is a part of the x axis."""
    height = 360
    xs = [point.x for line in lines for point in line.points]
    lows = [point.low for line in lines for point in line.points]
    highs = [point.high for line in lines for point in line.points]
    up = ticks(min(0.0, *lows), max(highs))
    frame = Frame(height, (min(xs), max(xs)), (up[0], up[-1]))
    body = [] if shaded is None else [frame.band(*shaded)]
    body += [*frame.grid(up, labels[1]), *frame.along(ticks(min(xs), max(xs)), labels[0])]
    for line in lines:
        body += frame.line(line)
    return svg(height, title, [*body, *legend([(line.name, line.colour) for line in lines])])


def bars(title: str, groups: Sequence[str], series: Sequence[Bars], *, label: str) -> str:
    """Bars from the left, one of each series in every group, with their intervals, as SVG."""
    lying = WIDTH - RIGHT - NAMED
    group = len(series) * BAR + BAR
    height = TOP + BOTTOM + group * len(groups)
    points = [one for part in series for one in part.values if one is not None]
    along = ticks(min(0.0, *(one.low for one in points)), max(one.high for one in points))

    def x(value: float) -> float:
        return NAMED + (value - along[0]) / (along[-1] - along[0]) * lying

    body = [text(NAMED, TOP - 10, label, anchor="start", size=11)]
    for tick in along:
        body.append(_stroke((x(tick), TOP), (x(tick), height - BOTTOM), "#999" if tick == 0 else "#e3e3e3"))
        body.append(text(x(tick), height - BOTTOM + 18, f"{tick:g}", anchor="middle"))
    for place, name in enumerate(groups):
        top = TOP + group * place + BAR / 2
        body.append(text(NAMED - 8, top + group / 2 - BAR / 2 + 4, name, anchor="end", size=11))
        for step, part in enumerate(series):
            one = part.values[place]
            if one is not None:
                body += _bar(one, part.colour, top + BAR * step, x)
    return svg(height, title, [*body, *legend([(part.name, part.colour) for part in series])])


def _bar(one: Point, colour: str, top: float, x: Callable[[float], float]) -> list[str]:
    left, right = sorted((x(0.0), x(one.value)))
    middle = top + BAR / 2
    return [
        _box(left, top + 1, width=max(right - left, 0.5), height=BAR - 2, colour=colour),
        # White first, or the half of the interval that lies on a dark bar could not be seen.
        _box(x(one.low), middle - 2, width=max(x(one.high) - x(one.low), 0.5), height=4, colour="#ffffff"),
        _stroke((x(one.low), middle), (x(one.high), middle), "#222"),
    ]


def ticks(low: float, high: float) -> list[float]:
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


class Frame:
    """Where values lie on the picture."""

    def __init__(self, height: int, across: tuple[float, float], up: tuple[float, float]) -> None:
        self._height = height
        self._across = across
        self._up = up

    def x(self, value: float) -> float:
        """How far from the left."""
        low, high = self._across
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """How far from the top; what lies outside is drawn at the edge."""
        low, high = self._up
        share = (min(max(value, low), high) - low) / (high - low)
        return self._height - BOTTOM - share * (self._height - TOP - BOTTOM)

    def grid(self, ticks: Sequence[float] | range, label: str) -> list[str]:
        """Lines across with their numbers."""
        found = [text(LEFT, TOP - 10, label, anchor="start", size=11)]
        for tick in ticks:
            y = self.y(tick)
            weight = "#999" if tick == 0 else "#e3e3e3"
            found.append(_stroke((LEFT, y), (WIDTH - RIGHT, y), weight))
            found.append(text(LEFT - 8, y + 4, f"{tick:g}", anchor="end"))
        return found

    def along(self, ticks: Sequence[float], label: str) -> list[str]:
        """Numbers along the x axis."""
        bottom = self._height - BOTTOM
        low, high = self._across
        found = [
            text(self.x(tick), bottom + 18, f"{tick:g}", anchor="middle")
            for tick in ticks
            if low <= tick <= high
        ]
        middle = (LEFT + WIDTH - RIGHT) / 2
        return [*found, text(middle, bottom + 36, label, anchor="middle", size=11)]

    def across(self, value: float, label: str) -> str:
        """A dashed line at a value that matters."""
        y = self.y(value)
        dashed = _stroke((LEFT, y), (WIDTH - RIGHT, y), "#0b6e4f", dash="5 4")
        return dashed + text(LEFT + 4, y - 4, f"{label} {value:g}", anchor="start", size=11)

    def band(self, start: float, end: float) -> str:
        """A part of the x axis that is shaded."""
        low, high = self._across
        left, right = self.x(min(max(start, low), high)), self.x(min(max(end, low), high))
        inner = self._height - TOP - BOTTOM
        return _box(left, TOP, width=right - left, height=inner, colour="#f6e7e4")

    def bar(self, at: float, width: float, mean: Point, colour: str) -> list[str]:
        """A bar from 0, with its interval as a stroke."""
        left, right = self.x(at), self.x(at + width)
        top, bottom = self.y(max(mean.value, 0.0)), self.y(min(mean.value, 0.0))
        middle = (left + right) / 2
        return [
            _box(left, top, width=right - left, height=max(bottom - top, 0.5), colour=colour),
            _stroke((middle, self.y(mean.low)), (middle, self.y(mean.high)), "#222"),
        ]

    def line(self, line: Line) -> list[str]:
        """The line, with the intervals of its points."""
        path = " ".join(f"{self.x(one.x):.1f},{self.y(one.value):.1f}" for one in line.points)
        drawn = f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"/>'
        if line.banded:
            return [self._area(line), drawn]
        strokes = [
            _stroke((self.x(one.x), self.y(one.low)), (self.x(one.x), self.y(one.high)), line.colour)
            for one in line.points
            if one.high > one.low
        ]
        return [drawn, *strokes]

    def _area(self, line: Line) -> str:
        there = [(one.x, one.low) for one in line.points]
        back = [(one.x, one.high) for one in reversed(line.points)]
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in (*there, *back))
        return f'<polygon points="{path}" fill="{line.colour}" fill-opacity="0.15" stroke="none"/>'


def legend(names: Sequence[tuple[str, str]]) -> list[str]:
    """Names beside their colours, right of the picture."""
    found = []
    for place, (name, colour) in enumerate(names):
        y = TOP + 14 + 20 * place
        found.append(_box(WIDTH - RIGHT + 14, y - 9, width=10, height=10, colour=colour))
        found.append(text(WIDTH - RIGHT + 30, y, name, anchor="start", size=11))
    return found


def text(x: float, y: float, said: str, *, anchor: str, size: int = 12) -> str:
    """Words at a place."""
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


def svg(height: int, title: str, body: Sequence[str]) -> str:
    """The whole picture."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="Helvetica, Arial, sans-serif" role="img"><title>{escape(title)}</title>'
    )
    back = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    heading = text(LEFT, 20, title, anchor="start", size=14)
    return "\n".join([head, back, heading, *body, "</svg>", ""])
