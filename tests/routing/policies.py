"""Policies and accounts for the tests of routing policies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.routing.core import Facts
from recoup.routing.core.policy import Policy
from recoup.routing.core.policy_names import directory_of
from recoup.routing.core.policy_reading import Format, Reading, read


@dataclass(frozen=True)
class Account:
    """A processor account, as a policy sees it."""

    id: UUID
    label: str


LABELS: Final = ("alpha", "bravo", "charlie", "Delta, Europe")
ACCOUNTS: Final = tuple(Account(UUID(int=number), label) for number, label in enumerate(LABELS, 1))
IDS: Final = {account.label: account.id for account in ACCOUNTS}
ALPHA, BRAVO, CHARLIE, DELTA = (account.id for account in ACCOUNTS)
DIRECTORY: Final = directory_of(ACCOUNTS)
NOON: Final = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
"""A Friday."""


def facts(**more: Any) -> Facts:
    """A payment of 49.99 dollars by a customer with a Visa card from the United States."""
    usual: dict[str, Any] = {
        "currency": "USD",
        "brand": "visa",
        "issuer_country": "US",
        "capture": "automatic",
        "initiator": "customer",
        "amount": 4999,
        "funding": "credit",
        "bin": "424242",
        "at": NOON,
    }
    return Facts(**usual | more)


def read_toml(text: str) -> Reading:
    """A policy in TOML, for the accounts of these tests."""
    return read(text, Format.TOML, DIRECTORY)


def read_json(document: object) -> Reading:
    """A policy in JSON, for the accounts of these tests."""
    return read(msgspec.json.encode(document).decode(), Format.JSON, DIRECTORY)


def policy_of(document: object) -> Policy:
    """A policy that has nothing wrong with it."""
    reading = read_json(document)
    assert reading.policy is not None, reading.told()
    return reading.policy


def one_rule(then: object, when: object | None = None) -> dict[str, Any]:
    """A policy of one rule."""
    return {"rules": [{"name": "one", "then": then, "when": when or {}}]}
