"""What simulated processors tell unasked: whether it is genuine, and what it says (see `recoup.sandbox.wire`)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import (
    Account,
    Alert,
    Authentic,
    CredentialNews,
    Delivery,
    DisputeNews,
    DisputeState,
    Forged,
    Notice,
    Subject,
)
from recoup.connectors.base.webhooks import body_digest, hmac_hex, is_stale, same
from recoup.connectors.sandbox.wire import (
    CardNewsAnswer,
    ChangeAnswer,
    ChargeAnswer,
    DisputeNewsAnswer,
    Name,
    meant_by,
)
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Evidence

SIGNATURE: Final = "sandbox-signature"
_SIGNED: Final = re.compile(r"t=([0-9]{1,11}),v1=([0-9a-f]{64})", re.ASCII)
_STATES: Final = frozenset(state.value for state in DisputeState)
_ALERTS: Final = frozenset(alert.value for alert in Alert)
_CHANGES: Final = {
    "capture": Subject.CAPTURE,
    "cancellation": Subject.CANCEL,
    "refund": Subject.REFUND,
}


class _Object(Struct, frozen=True):
    object: str


class _News(Struct, frozen=True, kw_only=True):
    """One piece of news. Its `type` says no more than its data does."""

    id: Name
    occurred_at: Annotated[datetime, Meta(tz=True)]
    data: msgspec.Raw


@dataclass(frozen=True, slots=True)
class News:
    """News that is understood."""

    event_id: str
    occurred_at: datetime
    about: ChargeAnswer | ChangeAnswer | DisputeNewsAnswer | CardNewsAnswer


def judged(account: Account, delivery: Delivery) -> Authentic | Forged:
    """Whether the world's key signed these bytes a moment ago."""
    found = _SIGNED.fullmatch(delivery.headers.get(SIGNATURE, ""))
    if found is None:
        return Forged("it has no signature")
    key = hashlib.sha256(account.credential("api_key").encode()).digest()
    if not same(hmac_hex(key, found[1].encode() + b"." + delivery.body), found[2]):
        return Forged("the signature does not fit")
    if is_stale(datetime.fromtimestamp(int(found[1]), UTC), delivery):
        return Forged("it was signed too long ago, or ahead of time")
    said = read_news(delivery)
    return Authentic(body_digest(delivery) if said is None else said.event_id)


def read_news(delivery: Delivery) -> News | None:
    """What was sent, where it is understood."""
    try:
        said = msgspec.json.decode(delivery.body, type=_News)
        kind = msgspec.json.decode(said.data, type=_Object).object
        return News(said.id, said.occurred_at, _read(said.data, kind))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def of_dispute(said: News, dispute: DisputeNewsAnswer) -> Notice:
    """News of a dispute; of a state that nobody knows it says nothing."""
    return Notice(
        said.event_id,
        Subject.DISPUTE,
        _disputed(dispute) if dispute.state in _STATES else None,
        reference=dispute.id,
        charge_reference=dispute.charge,
        key=dispute.key,
        amount=_money(dispute.amount, dispute.currency),
        occurred_at=said.occurred_at,
    )


def _disputed(dispute: DisputeNewsAnswer) -> DisputeNews:
    return DisputeNews(
        dispute.id,
        DisputeState(dispute.state),
        amount=_money(dispute.amount, dispute.currency),
        fee=_money(dispute.fee, dispute.currency) if dispute.fee else None,
        reason=dispute.reason or None,
        network=dispute.network or None,
        evidence_due=dispute.evidence_due_at,
        withdrawn=dispute.withdrawn,
        alert=Alert(dispute.alert) if dispute.alert in _ALERTS else None,
        program=dispute.program,
    )


def of_card(said: News, card: CardNewsAnswer) -> Notice:
    """News of a card that the processor remembers."""
    news = CredentialNews(
        Secret(card.token),
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        last4=card.last4,
        brand=card.brand,
        closed=card.state == "closed",
    )
    return Notice(said.event_id, Subject.CREDENTIAL, news, occurred_at=said.occurred_at)


def _read(data: msgspec.Raw, kind: str) -> ChargeAnswer | ChangeAnswer | DisputeNewsAnswer | CardNewsAnswer:
    if kind == "card":
        return msgspec.json.decode(data, type=CardNewsAnswer)
    if kind == "dispute":
        return msgspec.json.decode(data, type=DisputeNewsAnswer)
    if kind in _CHANGES:
        return msgspec.json.decode(data, type=ChangeAnswer)
    return msgspec.json.decode(data, type=ChargeAnswer)


def of_charge(said: News, charge: ChargeAnswer, meaning: Evidence | None) -> Notice:
    """News of a charge."""
    return Notice(
        said.event_id,
        Subject.CHARGE,
        meaning,
        reference=charge.id,
        charge_reference=charge.id,
        key=charge.key,
        amount=_money(charge.amount, charge.currency),
        occurred_at=said.occurred_at,
    )


def of_change(said: News, change: ChangeAnswer) -> Notice:
    """News of a capture, cancellation or refund."""
    return Notice(
        said.event_id,
        _CHANGES[change.object],
        meant_by(change),
        reference=change.id,
        charge_reference=change.charge,
        key=change.key,
        amount=_money(change.amount, change.currency),
        occurred_at=said.occurred_at,
    )


def _money(minor: int | None, currency: str | None) -> Money | None:
    return Money(minor, currency) if minor is not None and currency in DECIMALS else None
