"""What a whole run found: scores by scenario, sweep and drill, and the rows that tables and pictures are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.routing.contest import (
    BEST_STATIC,
    BEST_STATIC_VALUE,
    HYPERSWITCH,
    INFORMED,
    ORACLE,
    ORACLE_VALUE,
    OURS,
    THOMPSON,
    TOLD,
)
from bench.routing.drill import Drilled
from bench.routing.intervals import Mean, closed, mean_of
from bench.routing.play import Score
from bench.routing.scenarios import GOAL_BELOW, GOAL_GAP, GOAL_LOST, SCENARIOS, SWEEPS

GAP_MIN: Final = 0.2
"""Below this many points between best static and oracle, a part of the gap says nothing."""
_MAJOR: Final = 100_000.0
"""Thousandths of a minor unit in a unit of money with two decimals."""

Scores = Sequence[Mapping[str, Score]]
"""Everybody's score, by seed."""


@dataclass(slots=True)
class Results:
    """Everything that was measured."""

    seeds: tuple[int, ...]
    scenarios: dict[str, list[dict[str, Score]]] = field(default_factory=dict)
    months: dict[str, list[dict[str, Score]]] = field(default_factory=dict)
    failover: dict[str, list[dict[str, Score]]] = field(default_factory=dict)
    sweeps: dict[str, dict[str, list[dict[str, Score]]]] = field(default_factory=dict)
    drills: dict[str, dict[str, list[Drilled]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One policy in one scenario. `against` is in points of approval beside the best static route, `value` in units of
    money per thousand payments, `value_against` the same beside the static route that is best for value."""

    policy: str
    rate: Mean
    against: Mean
    gap: Mean | None
    value: Mean
    value_against: Mean
    value_gap: Mean | None
    lost: float


def rows(scores: Scores) -> list[Row]:
    """Every policy's row, by what was expected of its choices."""
    return [_row(scores, policy) for policy in scores[0]]


def realised(scores: Scores) -> list[Row]:
    """The same by what happened, where second tries count and expectations of first choices do not tell."""
    return [_row(scores, policy, by_luck=True) for policy in scores[0]]


def _row(scores: Scores, policy: str, *, by_luck: bool = False) -> Row:
    def approvals(name: str) -> list[float]:
        return [one[name].rate if by_luck else one[name].expected_rate for one in scores]

    def values(name: str) -> list[float]:
        return [value_of(one[name], by_luck=by_luck) for one in scores]

    static, oracle, own = approvals(BEST_STATIC), approvals(ORACLE), approvals(policy)
    worth, static_worth, oracle_worth = values(policy), values(BEST_STATIC_VALUE), values(ORACLE_VALUE)
    possible = sum(oracle) - sum(static) >= GAP_MIN * len(scores)
    return Row(
        policy=policy,
        rate=mean_of([one[policy].rate for one in scores]),
        against=mean_of(_differences(own, static)),
        gap=closed(own, static, oracle) if possible else None,
        value=mean_of(worth),
        value_against=mean_of(_differences(worth, static_worth)),
        value_gap=closed(worth, static_worth, oracle_worth) if possible else None,
        lost=mean_of([1000.0 * one[policy].lost_to_outages / one[policy].payments for one in scores]).value,
    )


def value_of(score: Score, *, by_luck: bool = False) -> float:
    """Net value of a thousand payments, in units of money."""
    return (score.worth if by_luck else score.expected_worth) / _MAJOR * 1000.0 / score.payments


def _differences(own: Sequence[float], other: Sequence[float]) -> list[float]:
    return [mine - theirs for mine, theirs in zip(own, other, strict=True)]


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One value of a sweep: the gap there is, and what each policy makes of it, both in points, and the gap closed by
    ours in approvals and in value."""

    label: str
    gap: Mean
    against: Mapping[str, Mean]
    closed: Mean | None
    value_closed: Mean | None


def sweep_points(points: Mapping[str, Scores]) -> list[SweepPoint]:
    """A sweep's rows."""
    found = []
    for label, scores in points.items():
        of = {row.policy: row for row in rows(scores)}
        ours = of[OURS]
        found.append(
            SweepPoint(
                label,
                of[ORACLE].against,
                {name: of[name].against for name in (HYPERSWITCH, THOMPSON, OURS)},
                ours.gap,
                ours.value_gap,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class DrillRow:
    """One policy's way through one breakdown; `opening` and `worst` are what was lost before a breaker opened."""

    policy: str
    before: Mean
    opening: Mean | None
    worst: int | None
    first_minute: Mean
    in_all: Mean
    moved_s: Mean
    at_end: Mean


def drill_rows(drilled: Mapping[str, Sequence[Drilled]]) -> list[DrillRow]:
    """Every policy's row of one kind of breakdown."""
    return [_drill_row(policy, every) for policy, every in drilled.items()]


def _drill_row(policy: str, every: Sequence[Drilled]) -> DrillRow:
    opening = [one.lost_before_opening for one in every if one.lost_before_opening is not None]
    return DrillRow(
        policy,
        before=mean_of([100 * one.share_before for one in every]),
        opening=mean_of([float(lost) for lost in opening]) if opening else None,
        worst=max(opening) if opening else None,
        first_minute=mean_of([float(one.lost_in_first_minute) for one in every]),
        in_all=mean_of([float(one.lost_in_all) for one in every]),
        moved_s=mean_of([one.moved_after_s for one in every]),
        at_end=mean_of([100 * one.share_at_end for one in every]),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal, what was measured, whether it is met in the mean (None: no goal, but worth knowing), and what those could
    do who know the world's kind."""

    goal: str
    where: str
    measured: str
    is_met: bool | None
    informed: str | None = None


def verdicts(results: Results) -> list[Verdict]:
    """Every goal beside its measurement, met or not."""
    found: list[Verdict] = []
    weeks = [(name, "a week", scores) for name, scores in results.scenarios.items()]
    months = [(name, "a month", scores) for name, scores in results.months.items()]
    for name, time, scores in sorted([*weeks, *months], key=lambda one: [*SCENARIOS].index(one[0])):
        if OURS not in scores[0]:
            continue
        scenario = SCENARIOS[name]
        where = f"{scenario.title}: {time}"
        of = {row.policy: row for row in rows(scores)}
        ours = of[OURS]
        if scenario.has_issuers and ours.gap is not None:
            goal = f"at least {GOAL_GAP:.0f} % of the gap closed"
            by_value = bool(scenario.parameters.fees_spread_bp) and ours.value_gap is not None
            gap = ours.value_gap if by_value and ours.value_gap is not None else ours.gap
            said = f"{gap.shown(1)} %" + (" of net value" if by_value else "")
            most = _informed([None if one is None else one.gap for one in (of.get(INFORMED), of.get(TOLD))])
            found.append(Verdict(goal, where, said, gap.value >= GOAL_GAP, most and f"{most} %"))
        if scenario.is_flat:
            goal = f"never more than {GOAL_BELOW} points below best static"
            luck = next(row for row in realised(scores) if row.policy == OURS).against
            said = f"{ours.against.shown(2, sign=True)} points expected; {luck.shown(2, sign=True)} with luck"
            against = [None if one is None else one.against for one in (of.get(INFORMED), of.get(TOLD))]
            most = _informed(against, digits=2, sign=True)
            is_met = ours.against.value >= -GOAL_BELOW
            found.append(Verdict(goal, where, said, is_met, most and f"{most} points"))
        elif not scenario.has_issuers and scenario.is_slow:
            said = f"{ours.against.shown(2, sign=True)} points"
            if THOMPSON in of:
                without = of[THOMPSON].against.shown(2, sign=True)
                said += f"; Thompson sampling, for which issuers never differ: {without}"
            found.append(Verdict("what learning costs beside who knew the best account", where, said, None))
    for kind, drilled in results.drills.items():
        if OURS not in drilled:
            continue
        ours_drilled = next(row for row in drill_rows(drilled) if row.policy == OURS)
        goal = f"at most {GOAL_LOST:.0f} lost before the breaker opens"
        assert ours_drilled.opening is not None, "there is a breaker"
        said = f"{ours_drilled.opening.shown(1)}, at worst {ours_drilled.worst}"
        met = ours_drilled.opening.value <= GOAL_LOST
        found.append(Verdict(goal, f"Drill: {kind} at 1,000 a minute", said, met))
    return found


def _informed(found: Sequence[Mean | None], *, digits: int = 1, sign: bool = False) -> str | None:
    """What the informed learner reaches, and what the one who is told everything does; None where neither was asked."""
    if not any(found):
        return None
    return "; ".join("-" if one is None else one.shown(digits, sign=sign) for one in found)


def sweep_titles() -> dict[str, str]:
    """What each sweep varies."""
    return {one.name: one.title for one in SWEEPS}
