"""`recoup backtest routing` and `recoup decisions replay`: what another policy would have done; the same once more."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.kit.ids import Kind, parse, render
from recoup.merchants.core import Merchant
from recoup.recovery.flow.replaying import Replays
from recoup.routing.core.hindsight import Hindsight
from recoup.routing.core.offpolicy import Conclusion, Evaluation, Inconclusive, Interval, Verdict
from recoup.routing.core.policy_reading import Format
from recoup.routing.core.replaying import Differs, NotReplayable, Same
from recoup.routing.flow.backtest import Backtests, Remade

backtest = App(name="backtest", help="Judge a policy by your own logged decisions, before it goes live.")
decisions = App(name="decisions", help="Stored decisions.")

Mode = Literal["test", "live"]
REPLAYED: Final = 10_000
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_SINCE: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])", re.ASCII)
_WIDTH: Final = 26
_VERDICTS: Final = {
    Verdict.BETTER: "[green]better[/] than what was done",
    Verdict.WORSE: "[red]worse[/] than what was done",
    Verdict.NO_DIFFERENCE: "no difference shown: it may be a little better or a little worse",
}

_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


def back(text: str) -> timedelta:
    """`90d`, `12h` or `4w` as a length of time; ends the command where it is none."""
    found = _SINCE.fullmatch(text)
    if found is None:
        _errors.print(f"{escape(text)!r} is no length of time: say 12h, 90d or 4w.")
        sys.exit(2)
    return int(found[1]) * _UNITS[found[2]]


@dataclass(frozen=True, slots=True)
class Whose:
    """A side of a merchant, and how it is called."""

    side: Merchant
    name: str


async def sides(service: Service, merchant: str | None, mode: Mode | None) -> Sequence[Whose]:
    """The sides that are meant; ends the command where there is no such merchant."""
    pairs = [one for one in await service.merchants.pairs() if merchant in (None, one.name)]
    if not pairs:
        _errors.print(f"There is no merchant {escape(merchant or '')!r}.")
        sys.exit(2)
    sides = [
        (pair.name, side, word) for pair in pairs for word, side in (("live", pair.live), ("test", pair.test))
    ]
    return [Whose(side, f"{name}, {word}") for name, side, word in sides if mode in (None, word)]


@backtest.command(name="routing")
def routing(
    *,
    policy: Path,
    since: str = "90d",
    merchant: str | None = None,
    mode: Mode | None = None,
    json: Annotated[bool, Parameter(help="Print the report as JSON.")] = False,
) -> None:
    """Say what a routing policy would have brought, from your own decisions and what came of them.

    Nothing is changed, and nothing is concluded where the log cannot tell.

    Parameters
    ----------
    policy:
        The policy to judge, a TOML or JSON file.
    since:
        How far to look back: 12h, 90d, 4w.
    merchant:
        Whose decisions; without it, everybody's, each by itself.
    mode:
        Test or live decisions; without it, both, each by itself.
    """
    source = policy.read_text(encoding="utf-8")
    format_ = Format.JSON if policy.suffix == ".json" else Format.TOML
    length = back(since)

    async def judge(service: Service) -> None:
        reports = []
        for whose in await sides(service, merchant, mode):
            told = await _judged(service, whose, source, format_, length=length)
            if told is not None:
                reports.append((whose, told))
        if json:
            shown = [
                {"merchant": whose.name, "policy": str(policy), "since": since, **report(told)}
                for whose, told in reports
            ]
            _out.out(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
            return
        for whose, told in reports:
            _tell(whose, told, policy=policy.name, since=since)
        if not reports:
            _out.print("There are no decisions about routes in that time.")

    with_service(own_settings(), judge)


async def _judged(
    service: Service, whose: Whose, source: str, format_: Format, *, length: timedelta
) -> Hindsight | None:
    """What the log of one side says; None where it has none. Ends the command where the policy is none."""
    now = whose.side.now(service.around.clock.now())
    since = now - length
    if not await service.routing.backtests.has_any(whose.side.id, since=since):
        return None
    reading = await service.routing.policies.check(whose.side.id, source, format_)
    if reading.policy is None:
        _errors.print(f"For {escape(whose.name)} this is no policy:\n{escape(reading.told())}")
        sys.exit(2)
    with _errors.status("reading decisions") as status:
        return await service.routing.backtests.judge(
            whose.side.id,
            reading.policy,
            since=since,
            now=now,
            progress=lambda read: status.update(f"{escape(whose.name)}: {read} decisions read"),
        )


def report(told: Hindsight) -> dict[str, Any]:
    """A report as JSON has it."""
    return {
        "decisions": told.decisions,
        "set_aside": {why.name.lower(): count for why, count in sorted(told.aside.items())},
        "would_refuse": told.refused,
        "would_ask_another_first": told.otherwise,
        "approval_rate": None if told.approval is None else _evaluated(told.approval),
        "net_value": {currency: _evaluated(one) for currency, one in told.net_value.items()},
    }


def _evaluated(one: Evaluation) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(one)
    match one.outcome:
        case Conclusion(verdict):
            shown["outcome"] = {"verdict": verdict, "reasons": []}
        case Inconclusive(reasons):
            shown["outcome"] = {"verdict": "inconclusive", "reasons": list(reasons)}
    return shown


def _tell(whose: Whose, told: Hindsight, *, policy: str, since: str) -> None:
    _out.print(f"\n[bold]{escape(whose.name)}[/]: {escape(policy)}, judged by the last {since}")
    _out.print(
        f"{told.decisions} first asks; in {told.otherwise:.1%} it would have asked another account first"
    )
    for why, count in sorted(told.aside.items()):
        _out.print(f"[dim]{count} not judged: {why}[/]")
    if told.refused:
        _out.print(
            f"[yellow]{told.refused} payments would have found no account that the policy lets be asked[/]"
        )
    if told.approval is None:
        _out.print("Nothing can be judged.")
        return
    _tell_one("Approval of the first ask", told.approval, unit="%")
    for currency, one in told.net_value.items():
        _tell_one(f"Net value of the first ask, in minor units of {currency}", one, unit="")


def _tell_one(name: str, one: Evaluation, *, unit: Literal["%", ""]) -> None:
    support = one.support
    _out.print(f"\n[bold]{name}[/] [dim](95 % intervals, normal where nothing else is said)[/]")
    rows = {
        "what was done": one.logged,
        "this policy (DR)": one.doubly_robust,
        "  self-normalised IPS": one.snips,
        "  IPS": one.ips,
        "  IPS, empirical Bernstein": one.bernstein,
        "difference (DR)": one.difference,
    }
    for words, interval in rows.items():
        _out.print(f"{words:<{_WIDTH}}{_interval(interval, unit)}")
    _out.print(
        f"[dim]It speaks for as much as {support.effective:.0f} decisions of equal weight; the largest weight is "
        f"{support.weight_max:.1f}. {support.unsupported:.1%} of its choices had no chance in the log. The stored "
        f"estimates less what came: {_number(one.model_error, unit)}.[/]"
    )
    match one.outcome:
        case Conclusion(verdict):
            _out.print(f"verdict: {_VERDICTS[verdict]}")
        case Inconclusive(reasons):
            _out.print("verdict: [yellow]none; the log cannot tell[/]")
            for reason in reasons:
                _out.print(f"  - {escape(reason)}")


def _interval(one: Interval, unit: Literal["%", ""]) -> str:
    return f"{_number(one.estimate, unit):>10}   {_number(one.low, unit)} to {_number(one.high, unit)}"


def _number(number: float, unit: Literal["%", ""]) -> str:
    return f"{number:.2%}" if unit else f"{number:.1f}"


@decisions.command(name="replay")
def replay(
    decision: str | None = None,
    /,
    *,
    since: str | None = None,
    limit: int = REPLAYED,
    merchant: str | None = None,
    mode: Mode | None = None,
) -> None:
    """Make stored decisions about routes and recoveries again; exit code 1 where one does not come out the same.

    Parameters
    ----------
    decision:
        One decision's id; or none, with --since.
    since:
        How far to look back: 12h, 90d, 4w.
    limit:
        The most decisions to look at, for each merchant and mode.
    merchant:
        Whose decisions; without it, everybody's.
    mode:
        Test or live decisions; without it, both.
    """
    if (decision is None) == (since is None):
        _errors.print("Give one decision's id, or --since.")
        sys.exit(2)
    length = None if since is None else back(since)
    counts = {Same: 0, Differs: 0, NotReplayable: 0}

    async def again(service: Service) -> None:
        for whose in await sides(service, merchant, mode):
            async for one in _remade(service, whose, decision, length=length, limit=limit):
                counts[type(one.replayed)] += 1
                _tell_remade(one)

    with_service(own_settings(), again)
    if decision is not None and not any(counts.values()):
        _errors.print(f"There is no decision about a route or a recovery {escape(decision)!r}.")
        sys.exit(2)
    _out.print(
        f"{counts[Same]} come out the same, {counts[Differs]} do not, {counts[NotReplayable]} cannot be made again"
    )
    sys.exit(1 if counts[Differs] else 0)


async def _remade(
    service: Service, whose: Whose, decision: str | None, *, length: timedelta | None, limit: int
) -> AsyncIterator[Remade]:
    if length is not None:
        since: datetime = whose.side.now(service.around.clock.now()) - length
        for among in _kinds(service):
            async for one in among.replay_all(whose.side.id, since=since, limit=limit):
                yield one
        return
    id_ = parse(Kind.DECISION, decision or "")
    for among in _kinds(service):
        found = None if id_ is None else await among.replay_one(whose.side.id, id_)
        if found is not None:
            yield found


def _kinds(service: Service) -> tuple[Backtests, Replays]:
    """Who makes decisions again: those about routes, those about recoveries."""
    return service.routing.backtests, service.brought.compared.replays


def _tell_remade(one: Remade) -> None:
    name = render(Kind.DECISION, one.id)
    match one.replayed:
        case Same():
            return
        case Differs(differences):
            _out.print(f"[red]{name} differs[/]")
            for difference in differences:
                _out.print(f"  {escape(difference)}")
        case NotReplayable(why):
            _out.print(f"[yellow]{name} cannot be made again[/]: {escape(why)}")
