"""The outage drill: at a thousand payments a minute the best of four acquirers breaks for five minutes, and returns.

What is counted is the same for everybody: payments that met the outage, in its first minute and in all. A policy has
moved away at the first moment of the outage from which at most ten of the next hundred payments go to the broken
acquirer. Where there is a breaker, what was lost before it opened is counted by the breaker itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Final

from bench.routing.contest import RIVALS
from bench.routing.ours import Ours
from bench.routing.play import Play
from bench.routing.rivals import Policy
from bench.routing.world import (
    BROKEN,
    DAY_S,
    HUNG,
    MINUTE_S,
    REFUSED,
    Incident,
    Parameters,
    Timed,
    World,
    make,
)

A_MINUTE: Final = 1_000.0
WARM_UP_MINUTES: Final = 6.0
OUTAGE_MINUTES: Final = 5.0
AFTER_MINUTES: Final = 6.0
NEXT: Final = 100
STRAY: Final = 10
SETTLED_MINUTES: Final = 2.0
"""The last minutes of the drill, in which a policy should have come back."""
KINDS: Final[Mapping[str, tuple[Timed, float]]] = {
    "refuses everything": (REFUSED, 1.0),
    "refuses 60 %": (REFUSED, 0.6),
    "declines everything": (BROKEN, 1.0),
    "hangs": (HUNG, 1.0),
}
PARAMETERS: Final = Parameters(
    days=(WARM_UP_MINUTES + OUTAGE_MINUTES + AFTER_MINUTES) * MINUTE_S / DAY_S,
    payments_a_minute=A_MINUTE,
    gap_points=6.0,
)


def brief(parameters: Parameters) -> Parameters:
    """The same drill in half the time, warm-up and outage included."""
    return replace(parameters, days=parameters.days / 2)


@dataclass(frozen=True, slots=True)
class DrillTask:
    """One breakdown to go through, and by whom."""

    kind: str
    seed: int
    policies: tuple[str, ...]
    parameters: Parameters = PARAMETERS


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a breakdown cost. Shares are of payments sent to the acquirer that broke; `lost_before_opening` is None
    where there is no breaker."""

    share_before: float
    lost_before_opening: int | None
    lost_in_first_minute: int
    lost_in_all: int
    moved_after_s: float
    share_at_end: float
    by_ten_seconds: tuple[float, ...]
    """The share of payments asked of it, in each ten seconds of the drill."""


@dataclass(slots=True)
class _Log:
    """Of each payment: whether it was sent to the acquirer that breaks, and whether the outage took it."""

    choices: list[int]
    lost: list[int]
    opened: int | None = None
    """The first payment of the outage that found the breaker open."""


def drill(task: DrillTask) -> dict[str, Drilled]:
    """Lets policies live through one breakdown, each for itself."""
    world, incident = _world(task)
    return {name: _lived_through(world, incident, name) for name in task.policies}


def _lived_through(world: World, incident: Incident, name: str) -> Drilled:
    policy = RIVALS[name](world, Random(f"{name} {world.seed}"))
    play, log = Play(world, policy), _Log([], [])
    for payment in world.payments:
        first, answer = play.route(payment)
        log.choices.append(int(first == incident.acquirer))
        log.lost.append(int(answer.is_outage))
        is_out = incident.from_s <= payment.at_s < incident.to_s
        if log.opened is None and is_out and _is_open(policy, incident.acquirer):
            log.opened = payment.index
    return _counted(world, incident, log, has_breaker=isinstance(policy, Ours))


def _is_open(policy: Policy, acquirer: int) -> bool:
    return isinstance(policy, Ours) and policy.is_degraded(acquirer)


def _world(task: DrillTask) -> tuple[World, Incident]:
    parameters = task.parameters
    well = make(parameters, task.seed)
    sums = [sum(chances[one] for chances in well.chances) for one in range(len(well.acquirers))]
    answer, share = KINDS[task.kind]
    start_s = parameters.days * DAY_S * WARM_UP_MINUTES / (WARM_UP_MINUTES + OUTAGE_MINUTES + AFTER_MINUTES)
    length_s = start_s / WARM_UP_MINUTES * OUTAGE_MINUTES
    incident = Incident(sums.index(max(sums)), start_s, start_s + length_s, share, answer)
    return make(parameters, task.seed, [incident]), incident


def _counted(world: World, incident: Incident, log: _Log, *, has_breaker: bool) -> Drilled:
    times = [payment.at_s for payment in world.payments]
    start, end = bisect_left(times, incident.from_s), bisect_left(times, incident.to_s)
    minute = bisect_left(times, incident.from_s + MINUTE_S)
    settled = bisect_left(times, times[-1] - SETTLED_MINUTES * MINUTE_S)
    sums = [0, *accumulate(log.choices)]
    moved = next((one for one in range(start, end) if sums[min(one + NEXT, end)] - sums[one] <= STRAY), end)
    warm = start // 2
    opened = end if log.opened is None else log.opened
    return Drilled(
        share_before=(sums[start] - sums[warm]) / max(start - warm, 1),
        lost_before_opening=sum(log.lost[start:opened]) if has_breaker else None,
        lost_in_first_minute=sum(log.lost[start:minute]),
        lost_in_all=sum(log.lost),
        moved_after_s=times[min(moved, len(times) - 1)] - incident.from_s,
        share_at_end=(sums[-1] - sums[settled]) / max(len(times) - settled, 1),
        by_ten_seconds=_shares(times, log.choices),
    )


def _shares(times: Sequence[float], choices: Sequence[int]) -> tuple[float, ...]:
    rows: dict[int, list[int]] = {}
    for at_s, chosen in zip(times, choices, strict=True):
        rows.setdefault(int(at_s // 10), []).append(chosen)
    last = int(times[-1] // 10)
    return tuple(sum(row) / len(row) if (row := rows.get(one, [])) else 0.0 for one in range(last + 1))
