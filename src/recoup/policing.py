"""`recoup routing`: whether a file is a routing policy, told on the command line, with nothing running."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from recoup.routing.core.policy_names import ANY_ACCOUNT
from recoup.routing.core.policy_reading import Format, Reading, read

routing = App(name="routing", help="Routing policies.")
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
    try:
        source = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        _errors.print(f"{escape(str(file))} is no text in UTF-8.")
        sys.exit(1)
    format_ = Format.JSON if file.suffix.lower() == ".json" else Format.TOML
    reading = read(source, format_, ANY_ACCOUNT)
    if reading.policy is None:
        for problem in reading.problems:
            _errors.print(f"{escape(str(file))}: {escape(str(problem))}")
        if reading.more:
            _errors.print(f"… and {reading.more} more")
        sys.exit(1)
    _out.print(f"{escape(str(file))} is a routing policy: {_told(reading)}.")


def _told(reading: Reading) -> str:
    rules = len(reading.document.get("rules", []))
    names = len(reading.names)
    return (
        f"{rules} {'rule' if rules == 1 else 'rules'} and a default, "
        f"{names} {'name' if names == 1 else 'names'} of accounts, which were not looked up"
    )
