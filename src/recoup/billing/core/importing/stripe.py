"""Subscriptions as Stripe's API gives them, made into rows of the table.

What a subscription names (customer, payment method, product) is expanded in it, or is looked up among the objects of
other files. Its periods are by the item since the API's version of 2025-03-31, before that by the subscription; its
discounts are a list since 2024, one object before; a price was a `plan` once. All of them are understood.

What is billed here otherwise than there is refused rather than guessed: several prices in one subscription, prices in
tiers or by use, tax that is added on top, invoices that are sent instead of charged, money that is split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from recoup.billing.core.importing.arriving import on_anchor_day
from recoup.billing.core.importing.documents import Found, objects
from recoup.billing.core.importing.lines import Left, Options, Over, Read, Refused, Row, Warn
from recoup.elsewhere.core.importing.lines import BadField, currency_of
from recoup.kit.clock import rfc3339

SOURCE: Final = "stripe"
SUBSCRIPTION: Final = "subscription"

Object = Mapping[str, Any]
LookUp = Callable[[str], Object | None]
"""An object of another file by its id."""

_CANCELED: Final = "canceled"
_NEVER_BEGUN: Final = frozenset({"incomplete", "incomplete_expired"})
_NOT_CHARGED: Final = frozenset({"paused", "unpaid"})
"""Stripe goes on with these, and charges nothing by itself."""
_CHARGED: Final = frozenset({"active", "past_due", "trialing"})
_OWING: Final = frozenset({"past_due", "unpaid"})
_MONEY_SPLIT: Final = ("application_fee_percent", "transfer_data", "on_behalf_of")
_OF_A_HUNDRED: Final = frozenset({"ISK"})
"""No decimals by ISO 4217, two at Stripe."""
_WHOLE: Final = frozenset({"MGA"})
"""Two decimals by ISO 4217, none at Stripe."""
_UNSURE: Final = frozenset({"UGX"})
"""Stripe's documentation says both of its decimals: a wrong guess is a hundredfold charge."""
_INSTANT_MAX: Final = 7_258_118_400
"""The beginning of the year 2200."""


def read_stripe(file: Iterable[str], look_up: LookUp, options: Options) -> Iterator[Read]:
    """Every subscription of a file as a row."""
    for found in objects(file):
        if isinstance(found, Refused):
            yield found
        elif found.json["object"] == SUBSCRIPTION:
            yield _read(found, look_up, options)


def _read(found: Found, look_up: LookUp, options: Options) -> Read:
    named = found.json.get("id")
    external_id = named[:255] if isinstance(named, str) else None
    try:
        if external_id is None:
            raise BadField("id", "is missing")
        status = found.json.get("status")
        if status == _CANCELED:
            return Over(found.number, external_id, "is canceled at Stripe")
        if status in _NEVER_BEGUN:
            return Left(found.number, external_id, f"is {status} at Stripe")
        return _row(found, external_id, look_up, options)
    except BadField as bad:
        return Refused(found.number, external_id, bad.column, bad.what)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return Refused(found.number, external_id, "-", "is no subscription as Stripe's API gives it")


def _row(found: Found, external_id: str, look_up: LookUp, options: Options) -> Row:
    given = found.json
    _refuse_what_differs(given, options)
    item = _only_item(given)
    price = item.get("price") or item.get("plan") or {}
    customer = _whole(given.get("customer"), look_up)
    if customer is None or customer.get("deleted"):
        raise BadField("customer", "is missing, or deleted")
    cells: dict[str, object] = {"id": external_id, **_customer(customer), **_method(given, customer, look_up)}
    cells |= _price(given, price, look_up)
    times, doubts = _times(given, item, options.zone or "UTC", interval=str(cells["interval"]))
    cells |= times
    cells |= {"quantity": item.get("quantity"), "paused": _yes(_is_paused(given))}
    cells |= _discount(given, item, customer, look_up, currency=str(cells["currency"]))
    metadata = given.get("metadata") or None
    cells["metadata"] = None if metadata is None else msgspec.json.encode(metadata).decode()
    texts = {name: text for name, one in cells.items() if one is not None and (text := str(one).strip())}
    return Row(found.number, texts, (*_taxed(given, item, price), *doubts, *_left_behind(given, customer)))


def _refuse_what_differs(given: Object, options: Options) -> None:
    if given.get("status") not in _CHARGED | _NOT_CHARGED:
        raise BadField("status", "is none that is known: whether it is to be charged cannot be told")
    livemode = given.get("livemode")
    if isinstance(livemode, bool) and livemode is not options.livemode:
        theirs, ours = ("live", "--mode live") if livemode else ("test", "--mode test")
        raise BadField("livemode", f"says that it is of Stripe's {theirs} mode: take it in with {ours}")
    if given.get("collection_method", "charge_automatically") != "charge_automatically":
        raise BadField("collection_method", "is send_invoice: only what is charged by itself is taken in")
    split = next((name for name in _MONEY_SPLIT if given.get(name) is not None), None)
    if split is not None:
        raise BadField(split, "splits the money among accounts of Stripe, which is not done here")


def _only_item(given: Object) -> Object:
    items = (given.get("items") or {}).get("data") or []
    if len(items) != 1:
        raise BadField(
            "items", f"has {len(items)} prices, and a subscription here has one: bring it as a table"
        )
    only: Object = items[0]
    return only


def _taxed(given: Object, item: Object, price: Object) -> tuple[Warn, ...]:
    """Whether tax is in the price; refuses tax on top of it, which would not be charged any more."""
    rates = [*(given.get("default_tax_rates") or ()), *(item.get("tax_rates") or ())]
    is_automatic = bool((given.get("automatic_tax") or {}).get("enabled"))
    if not rates and not is_automatic:
        return ()
    inside = price.get("tax_behavior") == "inclusive" or (
        bool(rates) and all(isinstance(one, dict) and one.get("inclusive") is True for one in rates)
    )
    if not inside:
        raise BadField(
            "automatic_tax", "adds tax on top of the price: bring it as a table, with what is to be charged"
        )
    return (Warn.TAX_INCLUDED,)


def _customer(customer: Object) -> dict[str, object]:
    address = customer.get("address") or {}
    return {
        "customer": customer.get("id"),
        "processor_customer": customer.get("id"),
        "email": customer.get("email"),
        "name": customer.get("name"),
        "country": address.get("country"),
    }


def _method(given: Object, customer: Object, look_up: LookUp) -> dict[str, object]:
    """What is charged: the subscription's own, or its customer's."""
    settings = customer.get("invoice_settings") or {}
    candidates = (
        given.get("default_payment_method"),
        given.get("default_source"),
        settings.get("default_payment_method"),
        customer.get("default_source"),
    )
    method = _whole(next((one for one in candidates if one), None), look_up)
    if method is None:
        return {}
    kind = "card" if method.get("object") == "card" else method.get("type", "card")
    if kind != "card" or str(method["id"]).startswith("ba_"):
        raise BadField(
            "default_payment_method", f"is a {str(kind)[:40]}: only cards can be charged by their token here"
        )
    card = method if method.get("object") == "card" else method.get("card") or {}
    return {
        "token": method["id"],
        "brand": card.get("brand"),
        "last4": card.get("last4"),
        "exp_month": card.get("exp_month"),
        "exp_year": card.get("exp_year"),
        "funding": card.get("funding"),
        "card_country": card.get("country"),
    }


def _price(given: Object, price: Object, look_up: LookUp) -> dict[str, object]:
    recurring = price.get("recurring") or price
    if recurring.get("usage_type", "licensed") != "licensed":
        raise BadField("price.recurring.usage_type", "is metered: what was used is not counted here")
    if price.get("billing_scheme", "per_unit") != "per_unit" or price.get("transform_quantity"):
        raise BadField(
            "price.billing_scheme", "is in tiers or packages: bring it as a table, with what it comes to"
        )
    amount = price.get("unit_amount", price.get("amount"))
    if type(amount) is not int:
        raise BadField(
            "price.unit_amount", "is no whole amount: parts of the smallest unit are not charged here"
        )
    currency = currency_of(str(price.get("currency")), column="price.currency")
    if str(given.get("currency") or currency).upper() != currency:
        raise BadField(
            "currency",
            "is another than its price's, of which only the amount in its own is told: bring it as a table",
        )
    product = _whole(price.get("product"), look_up) or {}
    name = price.get("nickname") or product.get("name") or product.get("id") or price.get("id")
    return {
        "plan": name,
        "amount": _minor(amount, currency, column="price.unit_amount"),
        "currency": currency,
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
    }


def _minor(amount: int, currency: str, *, column: str) -> int:
    """An amount as ISO 4217 counts it."""
    if currency in _UNSURE:
        raise BadField(
            column, f"is in {currency}, whose decimals at Stripe are not sure: bring it as a table"
        )
    if currency in _OF_A_HUNDRED:
        if amount % 100:
            raise BadField(column, f"is no whole amount in {currency}")
        return amount // 100
    return amount * 100 if currency in _WHOLE else amount


def _times(
    given: Object, item: Object, zone: str, *, interval: str
) -> tuple[dict[str, object], tuple[Warn, ...]]:
    next_at = given.get("current_period_end") or item.get("current_period_end")
    trial_end = given.get("trial_end") if given.get("status") == "trialing" else None
    next_on = _instant(trial_end or next_at, "current_period_end")
    if next_on is None:
        raise BadField("current_period_end", "is missing")
    doubts: tuple[Warn, ...] = ()
    anchor_day = _anchor_day(given, zone) if interval in ("month", "year") else None
    if anchor_day is not None and not on_anchor_day(next_on.astimezone(ZoneInfo(zone)).date(), anchor_day):
        anchor_day, doubts = None, (Warn.ANCHOR_DIFFERS,)
    began = given.get("current_period_start") or item.get("current_period_start")
    cells: dict[str, object] = {
        "next_billing": rfc3339(next_on),
        "anchor_day": anchor_day,
        "period_start": _told(began, "current_period_start"),
        "trial_end": _told(trial_end, "trial_end"),
        "cancel_at": _told(given.get("cancel_at"), "cancel_at"),
        "cancel_at_period_end": _yes(bool(given.get("cancel_at_period_end"))),
    }
    return cells, doubts


def _anchor_day(given: Object, zone: str) -> int | None:
    configured = (given.get("billing_cycle_anchor_config") or {}).get("day_of_month")
    if type(configured) is int and 1 <= configured <= 31:
        return configured
    anchor = _instant(given.get("billing_cycle_anchor"), "billing_cycle_anchor")
    return None if anchor is None else anchor.astimezone(ZoneInfo(zone)).day


def _discount(
    given: Object, item: Object, customer: Object, look_up: LookUp, *, currency: str
) -> dict[str, object]:
    own = [one for one in given.get("discounts") or [given.get("discount")] if one]
    own += [one for one in item.get("discounts") or () if one]
    found = own or [one for one in [customer.get("discount")] if one]
    if not found:
        return {}
    if len(found) > 1:
        raise BadField("discounts", f"has {len(found)}, and a line takes one: bring it as a table")
    if not isinstance(found[0], dict):
        raise BadField("discounts", "is only named: export with it expanded, or bring it as a table")
    return _coupon(found[0], look_up, currency)


def _coupon(discount: Object, look_up: LookUp, currency: str) -> dict[str, object]:
    named = discount.get("coupon") or (discount.get("source") or {}).get("coupon")
    coupon = _whole(named, look_up) or {}
    percent, amount = coupon.get("percent_off"), coupon.get("amount_off")
    if percent is None and type(amount) is not int:
        raise BadField(
            "discounts", "does not say what is taken off: export with expand[]=data.discounts.source.coupon"
        )
    if coupon.get("applies_to"):
        raise BadField("discounts", "holds for some products only: bring it as a table")
    if amount is not None and str(coupon.get("currency")).upper() != currency:
        raise BadField("discounts", "is in another currency than the price")
    return {
        "percent_off": None if percent is None else f"{percent:.6f}".rstrip("0").rstrip("."),
        "amount_off": None if amount is None else _minor(amount, currency, column="discounts"),
        "discount_times": 1 if coupon.get("duration") == "once" else None,
        "discount_until": _told(discount.get("end"), "discounts.end"),
    }


def _left_behind(given: Object, customer: Object) -> Iterator[Warn]:
    """What does not come along."""
    if given.get("status") in _OWING:
        yield Warn.OWES_ELSEWHERE
    if customer.get("balance"):
        yield Warn.BALANCE_ELSEWHERE
    if given.get("schedule"):
        yield Warn.SCHEDULE_LEFT_OUT
    if (given.get("pause_collection") or {}).get("resumes_at"):
        yield Warn.RESUME_BY_HAND


def _is_paused(given: Object) -> bool:
    return given.get("pause_collection") is not None or given.get("status") in _NOT_CHARGED


def _whole(named: object, look_up: LookUp) -> Object | None:
    """An object that is there whole, or is found in another file; else all that is known of it is its id."""
    if isinstance(named, dict):
        return named
    if not isinstance(named, str):
        return None
    return look_up(named) or {"id": named}


def _instant(told: object, column: str) -> datetime | None:
    if told is None:
        return None
    if type(told) is not int or not 0 < told < _INSTANT_MAX:
        raise BadField(column, "is no Unix time in seconds")
    return datetime.fromtimestamp(told, UTC)


def _told(told: object, column: str) -> str | None:
    at = _instant(told, column)
    return None if at is None else rfc3339(at)


def _yes(said: bool) -> str | None:  # noqa: FBT001 - the one thing that it shows
    return "yes" if said else None
