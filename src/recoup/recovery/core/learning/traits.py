"""What is known of a case before it is tried again, as words: what prior weights may depend on.

Every trait has few words. Amounts, counts and days are in steps, so that a word has cases enough to learn from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.recovery.core.observed import DAY_S, HOUR_S, Observed

Floats = npt.NDArray[np.float64]
Words = Sequence[str]

TRIES_MAX: Final = 3
APPROVALS_MAX: Final = 6
_AMOUNTS: Final = (500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0)
"""Steps of amounts, in hundredths of the currency's unit."""
_SHORT: Final = (1, 3, 8)
"""Steps of how often the card had lacked money before this payment."""
_PAID_DAYS: Final = (20.0, 32.0, 40.0, 63.0, 95.0)
"""Steps of the days since the card was approved last: about a month's renewal, two, three."""
_WAIT_HOURS: Final = (2.0, 30.0, 54.0, 120.0, 200.0)
"""Steps of the waits that Mastercard's advice names: an hour, one day, two, four or six, eight, ten."""
_DAYS_A_STEP: Final = 4


class Trait(StrEnum):
    """What a word is about."""

    CATEGORY = "category"
    CODE = "code"
    ADVICE = "advice"
    BRAND = "brand"
    FUNDING = "funding"
    COUNTRY = "country"
    ISSUER = "issuer"
    AMOUNT = "amount"
    MONTH = "month"
    """The place in the month of the refusal."""
    TRIES = "tries"
    RECORD = "record"
    """How often the card was approved, and how often it lacked money, before this payment."""
    PAID = "paid"
    """How long ago the card was approved last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of a batch of cases beside what was observed of them: words, empty where nobody said."""

    code: Words
    brand: Words
    funding: Words
    issuer: Words
    """The first digits of the card."""
    amount: Floats
    """In hundredths of the currency's unit."""

    def cut(self, part: slice) -> Said:
        """Some of the cases."""
        return Said(**{one.name: getattr(self, one.name)[part] for one in fields(self)})


def traits(observed: Observed, said: Said) -> Mapping[Trait, Words]:
    """The word of each case for every trait; empty where nothing is known."""
    earlier = ~np.isnan(observed.seen_at) & ~observed.seen_here
    approved = earlier & observed.seen_approved
    short = (earlier & (observed.seen_category == "funds")).sum(axis=1)
    tried = (observed.seen_here & ~np.isnan(observed.seen_at)).sum(axis=1)
    last = np.where(approved, observed.seen_at, -np.inf).max(axis=1, initial=-np.inf)
    return {
        Trait.CATEGORY: list(observed.category),
        Trait.CODE: list(said.code),
        Trait.ADVICE: _steps((observed.advised_at - observed.refused_at) / HOUR_S, _WAIT_HOURS),
        Trait.BRAND: list(said.brand),
        Trait.FUNDING: list(said.funding),
        Trait.COUNTRY: [one or "" for one in observed.country],
        Trait.ISSUER: list(said.issuer),
        Trait.AMOUNT: _steps(said.amount, _AMOUNTS),
        Trait.MONTH: _month(observed.refused_at),
        Trait.TRIES: [str(one) for one in np.minimum(tried, TRIES_MAX).tolist()],
        Trait.RECORD: [
            f"{many}/{step}"
            for many, step in zip(
                np.minimum(approved.sum(axis=1), APPROVALS_MAX).tolist(),
                np.digitize(short, _SHORT).tolist(),
                strict=True,
            )
        ],
        Trait.PAID: _steps((observed.refused_at - last) / DAY_S, _PAID_DAYS),
    }


def _steps(values: Floats, steps: Sequence[float]) -> list[str]:
    known = np.isfinite(values)
    places = np.digitize(np.where(known, values, 0.0), steps)
    return [str(place) if there else "" for place, there in zip(places.tolist(), known.tolist(), strict=True)]


def _month(refused_at: Floats) -> list[str]:
    days = refused_at.astype("datetime64[s]").astype("datetime64[D]")
    within = (days - days.astype("datetime64[M]")).astype(np.int64)
    return [str(one) for one in (within // _DAYS_A_STEP).tolist()]
