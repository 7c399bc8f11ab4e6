"""The same failed renewals through the real service over HTTP, and in the bench: `python -m bench.recovery.over_http`.

A server (`recoup serve`, on an embedded PostgreSQL) with the sandbox, whose world has a model: each cardholder's
renewal is made over HTTP on its day of the test clock, declined, and recovered by the server itself while the clock
moves on. Beside it the bench plays the same cases, with the same window, tries and one way to the issuer, knowing as
much: no earlier tries, and where each customer lives. Both are compared case by case, with intervals by bootstrap over
cases; and the simulated network counts the tries that its rules forbid.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Final

import aiohttp
import numpy as np
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from recoup.backtests.matches import DAY_S, FEE, Flags, Ground, Ints
from recoup.backtests.ours import Ours
from recoup.kit.clock import rfc3339
from recoup.sandbox.core.cardfile import MODELLED_CARDS_EACH, MODELLED_FROM
from recoup.sandbox.core.people import COUNTRIES, number_of
from recoup.sandbox.model import Answers
from recoup.sandbox.model.calendar import ZONES
from recoup.sandbox.model.single import number

SEED: Final = 11
DAYS: Final = 28
TRIES: Final = 4
SLOT_S: Final = 6 * 3_600
READY_S: Final = 300.0
AT_ONCE: Final = 8
RESAMPLES: Final = 2_000
STEPS_MAX: Final = 50
"""How often one move of the clock is asked to go on."""
_TOO_MUCH: Final = "too_much_is_due"

app = App(name="bench.recovery.over_http", help=__doc__)
_out: Final = Console(highlight=False, width=110)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of each case: when it was paid (-1: never), how often it was tried, and when first (-1: never)."""

    won_s: Ints
    tries: Ints
    first_s: Ints

    @property
    def won(self) -> Flags:
        """Which cases were paid."""
        return np.asarray(self.won_s >= 0)


def ground_of(cases: int, *, start: date) -> Ground:
    """The world, known as little of as the service knows: nothing of the months before."""
    ground = Ground(SEED, cases, people_from=0, days_max=DAYS, start=start)
    history = ground.seen.history
    ground.seen = replace(ground.seen, history=replace(history, there=np.zeros_like(history.there)))
    return ground


def in_the_bench(ground: Ground) -> Played:
    """The bench's own play."""
    count = len(ground.world)
    won_s, tries = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.int64)
    first_s = np.full(count, -1, dtype=np.int64)
    ours = Ours(ground, days=DAYS, tries=TRIES, routes=1)

    def told(cases: Ints, when_s: Ints, route: Ints, answers: Answers) -> None:
        first_s[cases] = np.where(tries[cases] == 0, when_s, first_s[cases])
        tries[cases] += 1
        won_s[cases[answers.approved]] = when_s[answers.approved]
        ours.hear(cases, when_s, route, answers)

    ground.play(ours.choose, days=DAYS, tries=TRIES, told=told)
    return Played(won_s, tries, first_s)


class Shop:
    """The API, as a merchant's server uses it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._sent = 0

    async def get(self, path: str) -> Any:
        """What is at a path."""
        async with self._session.get(path) as response:
            assert response.status == 200, f"{path}: {await response.text()}"
            return await response.json()

    async def post(self, path: str, body: Any, *, beside: str | None = None) -> Any:
        """The answer to a request that must succeed, or be refused with the code `beside`."""
        self._sent += 1
        headers = {"Idempotency-Key": f"bench-{self._sent}"}
        async with self._session.post(path, json=body, headers=headers) as response:
            answer = await response.json()
            allowed = response.status < 300 or answer.get("error", {}).get("code") == beside
            assert allowed, f"{path}: {answer}"
            return answer

    async def advance(self, to: datetime) -> None:
        """Move the clock, however much is due on the way."""
        for _ in range(STEPS_MAX):
            answer = await self.post("/v1/test_clock/advance", {"to": rfc3339(to)}, beside=_TOO_MUCH)
            if "error" not in answer:
                return
        raise AssertionError("the clock does not get on")


async def over_http(shop: Shop, ground: Ground, *, account: str) -> Played:
    """Every renewal on its day, and four weeks more."""
    await _wake(shop, ground, account=account)
    payers = await _each(range(len(ground.world)), lambda case: _payer(shop, ground, case))
    payments: dict[int, str] = {}
    for case in np.argsort(ground.seen.when_s, kind="stable").tolist():
        await shop.advance(moment(int(ground.seen.when_s[case])))
        payments[case] = await _renewal(shop, ground, case, payer=payers[case], account=account)
    last = moment(int(ground.seen.when_s.max()))
    for day in range(1, DAYS + 3):
        await shop.advance(last + timedelta(days=day))
    made = await _each(sorted(payments), lambda case: shop.get(f"/v1/payments/{payments[case]}"))
    return _played(made)


async def _wake(shop: Shop, ground: Ground, *, account: str) -> None:
    """Ask for a card that nobody has, until an issuer says so: the first who asks has the model made, and as long as
    that takes the network answers in the issuers' place."""
    beginning, held = number(ground.world, 0)[:9], MODELLED_FROM + MODELLED_CARDS_EACH * len(ground.world)
    card = {"number": number_of(SEED, beginning, held), "exp_month": 12, "exp_year": 2040}
    body = {
        "amount": 99_999_99,
        "currency": "USD",
        "payment_method_data": {"type": "card", "card": card},
        "routing": {"processor_accounts": [account]},
    }
    for _ in range(STEPS_MAX):
        if (await shop.post("/v1/payments", body))["decline"]["code"] != "issuer_not_available":
            return
    raise AssertionError("no issuer answers")


async def _payer(shop: Shop, ground: Ground, case: int) -> tuple[str, str]:
    """A customer with the stored card of a case."""
    seen = ground.seen
    where = {"country": COUNTRIES[seen.country[case]].code, "time_zone": str(ZONES[seen.zone[case]])}
    customer = (await shop.post("/v1/customers", where))["id"]
    card = {"number": number(ground.world, case), "exp_month": 12, "exp_year": 2040}
    method = await shop.post("/v1/payment_methods", {"type": "card", "card": card, "customer": customer})
    return customer, method["id"]


async def _renewal(shop: Shop, ground: Ground, case: int, *, payer: tuple[str, str], account: str) -> str:
    customer, method = payer
    body = {
        "amount": int(ground.seen.amount[case]),
        "currency": COUNTRIES[ground.seen.country[case]].currency,
        "customer": customer,
        "payment_method": method,
        "initiator": "merchant",
        "routing": {"processor_accounts": [account]},
    }
    payment = await shop.post("/v1/payments", body)
    assert payment["status"] == "declined", f"case {case}: a renewal of the model is declined: {payment}"
    return str(payment["id"])


def _played(payments: Sequence[Any]) -> Played:
    won, tries, first = [], [], []
    for payment in payments:
        made = [one for one in payment["attempts"] if one["reason"] == "recovery"]
        approved = [one for one in made if one["outcome"] == "approved"]
        won.append(_seconds(approved[0]["started_at"]) if approved else -1)
        first.append(_seconds(made[0]["started_at"]) if made else -1)
        tries.append(len(made))
    return Played(np.asarray(won), np.asarray(tries), np.asarray(first))


async def _each(cases: Sequence[int], work: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """What work makes of each case, a few at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(case: int) -> Any:
        async with places:
            return await work(case)

    return await asyncio.gather(*(one(case) for case in cases))


def moment(seconds: int) -> datetime:
    """A time of the model as the service says it."""
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """A server of its own, and its sandbox merchant's key."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
    environment |= {
        "RECOUP_DATA_DIR": str(folder / "data"),
        "RECOUP_PORT": "0",
        "RECOUP_SANDBOX_PORT": "0",
        "RECOUP_SANDBOX_LINK_PORT": "0",
        "RECOUP_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "recoup", "serve"]
    with (
        (folder / "server.log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process,
    ):
        try:
            yield _announced(process)
        finally:
            process.terminate()
            process.wait(READY_S)


def _announced(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout is not None, "piped"
    url = key = ""
    ends = monotonic() + READY_S
    while not (url and key) and process.poll() is None and monotonic() < ends:
        line = process.stdout.readline()
        if found := re.search(r"Recoup is up at (http://\S+)", line):
            url = found[1]
        if found := re.search(r"sk_test_\w+", line):
            key = found[0]
    assert url and key, "the server did not start"
    return url, key


@asynccontextmanager
async def shop_at(url: str, key: str) -> AsyncIterator[Shop]:
    """A client of the server."""
    timeout = aiohttp.ClientTimeout(total=600)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session:
        yield Shop(session)


@dataclass(frozen=True, slots=True)
class Compared:
    """Both plays of the cases that may be tried, and what the network counted."""

    ground: Ground
    bench: Played
    http: Played
    network: dict[str, Any]
    took_s: float

    def net(self, played: Played) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """What each case brought, less the cost of its tries."""
        cases = self.ground.open
        won = np.where(played.won[cases], self.ground.seen.amount[cases], 0)
        return np.asarray(won - FEE * played.tries[cases], dtype=np.float64)

    def interval(self, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float, float]:
        """A sum over cases in percent of what was owed, with its 95 % interval by bootstrap over cases."""
        owed = self.ground.seen.amount[self.ground.open].astype(np.float64)
        rng = np.random.default_rng(SEED)
        drawn = rng.integers(0, len(owed), (RESAMPLES, len(owed)))
        shares = 100 * values[drawn].sum(axis=1) / owed[drawn].sum(axis=1)
        low, high = np.quantile(shares, (0.025, 0.975))
        return float(100 * values.sum() / owed.sum()), float(low), float(high)

    @property
    def difference(self) -> tuple[float, float, float]:
        """By how much HTTP brought more than the bench, case by case."""
        return self.interval(self.net(self.http) - self.net(self.bench))

    @property
    def agrees(self) -> bool:
        """Whether what HTTP brought is inside the interval of the bench, and no rule of a network was broken."""
        http, bench = self.interval(self.net(self.http)), self.interval(self.net(self.bench))
        return bench[1] <= http[0] <= bench[2] and not self.network["broken"]


async def compared_at(url: str, key: str, *, cases: int) -> Compared:
    """Both, in a world of so many cases, by a server that serves there."""
    began = monotonic()
    async with shop_at(url, key) as shop:
        now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
        start = now.date() + timedelta(days=2)
        accounts = (await shop.get("/v1/processor_accounts"))["data"]
        account = next(one["id"] for one in accounts if one["connector"] == "alpha")
        wanted = {"seed": SEED, "model": {"cases": cases, "starts_on": start.isoformat()}}
        await shop.post("/v1/test/world", wanted)
        await shop.post("/v1/recovery/hold_out", {"share": 0})  # the bench holds nobody out either
        ground = await asyncio.to_thread(ground_of, cases, start=start)
        http = await over_http(shop, ground, account=account)
        network = await shop.get("/v1/test/world/limits")
    return Compared(ground, in_the_bench(ground), http, network, monotonic() - began)


async def compared(cases: int, folder: Path) -> Compared:
    """The same, by a server of its own."""
    with served(folder) as (url, key):
        return await compared_at(url, key, cases=cases)


def table_of(found: Compared) -> Table:
    """Both beside each other."""
    ground, cases = found.ground, found.ground.open
    table = Table("", "over HTTP", "in the bench", "HTTP less bench")
    rows = (("net of owed, %", found.net), ("recovered of owed, %", lambda one: _recovered(ground, one)))
    for name, what in rows:
        http, bench = what(found.http), what(found.bench)
        table.add_row(name, *(_shown(found.interval(one)) for one in (http, bench, http - bench)))
    plays = (found.http, found.bench)
    paid = [one.won[cases].mean() * 100 for one in plays]
    table.add_row("payments recovered, %", *(f"{one:.2f}" for one in paid), f"{paid[0] - paid[1]:+.2f}")
    each = [one.tries[cases].sum() / max(1, one.won[cases].sum()) for one in plays]
    table.add_row("tries per recovered", *(f"{one:.3f}" for one in each), f"{each[0] - each[1]:+.3f}")
    return table


def said_of(found: Compared) -> Iterator[str]:
    """What else there is to say: how alike the single cases are."""
    cases, http, bench = found.ground.open, found.http, found.bench
    same = (http.won[cases] == bench.won[cases]) & (http.tries[cases] == bench.tries[cases])
    apart = np.abs(http.first_s[cases] - bench.first_s[cases])
    tried = (http.first_s[cases] >= 0) & (bench.first_s[cases] >= 0)
    yield f"cases: {len(found.ground.world):,}, of which {len(cases):,} may be tried again"
    yield f"the same end after as many tries: {same.mean():.1%} of cases"
    yield f"the first try within the same six hours: {(apart[tried] < SLOT_S).mean():.1%} of those tried by both"
    yield f"tried by one and not by the other: {int(((http.tries > 0) != (bench.tries > 0))[cases].sum())} cases"
    others = np.setdiff1d(np.arange(len(found.ground.world)), cases)
    yield f"tries of cases that may not be tried: {int(http.tries[others].sum())} over HTTP"
    latest = np.where(http.first_s >= 0, (http.won_s - found.ground.seen.when_s) / DAY_S, 0).max()
    yield f"the latest recovery came {latest:.1f} days after the decline"
    yield f"tries that the network passed: {found.network['tries']:,}; forbidden ones: {found.network['broken'] or 0}"
    _, low, high = found.difference
    told = "may be chance" if low <= 0 <= high else "is more than chance"
    yield f"case by case, the difference of the net {told}: {low:+.2f} to {high:+.2f} points"
    yield f"agrees within the bench's interval: {'yes' if found.agrees else 'NO'} (took {found.took_s:.0f} s)"


def _recovered(ground: Ground, played: Played) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.where(played.won, ground.seen.amount, 0)[ground.open].astype(np.float64)


def _shown(interval: tuple[float, float, float]) -> str:
    middle, low, high = interval
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


@app.default
def main(*, cases: Annotated[int, Parameter(help="how many failed renewals")] = 5_000) -> None:
    """Play both, print both, and say whether they agree."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        Path(folder).chmod(0o755)
        found = asyncio.run(compared(cases, Path(folder)))
    _out.print(table_of(found))
    for line in said_of(found):
        _out.print(line)


if __name__ == "__main__":
    app()
