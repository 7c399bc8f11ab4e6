"""Stored decisions as they would have been made: what a ruling does with options, written as its record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.routing.core.deciding import Option, Placed, decide
from recoup.routing.core.facts import Facts
from recoup.routing.core.record import Turn, recorded
from recoup.routing.core.route import Arm, Candidate, Route
from recoup.routing.core.words import WELL, Estimate, Method, Price, Ruling, Standing
from recoup.routing.core.worth import valued

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
A, B, C = (UUID(int=number) for number in (1, 2, 3))
FACTS: Final = Facts(
    currency="USD",
    brand="visa",
    issuer_country="US",
    capture="automatic",
    initiator="customer",
    amount=10_000,
    funding="credit",
    bin="424242",
    at=NOW,
)


def option(
    account_id: UUID,
    probability: float | None = 0.8,
    *,
    fee: int | None = 30_000,
    standing: Standing = WELL,
) -> Option:
    """An account with an acquirer of its own. `fee` is the price of an approval in thousandths."""
    estimate = None
    if probability is not None:
        estimate = Estimate(probability, probability - 0.05, min(1.0, probability + 0.05), 100.0, 0.02)
    price = None if fee is None else Price(approved=fee, declined=1000)
    return Option(
        account_id,
        f"account {account_id.int}",
        str(account_id),
        estimate=estimate,
        price=price,
        standing=standing,
    )


def first(*accounts: UUID, rule: str = "fixed") -> Ruling:
    """A ruling that asks in this order."""
    return Ruling(rule, Method.ORDERED, order=accounts)


def record(
    options: Sequence[Option],
    ruling: Ruling,
    *,
    seed: bytes = b"seed",
    facts: Facts = FACTS,
    version: int | None = None,
    arm: Arm | None = None,
) -> dict[str, Any]:
    """The record of a decision, as it comes back from the database."""
    whole = [valued(one, facts, margin=ruling.margin) for one in options]
    placed = decide(whole, ruling, seed=seed, unit=None)
    turns = {one.option.account_id: (turn, one) for turn, one in enumerate(placed, 1)}
    route = Route(
        candidates=tuple(_candidate(one, turns.get(one.account_id)) for one in whole),
        rule=ruling.rule,
        method=ruling.method,
        policy_version=version,
        arm=arm,
        seed=seed,
    )
    turn = Turn(placed[0].option.account_id, "initial", "the first attempt")
    stored: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(recorded(route, facts, turn)))
    return stored


def _candidate(one: Option, turn: tuple[int, Placed] | None) -> Candidate:
    return Candidate(
        one.account_id,
        one.label,
        None if turn is None else turn[0],
        "can do it",
        acquirer=one.acquirer,
        propensity=0.0 if turn is None else turn[1].propensity,
        estimate=one.estimate,
        price=one.price,
        value=one.value,
        value_spread=one.value_spread,
        cost_per_approval=one.cost_per_approval,
        standing=one.standing,
        is_able=True,
        is_drained=one.is_drained,
    )
