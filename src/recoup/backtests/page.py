"""The report of a back-test: one HTML file with its pictures inside, the same from the same log, worlds and seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from recoup.backtests.findings import Estimate, Findings
from recoup.backtests.players import ASKED_AFTER
from recoup.backtests.plots import pictures
from recoup.recovery.core.hindsight import Counted, Hindsight
from recoup.recovery.core.policy import Method, Policy, Routes
from recoup.recovery.core.stepwise import Evaluation, Interval

VERDICTS: Final = {
    "better": "better than what was done",
    "worse": "worse than what was done",
    "no_difference_shown": "no difference shown: it may be a little better or a little worse",
    "inconclusive": "none; the log cannot tell",
}
_STYLE: Final = """
body { font: 16px/1.5 Helvetica, Arial, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; } h3 { margin-top: 1.8rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #e3e3e3; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } td { white-space: nowrap; } th { font-weight: 600; }
svg { max-width: 100%; height: auto; } .said { font-size: 1.1rem; } .note { color: #666; font-size: .9rem; }
"""


@dataclass(frozen=True, slots=True)
class Logged:
    """What one merchant's log says."""

    whose: str
    since: str
    told: Hindsight


@dataclass(frozen=True, slots=True)
class World:
    """What the world says, and what it was played with."""

    seed: int
    wanted: int
    found: Findings


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is reported."""

    policy: Policy
    file: str
    logs: Sequence[Logged] = field(default_factory=tuple)
    world: World | None = None


def page(report: Report) -> str:
    """The file."""
    title = f"Back-test of {report.file}"
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(described(report.policy))}</p>"]
    for logged in report.logs:
        body += _log(logged)
    if report.world is not None:
        body += _world(report.world)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>",
            "",
        ]
    )


def described(policy: Policy) -> str:
    """A policy in a sentence."""
    if policy.method is Method.JOINT:
        how = "when and where by the greatest expected net value"
    else:
        how = f"on days {', '.join(map(str, policy.days))}"
    where = "the account that refused" if policy.routes is Routes.SAME else "any account"
    if policy.accounts:
        where = f"{len(policy.accounts)} named accounts"
    asking = "customers may be asked" if policy.asking else "customers are not asked"
    return f"{policy.name}: {how}, at most {policy.tries_max} tries in {policy.window.days} days, at {where}; {asking}."


def _log(logged: Logged) -> Iterator[str]:
    told = logged.told
    yield f"<h2>By your log: {escape(logged.whose)}, the last {escape(logged.since)}</h2>"
    yield f"<p>{told.recoveries} recoveries could be judged; in {told.by_chance:.0%} of them chance had drawn who goes "
    yield "by which policy.</p>"
    if told.aside:
        rows = [(str(why), f"{count}") for why, count in sorted(told.aside.items())]
        yield from _table(("set aside, because", "recoveries"), rows)
    if told.recovered is None:
        yield "<p class='said'>Nothing can be judged.</p>"
        return
    yield from _evaluated("Recovered, % of recoveries", told.recovered, scale=100.0)
    for currency, one in told.net_value.items():
        title = f"Net value of a recovery, minor units of {currency}"
        yield from _evaluated(title, one, scale=1.0)
    yield from _choices(told)
    yield from _slots(told)


def _evaluated(title: str, one: Evaluation, *, scale: float) -> Iterator[str]:
    yield f"<h3>{escape(title)}</h3>"
    yield f"<p class='said'>Verdict: {VERDICTS[one.verdict]}.</p>"
    if one.reasons:
        yield "<ul>" + "".join(f"<li>{escape(why)}</li>" for why in one.reasons) + "</ul>"
        yield "<p class='note'>The numbers below are not to be used then.</p>"
    rows = [
        (name, _interval(interval, scale))
        for name, interval in (
            ("what was done", one.logged),
            ("this policy, self-normalised", one.snips),
            ("this policy, by importance alone", one.ips),
            ("difference", one.difference),
        )
    ]
    yield from _table(("", "estimate (95 % interval)"), rows)
    support = one.support
    yield (
        f"<p class='note'>It speaks for as much as {support.effective:.0f} recoveries of equal weight; in "
        f"{support.unsupported:.1%} this policy comes to a choice that nobody made.</p>"
    )


def _choices(told: Hindsight) -> Iterator[str]:
    yield "<h3>What the log has of this policy's choices</h3>"
    yield "<p>The same account in the same six hours of the customer's day is taken for the same choice.</p>"
    rows = [
        (f"{one.number}", f"{one.reached}", f"{one.made}", f"{one.made / one.reached:.0%}")
        for one in told.choices
    ]
    yield from _table(("choice", "recoveries that come to it", "made by a policy of the log", "share"), rows)


def _slots(told: Hindsight) -> Iterator[str]:
    slots = told.slots
    yield "<h3>Where the log has a try at its first choice</h3>"
    yield (
        "<p>A plain comparison, and no estimate: the recoveries of one row are not like those of another. Who was "
        "tried there later had been refused before, so they are the harder ones.</p>"
    )
    rows = [
        ("the log's first try too", *_counted(slots.first)),
        ("a later try of the log", *_counted(slots.later)),
        ("no try there", f"{slots.never}", "-"),
        ("the log's first tries where they were elsewhere", *_counted(slots.instead)),
    ]
    yield from _table(("", "recoveries", "approved"), rows)


def _counted(one: Counted) -> tuple[str, str]:
    return f"{one.tries}", f"{one.approved / one.tries:.1%}" if one.tries else "-"


def _world(world: World) -> Iterator[str]:
    found = world.found
    drawn = pictures(found)
    yield "<h2>In the simulated world</h2>"
    yield (
        f"<p>Seed {world.seed}; {world.wanted:,} declined renewals, of which {found.cases:,} may be tried again (those "
        f"declined softly for funds, a limit, an outage or without a reason). A try costs {found.fee} minor units. "
        f"Where a policy lets customers be asked, they are after {', '.join(map(str, ASKED_AFTER))} days, as long as "
        "nothing has come back; some pay. Schedules try by the account that refused. Intervals are 95 %, by a "
        "bootstrap over renewals; differences are paired.</p>"
    )
    yield (
        "<ul>"
        + "".join(
            f"<li><b>{escape(one.name)}</b>: {escape(_role(one.knows_all, one.policy))}</li>"
            for one in found.players
        )
        + "</ul>"
    )
    yield f"<p class='said'>{escape(sentence(found))}</p>"
    unequal = uneven(found)
    if unequal:
        yield f"<p class='note'>{escape(unequal)}</p>"
    head = (
        "",
        "net value, % of what was owed",
        "paid, %",
        "tries for one paid",
        "tries cost, %",
        "behind the oracle",
    )
    yield from _table(head, [_row(found, place) for place in range(len(found.players))])
    yield from (drawn["net value"], "<h3>By day</h3>", drawn["by day"], drawn["ahead by day"])
    yield from ("<h3>By code</h3>", drawn["by code"], *_codes(found))
    yield from ("<h3>By try</h3>", drawn["by attempt"], *_attempts(found))
    yield from ("<h3>Cost</h3>", drawn["cost"])
    yield (
        "<p class='note'>The world is a model: see how it was made, and against what it was held, in the "
        "documentation. It has no card updates, no second card, and no fees above networks' limits. The oracle knows "
        "the luck of every moment and route, which nobody can.</p>"
    )


def _role(knows_all: bool, policy: Policy) -> str:  # noqa: FBT001 - a fact, not a switch
    if not knows_all:
        return described(policy)
    return (
        f"knows what every moment and account would answer, within the new policy's {policy.window.days} days"
    )


def sentence(found: Findings) -> str:
    """What the world says of the new policy, against each of the others but the oracle."""
    parts = []
    for place, player in enumerate(found.players[1:-1], start=1):
        ahead = found.ahead(0, place)
        parts.append(f"{_ahead(ahead)} {player.name} ({ahead.shown(sign=True)})")
    return f"Net value, in points of what was owed: {'; '.join(parts)}."


def _ahead(one: Estimate) -> str:
    if not one.is_sure:
        return "not surely different from"
    return "ahead of" if one.value > 0 else "behind"


def uneven(found: Findings) -> str:
    """What is not equal between the new policy and the one in place, and so is a part of their difference."""
    new, old = found.players[0], found.players[1]
    if (new.days, new.tries) == (old.days, old.tries):
        return ""
    return (
        f"{new.name} has {new.tries} tries in {new.days} days, {old.name} {old.tries} in {old.days}: a part of the "
        "difference is that. To see what the choice of moments is worth, give both the same."
    )


def _row(found: Findings, place: int) -> tuple[str, ...]:
    oracle = len(found.players) - 1
    gap = "-" if place == oracle else found.ahead(oracle, place).shown()
    return (
        found.players[place].name,
        found.net(place).shown(),
        found.paid(place).shown(),
        found.tries_each(place).shown(2),
        found.cost(place).shown(2),
        gap,
    )


def _codes(found: Findings) -> Iterator[str]:
    head = ["code", "renewals", *(f"{player.name}, % back" for player in found.players)]
    rows = [(one.code, f"{one.cases}", *(estimate.shown() for estimate in one.back)) for one in found.codes()]
    yield from _table(head, rows)


def _attempts(found: Findings) -> Iterator[str]:
    for place, player in enumerate(found.players[:2]):
        rows = [(f"{one.number}", f"{one.made}", one.back.shown()) for one in found.attempts(place)]
        yield f"<p>{escape(player.name)}:</p>"
        yield from _table(("try", "made", "% of what was owed that it brought"), rows)


def _interval(one: Interval, scale: float) -> str:
    return f"{one.estimate * scale:.2f} ({one.low * scale:.2f} to {one.high * scale:.2f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{escape(one)}</th>" for one in head) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>"
    yield "</table>"
