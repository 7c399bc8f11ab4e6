"""The informed ceiling: what is won by whoever knows all rules of the world, and of each case what a merchant sees.

For every case people are drawn who might be behind it (`bench.recovery.likenesses`), weighed by the record, the decline
and the advice. From them follow the chances of every slot and route, and what each answer to a first try would teach;
tries are chosen by exactly what is measured here: what comes back, less the fee of every try. No policy of a merchant's
can know more. What keeps this from being the true best: so many people are drawn and no more, and of what is rare
(cards that die later on, outages that last) only averages are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from bench.recovery.likenesses import (
    BLOCK_SLOTS,
    DAY_WORD,
    LIMIT_WORD,
    TECHNICAL_WORDS,
    WAIT_ADVICE,
    Drawn,
    Issuer,
    Record,
    after_record,
    everybody,
    issuer_of,
    over_blocks,
    record_of,
    risk,
)
from recoup.backtests.matches import FEE, Ground
from recoup.sandbox.model import ROUTES
from recoup.sandbox.model.answers import FUNDS_WORD, UNSPECIFIC_WORD
from recoup.sandbox.model.calendar import SLOTS_A_DAY
from recoup.sandbox.model.luck import Flags, Floats, Ints
from recoup.sandbox.model.parameters import Parameters

DRAWN: Final = (40_000, 200_000)
"""People drawn for every country: the more where fewer than this would be left of the fewer."""
FEW: Final = 60
UNLIKELY: Final = 1e-3
"""Whom the decline fits so much less than others is left out."""
KEPT: Final = 600
"""Of whom so many are thought of to the end, for each case."""
AT_EASE: Final = 4_000
"""People drawn who are never short, and of whom so many are kept:"""
AT_EASE_KEPT: Final = 400
SLOTS: Final = 28 * SLOTS_A_DAY + 1
THOUGHT_OF: Final = 24
"""First tries that are thought through to every answer; they are the best by what two tries cover."""
SAID_RISK: Final = 0.84
"""How often a refusal for risk reads "do not honor" (`recoup.sandbox.model.answers`)."""
_OUTAGES: Final = 2_000
_MONTH_DAYS: Final = 30

Cell = tuple[int, int]
"""A slot after the decline, and a route."""


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """Who might be behind a case: rows of people, their weights, and the weight of those whom no try helps.

    `short`, `limited`: rows, slots. `refused`: rows, slots, routes, the chance of a refusal for risk. `works`: slots,
    routes, the chance that nobody on the way fails. `dormant`, `dead`: weights. All weights are one in sum.
    """

    weights: Floats
    dormant: float
    dead: float
    short: Flags
    limited: Flags
    refused: Floats
    works: Floats
    lasts: Floats
    drawn: Drawn | None
    """Those of the first rows who live from payday to payday, where a time that is advised tells them apart."""
    issuer: Issuer

    def approved(self) -> Floats:
        """The chance of an approval: rows, slots times routes."""
        able = (~self.short & ~self.limited)[..., None] * (1.0 - self.refused)
        able = able * (self.works * self.lasts[:, None])
        return able.reshape(len(self.weights), -1).astype(np.float32)

    def said(self, cell: Cell) -> dict[int, Floats]:
        """How likely each answer to a try is for every row, the dormant and the dead last; approvals left out."""
        slot, route = cell
        works, short, limited = self.works[slot, route], self.short[:, slot], self.limited[:, slot]
        free = ~limited * works
        risky = free * ~short * self.refused[:, slot, route] * SAID_RISK
        masks = self.issuer.masks
        return {
            FUNDS_WORD: np.append(free * short * (1.0 - masks), [1.0 - masks, 0.0]),
            UNSPECIFIC_WORD: np.append(free * short * masks + risky, [masks, 0.12]),
            TECHNICAL_WORDS[0]: np.append(np.full(len(short), 1.0 - works), [1.0 - works, 0.0]),
            LIMIT_WORD: np.append(limited * works, [0.0, 0.0]),
        }

    def all_weights(self) -> Floats:
        """Weights of rows, the dormant, the dead."""
        return np.append(self.weights, [self.dormant, self.dead])

    def after(self, ground: Ground, case: int, cell: Cell, *, word: int, advice: str) -> Floats:
        """The weights of all rows after a try was declined."""
        said = {TECHNICAL_WORDS[1]: TECHNICAL_WORDS[0], DAY_WORD: LIMIT_WORD}.get(word, word)
        like = self.said(cell).get(said)
        if like is None:  # the customer has to act: no try helps
            return np.zeros(len(self.weights) + 2)
        weights = self.all_weights() * like
        if self.drawn is not None and word == FUNDS_WORD and self.issuer.advises and advice in WAIT_ADVICE:
            at = int(ground.world.who.slot[case]) + cell[0]
            weights[: len(self.drawn)] *= self.drawn.advised(ground, at, advice)
            weights[-2] /= len(WAIT_ADVICE)
        return weights


class Thinking:
    """One case, thought of to the end: the chances of every cell, and the best of one or two tries."""

    def __init__(self, ground: Ground, case: int, belief: Belief) -> None:
        self.ground, self.case, self.belief = ground, case, belief
        self.amount = float(ground.seen.amount[case])
        self.able = self.belief.approved()
        self.weights = self.belief.weights.astype(np.float32)
        self.alone: Floats = (self.weights @ self.able).astype(np.float64)
        """The chance of every cell."""

    @cached_property
    def both(self) -> Floats:
        """The chance that two tries would be approved, each alone: cells, cells."""
        return np.asarray((self.able * self.weights[:, None]).T @ self.able)

    def first(self, among: Ints, *, tries: int) -> Cell | None:
        """The best first of one or two tries among some cells."""
        if not len(among):
            return None
        values = self.alone[among] * self.amount - FEE
        if tries == 1:
            best = int(values.argmax())
            return _cell(among[best]) if values[best] > 0 else None
        slots = among // ROUTES
        second = (self.alone[among][None, :] - self.both[np.ix_(among, among)]) * self.amount
        second -= FEE * (1.0 - self.alone[among])[:, None]
        second[slots[:, None] >= slots[None, :]] = 0.0
        covers = values + np.maximum(second.max(axis=1), 0.0)
        order = np.argsort(-covers)[:THOUGHT_OF]
        thought = [values[one] + self._then(int(among[one]), among) for one in order.tolist()]
        best = int(np.argmax(thought))
        return _cell(among[order[best]]) if thought[best] > 0 else None

    def _then(self, first: int, among: Ints) -> float:
        """What a second try is worth after the first was declined, whatever is said."""
        later = among[among // ROUTES > first // ROUTES]
        if not len(later):
            return 0.0
        said = np.stack(list(self.belief.said(_cell(first)).values())) * self.belief.all_weights()
        chances = said[:, :-2].astype(np.float32) @ self.able[:, later]
        worth = chances.max(axis=1) * self.amount - FEE * said.sum(axis=1)
        return float(np.maximum(worth, 0.0).sum())

    def second(self, cell: Cell, among: Ints, *, word: int, advice: str) -> Cell | None:
        """The best try after this one was declined with these words."""
        weights = self.belief.after(self.ground, self.case, cell, word=word, advice=advice)
        later = among[among // ROUTES > cell[0]]
        if not len(later) or not weights.sum():
            return None
        chances = weights[:-2].astype(np.float32) @ self.able[:, later]
        best = int(chances.argmax())
        return _cell(later[best]) if chances[best] * self.amount > FEE * weights.sum() else None


def cells(days: int, routes: int) -> Ints:
    """The places of cells within a window."""
    every = np.arange((days * SLOTS_A_DAY + 1) * ROUTES)
    return every[every % ROUTES < routes]


def _cell(place: int | np.int64) -> Cell:
    slot, route = divmod(int(place), ROUTES)
    return slot, route


def believed(ground: Ground, case: int, *, drawn: Sequence[int] = DRAWN, kept: int = KEPT) -> Belief:
    """What follows for a case from all that a merchant sees of it."""
    issuer, record = issuer_of(ground, case), record_of(ground, case)
    parameters, rng = ground.world.nature.parameters, np.random.default_rng(case)
    word, advice = int(ground.seen.answers.code[case]), str(ground.seen.answers.advice[case])
    slot = int(ground.world.who.slot[case])
    shares = parameters.tight_share * (parameters.credit_tight if ground.seen.funding[case] == 1 else 1.0)
    tight = _tight(ground, case, record, issuer=issuer, drawn=drawn[0])
    if tight.effective < FEW and len(drawn) > 1:
        tight = _tight(ground, case, record, issuer=issuer, drawn=drawn[1])
    tight_weight = shares * float(tight.weights.sum())
    easy, easy_weights = _at_ease(issuer, record, parameters, rng)
    gone = _Gone(issuer, record, slot, float((easy_weights * over_blocks(easy[:, 0])).sum()))
    dormant = dead = 0.0
    if word == FUNDS_WORD:
        easy_weights = easy_weights * 0.0
        timed = 1.0 / len(WAIT_ADVICE) if issuer.advises and advice in WAIT_ADVICE else 1.0
        dormant = parameters.dormant_monthly * (1.0 - issuer.masks) * timed * gone.dormant()
    elif word == UNSPECIFIC_WORD:
        easy_weights = easy_weights * over_blocks(easy[:, 0]) * SAID_RISK
        dormant = parameters.dormant_monthly * issuer.masks * gone.dormant()
        dead = parameters.dead_monthly * parameters.masks_dead_share * gone.dead()
    chosen, weights = _resampled(tight.weights, kept, rng)
    held = tight.only(chosen, weights * tight_weight)
    some, easy_kept = _resampled(easy_weights, AT_EASE_KEPT, rng)
    ease = easy_kept * (1.0 - shares) * float(easy_weights.sum())
    return _joined(
        ground, case, held=held, easy=easy[some], ease=ease, gone=(dormant, dead), issuer=issuer, rng=rng
    )


def _tight(ground: Ground, case: int, record: Record, *, issuer: Issuer, drawn: int) -> Drawn:
    """Those who live from payday to payday and fit all that was seen."""
    word, advice = int(ground.seen.answers.code[case]), str(ground.seen.answers.advice[case])
    tight = everybody(ground, case, drawn, issuer)
    if word in {FUNDS_WORD, UNSPECIFIC_WORD}:
        slot = int(ground.world.who.slot[case])
        fits = tight.fits(ground, case, slot=slot, approved=False, word=word, advice=advice, issuer=issuer)
        tight = tight.left(np.where(fits < UNLIKELY * fits.max(), 0.0, fits))
    return after_record(tight, ground, case, record, issuer)


def _joined(
    ground: Ground,
    case: int,
    *,
    held: Drawn,
    easy: Floats,
    ease: Floats,
    gone: tuple[float, float],
    issuer: Issuer,
    rng: np.random.Generator,
) -> Belief:
    """Those who live from payday to payday, those who are at ease, and those whom nothing helps, together."""
    parameters = ground.world.nature.parameters
    slot, word = int(ground.world.who.slot[case]), int(ground.seen.answers.code[case])
    rows, later = len(held) + len(easy), np.arange(SLOTS)
    short = np.zeros((rows, SLOTS), dtype=np.bool_)
    if len(held):
        places = np.repeat(np.arange(len(held)), SLOTS)
        wide = held.only(places, held.weights[places])
        asked = np.tile(slot + later, len(held))
        short[: len(held)] = wide.short_in(ground, case, asked).reshape(-1, SLOTS)
    weights = np.concatenate([held.weights, ease])
    logit = np.concatenate([held.logit, easy])
    limited = np.zeros((rows, SLOTS), dtype=np.bool_)
    if word in {DAY_WORD, LIMIT_WORD}:
        limited = (slot + later) // SLOTS_A_DAY < _limits_end(word, slot // SLOTS_A_DAY, rows, rng)[:, None]
    blocks = (slot + later) // BLOCK_SLOTS - slot // BLOCK_SLOTS
    now = parameters.risk_slot_sigma * rng.standard_normal((rows, int(blocks.max()) + 1))
    refused = risk(logit[:, None, :] + now[:, blocks, None])
    if word == UNSPECIFIC_WORD:
        weights = weights * np.where(
            short[:, 0], 1.0, refused[:, 0, 0] / np.maximum(over_blocks(logit[:, 0]), 1e-9)
        )
    works = working(word, slot, parameters, rng)
    lasts = lasting(parameters)
    whole = weights.sum() + sum(gone)
    return Belief(
        weights=weights / whole,
        dormant=gone[0] / whole,
        dead=gone[1] / whole,
        short=short,
        limited=limited,
        refused=refused,
        works=works,
        lasts=lasts,
        drawn=held,
        issuer=issuer,
    )


def lasting(parameters: Parameters) -> Floats:
    """How likely card and account are still in use in each slot."""
    monthly = parameters.dormant_monthly + parameters.dead_monthly + parameters.revoked_monthly
    found: Floats = 1.0 - monthly * np.arange(SLOTS) / (SLOTS_A_DAY * _MONTH_DAYS)
    return found


def _at_ease(
    issuer: Issuer, record: Record, parameters: Parameters, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """People who are never short: what each route's refusals are by (logit), and how well the record fits them."""
    wide = rng.random(AT_EASE) < 0.5
    first = rng.standard_normal(AT_EASE) + np.where(wide, 2.5, 0.0)
    weights = 1.0 / (0.5 + 0.5 * np.exp(2.5 * first - 2.5**2 / 2)) / AT_EASE
    routed = rng.standard_normal((AT_EASE, ROUTES))
    routed[:, 0] = first
    person = parameters.risk_cardholder_sigma * rng.standard_normal(AT_EASE)
    logit = issuer.logit + person[:, None] + parameters.risk_route_sigma * routed
    refused = over_blocks(logit[:, 0])
    for approved, word in zip(record.approved.tolist(), record.word.tolist(), strict=True):
        if approved:
            weights = weights * (1.0 - refused)
        elif word == FUNDS_WORD:
            weights = weights * 0.0
        elif word == UNSPECIFIC_WORD:
            weights = weights * refused
    return logit, weights


@dataclass(frozen=True, slots=True, eq=False)
class _Gone:
    """How well a record fits people whose account or card was in use until some day of the last month."""

    issuer: Issuer
    record: Record
    slot: int
    risk: float

    def dormant(self) -> float:
        """On average over the days on which money may have stopped coming."""
        return self._fits(1.0 - self.issuer.masks, self.issuer.masks)

    def dead(self) -> float:
        """On average over the days on which the card may have died."""
        return self._fits(0.0, 0.12)

    def _fits(self, funds: float, unspecific: float) -> float:
        day = self.slot // SLOTS_A_DAY
        begins = np.arange(day - _MONTH_DAYS + 1, day + 1)
        found = np.ones(len(begins))
        rows = zip(
            self.record.slot.tolist(), self.record.approved.tolist(), self.record.word.tolist(), strict=True
        )
        for slot, approved, word in rows:
            over = slot // SLOTS_A_DAY >= begins
            if approved:
                found *= ~over * (1.0 - self.risk)
            elif word == FUNDS_WORD:
                found *= over * funds
            elif word == UNSPECIFIC_WORD:
                found *= np.where(over, unspecific, self.risk)
        return float(found.mean())


def _limits_end(word: int, day: int, count: int, rng: np.random.Generator) -> Ints:
    """The days on which limits that were reached begin anew, as far as it is known which limit it was."""
    if word == DAY_WORD:
        return np.full(count, day + 1)
    weekly = day - np.arange(7)
    ends = (weekly + 3) // 7 * 7 + 4
    monthly = day - np.arange(28) + 28
    every = np.concatenate([ends, monthly])
    chance = np.concatenate([np.where(ends > day, 0.3 / 7, 0.0), np.full(28, 0.2 / 28)])
    return rng.choice(every, size=count, p=chance / chance.sum())


def working(word: int, slot: int, parameters: Parameters, rng: np.random.Generator) -> Floats:
    """The chance that nobody on the way fails: slots, routes."""
    issuer = parameters.outage_share * parameters.outage_hours / (24 * parameters.outage_every_days)
    route = parameters.route_outage_share * parameters.route_outage_hours
    route /= 24 * parameters.route_outage_every_days
    glitch = parameters.glitch_share
    found = np.full((SLOTS, ROUTES), (1.0 - issuer - glitch) * (1.0 - route))
    found[0, 0] = 0.0
    if word not in TECHNICAL_WORDS:
        return found
    whole = issuer + route + glitch
    of_issuer, of_route = (
        _still_out(hours, rng) for hours in (parameters.outage_hours, parameters.route_outage_hours)
    )
    found *= 1.0 - (issuer / whole) * of_issuer[:, None]
    found[:, 0] *= 1.0 - (route / whole) * of_route
    found[0] = (0.0, *(route / whole for _ in range(ROUTES - 1)))
    return found


def _still_out(hours: float, rng: np.random.Generator) -> Floats:
    """The part of each slot that an outage takes which took a try in the first one."""
    begins = 1.0 - rng.random(_OUTAGES) * 9.0
    ends = begins + hours / 6.0 * rng.exponential(size=_OUTAGES)
    every = np.arange(SLOTS)[:, None]
    taken = np.clip(np.minimum(ends, every + 1.0) - np.maximum(begins, every), 0.0, 1.0)
    whole: Floats = taken @ taken[0] / max(float(taken[0].sum()), 1e-9)
    return whole


def _resampled(weights: Floats, count: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Places in proportion to their weights, and weights that are one in sum."""
    whole = weights.sum()
    if not whole:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    there = np.flatnonzero(weights)
    if len(there) <= count:
        return there, weights[there] / whole
    points = (np.arange(count) + rng.random()) / count
    chosen = np.searchsorted(np.cumsum(weights[there]) / whole, points).clip(0, len(there) - 1)
    places, times = np.unique(there[chosen], return_counts=True)
    return places, times / count
