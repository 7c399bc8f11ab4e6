"""The hold-out and experiments with recovery policies over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Problem, Route
from recoup.kit.ids import Kind
from recoup.kit.refusals import not_found
from recoup.recovery.core.policy_file import NAME_LENGTH_MAX, WINDOW_DAYS_MAX
from recoup.recovery.core.trials import Experiment
from recoup.recovery.flow.experiments import RecoveryExperiments, WantedArm
from recoup.recovery.trial_objects import RecoveryExperimentObject, recovery_experiment_object

_TAG: Final = "recovery"
_PATH: Final = "/v1/recovery/experiments"
_ONE: Final = f"{_PATH}/{{recovery_experiment}}"
_HOLD_OUT: Final = "/v1/recovery/hold_out"
_BASIS_POINTS: Final = 100
_ARMS_MAX: Final = 5
_HELD_OUT_MAX: Final = 90
_VERSION_MAX: Final = 2**31 - 1

Days = Annotated[int, Meta(ge=1, le=WINDOW_DAYS_MAX)]
_RUNNING: Final = Problem("experiment_running", 409, "An experiment runs: end it first.")


class CreateArm(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An arm of an experiment."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX)]
    policy: Annotated[
        str, Meta(min_length=1, max_length=NAME_LENGTH_MAX, description="A recovery policy's name.")
    ]
    policy_version: Annotated[
        Annotated[int, Meta(ge=1, le=_VERSION_MAX)] | None,
        Meta(description="Left out: the newest. The arm stays with it."),
    ] = None
    share: Annotated[
        int,
        Meta(ge=1, le=100, description="The part of those who are not held out, in per cent; together 100."),
    ]


class CreateRecoveryExperiment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Policies of recovery, to be tried side by side."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    arms: Annotated[list[CreateArm], Meta(min_length=1, max_length=_ARMS_MAX)]
    age_days: Annotated[
        Days | None,
        Meta(description="At which age recoveries are compared. Left out: the longest window of the arms."),
    ] = None


class SetHoldOut(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many people are held out."""

    share: Annotated[
        int, Meta(ge=0, le=_HELD_OUT_MAX, description="The part of people who go by `baseline`, in per cent.")
    ]


class RecoveryResultQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """At which age recoveries are compared."""

    age_days: Annotated[Days | None, Meta(description="Left out: the experiment's own.")] = None


class RecoveryExperimentQuery(ListQuery, frozen=True):
    """Which experiments to list."""


class RecoveryExperimentList(ListObject[RecoveryExperimentObject], frozen=True):
    """A page of experiments and hold-outs."""


class RecoveryExperimentsApi:
    """The routes of the hold-out and of experiments."""

    def __init__(self, experiments: RecoveryExperiments) -> None:
        self._experiments = experiments

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._held_out(), self._create(), *self._reads(), self._end()]

    def _held_out(self) -> list[Route]:
        return [
            Route(
                "GET",
                _HOLD_OUT,
                self.hold_out,
                query=RecoveryResultQuery,
                answer=RecoveryExperimentObject,
                summary="Read the hold-out",
                description="With what recovery has brought beyond your `baseline`. In live mode 5 % of people are "
                "held out from the first recovery on; in test mode nobody is, until you set a share.",
                tag=_TAG,
            ),
            Route(
                "POST",
                _HOLD_OUT,
                self.set_hold_out,
                body=SetHoldOut,
                answer=RecoveryExperimentObject,
                summary="Set the share of the hold-out",
                description="From now on. The same people stay held out, as far as the share allows. What is measured "
                "begins anew.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_RUNNING,),
            ),
        ]

    def _create(self) -> Route:
        return Route(
            "POST",
            _PATH,
            self.begin_experiment,
            body=CreateRecoveryExperiment,
            answer=RecoveryExperimentObject,
            status=201,
            summary="Begin an experiment with recovery policies",
            description="From now on every recovery that would go by `default` goes by the policy of an arm, the same "
            "person always by the same; the hold-out stays. One experiment runs at a time.",
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(
                _RUNNING,
                Problem("shares_not_whole", 400),
                Problem("arm_names", 400),
                Problem("arm_declines", 400),
            ),
            examples={
                "A longer window for half": {
                    "name": "Longer window",
                    "arms": [
                        {"name": "as now", "policy": "default", "share": 50},
                        {"name": "patient", "policy": "patient", "share": 50},
                    ],
                }
            },
        )

    def _reads(self) -> list[Route]:
        return [
            Route(
                "GET",
                _PATH,
                self.experiments,
                query=RecoveryExperimentQuery,
                answer=RecoveryExperimentList,
                summary="List experiments with recovery policies",
                tag=_TAG,
            ),
            Route(
                "GET",
                _ONE,
                self.experiment,
                query=RecoveryResultQuery,
                answer=RecoveryExperimentObject,
                summary="Read an experiment with recovery policies",
                description="With what it has shown so far: arms are held against the hold-out at equal age. Its "
                "intervals hold however often you look.",
                tag=_TAG,
            ),
        ]

    def _end(self) -> Route:
        return Route(
            "POST",
            f"{_ONE}/end",
            self.end_experiment,
            answer=RecoveryExperimentObject,
            summary="End an experiment with recovery policies",
            description="Recoveries that open from now on go by `default`. Those that are open stay with their "
            "policies and are counted on.",
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(Problem("experiment_ended", 409), Problem("hold_out_stands", 409)),
        )

    async def hold_out(self, call: Call[None, RecoveryResultQuery]) -> RecoveryExperimentObject:
        """`GET /v1/recovery/hold_out`."""
        found = await self._experiments.hold_out(call.merchant)
        if found is None:
            raise not_found(
                "hold-out", "yours", hint="It begins with the first recovery, or when you set it."
            )
        return await self._with_result(call, found)

    async def set_hold_out(self, call: Call[SetHoldOut, None]) -> RecoveryExperimentObject:
        """`POST /v1/recovery/hold_out`."""
        held_out = call.body.share * _BASIS_POINTS
        found = await self._experiments.set_hold_out(
            call.transaction(), call.merchant, held_out, now=call.now
        )
        return _object(found, call)

    async def begin_experiment(self, call: Call[CreateRecoveryExperiment, None]) -> RecoveryExperimentObject:
        """`POST /v1/recovery/experiments`."""
        body = call.body
        arms = [
            WantedArm(one.name, one.policy, one.policy_version, one.share * _BASIS_POINTS)
            for one in body.arms
        ]
        begun = await self._experiments.create(
            call.transaction(), call.merchant, body.name, arms, age_days=body.age_days, now=call.now
        )
        return _object(begun, call)

    async def experiments(self, call: Call[None, RecoveryExperimentQuery]) -> RecoveryExperimentList:
        """`GET /v1/recovery/experiments`."""
        page = call.query.page(Kind.EXPERIMENT)
        found = await self._experiments.page(
            call.merchant, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        return RecoveryExperimentList(
            data=[_object(one, call) for one in shown], has_more=has_more, url=_PATH
        )

    async def experiment(self, call: Call[None, RecoveryResultQuery]) -> RecoveryExperimentObject:
        """`GET /v1/recovery/experiments/{id}`."""
        id_ = call.path_id("recovery_experiment", Kind.EXPERIMENT)
        return await self._with_result(call, await self._experiments.get(call.merchant, id_))

    async def end_experiment(self, call: Call[None, None]) -> RecoveryExperimentObject:
        """`POST /v1/recovery/experiments/{id}/end`."""
        id_ = call.path_id("recovery_experiment", Kind.EXPERIMENT)
        return _object(
            await self._experiments.end(call.transaction(), call.merchant, id_, now=call.now), call
        )

    async def _with_result(
        self, call: Call[None, RecoveryResultQuery], found: Experiment
    ) -> RecoveryExperimentObject:
        shown = await self._experiments.result(
            call.merchant, found, age_days=call.query.age_days, now=call.now
        )
        return recovery_experiment_object(found, shown, livemode=call.merchant.livemode)


def _object(found: Experiment, call: Call[Any, Any]) -> RecoveryExperimentObject:
    return recovery_experiment_object(found, None, livemode=call.merchant.livemode)
