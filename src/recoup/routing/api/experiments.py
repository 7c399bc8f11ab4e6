"""Routing experiments over HTTP: begin one, look at it as often as you like, stop it."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Problem, Route
from recoup.kit.ids import Kind
from recoup.routing.core.trials import UNITS_MIN, Unit
from recoup.routing.flow.experiments import Experiments, Wanted
from recoup.routing.trial_objects import PERCENT, ExperimentObject, experiment_object

_TAG: Final = "routing"
_PATH: Final = "/v1/routing/experiments"
_ONE: Final = f"{_PATH}/{{experiment}}"
_VERSION_MAX: Final = 2**31 - 1
_UNITS_MAX: Final = 10_000_000
_BY_HAND: Final = "stopped by you"

Version = Annotated[int, Meta(ge=1, le=_VERSION_MAX)]


class CreateExperiment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Two saved versions of your routing policy, to be tried side by side."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    policy_a: Annotated[Version, Meta(description="The version that most payments go by.")]
    policy_b: Annotated[Version, Meta(description="The version that is tried.")]
    share_b: Annotated[int, Meta(ge=1, le=99, description="The part of B, in per cent.")] = 50
    unit: Annotated[
        Unit,
        Meta(description="What stays on one side: a customer with all payments, or each payment by itself."),
    ] = Unit.CUSTOMER
    stop_when_worse_by: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="The experiment stops by itself once B's approval rate is certainly so many points worse.",
        ),
    ] = 1
    units_min: Annotated[
        int,
        Meta(
            ge=UNITS_MIN // 5, le=_UNITS_MAX, description="How many units each side needs for a conclusion."
        ),
    ] = UNITS_MIN
    margin: Annotated[
        int, Meta(ge=0, le=100, description="What an approval is worth to you, in per cent of its amount.")
    ] = 100


class StopExperiment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is stopped."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)] | None = None


class ExperimentQuery(ListQuery, frozen=True):
    """Which experiments to list."""


class ExperimentList(ListObject[ExperimentObject], frozen=True):
    """A page of routing experiments."""


class ExperimentsApi:
    """The routes of routing experiments."""

    def __init__(self, experiments: Experiments) -> None:
        self._experiments = experiments

    def routes(self) -> list[Route]:
        """All routes."""
        return [self._create(), *self._reads(), self._stop()]

    def _create(self) -> Route:
        return Route(
            "POST",
            _PATH,
            self.begin_experiment,
            body=CreateExperiment,
            answer=ExperimentObject,
            status=201,
            summary="Begin a routing experiment",
            description="From then on every payment for which you name no accounts goes by one of two versions of your "
            "routing policy. One experiment runs at a time.",
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(Problem("experiment_running", 409), Problem("experiment_of_one", 400)),
            examples={
                "Try version 4 on a fifth of your customers": {
                    "name": "Local acquiring first",
                    "policy_a": 3,
                    "policy_b": 4,
                    "share_b": 20,
                }
            },
        )

    def _reads(self) -> list[Route]:
        return [
            Route(
                "GET",
                _PATH,
                self.experiments,
                query=ExperimentQuery,
                answer=ExperimentList,
                summary="List routing experiments",
                tag=_TAG,
            ),
            Route(
                "GET",
                _ONE,
                self.experiment,
                answer=ExperimentObject,
                summary="Read a routing experiment",
                description="With what it has shown so far. Its intervals hold however often you look.",
                tag=_TAG,
            ),
        ]

    def _stop(self) -> Route:
        return Route(
            "POST",
            f"{_ONE}/stop",
            self.stop_experiment,
            body=StopExperiment,
            answer=ExperimentObject,
            summary="Stop a routing experiment",
            description="All payments go by the version in force again. To keep B, make it the version in force.",
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(Problem("experiment_stopped", 409),),
        )

    async def begin_experiment(self, call: Call[CreateExperiment, None]) -> ExperimentObject:
        """`POST /v1/routing/experiments`."""
        body = call.body
        wanted = Wanted(
            name=body.name,
            version_a=body.policy_a,
            version_b=body.policy_b,
            share=body.share_b * PERCENT,
            unit=body.unit,
            drop_max=body.stop_when_worse_by * PERCENT,
            units_min=body.units_min,
            margin=body.margin * PERCENT,
        )
        trial = await self._experiments.create(call.transaction(), call.merchant, wanted, now=call.now)
        return experiment_object(trial, None, livemode=call.merchant.livemode)

    async def experiments(self, call: Call[None, ExperimentQuery]) -> ExperimentList:
        """`GET /v1/routing/experiments`."""
        page = call.query.page(Kind.EXPERIMENT)
        found = await self._experiments.page(
            call.merchant, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        livemode = call.merchant.livemode
        data = [experiment_object(one, None, livemode=livemode) for one in shown]
        return ExperimentList(data=data, has_more=has_more, url=_PATH)

    async def experiment(self, call: Call[None, None]) -> ExperimentObject:
        """`GET /v1/routing/experiments/{id}`."""
        trial, shown = await self._experiments.get(call.merchant, call.path_id("experiment", Kind.EXPERIMENT))
        return experiment_object(trial, shown, livemode=call.merchant.livemode)

    async def stop_experiment(self, call: Call[StopExperiment, None]) -> ExperimentObject:
        """`POST /v1/routing/experiments/{id}/stop`."""
        trial, shown = await self._experiments.stop(
            call.transaction(),
            call.merchant,
            call.path_id("experiment", Kind.EXPERIMENT),
            reason=call.body.reason or _BY_HAND,
            now=call.now,
        )
        return experiment_object(trial, shown, livemode=call.merchant.livemode)
