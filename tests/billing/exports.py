"""What Stripe's API gives of subscriptions, with invented ids, and as its tools print it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

CARD = {
    "brand": "visa",
    "last4": "4242",
    "exp_month": 8,
    "exp_year": 2029,
    "funding": "credit",
    "country": "DE",
}


def method(id_: str = "pm_example1", **more: Any) -> dict[str, Any]:
    """A saved card."""
    return {"id": id_, "object": "payment_method", "type": "card", "card": CARD, "livemode": False} | more


def customer(id_: str = "cus_example1", *, default: str | None = None, **more: Any) -> dict[str, Any]:
    """A customer."""
    return {
        "id": id_,
        "object": "customer",
        "name": "Jane Doe",
        "email": "jane@example.com",
        "address": {"country": "DE"},
        "balance": 0,
        "invoice_settings": {"default_payment_method": default},
    } | more


def customers_by_id() -> dict[str, Mapping[str, Any]]:
    """What is in other files."""
    return {one["id"]: one for one in (customer(), method(), {"id": "prod_example1", "name": "Pro"})}


def subscription(**more: Any) -> dict[str, Any]:
    """A subscription of 19.99 euros on the last of every month, in the shape of the API of 2025 and later."""
    price = {
        "id": "price_example1",
        "object": "price",
        "billing_scheme": "per_unit",
        "currency": "eur",
        "nickname": None,
        "product": "prod_example1",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        "tax_behavior": "unspecified",
        "unit_amount": 1999,
    }
    item = {
        "id": "si_example1",
        "object": "subscription_item",
        "current_period_start": 1801393200,
        "current_period_end": 1803812400,
        "price": price,
        "quantity": 1,
    }
    return {
        "id": "sub_example1",
        "object": "subscription",
        "status": "active",
        "livemode": False,
        "automatic_tax": {"enabled": False},
        "billing_cycle_anchor": 1785495600,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "collection_method": "charge_automatically",
        "customer": "cus_example1",
        "default_payment_method": "pm_example1",
        "discounts": [],
        "items": {"object": "list", "data": [item]},
        "metadata": {"team": "north"},
        "pause_collection": None,
        "trial_end": None,
    } | more


def export(*found: Any) -> io.StringIO:
    """A page of a list as Stripe's command line prints it, and what else there is, each in its line."""
    page = json.dumps({"object": "list", "data": list(found), "has_more": False}, indent=2)
    return io.StringIO(f"{page}\n\n")
