"""What one seed makes: the orders of every merchant, what goes wrong on their way, and what is done with them after.

Nothing here knows the service: an order is a wish of a customer's, and everything that chance has a say in is drawn
here, so that a seed and a merchant's number give the same orders on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

AFTER_SHARE: Final = 0.03
"""Calls that time out after the processor has done what was asked."""
BEFORE_SHARE: Final = 0.02
"""Calls that time out before it has."""
SILENT_S: Final = 2
"""How long such a processor says nothing: longer than the service waits."""
DAY_S: Final = 86_400
CURRENCIES: Final = ("USD", "USD", "EUR")
GOOD_CARDS: Final = ("4242424242424242", "5555555555554444", "378282246310005", "4000056655665556")
ODD_CARDS: Final = (
    "4000000000000002",
    "4000000000009995",
    "4000000000000119",
    "4000000000007726",
    "4000000000005126",
)
"""Declined without a reason, for want of money, by an error; refunded after a while, and refunded in vain."""
ODD_SHARE: Final = 0.12
DISPUTED_CARDS: Final = ("4000000000000259", "4000000000002685", "4000000000001976", "4000000000005423")
"""Disputed by themselves once captured: as fraud, as never delivered, by an inquiry, and a mere warning of fraud."""
DISPUTED_SHARE: Final = 0.03
NO_FUNDS: Final = {"kind": "decline", "decline_code": "insufficient_funds", "network_code": "51"}


class Answer(StrEnum):
    """What a merchant answers to a dispute."""

    WINNING = "winning_evidence"
    LOSING = "losing_evidence"
    ACCEPT = "accept"
    NONE = "none"


class Verb(StrEnum):
    """What is done with a payment after it was made."""

    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Change:
    """One such act, on so many percent of what there is; `later` when the clock has moved."""

    verb: Verb
    percent: int
    later: bool
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One wish to be paid. A renewal has a `subscriber` and no card."""

    reference: str
    amount: int
    currency: str
    manual: bool
    card: str | None
    subscriber: int | None
    fault: Mapping[str, Any] | None
    changes: tuple[Change, ...]
    sent_twice: bool
    """Whether an impatient client sends it twice at once, under one key."""


def chance_of(seed: int, *parts: object) -> random.Random:
    """Chance of its own for each part, so that more of one leaves the others as they were."""
    return random.Random(" ".join(map(str, (seed, *parts))))


def orders_of(seed: int, merchant: int, count: int, *, subscribers: int) -> Sequence[Order]:
    """All orders of one merchant, in the order in which they are sent."""
    chance = chance_of(seed, "orders", merchant)
    return [_order(chance, f"m{merchant}-{number}", subscribers) for number in range(count)]


def _order(chance: random.Random, reference: str, subscribers: int) -> Order:
    renews, manual = chance.random() < 0.2, chance.random() < 0.3
    card = chance.choice(_cards(chance.random()))
    subscriber = chance.randrange(subscribers)
    return Order(
        reference=reference,
        amount=chance.randrange(100, 100_000),
        currency=chance.choice(CURRENCIES),
        manual=manual and not renews,
        card=None if renews else card,
        subscriber=subscriber if renews else None,
        fault=_fault(chance, renews=renews),
        changes=_held(chance) if manual and not renews else _taken(chance),
        sent_twice=chance.random() < 0.03,
    )


def _cards(drawn: float) -> Sequence[str]:
    if drawn < ODD_SHARE:
        return ODD_CARDS
    return DISPUTED_CARDS if drawn < ODD_SHARE + DISPUTED_SHARE else GOOD_CARDS


def _fault(chance: random.Random, *, renews: bool) -> Mapping[str, Any] | None:
    """What happens to the charge, once; each share is of all charges."""
    drawn = chance.random()
    delay_s = chance.randrange(60, DAY_S)
    if silent := _silent(drawn):
        return {"kind": silent, "delay_s": SILENT_S}
    if drawn < 0.07:
        return {"kind": "outage", "on": "charge", "processor": "alpha"}
    if drawn < 0.08:
        return {"kind": "decline", "decline_code": "issuer_not_available", "network_code": "91"}
    if drawn < 0.10:
        return {"kind": "late_approval" if drawn < 0.09 else "late_decline", "delay_s": delay_s}
    if drawn < 0.12:
        return {"kind": chance.choice(["reset_after", "reset_before", "garbage", "half_reply"])}
    return NO_FUNDS if renews and drawn < 0.5 else None


def _silent(drawn: float) -> str | None:
    if drawn < AFTER_SHARE:
        return "timeout_after_success"
    return "timeout_before_processing" if drawn < AFTER_SHARE + BEFORE_SHARE else None


def _held(chance: random.Random) -> tuple[Change, ...]:
    """What becomes of money that is held: taken, in parts or whole, or let go of."""
    first, later = chance.random(), chance.random() < 0.3
    if first < 0.2:
        return (_change(chance, Verb.CANCEL, 100, later=later),)
    whole = chance.random() < 0.7
    capture = _change(chance, Verb.CAPTURE, 100 if whole else chance.randrange(20, 90), later=later)
    return (capture, _change(chance, Verb.REFUND, 50, later=True)) if first < 0.3 else (capture,)


def _taken(chance: random.Random) -> tuple[Change, ...]:
    """What becomes of money that was taken: some of it is given back, once or in parts."""
    drawn = chance.random()
    if drawn > 0.15:
        return ()
    parts = (100,) if drawn < 0.06 else (chance.randrange(10, 90), chance.randrange(10, 100))
    return tuple(_change(chance, Verb.REFUND, part, later=chance.random() < 0.5) for part in parts)


def _change(chance: random.Random, verb: Verb, percent: int, *, later: bool) -> Change:
    return Change(verb, percent, later, _silent(chance.random()))
