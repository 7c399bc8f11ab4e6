"""`recoup routing` and `recoup recovery`: whether a file is a policy, told on the command line, while nothing runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from recoup.recovery.core import policy_file
from recoup.recovery.core.policy import Policy
from recoup.routing.core.policy_names import ANY_ACCOUNT
from recoup.routing.core.policy_reading import Format, Problem, Reading, read

routing = App(name="routing", help="Routing policies.")
recovery = App(name="recovery", help="Recovery policies.")
_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


@routing.command
def check(file: Path) -> None:
    """Say everything that is wrong with a routing policy, each with its line.

    The accounts that it names are not looked up: saving the policy does that.

    Parameters
    ----------
    file:
        The policy, in TOML; or in JSON, where its name ends in `.json`.
    """
    reading = read(*_text_of(file), ANY_ACCOUNT)
    if reading.policy is None:
        _refuse(file, reading.problems, reading.more)
    _out.print(f"{escape(str(file))} is a routing policy: {_told(reading)}.")


@recovery.command(name="check")
def check_recovery(file: Path) -> None:
    """Say everything that is wrong with a recovery policy, each with its line.

    The accounts that it names are not looked up: saving the policy does that.

    Parameters
    ----------
    file:
        The policy, in TOML; or in JSON, where its name ends in `.json`.
    """
    reading = policy_file.read(*_text_of(file))
    if reading.policy is None:
        _refuse(file, reading.problems, reading.more)
    _out.print(f"{escape(str(file))} is a recovery policy: {escape(_summary(reading.policy))}.")


def _text_of(file: Path) -> tuple[str, Format]:
    try:
        source = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        _errors.print(f"{escape(str(file))} is no text in UTF-8.")
        sys.exit(1)
    return source, Format.JSON if file.suffix.lower() == ".json" else Format.TOML


def _refuse(file: Path, problems: Sequence[Problem], more: int) -> NoReturn:
    for problem in problems:
        _errors.print(f"{escape(str(file))}: {escape(str(problem))}")
    if more:
        _errors.print(f"… and {more} more")
    sys.exit(1)


def _summary(policy: Policy) -> str:
    tries = "1 try" if policy.tries_max == 1 else f"{policy.tries_max} tries"
    days = f" on days {', '.join(map(str, policy.days))}" if policy.days else ""
    return f"{policy.name}, by the method {policy.method}, {tries}{days} within {policy.window.days} days"


def _told(reading: Reading) -> str:
    rules = len(reading.document.get("rules", []))
    names = len(reading.names)
    return (
        f"{rules} {'rule' if rules == 1 else 'rules'} and a default, "
        f"{names} {'name' if names == 1 else 'names'} of accounts, which were not looked up"
    )
