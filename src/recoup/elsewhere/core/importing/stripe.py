"""What Stripe exports: payments as the Dashboard's CSV, and charges or balance transactions as JSON lines.

The columns are those of the Dashboard's export "All columns", which was renamed in part over the years; those that hold
nothing we need may be left out of the export. JSON lines are objects of Stripe's API, one in each line, as its command
line and its libraries print them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from recoup.elsewhere.core.declines import Said
from recoup.elsewhere.core.importing import mapping as how
from recoup.elsewhere.core.importing.csv_lines import TEXT_MAX, declined
from recoup.elsewhere.core.importing.lines import (
    BadField,
    CardNumber,
    Ignored,
    Line,
    Read,
    Wrong,
    card_number_in,
    currency_of,
    kept_text,
)
from recoup.kit.countries import COUNTRIES
from recoup.kit.money import MINOR_MAX
from recoup.kit.refusals import invalid
from recoup.outcomes.core.tables import PROCESSORS
from recoup.vault.core import BRANDS, Funding

SOURCE: Final = "stripe"
_CREATED: Final = ("Created date (UTC)", "Created (UTC)")
_OPTIONAL: Final[Mapping[str, str]] = {
    "payment": "PaymentIntent ID",
    "customer": "Customer ID",
    "code": "Decline Reason",
    "text": "Seller Message",
    "brand": "Card Brand",
    "funding": "Card Funding",
    "country": "Card Issue Country",
}
_STATUS: Final = how.Statuses(
    approved=[
        "Paid",
        "Refunded",
        "Partial refund",
        "Partially refunded",
        "Disputed",
        "Uncaptured",
        "succeeded",
    ],
    declined=["Failed"],
    ignored=[
        "Blocked",
        "Canceled",
        "Expired",
        "Incomplete",
        "Pending",
        "Processing",
        "requires_action",
        "requires_capture",
        "requires_confirmation",
        "requires_payment_method",
    ],
)
_FUNDINGS: Final = frozenset(one.value for one in Funding)
_SENT: Final = frozenset({"declined_by_network", None})
"""What `outcome.network_status` says of a charge that an issuer declined; older charges say nothing."""
_AHEAD: Final = timedelta(days=1)


def csv_mapping(header: Sequence[str]) -> how.Mapping:
    """How to read the Dashboard's export, given its header."""
    created = next((name for name in _CREATED if name in header), None)
    if created is None:
        message = (
            "This is no export of payments from Stripe's Dashboard: there is no column 'Created date (UTC)'."
        )
        raise invalid("column_missing", message, param="file")
    optional = {field: name for field, name in _OPTIONAL.items() if name in header}
    columns = how.Columns(
        id="id", at=created, amount="Amount", currency="Currency", status="Status", **optional
    )
    return how.Mapping(source=SOURCE, columns=columns, status=_STATUS, connector="stripe")


def read_json(file: Iterable[str], *, now: datetime) -> Iterator[Read]:
    """Every line of a file of charges or balance transactions."""
    for number, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            yield _read(number, text, now)
        except BadField as bad:
            yield Wrong(number, bad.column, bad.what)


def _read(number: int, text: str, now: datetime) -> Read:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise BadField("-", "is no JSON") from None
    if card_number_in(text):
        column = _place_of_card_number(found)
        if column is not None:
            return CardNumber(number, column)
    match found:
        case {"object": "balance_transaction", "source": dict(charge)} if charge.get("object") == "charge":
            return _charge(number, charge, now)
        case {"object": "balance_transaction", "type": "charge" | "payment"}:
            return _settled(number, found, now)
        case {"object": "balance_transaction", "type": str(kind)}:
            return Ignored(number, f"balance transaction of type {kind!r}")
        case {"object": "charge"}:
            return _charge(number, found, now)
        case _:
            raise BadField("object", "is neither a charge nor a balance transaction")


def _charge(number: int, charge: Mapping[str, Any], now: datetime) -> Read:
    status, outcome = charge.get("status"), charge.get("outcome") or {}
    if status not in ("succeeded", "failed"):
        return Ignored(number, f"status {status!r}")
    approved = status == "succeeded"
    if not approved and outcome.get("network_status") not in _SENT:
        return Ignored(number, "never sent to its network")
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    tried_at, brand = _moment(charge, now), _brand(card)
    return Line(
        number=number,
        external_id=_id(charge, "id"),
        payment=_name(charge, "payment_intent") or _name(charge, "invoice"),
        customer=_name(charge, "customer"),
        tried_at=tried_at,
        amount=_amount(charge),
        currency=_currency(charge),
        approved=approved,
        decline=None
        if approved
        else declined(_said(charge, outcome, tried_at.date()), brand, tried_at.date()),
        account=None,
        brand=brand,
        funding=card["funding"] if card.get("funding") in _FUNDINGS else "unknown",
        country=card["country"] if card.get("country") in COUNTRIES else None,
        initiator="merchant",
    )


def _settled(number: int, transaction: Mapping[str, Any], now: datetime) -> Line:
    """A charge that is only known by what it brought: it was approved."""
    return Line(
        number=number,
        external_id=_id(transaction, "source"),
        payment=None,
        customer=None,
        tried_at=_moment(transaction, now),
        amount=_amount(transaction),
        currency=_currency(transaction),
        approved=True,
        decline=None,
        account=None,
        brand="unknown",
        funding="unknown",
        country=None,
        initiator="merchant",
    )


def _said(charge: Mapping[str, Any], outcome: Mapping[str, Any], on: date) -> Said:
    """The decline's code is the outcome's reason, where that is one; the charge's own code often says only that the
    card was declined."""
    words = [outcome.get("reason"), charge.get("failure_code")]
    known = [word for word in words if isinstance(word, str)]
    code = next((word for word in known if PROCESSORS["stripe"].row(word, on) is not None), None)
    text = charge.get("failure_message")
    return Said(
        "stripe",
        code or next(iter(reversed(known)), None),
        _text(outcome.get("network_decline_code")),
        _text(outcome.get("network_advice_code")),
        text[:TEXT_MAX] if isinstance(text, str) else None,
    )


def _text(found: object) -> str | None:
    return found if isinstance(found, str) and found and found.isprintable() else None


def _id(found: Mapping[str, Any], field: str) -> str:
    named = _name(found, field)
    if named is None:
        raise BadField(field, "is empty")
    return named


def _name(found: Mapping[str, Any], field: str) -> str | None:
    """An id, where the object itself was asked for too."""
    value = found.get(field)
    if isinstance(value, dict):
        value = value.get("id")
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadField(field, "is no id")
    return kept_text(value, column=field)


def _amount(found: Mapping[str, Any]) -> int:
    amount = found.get("amount")
    if type(amount) is not int or not 0 <= amount <= MINOR_MAX:
        raise BadField("amount", "is no amount")
    return amount


def _currency(found: Mapping[str, Any]) -> str:
    currency = found.get("currency")
    if not isinstance(currency, str):
        raise BadField("currency", "is no currency of ISO 4217")
    return currency_of(currency, column="currency")


def _moment(found: Mapping[str, Any], now: datetime) -> datetime:
    created = found.get("created")
    latest = int((now + _AHEAD).timestamp())
    if type(created) is not int or not 0 < created < latest:
        raise BadField("created", "is no Unix time in seconds, or in the future")
    return datetime.fromtimestamp(created, UTC)


def _brand(card: Mapping[str, Any]) -> str:
    brand = card.get("brand")
    return brand if brand in BRANDS else "unknown"


def _place_of_card_number(found: object, place: str = "") -> str | None:
    """Where in an object a card number stands."""
    match found:
        case dict():
            inner = ((f"{place}.{key}" if place else str(key), value) for key, value in found.items())
        case list():
            inner = ((f"{place}[{n}]", value) for n, value in enumerate(found))
        case _:
            return place if card_number_in(str(found)) else None
    return next((at for key, value in inner if (at := _place_of_card_number(value, key)) is not None), None)
