"""What becomes of a payment method when somebody tells that its card was renewed, replaced or closed.

Who tells may know the new number (an account updater's answer), or only what may be shown of it (a processor, of the
card behind its token). A number in the vault that is known to be replaced is not charged any more; the processor's
token is. News that changes nothing, or is older than what is known, changes nothing: it may come twice, late and in
any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from recoup.vault.core.records import MethodType, PaymentMethod

YOUNG: Final = timedelta(minutes=10)
"""A token that is younger than this is what news without details is about: that it was made."""


class UpdateKind(StrEnum):
    """What changed."""

    NUMBER = "number"
    """The card has another number."""
    EXPIRY = "expiry"
    TOKEN = "token"  # noqa: S105 - a kind, not a token
    """The processor renewed what its token stands for, and does not say how; or gave another token."""
    TOKEN_REMOVED = "token_removed"  # noqa: S105 - a kind, not a token
    """A processor no longer has it; the card itself, or other processors' tokens, are still good."""
    CLOSED = "closed"


class Teller(StrEnum):
    """Who told."""

    PROCESSOR = "processor"
    UPDATER = "updater"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told of a card at `at`; None was not told. `other_token`: the processor gave another token."""

    by: Teller
    at: datetime
    account_id: UUID | None = None
    event_id: str | None = None
    batch_id: UUID | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    last4: str | None = None
    brand: str | None = None
    other_token: bool = False
    closed: bool = False

    @property
    def has_details(self) -> bool:
        """Whether it says anything of the card itself."""
        return self.exp_year is not None or self.last4 is not None


@dataclass(frozen=True, slots=True)
class Update:
    """One change of a payment method, as its history keeps it. `fingerprint` is the card's before it."""

    id: UUID
    method_id: UUID
    kind: UpdateKind
    told: Told
    fingerprint: bytes = field(repr=False)
    before: dict[str, Any]
    after: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What a payment method becomes. `forgets`: the accounts whose tokens are no longer good."""

    kind: UpdateKind
    after: PaymentMethod
    forgets: frozenset[UUID] = frozenset()


def shown(method: PaymentMethod) -> dict[str, Any]:
    """What history keeps of a card."""
    return {
        "brand": method.brand,
        "last4": method.last4,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
    }


def told_by_processor(
    method: PaymentMethod, told: Told, *, fingerprint: bytes, now: datetime
) -> Change | None:
    """The change by a processor's news of its token; `fingerprint` is what another number would have. None: none."""
    assert told.account_id is not None, "a processor tells of an account"
    token = next((one for one in method.tokens if one.processor_account_id == told.account_id), None)
    if token is None or method.detached_at is not None:
        return None
    if told.closed:
        return _token_gone(method, told, now=now)
    if not told.has_details and not told.other_token:
        made = told.at <= token.created_at + YOUNG
        return None if made else Change(UpdateKind.TOKEN, _alive(method, now))
    return _renewed(method, told, fingerprint=fingerprint, now=now)


def _token_gone(method: PaymentMethod, told: Told, *, now: datetime) -> Change | None:
    """The card in the vault, or another processor's token, is still good; without either there is nothing to pay with.

    A number that was replaced is no longer good by itself.
    """
    assert told.account_id is not None, "a processor tells of an account"
    others = [one for one in method.tokens if one.processor_account_id != told.account_id]
    usable = bool(others) or (method.type is MethodType.CARD and method.superseded_at is None)
    if usable:
        left = replace(method, tokens=tuple(others), updated_at=now)
        return Change(UpdateKind.TOKEN_REMOVED, left, frozenset({told.account_id}))
    return closed(method, now=now)


def _renewed(method: PaymentMethod, told: Told, *, fingerprint: bytes, now: datetime) -> Change | None:
    expiry = (told.exp_month or method.exp_month, told.exp_year or method.exp_year)
    other_number = told.last4 is not None and method.last4 is not None and told.last4 != method.last4
    same = expiry == (method.exp_month, method.exp_year) and (told.last4 or method.last4) == method.last4
    if same and not told.other_token and method.closed_at is None:
        return None
    kind = UpdateKind.NUMBER if other_number else UpdateKind.TOKEN if same else UpdateKind.EXPIRY
    stale = frozenset() if same else _remembered(method, but=told.account_id)
    after = replace(
        _alive(method, now),
        brand=told.brand or method.brand,
        last4=told.last4 or method.last4,
        exp_month=expiry[0],
        exp_year=expiry[1],
        fingerprint=fingerprint if other_number else method.fingerprint,
        superseded_at=now if other_number and method.type is MethodType.CARD else method.superseded_at,
        tokens=tuple(one for one in method.tokens if one.processor_account_id not in stale),
    )
    return Change(kind, after, stale)


def told_by_updater(method: PaymentMethod, fresh: PaymentMethod, *, now: datetime) -> Change | None:
    """The change by an account updater's answer: `fresh` is the card it named, sealed for this payment method."""
    same_number = fresh.fingerprint == method.fingerprint
    expiry = (fresh.exp_month, fresh.exp_year)
    if same_number and expiry == (method.exp_month, method.exp_year) and method.closed_at is None:
        return None
    stale = _remembered(method)
    after = replace(
        _alive(method, now),
        fingerprint=fresh.fingerprint,
        brand=fresh.brand,
        bin=fresh.bin,
        last4=fresh.last4,
        exp_month=fresh.exp_month,
        exp_year=fresh.exp_year,
        funding=fresh.funding,
        issuer_country=fresh.issuer_country,
        data_key_id=fresh.data_key_id,
        ciphertext=fresh.ciphertext,
        superseded_at=None,
        tokens=tuple(one for one in method.tokens if one.processor_account_id not in stale),
    )
    return Change(UpdateKind.EXPIRY if same_number else UpdateKind.NUMBER, after, stale)


def closed(method: PaymentMethod, *, now: datetime) -> Change | None:
    """The account behind the card is closed."""
    if method.closed_at is not None:
        return None
    return Change(UpdateKind.CLOSED, replace(method, closed_at=now, updated_at=now))


def _alive(method: PaymentMethod, now: datetime) -> PaymentMethod:
    return replace(method, renewed_at=now, closed_at=None, updated_at=now)


def _remembered(method: PaymentMethod, *, but: UUID | None = None) -> frozenset[UUID]:
    """The processors that remember the card as it was."""
    if method.type is MethodType.PROCESSOR_TOKEN:
        return frozenset()
    return frozenset(
        one.processor_account_id
        for one in method.tokens
        if one.remembered and one.processor_account_id != but
    )
