"""Reads from an event what the ledger needs of it: the sums of a payment, or how far a refund is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec

from recoup.kit.ids import Kind, parse
from recoup.payments.core.machine import Status

_ACCOUNTS_REMEMBERED: Final = 4096
_SUBJECTS: Final = frozenset({"payment", "refund"})
_HOLDING: Final = frozenset({Status.AUTHORIZED, Status.PARTIALLY_CAPTURED})


@dataclass(frozen=True, slots=True)
class Happened:
    """Which event it was: its place among its object's, and when it was."""

    event_id: UUID
    object_sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentNews:
    """A payment as it was after an event. `approved` is the attempt that holds or took the money.

    `holds`: its status says that money is held. Of that, `capturable` may be captured now: all, unless a capture is
    under way.
    """

    happened: Happened
    payment_id: UUID
    currency: str
    holds: bool
    capturable: int
    captured: int
    processor_account_id: UUID | None
    approved: UUID | None


@dataclass(frozen=True, slots=True)
class RefundNews:
    """A refund as it was after an event."""

    happened: Happened
    refund_id: UUID
    payment_id: UUID
    currency: str
    pending: int
    done: int


News = PaymentNews | RefundNews


class _Attempt(msgspec.Struct, frozen=True):
    id: str
    outcome: str | None = None


class _Object(msgspec.Struct, frozen=True):
    """The fields that are read of a payment or a refund; any other object has but some of them."""

    object: str = ""
    id: str = ""
    status: str = ""
    amount: int = -1
    currency: str = ""
    amount_capturable: int = -1
    amount_captured: int = -1
    processor_account: str | None = None
    payment: str = ""
    attempts: tuple[_Attempt, ...] = ()


class _Head(msgspec.Struct, frozen=True):
    object: str = ""


_head: Final = msgspec.json.Decoder(_Head).decode
_read: Final = msgspec.json.Decoder(_Object).decode


def read(data: bytes, happened: Happened) -> News | None:
    """What an event's object tells; None where it is about something else than a payment or a refund."""
    try:
        shown = _read(data)
    except msgspec.ValidationError:
        if _head(data).object in _SUBJECTS:
            raise
        return None
    match shown.object:
        case "payment":
            return _payment(shown, happened)
        case "refund":
            return _refund(shown, happened)
        case _:
            return None


def _payment(shown: _Object, happened: Happened) -> PaymentNews:
    assert min(shown.amount, shown.amount_capturable, shown.amount_captured) >= 0, "a payment shows its sums"
    approved = next((one.id for one in shown.attempts if one.outcome == "approved"), None)
    account = shown.processor_account
    return PaymentNews(
        happened,
        _id(Kind.PAYMENT, shown.id),
        shown.currency,
        holds=Status(shown.status) in _HOLDING,
        capturable=shown.amount_capturable,
        captured=shown.amount_captured,
        processor_account_id=None if account is None else _account(account),
        approved=None if approved is None else _id(Kind.ATTEMPT, approved),
    )


def _refund(shown: _Object, happened: Happened) -> RefundNews:
    assert shown.amount > 0, "a refund shows its amount"
    pending, done = 0, 0
    match shown.status:
        case "pending" | "unresolved":
            pending = shown.amount
        case "succeeded":
            done = shown.amount
        case "failed":
            pass
        case other:
            raise AssertionError(f"a refund that is {other} is not known to the ledger")
    return RefundNews(
        happened,
        _id(Kind.REFUND, shown.id),
        _id(Kind.PAYMENT, shown.payment),
        shown.currency,
        pending=pending,
        done=done,
    )


@lru_cache(maxsize=_ACCOUNTS_REMEMBERED)
def _account(text: str) -> UUID:
    """A processor account's id: there are few, and every event names one."""
    return _id(Kind.PROCESSOR_ACCOUNT, text)


def _id(kind: Kind, text: str) -> UUID:
    found = parse(kind, text)
    assert found is not None, f"an event names a {kind.name.lower()}"
    return found
