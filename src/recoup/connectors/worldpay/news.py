"""What Access Worldpay tells unasked: one event a delivery, about a payment by our transaction reference.

Of disputes it is the only source: what Access Worldpay's other products know of them is not asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from recoup.connectors.base import AskAgain, Delivery, DisputeNews, DisputeState, Notice, Subject
from recoup.connectors.worldpay.replies import Name, money
from recoup.outcomes.core import Approved, Done, Pending, Refused

_DISPUTES: Final = {
    "informationRequested": DisputeState.INQUIRY,
    "informationSupplied": DisputeState.SUBMITTED,
    "chargedBack": DisputeState.OPENED,
    "chargebackReversed": DisputeState.WON,
}
_WITHDRAWN: Final = {"chargedBack": True, "chargebackReversed": False}
"""With a request for information the money is held, whatever comes of it: no event says that it is let go of."""
_CHANGES: Final = {
    "sentForSettlement": Subject.CAPTURE,
    "settled": Subject.CAPTURE,
    "settlementFailed": Subject.CAPTURE,
    "cancelled": Subject.CANCEL,
    "expired": Subject.CANCEL,
    "sentForRefund": Subject.REFUND,
    "refunded": Subject.REFUND,
    "refundFailed": Subject.REFUND,
}
"""What is about a change. An authorisation that expired is let go of, like one that was cancelled."""


class _Amount(Struct, frozen=True, rename="camel"):
    value: int
    currency_code: str


class _Details(Struct, frozen=True, rename="camel", kw_only=True):
    type: Name
    transaction_reference: Name
    classification: str = "payment"
    reference: Name | None = None
    command_id: Name | None = None
    amount: _Amount | None = None


class _Event(Struct, frozen=True, rename="camel"):
    event_id: Name
    event_timestamp: datetime
    event_details: _Details


def notices_of(delivery: Delivery) -> tuple[Notice, ...]:
    """The one notice of a delivery, or none where it says nothing that can be read."""
    try:
        event = msgspec.json.decode(delivery.body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return (_notice(event),)


def _notice(event: _Event) -> Notice:
    said = event.event_details
    about, meaning = _news(said)
    at = event.event_timestamp
    amount = None if said.amount is None else money(said.amount.value, said.amount.currency_code)
    changed = about in {Subject.CAPTURE, Subject.CANCEL, Subject.REFUND}
    return Notice(
        event_id=event.event_id,
        about=about,
        meaning=meaning,
        reference=said.command_id if changed else said.transaction_reference,
        charge_reference=said.transaction_reference,
        key=said.reference if changed else said.transaction_reference,
        amount=amount,
        occurred_at=at if at.tzinfo is not None else at.replace(tzinfo=UTC),
    )


def _news(
    said: _Details,
) -> tuple[Subject, Approved | Pending | Done | Refused | DisputeNews | AskAgain | None]:
    charge = said.transaction_reference
    if said.classification == "payout":
        return Subject.OTHER, None
    if said.type in _DISPUTES:
        amount = None if said.amount is None else money(said.amount.value, said.amount.currency_code)
        taken = _WITHDRAWN.get(said.type)
        return Subject.DISPUTE, DisputeNews(charge, _DISPUTES[said.type], amount=amount, withdrawn=taken)
    if said.type in _CHANGES:
        failed = said.type.endswith("Failed")
        refused = Refused(said.type, "Worldpay could not carry it out.")
        return _CHANGES[said.type], refused if failed else Done(said.command_id or said.reference or charge)
    match said.type:
        case "sentForAuthorization":
            return Subject.CHARGE, Pending(charge)
        case "authorized":
            return Subject.CHARGE, Approved(charge)
        case "refused" | "error":
            return Subject.CHARGE, AskAgain()
        case _:
            return Subject.OTHER, None
