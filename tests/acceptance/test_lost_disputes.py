"""Every webhook of every dispute gets lost: what happened is found by asking, in the merchant's own time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from tests.acceptance.asking import payment
from tests.whole.served import Client, Served, client_of, serving
from tests.whole.served import opened as beside

from recoup import sandboxed

WITHIN_S: Final = 60.0
TURN: Final = timedelta(hours=7)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[tuple[Served, str]]:
    """A server, and its database."""
    folder = tmp_path_factory.mktemp("lost") / "data"
    with serving(folder, RECOUP_DATABASE_URL=database_url, RECOUP_WORKER_POLL_S="0.05") as served:
        yield served, database_url


@pytest.fixture
async def shop(house: tuple[Served, str]) -> AsyncIterator[Client]:
    """A merchant of its own, whose processors' news all get lost."""
    served, url = house
    async with beside(served, url) as service:
        key = (await sandboxed.make(service, name="Shop")).reveal()
    async with client_of(served, key) as client:
        await client.post("/v1/test/webhooks", {"enabled": True, "lost": 1.0})
        yield client


async def contested(shop: Client, **words: Any) -> Any:
    """A payment that is disputed."""
    paid = await shop.post("/v1/payments", payment())
    await shop.post("/v1/test/disputes", {"payment": paid["id"]} | words)
    return paid


async def later(shop: Client, by: timedelta) -> None:
    """Let time pass; what is due on the way has run."""
    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    await shop.post("/v1/test_clock/advance", {"to": (now + by).isoformat()})


async def stands(shop: Client, status: str) -> Any:
    """The shop's one dispute, once it stands so."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await shop.every("/v1/disputes")
            if [one["status"] for one in found] == [status]:
                return found[0]
            await asyncio.sleep(0.05)


async def test_a_dispute_is_found_by_asking_from_its_opening_to_its_end(shop: Client) -> None:
    paid = await contested(shop, reason="13.1")
    await later(shop, TURN)
    dispute = await stands(shop, "needs_response")
    assert dispute["payment"] == paid["id"]
    assert (dispute["amount"], dispute["reason"], dispute["fee"]["amount"]) == (4999, "13.1", 1500)
    assert dispute["evidence_due_by"] is not None
    await later(shop, timedelta(days=15))
    ended = await stands(shop, "lost")
    assert (ended["id"], ended["funds_withdrawn"]) == (dispute["id"], True)
    assert await shop.every("/v1/inbound") == []
    told = [one["type"] for one in await shop.every("/v1/events") if one["type"].startswith("dispute.")]
    assert set(told) >= {"dispute.opened", "dispute.lost"}
    assert len(told) == len(set(told)) + told.count("dispute.evidence_due") - 1, "each once"


async def test_what_is_asked_for_now_is_known_now(shop: Client) -> None:
    await contested(shop, then="won", then_after_s=3600)
    await later(shop, timedelta(minutes=1))
    await later(shop, TURN)
    dispute = await stands(shop, "won")
    path = f"/v1/disputes/{dispute['id']}"
    assert (await shop.post(f"{path}/sync", {}))["status"] == "won"
    assert (await shop.get(path)) == dispute, "what is known already changes nothing"
