"""What could be won by whoever knew what was the matter, and when pay comes, but not the luck of each moment.

For every cause and every distance to the next payday, the set of slots and routes that covers most of other
cardholders, those that are there to learn from. Played on the test cardholders, each told their own cause and payday.
Nobody who sees only declines knows as much. What lies above it is luck, and what a case's own history could tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from recoup.backtests.fixed import APARTS, Plan, covering
from recoup.backtests.matches import SLOTS_A_DAY, Chosen, Flags, Floats, Ground, Ints, Policy, Score
from recoup.sandbox.model.balances import paydays
from recoup.sandbox.model.people import IRREGULAR

LEAST: Final = 30
"""A group of fewer is planned for as all are with the same cause."""
_IRREGULAR: Final = -1
"""The days to payday of whoever has none."""

Group = tuple[int, int]
"""The cause, and the days to the next payday."""


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """What lone tries would have brought of the open cases of others, and what was the matter with each."""

    owed: Floats
    would: Flags
    groups: Ints
    """Cases, cause and days to payday."""


def groups_of(ground: Ground) -> Ints:
    """The true cause of each open case, and the days to the next payday."""
    world, who = ground.world, ground.world.who
    _, following = paydays(world.nature.luck, who, who.slot, tables=world.nature.tables)
    days = np.where(who.pattern == IRREGULAR, _IRREGULAR, following - who.slot // SLOTS_A_DAY)
    return np.stack([world.truth.cause()[ground.open], days[ground.open]], axis=1).astype(np.int64)


@lru_cache(maxsize=2)
def learnt(seed: int, cases: int) -> Learnt:
    """What there is to learn from in the world of this seed, of so many other declined renewals."""
    ground = Ground(seed, cases, people_from=0)
    return Learnt(ground.seen.amount[ground.open].astype(np.float64), ground.approvals, groups_of(ground))


def informed(ground: Ground, others: Learnt, *, days: int, tries: int, routes: int) -> Score:
    """The best that a schedule for each cause and payday brings of the test cardholders."""
    own = groups_of(ground)
    policies = [
        _following(ground, _plans(others, own, days=days, tries=tries, routes=routes, apart=apart), days)
        for apart in APARTS
    ]
    scores = [ground.play(policy, days=days, tries=tries) for policy in policies]
    return max(scores, key=lambda score: score.net)


def of_others(ground: Ground, others: Learnt, *, days: int, tries: int, routes: int) -> Score:
    """What the one schedule for everybody brings that would have been best for others: the best that could be known."""
    nobody = np.zeros((len(ground.open), 2), dtype=np.int64)
    alike = Learnt(others.owed, others.would, np.zeros_like(others.groups))
    policies = [
        _following(ground, _plans(alike, nobody, days=days, tries=tries, routes=routes, apart=apart), days)
        for apart in APARTS
    ]
    return max(
        (ground.play(policy, days=days, tries=tries) for policy in policies), key=lambda score: score.net
    )


def _plans(others: Learnt, own: Ints, *, days: int, tries: int, routes: int, apart: int) -> list[Plan]:
    """The plan of each open case: that of its group."""
    would = others.would[:, : days * SLOTS_A_DAY + 1, :routes]
    slots = np.repeat(np.arange(would.shape[1]), routes)
    covers = would.reshape(len(would), -1)
    found: dict[Group, Plan] = {}
    for cause, away in {(int(cause), int(away)) for cause, away in own}:
        same = others.groups[:, 0] == cause
        alike = same & (others.groups[:, 1] == away)
        rows = alike if alike.sum() >= LEAST else same
        chosen = covering(covers[rows], others.owed[rows], slots, tries=tries, apart=apart)
        found[cause, away] = tuple(sorted((int(slots[one]), one % routes) for one in chosen))
    return [found[int(cause), int(away)] for cause, away in own]


def _following(ground: Ground, plans: list[Plan], days: int) -> Policy:
    """Tries as each case's own plan says."""
    place = np.full(len(ground.world), -1)
    place[ground.open] = np.arange(len(ground.open))
    world = ground.world

    def policy(cases: Ints, made: int) -> Chosen:
        own = [plans[one] for one in place[cases]]
        there = np.asarray([made < len(plan) for plan in own], dtype=np.bool_)
        slot = np.asarray([plan[made][0] if made < len(plan) else 0 for plan in own], dtype=np.int64)
        route = np.asarray([plan[made][1] if made < len(plan) else 0 for plan in own], dtype=np.int64)
        middles = world.middles_s(cases, world.slots(cases, ground.seen.when_s[cases]) + slot)
        when_s = np.maximum(np.minimum(middles, ground.deadline_s(cases, days)), ground.seen.when_s[cases])
        return Chosen(np.where(there, when_s.astype(np.float64), np.nan), route)

    return policy
