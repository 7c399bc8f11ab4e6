"""`recoup backtest recovery`: what a policy of recovery would have brought, by the log and in a simulated world."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table

from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.lookingback import Mode, back, sides
from recoup.lookingback import backtest as backtest
from recoup.recovery.core.policy import DEFAULT, Policy
from recoup.recovery.core.policy_file import read
from recoup.routing.core.policy_reading import Format

if TYPE_CHECKING:
    from recoup.backtests.page import Logged, Report, World
    from recoup.backtests.shards import Runner

SINCE: Final = "90d"
CASES: Final = 3_000
REPORT: Final = "recovery-backtest.html"
_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


@backtest.command(name="recovery")
def recovery(  # noqa: PLR0913 - each is an option of the command
    *,
    policy: Path,
    against: Path | None = None,
    since: str | None = None,
    merchant: str | None = None,
    mode: Mode | None = None,
    world: int | None = None,
    cases: int = CASES,
    processes: int = os.cpu_count() or 1,
    ray: Annotated[bool, Parameter(negative="")] = False,
    report: Path | None = None,
) -> None:
    """Say what a policy of recovery would have brought: by your own log, or in a simulated world, or both.

    Nothing is changed, and nothing is concluded where the log cannot tell. Without --world your log is asked; with it
    the world, and your log only where you say --since.

    Parameters
    ----------
    policy:
        The policy to judge, a TOML or JSON file.
    against:
        What it is held against in the world: the policy that you have; without it, the built-in default.
    since:
        How far to look back in your log: 12h, 90d, 4w.
    merchant:
        Whose log; without it, everybody's, each by itself.
    mode:
        Test or live recoveries; without it, both, each by itself.
    world:
        The seed of the simulated world: the same seed, the same result.
    cases:
        How many declined renewals it has.
    processes:
        How many processes play at once; the result does not depend on it.
    ray:
        Play on the Ray cluster that RAY_ADDRESS names, or on one started here.
    report:
        A folder for the report, one HTML file with pictures.
    """
    from recoup.backtests.page import Report

    new, old = _policy(policy), DEFAULT if against is None else _policy(against)
    if cases < 1 or processes < 1:
        _stop("Say at least 1 for --cases and --processes.")
    asked = SINCE if since is None and world is None else since
    logs = [] if asked is None else _by_log(new, asked, merchant=merchant, mode=mode)
    played = None
    if world is not None:
        played = _in_world(new, old, seed=world, cases=cases, runner=_runner(processes, on_ray=ray))
    told = Report(new, policy.name, logs, played)
    _tell(told)
    if report is not None:
        _write(told, report)


def _policy(path: Path) -> Policy:
    """The policy in a file; ends the command where it is none."""
    try:
        source = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        _stop(f"{path} is no text in UTF-8.")
    reading = read(source, Format.JSON if path.suffix.lower() == ".json" else Format.TOML)
    if reading.policy is None:
        _stop(f"{path} is no policy of recovery:\n{reading.told()}")
    return reading.policy


def _stop(why: str) -> NoReturn:
    _errors.print(escape(why))
    sys.exit(2)


def _by_log(new: Policy, since: str, *, merchant: str | None, mode: Mode | None) -> list[Logged]:
    from recoup.backtests.log import judged
    from recoup.backtests.page import Logged

    length, found = back(since), []

    async def judge(service: Service) -> None:
        for whose in await sides(service, merchant, mode):
            now = whose.side.now(service.around.clock.now())
            with _errors.status("reading decisions") as status:

                def progress(said: str, name: str = whose.name, status: Status = status) -> None:
                    status.update(f"{escape(name)}: {said}")

                told = await judged(service, whose.side, new, since=now - length, now=now, progress=progress)
            if told is not None:
                found.append(Logged(whose.name, since, told))

    with_service(own_settings(), judge)
    return found


def _runner(processes: int, *, on_ray: bool) -> Runner:
    from recoup.backtests import shards

    return shards.on_ray(None) if on_ray else shards.in_processes(processes)


def _in_world(new: Policy, old: Policy, *, seed: int, cases: int, runner: Runner) -> World:
    from recoup.backtests.findings import Findings
    from recoup.backtests.page import World
    from recoup.backtests.players import Player, beside
    from recoup.backtests.shards import RayMissing, layout_of, run, shards

    first = Player("new", new)
    players = (first, Player("in place", old), *beside(first))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_errors, transient=True) as progress:
        bar = progress.add_task("declined renewals", total=cases)
        try:
            sums = run(shards(seed, cases, players), runner, done=lambda count: progress.advance(bar, count))
        except RayMissing as missing:
            _stop(str(missing))
    return World(seed, cases, Findings(players, sums, layout_of(players), fee=new.try_costs))


def _tell(told: Report) -> None:
    from recoup.backtests.page import described, sentence, uneven

    _out.print(f"[bold]{escape(told.file)}[/]: {escape(described(told.policy))}")
    for logged in told.logs:
        _tell_log(logged)
    if told.world is None:
        if not told.logs:
            _out.print("There are no recoveries in that time.")
        return
    found = told.world.found
    table = Table("", "net value, %", "paid, %", "tries for one paid", box=None)
    for place, player in enumerate(found.players):
        table.add_row(
            player.name,
            found.net(place).shown(),
            found.paid(place).shown(),
            found.tries_each(place).shown(2),
        )
    _out.print(
        f"\n[bold]In the world[/], seed {told.world.seed}, {found.cases} renewals that may be tried again:"
    )
    _out.print(table)
    _out.print(escape(sentence(found)))
    if uneven(found):
        _out.print(f"[yellow]{escape(uneven(found))}[/]")


def _tell_log(logged: Logged) -> None:
    from recoup.backtests.page import VERDICTS

    told = logged.told
    _out.print(
        f"\n[bold]{escape(logged.whose)}[/], by the last {escape(logged.since)}: {told.recoveries} recoveries judged"
    )
    for why, count in sorted(told.aside.items()):
        _out.print(f"[dim]{count} set aside: {escape(why)}[/]")
    if told.recovered is None:
        _out.print("Nothing can be judged.")
        return
    for choice in told.choices:
        _out.print(
            f"choice {choice.number}: {choice.reached} recoveries come to it, {choice.made} of them as a policy of "
            "the log would have chosen"
        )
    one = told.recovered
    for name, interval in (
        ("what was done", one.logged),
        ("this policy", one.snips),
        ("difference", one.difference),
    ):
        _out.print(f"{name:<16}{interval.estimate:>8.1%}   {interval.low:.1%} to {interval.high:.1%}")
    _out.print(f"verdict on recovered payments: {VERDICTS[one.verdict]}")
    for reason in one.reasons:
        _out.print(f"  - {escape(reason)}")


def _write(told: Report, folder: Path) -> None:
    from recoup.backtests.page import page

    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).write_text(page(told), encoding="utf-8")
    _out.print(f"written: {escape(str(folder / REPORT))}")
