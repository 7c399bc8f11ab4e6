"""Schedules that are the same for everybody, the best of them in hindsight, and what oracles would have won.

Kill Bill tries every 8 days (its default of `killbill.payment.retry.days`), Polar after 2, 5, 7 and 7 days more (its
`DUNNING_RETRY_INTERVALS`). Hyperswitch's ladder is the default of its revenue recovery (in its source under
`RevenueRecoveryPaymentProcessTrackerMapping`): after a minute, then twice every 3 hours, and three times each every 6,
9, 12 and 18 hours. Where a budget has fewer tries than a schedule, the first ones are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

import numpy as np

from recoup.backtests.matches import (
    DAY_S,
    SLOTS_A_DAY,
    Chosen,
    Flags,
    Floats,
    Ground,
    Ints,
    Played,
    Policy,
    Score,
)

_HOUR: Final = 1 / 24
HYPERSWITCH: Final = tuple(
    accumulate([1 / 1440, *[3 * _HOUR] * 2, *(hours * _HOUR for hours in (6, 9, 12, 18) for _ in range(3))])
)
SCHEDULES: Final[Mapping[str, Sequence[float]]] = {
    "Daily": tuple(float(day) for day in range(1, 29)),
    "1/3/5/7": (1.0, 3.0, 5.0, 7.0),
    "Kill Bill, 8/8/8": (8.0, 16.0, 24.0),
    "Polar, 2/5/7/7": (2.0, 7.0, 14.0, 21.0),
    "Hyperswitch's ladder": HYPERSWITCH,
    "Eight in two weeks": tuple(1.75 * number for number in range(1, 9)),
}
"""Days after the decline."""
APARTS: Final = (1, 4, 8, 12)
"""How many slots the tries of a searched schedule lie apart at least: issuers tire of many in a short time."""
PASSES_MAX: Final = 8
_NOT_YET: Final = 1 << 20

Plan = tuple[tuple[int, int], ...]
"""Slots after the decline, and the route of each."""


def after(ground: Ground, days: Sequence[float]) -> Policy:
    """Tries after so many days, by the route that was declined."""

    def policy(cases: Ints, made: int) -> Chosen:
        route = np.zeros(len(cases), dtype=np.int64)
        if made >= len(days):
            return Chosen(np.full(len(cases), np.nan), route)
        when_s = ground.seen.when_s[cases] + int(days[made] * DAY_S)
        return Chosen(when_s.astype(np.float64), route)

    return policy


def planned(ground: Ground, plan: Plan, days: int) -> Policy:
    """Tries in these slots after the decline."""
    world = ground.world

    def policy(cases: Ints, made: int) -> Chosen:
        if made >= len(plan):
            return Chosen(np.full(len(cases), np.nan), np.zeros(len(cases), dtype=np.int64))
        slot, route = plan[made]
        slots = world.slots(cases, ground.seen.when_s[cases]) + slot
        middles = np.minimum(world.middles_s(cases, slots), ground.deadline_s(cases, days))
        when_s = np.maximum(middles, ground.seen.when_s[cases])
        return Chosen(when_s.astype(np.float64), np.full(len(cases), route, dtype=np.int64))

    return policy


def best_fixed(ground: Ground, *, days: int, tries: int, routes: int) -> Score:
    """The best schedule of so many tries by the first `routes` routes, known afterwards: those that cover most by lone
    tries, and all from descriptions, played, since issuers tire; the best by what it brought."""
    plans = {plan for among in {1, routes} for plan in _plans(ground, days=days, tries=tries, routes=among)}
    found = [planned(ground, plan, days) for plan in sorted(plans)]
    named = [after(ground, schedule) for schedule in SCHEDULES.values()]
    scores = [ground.play(one, days=days, tries=tries) for one in (*found, *named)]
    return max(scores, key=lambda score: score.net)


def oracle(ground: Ground, *, days: int, routes: int) -> Score:
    """One try of each payment that any moment and route would get paid, at the first such moment; no other tries."""
    found = oracle_played(ground, days=days, routes=routes)
    return ground.score(found.won_s, found.tries, days=days)


def oracle_played(ground: Ground, *, days: int, routes: int) -> Played:
    """The same, case by case."""
    would = np.any(ground.approvals[:, : days * SLOTS_A_DAY + 1, :routes], axis=2)
    won, first = would.any(axis=1), would.argmax(axis=1)
    cases = ground.open[won]
    slots = ground.world.slots(cases, ground.seen.when_s[cases]) + first[won]
    middles = np.clip(
        ground.world.middles_s(cases, slots), ground.seen.when_s[cases], ground.deadline_s(cases, days)
    )
    won_s = np.full(len(ground.world), -1, dtype=np.int64)
    won_s[cases] = middles
    return Played(won_s, (won_s >= 0).astype(np.int64), np.zeros(len(won_s), dtype=np.bool_))


def _plans(ground: Ground, *, days: int, tries: int, routes: int) -> Iterator[Plan]:
    """Sets of tries that cover most, by how far apart they must lie."""
    would = ground.approvals[:, : days * SLOTS_A_DAY + 1, :routes]
    slots = np.repeat(np.arange(would.shape[1]), routes)
    covers = would.reshape(len(would), -1)
    owed = ground.seen.amount[ground.open].astype(np.float64)
    for apart in APARTS:
        chosen = covering(covers, owed, slots, tries=tries, apart=apart)
        yield tuple(sorted((int(slots[one]), one % routes) for one in chosen))


def covering(covers: Flags, owed: Floats, slots: Ints, *, tries: int, apart: int) -> list[int]:
    """Greedily the places that cover most, then each exchanged for a better one while there is any."""
    chosen: list[int] = []
    for _ in range(tries):
        chosen.append(_next(covers, owed, slots, beside=chosen, apart=apart))
    for _ in range(PASSES_MAX):
        before = list(chosen)
        for place in range(tries):
            others = chosen[:place] + chosen[place + 1 :]
            chosen[place] = _next(covers, owed, slots, beside=others, apart=apart)
        if chosen == before:
            break
    return sorted({one for one in chosen if one >= 0})


def _next(covers: Flags, owed: Floats, slots: Ints, *, beside: list[int], apart: int) -> int:
    """The place that covers most of what these do not; -1 where none lies far enough from them."""
    held = [one for one in beside if one >= 0]
    left = np.where(covers[:, held].any(axis=1), 0.0, owed)
    distance = np.abs(slots[:, None] - slots[held][None, :]).min(axis=1, initial=_NOT_YET)
    gains = np.where(distance >= apart, left @ covers, -1.0)
    place = int(gains.argmax())
    return place if gains[place] >= 0 else -1
