"""A dispute at a simulated processor, from its opening to its end, as a merchant sees it in Recoup."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from tests.whole.served import CARD, Client, Served, client_of, serving
from tests.whole.served import opened as beside

from recoup import sandboxed

WITHIN_S: Final = 90.0
APPROVED: Final = "4242424242424242"
_once: Final = itertools.count(1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[tuple[Served, str]]:
    """A server, and its database."""
    folder = tmp_path_factory.mktemp("disputing") / "data"
    with serving(folder, RECOUP_DATABASE_URL=database_url, RECOUP_WORKER_POLL_S="0.05") as served:
        yield served, database_url


@pytest.fixture
async def shop(house: tuple[Served, str]) -> AsyncIterator[Client]:
    """A merchant of its own for each test."""
    served, url = house
    async with beside(served, url) as service:
        key = (await sandboxed.make(service, name="Shop")).reveal()
    async with client_of(served, key) as client:
        yield client


def once() -> str:
    return f"once-{next(_once)}"


async def pays(shop: Client, number: str = APPROVED) -> Any:
    method = {"type": "card", "card": CARD | {"number": number}}
    body = {"amount": 900, "currency": "USD", "payment_method_data": method}
    return await shop.post("/v1/payments", body, once=once())


async def contested(shop: Client, payment: Any, **words: Any) -> Any:
    return await shop.post("/v1/test/disputes", {"payment": payment["id"]} | words, once=once())


async def later(shop: Client, by: timedelta) -> None:
    """Let time pass; what is due on the way has run."""
    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    await shop.post("/v1/test_clock/advance", {"to": (now + by).isoformat()}, once=once())


async def dispute_of(shop: Client, status: str) -> Any:
    """The shop's one dispute, once it stands so."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await shop.every("/v1/disputes")
            if [one["status"] for one in found] == [status]:
                return found[0]
            await asyncio.sleep(0.05)


async def truth(shop: Client) -> tuple[str, bool]:
    """What the processor has of it."""
    (found,) = await shop.every("/v1/test/disputes")
    return found["state"], found["withdrawn"]


async def test_a_chargeback_that_is_lost_without_an_answer(shop: Client) -> None:
    payment = await pays(shop)
    await contested(shop, payment, reason="13.1")
    dispute = await dispute_of(shop, "needs_response")
    assert dispute["payment"] == payment["id"]
    assert (dispute["amount"], dispute["currency"]) == (900, "USD")
    assert dispute["category"] == "product_not_received"
    assert dispute["funds_withdrawn"] is True
    assert dispute["fee"]["amount"] == 1500
    await later(shop, timedelta(days=15))
    assert (await dispute_of(shop, "lost"))["funds_withdrawn"] is True
    assert await truth(shop) == ("lost", True)


async def test_evidence_wins(shop: Client) -> None:
    """Handed in through Recoup, decided at the processor, told by webhook."""
    await contested(shop, await pays(shop))
    dispute = await dispute_of(shop, "needs_response")
    path = f"/v1/disputes/{dispute['id']}"
    await shop.post(f"{path}/evidence", {"fields": {"uncategorized_text": "winning_evidence"}}, once=once())
    await shop.post(f"{path}/submit", {}, once=once())
    await later(shop, timedelta(minutes=1))
    assert (await dispute_of(shop, "won"))["funds_withdrawn"] is False
    assert await truth(shop) == ("won", False)


async def test_an_accepted_dispute_costs_the_money(shop: Client) -> None:
    await contested(shop, await pays(shop), amount=300, then="won")
    dispute = await dispute_of(shop, "needs_response")
    await shop.post(f"/v1/disputes/{dispute['id']}/accept", {}, once=once())
    await later(shop, timedelta(days=30))
    assert (await dispute_of(shop, "accepted"))["amount"] == 300
    assert await truth(shop) == ("accepted", True)


async def test_a_disputed_card_is_disputed_by_itself(shop: Client) -> None:
    await pays(shop, "4000000000000259")
    await later(shop, timedelta(seconds=5))
    assert (await dispute_of(shop, "needs_response"))["category"] == "fraudulent"


async def test_an_early_warning_moves_no_money_and_stops_the_card_until_a_person_lifts_it(
    shop: Client,
) -> None:
    await pays(shop, "4000000000005423")
    await later(shop, timedelta(seconds=5))
    warning = await dispute_of(shop, "warning")
    assert warning["alert"] == {"kind": "fraud_report", "program": "tc40"}
    assert (warning["funds_withdrawn"], warning["stops_recoveries"]) == (False, True)
    path = f"/v1/disputes/{warning['id']}/lift_stop"
    lifted = await shop.post(path, {"reason": "The cardholder took it back."}, once=once())
    assert (lifted["stops_recoveries"], lifted["stop_lifted"]["reason"]) == (
        False,
        "The cardholder took it back.",
    )
    again = await shop.send("POST", path, {"reason": "Once more."}, once=once())
    assert (again.status, again.json["error"]["code"]) == (409, "dispute_stops_nothing")
    told = [one["type"] for one in await shop.every("/v1/events") if one["type"].startswith("dispute.")]
    assert sorted(told) == ["dispute.stop_lifted", "dispute.warning"]


async def test_an_alert_is_settled_by_the_network_with_the_merchant_s_money(shop: Client) -> None:
    payment = await pays(shop)
    await contested(shop, payment, kind="rapid_resolution", reason="13.1", then="resolved", then_after_s=3600)
    alert = await dispute_of(shop, "warning")
    assert alert["alert"] == {"kind": "rapid_resolution", "program": "visa_rdr"}
    assert (alert["category"], alert["stops_recoveries"]) == ("product_not_received", True)
    await later(shop, timedelta(hours=2))
    settled = await dispute_of(shop, "closed")
    assert (settled["funds_withdrawn"], settled["stops_recoveries"]) == (True, False)
    assert (await shop.every("/v1/disputes?alert=rapid_resolution"))[0]["id"] == alert["id"]
    assert await shop.every("/v1/disputes?alert=fraud_report") == []
    assert await truth(shop) == ("resolved_early", True)


async def test_an_alert_is_settled_by_a_refund(shop: Client) -> None:
    payment = await pays(shop)
    await contested(shop, payment, kind="rapid_resolution", then="resolved")
    await dispute_of(shop, "warning")
    await shop.post("/v1/refunds", {"payment": payment["id"]}, once=once())
    settled = await dispute_of(shop, "closed")
    assert settled["funds_withdrawn"] is False
    assert settled["stops_recoveries"] is True, "its cardholder spoke of fraud"
    await later(shop, timedelta(days=9))
    assert await truth(shop) == ("resolved_early", False)


async def test_news_in_disorder_come_to_the_same(shop: Client) -> None:
    """Told twice and up to a day late, Recoup and the processor agree in the end."""
    settings = {"enabled": True, "lost": 1, "doubled": 1, "reordered": 1, "reordered_by_s": 86_400}
    await shop.post("/v1/test/webhooks", settings, once=once())
    payment = await pays(shop)
    await contested(shop, payment, then="reversed", then_after_s=3600)
    await later(shop, timedelta(days=3))
    assert (await dispute_of(shop, "reversed"))["payment"] == payment["id"]
    assert await truth(shop) == ("reversed", True)


@pytest.mark.parametrize("words", [{"amount": 0}, {"then": "maybe"}, {"then_after_s": 0}, {"reason": "a b"}])
async def test_what_makes_no_sense_is_refused(shop: Client, words: Any) -> None:
    payment = await pays(shop)
    answered = await shop.send("POST", "/v1/test/disputes", {"payment": payment["id"]} | words, once=once())
    assert answered.status == 400
