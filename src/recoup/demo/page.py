"""How the demo looks: chapters, sentences, timelines and checked claims on a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from recoup.demo.telling import Check, Facts, Say, Story, Telling
from recoup.demo.wire import Entry

WIDTH_MAX: Final = 104
INDENT: Final = 3
DEEPER: Final = 5

_GOOD: Final = frozenset({"approved", "succeeded", "authorized", "captured", "recovered", "refunded"})
_BAD: Final = frozenset({"declined", "failed", "unprocessed", "expired", "exhausted"})
_OPEN: Final = frozenset({"unknown", "unresolved"})
_MARKS: Final = {"good": ("●", "green"), "bad": ("●", "red"), "open": ("●", "yellow"), "plain": ("·", "dim")}


class Page:
    """Prints what is told, as it is told."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._before: type[Telling] | None = None
        console.width = min(console.width, WIDTH_MAX)

    def open(self, base_url: str) -> None:
        """The head of the page."""
        self._console.print()
        self._indented(Text("Recoup, told in five payments", style="bold"))
        self._indented(Text(f"over HTTP, in test mode, against {base_url}", style="dim"))

    def chapter(self, number: int, title: str) -> None:
        """The head of a chapter."""
        self._console.print()
        head = Text.assemble((f"{number} ", "bold cyan"), (title, "bold"))
        self._console.print(Rule(head, align="left", style="dim"))
        self._before = None

    def telling(self, told: Telling) -> None:
        """One thing that a chapter tells; a blank line parts it from what is of another sort."""
        opened = self._before is Say and isinstance(told, Facts | Story)
        if not opened and self._before is not type(told):
            self._console.print()
        self._before = type(told)
        match told:
            case Say(text=text):
                self._indented(Text(text))
            case Facts(rows=rows):
                self._indented(_facts(rows), DEEPER)
            case Story(entries=entries, time_zone=zone):
                self._indented(_story(entries, zone), DEEPER)
            case Check():
                self._check(told)
            case _:
                assert_never(told)

    def broken(self, why: str) -> None:
        """A chapter that could not be told to its end."""
        self._indented(Text.assemble(("✗ ", "bold red"), (why, "red")))

    def close(self, *, held: int, failed: int, seconds: float) -> None:
        """The last line."""
        self._console.print()
        if failed:
            said = f"{failed} of {held + failed} claims do not hold."
            self._indented(Text(said, style="bold red"))
        else:
            said = f"All {held} claims hold. It took {seconds:.1f} seconds."
            self._indented(Text(said, style="bold green"))
        self._console.print()

    def _check(self, check: Check) -> None:
        if check.holds:
            self._indented(Text.assemble(("✓ ", "green"), check.claim))
        else:
            self._indented(Text.assemble(("✗ ", "bold red"), (check.claim, "bold"), f": {check.found}"))

    def _indented(self, what: Text | Table, by: int = INDENT) -> None:
        self._console.print(Padding(what, (0, 0, 0, by), expand=False))


def _facts(rows: tuple[tuple[str, str], ...]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        grid.add_row(Text(name, style="dim", no_wrap=True), Text(value))
    return grid


def _story(entries: tuple[Entry, ...], zone: str | None) -> Table:
    grid = Table.grid(padding=(0, 1))
    for before, entry in zip((None, *entries), entries, strict=False):
        if before is not None and before.summary == entry.summary:
            continue  # the same news under another name
        mark, style = _MARKS[_sort(entry.type)]
        summary = entry.summary[:1].lower() + entry.summary[1:]
        grid.add_row(
            Text(_time(entry.at, zone), style="dim", no_wrap=True), Text(mark, style=style), Text(summary)
        )
    return grid


def _sort(type_: str) -> str:
    fact = type_.rpartition(".")[2]
    if fact in _GOOD:
        return "good"
    if fact in _BAD:
        return "bad"
    return "open" if fact in _OPEN else "plain"


def _time(at: datetime, zone: str | None) -> str:
    """The time of day; over days, the day too, as it is called where the customer lives."""
    if zone is None:
        return at.astimezone(UTC).strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03}"
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day:>2} {local:%b %H:%M}"
