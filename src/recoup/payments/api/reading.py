"""Reads what a call says into what the flow wants."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from recoup.http.fields import parse_id
from recoup.http.routes import Call
from recoup.kit.ids import Kind
from recoup.merchants.core import Merchant
from recoup.payments.wire import RoutingWish
from recoup.payments.writes import Claim


def merchant_of(call: Call[Any, Any]) -> Merchant:
    """The tenant of a call."""
    assert isinstance(call.merchant, Merchant), "the composition root authenticates with merchants"
    return call.merchant


def optional_id(kind: Kind, text: str | None, param: str) -> UUID | None:
    """An id that may be left out; what is none of its kind is refused with 404."""
    return None if text is None else parse_id(kind, text, what=param, param=param)


def accounts_of(wish: RoutingWish | None) -> tuple[UUID, ...] | None:
    """The accounts that the caller wants asked."""
    if wish is None:
        return None
    param = "routing.processor_accounts"
    return tuple(
        parse_id(Kind.PROCESSOR_ACCOUNT, text, what="processor account", param=param)
        for text in wish.processor_accounts
    )


def claim_of(call: Call[Any, Any], resource: str, resource_id: UUID) -> Claim | None:
    """The call's idempotency key, for what it makes or changes."""
    if call.claim is None:
        return None
    return Claim(call.claim.key, call.claim.fingerprint, call.claim.at, resource, resource_id)
