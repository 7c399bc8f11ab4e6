"""Why a payment was refused: how likely each root cause is, by what the issuer said, each share with its source.

The code says what the issuer chose to say, not what was the matter: half of "do not honor" is money that is missing,
and three in ten who lack money have an account that nobody fills again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.outcomes.core import Category

Floats = npt.NDArray[np.float64]


class Root(StrEnum):
    """What was really the matter."""

    FUNDS = "funds"
    """Money was missing, and comes again."""
    DORMANT = "dormant"
    """Money was missing, and does not come: nobody uses the account."""
    TECHNICAL = "technical"
    """Somebody on the way was not there."""
    LIMIT = "limit"
    """A limit of the card was used up, and begins anew."""
    RISK = "risk"
    """The issuer mistrusted the payment, perhaps only on this way to it."""
    LIFECYCLE = "lifecycle"
    """The card is no more; another number may stand for it."""
    CUSTOMER = "customer"
    """Only the customer can mend it."""


ROOTS: Final = tuple(Root)

_HALF_HIDDEN: Final = (
    "industry reports: about half of 'do not honor' hides missing money; the rest is our own estimate"
)
_DORMANT: Final = (
    "industry reports: about 30 % of insufficient-funds cases are accounts that no timing recovers"
)
_WORDS: Final = "the meaning of the code; what it may hide is our own estimate"
_OWN: Final = "own estimate: little is known of it, so everything is possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How a category of declines divides among roots (they sum to one), and where that is from."""

    source: str
    funds: float = 0.0
    dormant: float = 0.0
    technical: float = 0.0
    limit: float = 0.0
    risk: float = 0.0
    lifecycle: float = 0.0
    customer: float = 0.0


SHARES: Final[Mapping[Category, Shares]] = {
    Category.FUNDS: Shares(source=_DORMANT, funds=0.68, dormant=0.29, limit=0.03),
    Category.ISSUER: Shares(
        source=_HALF_HIDDEN,
        funds=0.36,
        dormant=0.15,
        technical=0.06,
        limit=0.06,
        risk=0.27,
        lifecycle=0.06,
        customer=0.04,
    ),
    Category.LIMIT: Shares(source=_WORDS, limit=0.75, funds=0.12, dormant=0.05, risk=0.08),
    Category.PROCESSOR: Shares(source=_WORDS, technical=0.92, risk=0.03, funds=0.03, lifecycle=0.02),
    Category.NETWORK: Shares(source=_WORDS, technical=0.92, risk=0.03, funds=0.03, lifecycle=0.02),
    Category.MERCHANT_CONFIGURATION: Shares(source=_WORDS, technical=0.8, risk=0.1, customer=0.1),
    Category.FRAUD: Shares(source=_WORDS, risk=0.7, lifecycle=0.15, customer=0.15),
    Category.CREDENTIAL: Shares(source=_WORDS, lifecycle=0.5, customer=0.45, technical=0.05),
    Category.LIFECYCLE: Shares(source=_WORDS, lifecycle=0.92, customer=0.08),
    Category.AUTHENTICATION: Shares(source=_WORDS, customer=0.9, risk=0.1),
    Category.NOT_PERMITTED: Shares(source=_WORDS, risk=0.3, customer=0.5, lifecycle=0.2),
    Category.OTHER: Shares(
        source=_OWN,
        funds=0.25,
        dormant=0.11,
        technical=0.2,
        limit=0.06,
        risk=0.2,
        lifecycle=0.1,
        customer=0.08,
    ),
}

ASIDE: Final = 0.5
"""What an earlier decline with another code counts beside the latest: half, for one refusal often colours the next."""
USUALLY_SHORT: Final = 0.6
"""How often money for the amount is missing at a moment taken at random, of those to whom it ever is: own estimate.
Where a decline without a reason came at a time when money is scarcer than that, missing money is the likelier cause."""

_TABLE: Final = np.asarray([[getattr(SHARES[one], root) for root in ROOTS] for one in Category])
_PLACES: Final = {one.value: place for place, one in enumerate(Category)}
_EVEN: Final = _TABLE.mean(axis=0)


def shares_of(categories: Sequence[str]) -> Floats:
    """How likely each root is by the category of the decline alone: cases, roots."""
    table: Floats = _TABLE[[_PLACES[one] for one in categories]]
    return table


def tempered(shares: Floats, earlier: Sequence[Sequence[str]]) -> Floats:
    """The shares after what earlier declines of the same payment said, each with another category than the latest."""
    out = shares.copy()
    for row, said in enumerate(earlier):
        for category in dict.fromkeys(said):
            out[row] *= (np.maximum(_TABLE[_PLACES[category]], 0.01) / np.maximum(_EVEN, 0.01)) ** ASIDE
    tempered: Floats = out / out.sum(axis=1, keepdims=True)
    return tempered
