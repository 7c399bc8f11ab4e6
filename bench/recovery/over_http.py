"""The same failed renewals through the real service over HTTP, and in the bench: `python -m bench.recovery.over_http`.

A server (`recoup serve`, on an embedded PostgreSQL) with the sandbox, whose world has a model: each cardholder's
renewal is made over HTTP on its day of the test clock, declined, and recovered by the server itself while the clock
moves on. Beside it the bench plays the same cases, with the same window, tries and one way to the issuer, knowing as
much: no earlier tries, and where each customer lives. Both are compared case by case, with intervals by bootstrap over
cases; and the simulated network counts the tries that its rules forbid.

Worlds are played one after the other by one server, each from a seed of its own, and each is kept in a folder once it
is through: a run that was broken off goes on with the next one. A clock that is moved goes on by itself meanwhile, so
on a slow machine a renewal may come when what stood in its way has passed; such cases are left out, and counted.
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
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Final

import aiohttp
import numpy as np
from cyclopts import App, Parameter
from msgspec import json
from rich.console import Console

from bench.recovery.compared import Compared, Play, PlayedWorld, table_of
from recoup.backtests.matches import Ground, Ints
from recoup.backtests.ours import Ours
from recoup.kit.clock import rfc3339
from recoup.sandbox.core.cardfile import MODELLED_CARDS_EACH, MODELLED_FROM
from recoup.sandbox.core.people import COUNTRIES, number_of
from recoup.sandbox.model import Answers
from recoup.sandbox.model.calendar import ZONES
from recoup.sandbox.model.single import number

SEED: Final = 11
"""Of the first world; the next ones count on."""
KEEP: Final = Path(__file__).parents[2] / "build" / "recovery-over-http"
DAYS: Final = 28
TRIES: Final = 4
READY_S: Final = 300.0
AT_ONCE: Final = 8
STEPS_MAX: Final = 50
"""How often one move of the clock is asked to go on."""
PASSING: Final = (409, 429, 503)
"""How requests are answered that may succeed a moment later."""
AGAIN_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_TOO_MUCH: Final = "too_much_is_due"

app = App(name="bench.recovery.over_http", help=__doc__)
_out: Final = Console(highlight=False, width=110)


def ground_of(cases: int, *, seed: int, start: date) -> Ground:
    """The world, known as little of as the service knows: nothing of the months before."""
    ground = Ground(seed, cases, people_from=0, days_max=DAYS, start=start)
    history = ground.seen.history
    ground.seen = replace(ground.seen, history=replace(history, there=np.zeros_like(history.there)))
    return ground


def in_the_bench(ground: Ground) -> Play:
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
    return Play(won_s.tolist(), tries.tolist(), first_s.tolist())


class Shop:
    """The API, as a merchant's server uses it."""

    def __init__(self, session: aiohttp.ClientSession, *, name: str) -> None:
        self._session = session
        self._name = name
        self._sent = 0

    async def get(self, path: str) -> Any:
        """What is at a path."""
        async with self._session.get(path) as response:
            assert response.status == 200, f"{path}: {await response.text()}"
            return await response.json()

    async def post(self, path: str, body: Any, *, beside: str | None = None) -> Any:
        """The answer to a request that must succeed, or be refused with the code `beside`. What only came at a bad
        moment is asked again under the same key."""
        self._sent += 1
        headers = {"Idempotency-Key": f"bench-{self._name}-{self._sent}"}
        for wait_s in (*AGAIN_S, 0.0):
            async with self._session.post(path, json=body, headers=headers) as response:
                answer = await response.json()
            code = answer.get("error", {}).get("code")
            if response.status < 300 or (beside is not None and code == beside):
                return answer
            if response.status not in PASSING:
                break
            await asyncio.sleep(wait_s)
        raise AssertionError(f"{path}: {answer}")

    async def advance(self, to: datetime) -> None:
        """Move the clock, however much is due on the way."""
        for _ in range(STEPS_MAX):
            answer = await self.post("/v1/test_clock/advance", {"to": rfc3339(to)}, beside=_TOO_MUCH)
            if "error" not in answer:
                return
        raise AssertionError("the clock does not get on")


async def over_http(shop: Shop, ground: Ground, *, seed: int, account: str) -> tuple[Play, list[bool]]:
    """Every renewal on its day, and four weeks more; and which renewals were declined."""
    await _wake(shop, ground, seed=seed, account=account)
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


async def _wake(shop: Shop, ground: Ground, *, seed: int, account: str) -> None:
    """Ask for a card that nobody has, until an issuer says so: the first who asks has the model made, and as long as
    that takes the network answers in the issuers' place."""
    beginning, held = number(ground.world, 0)[:9], MODELLED_FROM + MODELLED_CARDS_EACH * len(ground.world)
    card = {"number": number_of(seed, beginning, held), "exp_month": 12, "exp_year": 2040}
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
    return str(payment["id"])


def _played(payments: Sequence[Any]) -> tuple[Play, list[bool]]:
    won, tries, first, declined = [], [], [], []
    for payment in payments:
        made = [one for one in payment["attempts"] if one["reason"] == "recovery"]
        approved = [one for one in made if one["outcome"] == "approved"]
        won.append(_seconds(approved[0]["started_at"]) if approved else -1)
        first.append(_seconds(made[0]["started_at"]) if made else -1)
        tries.append(len(made))
        declined.append(payment["attempts"][0]["outcome"] == "declined")
    return Play(won, tries, first), declined


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
async def shop_at(url: str, key: str, *, name: str) -> AsyncIterator[Shop]:
    """A client of the server."""
    timeout = aiohttp.ClientTimeout(total=600)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session:
        yield Shop(session, name=name)


async def played_at(url: str, key: str, *, cases: int, seed: int) -> tuple[Ground, PlayedWorld]:
    """Both plays of a world of so many cases, by a server that serves there."""
    began = monotonic()
    async with shop_at(url, key, name=str(seed)) as shop:
        now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
        start = now.date() + timedelta(days=2)
        accounts = (await shop.get("/v1/processor_accounts"))["data"]
        account = next(one["id"] for one in accounts if one["connector"] == "alpha")
        wanted = {"seed": seed, "model": {"cases": cases, "starts_on": start.isoformat()}}
        await shop.post("/v1/test/world", wanted)
        await shop.post("/v1/recovery/hold_out", {"share": 0})  # the bench holds nobody out either
        ground = await asyncio.to_thread(ground_of, cases, seed=seed, start=start)
        http, declined = await over_http(shop, ground, seed=seed, account=account)
        network = await shop.get("/v1/test/world/limits")
    return ground, PlayedWorld(
        seed=seed,
        owed=ground.seen.amount.tolist(),
        when_s=ground.seen.when_s.tolist(),
        open=np.isin(np.arange(cases), ground.open).tolist(),
        declined=declined,
        http=http,
        bench=in_the_bench(ground),
        passed=network["tries"],
        broken=network["broken"],
        took_s=monotonic() - began,
    )


def played(seeds: Sequence[int], keep: Path, *, cases: int, folder: Path) -> None:
    """Play these worlds by a server of its own, and keep each."""
    with served(folder) as (url, key):
        for seed in seeds:
            _, world = asyncio.run(played_at(url, key, cases=cases, seed=seed))
            (keep / _name(seed)).write_bytes(json.encode(world))
            _out.print(f"world {seed}: {world.passed:,} tries, {world.took_s:.0f} s")


def _name(seed: int) -> str:
    return f"world-{seed}.json"


@app.default
def main(
    *,
    worlds: Annotated[int, Parameter(help="how many worlds")] = 20,
    cases: Annotated[int, Parameter(help="how many failed renewals in each")] = 250,
    keep: Annotated[Path, Parameter(help="where worlds are kept that are through")] = KEEP,
) -> None:
    """Play both in every world that is not kept yet, and say whether they agree over all."""
    keep.mkdir(parents=True, exist_ok=True)
    seeds = range(SEED, SEED + worlds)
    missing = [seed for seed in seeds if not (keep / _name(seed)).exists()]
    if missing:
        with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
            Path(folder).chmod(0o755)
            played(missing, keep, cases=cases, folder=Path(folder))
    kept = [json.decode((keep / _name(seed)).read_bytes(), type=PlayedWorld) for seed in seeds]
    found = Compared(kept)
    _out.print(table_of(found))
    for line in found.said():
        _out.print(line)
    _out.print(f"took {sum(one.took_s for one in kept):.0f} s")


if __name__ == "__main__":
    app()
