"""From what was observed of refused payments to the best next try of each: beliefs, chances, choice, for many at once.

`plan_many` is the whole of it for a batch; production asks `think` with one case or some, a back-test with thousands.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.paydays.core import beliefs
from recoup.recovery.core.believing import believing
from recoup.recovery.core.chances import OTHERS, TECHNICAL, Options, chances
from recoup.recovery.core.choosing import Choice, Forced, Question, best, gains, nothing, worth_instead
from recoup.recovery.core.evidence import said_technical
from recoup.recovery.core.observed import DAY_S, HOUR_S
from recoup.recovery.core.observed import DEFAULT_COSTS as DEFAULT_COSTS
from recoup.recovery.core.observed import Costs as Costs
from recoup.recovery.core.observed import Observed as Observed
from recoup.recovery.core.policy import ALL_DAY, Hours
from recoup.recovery.core.slots import slots

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HURRY_S: Final = (0.5 * HOUR_S, 3 * HOUR_S, 8 * HOUR_S)
"""When a technical fault is tried again: within the hour, by which half of all outages are over, and then ever
later (see the lengths of outages in `chances`)."""
HURRY_SHARE: Final = 0.5
"""From which chance on a fault is taken for technical."""
CHUNK: Final = 64
"""How many cases are thought of at once: more would not stay in a processor's cache."""
_TRUST_LOST: Final = np.concatenate([np.ones(beliefs.HYPOTHESES), ~TECHNICAL])


@dataclass(frozen=True, eq=False)
class Thought:
    """Everything that was thought of a batch: the slots, what was asked, what was chosen.

    Options of which another one is the like are left out: `options_at` are the places of those that are there.
    """

    at: Floats
    question: Question
    choice: Choice
    alone: Floats
    """What each slot and option would be worth as the only try: cases, slots, options."""
    money: Floats
    """The weights of pay cycles and depths, each case's in sum one."""
    options_at: Ints
    calendar: beliefs.Calendar

    @cached_property
    def earliest(self) -> Ints:
        """The first allowed slot of each case; -1 where there is none."""
        at = np.where(self.question.allowed.any(axis=2), self.at, np.inf)
        return np.where(np.isfinite(at).any(axis=1), at.argmin(axis=1), -1)

    @cached_property
    def chosen_paydays(self) -> Flags:
        """Which cycles have a payday on the day that was chosen for each case: cases, cycles."""
        moments = self.at[np.arange(len(self.at)), np.maximum(self.choice.slot, 0)]
        day, _ = self.calendar.local(moments[:, None])
        found: Flags = self.calendar.since_payday(day)[:, 0] == 0
        return found

    @cached_property
    def instead(self) -> tuple[Floats, Floats]:
        """The chance of a try at the first allowed moment, and what all tries left are worth with it."""
        slot = np.maximum(self.earliest, 0)
        option = self.alone[np.arange(len(slot)), slot].argmax(axis=1)
        return worth_instead(self.question, self.choice.sets, slot=slot, option=option)


@dataclass(frozen=True, slots=True, eq=False)
class Next:
    """The next try of each case: `when` is nan where none is worth it. `chance` is that of this try, `recovered` that
    any of the tries then left is approved, `value` what they are worth together."""

    when: Floats
    route: Ints
    means: Ints
    chance: Floats
    recovered: Floats
    value: Floats


def plan_many(
    observed: Observed,
    *,
    now: Floats | float,
    tries_left: Ints | int,
    deadline: Floats | float,
    costs: Costs = DEFAULT_COSTS,
    hours: Hours = ALL_DAY,
) -> Next:
    """The next try of each of these cases, by the best set of `tries_left` until `deadline`."""
    cases = len(observed)
    now, deadline = np.full(cases, now, dtype=np.float64), np.full(cases, deadline, dtype=np.float64)
    tries = np.full(cases, tries_left, dtype=np.int64)
    parts = []
    for start in range(0, cases, CHUNK):
        part = slice(start, start + CHUNK)
        seen = observed.cut(part)
        thought = think(
            seen, now=now[part], tries_left=tries[part], deadline=deadline[part], costs=costs, hours=hours
        )
        parts.append(_next(thought, seen))
    if not parts:
        none, nobody = np.empty(0), np.empty(0, dtype=np.int64)
        return Next(none, nobody, nobody, none, none, none)
    return Next(
        *(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Next)),
    )


def think(
    observed: Observed,
    *,
    now: Floats,
    tries_left: Ints,
    deadline: Floats,
    costs: Costs = DEFAULT_COSTS,
    hours: Hours = ALL_DAY,
) -> Thought:
    """Everything about a batch that is small enough to be thought of at once."""
    belief = believing(observed, now_s=float(now.min(initial=np.inf)))
    calendar, weights, first_at = belief.calendar, belief.weights, belief.first_at
    money_now = weights[:, : beliefs.HYPOTHESES]
    when = slots(calendar, observed, now=now, deadline=deadline, weights=money_now, hours=hours)
    options, cost, options_at = _different(observed)
    days = np.maximum(when.at - now[:, None], 0) / DAY_S
    worth = observed.worth[:, None]
    question = Question(
        weights=weights,
        chances=chances(
            when.since.there(),
            after_first_s=np.maximum(when.at - first_at[:, None], 0),
            after_last_s=np.maximum(when.at - observed.refused_at[:, None], 0),
            comes=belief.comes,
            options=options,
        ),
        days=days,
        gain=worth * costs.margin * np.exp(-costs.lost_per_day * days),
        cost=cost[:, None, :] + np.where(when.early, costs.asleep * worth, 0.0)[..., None],
        harm=costs.refused * worth * _TRUST_LOST,
        allowed=when.allowed[..., None] & (options_at >= 0)[:, None, :],
        tries=tries_left,
    )
    alone = gains(question, nothing(question), [])
    hurried = _hurried(question, alone, observed, at=when.at)
    chosen = best(question, hurried, alone=alone)
    believed = belief.money / belief.money.sum(axis=1, keepdims=True)
    return Thought(when.at, question, chosen, alone, believed, options_at, calendar)


def _hurried(question: Question, alone: Floats, observed: Observed, *, at: Floats) -> Forced | None:
    """What is tried again within the hour, and then ever later: technical faults, where another try is left then."""
    technical = question.weights[:, -len(OTHERS) :] @ TECHNICAL
    times = (observed.seen_here & said_technical(observed.seen_category)).sum(axis=1)
    where = (technical > HURRY_SHARE) & (question.tries > 1) & (times < len(HURRY_S))
    if not where.any():
        return None
    due = observed.refused_at + np.asarray(HURRY_S)[np.minimum(times, len(HURRY_S) - 1)]
    later = np.where(np.isfinite(alone).any(axis=2) & (at >= due[:, None]), at, np.inf)
    slot = later.argmin(axis=1)
    row = np.arange(len(slot))
    where &= np.isfinite(later[row, slot]) & (alone[row, slot].max(axis=1) > 0)
    return Forced(where, slot, alone[row, slot].argmax(axis=1))


def _different(observed: Observed) -> tuple[Options, Floats, Ints]:
    """The options without those that an earlier one is the like of, what they cost, and their places (-1: none)."""
    options, cost = observed.options, observed.cost
    same = np.ones((len(cost), cost.shape[1], cost.shape[1]), dtype=np.bool_)
    for one in (options.means, options.refused, options.liked, cost):
        same &= one[:, :, None] == one[:, None, :]
    first = same.argmax(axis=2) == np.arange(cost.shape[1])
    order = np.argsort(~first, axis=1, kind="stable")[:, : int(first.sum(axis=1).max(initial=0))]
    row = np.arange(len(order))[:, None]
    places = np.where(first[row, order], order, -1)
    taken = {one.name: getattr(options, one.name)[row, order] for one in fields(Options)}
    return Options(**taken), cost[row, order], places


def _next(thought: Thought, observed: Observed) -> Next:
    choice, row = thought.choice, np.arange(len(observed))
    options, there = observed.options, choice.slot >= 0
    option = thought.options_at[row, choice.option]
    return Next(
        when=np.where(there, thought.at[row, choice.slot], np.nan),
        route=np.where(there, options.route[row, option], -1),
        means=np.where(there, options.means[row, option], -1),
        chance=choice.chance,
        recovered=choice.recovered,
        value=choice.value,
    )
