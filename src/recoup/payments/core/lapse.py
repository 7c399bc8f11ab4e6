"""How long an authorisation can be captured, and when what has ended is read again.

The days are those after which processors let go of a card payment that was not captured, by network and by who began
it; a network's own rule may be longer (Visa's is 10 days for what a customer began), a single processor's shorter by
some hours. So this is when to warn, and when to ask: only the processor's evidence lets go of the money here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from recoup.payments.core.machine import AttemptState, Status
from recoup.payments.core.records import Snapshot

WARNED_BEFORE: Final = timedelta(days=1)
"""How long before a hold may lapse its merchant is told."""


@dataclass(frozen=True, slots=True)
class Validity:
    """For how many days processors keep an authorisation; `initiator` None means either."""

    brand: str
    initiator: str | None
    days: int
    since: date
    source: str


_STRIPE: Final = "https://docs.stripe.com/payments/place-a-hold-on-a-payment-method, read 2026-11-22"
VALIDITIES: Final = (
    Validity("visa", "merchant", 5, date(2024, 4, 14), _STRIPE),
    Validity("visa", "customer", 7, date(2024, 4, 14), _STRIPE),
    Validity("mastercard", None, 7, date(2024, 4, 14), _STRIPE),
    Validity("amex", None, 7, date(2024, 4, 14), _STRIPE),
    Validity("discover", None, 7, date(2024, 4, 14), _STRIPE),
)
OTHERS: Final = timedelta(days=7)
"""Of a brand of which nothing is known."""


def capture_before(snapshot: Snapshot) -> datetime | None:
    """Until when what is held can be captured for certain; None where nothing is held."""
    payment = snapshot.payment
    if payment.status not in (Status.AUTHORIZED, Status.PARTIALLY_CAPTURED):
        return None
    attempt = snapshot.open_attempt
    if attempt is None or attempt.state is not AttemptState.APPROVED:
        return None
    assert attempt.finished_at is not None, "an approval has its time"
    on = attempt.finished_at.date()
    known = [
        one
        for one in VALIDITIES
        if one.brand == attempt.brand and one.initiator in (None, payment.initiator) and one.since <= on
    ]
    newest = max(known, key=lambda one: one.since, default=None)
    return attempt.finished_at + (OTHERS if newest is None else timedelta(days=newest.days))


_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])\Z")


def read_spans(text: str) -> tuple[timedelta, ...]:
    """Spans of time such as `1h, 7d`, the shortest first; raises `ValueError` for anything else."""
    spans: list[timedelta] = []
    for part in text.split(","):
        found = _SPAN.match(part.strip())
        if found is None:
            raise ValueError("a span is a number and m, h or d")
        spans.append(int(found[1]) * _UNITS[found[2]])
    return tuple(sorted(set(spans)))


def read_again_at(ended_at: datetime, now: datetime, spans: Sequence[timedelta]) -> datetime | None:
    """When what ended then is read next; None where it was read for the last time."""
    return next((ended_at + span for span in spans if ended_at + span > now), None)
