"""Calls made from the OpenAPI document, good and bad ones: no 5xx, and no answer that the document does not announce.

Schemathesis makes the calls. Half of the ids, cards and currencies in them are put right, so that calls get past the
first checks. Nothing is random from run to run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import hypothesis
import pytest
import requests
import schemathesis
import schemathesis.specs.openapi.schemas  # here, since a module parsed deep in a stack can break Python 3.11's parser
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.whole.served import CARD, Client, Served, client_of, payment_of, run_apart, serving

EXAMPLES: Final = {"post": 30, "get": 10, "delete": 10}
"""How many calls are made of a route, by its method; two in three fit the document."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OFTEN: Final = st.sampled_from([True, True, True, False])
CARD_NUMBERS: Final = (
    "4242424242424242",
    "5555555555554444",
    "4000000000000002",
    "4000000000009995",
    "4000002500003155",
    "4000000000000119",
)


@dataclass(frozen=True, slots=True)
class Ground:
    """A server, and things that are there, by the names of the fields that may name them."""

    served: Served
    there: Mapping[str, list[Any]]
    document: dict[str, Any] = field(repr=False)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("fuzz") / "data"
    settings = {"RECOUP_DATABASE_URL": database_url, "RECOUP_PROCESSOR_TIMEOUT_S": "0.5"}
    with serving(folder, **settings) as served:
        yield run_apart(broken(served))


async def broken(served: Served) -> Ground:
    """Some ground is broken: one or more of everything."""
    async with client_of(served) as client:
        there = await made(client)
        return Ground(served, there, await client.get("/openapi.json"))


async def made(client: Client) -> dict[str, list[Any]]:
    """One or more of everything; what is known under a name that fields use."""
    customer = await client.post("/v1/customers", {"name": "Ann"})
    card = {"type": "card", "card": CARD}
    method = await client.post("/v1/payment_methods", card | {"customer": customer["id"]})
    poor = await client.post(
        "/v1/payment_methods",
        {"customer": customer["id"], "type": "card", "card": {**CARD, "number": "4000000000009995"}},
    )
    renewal = {"initiator": "merchant", "payment_method": poor["id"], "customer": customer["id"]}
    bodies: list[dict[str, Any]] = [
        payment_of(5000),
        payment_of(5000, capture="manual"),
        {"amount": 5000, "currency": "USD"},
        {"amount": 5000, "currency": "USD"} | renewal,
        {
            "amount": 5000,
            "currency": "USD",
            "payment_method_data": {"type": "card", "card": {**CARD, "number": "4000002500003155"}},
        },
    ]
    payments = [await client.post("/v1/payments", body) for body in bodies]
    refund = await client.post("/v1/refunds", {"payment": payments[0]["id"], "amount": 10})
    now = datetime.fromisoformat((await client.get("/v1/test_clock"))["now"])
    billed = await billed_things(
        client, customer["id"], method["id"], (now + timedelta(days=90)).date().isoformat()
    )
    fault = await client.post("/v1/test/faults", {"kind": "slow", "last4": "0000", "processor": "charlie"})
    return billed | {
        "customer": [customer["id"]],
        "payment_method": [method["id"], poor["id"]],
        "payment": [payment["id"] for payment in payments],
        "order": [payments[0]["id"]],
        "refund": [refund["id"]],
        "decision": [payments[0]["attempts"][0]["decision"]],
        "event": [(await client.events())[0]["id"]],
        "processor_account": [one["id"] for one in await client.every("/v1/processor_accounts")],
        "recovery": [one["id"] for one in await client.every("/v1/recoveries")],
        "fault": [fault["id"]],
        "card": ["card_1", "card_999", "card_1000"],
        "connector": ["alpha", "bravo"],
        "code": ["insufficient_funds", "51"],
        "number": list(CARD_NUMBERS),
        "currency": ["USD", "EUR", "JPY"],
        "exp_year": [2030],
        "api_key": ["none"],
        "to": [(now + timedelta(days=days)).isoformat() for days in (1, 9, 40)],
    }


async def billed_things(client: Client, customer: str, method: str, day: str) -> dict[str, list[Any]]:
    """One or more of everything that bills."""
    owned = {"customer": customer, "payment_method": method}
    monthly = {"name": "Lamp", "amount": 3000, "currency": "USD", "interval": "month"}
    plans = [await client.post("/v1/plans", monthly | {"interval": unit}) for unit in ("month", "year")]
    subscriptions = [
        await client.post("/v1/subscriptions", owned | {"plan": plans[0]["id"]} | more)
        for more in ({}, {"trial_days": 9, "charge_window": {"after_days": 7}}, {"managed_by": "merchant"})
    ]
    draft = await client.post("/v1/invoices", owned | {"currency": "USD"})
    later = {"amount": 700, "currency": "USD", "date": day}
    scheduled = await client.post("/v1/scheduled_payments", owned | later)
    moved = {"subscription": subscriptions[0]["id"], "anchor_day": 28}
    change = await client.post("/v1/billing_date_changes", moved)
    policy = await client.post("/v1/dunning_policies", {"name": "Short", "grace_days": 1})
    return {
        "plan": [one["id"] for one in plans],
        "subscription": [one["id"] for one in subscriptions],
        "invoice": [draft["id"], *(one["latest_invoice"] for one in subscriptions if one["latest_invoice"])],
        "scheduled_payment": [scheduled["id"]],
        "billing_date_change": [change["id"]],
        "dunning_policy": [policy["id"]],
        "anchor_day": [1, 28, 31],
    }


def grounded(draw: Callable[[Any], Any], value: Any, there: Mapping[str, list[Any]]) -> Any:
    """The value with some of its fields set to what is there."""
    match value:
        case dict():
            return {
                name: draw(st.sampled_from(there[name]))
                if name in there and not isinstance(one, dict) and draw(OFTEN)
                else grounded(draw, one, there)
                for name, one in value.items()
            }
        case list():
            return [grounded(draw, one, there) for one in value]
        case _:
            return value


@dataclass(slots=True)
class Caller:
    """Makes one call after another and keeps count of the answers."""

    ground: Ground
    session: requests.Session
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)

    def call(self, data: st.DataObject, operation: Any) -> None:
        """One call of a route, made by chance, judged by the document."""
        draw, there = data.draw, self.ground.there
        fits = draw(st.sampled_from([True, True, False]))
        mode = schemathesis.GenerationMode.POSITIVE if fits else schemathesis.GenerationMode.NEGATIVE
        case = draw(operation.as_strategy(mode))
        case.path_parameters = grounded(draw, case.path_parameters, there)
        case.query = grounded(draw, case.query, there)
        case.body = grounded(draw, case.body, there)
        sent = {"Authorization": f"Bearer {self.ground.served.key}"}
        if fits and draw(st.booleans()):
            sent["Idempotency-Key"] = f"call-{self.seen.total()}"
        response = case.call(
            base_url=self.ground.served.base_url, session=self.session, headers=sent, timeout=60
        )
        self.seen[operation.label, response.status_code] += 1
        case.validate_response(response, checks=CHECKS)


def told(error: BaseException) -> str:
    """The words of a failure, and of each in a group of them."""
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return "\n".join([str(error), *(told(one) for one in inner)])


def as_operation(result: Any) -> Any:
    """A route of the document, which must be one that can be read."""
    return result.ok()


def ends_things(operation: Any) -> bool:
    """Whether a route takes away what the others need; those are called last."""
    path: str = operation.path
    return operation.method == "delete" or path.endswith(("/detach", "/cancel", "/stop"))


def attacked(caller: Caller, operation: Any) -> str:
    """What is wrong with a route; empty where nothing was found."""

    @hypothesis.settings(
        max_examples=EXAMPLES[operation.method],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(st.data())
    def attack(data: st.DataObject) -> None:
        caller.call(data, operation)

    try:
        attack()
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever it finds is told
        return f"{operation.label}: {told(error)}"
    return ""


def test_no_call_breaks_the_server_or_the_document(ground: Ground) -> None:
    """Every route is called with what its document allows and with what it does not."""
    schema = schemathesis.openapi.from_dict(ground.document)
    with requests.Session() as session:
        caller = Caller(ground, session)
        operations = [as_operation(result) for result in schema.get_all_operations()]
        found = [attacked(caller, operation) for operation in sorted(operations, key=ends_things)]
    statuses = Counter[int]()
    for (_, status), times in caller.seen.items():
        statuses[status] += times
    print(f"{caller.seen.total()} calls", dict(sorted(statuses.items())))
    assert len(found) > 40
    assert not any(found), "\n\n".join(one for one in found if one)
