"""What is believed of a batch of refused payments: the weight of every hypothesis, by sourced priors and evidence.

Where a model was learned from the merchant's own tries, it has the last word on the priors: it tilts groups of
hypotheses. Since weights are priors times likelihoods, tilting them at the end is the same as other priors before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recoup.paydays.core import PayCycle, beliefs
from recoup.recovery.core.chances import weights_of
from recoup.recovery.core.evidence import money, refusals, shares
from recoup.recovery.core.groups import GROUP_OF
from recoup.recovery.core.observed import Observed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """`weights` of every hypothesis (cases, hypotheses), each case's in sum one; `money` those of pay cycles and depths
    before they are weighed against other causes; `first_at` when each payment was refused first, and how long after it
    each of the other hypotheses `comes` (cases, others)."""

    calendar: beliefs.Calendar
    money: Floats
    weights: Floats
    first_at: Floats
    comes: Floats


def believing(observed: Observed, *, now_s: float) -> Belief:
    """What is believed of each case, by everything that was observed."""
    stated, pairs = _stated(observed.stated)
    calendar = beliefs.calendar_of(observed.country, observed.zone, pairs=pairs, now_s=now_s)
    believed = money(calendar, observed, stated)
    first_at, comes, fits = refusals(calendar, observed)
    weights = weights_of(believed, shares(observed), stated=stated >= 0, fits=fits)
    if observed.tilts is not None:
        tilted = np.exp(observed.tilts[:, GROUP_OF])
        weights *= tilted
        weights /= weights.sum(axis=1, keepdims=True)
        believed = believed * tilted[:, : beliefs.HYPOTHESES]
    return Belief(calendar, believed, weights, first_at, comes)


def _stated(cycles: Sequence[PayCycle | None]) -> tuple[Ints, Ints]:
    places = [beliefs.place_of(cycle) for cycle in cycles]
    stated = np.asarray([place for place, _, _ in places], dtype=np.int64)
    return stated, np.asarray([pair for _, *pair in places], dtype=np.int64).reshape(-1, 2)
