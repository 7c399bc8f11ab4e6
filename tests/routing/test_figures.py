"""What an operator sees of routing: how long decisions take, and what was learned."""

from __future__ import annotations

from uuid import UUID

from prometheus_client import CollectorRegistry

from recoup.routing.core.facts import Facts
from recoup.routing.flow.figures import attempts_learned, decision_seconds
from recoup.routing.flow.routing import Router, Sources


async def test_every_choice_of_a_route_is_timed() -> None:
    registry = CollectorRegistry()
    router = Router(Sources(), took=decision_seconds(registry))
    facts = Facts(
        currency="EUR", brand="visa", issuer_country=None, capture="automatic", initiator="customer"
    )
    for _ in range(3):
        await router.route(UUID(int=1), facts, [], requested=None, seed=bytes(16))
    assert registry.get_sample_value("recoup_routing_decision_seconds_count") == 3
    assert registry.get_sample_value("recoup_routing_decision_seconds_bucket", {"le": "1.0"}) == 3


def test_what_was_learned_is_counted() -> None:
    registry = CollectorRegistry()
    count = attempts_learned(registry)
    count(2)
    count(3)
    assert registry.get_sample_value("recoup_routing_attempts_learned_total") == 5
