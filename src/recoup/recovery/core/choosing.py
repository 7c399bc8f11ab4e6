"""The best set of remaining tries, and the first of them: expected net value over when, where and with what, together.

The value of a set under a hypothesis follows its tries in order of time: each is paid for if no earlier one was
approved, and brings what the payment is worth by then. Its expectation over hypotheses is what is made as large as
possible. Tries are added greedily; what each would bring more is exact for every slot and option at once, and costs
two products of matrices. At last every try of the set may move to where it is worth more, once. A set never loses
value by this. Only the first try is acted upon: after its answer all is thought of anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.recovery.core.chances import Chances

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TRIES_MAX: Final = 16
"""More tries than this are not thought of ahead."""
APART_DAYS: Final = 0.8
"""How far apart tries are thought of: the second on one day would only count on luck. After each all is thought anew,
so what hours mend is tried again within hours all the same."""
_NEVER: Final = np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is to be decided for a batch of cases.

    `weights`: cases, hypotheses. `chances`: of every slot and option. `days` (cases, slots): days from now. `gain`
    (cases, slots): what an approval there is worth, loss by waiting taken off; `cost` (cases, slots, options): of a
    try; `harm` (cases, hypotheses): what its refusal costs beside. `allowed` (cases, slots, options). `tries` (cases):
    how many are left.
    """

    weights: Floats
    chances: Chances
    days: Floats
    gain: Floats
    cost: Floats
    harm: Floats
    allowed: Flags
    tries: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Forced:
    """The first try of some cases, whatever else would be worth more."""

    where: Flags
    slot: Ints
    option: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """A set of tries for each case: cases, tries. An unused place has no time, no chance and no cost."""

    slot: Ints
    option: Ints
    days: Floats
    gain: Floats
    cost: Floats
    chance: Floats
    """Cases, tries, hypotheses."""

    def ordered(self) -> Sets:
        """The same tries in order of time."""
        row, order = np.arange(len(self.days))[:, None], np.argsort(self.days, axis=1, kind="stable")
        return Sets(*(getattr(self, name)[row, order] for name in self.__slots__))

    @property
    def used(self) -> Flags:
        """Which places hold a try."""
        used: Flags = np.isfinite(self.days)
        return used


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The answer: the first try of the best set (slot -1: none is worth its cost), and what the whole set is worth."""

    slot: Ints
    option: Ints
    chance: Floats
    """Of the first try."""
    recovered: Floats
    """That any try of the set is approved."""
    value: Floats
    sets: Sets


def best(question: Question, forced: Forced | None = None, *, alone: Floats | None = None) -> Choice:
    """The best set of tries for each case. `alone`: the gains of lone tries, where they are known already."""
    sets = nothing(question, places=int(min(question.tries.max(initial=0), TRIES_MAX)))
    if not sets.days.shape[1]:
        return _answered(question, sets)
    free = question.tries > 0
    if forced is not None:
        rows = np.flatnonzero(forced.where & free)
        _put(question, sets, 0, slot=forced.slot, option=forced.option, rows=rows)
        free = free & ~forced.where
    count = _filled(question, sets, free=free, alone=alone)
    before = sets.slot.copy(), sets.option.copy()
    for place in range(count if count > 1 else 0):
        same = np.array_equal(before[0], sets.slot) and np.array_equal(before[1], sets.option)
        if place == count - 1 and same:
            break  # the last one was chosen beside these very others
        others = [one for one in range(count) if one != place]
        among = question.tries > place if place else free
        _best_at(question, sets, place, added=gains(question, sets, others), among=among)
    return _answered(question, sets)


def _filled(question: Question, sets: Sets, *, free: Flags, alone: Floats | None) -> int:
    """Fill the sets greedily, the first place of the `free` ones alone; how many places hold anything then."""
    places: int = sets.days.shape[1]
    for place in range(places):
        among = question.tries > place if place else free
        known = alone if place == 0 and alone is not None else gains(question, sets, list(range(place)))
        if not _best_at(question, sets, place, added=known, among=among) and place:
            return place
    return places


def worth_instead(question: Question, sets: Sets, *, slot: Ints, option: Ints) -> tuple[Floats, Floats]:
    """The chance of this first try, and what the tries of a set are worth with it.

    It takes the place of the first or of the last, whichever is better; the others do not move for it, so this is a
    lower bound of what the best set with it would be worth.
    """
    cases, tries = sets.days.shape
    many = np.repeat(np.arange(cases), 2)
    place = np.stack([np.zeros(cases, dtype=np.int64), np.clip(question.tries, 1, tries) - 1], axis=1).ravel()
    chance = question.chances.at(np.arange(cases), slot, option)
    held = Sets(*(getattr(sets, name)[many] for name in sets.__slots__))
    at = (np.arange(len(many)), place)
    row = np.arange(cases)
    days, cost = question.days[row, slot], question.cost[row, slot, option]
    held.days[at], held.gain[at] = days[many], question.gain[row, slot][many]
    held.cost[at], held.chance[at] = cost[many], chance[many]
    near = np.abs(held.days - days[many][:, None]) < APART_DAYS
    near[at] = False
    held.days[near], held.cost[near], held.chance[near] = _NEVER, 0.0, 0.0
    value = _valued(question.weights[many], question.harm[many], held)
    return (question.weights * chance).sum(axis=1), value.reshape(cases, 2).max(axis=1)


def gains(question: Question, sets: Sets, places: list[int]) -> Floats:
    """What each slot and option would add to the tries at these places of a set: cases, slots, options.

    Minus infinity where none is allowed.
    """
    if not places:
        return _alone(question)
    days = sets.days[:, places]
    order = np.asarray(places)[np.argsort(days, axis=1, kind="stable")]
    segments = len(places) + 1
    rows = np.empty((len(days), 2 * segments, question.weights.shape[1]))
    alive, lost = rows[:, :segments], rows[:, segments:]
    _walked(question.weights, question.harm, sets, order, alive=alive, later=lost)
    lost -= question.harm[:, None]
    lost *= alive
    approved = question.chances.summed(rows)
    cost = alive @ np.stack([np.ones_like(question.harm), question.harm], axis=2)
    apart = question.days[:, :, None] - days[:, None, :]
    segment = (apart >= 0).sum(axis=2)
    row, slot = np.arange(len(segment))[:, None], np.arange(segment.shape[1])
    added = question.gain[..., None] * approved[row, segment, slot]
    added -= approved[row, segment + segments, slot]
    paid = cost[row, segment]
    added -= question.cost * paid[..., :1] + paid[..., 1:]
    free: Flags = np.all(np.abs(apart) >= APART_DAYS, axis=2)[..., None]
    return np.where(question.allowed & free, added, -np.inf)


def _alone(question: Question) -> Floats:
    """What each slot and option would be worth as the only try."""
    rows = np.stack([question.weights, question.weights * question.harm], axis=1)
    approved = question.chances.summed(rows)
    harmed = rows[:, 1].sum(axis=1)[:, None, None]
    added = question.gain[..., None] * approved[:, 0] + approved[:, 1] - question.cost - harmed
    return np.where(question.allowed, added, -np.inf)


def _walked(weights: Floats, harm: Floats, sets: Sets, order: Ints, *, alive: Floats, later: Floats) -> None:
    """By segment between tries (cases, segments, hypotheses): the weight that nothing was approved yet, into `alive`,
    and what all later tries then are worth, into `later`."""
    row, tries = np.arange(len(order)), order.shape[1]
    alive[:, 0] = weights
    later[:, -1] = 0.0
    chances = [sets.chance[row, order[:, n]] for n in range(tries)]
    refused = [1 - chance for chance in chances]
    for n in range(tries):
        np.multiply(alive[:, n], refused[n], out=alive[:, n + 1])
    for n in reversed(range(tries)):
        place = row, order[:, n]
        _before(
            later[:, n + 1], chances[n], refused[n], harm=harm, tried=_Tried.at(sets, place), out=later[:, n]
        )


def _valued(weights: Floats, harm: Floats, sets: Sets) -> Floats:
    """What a set is worth."""
    row, order = np.arange(len(weights)), np.argsort(sets.days, axis=1, kind="stable")
    later = np.zeros(weights.shape)
    for n in reversed(range(order.shape[1])):
        place = row, order[:, n]
        chance = sets.chance[place]
        _before(later, chance, 1 - chance, harm=harm, tried=_Tried.at(sets, place), out=later)
    value: Floats = (weights * later).sum(axis=1)
    return value


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """One try of each case: what an approval is worth, what it costs, and whether there is one."""

    gain: Floats
    cost: Floats
    used: Flags

    @staticmethod
    def at(sets: Sets, place: tuple[Ints, Ints]) -> _Tried:
        """The tries at these places."""
        column = *place, None
        return _Tried(sets.gain[column], sets.cost[column], np.isfinite(sets.days[column]))


def _before(
    later: Floats, chance: Floats, refused: Floats, *, harm: Floats, tried: _Tried, out: Floats
) -> None:
    """What one try and all `later` ones are worth under each hypothesis, into `out`. The `chance` is used up."""
    np.subtract(later, harm * tried.used, out=out)
    out *= refused
    chance *= tried.gain
    out += chance
    out -= tried.cost


def nothing(question: Question, *, places: int = 0) -> Sets:
    """Sets without a try, with room for so many."""
    cases, tries = len(question.weights), places
    none = np.zeros((cases, tries))
    return Sets(
        slot=np.full((cases, tries), -1),
        option=np.zeros((cases, tries), dtype=np.int64),
        days=np.full((cases, tries), _NEVER),
        gain=none,
        cost=none.copy(),
        chance=np.zeros((cases, tries, question.weights.shape[1])),
    )


def _best_at(question: Question, sets: Sets, place: int, *, added: Floats, among: Flags) -> bool:
    """Put the try that adds most at this place, where one adds anything; whether any case had one."""
    flat = added.reshape(len(added), -1)
    chosen = flat.argmax(axis=1)
    worth_it = (flat[np.arange(len(flat)), chosen] > 0) & among
    rows = np.flatnonzero(worth_it)
    _empty(sets, place, rows=np.flatnonzero(among & ~worth_it))
    slot, option = np.divmod(chosen, added.shape[2])
    _put(question, sets, place, slot=slot, option=option, rows=rows)
    return len(rows) > 0


def _put(question: Question, sets: Sets, place: int, *, slot: Ints, option: Ints, rows: Ints) -> None:
    if not len(rows):
        return
    at, by = slot[rows], option[rows]
    sets.slot[rows, place], sets.option[rows, place] = at, by
    sets.days[rows, place], sets.gain[rows, place] = question.days[rows, at], question.gain[rows, at]
    sets.cost[rows, place] = question.cost[rows, at, by]
    sets.chance[rows, place] = question.chances.at(rows, at, by)


def _empty(sets: Sets, place: int, *, rows: Ints) -> None:
    if len(rows):
        sets.days[rows, place], sets.cost[rows, place], sets.chance[rows, place] = _NEVER, 0.0, 0.0


def _answered(question: Question, sets: Sets) -> Choice:
    if not sets.days.shape[1]:
        none, nobody = np.zeros(len(sets.days)), np.full(len(sets.days), -1)
        return Choice(nobody, nobody.copy(), none, none.copy(), none.copy(), sets)
    ordered = sets.ordered()
    every = np.broadcast_to(np.arange(ordered.days.shape[1]), ordered.days.shape)
    size = (len(every), every.shape[1] + 1, question.weights.shape[1])
    alive, later = np.empty(size), np.empty(size)
    _walked(question.weights, question.harm, ordered, every, alive=alive, later=later)
    used = np.isfinite(ordered.days[:, 0])
    return Choice(
        slot=np.where(used, ordered.slot[:, 0], -1),
        option=np.where(used, ordered.option[:, 0], -1),
        chance=(question.weights * ordered.chance[:, 0]).sum(axis=1),
        recovered=1 - alive[:, -1].sum(axis=1),
        value=(question.weights * later[:, 0]).sum(axis=1),
        sets=ordered,
    )
