"""What the same renewals brought over HTTP and in the bench, case by case, over one or several worlds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import Struct
from rich.table import Table

from recoup.backtests.matches import DAY_S, FEE, Flags, Floats, Ints

SLOT_S: Final = 6 * 3_600
RESAMPLES: Final = 2_000
RESAMPLES_SEED: Final = 11
Interval = tuple[float, float, float]
"""A figure, and the ends of its 95 % interval."""


class Play(Struct, frozen=True):
    """What came of each case: when it was paid (-1: never), how often it was tried, and when first (-1: never)."""

    won_s: list[int]
    tries: list[int]
    first_s: list[int]


class PlayedWorld(Struct, frozen=True):
    """One world that was played through, as it is kept. `open`: which cases may be tried; `declined`: whose renewal was
    declined over HTTP, as the model says of all; `passed` and `broken` are the network's own counts."""

    seed: int
    owed: list[int]
    when_s: list[int]
    open: list[bool]
    declined: list[bool]
    http: Play
    bench: Play
    passed: int
    broken: dict[str, int]
    took_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """The same of the cases that count, as arrays."""

    won_s: Ints
    tries: Ints
    first_s: Ints

    @property
    def won(self) -> Flags:
        """Which cases were paid."""
        return np.asarray(self.won_s >= 0)


class Compared:
    """Both plays of the cases that may be tried, over all worlds, and what the networks counted."""

    def __init__(self, worlds: Sequence[PlayedWorld]) -> None:
        self.worlds = worlds
        self._open = _joined([one.open for one in worlds]).astype(np.bool_)
        self._counts = self._open & _joined([one.declined for one in worlds]).astype(np.bool_)
        self.owed: Floats = _joined([one.owed for one in worlds])[self._counts].astype(np.float64)
        self.when_s: Ints = _joined([one.when_s for one in worlds])[self._counts]
        self.http = self._played([one.http for one in worlds])
        self.bench = self._played([one.bench for one in worlds])

    @property
    def broken(self) -> dict[str, int]:
        """How often which rule of a network was broken."""
        rules = {rule for one in self.worlds for rule in one.broken}
        return {rule: sum(one.broken.get(rule, 0) for one in self.worlds) for rule in sorted(rules)}

    @property
    def left_out(self) -> int:
        """Cases whose renewal came when what stood in its way had passed."""
        return int((self._open & ~self._counts).sum())

    @property
    def tries_of_others(self) -> int:
        """Tries over HTTP of cases that may not be tried."""
        return int(_joined([one.http.tries for one in self.worlds])[~self._open].sum())

    def net(self, played: Played) -> Floats:
        """What each case brought, less the cost of its tries."""
        return self.recovered(played) - FEE * played.tries

    def recovered(self, played: Played) -> Floats:
        """What each case brought."""
        return np.where(played.won, self.owed, 0.0)

    def interval(self, values: Floats) -> Interval:
        """A sum over cases in percent of what was owed, with its 95 % interval by bootstrap over cases."""
        rng = np.random.default_rng(RESAMPLES_SEED)
        shares = np.empty(RESAMPLES)
        for place in range(RESAMPLES):
            drawn = rng.integers(0, len(self.owed), len(self.owed))
            shares[place] = 100 * values[drawn].sum() / self.owed[drawn].sum()
        low, high = np.quantile(shares, (0.025, 0.975))
        return float(100 * values.sum() / self.owed.sum()), float(low), float(high)

    @property
    def agrees(self) -> bool:
        """Whether what HTTP brought is inside the interval of the bench, and no rule of a network was broken."""
        http, bench = self.interval(self.net(self.http)), self.interval(self.net(self.bench))
        return bench[1] <= http[0] <= bench[2] and not self.broken

    def rows(self) -> Sequence[tuple[str, ...]]:
        """Both beside each other: what, over HTTP, in the bench, and the difference."""
        rows: list[tuple[str, ...]] = []
        for name, what in (("net of owed, %", self.net), ("recovered of owed, %", self.recovered)):
            http, bench = what(self.http), what(self.bench)
            rows.append((name, *(_shown(self.interval(one)) for one in (http, bench, http - bench))))
        plays = (self.http, self.bench)
        paid = [one.won.mean() * 100 for one in plays]
        each = [one.tries.sum() / max(1, one.won.sum()) for one in plays]
        rows.append(("payments recovered, %", *(f"{one:.2f}" for one in paid), f"{paid[0] - paid[1]:+.2f}"))
        rows.append(("tries per recovered", *(f"{one:.3f}" for one in each), f"{each[0] - each[1]:+.3f}"))
        return rows

    def said(self) -> Iterator[str]:
        """What else there is to say: how alike the single cases are, and what networks counted."""
        http, bench = self.http, self.bench
        same = (http.won == bench.won) & (http.tries == bench.tries)
        tried = (http.first_s >= 0) & (bench.first_s >= 0)
        apart = np.abs(http.first_s - bench.first_s)[tried]
        yield f"renewals: {len(self._open):,} in {len(self.worlds)} worlds; {len(self.owed):,} may be tried again"
        yield f"left out, for they were approved on their day: {self.left_out}"
        yield f"the same end after as many tries: {same.mean():.1%} of cases"
        yield f"the first try within the same six hours: {(apart < SLOT_S).mean():.1%} of those tried by both"
        yield f"tried by one and not by the other: {int(((http.tries > 0) != (bench.tries > 0)).sum())} cases"
        yield f"tries of cases that may not be tried: {self.tries_of_others} over HTTP"
        latest = np.where(http.won, (http.won_s - self.when_s) / DAY_S, 0).max()
        yield f"the latest recovery came {latest:.1f} days after the decline"
        passed = sum(one.passed for one in self.worlds)
        yield f"tries that the networks passed: {passed:,}; forbidden ones: {self.broken or 0}"
        _, low, high = self.interval(self.net(http) - self.net(bench))
        told = "may be chance" if low <= 0 <= high else "is more than chance"
        yield f"case by case, the difference of the net {told}: {low:+.2f} to {high:+.2f} points"
        yield f"over HTTP within the bench's interval: {'yes' if self.agrees else 'NO'}"

    def _played(self, plays: Sequence[Play]) -> Played:
        columns = ([getattr(one, name) for one in plays] for name in Play.__struct_fields__)
        return Played(*(_joined(column)[self._counts] for column in columns))


def table_of(found: Compared) -> Table:
    """Both beside each other, for a terminal."""
    table = Table("", "over HTTP", "in the bench", "HTTP less bench")
    for row in found.rows():
        table.add_row(*row)
    return table


def _joined(parts: Sequence[Sequence[int]]) -> Ints:
    return np.concatenate([np.asarray(part, dtype=np.int64) for part in parts])


def _shown(interval: Interval) -> str:
    middle, low, high = interval
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"
