"""Too much work, and processors that are slow or dead: who is refused, how soon, and who does not notice."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Any, Final

import pytest
from tests.whole.served import Answered, Client, Served, client_of, free_port, payment_of, serving

IN_FLIGHT_MAX: Final = 8
HELD_S: Final = 4
"""How long a slow processor keeps a payment: by far longer than what is tried meanwhile."""
REFUSED_WITHIN_S: Final = 0.05
REFUSALS: Final = 40
STUCK: Final = 60
MEASURED: Final = 60
SLOWER_AT_MOST: Final = 2.0
"""How much the quicker of the others may slow down while one processor is stuck, beside `NOISE_S`."""
NOISE_S: Final = 0.05


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Served]:
    """A server that works on few requests at once."""
    settings = {"RECOUP_DATABASE_URL": database_url, "RECOUP_REQUESTS_IN_FLIGHT_MAX": str(IN_FLIGHT_MAX)}
    with serving(tmp_path_factory.mktemp("small") / "data", **settings) as served:
        yield served


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory, server_url: str) -> Iterator[Served]:
    """A server with room for many, on its embedded PostgreSQL."""
    with serving(tmp_path_factory.mktemp("usual") / "data", RECOUP_PROCESSOR_TIMEOUT_S="20") as served:
        yield served


@asynccontextmanager
async def full(client: Client) -> AsyncIterator[Sequence[asyncio.Task[Answered]]]:
    """As many payments under way as the server takes, each at a slow processor."""
    await client.post("/v1/test/faults", {"kind": "slow", "delay_s": HELD_S, "times": IN_FLIGHT_MAX})
    before = len(await client.every("/v1/payments"))
    paying = [
        asyncio.create_task(client.send("POST", "/v1/payments", payment_of(500)))
        for _ in range(IN_FLIGHT_MAX)
    ]
    await until_in_flight(client, IN_FLIGHT_MAX)
    yield paying
    assert {(await one).status for one in paying} == {201}
    assert len(await client.every("/v1/payments")) == before + IN_FLIGHT_MAX


async def until_in_flight(client: Client, number: int) -> None:
    for _ in range(1000):
        async with client.session.get(f"{client.base_url()}/metrics") as response:
            figures = (await response.text()).splitlines()
        if f"recoup_http_requests_in_flight {number}.0" in figures:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never {number} in flight")


async def until_all_happened(client: Client, kind: str) -> None:
    """Wait until the faults of this kind are used up: then every request that they were for is at its processor."""
    for _ in range(1000):
        faults = (await client.get("/v1/test/faults"))["data"]
        if not any(one["kind"] == kind and one["times_left"] for one in faults):
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not every {kind} fault happened")


async def test_beyond_the_cap_nothing_is_done_and_that_is_said_at_once(small: Served) -> None:
    """503 with `Retry-After`, in milliseconds; the same request is done as if new when there is room again."""
    async with client_of(small) as client:
        async with full(client):
            refused = [
                await client.send("POST", "/v1/payments", payment_of(600), once=f"beyond-{number}")
                for number in range(REFUSALS)
            ]
        assert {(one.status, one.code, one.headers["Retry-After"]) for one in refused} == {
            (503, "overloaded", "1")
        }
        times = sorted(one.took_s for one in refused)
        print(f"refused after {median(times) * 1000:.1f} ms (median), {times[-1] * 1000:.1f} ms (longest)")
        assert times[REFUSALS // 4] < REFUSED_WITHIN_S, "others use this machine too, but not all of the time"
        later = await client.send("POST", "/v1/payments", payment_of(600), once="beyond-0")
        assert (later.status, later.replayed, later.json["status"]) == (201, False, "captured")
        assert sum(one["amount"] == 600 for one in await client.every("/v1/payments")) == 1


async def test_health_and_figures_are_served_at_the_cap(small: Served) -> None:
    """An overloaded server is not taken for a dead one."""
    async with client_of(small) as client, full(client):
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert (await client.send("GET", path)).status == 200


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a processor that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def accounts(client: Client) -> dict[str, str]:
    """The merchant's accounts by connector."""
    return {one["connector"]: one["id"] for one in await client.every("/v1/processor_accounts")}


async def add_account(client: Client, label: str, base_url: str) -> str:
    """One more account at alpha, somewhere else."""
    added = await client.post(
        "/v1/processor_accounts",
        {"connector": "alpha", "label": label, "base_url": base_url, "credentials": {"api_key": "none"}},
    )
    return str(added["id"])


def by(amount: int, *accounts: str) -> dict[str, Any]:
    """A payment that only these accounts are asked for, in this order."""
    return payment_of(amount, routing={"processor_accounts": accounts})


async def paced(client: Client, *accounts: str) -> list[float]:
    """How long payments take one after the other, sorted."""
    answered = [await client.send("POST", "/v1/payments", by(700, *accounts)) for _ in range(MEASURED)]
    assert {(one.status, one.json["status"]) for one in answered} == {(201, "captured")}
    return sorted(one.took_s for one in answered)


def no_slower(what: str, alone: list[float], beside: list[float]) -> None:
    figures = [
        f"{name} p50 {median(times) * 1000:.1f} ms, p90 {times[int(len(times) * 0.9)] * 1000:.1f} ms"
        for name, times in (("alone", alone), (what, beside))
    ]
    print("; ".join(figures))
    at = MEASURED // 4
    assert beside[at] < SLOWER_AT_MOST * alone[at] + NOISE_S


async def test_a_silent_processor_does_not_slow_the_others(usual: Served, silent: str) -> None:
    """Payments that hang at one processor take nothing that those to another need."""
    async with client_of(usual) as client:
        bravo = (await accounts(client))["bravo"]
        hanging = await add_account(client, "silent", silent)
        await paced(client, bravo)  # warm
        alone = await paced(client, bravo)
        stuck = [
            asyncio.create_task(client.send("POST", "/v1/payments", by(800, hanging))) for _ in range(STUCK)
        ]
        await until_in_flight(client, STUCK)
        no_slower(f"beside {STUCK} that hang", alone, await paced(client, bravo))
        assert not any(one.done() for one in stuck)
        for one in stuck:
            one.cancel()


async def test_a_dead_processor_is_passed_over(usual: Served) -> None:
    """Where nobody listens, nothing was sent: the next account is asked, within the same call."""
    async with client_of(usual) as client:
        bravo = (await accounts(client))["bravo"]
        dead = await add_account(client, "dead", f"http://127.0.0.1:{free_port()}")
        await paced(client, bravo)
        no_slower("behind a dead one", await paced(client, bravo), await paced(client, dead, bravo))


async def test_a_slow_processor_at_its_limit_lets_the_others_through(small: Served) -> None:
    """One account holds half of the places at most; what comes beyond goes to the next account at once."""
    async with client_of(small) as client:
        known = await accounts(client)
        await client.post(
            "/v1/test/faults",
            {"kind": "slow", "processor": "alpha", "delay_s": HELD_S, "times": IN_FLIGHT_MAX // 2},
        )
        stuck = [
            asyncio.create_task(client.send("POST", "/v1/payments", by(800, known["alpha"])))
            for _ in range(IN_FLIGHT_MAX // 2)
        ]
        await until_all_happened(client, "slow")
        beyond = await client.send("POST", "/v1/payments", payment_of(900))
        assert beyond.status == 201, beyond.body
        # Where routing has noticed already that the account hangs, the next one is asked at once.
        *refused, last = beyond.json["attempts"]
        assert [(one["outcome"], one["processor_account"]) for one in refused] in (
            [],
            [("unprocessed", known["alpha"])],
        )
        assert (last["outcome"], last["processor_account"]) == ("approved", known["bravo"])
        assert not any(one.done() for one in stuck), "it waited for none of them"
        assert {(await one).json["status"] for one in stuck} == {"captured"}
