"""What a connector costs: building the requests of a charge, and reading the reply, in microseconds at the median.

    python -m bench.connectors [--runs 2000]

Every connector of the registry, with the good exchange and the first decline of its conformance case. The yardstick,
measured in the same run, is what no connector can do without: encoding and decoding a small JSON body. Goal: under 100
microseconds each.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Final

import msgspec
from cyclopts import App
from rich.console import Console
from rich.table import Table
from tests.connectors.cases import CASES
from tests.connectors.conformance import Case

from recoup.connectors.base import HttpResponse

GOAL_US: Final = 100.0
WARM_UP: Final = 50
_NS_PER_US: Final = 1000
_BODY: Final = {"amount": 4999, "currency": "EUR", "key": "att_01kb0000000000000000000001", "capture": True}

app = App(name="bench.connectors", help=__doc__)
_out: Final = Console(highlight=False)


def timed(case: Case, replies: Sequence[HttpResponse]) -> tuple[float, float]:
    """Microseconds to build every request of one charge, and to read its last reply."""
    started = perf_counter_ns()
    exchange = case.asked("charge")
    next(exchange)
    building = perf_counter_ns() - started
    *before, last = replies
    for reply in before:
        started = perf_counter_ns()
        exchange.send(reply)
        building += perf_counter_ns() - started
    started = perf_counter_ns()
    try:
        exchange.send(last)
    except StopIteration:
        reading = perf_counter_ns() - started
    else:
        raise AssertionError(f"{case.name}: the good exchange of a charge does not end with its last reply")
    return building / _NS_PER_US, reading / _NS_PER_US


def medians(case: Case, replies: Sequence[HttpResponse], runs: int) -> tuple[float, float]:
    """The median of many."""
    for _ in range(WARM_UP):
        timed(case, replies)
    both = [timed(case, replies) for _ in range(runs)]
    return statistics.median(one for one, _ in both), statistics.median(one for _, one in both)


def yardstick(runs: int) -> float:
    """Encoding and decoding a small body once."""
    taken: list[float] = []
    for _ in range(runs):
        started = perf_counter_ns()
        msgspec.json.decode(msgspec.json.encode(_BODY))
        taken.append((perf_counter_ns() - started) / _NS_PER_US)
    return statistics.median(taken)


@app.default
def main(*, runs: int = 2000) -> None:
    """Measure every connector."""
    bare = yardstick(runs)
    table = Table("connector", "build us", "read us", "read a decline us", "build / yardstick")
    slow: list[str] = []
    for name, case in sorted(CASES.items()):
        good = case.good["charge"]
        build, read = medians(case, good, runs)
        _, declined = medians(case, [*good[:-1], case.declines[0].reply], runs)
        table.add_row(name, f"{build:.0f}", f"{read:.0f}", f"{declined:.0f}", f"{build / bare:.0f}")
        if max(build, read, declined) >= GOAL_US:
            slow.append(name)
    _out.print(table)
    _out.print(f"yardstick (one small JSON body, encoded and decoded): {bare:.1f} us; runs: {runs}")
    _out.print("every connector is under the goal" if not slow else f"over the goal: {', '.join(slow)}")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    app()
