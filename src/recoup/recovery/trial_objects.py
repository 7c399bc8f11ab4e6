"""An experiment with recovery policies as the API and the events show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.recovery.core.arms import HOLD_OUT, WHOLE
from recoup.recovery.core.trials import (
    ALL,
    RECOVERED,
    Cell,
    Experiment,
    Result,
    State,
    Totals,
    Uplift,
)
from recoup.routing.core.trials import Finding, Sums

FindingWord = Literal["better", "worse", "undecided", "too_few"]
_PERCENT: Final = WHOLE // 100
_DIGITS: Final = 6
_VALUE_DIGITS: Final = 3
_THOUSANDTHS: Final = 1000
_FINDINGS: Final[Mapping[Finding, FindingWord]] = {
    Finding.B_BETTER: "better",
    Finding.A_BETTER: "worse",
    Finding.UNDECIDED: "undecided",
    Finding.TOO_FEW: "too_few",
}


class RecoveryShareObject(Struct, kw_only=True, frozen=True):
    """An arm of an experiment."""

    name: str
    policy: str
    policy_version: Annotated[
        int | None, Meta(description="Null where the policy is built in, or stands as it is.")
    ]
    share: Annotated[float, Meta(description="The part of those who are not held out, in per cent.")]


class RecoveryValueObject(Struct, kw_only=True, frozen=True):
    """Money, in minor units of a currency."""

    currency: str
    recovered: int
    spent: Annotated[float, Meta(description="What all tries cost, by the policy's own price of a try.")]
    net: float


class RecoveryTotalsObject(Struct, kw_only=True, frozen=True):
    """What was done so far, whatever the age."""

    opened: int
    open: int
    recovered: int
    tries: int
    messages: Annotated[int, Meta(description="Messages that left to customers, or that you were to send.")]
    values: list[RecoveryValueObject]


class RecoveryCategoryObject(Struct, kw_only=True, frozen=True):
    """The same of one category of declines."""

    category: str
    totals: RecoveryTotalsObject


class RecoveryArmResultObject(Struct, kw_only=True, frozen=True):
    """What came of an arm."""

    arm: str
    totals: RecoveryTotalsObject
    by_category: list[RecoveryCategoryObject]
    recovered_by_day: Annotated[
        list[float],
        Meta(
            description="The part of payments recovered by the end of each day since the opening. Each day counts "
            "those who are that old, so that young recoveries are in it as far as they have lived."
        ),
    ]


class UpliftSideObject(Struct, kw_only=True, frozen=True):
    """One side of a comparison."""

    people: int
    recoveries: int
    mean: Annotated[float | None, Meta(description="What a recovery brings; null where there is none.")]


class RecoveryUpliftObject(Struct, kw_only=True, frozen=True):
    """An arm against the hold-out, at equal age."""

    arm: str
    category: Annotated[str | None, Meta(description="Null: all declines together.")]
    metric: Annotated[
        Literal["recovered", "net_value"],
        Meta(description="`net_value`: what was recovered, less what the tries cost."),
    ]
    currency: Annotated[str | None, Meta(description="Of a net value, which is in its minor units.")]
    in_arm: UpliftSideObject
    held_out: UpliftSideObject
    difference: Annotated[float, Meta(description="A recovery in the arm less one that is held out.")]
    low: Annotated[float | None, Meta(description="The difference is between `low` and `high`,")]
    high: Annotated[
        float | None,
        Meta(description="at all times together, with a probability of 95 %; null: not yet known."),
    ]
    finding: Annotated[
        FindingWord, Meta(description="`too_few`: fewer than 500 people in the arm or in the hold-out.")
    ]


class RecoveryResultObject(Struct, kw_only=True, frozen=True):
    """What an experiment has shown so far."""

    age_days: Annotated[int, Meta(description="At which age recoveries are compared.")]
    recoveries: int
    complete: Annotated[
        bool, Meta(description="false: the experiment has more than the first 100,000 that are counted.")
    ]
    is_balanced: Annotated[
        bool, Meta(description="false: the hold-out's size does not fit its share, so something is wrong.")
    ]
    arms: list[RecoveryArmResultObject]
    uplift: list[RecoveryUpliftObject]


class RecoveryExperimentObject(Struct, kw_only=True, frozen=True):
    """Policies of recovery side by side, with people held out on the baseline."""

    id: str
    object: Literal["recovery_experiment"] = "recovery_experiment"
    name: str
    standing: Annotated[bool, Meta(description="true: the hold-out, while no other experiment runs.")]
    status: State
    hold_out_share: Annotated[
        float, Meta(description="The part of people who go by `baseline`, in per cent.")
    ]
    arms: list[RecoveryShareObject]
    age_days: int
    result: Annotated[RecoveryResultObject | None, Meta(description="Left out of lists and of events.")]
    started_at: str
    ended_at: str | None
    livemode: bool


def recovery_experiment_object(
    experiment: Experiment, result: Result | None, *, livemode: bool
) -> RecoveryExperimentObject:
    """An experiment as it is now."""
    return RecoveryExperimentObject(
        id=render(Kind.EXPERIMENT, experiment.id),
        name=experiment.name,
        standing=experiment.standing,
        status=experiment.state,
        hold_out_share=experiment.held_out / _PERCENT,
        arms=[
            RecoveryShareObject(
                name=one.arm, policy=one.policy, policy_version=one.version, share=one.share / _PERCENT
            )
            for one in experiment.shares
        ],
        age_days=experiment.age_days,
        result=None if result is None else _result(experiment, result),
        started_at=rfc3339(experiment.started_at),
        ended_at=None if experiment.ended_at is None else rfc3339(experiment.ended_at),
        livemode=livemode,
    )


def _result(experiment: Experiment, result: Result) -> RecoveryResultObject:
    return RecoveryResultObject(
        age_days=result.age_days,
        recoveries=result.counts.recoveries,
        complete=result.counts.complete,
        is_balanced=result.balanced,
        arms=[_arm(arm, result) for arm in experiment.arms],
        uplift=[_uplift(one) for one in result.uplifts] if HOLD_OUT in experiment.arms else [],
    )


def _arm(arm: str, result: Result) -> RecoveryArmResultObject:
    cells: Mapping[Cell, Totals] = result.counts.totals
    categories = sorted(cell.category for cell in cells if cell.arm == arm and cell.category != ALL)
    return RecoveryArmResultObject(
        arm=arm,
        totals=_totals(cells.get(Cell(arm, ALL), Totals())),
        by_category=[
            RecoveryCategoryObject(category=one, totals=_totals(cells[Cell(arm, one)])) for one in categories
        ],
        recovered_by_day=[round(one, _DIGITS) for one in result.curves.get(arm, ())],
    )


def _totals(one: Totals) -> RecoveryTotalsObject:
    gained, spent = one.gained or {}, one.spent or {}
    return RecoveryTotalsObject(
        opened=one.opened,
        open=one.still_open,
        recovered=one.recovered,
        tries=one.tries,
        messages=one.messages,
        values=[
            RecoveryValueObject(
                currency=currency,
                recovered=gained[currency] // _THOUSANDTHS,
                spent=spent[currency] / _THOUSANDTHS,
                net=(gained[currency] - spent[currency]) / _THOUSANDTHS,
            )
            for currency in sorted(gained)
        ],
    )


def _uplift(one: Uplift) -> RecoveryUpliftObject:
    found, is_share = one.comparison, one.comparison.metric == RECOVERED
    scale, digits = (1, _DIGITS) if is_share else (_THOUSANDTHS, _VALUE_DIGITS)

    def shown(number: float) -> float:
        return round(number / scale, digits)

    def side(sums: Sums) -> UpliftSideObject:
        mean = shown(sums.mean) if sums.payments else None
        return UpliftSideObject(people=sums.units, recoveries=sums.payments, mean=mean)

    is_known = found.high < float("inf")
    return RecoveryUpliftObject(
        arm=one.arm,
        category=one.category or None,
        metric="recovered" if is_share else "net_value",
        currency=None if is_share else found.metric,
        in_arm=side(found.b),
        held_out=side(found.a),
        difference=shown(found.difference),
        low=shown(found.low) if is_known else None,
        high=shown(found.high) if is_known else None,
        finding=_FINDINGS[found.finding],
    )
