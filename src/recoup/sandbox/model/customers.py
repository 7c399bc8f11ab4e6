"""What customers do who are told that their renewal was declined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoup.sandbox.model.answers import Cause, Nature
from recoup.sandbox.model.luck import Draw, Flags, Floats, Ints
from recoup.sandbox.model.parameters import Parameters
from recoup.sandbox.model.people import NEVER, People


@dataclass(frozen=True, slots=True)
class Actions:
    """When each customer acts (seconds since 1970; `NEVER` where they do not), and whether they pay then."""

    at_s: Ints
    pays: Flags


def acted(nature: Nature, who: People, when_s: Ints, *, cause: Ints, message: Ints) -> Actions:
    """What comes of the nth message, sent at a moment, to customers whose renewal was declined for a cause."""
    luck, parameters = nature.luck, nature.parameters
    chance = _willing(parameters)[cause] * parameters.acts_again ** (message - 1)
    acts = luck.uniform(Draw.ACTS, who.index, message) < chance
    spread = np.exp(parameters.acts_sigma * luck.normal(Draw.ACTS_WHEN, who.index, message))
    after_s = (parameters.acts_median_hours * 3600 * spread).astype(np.int64)
    pays = acts & (luck.uniform(Draw.PAYS, who.index) < parameters.pays_share)
    return Actions(np.where(acts, when_s + after_s, NEVER), pays)


def _willing(parameters: Parameters) -> Floats:
    by_cause = {
        Cause.FUNDS: parameters.acts_funds,
        Cause.DORMANT: parameters.acts_dormant,
        Cause.DEAD: parameters.acts_dead,
        Cause.REVOKED: parameters.acts_revoked,
    }
    return np.array([by_cause.get(cause, parameters.acts_risk) for cause in Cause])
