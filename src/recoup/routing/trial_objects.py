"""An experiment as the API and the events show it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.routing.core.trials import APPROVAL, WHOLE, Comparison, Finding, Result, State, Sums, Trial, Unit

PERCENT: int = WHOLE // 100
_DIGITS = 6
_VALUE_DIGITS = 3
_THOUSANDTHS = 1000


class SideObject(Struct, kw_only=True, frozen=True):
    """What one side brought."""

    units: Annotated[int, Meta(description="How many customers, or payments, are on this side.")]
    payments: Annotated[int, Meta(description="How many of their payments have ended.")]
    mean: Annotated[float | None, Meta(description="What a payment brings; null where there is none.")]


class ComparisonObject(Struct, kw_only=True, frozen=True):
    """The two sides by one metric."""

    metric: Annotated[
        Literal["approval_rate", "net_value"],
        Meta(description="`net_value`: the margin of what was approved, less what all tries cost."),
    ]
    currency: Annotated[str | None, Meta(description="Of a net value, which is in its minor units.")]
    a: SideObject
    b: SideObject
    difference: Annotated[float, Meta(description="B less A.")]
    low: Annotated[float | None, Meta(description="The difference is between `low` and `high`,")]
    high: Annotated[
        float | None,
        Meta(description="at all times together, with a probability of 95 %; null: not yet known."),
    ]
    finding: Annotated[
        Finding, Meta(description="`too_few`: fewer units on a side than the experiment asks for.")
    ]


class ResultObject(Struct, kw_only=True, frozen=True):
    """What an experiment has shown so far."""

    approval_rate: ComparisonObject
    net_value: Annotated[list[ComparisonObject], Meta(description="By currency.")]
    is_balanced: Annotated[
        bool,
        Meta(
            description="false: the sides' sizes do not fit the share, so something is wrong with the experiment."
        ),
    ]


class ExperimentObject(Struct, kw_only=True, frozen=True):
    """Two versions of your routing policy, side by side."""

    id: str
    object: Literal["routing_experiment"] = "routing_experiment"
    name: str
    status: State
    policy_a: Annotated[int, Meta(description="The version of the policy that most payments go by.")]
    policy_b: Annotated[int, Meta(description="The version that is tried.")]
    share_b: Annotated[float, Meta(description="The part of B, in per cent.")]
    unit: Unit
    stop_when_worse_by: Annotated[
        float,
        Meta(
            description="The experiment stops by itself once B's approval rate is certainly so many points worse."
        ),
    ]
    units_min: Annotated[
        int, Meta(description="How many units each side needs before anything is concluded.")
    ]
    margin: Annotated[float, Meta(description="What an approval is worth, in per cent of its amount.")]
    result: Annotated[ResultObject | None, Meta(description="Left out of lists and of the first event.")]
    started_at: str
    stopped_at: str | None
    stop_reason: str | None
    livemode: bool


def experiment_object(trial: Trial, result: Result | None, *, livemode: bool) -> ExperimentObject:
    """An experiment as it is now."""
    return ExperimentObject(
        id=render(Kind.EXPERIMENT, trial.id),
        name=trial.name,
        status=trial.state,
        policy_a=trial.version_a,
        policy_b=trial.version_b,
        share_b=trial.share / PERCENT,
        unit=trial.unit,
        stop_when_worse_by=trial.drop_max / PERCENT,
        units_min=trial.units_min,
        margin=trial.margin / PERCENT,
        result=None if result is None else _result(result),
        started_at=rfc3339(trial.started_at),
        stopped_at=None if trial.stopped_at is None else rfc3339(trial.stopped_at),
        stop_reason=trial.reason,
        livemode=livemode,
    )


def _result(result: Result) -> ResultObject:
    return ResultObject(
        approval_rate=_comparison(result.approval),
        net_value=[_comparison(one) for one in result.comparisons if one.metric != APPROVAL],
        is_balanced=result.is_balanced,
    )


def _comparison(one: Comparison) -> ComparisonObject:
    is_approval = one.metric == APPROVAL
    scale, digits = (1, _DIGITS) if is_approval else (_THOUSANDTHS, _VALUE_DIGITS)

    def shown(number: float) -> float:
        return round(number / scale, digits)

    is_known = one.high < float("inf")
    return ComparisonObject(
        metric="approval_rate" if is_approval else "net_value",
        currency=None if is_approval else one.metric,
        a=_side(one.a, scale, digits),
        b=_side(one.b, scale, digits),
        difference=shown(one.difference),
        low=shown(one.low) if is_known else None,
        high=shown(one.high) if is_known else None,
        finding=one.finding,
    )


def _side(sums: Sums, scale: int, digits: int) -> SideObject:
    mean = round(sums.mean / scale, digits) if sums.payments else None
    return SideObject(units=sums.units, payments=sums.payments, mean=mean)
