"""The pictures of a back-test in the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from recoup.backtests.drawing import Bars, Line, Point, bars, chart
from recoup.backtests.findings import Estimate, Findings

COLOURS: Final = ("#0b6e4f", "#c8553d", "#5b8db8", "#222222", "#b8860b")
"""By player: the new policy, the one in place, the usual schedule, the oracle."""
CODES_MAX: Final = 10


def pictures(found: Findings) -> dict[str, str]:
    """The name of each picture, and its SVG."""
    return {
        "net value": _net(found),
        "by day": _by_day(found),
        "ahead by day": _ahead(found),
        "by code": _by_code(found),
        "by attempt": _by_attempt(found),
        "cost": _cost(found),
    }


def _net(found: Findings) -> str:
    series = [
        Bars(player.name, COLOURS[place], [_point(found.net(place))])
        for place, player in enumerate(found.players)
    ]
    return bars("What came back, less what tries cost", [""], series, label="% of what was owed")


def _by_day(found: Findings) -> str:
    lines = [
        Line(player.name, COLOURS[place], _points(found.curve(place)), banded=True)
        for place, player in enumerate(found.players)
    ]
    return chart(
        "What had come back, day by day", lines, labels=("days after the decline", "% of what was owed")
    )


def _ahead(found: Findings) -> str:
    lines = [
        Line(f"against {player.name}", COLOURS[place], _points(found.curve_ahead(0, place)), banded=True)
        for place, player in enumerate(found.players[1:], start=1)
    ]
    title = f"How far {found.players[0].name} was ahead by then; below 0: behind"
    return chart(title, lines, labels=("days after the decline", "points of what was owed"))


def _by_code(found: Findings) -> str:
    codes = found.codes()[:CODES_MAX]
    series = [
        Bars(player.name, COLOURS[place], [_point(one.back[place]) for one in codes])
        for place, player in enumerate(found.players)
    ]
    groups = [one.code.replace("_", " ") for one in codes]
    return bars("What came back, by code of the decline", groups, series, label="% of what was owed with it")


def _by_attempt(found: Findings) -> str:
    numbers = range(1, found.layout.tries + 1)
    series = []
    for place, player in enumerate(found.players):
        by_number = {one.number: _point(one.back) for one in found.attempts(place)}
        series.append(Bars(player.name, COLOURS[place], [by_number.get(one) for one in numbers]))
    return bars(
        "What each try brought", [f"try {one}" for one in numbers], series, label="% of what was owed"
    )


def _cost(found: Findings) -> str:
    series = [
        Bars(player.name, COLOURS[place], [_point(found.tries_each(place))])
        for place, player in enumerate(found.players)
    ]
    return bars("What it costs", [""], series, label="tries per recovered payment, lost ones too")


def _points(curve: Sequence[Estimate]) -> list[Point]:
    return [Point(float(day), one.value, one.low, one.high) for day, one in enumerate(curve)]


def _point(one: Estimate) -> Point:
    return Point(0.0, one.value, one.low, one.high)
