"""Reads what a call says into what the flow wants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from recoup.connectors.base import Browser
from recoup.http.fields import parse_id
from recoup.http.idempotency import Claimed
from recoup.http.routes import Call
from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind
from recoup.kit.refusals import Refusal, RefusalType, invalid
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.payments.flow import Taken
from recoup.payments.wire import (
    RETURNED_LENGTH_MAX,
    BrowserData,
    ConfirmPayment,
    CreatePayment,
    RoutingWish,
)
from recoup.payments.writes import Claim

T = TypeVar("T")


def merchant_of(call: Call[Any, Any]) -> Merchant:
    """The tenant of a call."""
    assert isinstance(call.merchant, Merchant), "the composition root authenticates with merchants"
    return call.merchant


async def unless_done_before(
    call: Call[Any, Any], work: Awaitable[T], *, key_is_known: Callable[[UUID, str], Awaitable[bool]]
) -> T:
    """Do the work, unless its key says that it was done: then a refusal only means that it cannot be done twice."""
    try:
        return await work
    except Taken:
        raise Claimed from None
    except Refusal:
        if call.claim is not None and await key_is_known(call.merchant.id, call.claim.key):
            raise Claimed from None
        raise


@contextmanager
def named_by(param: str) -> Iterator[None]:
    """What is not there was named by this field of the body."""
    try:
        yield
    except Refusal as refusal:
        if refusal.type is RefusalType.NOT_FOUND:
            refusal.param = refusal.param or param
        raise


def check_currency(code: str) -> None:
    """Refuses what is no currency."""
    if code in DECIMALS:
        return
    what = f"write it in capitals: {code.upper()}" if code.upper() in DECIMALS else "send one such as USD"
    raise invalid("currency_unknown", f"{code!r} is no ISO 4217 currency code: {what}.", param="currency")


def check_method(body: CreatePayment) -> None:
    """Refuses a merchant-initiated payment that nothing could be charged for."""
    if body.initiator == "merchant" and body.payment_method is None and body.payment_method_data is None:
        raise invalid(
            "payment_method_required",
            "A merchant-initiated payment is charged at once: send the id of a stored `payment_method`, or "
            "`payment_method_data`.",
            param="payment_method",
        )


def check_one_method(body: CreatePayment | ConfirmPayment) -> None:
    """Refuses two payment methods at once."""
    if body.payment_method is not None and body.payment_method_data is not None:
        raise invalid(
            "one_payment_method",
            "Send `payment_method` or `payment_method_data`, not both.",
            param="payment_method",
        )


def return_url_of(sent: str | None) -> str | None:
    """Where the customer comes back to; refuses what no browser could be sent to."""
    try:
        urlsplit(sent or "")
    except ValueError:
        raise invalid(
            "invalid_return_url", "`return_url` names no host: check its brackets.", param="return_url"
        ) from None
    return sent


def browser_of(sent: BrowserData | None) -> Browser | None:
    """The customer's browser; refuses an address that is none."""
    if sent is None:
        return None
    if sent.ip is not None:
        try:
            ip_address(sent.ip)
        except ValueError:
            raise invalid(
                "invalid_ip", "`browser.ip` must be an IPv4 or IPv6 address.", param="browser.ip"
            ) from None
    return Browser(**{name: getattr(sent, name) for name in sent.__struct_fields__})


def returned_of(sent: Mapping[str, Secret] | None) -> dict[str, str] | None:
    """What the customer brought back, in the clear for this call; refuses what is too long."""
    if sent is None:
        return None
    returned = {name: value.reveal() for name, value in sent.items()}
    if sum(len(name) + len(value) for name, value in returned.items()) > RETURNED_LENGTH_MAX:
        raise invalid(
            "return_parameters_too_long",
            f"`return_parameters` are longer than {RETURNED_LENGTH_MAX} characters together: send only what the "
            "processor added to your return_url.",
            param="return_parameters",
        )
    return returned


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
