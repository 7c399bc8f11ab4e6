"""What a chapter of the demo yields, as plain values: sentences, facts, timelines, and claims that were checked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeAlias

from recoup.demo.wire import Entry


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence about what happens next."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What an answer said, line by line."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A payment's timeline, as the API tells it. With a time zone, days are named as they are lived there."""

    entries: tuple[Entry, ...]
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A claim, whether it holds, and, for one that does not, what was found instead."""

    claim: str
    holds: bool
    found: str = ""


Telling: TypeAlias = Say | Facts | Story | Check
Tellings: TypeAlias = AsyncIterator[Telling]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the demo: its title, and what tells it."""

    title: str
    tell: Callable[[], Tellings]


def equal(claim: str, found: object, expected: object) -> Check:
    """The claim that two values are the same."""
    return Check(claim, found == expected, f"expected {expected}, found {found}")
