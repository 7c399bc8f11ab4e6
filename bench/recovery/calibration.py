"""Whether the world of declined renewals gives the published figures: `python -m bench.recovery.calibration`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Final

import numpy as np
from cyclopts import App, Parameter
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from recoup.sandbox.model import WORDS, Cause, Means, Parameters, World
from recoup.sandbox.model.answers import before_route
from recoup.sandbox.model.balances import paydays
from recoup.sandbox.model.calendar import SLOTS_A_DAY
from recoup.sandbox.model.parameters import PROVENANCE
from recoup.sandbox.model.people import IRREGULAR
from recoup.sandbox.model.world import plain

DAY_S: Final = 86_400
LADDER: Final = (1.0, 3.0, 5.0, 7.0)
EIGHT: Final = tuple(n * 1.75 for n in range(1, 9))
WEEK: Final = tuple(n * 7 / 8 for n in range(1, 9))
MONTH: Final = tuple(n * 28 / 8 for n in range(1, 9))
MESSAGES: Final = (0.0, 3.0, 7.0)
PAGE: Final = Path(__file__).parents[2] / "docs" / "explanation" / "world-model.md"
TEXT: Final = Path(__file__).with_name("world-model.md")
SEEDS: Final = (11, 12, 13)
CASES: Final = 8_000

Shares = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure and its source, between which bounds a world must come, and how it is measured there.

    Bounds are shares of 1, a little wider than what is published.
    """

    name: str
    least: float
    most: float
    published: str
    source: str
    measured: Callable[[World], float]


def recovered(world: World, days: Sequence[float], *, means: Means = Means.OLD, routes: int = 1) -> Shares:
    """Which cases are paid when they are tried after so many days, until one is approved."""
    play, paid = world.play(), np.zeros(len(world), dtype=np.bool_)
    for number, after in enumerate(days):
        still = np.flatnonzero(~paid)
        when_s = world.who.when_s[still] + int(after * DAY_S)
        paid[still] = play.try_(still, when_s, route=number % routes, means=means).approved
    return paid


def acting(world: World, *, within_days: float = 28.0) -> Shares:
    """Which customers pay by themselves after messages on three days."""
    every, found = np.arange(len(world)), np.zeros(len(world), dtype=np.bool_)
    for number, after in enumerate(MESSAGES, start=1):
        sent_s = world.who.when_s + int(after * DAY_S)
        actions = world.asked(every, sent_s, message=number)
        found |= actions.pays & (actions.at_s <= world.who.when_s + int(within_days * DAY_S))
    return found


def _common_codes(world: World) -> float:
    network = world.failures().answers.network_code
    return float(np.isin(network, ("05", "51")).mean())


def _well_timed(world: World) -> float:
    """Of insufficient funds: one try, at the best moment of four weeks."""
    declined = np.flatnonzero(world.failures().answers.code == WORDS.index("insufficient_funds"))
    return float(world.truth.approvals(declined)[:, :, 0].any(axis=1).mean())


def _hidden(world: World) -> float:
    """Of "do not honor": how many are funds."""
    unspecific = world.failures().answers.code == WORDS.index("do_not_honor")
    return float(np.isin(world.truth.cause()[unspecific], (Cause.FUNDS, Cause.DORMANT)).mean())


def _dormant(world: World) -> float:
    cause = world.truth.cause()
    return float((cause == Cause.DORMANT).sum() / np.isin(cause, (Cause.FUNDS, Cause.DORMANT)).sum())


def _short(world: World) -> float:
    cause = world.truth.cause()
    return float(np.isin(cause, (Cause.FUNDS, Cause.DORMANT)).mean()) * world.failing_share


def _on_payday(world: World) -> float:
    """Of all renewals: how many lack funds when each is moved to the morning of the nearest payday."""
    who = world.people(np.arange(100_000))
    last, following = paydays(world.nature.luck, who, who.slot, tables=world.nature.tables)
    day = who.slot // SLOTS_A_DAY
    nearest = np.where(day - last <= following - day, last, following)
    cause = before_route(world.nature, who, plain(who, nearest * SLOTS_A_DAY + 1))
    return float(np.isin(cause, (Cause.FUNDS, Cause.DORMANT)).mean())


def _monthly_lone_try(world: World) -> float:
    """Of monthly paid people short of funds: one try, after three days."""
    return _monthly(world, lambda cases: world.try_(cases, world.who.when_s[cases] + 3 * DAY_S).approved)


def _monthly_best_try(world: World) -> float:
    return _monthly(world, lambda cases: np.asarray(world.truth.approvals(cases)[:, :, 0].any(axis=1)))


def _monthly(world: World, tried: Callable[[NDArray[np.int64]], Shares]) -> float:
    monthly = (world.who.pattern >= 25) & (world.who.pattern != IRREGULAR)
    return float(tried(np.flatnonzero(monthly & (world.truth.cause() == Cause.FUNDS))).mean())


def _won(days: Sequence[float]) -> Callable[[World], float]:
    return lambda world: float(recovered(world, days).mean())


def _gained_by_window(world: World) -> float:
    return float(recovered(world, MONTH).mean() - recovered(world, WEEK).mean())


def _gained_by_updater(world: World) -> float:
    return float(recovered(world, EIGHT, means=Means.UPDATED).mean() - recovered(world, EIGHT).mean())


def _gained_by_asking(world: World) -> float:
    alone = recovered(world, EIGHT)
    return float((alone | acting(world)).mean() - alone.mean())


def _gained_by_routes(world: World) -> float:
    return float(recovered(world, LADDER, routes=4).mean() - recovered(world, LADDER).mean())


_NONE: Final = "assumed: no publication with a method was found"
_RECURLY_RATES: Final = (
    "Recurly, decline rates of subscriptions, 2013-12 (5 to 14 % of business customers' renewals)"
)
_ADYEN: Final = "Adyen, Marginal Gains 4, 2021-11 (72 %)"
_RECURLY: Final = "Recurly's benchmark of 2023-24, after Slicker, 2025 (median 47.6 %)"
_STRIPE: Final = "Stripe of its Smart Retries (8 tries in 2 weeks by default), after Churnward, 2026"
_RECURLY_BEST: Final = "assumed; Recurly, 2026-04, tells of 71 % of all that failed"

FIGURES: Final = (
    Figure("renewals declined at first", 0.05, 0.10, "5 to 10 %", _RECURLY_RATES, lambda w: w.failing_share),
    Figure("declines that say 05 or 51", 0.65, 0.76, "65 to 76 %", _ADYEN, _common_codes),
    Figure('"do not honor" that is funds', 0.42, 0.58, "about half", _NONE, _hidden),
    Figure("funds declines on dormant accounts", 0.25, 0.35, "about 30 %", _NONE, _dormant),
    Figure("renewals short of funds", 0.025, 0.045, "3.3 %", _NONE, _short),
    Figure("the same, moved to payday", 0.007, 0.015, "1.1 %", _NONE, _on_payday),
    Figure("won by tries after 1, 3, 5, 7 days", 0.44, 0.50, "about 47 %", _RECURLY, _won(LADDER)),
    Figure("won by eight tries in two weeks", 0.54, 0.60, "about 57 %", _STRIPE, _won(EIGHT)),
    Figure("funds declines won by one well-timed try", 0.65, 0.75, "about 70 %", _RECURLY_BEST, _well_timed),
    Figure("monthly paid: one try after 3 days", 0.12, 0.38, "12 to 38 %", _NONE, _monthly_lone_try),
    Figure("monthly paid: one try, in hindsight", 0.80, 0.99, "80 to 97 %", _NONE, _monthly_best_try),
    Figure("eight tries in 28 days instead of 7", 0.05, 0.11, "about +8 points", _NONE, _gained_by_window),
    Figure("with the account updater", 0.07, 0.13, "about +10 points", _NONE, _gained_by_updater),
    Figure("with three messages to the customer", 0.07, 0.13, "about +10 points", _NONE, _gained_by_asking),
    Figure("with other routes by turns", 0.03, 0.06, "+4 to 5 points", _NONE, _gained_by_routes),
)

app = App(name="bench.recovery.calibration", help=__doc__)


def measured(
    *, cases: int, seeds: Sequence[int], parameters: Parameters | None = None
) -> dict[str, list[float]]:
    """Each figure in each of the worlds."""
    found: dict[str, list[float]] = {figure.name: [] for figure in FIGURES}
    for seed in seeds:
        world = World(seed, cases, parameters=parameters)
        for figure in FIGURES:
            found[figure.name].append(figure.measured(world))
    return found


@app.default
def main(
    *,
    cases: Annotated[int, Parameter(help="declined renewals in each world")] = CASES,
    seeds: Annotated[int, Parameter(help="how many worlds, at least two")] = len(SEEDS),
    write: Annotated[bool, Parameter(help="write the page of the documentation", negative="")] = False,
) -> None:
    """Print the published figures beside those of the world."""
    found = measured(cases=cases, seeds=range(SEEDS[0], SEEDS[0] + seeds))
    table = Table("figure", "published", "bounds", "in the world", "between seeds", "")
    for row in rows(found):
        table.add_row(*row)
    Console(width=130).print(table)
    if write:
        PAGE.write_text(page(rows(found), cases=cases, seeds=seeds), encoding="utf-8")


def rows(found: dict[str, list[float]]) -> list[tuple[str, ...]]:
    """What was measured, beside what was published."""
    made: list[tuple[str, ...]] = []
    for figure in FIGURES:
        values = found[figure.name]
        mean = fmean(values)
        bounds = f"{figure.least * 100:.1f} to {figure.most * 100:.1f}"
        fits = "fits" if figure.least <= mean <= figure.most else "DOES NOT FIT"
        shown = (f"{mean * 100:.1f}", f"± {stdev(values) * 100:.1f}", fits)
        made.append((figure.name, figure.published, bounds, *shown))
    return made


def page(measured_rows: Sequence[tuple[str, ...]], *, cases: int, seeds: int) -> str:
    """The page of the documentation about the world and its numbers."""
    sources = {figure.name: figure.source for figure in FIGURES}
    head = ("figure", "published", "bounds", "in the world", "between seeds", "source")
    figures = _lines(head, [(*row[:5], sources[row[0]]) for row in measured_rows])
    worlds = f"{seeds} worlds of {cases:,} declined renewals each, from seed {SEEDS[0]}"
    return f"{TEXT.read_text(encoding='utf-8')}Measured in {worlds}; in percent.\n\n{figures}\n{numbers()}"


def numbers() -> str:
    """Every parameter with its provenance, as a table."""
    standard = Parameters()
    told = [
        (f"`{name}`", str(getattr(standard, name)), one.meaning, f"{one.kind}: {one.source}")
        for name, one in PROVENANCE.items()
    ]
    return "## The numbers\n\n" + _lines(("parameter", "value", "meaning", "where it comes from"), told)


def _lines(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    every = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(row)} |\n" for row in every)


if __name__ == "__main__":
    app()
