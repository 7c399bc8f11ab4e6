"""The simulated world over Recoup's own API."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from tests.sandbox.town import START, Shop, Town, new_key

from recoup.http.edge import Edge
from recoup.http.wiring import Wiring
from recoup.outcomes.core import Approved, Declined, Unknown
from recoup.sandbox.api import SandboxApi
from recoup.sandbox.core.faults import FITS, FaultKind


@dataclass(frozen=True)
class Side:
    id: UUID
    livemode: bool = False
    clock_offset: timedelta = timedelta()


@dataclass(frozen=True)
class Person:
    merchant: Side
    key_kind: str = "secret"


@dataclass
class Office:
    """A merchant's way to Recoup's API."""

    shop: Shop
    edge: Edge
    sides: dict[str, Side] = field(default_factory=dict)

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, caller: str = "test"
    ) -> tuple[int, Any]:
        path, _, query = path.partition("?")
        headers = [(b"authorization", f"Bearer {caller}".encode()), (b"content-type", b"application/json")]
        if key is not None:
            headers.append((b"idempotency-key", key.encode()))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        raw = b"" if body is None else msgspec.json.encode(body)
        inbox = [{"type": "http.request", "body": raw, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return inbox.pop() if inbox else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await self.edge(scope, receive, send)
        return sent[0]["status"], msgspec.json.decode(sent[1]["body"])

    async def get(self, path: str) -> Any:
        status, answer = await self.call("GET", path)
        assert status == 200, answer
        return answer

    async def post(self, path: str, body: object, *, status: int = 200) -> Any:
        found, answer = await self.call("POST", path, body)
        assert found == status, answer
        return answer


@pytest.fixture
async def office(town: Town, shop: Shop) -> AsyncIterator[Office]:
    sides = {"test": Side(shop.merchant_id), "live": Side(shop.merchant_id, livemode=True)}
    await town.database.execute(
        """
        insert into merchants (id, twin_id, livemode, name, created_at)
        values (%(merchant_id)s, %(merchant_id)s, false, 'shop', %(now)s)
        """,
        {"merchant_id": shop.merchant_id, "now": START},
    )

    async def authenticate(key: str) -> Person | None:
        return Person(sides[key]) if key in sides else None

    async def ready() -> bool:
        return True

    wiring = Wiring(
        authenticate=authenticate,
        clock=town.clock,
        database=town.database,
        fingerprint=lambda request: hashlib.sha256(request).digest(),
        new_request_id=lambda: "req_test",
        ready=ready,
        registry=CollectorRegistry(),
    )
    yield Office(shop, Edge(SandboxApi(town.worlds).routes(), wiring), sides)


async def test_the_world_tells_what_was_done(office: Office) -> None:
    await office.shop.charge(payment="pay_1")
    await office.shop.charge(payment="pay_1", processor="bravo")
    world = await office.get("/v1/test/world")
    assert (world["object"], world["seed"], world["now"]) == ("world", 7, "2026-11-23T12:00:00.000Z")
    assert (world["charges_asked"], world["charges_made"], world["double_charges"]) == (2, 2, 1)
    assert world["captured"] == {"USD": 2000}
    assert [one["name"] for one in world["processors"]] == ["alpha", "bravo", "charlie"]
    listed = await office.get("/v1/test/world/charges?order=pay_1&limit=1")
    assert listed["has_more"]
    rest = await office.get(f"/v1/test/world/charges?starting_after={listed['data'][0]['id']}")
    assert {listed["data"][0]["processor"], rest["data"][0]["processor"]} == {"alpha", "bravo"}


async def test_a_new_world_is_started_once(office: Office) -> None:
    await office.shop.charge()
    key = new_key()
    first = await office.call("POST", "/v1/test/world", {"seed": 8}, key=key)
    await office.shop.charge()
    again = await office.call("POST", "/v1/test/world", {"seed": 8}, key=key)
    assert again == first
    assert first[1]["seed"] == 8
    assert first[1]["charges_asked"] == 0
    assert (await office.get("/v1/test/world"))["charges_asked"] == 1


async def test_people_are_listed_with_their_numbers_and_in_pages(office: Office) -> None:
    first = await office.get(
        "/v1/test/world/cards?limit=2&payday_cycle=monthly&predictable=true&currency=USD"
    )
    assert first["has_more"]
    one, two = first["data"]
    assert (one["payday_cycle"], one["currency"], one["predictable"]) == ("monthly", "USD", True)
    assert one["number"].endswith(one["last4"])
    after = await office.get(
        f"/v1/test/world/cards?limit=1&payday_cycle=monthly&predictable=true&currency=USD&starting_after={one['id']}"
    )
    assert after["data"] == [two]
    assert await office.get(f"/v1/test/world/cards/{one['id']}") == one
    rich = await office.get("/v1/test/world/cards?balance_min=100000&limit=5")
    assert all(card["balance"] >= 100_000 for card in rich["data"])


async def test_an_answer_that_is_kept_holds_no_number(office: Office) -> None:
    """Answers to POST are stored for replays; a card number is stored nowhere."""
    card = (await office.get("/v1/test/world/cards?predictable=true&limit=1"))["data"][0]
    path = f"/v1/test/world/cards/{card['id']}"
    status, changed = await office.call("POST", path, {"balance": 77, "state": "lost"}, key=new_key())
    assert (status, changed["balance"], changed["state"], changed["number"]) == (200, 77, "lost", None)
    rows = await office.shop.town.database.fetch_all(
        "select body from idempotency_keys where merchant_id = %(merchant_id)s",
        {"merchant_id": office.shop.merchant_id},
    )
    assert rows
    assert not [row for row in rows if card["number"] in row["body"]]


async def test_a_cards_payday_and_number_change(office: Office) -> None:
    card = (await office.get("/v1/test/world/cards?payday_cycle=weekly&limit=1"))["data"][0]
    path = f"/v1/test/world/cards/{card['id']}"
    moved = await office.post(path, {"next_payday": "2026-12-09"})
    assert moved["next_payday"].startswith(("2026-12-08", "2026-12-09"))
    await office.post(path, {"reissued": True})
    newer = await office.get(path)
    assert newer["number"] != card["number"]
    assert newer["next_payday"] == moved["next_payday"]


FAULTS = "POST /v1/test/faults"


@pytest.mark.parametrize(
    ("request_line", "body", "status", "code"),
    [
        ("GET /v1/test/world/cards/card_1000", None, 404, "resource_missing"),
        ("GET /v1/test/world/cards/x", None, 404, "resource_missing"),
        ("GET /v1/test/world/cards/card_٣", None, 404, "resource_missing"),
        ("GET /v1/test/world/cards?starting_after=x", None, 400, "invalid_cursor"),
        ("GET /v1/test/world/cards?payday_cycle=daily", None, 400, "not_a_choice"),
        ("POST /v1/test/world", {"seed": -1}, 400, "out_of_range"),
        ("POST /v1/test/world/cards/card_1", {"next_payday": "2026-11-23"}, 400, "payday_not_ahead"),
        ("DELETE /v1/test/faults/flt_00000000000000000000000000", None, 404, "resource_missing"),
        ("DELETE /v1/test/faults/x", None, 404, "resource_missing"),
        (FAULTS, {"kind": "fire"}, 400, "not_a_choice"),
        (FAULTS, {"kind": "decline", "on": "refund"}, 400, "fault_does_not_fit"),
        (FAULTS, {"kind": "outage", "delay_s": 1}, 400, "fault_has_no_delay"),
        (FAULTS, {"kind": "slow", "delay_s": 121}, 400, "delay_too_long"),
        (FAULTS, {"kind": "slow", "decline_code": "x"}, 400, "fault_has_no_code"),
        (FAULTS, {"kind": "late_approval", "network_code": "05"}, 400, "fault_has_no_code"),
        (FAULTS, {"kind": "refusal", "advice_code": "03"}, 400, "fault_has_no_code"),
        (FAULTS, {"kind": "reset_after", "on": "refund", "last4": "4242"}, 400, "only_charges_have_cards"),
        (FAULTS, {"kind": "outage", "until": "2026-11-23T11:00:00Z"}, 400, "fault_over"),
        (FAULTS, {"kind": "outage", "times": 0}, 400, "out_of_range"),
    ],
)
async def test_refusals(office: Office, request_line: str, body: object, status: int, code: str) -> None:
    method, _, path = request_line.partition(" ")
    found, answer = await office.call(method, path, body)
    assert (found, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]


@pytest.mark.parametrize("kind", list(FaultKind))
async def test_every_fault_can_be_asked_for(office: Office, kind: FaultKind) -> None:
    fault = await office.post("/v1/test/faults", {"kind": kind, "processor": "alpha"}, status=201)
    assert (fault["kind"], fault["times_left"], fault["until"]) == (kind, 1, None)
    assert fault["on"] == "any" or fault["on"] in FITS[kind]
    assert (await office.get("/v1/test/faults"))["data"] == [fault]
    assert (await office.get("/v1/test/world"))["faults"] == [fault]
    status, deleted = await office.call("DELETE", f"/v1/test/faults/{fault['id']}")
    assert (status, deleted) == (200, {"id": fault["id"], "object": "fault", "deleted": True})
    assert (await office.get("/v1/test/faults"))["data"] == []


async def test_a_fault_that_was_asked_for_happens(office: Office) -> None:
    await office.post("/v1/test/faults", {"processor": "alpha", "kind": "timeout_after_success"}, status=201)
    key = new_key()
    assert isinstance(await office.shop.impatient.charge(key=key), Unknown)
    await office.shop.town.traffic.quiet()
    assert isinstance(await office.shop.ask("lookup", key), Approved)
    wanted = {"kind": "decline", "decline_code": "insufficient_funds", "advice_code": "25", "last4": "4444"}
    await office.post("/v1/test/faults", wanted, status=201)
    assert isinstance(await office.shop.charge(payment="pay_2"), Approved)
    outcome = await office.shop.charge("5555555555554444", processor="bravo", payment="pay_3")
    assert isinstance(outcome, Declined)
    assert (outcome.decline.network_code, outcome.decline.network_advice_code) == ("51", "25")


async def test_an_outage_until_some_time_has_no_count(office: Office) -> None:
    wanted = {"kind": "outage", "until": "2026-11-23T14:00:00+01:00"}
    fault = await office.post("/v1/test/faults", wanted, status=201)
    assert (fault["times_left"], fault["until"], fault["on"]) == (None, "2026-11-23T13:00:00.000Z", "any")


async def test_the_routes_are_documented(office: Office) -> None:
    document = await office.get("/openapi.json")
    assert {path for path in document["paths"] if path.startswith("/v1/test/")} == {
        "/v1/test/world",
        "/v1/test/world/acquirer_link",
        "/v1/test/world/cards",
        "/v1/test/world/cards/{card}",
        "/v1/test/world/charges",
        "/v1/test/world/changes",
        "/v1/test/world/limits",
        "/v1/test/faults",
        "/v1/test/faults/{fault}",
    }


async def test_where_no_acquirer_listens_there_is_no_link(office: Office) -> None:
    status, answer = await office.call("GET", "/v1/test/world/acquirer_link")
    assert (status, answer["error"]["code"]) == (409, "no_acquirer_link")


async def test_live_mode_has_no_simulated_world(office: Office) -> None:
    for method, path in (
        ("GET", "/v1/test/world"),
        ("GET", "/v1/test/faults"),
        ("GET", "/v1/test/world/cards"),
    ):
        status, _ = await office.call(method, path, caller="live")
        assert status in {403, 404}
