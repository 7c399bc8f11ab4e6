"""The best set of remaining tries, and the first of them: expected net value over when, where and with what, together.

The value of a set under a hypothesis follows its tries in order of time: each is paid for if no earlier one was
approved, and brings what the payment is worth by then. Its expectation over hypotheses is what is made as large as
possible. Tries are added greedily; what each would bring more is exact for every slot and option at once, and costs
two products of matrices. After each of the first few, every try of the set may move to where it is worth more. A set
never loses value by this, so more tries are never worth less. Only the first try is acted upon: after its answer all
is thought of anew.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.recovery.core.chances import OTHERS, Chances

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TRIES_MAX: Final = 16
"""More tries than this are not thought of ahead."""
APART_DAYS: Final = 0.8
"""How far apart tries are thought of: the second on one day would only count on luck. After each all is thought anew,
so what hours mend is tried again within hours all the same."""
_EXCHANGED_MAX: Final = 4
"""Up to how many tries each may move once another has come."""
_NEVER: Final = np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is to be decided for a batch of cases.

    `weights`: cases, hypotheses. `chances`: of every slot and option. `days` (cases, slots): days from now, ascending.
    `gain` (cases, slots): what an approval there is worth, loss by waiting taken off; `cost` (cases, slots, options):
    of a try. `allowed` (cases, slots). `tries` (cases): how many are left.
    """

    weights: Floats
    chances: Chances
    days: Floats
    gain: Floats
    cost: Floats
    allowed: Flags
    tries: Ints


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
        order = np.argsort(self.days, axis=1, kind="stable")
        row = np.arange(len(order))[:, None]
        return Sets(
            self.slot[row, order],
            self.option[row, order],
            self.days[row, order],
            self.gain[row, order],
            self.cost[row, order],
            self.chance[row, order],
        )

    def first(self, count: int) -> Sets:
        """The first places alone."""
        return Sets(*(getattr(self, one.name)[:, :count] for one in fields(Sets)))

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


def best(question: Question) -> Choice:
    """The best set of tries for each case."""
    return _answered(question, _filled(question, _none(question), begun=0))


def starting_with(question: Question, *, slot: Ints, option: Ints) -> Choice:
    """The best set among those that hold this try."""
    first = _put(question, _none(question), 0, slot=slot, option=option, where=question.tries > 0)
    return _answered(question, _filled(question, first, begun=1))


def gains(question: Question, sets: Sets) -> Floats:
    """What each slot and option would add to a set: cases, slots, options; minus infinity where none is allowed."""
    ordered = sets.ordered()
    alive, later = _walked(question, ordered.first(int(sets.used.sum(axis=1).max(initial=0))))
    size = question.weights.shape[1] - len(OTHERS)
    both = np.concatenate([alive, alive * later], axis=1)
    money = both[:, :, :size] @ question.chances.there
    cases, others, slots, options = question.chances.others.shape
    besides = both[:, :, size:] @ question.chances.others.reshape(cases, others, slots * options)
    segment = (ordered.days[:, None, :] <= question.days[:, :, None]).sum(axis=2)
    segments, row = alive.shape[1], np.arange(cases)[:, None]
    place = np.arange(slots)[None, :]
    shaped = besides.reshape(cases, 2 * segments, slots, options)
    sums = both[:, :, :size].sum(axis=2)

    def summed(at: Ints) -> Floats:
        pay = money[row, at, place][..., None] * question.chances.granted[:, None, :]
        flat = sums[row, at][..., None] * question.chances.besides[:, None, :]
        found: Floats = pay + flat + shaped[row, at, place]
        return found

    still = alive.sum(axis=2)[row, segment]
    added = (
        question.gain[..., None] * summed(segment)
        - summed(segment + segments)
        - question.cost * still[..., None]
    )
    return np.where(_free(question, sets)[..., None], added, -np.inf)


def _walked(question: Question, ordered: Sets) -> tuple[Floats, Floats]:
    """By segment between tries: the weight that nothing was approved yet, and what all later tries then are worth."""
    tries = ordered.days.shape[1]
    shape = (len(question.weights), tries + 1, question.weights.shape[1])
    alive, later = np.empty(shape), np.zeros(shape)
    alive[:, 0] = question.weights
    for n in range(tries):
        alive[:, n + 1] = alive[:, n] * (1 - ordered.chance[:, n])
    for n in reversed(range(tries)):
        chance = ordered.chance[:, n]
        brought = chance * ordered.gain[:, n, None] - ordered.cost[:, n, None]
        later[:, n] = brought + (1 - chance) * later[:, n + 1]
    return alive, later


def _free(question: Question, sets: Sets) -> Flags:
    """Allowed slots that no try of the set is near."""
    apart = np.abs(question.days[:, :, None] - sets.days[:, None, :]) >= APART_DAYS
    free: Flags = question.allowed & apart.all(axis=2)
    return free


def _none(question: Question) -> Sets:
    cases = len(question.weights)
    tries = int(min(question.tries.max(initial=0), TRIES_MAX))
    none = np.zeros((cases, tries))
    return Sets(
        slot=np.full((cases, tries), -1),
        option=np.zeros((cases, tries), dtype=np.int64),
        days=np.full((cases, tries), _NEVER),
        gain=none,
        cost=none.copy(),
        chance=np.zeros((cases, tries, question.weights.shape[1])),
    )


def _filled(question: Question, sets: Sets, *, begun: int) -> Sets:
    for count in range(begun, sets.days.shape[1]):
        sets = _best_at(question, sets, count)
        for moved in range(begun, count + 1 if 0 < count < _EXCHANGED_MAX else begun):
            sets = _best_at(question, _taken_out(sets, moved), moved)
    return sets


def _best_at(question: Question, sets: Sets, place: int) -> Sets:
    """The set with the try that adds most at an unused place, where one adds anything."""
    added = gains(question, sets)
    flat = added.reshape(len(added), -1)
    chosen = flat.argmax(axis=1)
    worth_it = flat[np.arange(len(flat)), chosen] > 0
    options = added.shape[2]
    where = worth_it & (question.tries > place)
    return _put(question, sets, place, slot=chosen // options, option=chosen % options, where=where)


def _put(question: Question, sets: Sets, place: int, *, slot: Ints, option: Ints, where: Flags) -> Sets:
    rows = np.flatnonzero(where)
    at, by = slot[rows], option[rows]
    new = replace(
        sets,
        slot=sets.slot.copy(),
        option=sets.option.copy(),
        days=sets.days.copy(),
        gain=sets.gain.copy(),
        cost=sets.cost.copy(),
        chance=sets.chance.copy(),
    )
    new.slot[rows, place], new.option[rows, place] = at, by
    new.days[rows, place], new.gain[rows, place] = question.days[rows, at], question.gain[rows, at]
    new.cost[rows, place] = question.cost[rows, at, by]
    new.chance[rows, place] = question.chances.at(slot, option)[rows]
    return new


def _taken_out(sets: Sets, place: int) -> Sets:
    days, chance, cost = sets.days.copy(), sets.chance.copy(), sets.cost.copy()
    days[:, place], chance[:, place], cost[:, place] = _NEVER, 0.0, 0.0
    return replace(sets, days=days, chance=chance, cost=cost)


def _answered(question: Question, sets: Sets) -> Choice:
    ordered = sets.ordered()
    alive, later = _walked(question, ordered)
    value = (alive[:, 0] * later[:, 0]).sum(axis=1)
    if not ordered.days.shape[1]:
        nothing = np.zeros(len(value))
        nobody = np.full(len(value), -1)
        return Choice(nobody, nobody.copy(), nothing, nothing.copy(), value, ordered)
    used = ordered.used[:, 0]
    return Choice(
        slot=np.where(used, ordered.slot[:, 0], -1),
        option=np.where(used, ordered.option[:, 0], -1),
        chance=(question.weights * ordered.chance[:, 0]).sum(axis=1),
        recovered=1 - alive[:, -1].sum(axis=1),
        value=value,
        sets=ordered,
    )
