"""Who plays in the world: policies as merchants write them, the usual schedule beside them, and the oracle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import time
from typing import Final

import numpy as np

from recoup.backtests.fixed import oracle_played
from recoup.backtests.matches import CATEGORIES, DAY_S, Chosen, Ground, Ints, Played, Policy, Told
from recoup.backtests.ours import Ours
from recoup.messages.core.policy import MessagePolicy
from recoup.recovery.core import policy as policies
from recoup.recovery.core.joint import DEFAULT_COSTS, Costs
from recoup.recovery.core.policy import Method, Routes
from recoup.sandbox.model import ROUTES

USUAL_NAME: Final = "1/3/5/7"
ORACLE_NAME: Final = "oracle"
ASKED_AFTER: Final = tuple(MessagePolicy().days_while_retrying)
"""The days on which customers are asked while tries go on, where a policy lets them be asked."""
_BASIS_POINTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Player:
    """A policy under the name that it has in a report. `knows_all`: only its window, routes and asking count."""

    name: str
    policy: policies.Policy
    knows_all: bool = False

    @property
    def days(self) -> int:
        """Its window."""
        return self.policy.window.days

    @property
    def tries(self) -> int:
        """How often it may try."""
        return 1 if self.knows_all else self.policy.tries_max

    @property
    def routes(self) -> int:
        """From how many of the world's routes it may choose; renewals went by the first."""
        if self.policy.routes is Routes.SAME:
            return 1
        return min(len(self.policy.accounts), ROUTES) or ROUTES

    @property
    def asked_after(self) -> tuple[int, ...]:
        """After how many days customers are asked to pay."""
        return ASKED_AFTER if self.policy.asking else ()


def beside(new: Player) -> tuple[Player, Player]:
    """The usual schedule within the same window and tries, and the oracle of the same window and routes."""
    usual = replace(
        new.policy, method=Method.SCHEDULE, days=policies.OLD_DAYS, at=None, hours=policies.ALL_DAY
    )
    return Player(USUAL_NAME, usual), Player(ORACLE_NAME, new.policy, knows_all=True)


def played(ground: Ground, player: Player) -> Played:
    """What becomes of every case when this one plays."""
    policy, days = player.policy, player.days
    choose: Policy
    told: Told | None = None
    if player.knows_all:
        return _all_known(ground, player)
    if policy.method is Method.JOINT:
        ours = Ours(
            ground,
            days=days,
            tries=player.tries,
            routes=player.routes,
            costs=costs_of(policy),
            fee=policy.try_costs,
            hours=policy.hours,
        )
        choose, told = ours.choose, ours.hear
    else:
        choose = scheduled(ground, policy)
    return ground.played(
        _covered(ground, choose, policy),
        days=days,
        tries=player.tries,
        told=told,
        asked_after=player.asked_after,
    )


def costs_of(policy: policies.Policy) -> Costs:
    """What the joint choice reckons with."""
    return replace(
        DEFAULT_COSTS,
        margin=policy.margin / _BASIS_POINTS,
        lost_per_day=policy.lost_per_day / _BASIS_POINTS,
    )


def scheduled(ground: Ground, policy: policies.Policy) -> Policy:
    """Tries on a policy's days by the customers' own clocks, by the route that was declined."""
    calendar, zones = ground.world.nature.tables, ground.world.who.zone
    begins, ends = _second(policy.hours.begins), _second(policy.hours.ends)

    def next_tries(cases: Ints, made: int) -> Chosen:
        route = np.zeros(len(cases), dtype=np.int64)
        if made >= len(policy.days):
            return Chosen(np.full(len(cases), np.nan), route)
        local = calendar.local_s(zones[cases], ground.seen.when_s[cases])
        day, second = np.divmod(local, DAY_S)
        if policy.at is not None:
            second = np.full(len(cases), _second(policy.at), dtype=np.int64)
        late = second >= ends
        wanted = (day + policy.days[made] + late) * DAY_S + np.where(late, begins, np.maximum(second, begins))
        return Chosen(calendar.utc_s(zones[cases], wanted).astype(np.float64), route)

    return next_tries


def _covered(ground: Ground, choose: Policy, policy: policies.Policy) -> Policy:
    """Without tries of what the policy does not take on."""
    if policy.declines is None:
        return choose
    takes = np.isin(CATEGORIES[ground.seen.answers.code], sorted(policy.declines))

    def next_tries(cases: Ints, made: int) -> Chosen:
        found = choose(cases, made)
        return Chosen(np.where(takes[cases], found.when_s, np.nan), found.route)

    return next_tries


def _all_known(ground: Ground, player: Player) -> Played:
    """Customers who are asked pay where no try would win."""
    found = oracle_played(ground, days=player.days, routes=player.routes)
    pays_s = ground.pay_asked(player.asked_after, days=player.days)
    lost = (found.won_s < 0) & (pays_s >= 0)
    return Played(np.where(lost, pays_s, found.won_s), found.tries, lost)


def _second(moment: time) -> int:
    return (moment.hour * 60 + moment.minute) * 60
