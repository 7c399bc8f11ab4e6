"""The page of results and the tables on the screen: made from what was measured, the same from the same seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bench.recovery.contest import (
    BEST_FIXED,
    BEST_FIXED_ROUTES,
    INFORMED,
    INFORMED_TIME,
    OF_OTHERS,
    OF_OTHERS_ROUTES,
    ORACLE,
    ORACLE_TIME,
    OTHERS,
    OURS,
    OURS_TIME,
    TRAINED,
    TRAINED_TIME,
    Budget,
)
from bench.recovery.results import OTHERS_OF, POWERS, Results, goals, not_beaten
from recoup.backtests.fixed import SCHEDULES
from recoup.backtests.matches import FEE

_HEAD: Final = """# Recovery on a simulated world

What the moment of a retry is worth, in a world where hindsight is exact: see [the world of declined
renewals](world-model.md). `python -m bench.recovery` writes this page, with cardholders that nothing was ever
trained on; the same seeds write the same.

{seeds}. {cases:,} declined renewals a seed may be tried again: those that are declined softly, for funds, a limit,
an outage, or without a reason, and without a network's advice to stop. The others are nobody's, here and in the
denominators. Whoever meets a hard decline or such advice later on has to stop as well. Nobody asks customers,
updates cards, or has another card to try.

How to read it:

* **Net value** is what came back, less {fee} minor units for every try, in percent of what was owed.
* **Tries** are all tries, lost ones too, per recovered payment.
* **Best fixed** is the one schedule for everybody that turns out best in these very cases: sets of slots of six
  hours that cover most, found greedily and by exchange, at four distances between tries, and all listed policies;
  the best when played. *Any route* chooses a route for each try, too. Nobody could know it before: with many tries it
  is fitted to the luck of these very cases. **Best fixed of others** is the schedule found in the same way for
  {others:,} other declined renewals, and played on these: the best one that could be known.
* **Oracle** knows everything, the luck of each slot and route included: one try, where it will be approved. What
  even perfect knowledge of paydays and issuers could not foresee is a part of the gap.
* **Informed** is told of every case what was really the matter and on which day pay comes next, and follows the
  schedule that covers most of other cardholders with that cause and that distance to payday. It does not know the luck
  of a moment, nor a case's history. Who sees only declines knows less; so its part of the gap is about what can be
  known at all.
* **Recoup** is `plan_many` of `recoup.recovery.core.joint`, which chooses for real payments, untrained: it was
  handed what a merchant sees, with earlier renewals, and was asked again after every decline. Listed policies know
  one route. So does *one route*; the other one has five. It waits for the moment that Mastercard's advice 24 to 30
  names, leaves the local night from 22 to 5 alone, and makes no try that it does not think worth it; of the
  others, best fixed and oracles included, none of that is asked.
* **Trained** has learned, by the same code that learns from a merchant's tries, from an untrained Recoup's tries of
  {others:,} other declined renewals, four each in 28 days: how often anything helps at all, given code, advice, issuer,
  brand, funding, country, amount, time of the month and history. One in four of those people is held back; a model
  that does not foretell their tries better is not used.
* ± is half of a 95 % interval over seeds. Gap closed is the part of the way from best fixed (0) to the oracle (100)
  of the same powers, by net value.
"""

_TAIL: Final = """## The listed policies

Kill Bill's 8/8/8 is the default of its `killbill.payment.retry.days`. Polar's, from its `DUNNING_RETRY_INTERVALS`, is
2, 5, 7 and 7 days after one another. Hyperswitch's ladder is the default of its revenue recovery, in the source under
`RevenueRecoveryPaymentProcessTrackerMapping`: fifteen tries in not quite six days, after a minute, then twice every 3
hours and three times each every 6, 9, 12 and 18 hours. Where fewer tries are allowed than a policy has, its first ones
are made; what falls behind the window is not made.

## What this does not show

Oracles with account updater and customers who act, and Hyperswitch's counters of weekdays and hours. What the real
service brings in the same world [stands elsewhere](recovery.md#the-same-over-http). Prices of tries above networks'
limits are left out; they would cost those more who try more. All five routes are liked alike before anything is
known, as nobody has told Recoup otherwise.
"""
_ONE_ROUTE: Final = (BEST_FIXED, OF_OTHERS, OURS_TIME, TRAINED_TIME, INFORMED_TIME, ORACLE_TIME)
_ANY_ROUTE: Final = (BEST_FIXED_ROUTES, OF_OTHERS_ROUTES, OURS, TRAINED, INFORMED, ORACLE)
_ORDER: Final = (*SCHEDULES, *_ONE_ROUTE, *_ANY_ROUTE)


def printed(results: Results) -> Iterator[str]:
    """The tables as lines for a terminal."""
    yield from _windows(results)
    yield from _gap_table(results)
    yield from _goal_table(results)


def page(results: Results) -> str:
    """The page, as Markdown."""
    scores = [next(iter(contest[results.budgets[0]].values())) for contest in results.contests]
    cases = round(sum(score.cases for score in scores) / len(scores))
    parts = [
        _HEAD.format(
            seeds=f"Seeds {results.seeds[0]} to {results.seeds[-1]}", cases=cases, fee=FEE, others=OTHERS
        ),
        *_goal_table(results),
        "![What came back by day](../images/recovery-by-day.svg)",
        "",
        *_gap_table(results),
        *_windows(results),
        *_lost(results),
        _TAIL,
    ]
    return "\n".join(parts)


def _goal_table(results: Results) -> Iterator[str]:
    yield from ("## The goals, the missed ones first", "")
    rows = [
        (one.wanted, one.where, one.measured, "met" if one.is_met else "missed") for one in goals(results)
    ]
    yield from _table(("goal", "where", "measured", ""), rows, words=4)


def _gap_table(results: Results) -> Iterator[str]:
    yield from ("## The part of the gap that Recoup closes, and that could be known, %", "")
    rows = [
        (
            f"{days}",
            f"{tries}",
            *(cell for power in POWERS for cell in _of_gap(results, (days, tries), power)),
        )
        for days, tries in results.budgets
    ]
    columns = ("Recoup", "informed", "points ahead of the best of others")
    head = [f"{power[0]}: {column}" for power in POWERS for column in columns]
    yield from _table(("days", "tries", *head), rows, words=0)


def _of_gap(results: Results, budget: Budget, power: tuple[str, str, str, str]) -> tuple[str, str, str]:
    """Ours, what is knowable, and by how much ours is ahead of the best schedule that could be known."""
    ahead = results.ahead(budget, power[1], OTHERS_OF[power[1]])
    return (
        results.gap(budget, power).shown(1),
        results.knowable(budget, power).shown(1),
        ahead.shown(1, sign=True),
    )


def _windows(results: Results) -> Iterator[str]:
    for days in results.windows:
        budgets = [budget for budget in results.budgets if budget[0] == days]
        yield from (f"## {days} days", "")
        head = ["policy", *(f"net value, %, {_tries(tries)}" for _, tries in budgets)]
        head += [f"tries, of {tries}" for _, tries in budgets]
        rows = []
        for name in _ORDER:
            nets = [results.net(budget, name).shown(1) for budget in budgets]
            used = [f"{results.tries(budget, name):.2f}" for budget in budgets]
            bold = "**" if name.startswith(OURS) else ""
            rows.append((f"{bold}{name}{bold}", *nets, *(one if one != "0.00" else "-" for one in used)))
        yield from _table(head, rows, words=1)
        won = [f"{results.tries_of_won(budget, OURS):.2f}" for budget in budgets]
        yield from (f"Recovered payments alone took {OURS} {', '.join(won)} tries each.", "")


def _lost(results: Results) -> Iterator[str]:
    yield from ("## Where a listed policy is not beaten", "")
    rows = [
        (f"{budget[0]}", f"{budget[1]}", own, rival, ahead.shown(1, sign=True))
        for days in results.windows
        for budget, own, rival, ahead in not_beaten(results, days)
    ]
    if not rows:
        yield from ("Nowhere.", "")
        return
    yield from ("Points of net value by which Recoup is ahead, where that is not more than the interval.", "")
    yield from _table(("days", "tries", "ours", "listed", "ahead by"), rows, words=0)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> Iterator[str]:
    """A Markdown table whose first columns are words and whose others are numbers."""
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' if place < words else '--:' for place in range(len(head)))} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"
