"""Recoup's own choice of the next try, handed what a merchant sees of a world and nothing else."""

from __future__ import annotations

from typing import Final

import numpy as np

from recoup.backtests.matches import CATEGORIES, DAY_S, FEE, Chosen, Flags, Floats, Ground, Ints
from recoup.recovery.core.chances import Means, Options
from recoup.recovery.core.joint import DEFAULT_COSTS, Costs, Observed, plan_many
from recoup.recovery.core.policy import ALL_DAY, Hours
from recoup.sandbox.core.people import COUNTRIES
from recoup.sandbox.model import Answers, History
from recoup.sandbox.model.calendar import ZONES

ADVISED_DAYS: Final = {"24": 1 / 24, "25": 1.0, "26": 2.0, "27": 4.0, "28": 6.0, "29": 8.0, "30": 10.0}
"""After how long Mastercard's advice says to try again."""


class Ours:
    """The joint choice, asked again after every answer."""

    def __init__(
        self,
        ground: Ground,
        *,
        days: int,
        tries: int,
        routes: int,
        costs: Costs = DEFAULT_COSTS,
        fee: int = FEE,
        hours: Hours = ALL_DAY,
    ) -> None:
        self._costs, self._fee, self._hours = costs, float(fee), hours
        seen = ground.seen
        self._ground, self._days, self._tries, self._routes = ground, days, tries, routes
        self._at, self._approved, self._said = _packed(seen.history, room=tries)
        self._here = np.zeros(self._at.shape, dtype=np.bool_)
        self._first = self._at.shape[1] - tries
        self._refused_s = seen.when_s.astype(np.float64)
        self._category = CATEGORIES[seen.answers.code]
        self._advice = seen.answers.advice.copy()
        self._moved_then = np.zeros(self._at.shape, dtype=np.bool_)
        self._moved = np.zeros(len(ground.world), dtype=np.bool_)
        self._refused = np.arange(routes) == np.zeros((len(ground.world), 1))

    def choose(self, cases: Ints, made: int) -> Chosen:
        """The next try of each of these; the policy of a `Ground`."""
        deadline = self._ground.deadline_s(cases, self._days).astype(np.float64)
        found = plan_many(
            self._observed(cases, made),
            now=self._refused_s[cases],
            tries_left=self._tries - made,
            deadline=deadline,
            costs=self._costs,
            hours=self._hours,
        )
        return Chosen(found.when, found.route)

    def hear(self, cases: Ints, when_s: Ints, route: Ints, answers: Answers) -> None:
        """What was answered, of which declines are remembered."""
        place = self._first + int(self._here[cases[0]].sum())
        self._at[cases, place] = self._refused_s[cases]
        self._said[cases, place] = self._category[cases]
        self._here[cases, place] = True
        self._moved_then[cases, place] = self._moved[cases]
        self._moved[cases] = ~self._refused[cases, route]
        self._refused[cases, route] = True
        self._refused_s[cases] = when_s
        self._category[cases] = CATEGORIES[answers.code]
        self._advice[cases] = answers.advice

    def _observed(self, cases: Ints, made: int) -> Observed:
        seen, until = self._ground.seen, self._first + made
        at = self._at[cases, :until]
        advised = self._refused_s[cases] + _advised_days(self._advice[cases]) * DAY_S
        shape = (len(cases), self._routes)
        routes = np.broadcast_to(np.arange(self._routes), shape)
        return Observed(
            country=[COUNTRIES[one].code for one in seen.country[cases]],
            zone=[str(ZONES[one]) for one in seen.zone[cases]],
            stated=[None] * len(cases),
            category=[str(one) for one in self._category[cases]],
            refused_at=self._refused_s[cases],
            not_before=advised,
            advised_at=advised,
            worth=seen.amount[cases].astype(np.float64),
            seen_at=at,
            seen_approved=self._approved[cases, :until],
            seen_category=self._said[cases, :until],
            seen_here=self._here[cases, :until],
            seen_ratio=np.where(np.isfinite(at), 1.0, np.nan),
            options=Options(
                route=routes,
                means=np.full(shape, Means.OLD, dtype=np.int64),
                refused=self._refused[cases],
                liked=np.ones(shape),
            ),
            cost=np.full(shape, self._fee),
            seen_moved=self._moved_then[cases, :until],
            moved=self._moved[cases],
        )


def _advised_days(advice: np.ndarray[tuple[int, ...], np.dtype[np.str_]]) -> Floats:
    return np.asarray([ADVISED_DAYS.get(str(one), np.nan) for one in advice], dtype=np.float64)


def _packed(
    history: History, *, room: int
) -> tuple[Floats, Flags, np.ndarray[tuple[int, ...], np.dtype[np.str_]]]:
    """Times, approvals and categories of earlier tries, without the gaps between them, with room for more."""
    order = np.argsort(~history.there, axis=1, kind="stable")[:, : int(history.there.sum(axis=1).max())]

    def taken(
        what: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
    ) -> np.ndarray[tuple[int, ...], np.dtype]:
        return np.take_along_axis(what, order, axis=1)

    there, wide = taken(history.there), ((0, 0), (0, room))
    at = np.where(there, taken(history.when_s).astype(np.float64), np.nan)
    approved = there & taken(history.approved)
    said = np.where(there & ~approved, CATEGORIES[taken(history.code)], "")
    return np.pad(at, wide, constant_values=np.nan), np.pad(approved, wide), np.pad(said, wide)
