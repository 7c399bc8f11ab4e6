"""What everything that was observed says about pay cycles, about causes, and about what passes by itself."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.outcomes.core import Category
from recoup.paydays.core import beliefs
from recoup.recovery.core.causes import USUALLY_SHORT, shares_of, tempered
from recoup.recovery.core.chances import OTHERS, comes_s, refused_again
from recoup.recovery.core.limits import until
from recoup.recovery.core.observed import HOUR_S, Observed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ADVISED_BASE: Final = 0.3
"""The weight that a cycle keeps although it does not fit an advised time: own estimate."""
ADVISED_FUNDS: Final = 1.5
"""How much likelier money that comes again is where a network says when to try again: own estimate; Mastercard gives
such times (advice 24 to 30) from what the card was seen to do."""
APPROVED_TRUST: Final = 0.9
_TRUST: Final = {Category.FUNDS: 0.95, Category.ISSUER: 0.6, Category.LIMIT: 0.2, Category.OTHER: 0.3}
"""How much a decline tells about whether there was money: all but a rest after "insufficient funds", half after a
refusal without a reason (see `causes`), nothing where something else was the matter. Own estimates."""
TRUST: Final = {one.value: _TRUST.get(one, 0.0) for one in Category}
_HERE_TRUST: Final = 0.95
_TECHNICAL_SAID: Final = (Category.PROCESSOR.value, Category.NETWORK.value)


def refusals(calendar: beliefs.Calendar, observed: Observed) -> tuple[Floats, Floats, Floats]:
    """When each payment was refused first, how long after that each hypothesis beside pay cycles has passed, and how
    well it explains further refusals.

    An outage on the way begins a new story, and so does what comes after it.
    """
    counts = observed.seen_here & ~observed.seen_approved & ~np.isnan(observed.seen_at)
    if not counts.any():
        comes = comes_s(until(calendar, observed.refused_at))
        return observed.refused_at, comes, np.ones((len(observed), len(OTHERS)))
    technical = said_technical(observed.seen_category)
    now_technical = said_technical(np.asarray(observed.category))[:, None]
    other_at = np.where(counts & (technical != now_technical), observed.seen_at, -np.inf).max(axis=1)
    counts &= observed.seen_at > other_at[:, None]
    every_at = np.concatenate(
        [np.where(counts, observed.seen_at, np.inf), observed.refused_at[:, None]], axis=1
    )
    first_at = every_at.min(axis=1)
    again = (every_at > first_at[:, None]) & np.isfinite(every_at)
    never = np.zeros(every_at.shape, dtype=np.bool_)
    moved = (
        never
        if observed.seen_moved is None or observed.moved is None
        else np.column_stack([observed.seen_moved, observed.moved])
    )
    after = np.where(again, every_at - first_at[:, None], 0.0)
    comes = comes_s(until(calendar, first_at))
    return first_at, comes, refused_again(after, moved, again, comes=comes)


def gone_at(observed: Observed) -> Floats:
    """When money was missing, if that is what the refusal may have meant."""
    meant = np.asarray([TRUST[one] > 0 for one in observed.category])
    return np.where(meant, observed.refused_at, np.nan)


def said_technical(categories: npt.NDArray[np.str_]) -> Flags:
    said: Flags = (categories == _TECHNICAL_SAID[0]) | (categories == _TECHNICAL_SAID[1])
    return said


def money(calendar: beliefs.Calendar, observed: Observed, stated: Ints) -> Floats:
    """What each pay cycle and depth is worth after all evidence."""
    believed = beliefs.prior_of(observed.country, stated)
    known = calendar.known(observed.seen_at)
    trust, here = np.where(known, _trust(observed), 0.0), observed.seen_here
    fits = np.ones((len(observed), 1))
    telling = np.flatnonzero((trust > 0).any(axis=0))
    if len(telling):
        trust, here, approved = trust[:, telling], here[:, telling], observed.seen_approved[:, telling]
        seen_at = np.where(known, observed.seen_at, observed.refused_at[:, None])[:, telling]
        there = calendar.there(seen_at)
        believed = believed * beliefs.likelihood(there, approved, np.where(here, 0.0, trust))
        believed /= believed.sum(axis=1, keepdims=True)
        if here.any():
            fits = beliefs.likelihood(there, approved, np.where(here & (trust > 0), _HERE_TRUST, 0.0))
    short, advised = _latest(calendar, observed, believed)
    return believed * fits * short * advised


def _latest(calendar: beliefs.Calendar, observed: Observed, believed: Floats) -> tuple[Floats, Floats]:
    """How well each cycle fits that money was missing at the latest refusal, and the time that the network named."""
    named = ~np.isnan(observed.advised_at)
    at = np.where(named, observed.advised_at, observed.refused_at) + 6 * HOUR_S
    there = calendar.there(np.column_stack([observed.refused_at, at]))
    trusted = np.asarray([_HERE_TRUST if TRUST[one] > 0 else 0.0 for one in observed.category])[:, None]
    short = (1 - trusted * there[:, 0]) / (1 + trusted * (USUALLY_SHORT - 1))
    if not named.any():
        return short, np.ones((len(observed), 1))
    fits = ADVISED_BASE + there[:, 1]
    fits *= ADVISED_FUNDS / (fits * believed).sum(axis=1, keepdims=True)
    return short, np.where(named[:, None], fits, 1.0)


def _trust(observed: Observed) -> Floats:
    """How much each try that was seen tells about money for this amount."""
    if observed.seen_category.size == 0:
        return np.zeros(observed.seen_at.shape)
    names, places = np.unique(observed.seen_category, return_inverse=True)
    by_category = np.asarray([TRUST.get(str(name), 0.0) for name in names])[places]
    declined = by_category.reshape(observed.seen_at.shape) * np.minimum(1, 1 / observed.seen_ratio)
    approved = APPROVED_TRUST * np.minimum(1, observed.seen_ratio)
    return np.where(observed.seen_approved, approved, declined)


def shares(observed: Observed) -> Floats:
    """How likely each root cause is by what all declines of this payment said."""
    found = shares_of(observed.category)
    if not observed.seen_here.any():
        return found
    earlier = [
        [str(said) for said, of_this in zip(row, here, strict=True) if of_this and said and said != last]
        for row, here, last in zip(observed.seen_category, observed.seen_here, observed.category, strict=True)
    ]
    return tempered(found, earlier)
