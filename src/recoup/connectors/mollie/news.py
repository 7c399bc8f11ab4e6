"""What Mollie tells unasked: signed events with what they are about, or a payment's bare id.

Of chargebacks it is one of two sources: Mollie lists them, too (`listing.py`).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from recoup.connectors.base import (
    AskAgain,
    Delivery,
    DisputeNews,
    DisputeState,
    Notice,
    Subject,
    shaped,
)
from recoup.connectors.mollie.replies import (
    Amount,
    Aware,
    Name,
    Payment,
    Step,
    Text,
    key_in,
)
from recoup.kit.clock import rfc3339

_CLASSIC: Final = re.compile(rb"id=(tr_[0-9A-Za-z]{1,60})")
_DISPUTES: Final = {
    "chargeback.received": DisputeState.OPENED,
    "chargeback.reversed": DisputeState.WON,
}


class _Embedded(Struct, frozen=True):
    entity: Any = None


class _Event(Struct, frozen=True, rename="camel", kw_only=True):
    resource: str
    id: Name
    type: str
    entity_id: Name
    created_at: Aware | None = None
    embedded: _Embedded = field(name="_embedded", default=_Embedded())


class _Reason(Struct, frozen=True):
    code: Name
    description: Text | None = None


class Chargeback(Struct, frozen=True, rename="camel", kw_only=True):
    """A chargeback, as events tell it and as it is shown."""

    resource: str
    id: Name
    amount: Amount
    payment_id: Name
    reason: _Reason | None = None

    @property
    def code(self) -> str | None:
        """The bank's code for why."""
        return None if self.reason is None else self.reason.code


def classic_id(delivery: Delivery) -> str | None:
    """The payment that a classic webhook names."""
    found = _CLASSIC.fullmatch(delivery.body)
    return None if found is None else found[1].decode()


def notices_of(delivery: Delivery) -> tuple[Notice, ...]:
    """The one notice of a delivery, or none where it says nothing that can be read."""
    payment = classic_id(delivery)
    if payment is not None:
        told_at = f"{payment}@{rfc3339(delivery.received_at)}"
        return (Notice(told_at, Subject.CHARGE, AskAgain(), reference=payment, charge_reference=payment),)
    try:
        event = msgspec.json.decode(delivery.body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return (_notice(event, delivery.received_at.date()),) if event.resource == "event" else ()


def _notice(event: _Event, today: date) -> Notice:
    kind = event.type.partition(".")[0]
    entity = event.embedded.entity
    if event.type in _DISPUTES:
        return _dispute(event, shaped(entity, Chargeback))
    if kind == "payment":
        return _payment(event, shaped(entity, Payment), today)
    if kind in {"refund", "capture"}:
        return _step(event, shaped(entity, Step), Subject(kind))
    return Notice(event.id, Subject.OTHER, None, reference=event.entity_id, occurred_at=event.created_at)


def _payment(event: _Event, payment: Payment | None, today: date) -> Notice:
    """What the payment was when it was told, or that it is to be asked about."""
    if payment is None or payment.id != event.entity_id:
        return Notice(
            event.id,
            Subject.CHARGE,
            AskAgain(),
            reference=event.entity_id,
            charge_reference=event.entity_id,
            occurred_at=event.created_at,
        )
    return Notice(
        event.id,
        Subject.CHARGE,
        payment.means(today, "unknown"),
        reference=payment.id,
        charge_reference=payment.id,
        key=payment.key,
        amount=payment.amount.money(),
        occurred_at=event.created_at,
    )


def _step(event: _Event, step: Step | None, about: Subject) -> Notice:
    if step is None or step.id != event.entity_id or step.resource != about:
        return Notice(event.id, about, AskAgain(), reference=event.entity_id, occurred_at=event.created_at)
    return Notice(
        event.id,
        about,
        step.means(),
        reference=step.id,
        charge_reference=step.payment_id,
        key=key_in(step.metadata),
        amount=step.amount.money(),
        occurred_at=event.created_at,
    )


def _dispute(event: _Event, chargeback: Chargeback | None) -> Notice:
    state = _DISPUTES[event.type]
    taken = state is DisputeState.OPENED
    if chargeback is None or chargeback.resource != "chargeback":
        news = DisputeNews(event.entity_id, state, withdrawn=taken)
        return Notice(
            event.id, Subject.DISPUTE, news, reference=event.entity_id, occurred_at=event.created_at
        )
    amount = chargeback.amount.money()
    return Notice(
        event.id,
        Subject.DISPUTE,
        DisputeNews(chargeback.id, state, amount=amount, reason=chargeback.code, withdrawn=taken),
        reference=chargeback.id,
        charge_reference=chargeback.payment_id,
        amount=amount,
        occurred_at=event.created_at,
    )
