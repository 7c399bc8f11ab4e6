"""The page of results and the table on the screen: made from what was measured, the same from the same seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bench.routing.contest import BEST_STATIC, HYPERSWITCH, INFORMED, OURS, THOMPSON
from bench.routing.results import (
    Results,
    Row,
    drill_rows,
    realised,
    rows,
    sweep_points,
    sweep_titles,
    verdicts,
)
from bench.routing.scenarios import SCENARIOS
from bench.routing.world import Parameters

_HEAD: Final = """# Routing on a simulated world

What routing is worth depends on what there is to win, so this page says both: what the best fixed route and an
oracle make of a world, and what each way of routing makes of it between them. `python -m bench.routing` writes it
(seeds {seeds}) from `bench/routing/world.py` and the code that routes real payments; the same seeds write the same.

How to read it:

* **Best static** always asks the one acquirer that turns out best, which only hindsight knows. The **oracle** knows
  each payment's true probability at every acquirer, outages included, but not the luck of the draw.
* **Approved** is what happened. **Against best static** compares what each choice was worth by its true probability:
  the luck is the same for everybody, and here it is left out. Points are percentage points.
* **Gap closed** is the part of the way from best static (0) to the oracle (100). Where the oracle is less than 0.2
  points ahead, there is no gap worth the name, and a dash stands there.
{informed}* **Net value** is margin on approved amounts less fees, for a thousand payments, against the static route
  that is best for value.
* ± is half of a 95 % interval over seeds (the first three in the sweeps). One payment has one try, unless it says
  otherwise.
"""

_INFORMED: Final = """\
* **Informed of the world's kind** knows what no merchant does: the formula that approvals are made by, who issued which
  BIN, and how widely effects are spread. Only the effects it has to learn, by Bayes' rule, from what it asked; it asks
  by Thompson sampling, which is good and not the best possible. **Told every acquirer's answer** is told besides what
  all the others would have said to every payment: nobody can learn more from as many payments, so that is about the
  most that could be learned. Both only for worlds without drift and outages.
"""

_WORLD: Final = """## The world

Published, with its source:

| parameter | value | source |
| --- | --- | --- |
| incidents of an acquirer | 34 in 177 days, median length 63 minutes | the public status page of one large processor |
| approval of card-not-present payments | about 85 % | advisers, citing the Federal Reserve's payments study |
| part of declines for lack of funds | 40 to 50 % | EBANX; Spreedly (2018) |
| approval lost across borders | 5 to 10 points, up to 15 | sellers of local acquiring, so rather too much |

Unknown, and therefore chosen here and swept below where it matters: the size of affinities, how fast they move, how
many issuers share the volume (Zipf's law here, 2 to 5 BINs each), the shape of outage lengths (log-normal, sigma 1),
what an outage does (a share of 50 to 100 % fails: six in ten refuse at once, two hang until the caller gives up after
30 s, two decline everything as an error of processing), prices, and the merchant's margin (20 % of the amount).

| in every scenario | value |
| --- | --- |
{base}

Approval is a logit of the acquirer's base, issuer, BIN, funding, initiator, amount, the affinities of issuer, brand and
funding with the acquirer (the latter two at 0.35 of the first's size), and the cross-border penalty. At the best
acquirer, 60 % of declines are the cardholder's: every acquirer would have met them, and seven in ten say so in their
code; the others hide behind "do not honor", as most of the route's declines do.
Luck is drawn for the payment, and for the payment at each acquirer, before anybody chooses.

## The rivals

Written anew from their descriptions; `bench/routing/rivals.py` and `bench/routing/hyperswitch.py` say what each does.

* **Hyperswitch**: a window of 125 outcomes for each acquirer that starts as successes, 5 % of payments to the others,
  and laggards put back to three standard deviations below the best. *Auto-calibrated*: window and hedging follow the
  last hour's traffic. *With cost*: the rate is multiplied by what is left of the amount after fees.
* **Sliding-window UCB (200)** and **discounted UCB (0.6, 0.9995)**: upper confidence bounds that forget (Garivier and
  Moulines, 2008; Kocsis and Szepesvári, 2006), with 0.6 under the root.
* **Thompson sampling**: Beta draws from all that was seen; *forgetting* discounts it by 0.9995 with each outcome; *for
  each BIN* keeps one sampler a BIN, with nothing shared between them.
* **Recoup**: the code of `src/recoup/routing/core`, handed what a merchant sees and nothing else: estimates by cells,
  prices, the breaker, exploration of at most 2 % of payments.
"""


def printed(results: Results) -> Iterator[str]:
    """The tables as lines for a terminal."""
    yield from _scenarios(results)
    yield from _months(results)
    yield from _failover(results)
    yield from _sweeps(results)
    yield from _drills(results)
    yield from _goals(results)


def page(results: Results) -> str:
    """The page, as Markdown; of what was not run it says nothing."""
    swept, drilled = "affinity" in results.sweeps, bool(results.drills)
    informed = any(INFORMED in scores[0] for scores in results.scenarios.values())
    parts = [
        _HEAD.format(
            seeds=f"{results.seeds[0]} to {results.seeds[-1]}", informed=_INFORMED if informed else ""
        ),
        *_goals(results),
        "",
        *_picture("routing-gap.svg", "Part of the gap closed, by scenario and policy"),
        *_scenarios(results),
        *_months(results),
        *_picture("routing-regret.svg", "Approvals lost against the oracle over time"),
        *_failover(results),
        *_sweeps(results),
        *(_picture("routing-affinity.svg", "What there is to win, by size of the affinity") if swept else []),
        *_drills(results),
        *(
            _picture("routing-outage.svg", "Share of payments asked of the acquirer that breaks")
            if drilled
            else []
        ),
        _WORLD.format(base="\n".join(_base())),
    ]
    return "\n".join(part.rstrip() if part.endswith("\n\n") else part for part in parts).rstrip() + "\n"


def _picture(name: str, said: str) -> list[str]:
    return [f"![{said}](../images/{name})", ""]


_MET: Final = {True: "met", False: "missed", None: "no goal"}


def _goals(results: Results) -> list[str]:
    found = ["## The goals", "", "| goal | where | measured | |", "| --- | --- | --- | --- |"]
    judged = verdicts(results)
    if any(one.informed is not None for one in judged):
        more = " learners informed of the world's kind: told what they asked; told everything |"
        found[2:] = [found[2] + more, found[3] + " --- |"]
    for one in judged:
        cells = [one.goal, one.where, one.measured, _MET[one.is_met]]
        found.append(f"| {' | '.join(cells if one.informed is None else [*cells, one.informed])} |")
    return found if judged else []


_FAILOVER: Final = """Each policy may ask another acquirer once, where the first refused at once or declined with an
error of processing; what hangs is never tried again. By what happened, luck included."""
_DRILL: Final = """A thousand payments a minute; the best of four acquirers (by two points) breaks after six minutes,
for five. A policy has moved away when at most ten of the next hundred payments go there; whoever
sends it little beforehand has little to lose, and pays for that the rest of the time. What hangs is
told to a policy after 30 s; Recoup also hears that an answer is overdue, and passes over an acquirer
that falls silent, as its API does. Twenty payments are 1.2 s of this traffic, and an answer takes
0.9 s when all is well (median; 1.7 s at the 95th percentile)."""
_DRILL_COLUMNS: Final = (
    "| policy | share before, % | lost before the breaker opened | at worst | lost in the first minute | lost in all "
    "| moved after, s | share in the last two minutes, % |"
)
_COLUMNS: Final = (
    "| policy | approved, % | against best static, points | gap closed, % | net value of 1,000 | against best static "
    "| value gap closed, % | lost to outages, of 1,000 |"
)
_RULE: Final = "| --- | --: | --: | --: | --: | --: | --: | --: |"


def _scenarios(results: Results) -> list[str]:
    found: list[str] = ["## One try a payment", ""] if results.scenarios else []
    for name, scores in results.scenarios.items():
        count = sum(one[BEST_STATIC].payments for one in scores) // len(scores)
        found += [f"### {SCENARIOS[name].title}", "", f"{count:,} payments a seed.", "", _COLUMNS, _RULE]
        found += [_line(row) for row in rows(scores)]
        found.append("")
    return found


_MONTH: Final = """Where the differences are small, a week of payments hardly shows them, and which route is best is
known afterwards only. The same worlds for a month, the weeks of learning counted."""


def _months(results: Results) -> list[str]:
    found: list[str] = ["## A month", "", _MONTH, ""] if results.months else []
    for name, scores in results.months.items():
        count = sum(one[BEST_STATIC].payments for one in scores) // len(scores)
        found += [f"### {SCENARIOS[name].title}, a month", "", f"{count:,} payments a seed.", ""]
        found += [_COLUMNS, _RULE, *(_line(row) for row in rows(scores)), ""]
    return found


def _failover(results: Results) -> list[str]:
    if not results.failover:
        return []
    found = [
        "## A second try after a technical failure",
        "",
        _FAILOVER,
        "",
    ]
    for name, scores in results.failover.items():
        found += [f"### {SCENARIOS[name].title}, with failover", "", _COLUMNS, _RULE]
        found += [_line(row) for row in realised(scores)]
        found.append("")
    return found


def _line(row: Row) -> str:
    name = f"**{row.policy}**" if row.policy == OURS else row.policy
    cells = (
        row.rate.shown(),
        row.against.shown(sign=True),
        row.gap.shown(1) if row.gap else "-",
        f"{row.value.value:,.0f}",
        row.value_against.shown(0, sign=True),
        row.value_gap.shown(1) if row.value_gap else "-",
        f"{row.lost:.1f}",
    )
    return f"| {name} | {' | '.join(cells)} |"


def _sweeps(results: Results) -> list[str]:
    found: list[str] = (
        ["## Sweeps", "", "Points of approval against best static.", ""] if results.sweeps else []
    )
    for name, points in results.sweeps.items():
        title = sweep_titles()[name]
        found += [
            f"### {title}",
            "",
            "| value | oracle | Recoup | Thompson sampling | Hyperswitch | Recoup: gap closed, % | of net value, % |",
            "| --: | --: | --: | --: | --: | --: | --: |",
        ]
        for point in sweep_points(points):
            cells = (
                point.label,
                point.gap.shown(sign=True),
                *(point.against[one].shown(sign=True) for one in (OURS, THOMPSON, HYPERSWITCH)),
                point.closed.shown(1) if point.closed else "-",
                point.value_closed.shown(1) if point.value_closed else "-",
            )
            found.append(f"| {' | '.join(cells)} |")
        found.append("")
    return found


def _drills(results: Results) -> list[str]:
    if not results.drills:
        return []
    found = [
        "## The outage drill",
        "",
        _DRILL,
        "",
    ]
    for kind, drilled in results.drills.items():
        found += [
            f"### It {kind}",
            "",
            _DRILL_COLUMNS,
            "| --- | --: | --: | --: | --: | --: | --: | --: |",
        ]
        for row in drill_rows(drilled):
            name = f"**{row.policy}**" if row.policy == OURS else row.policy
            cells = (
                row.before.shown(1),
                row.opening.shown(1) if row.opening else "-",
                "-" if row.worst is None else str(row.worst),
                row.first_minute.shown(0),
                row.in_all.shown(0),
                row.moved_s.shown(1),
                row.at_end.shown(1),
            )
            found.append(f"| {name} | {' | '.join(cells)} |")
        found.append("")
    return found


def _base() -> Sequence[str]:
    base = Parameters()
    return (
        f"| simulated time, payments | {base.days:g} days, {base.payments_a_minute:g} a minute (Poisson) |",
        f"| acquirers, issuers | {base.acquirers}, {base.issuers} |",
        f"| domestic approval at the best acquirer | {100 * base.base_rate:.0f} % |",
        "| amounts | log-normal, median 40.00, sigma 0.9 |",
        "| spread of issuers, of BINs within an issuer | 0.4, 0.15 on the logit scale |",
        "| prices where they do not differ | 1.5 % of approved amounts, 0.05 for each try |",
        f"| margin | {base.margin_bp / 100:.0f} % of approved amounts |",
        f"| {BEST_STATIC.lower()} | by true probabilities, for each seed |",
        f"| who is swept | {OURS}, {THOMPSON}, {HYPERSWITCH} |",
    )
