"""The chance that a try is approved, under every hypothesis: at which moment, on which route, with which card.

Two blocks of hypotheses. *Money*: the pay cycles and depths of `recoup.paydays.core.beliefs`; there the chance
depends on the moment, and hardly on the route. The *others*: money that comes irregularly or never, outages, limits,
mistrust, dead cards; there route and means matter. Given a hypothesis, an answer is nearly determined. So two tries
that stand or fall together under every hypothesis are hardly worth more than one, and tries spread over paydays by
themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.recovery.core.causes import ROOTS, Root

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0


class Means(IntEnum):
    """With what is tried."""

    OLD = 0
    """The card that was refused, as it stands."""
    UPDATED = 1
    """Its new number or expiry, as the account updater told."""
    BACKUP = 2
    """Another payment method of the customer's."""


GRANTED: Final = 0.99
"""The chance of approval where money is there: the rest is luck. Own estimate; what refuses again and again is a
hypothesis of its own."""
MOVED: Final = 0.98
"""What is left of it on another route than the one that refused, which the issuer knows with this card: own
estimate."""
BACKUP_GRANTED: Final = 0.5
"""The chance with another payment method, of which nothing is known: own estimate, far below a first attempt's 90 to
95 %, for whoever lacks money here often lacks it there."""
UPDATED_GRANTED: Final = 0.85
"""The chance with the new number where the old card was dead: own estimate, a little below a first attempt's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A hypothesis beside pay cycles.

    The chance of a try `t` after the refusal is `most * (1 - exp(-t / comes_s))` on the route that refused; on another
    one `elsewhere`, or the same where that is None. `share` divides a root among its hypotheses; `refused_before` is
    how well one more refusal of this payment fits.
    """

    name: str
    root: Root
    share: float
    most: float
    refused_before: float
    source: str
    comes_s: float = 0.0
    elsewhere: float | None = None


_OWN: Final = "own estimate"
_IRREGULAR: Final = "own estimate; about three in ten US adults say that their income varies (Fed SHED)"
_OUTAGES: Final = "own estimate: most outages are over within the hour, nearly all within a day"

OTHERS: Final = (
    Other(
        name="irregular_soon",
        root=Root.FUNDS,
        share=0.08,
        most=0.7,
        comes_s=2 * DAY_S,
        refused_before=0.6,
        source=_IRREGULAR,
    ),
    Other(
        name="irregular",
        root=Root.FUNDS,
        share=0.08,
        most=0.6,
        comes_s=6 * DAY_S,
        refused_before=0.7,
        source=_IRREGULAR,
    ),
    Other(
        name="irregular_late",
        root=Root.FUNDS,
        share=0.06,
        most=0.5,
        comes_s=15 * DAY_S,
        refused_before=0.8,
        source=_IRREGULAR,
    ),
    Other(name="dormant", root=Root.DORMANT, share=1.0, most=0.01, refused_before=1.0, source=_OWN),
    Other(
        name="route_out_1h",
        root=Root.TECHNICAL,
        share=0.35,
        most=0.95,
        comes_s=0.7 * HOUR_S,
        elsewhere=0.93,
        refused_before=0.3,
        source=_OUTAGES,
    ),
    Other(
        name="route_out_6h",
        root=Root.TECHNICAL,
        share=0.2,
        most=0.95,
        comes_s=4 * HOUR_S,
        elsewhere=0.93,
        refused_before=0.4,
        source=_OUTAGES,
    ),
    Other(
        name="route_out_2d",
        root=Root.TECHNICAL,
        share=0.1,
        most=0.9,
        comes_s=2 * DAY_S,
        elsewhere=0.9,
        refused_before=0.5,
        source=_OUTAGES,
    ),
    Other(
        name="issuer_out_2h",
        root=Root.TECHNICAL,
        share=0.25,
        most=0.93,
        comes_s=2 * HOUR_S,
        refused_before=0.3,
        source=_OUTAGES,
    ),
    Other(
        name="issuer_out_1d",
        root=Root.TECHNICAL,
        share=0.1,
        most=0.93,
        comes_s=0.3 * DAY_S,
        refused_before=0.5,
        source=_OUTAGES,
    ),
    Other(
        name="limit_of_the_day",
        root=Root.LIMIT,
        share=0.55,
        most=0.88,
        comes_s=0.5 * DAY_S,
        refused_before=0.3,
        source=_OWN,
    ),
    Other(
        name="limit_of_the_week",
        root=Root.LIMIT,
        share=0.2,
        most=0.85,
        comes_s=4 * DAY_S,
        refused_before=0.7,
        source=_OWN,
    ),
    Other(
        name="limit_of_the_month",
        root=Root.LIMIT,
        share=0.25,
        most=0.8,
        comes_s=14 * DAY_S,
        refused_before=0.9,
        source=_OWN,
    ),
    Other(
        name="route_disliked",
        root=Root.RISK,
        share=0.4,
        most=0.08,
        elsewhere=0.55,
        refused_before=0.7,
        source=_OWN,
    ),
    Other(
        name="mistrust_passing",
        root=Root.RISK,
        share=0.25,
        most=0.5,
        comes_s=2 * DAY_S,
        refused_before=0.6,
        source=_OWN,
    ),
    Other(name="mistrust_lasting", root=Root.RISK, share=0.35, most=0.03, refused_before=0.97, source=_OWN),
    Other(name="card_is_dead", root=Root.LIFECYCLE, share=1.0, most=0.0, refused_before=1.0, source=_OWN),
    Other(
        name="customer_must_act", root=Root.CUSTOMER, share=1.0, most=0.01, refused_before=1.0, source=_OWN
    ),
)
REGULAR: Final = 1 - sum(one.share for one in OTHERS if one.root is Root.FUNDS)
"""The share of missing money that a pay cycle brings back."""
STATED_IRREGULAR: Final = 0.3
"""What is left of irregular income where a payday is stated: own estimate, for tips and transfers come beside it."""
_IRREGULAR_AT: Final = np.asarray([one.root is Root.FUNDS for one in OTHERS])
OTHER_ROOTS: Final = np.asarray([ROOTS.index(one.root) for one in OTHERS])
OTHER_SHARES: Final = np.asarray([one.share for one in OTHERS])
REFUSED_BEFORE: Final = np.asarray([one.refused_before for one in OTHERS])
_MOST: Final = np.asarray([one.most for one in OTHERS])
_COMES_S: Final = np.asarray([max(one.comes_s, 1.0) for one in OTHERS])
_ELSEWHERE: Final = np.asarray([np.nan if one.elsewhere is None else one.elsewhere for one in OTHERS])
_DEAD: Final = np.asarray([one.root is Root.LIFECYCLE for one in OTHERS])


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Where and with what each case can be tried, the preferred option first: cases, options.

    `refused` is True on the route that refused last. `liked` (0 to 1) scales the chance by what is known of the route.
    """

    route: Ints
    means: Ints
    refused: npt.NDArray[np.bool_]
    liked: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """The chance of approval. Money: `there` (cases, hypotheses, slots) times `granted` plus `besides` (cases,
    options).

    `others`: cases, other hypotheses, slots, options.
    """

    there: Floats
    granted: Floats
    besides: Floats
    others: Floats

    def at(self, slot: Ints, option: Ints) -> Floats:
        """The chance of one try of each case under every hypothesis, money first: cases, hypotheses."""
        row = np.arange(len(slot))
        granted, besides = self.granted[row, option], self.besides[row, option]
        money = self.there[row, :, slot] * granted[:, None] + besides[:, None]
        both: Floats = np.concatenate([money, self.others[row, :, slot, option]], axis=1)
        return both


def chances(there: Floats, *, waited_s: Floats, options: Options) -> Chances:
    """The chance of every slot and option. `waited_s`: how long after the refusal each slot is (cases, slots)."""
    backup = options.means == Means.BACKUP
    known = np.where(options.refused, GRANTED, GRANTED * MOVED)
    granted = np.where(backup, 0.0, known * options.liked)
    besides = np.where(backup, BACKUP_GRANTED * options.liked, 0.0)
    same = _MOST[:, None] * (1 - np.exp(-waited_s[:, None, :] / _COMES_S[:, None]))
    other = np.where(np.isnan(_ELSEWHERE)[:, None], same, _ELSEWHERE[:, None])
    refused, means = options.refused[:, None, None, :], options.means[:, None, None, :]
    tried = np.where(refused, same[..., None], other[..., None])
    tried = np.where((means == Means.UPDATED) & _DEAD[None, :, None, None], UPDATED_GRANTED, tried)
    tried = np.where(means == Means.BACKUP, BACKUP_GRANTED, tried)
    return Chances(there, granted, besides, tried * options.liked[:, None, None, :])


def weights_of(
    money: Floats, shares: Floats, *, stated: npt.NDArray[np.bool_], refused_before: Sequence[int] | Ints
) -> Floats:
    """The weight of every hypothesis, money first: cases, hypotheses; each case's sum to one.

    `money`: what each pay cycle and depth is worth after all evidence, on the scale on which nothing known is one in
    sum. `refused_before`: how many other tries of this payment were refused already.
    """
    funds = shares[:, ROOTS.index(Root.FUNDS), None]
    times = np.asarray(refused_before)[:, None]
    irregular = np.where(stated[:, None] & _IRREGULAR_AT, STATED_IRREGULAR, 1.0)
    others = shares[:, OTHER_ROOTS] * OTHER_SHARES * irregular * REFUSED_BEFORE**times
    regular = np.where(stated, 1 - (1 - REGULAR) * STATED_IRREGULAR, REGULAR)
    both = np.concatenate([funds * regular[:, None] * money, others], axis=1)
    weights: Floats = both / both.sum(axis=1, keepdims=True)
    return weights


def roots_believed(weights: Floats) -> Floats:
    """How likely each root is, by the weights of hypotheses: cases, roots."""
    others = weights[:, -len(OTHERS) :]
    believed = np.zeros((len(weights), len(ROOTS)))
    np.add.at(believed.T, OTHER_ROOTS, others.T)
    believed[:, ROOTS.index(Root.FUNDS)] += weights[:, : -len(OTHERS)].sum(axis=1)
    return believed
