"""The chance that a try is approved, under every hypothesis: at which moment, on which route, with which card.

Two blocks of hypotheses. *Money*: the pay cycles and depths of `recoup.paydays.core.beliefs`; there the chance
depends on the moment, and hardly on the route. The *others*: money that comes irregularly or never, outages, limits,
mistrust, dead cards; there route and means matter. What passes is thought of by when it passes, so that an outage that
lasted until ten is one hypothesis. Given one, an answer is nearly determined. So two tries that stand or fall together
under every hypothesis are hardly worth more than one, and tries spread over paydays by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.recovery.core.causes import ROOTS, Root
from recoup.recovery.core.limits import Begins

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

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


AGAIN_S: Final = 0.5 * DAY_S
"""How long it takes until the same question on the same route is a new one, for what no time mends: own estimate. Luck
belongs to the moment; whoever asks twice within the hour hears the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A hypothesis beside pay cycles.

    The chance of a try `comes_s` after the first refusal, or later, is `most` on a route that refused, and before that
    nothing; on another route it is `elsewhere`, or the same where that is None. `share` divides a root among its
    hypotheses. Where it `begins` anew with a day, a week or a month, that says when it comes; `comes_s` is the longest.
    """

    name: str
    root: Root
    share: float
    most: float
    source: str
    comes_s: float = 0.0
    elsewhere: float | None = None
    begins: Begins | None = None


_OWN: Final = "own estimate"
_IRREGULAR: Final = "own estimate; about three in ten US adults say that their income varies (Fed SHED)"
_LIMITS: Final = (
    "own estimate: some card programmes count spending by calendar days, weeks and months (Stripe Issuing, spending "
    "controls), others by the last 24 hours or 30 days (Lithic, spend limits); billing months begin on any day"
)
_OUTAGES: Final = (
    "own estimate around what is published: 158 outages of nine UK banks in two years came to 803 hours, five each "
    "(Treasury Committee of the House of Commons, 2025-03), and only long ones are reported"
)


def _passing(
    name: str,
    root: Root,
    *,
    most: float,
    source: str,
    after_h: Mapping[float, float],
    elsewhere: float | None = None,
) -> Iterator[Other]:
    """One hypothesis for each time, in hours after the first refusal, at which it may have passed, with its share."""
    for hours, share in after_h.items():
        yield Other(
            name=f"{name}_{hours:g}h",
            root=root,
            share=share,
            most=most,
            source=source,
            comes_s=hours * HOUR_S,
            elsewhere=elsewhere,
        )


def _limit(name: str, begins: Begins, *, hours: float, share: float) -> Other:
    """A limit that begins anew with the calendar."""
    return Other(
        name=name,
        root=Root.LIMIT,
        share=share,
        most=0.9,
        source=_LIMITS,
        comes_s=hours * HOUR_S,
        begins=begins,
    )


OTHERS: Final = (
    Other(name="irregular_rare", root=Root.FUNDS, share=0.07, most=0.12, source=_IRREGULAR),
    Other(name="irregular", root=Root.FUNDS, share=0.08, most=0.35, source=_IRREGULAR),
    Other(name="irregular_often", root=Root.FUNDS, share=0.07, most=0.65, source=_IRREGULAR),
    Other(name="dormant", root=Root.DORMANT, share=1.0, most=0.01, source=_OWN),
    *_passing(
        "route_out",
        Root.TECHNICAL,
        most=0.95,
        source=_OUTAGES,
        after_h={0.3: 0.26, 0.9: 0.16, 2.5: 0.12, 7: 0.07, 30: 0.04},
        elsewhere=0.93,
    ),
    *_passing(
        "issuer_out",
        Root.TECHNICAL,
        most=0.94,
        source=_OUTAGES,
        after_h={0.4: 0.1, 0.9: 0.08, 2.5: 0.08, 7: 0.05, 30: 0.04},
    ),
    _limit("limit_day", Begins.DAY, hours=24, share=0.38),
    _limit("limit_week", Begins.WEEK, hours=168, share=0.12),
    _limit("limit_month", Begins.MONTH, hours=744, share=0.04),
    *_passing(
        "limit",
        Root.LIMIT,
        most=0.9,
        source=_LIMITS,
        after_h={24: 0.17, 168: 0.08, 240: 0.06, 480: 0.07, 672: 0.08},
    ),
    Other(name="route_disliked", root=Root.RISK, share=0.4, most=0.08, elsewhere=0.55, source=_OWN),
    Other(name="mistrust_mild", root=Root.RISK, share=0.12, most=0.5, elsewhere=0.6, source=_OWN),
    Other(name="mistrust", root=Root.RISK, share=0.18, most=0.15, elsewhere=0.3, source=_OWN),
    Other(name="mistrust_lasting", root=Root.RISK, share=0.3, most=0.03, source=_OWN),
    Other(name="card_is_dead", root=Root.LIFECYCLE, share=1.0, most=0.0, source=_OWN),
    Other(name="customer_must_act", root=Root.CUSTOMER, share=1.0, most=0.01, source=_OWN),
)
REGULAR: Final = 1 - sum(one.share for one in OTHERS if one.root is Root.FUNDS)
"""The share of missing money that a pay cycle brings back."""
STATED_IRREGULAR: Final = 0.3
"""What is left of irregular income where a payday is stated: own estimate, for tips and transfers come beside it."""
_IRREGULAR_AT: Final = np.asarray([one.root is Root.FUNDS for one in OTHERS])
OTHER_ROOTS: Final = np.asarray([ROOTS.index(one.root) for one in OTHERS])
OTHER_SHARES: Final = np.asarray([one.share for one in OTHERS])
_OTHER_IRREGULAR: Final = np.where(_IRREGULAR_AT, STATED_IRREGULAR, 1.0) * OTHER_SHARES
_MOST: Final = np.asarray([one.most for one in OTHERS])
_COMES_S: Final = np.asarray([one.comes_s for one in OTHERS])
_STAYS: Final = _COMES_S == 0
_BEGINS_AT: Final = np.asarray([place for place, one in enumerate(OTHERS) if one.begins is not None])
_BEGINS: Final = np.asarray([int(one.begins) for one in OTHERS if one.begins is not None])
_MOVED_TO: Final = np.asarray([one.elsewhere is not None for one in OTHERS])
_ELSEWHERE: Final = np.asarray([one.elsewhere or 0.0 for one in OTHERS])
_DEAD: Final = np.asarray([one.root is Root.LIFECYCLE for one in OTHERS])
TECHNICAL: Final = np.asarray([one.root is Root.TECHNICAL for one in OTHERS])


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Where and with what each case can be tried, the preferred option first: cases, options.

    `refused` is True on every route that refused this payment. `liked` (0 to 1) scales the chance by what is known of
    the route.
    """

    route: Ints
    means: Ints
    refused: Flags
    liked: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """The chance of approval. Money: `there` (cases, slots, hypotheses) times `granted` plus `besides` (cases,
    options).

    `others`: cases, slots, options, other hypotheses.
    """

    there: Floats
    granted: Floats
    besides: Floats
    others: Floats

    def at(self, rows: Ints, slot: Ints, option: Ints) -> Floats:
        """The chance of one try of each of these cases under every hypothesis, money first: cases, hypotheses."""
        size = self.there.shape[2]
        both = np.empty((len(rows), size + len(OTHERS)))
        np.multiply(self.there[rows, slot], self.granted[rows, option][:, None], out=both[:, :size])
        both[:, :size] += self.besides[rows, option][:, None]
        both[:, size:] = self.others[rows, slot, option]
        return both

    def summed(self, weighed: Floats) -> Floats:
        """What weights of hypotheses (cases, kinds, hypotheses) give: cases, kinds, slots, options."""
        cases, slots, size = self.there.shape
        options = self.granted.shape[1]
        money = weighed[:, :, :size] @ self.there.swapaxes(1, 2)
        others = weighed[:, :, size:] @ self.others.reshape(cases, slots * options, -1).swapaxes(1, 2)
        found: Floats = others.reshape(cases, -1, slots, options)
        found += money[..., None] * self.granted[:, None, None, :]
        if self.besides.any():
            found += weighed[:, :, None, None, :size].sum(axis=-1) * self.besides[:, None, None, :]
        return found


def comes_s(until: Floats) -> Floats:
    """How long after the first refusal each hypothesis has passed: cases, others. `until`: the next day, week and month
    from there (`recoup.recovery.core.limits`)."""
    found = np.tile(_COMES_S, (len(until), 1))
    found[:, _BEGINS_AT] = until[:, _BEGINS]
    return found


def chances(
    there: Floats, *, after_first_s: Floats, after_last_s: Floats, comes: Floats, options: Options
) -> Chances:
    """The chance of every slot and option. `after_first_s`, `after_last_s`: how long after the first and the latest
    refusal each slot is (cases, slots); `comes`: as `comes_s` says."""
    backup = options.means == Means.BACKUP
    known = np.where(options.refused, GRANTED, GRANTED * MOVED)
    granted = np.where(backup, 0.0, known * options.liked)
    besides = np.where(backup, BACKUP_GRANTED * options.liked, 0.0)
    same = _MOST * (after_first_s[..., None] >= comes[:, None])
    same[..., _STAYS] *= (1 - np.exp(-after_last_s / AGAIN_S))[..., None]
    moved = np.where(_MOVED_TO, _ELSEWHERE, same)
    tried = np.where(options.refused[:, None, :, None], same[:, :, None], moved[:, :, None])
    if options.means.any():
        means = options.means[:, None, :, None]
        tried = np.where((means == Means.UPDATED) & _DEAD, UPDATED_GRANTED, tried)
        tried = np.where(means == Means.BACKUP, BACKUP_GRANTED, tried)
    tried *= options.liked[:, None, :, None]
    return Chances(there, granted, besides, tried)


def refused_again(after_first_s: Floats, moved: Flags, counts: Flags, *, comes: Floats) -> Floats:
    """How well the other hypotheses explain further refusals of this payment: cases, other hypotheses.

    Cases, tries: how long after the first refusal, whether on a route that had not refused before, whether it counts.
    """
    same = _MOST * (after_first_s[..., None] >= comes[:, None])
    tried = np.where(moved[..., None] & _MOVED_TO, _ELSEWHERE, same)
    fits: Floats = (1 - tried * counts[..., None]).prod(axis=1)
    return fits


def weights_of(money: Floats, shares: Floats, *, stated: Flags, fits: Floats) -> Floats:
    """The weight of every hypothesis, money first: cases, hypotheses; each case's sum to one.

    `money`: what each pay cycle and depth is worth after all evidence, on the scale on which nothing known is one in
    sum. `fits`: how well the others explain further refusals.
    """
    funds = shares[:, ROOTS.index(Root.FUNDS)]
    others = np.where(stated[:, None], _OTHER_IRREGULAR, OTHER_SHARES)
    regular = np.where(stated, 1 - (1 - REGULAR) * STATED_IRREGULAR, REGULAR)
    both = np.concatenate(
        [(funds * regular)[:, None] * money, shares[:, OTHER_ROOTS] * others * fits], axis=1
    )
    both /= both.sum(axis=1, keepdims=True)
    return both


def roots_believed(weights: Floats) -> Floats:
    """How likely each root is, by the weights of hypotheses: cases, roots."""
    others = weights[:, -len(OTHERS) :]
    believed = np.zeros((len(weights), len(ROOTS)))
    np.add.at(believed.T, OTHER_ROOTS, others.T)
    believed[:, ROOTS.index(Root.FUNDS)] += weights[:, : -len(OTHERS)].sum(axis=1)
    return believed
