"""What an ended payment adds to the experiment that it was part of, read from its event and its stored decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from recoup.kit.ids import Kind, parse
from recoup.routing.core.trials import Ended, Side, Trial, counted_as

APPROVED: Final = frozenset({"payment.authorized", "payment.captured"})
ENDINGS: Final = (*sorted(APPROVED), "payment.declined", "payment.failed", "payment.canceled")
"""What ends a payment's first call; a payment counts when it meets the first of these."""

_THOUSANDTHS_OF_BASIS_POINTS: Final = 10
"""An amount in minor units times basis points, over this, is in thousandths of a minor unit."""


class Tried(Struct, frozen=True):
    """An attempt, as the event tells it."""

    processor_account: str
    outcome: str | None
    decision: str


class Told(Struct, frozen=True):
    """A payment, as the event tells it."""

    id: str
    amount: int
    currency: str
    attempts: tuple[Tried, ...]


class _Price(Struct, frozen=True):
    approved: int
    declined: int


class _Candidate(Struct, frozen=True):
    processor_account: str
    price: _Price | None = None


class _Experiment(Struct, frozen=True):
    id: str
    arm: Side


class _Facts(Struct, frozen=True):
    customer: str | None = None


class Decided(Struct, frozen=True):
    """A stored decision, as far as it matters here."""

    facts: _Facts
    candidates: tuple[_Candidate, ...] = ()
    experiment: _Experiment | None = None

    def price(self, account: str) -> _Price | None:
        """What a try costs at an account."""
        return next((one.price for one in self.candidates if one.processor_account == account), None)


told: Final = msgspec.json.Decoder(Told)
decided: Final = msgspec.json.Decoder(Decided)


def ended(
    trial: Trial, payment: Told, decisions: Mapping[str, Decided], *, is_approved: bool
) -> Ended | None:
    """What the payment adds; None where its first attempt was not part of this experiment."""
    first = decisions.get(payment.attempts[0].decision) if payment.attempts else None
    if first is None or first.experiment is None or parse(Kind.EXPERIMENT, first.experiment.id) != trial.id:
        return None
    payment_id = parse(Kind.PAYMENT, payment.id)
    customer = first.facts.customer  # by whom it was assigned, which may be the payment method's
    customer_id = None if customer is None else parse(Kind.CUSTOMER, customer)
    assert payment_id is not None, "an event of a payment names it"
    unit_id = counted_as(trial, customer_id=customer_id, payment_id=payment_id)
    return Ended(
        side=first.experiment.arm,
        unit_id=unit_id,
        is_alone=unit_id == payment_id,
        currency=payment.currency,
        is_approved=is_approved,
        worth=_worth(trial, payment, decisions, is_approved=is_approved),
    )


def _worth(trial: Trial, payment: Told, decisions: Mapping[str, Decided], *, is_approved: bool) -> int | None:
    """The margin of what was approved, less what all tries cost, in thousandths of a minor unit; None where the price
    of one is not known."""
    worth = payment.amount * trial.margin // _THOUSANDTHS_OF_BASIS_POINTS if is_approved else 0
    for tried in payment.attempts:
        if tried.outcome not in {"approved", "declined"}:
            continue
        record = decisions.get(tried.decision)
        price = None if record is None else record.price(tried.processor_account)
        if price is None:
            return None
        worth -= price.approved if tried.outcome == "approved" else price.declined
    return worth
