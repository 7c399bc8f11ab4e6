"""Reads a row of the table into a subscription, or says which column is wrong and what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from recoup.billing.core.importing.fields import Cells, Moment
from recoup.billing.core.importing.lines import (
    Fingerprint,
    Line,
    Means,
    Options,
    PlanKey,
    Refused,
    Row,
    Stored,
    Token,
    Warn,
)
from recoup.billing.core.importing.table import METADATA
from recoup.billing.core.periods import COUNT_MAX, Interval, Unit
from recoup.billing.core.records import ManagedBy, Off
from recoup.billing.wire import QUANTITY_MAX
from recoup.elsewhere.core.importing.lines import BadField, currency_of
from recoup.http.fields import Metadata
from recoup.kit.ids import Kind
from recoup.kit.money import MINOR_MAX
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.paydays.core import local_zone
from recoup.vault.core import (
    CustomerDetails,
    check_customer,
    check_known,
    check_network_transaction_id,
    check_token,
)
from recoup.vault.wire import KnownCard, NetworkTransactionId, ProcessorCustomer

ID_MAX: Final = 255
PLAN_NAME_MAX: Final = 200
PAYMENTS_LEFT_MAX: Final = 10_000
DISCOUNT_TIMES_MAX: Final = 1_000
DISCOUNT: Final = "discount-1"
_FINGERPRINT_LETTERS: Final = 32
_BRANDS: Final[Mapping[str, str]] = {
    "american express": "amex",
    "american_express": "amex",
    "master card": "mastercard",
    "mc": "mastercard",
    "diners club": "diners",
    "diners_club": "diners",
    "china unionpay": "unionpay",
    "union pay": "unionpay",
}


def read_row(row: Row, options: Options, *, time_zones: Collection[str]) -> Line | Refused:
    """One row, understood; or the column that is wrong."""
    try:
        return _line(row, options, time_zones)
    except BadField as bad:
        external_id = row.cells.get("id", "")[:ID_MAX].replace("\x00", "")
        return Refused(row.number, external_id or None, bad.column, bad.what)


def _line(row: Row, options: Options, time_zones: Collection[str]) -> Line:
    cells = Cells(row.cells)
    external_id, customer = cells.needed("id", longest=ID_MAX), cells.needed("customer", longest=ID_MAX)
    details, zone = _details(cells, customer, options, time_zones)
    next_on = cells.moment("next_billing", zone)
    if next_on is None:
        raise BadField("next_billing", "is empty: say on which day the first charge here is due")
    plan = _plan(cells)
    quantity = cells.whole("quantity", least=1, most=QUANTITY_MAX) or 1
    if plan.amount * quantity > MINOR_MAX:
        raise BadField(
            "quantity", f"times the amount is more than {MINOR_MAX}, the most that a payment takes"
        )
    means, doubts = _means(cells, options)
    return Line(
        number=row.number,
        external_id=external_id,
        customer=customer,
        details=details,
        means=means,
        plan=plan,
        quantity=quantity,
        zone=zone,
        hour=_hour(cells, next_on, options),
        next_on=next_on.day,
        not_before=next_on.instant,
        anchor_day=_anchor_day(cells, plan.interval),
        period_start=cells.day("period_start", zone),
        trial_end=cells.day("trial_end", zone),
        cancel_at=cells.day("cancel_at", zone),
        cancel_at_period_end=cells.yes("cancel_at_period_end"),
        payments_left=cells.whole("payments_left", least=1, most=PAYMENTS_LEFT_MAX),
        paused=cells.yes("paused"),
        discount=_discount(cells),
        discount_until=cells.day("discount_until", zone),
        managed_by=cells.one_of("managed_by", ManagedBy) or options.managed_by,
        metadata=_metadata(cells),
        warnings=(*row.warnings, *doubts),
        digest=options.digest(row),
    )


def _details(
    cells: Cells, customer: str, options: Options, time_zones: Collection[str]
) -> tuple[CustomerDetails, str]:
    """What is told of the customer, and the zone in which the subscription's days are counted."""
    country = cells.text("country")
    told = {
        "merchant_reference": customer,
        "email": cells.text("email"),
        "name": cells.text("name"),
        "country": None if country is None else country.upper(),
        "time_zone": cells.text("time_zone"),
    }
    with _named({"merchant_reference": "customer"}):
        details = msgspec.convert(told, CustomerDetails)
        check_customer(details, time_zones=time_zones)
    zone = local_zone(details.time_zone or options.zone, country=details.country)
    return details, zone


def _plan(cells: Cells) -> PlanKey:
    name = cells.needed("plan", longest=PLAN_NAME_MAX)
    amount = cells.whole("amount", least=0, most=MINOR_MAX)
    if amount is None:
        raise BadField("amount", "is empty: write it in the smallest unit of the currency, such as 4999")
    currency = currency_of(cells.needed("currency", longest=3), column="currency")
    unit = cells.one_of("interval", Unit)
    if unit is None:
        raise BadField("interval", "is empty: write day, week, month or year")
    count = cells.whole("interval_count", least=1, most=COUNT_MAX[unit]) or 1
    return PlanKey(name, amount, currency, Interval(unit, count))


def _hour(cells: Cells, next_on: Moment, options: Options) -> int:
    told = cells.whole("billing_hour", least=0, most=23)
    if told is not None:
        return told
    return options.hour if next_on.hour is None else next_on.hour


def _anchor_day(cells: Cells, interval: Interval) -> int | None:
    told = cells.whole("anchor_day", least=1, most=31)
    if told is not None and interval.unit not in (Unit.MONTH, Unit.YEAR):
        raise BadField(
            "anchor_day", f"is a day of the month, and the interval is counted in {interval.unit}s"
        )
    return told


def _discount(cells: Cells) -> Off | None:
    percent = cells.percent("percent_off")
    amount = cells.whole("amount_off", least=1, most=MINOR_MAX)
    times = cells.whole("discount_times", least=1, most=DISCOUNT_TIMES_MAX)
    if percent is not None and amount is not None:
        raise BadField("amount_off", "and percent_off are both given: a line takes one discount")
    if percent is None and amount is None:
        if times is not None or cells.text("discount_until") is not None:
            raise BadField("percent_off", "and amount_off are empty, and yet the discount has an end")
        return None
    return Off(id=DISCOUNT, percent=percent, amount=amount, times=times)


def _metadata(cells: Cells) -> Mapping[str, str]:
    pairs = cells.metadata(METADATA)
    try:
        kept: dict[str, str] = msgspec.convert(pairs, Metadata)
    except msgspec.ValidationError as error:
        raise BadField("metadata", f"cannot be kept: {error}") from None
    if any("\x00" in text for pair in kept.items() for text in pair):  # as JSON it may stand in any text
        raise BadField("metadata", "holds a NUL character, which cannot be stored: leave it out")
    return kept


def _means(cells: Cells, options: Options) -> tuple[Means | None, tuple[Warn, ...]]:
    """What is charged, and what is to be doubted of it."""
    named = [one for one in ("token", "payment_method", "card_fingerprint") if cells.text(one) is not None]
    if len(named) > 1:
        raise BadField(named[1], f"and {named[0]} are both given: say once what is charged")
    method_id = cells.id("payment_method", Kind.PAYMENT_METHOD)
    if method_id is not None:
        return Stored(method_id), ()
    shown = cells.text("card_fingerprint")
    if shown is not None:
        if len(shown) != _FINGERPRINT_LETTERS or not set(shown.lower()) <= set("0123456789abcdef"):
            raise BadField(
                "card_fingerprint", f"is no fingerprint: it has {_FINGERPRINT_LETTERS} letters from 0 to f"
            )
        return Fingerprint(shown.lower()), ()
    if cells.text("token") is None:
        return None, (Warn.NO_PAYMENT_METHOD,)
    token = _token(cells, options)
    doubts = [] if token.network_transaction_id else [Warn.NO_NETWORK_TRANSACTION_ID]
    if token.card == KnownCard():
        doubts.append(Warn.CARD_UNKNOWN)
    return token, tuple(doubts)


def _token(cells: Cells, options: Options) -> Token:
    account_id = cells.id("processor_account", Kind.PROCESSOR_ACCOUNT) or options.account
    if account_id is None:
        raise BadField(
            "processor_account", "is empty: say of which account here the token is, here or by --account"
        )
    secret = Secret(cells.needed("token", longest=1_000))
    with _named({"": "network_transaction_id"}):
        check_token(secret, param="token")
        network_id: str | None = msgspec.convert(
            cells.text("network_transaction_id"), NetworkTransactionId | None
        )
        check_network_transaction_id(network_id, param="network_transaction_id")
    with _named({"": "processor_customer"}):
        processor_customer: str | None = msgspec.convert(
            cells.text("processor_customer"), ProcessorCustomer | None
        )
    return Token(account_id, secret, processor_customer, _card(cells), network_id)


def _card(cells: Cells) -> KnownCard:
    brand = (cells.text("brand") or "unknown").lower()
    country = cells.text("card_country")
    told: dict[str, Any] = {
        "brand": _BRANDS.get(brand, brand),
        "last4": cells.text("last4"),
        "exp_month": cells.whole("exp_month", least=1, most=12),
        "exp_year": cells.whole("exp_year", least=0, most=2999),
        "funding": (cells.text("funding") or "unknown").lower(),
        "country": None if country is None else country.upper(),
    }
    with _named({"country": "card_country"}):
        card = msgspec.convert(told, KnownCard)
        expiry = check_known(
            brand=card.brand,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            country=card.country,
            param="card",
        )
    return card if expiry is None else msgspec.structs.replace(card, exp_year=expiry.year)


@contextmanager
def _named(columns: Mapping[str, str]) -> Iterator[None]:
    """What is refused beneath is refused of a column: by its own name, unless it is called otherwise there."""
    try:
        yield
    except Refusal as refusal:
        name = (refusal.param or "").rpartition(".")[2]
        raise BadField(columns.get(name, name), f"cannot be: {refusal.message}") from None
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        if what.startswith("Invalid enum value"):  # it repeats what stood there, which may be a token
            what, place = "it is none of the words that may stand there", str(error).rpartition(" - at `$")[2]
        name = place.strip("`.")
        raise BadField(columns.get(name, name), f"cannot be: {what}") from None
