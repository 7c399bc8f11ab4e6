"""Reads a stored record of a route back into the facts and the options that it was decided by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from recoup.kit.ids import Kind, parse
from recoup.routing.core.deciding import Option
from recoup.routing.core.facts import UNKNOWN_FUNDING, Facts
from recoup.routing.core.words import WELL, Estimate, Health, Price, Standing

Record = Mapping[str, Any]
"""A stored record, as `recoup.routing.core.record` writes it."""


class Unreadable(ValueError):
    """A record that this version cannot read; says what is wrong with it."""


def facts_of(record: Record) -> Facts:
    """The facts of a record."""
    stored = record["facts"]
    at, customer = stored.get("at"), stored.get("customer")
    return Facts(
        currency=stored["currency"],
        brand=stored["brand"],
        issuer_country=stored["issuer_country"],
        capture=stored["capture"],
        initiator=stored["initiator"],
        card_in_vault=stored.get("card_in_vault", True),
        saved_at=frozenset(account_of(text) for text in stored.get("saved_at", ())),
        amount=stored["amount"],
        funding=stored.get("funding", UNKNOWN_FUNDING),
        bin=stored.get("bin"),
        attempt_number=stored["attempt_number"],
        at=None if at is None else datetime.fromisoformat(at),
        customer_id=None if customer is None else _id(Kind.CUSTOMER, customer),
        metadata=stored.get("metadata", {}),
        agreement=stored.get("agreement"),
        merchant_category=stored.get("merchant_category"),
        network_transaction_id=stored.get("network_transaction_id", False),
        can_challenge=stored.get("can_challenge", False),
        authenticated=stored.get("authenticated", False),
        needs_challenge=stored.get("needs_challenge", False),
    )


def options_of(record: Record) -> tuple[Option, ...]:
    """The accounts of a record that could do the payment, in the order in which they were considered."""
    return tuple(_option(one) for one in record["candidates"] if "health" in one)


def seed_of(record: Record) -> bytes:
    """What every draw of the record came from."""
    return bytes.fromhex(record.get("seed", ""))


def order_of(record: Record) -> tuple[UUID, ...]:
    """The accounts of the record's route, in the order in which they were to be asked."""
    placed = [one for one in record["candidates"] if one["place"] is not None]
    return tuple(account_of(one["processor_account"]) for one in sorted(placed, key=_place))


def _place(candidate: Mapping[str, Any]) -> int:
    return int(candidate["place"])


def account_of(text: str) -> UUID:
    """The account that a record names."""
    return _id(Kind.PROCESSOR_ACCOUNT, text)


def _id(kind: Kind, text: str) -> UUID:
    found = parse(kind, text)
    if found is None:
        raise Unreadable(f"{text!r} is no id of a {kind.name.lower().replace('_', ' ')}")
    return found


def _option(stored: Mapping[str, Any]) -> Option:
    estimate, price = stored.get("estimate"), stored.get("price")
    well = stored["health"] == Health.GOOD
    return Option(
        account_id=account_of(stored["processor_account"]),
        label=stored["label"],
        acquirer=stored.get("acquirer", ""),
        estimate=None if estimate is None else Estimate(**estimate),
        price=None if price is None else Price(**price),
        value=stored.get("value"),
        value_spread=stored.get("value_spread", 0),
        cost_per_approval=stored.get("cost_per_approval"),
        standing=WELL if well else Standing(Health(stored["health"]), stored.get("probe_share", 0.0)),
        is_drained=stored.get("drained", False),
    )
