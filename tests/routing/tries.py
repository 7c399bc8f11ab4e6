"""Builders of tries for the tests of learning: facts, accounts, and a world in which they meet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.routing.core.facts import Facts
from recoup.routing.core.learning import Cell, Observation, Told, learn

START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Account:
    """A processor account, as learning sees it."""

    id: UUID
    country: str | None = "DE"


A: Final = Account(UUID(int=0xA))
B: Final = Account(UUID(int=0xB))


def paid(
    *,
    bin_: str | None = "431940",
    country: str | None = "DE",
    brand: str = "visa",
    funding: str = "debit",
    initiator: str = "customer",
    amount: int = 4_000,
    turn: int = 1,
) -> Facts:
    """A payment."""
    return Facts(
        currency="EUR",
        brand=brand,
        issuer_country=country,
        capture="automatic",
        initiator=initiator,
        amount=amount,
        funding=funding,
        bin=bin_,
        attempt_number=turn,
    )


def seen(
    account: Account = A, told: Told = Told.APPROVED, *, facts: Facts | None = None, at: datetime = START
) -> Observation:
    """A try with its outcome."""
    return Observation(facts or paid(), account, told, at)


def learned(stream: Iterable[Observation], cells: dict[int, Cell] | None = None) -> dict[int, Cell]:
    """The cells after a stream of tries."""
    known = dict(cells or {})
    for one in stream:
        known.update(learn(known, one))
    return known


def in_turn(
    *tries: tuple[Account, Facts, Told], times: int = 1, after: timedelta = MINUTE
) -> list[Observation]:
    """These tries, over and over, one each minute."""
    return [
        Observation(facts, account, told, START + number * after)
        for number, (account, facts, told) in enumerate(tries * times)
    ]
