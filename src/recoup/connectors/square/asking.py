"""What is sent to Square: JSON bodies, with our key in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from recoup.connectors.base import (
    Account,
    Billing,
    Charge,
    HttpRequest,
    Initiator,
    Question,
    Token,
    Verification,
)
from recoup.connectors.square.reading import CardObject
from recoup.kit.clock import rfc3339
from recoup.kit.money import Money

VERSION: Final = "2026-09-16"
"""The version of the API that all of this is written for; Square answers by it."""

AROUND: Final = timedelta(minutes=10)
"""How far from its sending a payment is looked for."""


def charge(account: Account, asked: Charge, token: Token, *, kept: CardObject | None) -> Mapping[str, object]:
    """Take or hold money in one request."""
    return {
        "idempotency_key": asked.key,
        "reference_id": asked.key,
        "source_id": kept.id if kept is not None else token.value.reveal(),
        "customer_id": kept.customer_id if kept is not None else token.customer,
        "amount_money": counted(asked.amount),
        "autocomplete": asked.capture,
        "accept_partial_authorization": False,
        "location_id": account.credential("location_id"),
        "note": asked.merchant_reference,
        "customer_details": {"customer_initiated": asked.initiator is Initiator.CUSTOMER},
        "buyer_email_address": asked.billing.email,
        "buyer_phone_number": asked.billing.phone,
        "billing_address": address(asked.billing),
    }


def customer(asked: Charge | Verification) -> Mapping[str, object]:
    """In whose name a card is put on file."""
    return {
        "idempotency_key": f"{asked.key}-customer",
        "reference_id": asked.customer_key or asked.key,
        "given_name": asked.billing.name,
        "email_address": asked.billing.email,
    }


def address(billing: Billing) -> Mapping[str, object]:
    """Where who pays lives."""
    return {
        "address_line_1": billing.line1,
        "address_line_2": billing.line2,
        "locality": billing.city,
        "administrative_district_level_1": billing.state,
        "postal_code": billing.postal_code,
        "country": billing.country,
    }


def window(account: Account, question: Question, cursor: str | None, *, until: timedelta | None) -> str:
    """The payments around the time when it was sent; of all time the newest, where nobody says when that was.

    `until` is how long after that; None where its customer could take their time.
    """
    asked = {"limit": "100", "location_id": account.credential("location_id"), "cursor": cursor}
    if question.sent_at is not None:
        asked["begin_time"] = rfc3339(question.sent_at - AROUND)
        asked["end_time"] = rfc3339(question.sent_at + until) if until is not None else None
    return urlencode({name: value for name, value in asked.items() if value})


def send(
    account: Account,
    method: str,
    path: str,
    *,
    body: Mapping[str, object] | None = None,
    key: str | None = None,
) -> HttpRequest:
    """One request."""
    headers = {"Square-Version": VERSION}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if key is not None:
        headers["Idempotency-Key"] = key
    return HttpRequest(
        method,
        f"{account.base_url}/v2/{path}",
        headers,
        {"Authorization": f"Bearer {account.credential('access_token')}"},
        msgspec.json.encode(_filled(body)) if body is not None else b"",
    )


def _filled(body: Mapping[str, object]) -> dict[str, object]:
    """Without what is not known."""
    inner = {name: _filled(it) if isinstance(it, Mapping) else it for name, it in body.items()}
    return {name: value for name, value in inner.items() if value not in (None, "", {})}


def counted(amount: Money) -> Mapping[str, object]:
    """An amount: Square counts the smallest unit as ISO 4217 does."""
    return {"amount": amount.minor, "currency": amount.currency}


def named(reference: str) -> str:
    """A reference as part of a path."""
    return quote(reference, safe="")
