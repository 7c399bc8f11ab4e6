"""What becomes of a line, given what is here: made, brought up to it, left as it is, or refused.

A subscription is known by its source and its id there. What was billed here is never touched by a file again: from the
first charge on this side is right. One that somebody else still bills (`outside`) follows the file, until a file hands
it over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from uuid import UUID

from recoup.billing.core.importing.arriving import Foreseen
from recoup.billing.core.importing.lines import Line, PlanKey, Stored, Token, Warn
from recoup.billing.core.machine import Status
from recoup.billing.core.records import ManagedBy, Subscription
from recoup.elsewhere.core.importing.lines import BadField
from recoup.vault.core import Customer, PaymentMethod


class Kind(StrEnum):
    """What a name of the old biller is for."""

    CUSTOMER = "customer"
    PLAN = "plan"
    SUBSCRIPTION = "subscription"


class Name(NamedTuple):
    """A name of the old biller."""

    kind: Kind
    external_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a name stands for here. `digest`: of the line that it was last made or changed by, `at`, when."""

    object_id: UUID
    digest: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What counts of a processor account. `currencies` None takes all."""

    connector: str
    takes_tokens: bool
    enabled: bool
    currencies: frozenset[str] | None


@dataclass(slots=True)
class Here:
    """What is here that the lines of a batch are about; what is made on the way is added.

    `tokens` and `prints`: the payment methods that are found by a token or a fingerprint, oldest first.
    """

    accounts: Mapping[UUID, AccountFacts]
    names: dict[Name, Known] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    """By the name that a line gives them."""
    tokens: dict[bytes, list[PaymentMethod]] = field(default_factory=dict)
    prints: Mapping[str, Sequence[PaymentMethod]] = field(default_factory=dict)
    methods: Mapping[UUID, PaymentMethod] = field(default_factory=dict)
    plans: dict[PlanKey, UUID] = field(default_factory=dict)
    subscriptions: Mapping[UUID, Subscription] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Make:
    """The subscription is new here."""


@dataclass(frozen=True, slots=True)
class BringUp:
    """The subscription is here, and follows the line."""

    held: Subscription


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is done."""

    why: str


@dataclass(frozen=True, slots=True)
class EndIt:
    """The subscription is here, and ends: it did at the old biller."""

    held: Subscription


Verdict: TypeAlias = Make | BringUp | Leave


class What(StrEnum):
    """What became, or would become, of a line."""

    CREATED = "created"
    UPDATED = "updated"
    ENDED = "ended"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became, or would become, of a line; `charges`: what will be charged here by itself, the first of it at
    least, where there is any."""

    number: int
    external_id: str | None
    what: What
    column: str | None = None
    why: str | None = None
    charges: tuple[Foreseen, ...] = ()
    currency: str | None = None
    warnings: tuple[Warn, ...] = ()


def judged(line: Line, here: Here) -> Verdict:
    """What is to be done; refuses what does not fit what is here."""
    known = here.names.get(Name(Kind.SUBSCRIPTION, line.external_id))
    customer = here.customers.get(line.customer)
    is_deleted = customer is None and Name(Kind.CUSTOMER, line.customer) in here.names
    if known is None:
        if is_deleted:
            raise BadField("customer", "was deleted here, and is not made again")
        return Make()
    held = here.subscriptions[known.object_id]
    if held.has_ended:
        return Leave(f"has ended here ({held.status})")
    if known.digest == line.digest:
        return Leave("is here already, and says the same")
    if is_deleted:
        return Leave("its customer was deleted here: cancel it here")
    if customer is None or held.customer_id != customer.id:
        raise BadField("customer", "is another than the one that this subscription has here")
    if held.currency != line.plan.currency:
        raise BadField("currency", f"is not {held.currency}, which this subscription has here and keeps")
    if held.status is Status.PAUSED:
        return Leave("is paused here: resume or cancel it here")
    mine = _why_ours(held, known)
    return BringUp(held) if mine is None else Leave(f"{mine}: change it here")


def judged_over(external_id: str, here: Here) -> EndIt | Leave | None:
    """What is to be done about a subscription that was canceled at the old biller; None where it never was here."""
    known = here.names.get(Name(Kind.SUBSCRIPTION, external_id))
    if known is None:
        return None
    held = here.subscriptions[known.object_id]
    if held.has_ended:
        return Leave(f"has ended here ({held.status})")
    mine = _why_ours(held, known)
    return EndIt(held) if mine is None else Leave(f"{mine}: cancel it here")


def _why_ours(held: Subscription, known: Known) -> str | None:
    """Why a subscription does not follow the file any more; None where it does. A look ahead of its first charge is no
    change of it."""
    if held.managed_by is ManagedBy.OUTSIDE:
        return None
    if held.opened:
        return "is billed here already"
    return None if held.updated_at == known.at else "was changed here since it came in"


def chargeable(line: Line, here: Here) -> PaymentMethod | None:
    """The payment method of a line, where it is here; refuses one that cannot be charged for this customer."""
    customer = here.customers.get(line.customer)
    match line.means:
        case None:
            return None
        case Token() as token:
            found = here.tokens.get(token.key, [])
            mine = [one for one in found if customer is not None and one.customer_id == customer.id]
            if found and not mine and any(one.customer_id is not None for one in found):
                raise BadField("token", "belongs to another customer here")
            if mine and all(one.closed_at is not None for one in mine):
                raise BadField("token", "is of an account that is closed: ask the customer for another card")
            return next((one for one in mine if one.closed_at is None), None)
        case Stored(method_id=method_id):
            stored, column = here.methods.get(method_id), "payment_method"
        case fingerprint:
            prints = here.prints.get(fingerprint.shown, ())
            stored, column = _newest_of(prints, customer), "card_fingerprint"
    if stored is None:
        raise BadField(
            column, "names nothing that this customer has here: add the card first, or give a token"
        )
    if customer is None or stored.customer_id != customer.id:
        raise BadField(column, "is not this customer's: attach it to them first")
    if stored.detached_at is not None or stored.closed_at is not None:
        raise BadField(column, "cannot be charged any more: ask the customer for another")
    return stored


def _newest_of(found: Sequence[PaymentMethod], customer: Customer | None) -> PaymentMethod | None:
    mine = [one for one in found if customer is not None and one.customer_id == customer.id]
    usable = [one for one in mine if one.detached_at is None and one.closed_at is None]
    return max(usable or mine, key=lambda one: one.id, default=None)


def account_doubts(line: Line, here: Here) -> tuple[Warn, ...]:
    """What is to be doubted of a token's account; refuses one that is not there, or charges no tokens."""
    if not isinstance(line.means, Token):
        return ()
    account = here.accounts.get(line.means.account_id)
    if account is None:
        raise BadField("processor_account", "is no account of this merchant here: connect it first")
    if not account.takes_tokens:
        raise BadField("processor_account", f"is at {account.connector}, which charges no tokens of its own")
    doubts = [] if account.enabled else [Warn.ACCOUNT_DISABLED]
    if account.currencies is not None and line.plan.currency not in account.currencies:
        doubts.append(Warn.CURRENCY_NOT_AT_ACCOUNT)
    return tuple(doubts)
