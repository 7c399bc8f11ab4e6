"""Who plays in the world: policies by their few numbers, schedules that are the same for everybody, the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from recoup.backtests.fixed import after, oracle_played
from recoup.backtests.matches import Ground, Played
from recoup.backtests.ours import Ours
from recoup.sandbox.model import ROUTES


class Method(StrEnum):
    """How the next try is found."""

    JOINT = "joint"
    SCHEDULE = "schedule"
    ORACLE = "oracle"
    """Knows the luck of every moment and route: what nobody can reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """What of a policy can be played in the world. `days` is its window, `schedule` the days of its tries after the
    decline, `asked_after` the days on which customers are asked to pay; `routes` how many it may choose from."""

    name: str
    method: Method
    days: int
    tries: int
    schedule: tuple[float, ...] = ()
    routes: int = ROUTES
    asked_after: tuple[int, ...] = ()


USUAL: Final = (1.0, 3.0, 5.0, 7.0)
"""The schedule that most know: after 1, 3, 5 and 7 days."""
USUAL_NAME: Final = "after 1, 3, 5, 7 days"
ORACLE_NAME: Final = "oracle"


def beside(new: Player) -> tuple[Player, Player]:
    """The usual schedule within the same window and tries, and the oracle of the same window and routes."""
    usual = Player(
        name=USUAL_NAME,
        method=Method.SCHEDULE,
        days=new.days,
        tries=new.tries,
        schedule=USUAL,
        routes=1,
        asked_after=new.asked_after,
    )
    oracle = Player(
        name=ORACLE_NAME,
        method=Method.ORACLE,
        days=new.days,
        tries=1,
        routes=new.routes,
        asked_after=new.asked_after,
    )
    return usual, oracle


def played(ground: Ground, player: Player) -> Played:
    """What becomes of every case when this one plays."""
    days, tries = player.days, player.tries
    match player.method:
        case Method.JOINT:
            ours = Ours(ground, days=days, tries=tries, routes=player.routes)
            return ground.played(
                ours.choose, days=days, tries=tries, told=ours.hear, asked_after=player.asked_after
            )
        case Method.SCHEDULE:
            policy = after(ground, player.schedule)
            return ground.played(policy, days=days, tries=tries, asked_after=player.asked_after)
        case Method.ORACLE:
            return _with_asked(ground, oracle_played(ground, days=days, routes=player.routes), player)


def _with_asked(ground: Ground, found: Played, player: Player) -> Played:
    """Customers who are asked pay where no try would win, or before it."""
    pays_s = ground.pay_asked(player.asked_after, days=player.days)
    lost = (found.won_s < 0) & (pays_s >= 0)
    return Played(np.where(lost, pays_s, found.won_s), found.tries, lost)
