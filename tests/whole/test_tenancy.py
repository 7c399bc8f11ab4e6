"""Nobody sees, names or changes what is another merchant's, on any route, with any key.

`PROBES` in `probes.py` says for every route of the OpenAPI document how a stranger would try. A route that is not in it
fails the test: add a line that names somebody else's object in every place where the route takes an id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.settlements.reports import STRIPE, stripe_row, written
from tests.whole.asked import ASKS, asked
from tests.whole.billed import BILLING_LISTS, billed
from tests.whole.compared import compared
from tests.whole.probes import ANY_CARD, EMAIL, MARK, PROBES, Probe
from tests.whole.served import (
    ANSWER_S,
    CARD,
    MASTER_KEY,
    RETRY_S,
    Answered,
    Client,
    Served,
    client_of,
    new_key,
    opened,
    payment_of,
    run_apart,
    serving,
)

from recoup import sandboxed
from recoup.connectors.base.webhooks import hmac_hex
from recoup.merchants.core import KeyKind


@dataclass(frozen=True, slots=True)
class House:
    """A server with a victim and strangers. `names` are the victim's objects."""

    served: Served
    victim: str = field(repr=False)
    strangers: Mapping[str, str] = field(repr=False)
    publishable: str = field(repr=False)
    names: Mapping[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("tenancy") / "data"
    with serving(folder, RECOUP_DATABASE_URL=database_url, RECOUP_MASTER_KEY=MASTER_KEY) as served:
        yield run_apart(furnished(served, database_url))


async def furnished(served: Served, database_url: str) -> House:
    async with opened(served, database_url, RECOUP_MASTER_KEY=MASTER_KEY) as service:
        other = (await sandboxed.make(service, name="Other")).reveal()
        strangers = {
            "another merchant's test key": other,
            "another merchant's live key": await new_key(service, other, live=True),
            "the same merchant's live key": await new_key(service, served.key, live=True),
        }
        publishable = await new_key(service, served.key, live=False, kind=KeyKind.PUBLISHABLE)
    async with client_of(served) as victim:
        names = await lived(victim)
    return House(served, served.key, strangers, publishable, names)


async def lived(victim: Client) -> dict[str, str]:
    """Make one of everything that a merchant can have; their names by kind."""
    marked = {"metadata": {"mark": MARK}}
    customer = await victim.post("/v1/customers", {"name": MARK, "email": EMAIL} | marked)
    method = await victim.post("/v1/payment_methods", {"customer": customer["id"]} | ANY_CARD | marked)
    stored = {"amount": 77_123, "currency": "USD", "customer": customer["id"], "merchant_reference": MARK}
    paid = await victim.post("/v1/payments", stored | {"payment_method": method["id"]} | marked, once="same")
    await victim.post(
        "/v1/payments", stored | {"payment_method": method["id"], "capture": "manual"}, once="held"
    )
    await victim.post("/v1/payments", stored)
    await victim.post("/v1/message_policy", {"policy": ASKS})
    declined = await declined_renewal(victim, customer["id"])
    refund = await victim.post("/v1/refunds", {"payment": paid["id"], "amount": 11} | marked)
    await victim.post("/v1/declines/alpha/insufficient_funds/override", {"category": "other", "note": MARK})
    rule = {
        "name": MARK,
        "when": {"amount": {"at_least": 10**6, "currency": "USD"}},
        "then": {"learned": True},
    }
    older = await victim.post("/v1/routing/policy", {"policy": {}})
    policy = await victim.post("/v1/routing/policy", {"policy": {"rules": [rule]}, "note": MARK})
    tried = {"name": MARK, "policy_a": older["version"], "policy_b": policy["version"]}
    experiment = await victim.post("/v1/routing/experiments", tried)
    unseen = {"kind": "decline", "decline_code": "zz_unseen", "processor": "alpha"}
    await victim.post("/v1/test/faults", unseen)
    await victim.post("/v1/payments", payment_of(900))
    endpoint, delivery = await told(victim)
    cases = await victim.get("/v1/audit/cases")
    fault = await victim.post("/v1/test/faults", {"kind": "outage", "on": "any", "times": 9})
    verified = await victim.post(f"/v1/payment_methods/{method['id']}/verify", {"currency": "USD"})
    return {
        "customer": customer["id"],
        "payment_method": method["id"],
        "verification": verified["id"],
        "payment": paid["id"],
        "refund": refund["id"],
        "declined": declined["id"],
        "recovery": declined["recovery"],
        "message": await asked(victim, declined["recovery"]),
        "decision": paid["attempts"][0]["decision"],
        "processor_account": paid["processor_account"],
        "event": (await victim.events())[0]["id"],
        "fault": fault["id"],
        "audit_case": cases["data"][0]["id"],
        **await settled(victim, paid["processor_account"]),
        "ledger_account": (await victim.get("/v1/ledger/accounts"))["data"][0]["id"],
        "ledger_entry": (await victim.get("/v1/ledger/entries"))["data"][0]["id"],
        **await simulated(victim, paid),
        "dispute": await contested(victim, paid["id"]),
        **await renewed(victim),
        "card": "card_1",
        "connector": "alpha",
        "code": "insufficient_funds",
        **await heard(victim),
        "webhook_endpoint": endpoint["id"],
        "webhook_delivery": delivery["id"],
        "version": str(policy["version"]),
        "experiment": experiment["id"],
    }


async def simulated(victim: Client, paid: Any) -> dict[str, str]:
    """What the simulated processors have: a charge, a refund, and a dispute that opens much later."""
    charges = await victim.get("/v1/test/world/charges")
    changes = await victim.get("/v1/test/world/changes")
    announced = {"payment": paid["id"], "reason": MARK, "after_s": 86_400 * 300}
    disputed = await victim.post("/v1/test/disputes", announced)
    return {
        "charge": charges["data"][0]["id"],
        "change": changes["data"][0]["id"],
        "attempt": paid["attempts"][0]["id"],
        "sandbox_dispute": disputed["id"],
    }


async def renewed(victim: Client) -> dict[str, str]:
    """A card that its issuer replaced, of which the account updater was asked; and what holds recoveries."""
    await victim.post("/v1/test/account_updater", {"coverage": 1.0, "delay_s": 0})
    person = (await victim.get("/v1/test/world/cards?brand=visa&limit=1"))["data"][0]
    given = {name: person[name] for name in ("exp_month", "exp_year", "number")}
    method = await victim.post("/v1/payment_methods", {"type": "card", "card": given})
    await victim.post(f"/v1/test/world/cards/{person['id']}", {"reissued": True})
    await victim.post(f"/v1/payment_methods/{method['id']}/inquire", {})
    async with asyncio.timeout(ANSWER_S):
        path = f"/v1/payment_methods/{method['id']}/updates"
        while not (listed := (await victim.get(path))["data"]):  # noqa: ASYNC110 - over the API
            await asyncio.sleep(RETRY_S)
    return {
        **await compared(victim),
        "card_update": listed[0]["id"],
        "update_batch": listed[0]["batch"],
        **await billed(victim),
    }


async def told(victim: Client) -> tuple[Any, Any]:
    """An endpoint, where nobody is, and a delivery to it. It is disabled, so that nothing changes by itself."""
    endpoint = await victim.post(
        "/v1/webhook_endpoints",
        {"url": "http://127.0.0.1:9/hook", "description": MARK, "metadata": {"mark": MARK}},
    )
    path = f"/v1/webhook_endpoints/{endpoint['id']}"
    await victim.post(f"{path}/test", {})
    await victim.post("/v1/customers", {"name": MARK})
    async with asyncio.timeout(60):
        while not (listed := (await victim.get(f"{path}/deliveries"))["data"]):  # noqa: ASYNC110 - over the API
            await asyncio.sleep(0.05)
    await victim.post(path, {"enabled": False})
    return endpoint, listed[0]


async def heard(victim: Client) -> dict[str, str]:
    """An account, out of use, whose processor has told something of nobody's payment; its id and the webhook's."""
    secret, stamp = f"whsec_{MARK}", str(int(time.time()))
    account = await victim.post(
        "/v1/processor_accounts",
        {
            "connector": "stripe",
            "label": MARK,
            "credentials": {"api_key": f"sk_test_{MARK}", "webhook_secret": secret},
            "enabled": False,
        },
    )
    event = {"id": f"evt_{MARK}", "type": "customer.created", "created": int(stamp), "data": {"object": {}}}
    body = msgspec.json.encode(event)
    signature = hmac_hex(secret.encode(), f"{stamp}.".encode() + body)
    headers = {"Stripe-Signature": f"t={stamp},v1={signature}", "Authorization": ""}
    answered = await victim.send("POST", f"/v1/inbound/{account['id']}", raw=body, headers=headers)
    assert answered.status == 200, answered.body
    async with asyncio.timeout(ANSWER_S):
        while (listed := (await victim.get("/v1/inbound"))["data"])[0]["result"] is None:  # noqa: ASYNC110 - over the API
            await asyncio.sleep(RETRY_S)
    return {"told_account": account["id"], "inbound": listed[0]["id"]}


async def settled(victim: Client, account: str) -> dict[str, str]:
    """Upload a report with a charge that is not known: the report's name and the exception's."""
    row = stripe_row("charge", 77_123, source_id=MARK)
    path, headers = f"/v1/settlements?processor_account={account}&format=stripe", {"Content-Type": "text/csv"}
    made = (await victim.send("POST", path, raw=written(STRIPE, [row]), headers=headers)).json["id"]
    async with asyncio.timeout(ANSWER_S):
        while True:
            if found := (await victim.get(f"/v1/settlements/{made}/exceptions"))["data"]:
                return {"settlement": made, "settlement_exception": found[0]["id"]}
            await asyncio.sleep(RETRY_S)


async def contested(victim: Client, payment: str) -> str:
    """Have a payment disputed, and gather evidence; the dispute's name."""
    await victim.post("/v1/test/disputes", {"payment": payment, "reason": "13.1", "amount": 11})
    async with asyncio.timeout(ANSWER_S):
        while not (listed := (await victim.get("/v1/disputes"))["data"]):  # noqa: ASYNC110 - over the API
            await asyncio.sleep(RETRY_S)
    found: str = listed[0]["id"]
    await victim.post(f"/v1/disputes/{found}/evidence", {"fields": {"customer_name": MARK}})
    return found


async def declined_renewal(victim: Client, customer: str) -> Any:
    """A payment by agreement that is declined for want of funds, so that a recovery waits for its day."""
    card = {"type": "card", "card": {**CARD, "number": "4000000000009995"}}
    method = await victim.post("/v1/payment_methods", {"customer": customer} | card)
    return await victim.post(
        "/v1/payments",
        {
            "amount": 77_123,
            "currency": "USD",
            "initiator": "merchant",
            "customer": customer,
            "payment_method": method["id"],
        },
    )


async def view(victim: Client) -> dict[str, Any]:
    """All that the victim can see of its own, but for the time."""
    lists = (
        "payments",
        "refunds",
        "customers",
        "payment_methods",
        "processor_accounts",
        *BILLING_LISTS,
        "routing/experiments",
        "test/world/charges",
        "test/world/changes",
        "test/disputes",
        "audit/cases",
        "ledger/accounts",
        "ledger/entries",
        "webhook_endpoints",
        "inbound",
        "disputes",
    )
    seen: dict[str, Any] = {name: await victim.every(f"/v1/{name}") for name in lists}
    seen["events"] = await victim.events()
    seen["policy"] = await victim.get("/v1/routing/policy")
    seen["told"] = await victim.get("/v1/test/webhooks")
    seen["faults"] = await victim.get("/v1/test/faults")
    seen["world"] = await victim.get("/v1/test/world") | {"now": None}
    seen["card"] = (await victim.get("/v1/test/world/cards/card_1"))["state"]
    for payment in seen["payments"]:
        seen[payment["id"]] = await victim.get(f"/v1/payments/{payment['id']}/timeline")
    return seen


@asynccontextmanager
async def clients(house: House, who: str) -> AsyncIterator[tuple[Client, Client]]:
    """The victim and a stranger."""
    async with AsyncExitStack() as stack:
        victim = await stack.enter_async_context(client_of(house.served, house.victim))
        yield victim, await stack.enter_async_context(client_of(house.served, house.strangers[who]))


def filled(template: Any, names: Mapping[str, str]) -> Any:
    """A body or a path with the names where they belong."""
    match template:
        case str():
            return template.format_map(names) if "{" in template else template
        case dict():
            return {name: filled(one, names) for name, one in template.items()}
        case list():
            return [filled(one, names) for one in template]
        case _:
            return template


async def tried(client: Client, route: str, probe: Probe, names: Mapping[str, str]) -> Answered:
    """What a try comes back with."""
    method, path = route.split(" ")
    query = f"?{filled(probe.query, names)}" if probe.query else ""
    return await client.send(method, filled(path, names) + query, filled(probe.body, names))


def complaint(route: str, probe: Probe, answered: Answered, *, live: bool, names: Mapping[str, str]) -> str:
    """What is wrong with an answer to a stranger; empty where nothing is."""
    ends = probe.ends | {403} if live and route.split(" ")[1].startswith("/v1/test") else probe.ends
    if answered.status not in ends:
        return f"{route} {probe}: {answered.status} {answered.body[:300]!r}"
    text = answered.body.decode()
    if answered.status >= 400:
        return f"{route} {probe}: it tells {MARK}" if MARK in text else ""
    ours = [name for kind, name in names.items() if "_" in name and kind not in NOT_SECRET and name in text]
    return f"{route} {probe}: it tells {ours or MARK}" if ours or MARK in text or "77123" in text else ""


LISTS: Final = (
    "payments",
    "disputes",
    "refunds",
    "customers",
    "payment_methods",
    "processor_accounts",
    "recoveries",
    "routing/experiments",
    "test/world/charges",
    "test/world/changes",
    "test/disputes",
    "audit/cases",
    "settlements",
    "settlement_exceptions",
    "updater/batches",
)
NOT_SECRET: Final = {"card", "code", "own_customer", "tomorrow"}
"""What a stranger may well know or have: names that are the same for everybody, and its own."""


@pytest.mark.parametrize(
    "who", ["another merchant's test key", "another merchant's live key", "the same merchant's live key"]
)
async def test_a_stranger_sees_names_and_changes_nothing(house: House, who: str) -> None:
    """Every route is tried with every object of the victim, and the victim's world is as before."""
    async with clients(house, who) as (victim, stranger):
        before, clock = await view(victim), await clock_of(victim)
        own = await stranger.post("/v1/customers", {"name": "Stranger"})
        names = {**house.names, "own_customer": own["id"], "tomorrow": later(clock, days=1)}
        complaints = []
        for route, probes in PROBES.items():
            for probe in probes:
                answered = await tried(stranger, route, probe, names)
                complaints.append(complaint(route, probe, answered, live="live" in who, names=names))
        assert not any(complaints), "\n".join(one for one in complaints if one)
        assert await view(victim) == before
        assert await clock_of(victim) - clock < timedelta(hours=1)


async def clock_of(client: Client) -> datetime:
    return datetime.fromisoformat((await client.get("/v1/test_clock"))["now"])


def later(now: datetime, *, days: int) -> str:
    return (now + timedelta(days=days)).isoformat()


@pytest.mark.parametrize("who", ["another merchant's test key", "the same merchant's live key"])
async def test_an_idempotency_key_is_ones_own(house: House, who: str) -> None:
    """The same key and body of another tenant is another request."""
    async with clients(house, who) as (_, stranger):
        body = {"amount": 77_123, "currency": "USD"}
        answered = await stranger.send("POST", "/v1/payments", body, once="same")
        assert (answered.status, answered.replayed) == (201, False)
        assert MARK not in answered.body.decode()


async def test_a_publishable_key_opens_no_route_of_the_merchant(house: House) -> None:
    """It stands in the pages of a shop, where everybody can read it."""
    async with client_of(house.served, house.publishable) as client:
        names = {**house.names, "own_customer": "cus_0", "tomorrow": "2030-01-01T00:00:00Z"}
        for route, probes in PROBES.items():
            answered = await tried(client, route, probes[0], names)
            assert (answered.status, answered.code) == (403, "secret_key_required"), route


async def test_every_route_is_tried(house: House) -> None:
    """The OpenAPI document and the table of tries name the same routes."""
    async with client_of(house.served) as client:
        document = await client.get("/openapi.json")
    listed = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert listed == set(PROBES)
