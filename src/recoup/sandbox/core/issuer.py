"""What an issuer says to a payment: facts in, approval, refusal or "authenticate first" out.

The first reason to say no is the one that is given, in this order: the card is not in its owner's hands, expired or
replaced; the security code is wrong; the customer must authenticate; a limit is passed; the money is not there; the
issuer does not like where the payment comes from. That last one is the only luck, and it belongs to the card, the
processor and the local day: asking again on the same day by the same route gives the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from recoup.kit.money import Money
from recoup.sandbox.cards import Authentication, Check, PublishedCard
from recoup.sandbox.core.balances import Balance, balance
from recoup.sandbox.core.chance import below
from recoup.sandbox.core.codes import Codes, codes, no_funds
from recoup.sandbox.core.exchange import convert
from recoup.sandbox.core.people import Person
from recoup.sandbox.core.processors import Processor

_DISLIKES: Final = ("do_not_honor",) * 7 + ("try_again_later", "issuer_not_available", "fraudulent")
_AFFINITY_PER_MILLE: Final = 30


class CardState(StrEnum):
    """What has become of a cardholder's card."""

    ACTIVE = "active"
    LOST = "lost"
    STOLEN = "stolen"
    EXPIRED = "expired"
    CLOSED = "closed"


_DEAD: Final = {
    CardState.LOST: "lost_card",
    CardState.STOLEN: "stolen_card",
    CardState.EXPIRED: "expired_card",
    CardState.CLOSED: "invalid_account",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A payment as the issuer sees it. `now` is the world's time; `by_merchant`: nobody is there to authenticate;
    `agreed`: it names the earlier payment in which the customer agreed to it.
    """

    processor: Processor
    amount: Money
    exp_month: int
    exp_year: int
    cvc_given: bool
    postal_code_given: bool
    by_merchant: bool
    now: datetime
    authenticated: bool = False
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Checks:
    """What the issuer says of what it was given to compare; None where it was given nothing."""

    cvc: Check | None = None
    postal_code: Check | None = None
    address: Check | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """Yes. `held` is what it takes of the account, in the account's currency."""

    checks: Checks
    held: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, and what is said about it."""

    codes: Codes
    checks: Checks = Checks()


@dataclass(frozen=True, slots=True)
class Challenge:
    """The customer must authenticate first."""


Verdict = Approval | Refusal | Challenge


@dataclass(frozen=True, slots=True)
class Standing:
    """What has happened to a card so far. `day_payments` counts the approvals of one local day (an ISO date).

    `payday_anchor` and `payday_since` are there where somebody moved the next payday.
    """

    generation: int = 0
    state: CardState = CardState.ACTIVE
    known: Balance | None = None
    set_up: bool = False
    day: str = ""
    day_payments: int = 0
    payday_anchor: date | None = None
    payday_since: datetime | None = None
    replaced_at: datetime | None = None
    """When the card last became another, or its account was closed."""


def local_day(who: Person, now: datetime) -> str:
    """The date where the cardholder lives."""
    return now.astimezone(ZoneInfo(who.paydays.time_zone)).date().isoformat()


def unknown_number(brand: str) -> Refusal:
    """What is said to a number that no issuer has."""
    return Refusal(codes("incorrect_number", brand))


def published(card: PublishedCard, asked: Asked, *, set_up: bool) -> Verdict:
    """What the issuer of a published card says: what its number promises."""
    brand = card.facts.brand
    checks = Checks(
        cvc=card.cvc if asked.cvc_given else None,
        postal_code=card.postal_code if asked.postal_code_given else None,
        address=card.address,
    )
    if asked.now >= _valid_until(asked.exp_year, asked.exp_month):
        return Refusal(codes("expired_card", brand), checks)
    if checks.cvc is Check.FAIL:
        return Refusal(codes("incorrect_cvc", brand), checks)
    if refused := _authentication(card, asked, set_up=set_up):
        return refused
    return Refusal(codes(card.decline, brand), checks) if card.decline else Approval(checks)


def _authentication(card: PublishedCard, asked: Asked, *, set_up: bool) -> Challenge | Refusal | None:
    """What stands before the decision; None where nothing does."""
    required = Refusal(codes("authentication_required", card.facts.brand))
    match card.authentication:
        case Authentication.NEVER:
            return None
        case Authentication.FAILS:
            return Refusal(codes("generic_decline", card.facts.brand))
        case Authentication.CUSTOMER if asked.by_merchant:
            return None
        case Authentication.UNTIL_SET_UP if asked.by_merchant:
            # Many people use this number, so the card being set up is not enough: it must be theirs that was.
            return None if set_up and asked.agreed else required
        case Authentication.ALWAYS if asked.by_merchant:
            return required
        case _:
            return None if asked.authenticated else Challenge()


def person_says(who: Person, standing: Standing, asked: Asked) -> Verdict:
    """What the issuer of a person's card says; `who` carries the generation of the number that was used."""
    checks = Checks(
        cvc=Check.PASS if asked.cvc_given else None,
        postal_code=Check.PASS if asked.postal_code_given else None,
    )
    refused = _card_refused(who, standing, asked) or _authenticate(who, standing, asked)
    if refused is not None:
        return refused
    price = convert(asked.amount, who.currency)
    reason = _limit(who, standing, price, asked.now)
    if reason is not None:
        return Refusal(codes(reason, who.facts.brand), checks)
    if balance(who, standing.known, asked.now).minor < price:
        return Refusal(_no_funds(who, asked.now), checks)
    if dislike := _disliked(who, asked):
        return Refusal(codes(dislike, who.facts.brand), checks)
    return Approval(checks, held=price)


def _card_refused(who: Person, standing: Standing, asked: Asked) -> Refusal | None:
    """Why this card cannot pay at all."""
    brand = who.facts.brand
    if who.generation < standing.generation:
        return Refusal(codes("new_account_information_available", brand))
    if who.generation > standing.generation:
        return unknown_number(brand)
    if reason := _DEAD.get(standing.state):
        return Refusal(codes(reason, brand))
    given = (asked.exp_year, asked.exp_month)
    if asked.now >= who.valid_until or given != (who.exp_year, who.exp_month):
        return Refusal(codes("expired_card", brand))
    return None


def _authenticate(who: Person, standing: Standing, asked: Asked) -> Refusal | Challenge | None:
    if not who.authenticates or asked.authenticated:
        return None
    if not asked.by_merchant:
        return Challenge()
    return None if standing.set_up else Refusal(codes("authentication_required", who.facts.brand))


def _limit(who: Person, standing: Standing, price: int, now: datetime) -> str | None:
    if price > who.payment_max:
        return "card_velocity_exceeded"
    if standing.day == local_day(who, now) and standing.day_payments >= who.day_payments_max:
        return "withdrawal_count_limit_exceeded"
    return None


def _no_funds(who: Person, now: datetime) -> Codes:
    interval = who.paydays.around(now)
    word = "do_not_honor" if who.hides_funds else "insufficient_funds"
    return no_funds(word, who.facts.brand, until_payday=interval.end - now if interval else None)


def _disliked(who: Person, asked: Asked) -> str | None:
    """Why the issuer turns a payment down for where it comes from; None for issuers that do not look, and mostly."""
    if not who.looked_at:
        return None
    processor, country = asked.processor, who.facts.country
    likely = (
        processor.refused_at_home_per_mille
        if processor.at_home(country)
        else processor.refused_abroad_per_mille
    )
    affinity = below(_AFFINITY_PER_MILLE, who.seed, "affinity", country, who.issuer, processor.name)
    facts = (who.index, processor.name, local_day(who, asked.now))
    if below(1000, who.seed, "disliked", *facts) >= likely + affinity - _AFFINITY_PER_MILLE // 2:
        return None
    return _DISLIKES[below(len(_DISLIKES), who.seed, "dislike", *facts)]


def _valid_until(year: int, month: int) -> datetime:
    """The first moment after the month in which a card expires."""
    first = datetime(year, month, 1, tzinfo=UTC)
    return (first + timedelta(days=31)).replace(day=1)
