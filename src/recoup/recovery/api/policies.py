"""Policies of recovery over HTTP: what there is, whether a text is one, and a new version."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from recoup.http.fields import ListObject
from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import invalid, not_found
from recoup.recovery.core.policy import POLICIES
from recoup.recovery.core.policy_file import SOURCE_LENGTH_MAX, Reading
from recoup.recovery.flow.policies import VERSIONS_MAX, RecoveryPolicies
from recoup.recovery.policy_objects import RecoveryPolicyObject, built_in_object, policy_object
from recoup.routing.core.policy_reading import Format

_PATH: Final = "/v1/recovery/policies"
_TAG: Final = "recovery"
_NOTE_LENGTH_MAX: Final = 500
_INVALID: Final = Problem("invalid_policy", 400, "It is no policy of yours; the message says what and where.")
_ONE_OF: Final = Problem("one_of_policy_and_toml", 400, "The policy comes as `policy` or as `toml`.")
_LIMIT: Final = Problem(
    "recovery_policy_limit", 409, "There are as many policies, or versions, as there may be."
)


class WrittenRecoveryPolicy(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A recovery policy, in JSON or in TOML."""

    policy: Annotated[
        dict[str, Any] | None,
        Meta(description="The policy in JSON; the reference has every field, and a JSON Schema."),
    ] = None
    toml: Annotated[
        Annotated[str, Meta(max_length=SOURCE_LENGTH_MAX)] | None,
        Meta(description="The policy in TOML; errors then name the line."),
    ] = None


class SaveRecoveryPolicy(WrittenRecoveryPolicy, frozen=True):
    """A recovery policy to be kept, in JSON or in TOML."""

    note: Annotated[
        Annotated[str, Meta(max_length=_NOTE_LENGTH_MAX)] | None,
        Meta(description="Why, for whoever reads it later."),
    ] = None


class RecoveryPolicyProblem(Struct, kw_only=True, frozen=True):
    """Something wrong with a policy."""

    path: Annotated[str | None, Meta(description="Where, such as `hours.to`.")]
    line: Annotated[int | None, Meta(description="The line of the TOML, from 1.")]
    message: str


class RecoveryPolicyCheckObject(Struct, kw_only=True, frozen=True):
    """Whether a text could be saved as a recovery policy."""

    object: Literal["recovery_policy_check"] = "recovery_policy_check"
    valid: bool
    problems: Annotated[
        list[RecoveryPolicyProblem], Meta(description="What is wrong, in the order of the text.")
    ]
    more_problems: Annotated[int, Meta(description="How many were left out.")]


class RecoveryPolicyList(ListObject[RecoveryPolicyObject], frozen=True):
    """Your recovery policies, each in its newest version, and those that are built in, by name."""


class PolicyVersionQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which version."""

    version: Annotated[
        Annotated[int, Meta(ge=1, le=VERSIONS_MAX)] | None, Meta(description="Left out: the newest.")
    ] = None


class RecoveryPoliciesApi:
    """The routes of recovery policies."""

    def __init__(self, policies: RecoveryPolicies) -> None:
        self._policies = policies

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.all,
                answer=RecoveryPolicyList,
                summary="List the recovery policies",
                description="All of them: there are a hundred at most.",
                tag=_TAG,
            ),
            Route(
                "GET",
                f"{_PATH}/{{recovery_policy}}",
                self.one,
                query=PolicyVersionQuery,
                answer=RecoveryPolicyObject,
                summary="Read a recovery policy",
                tag=_TAG,
            ),
            *self._writings(),
        ]

    def _writings(self) -> list[Route]:
        return [
            Route(
                "POST",
                _PATH,
                self.save,
                body=SaveRecoveryPolicy,
                answer=RecoveryPolicyObject,
                status=201,
                summary="Save a recovery policy",
                description="The newest version of its name. Recoveries that open from now on go by it; those that are "
                "open stay with theirs. As `default` it is for payments that name no policy, as `baseline` for the "
                "hold-out.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_INVALID, _ONE_OF, _LIMIT),
                examples={
                    "a longer window": {
                        "policy": {"name": "patient", "window_days": 40, "tries_max": 6},
                        "note": "yearly plans",
                    }
                },
            ),
            Route(
                "POST",
                f"{_PATH}/check",
                self.check,
                body=WrittenRecoveryPolicy,
                answer=RecoveryPolicyCheckObject,
                summary="Check a recovery policy",
                description="Says what saving it would be refused for. Nothing is saved.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_ONE_OF,),
            ),
        ]

    async def all(self, call: Call[None, None]) -> RecoveryPolicyList:
        """`GET /v1/recovery/policies`."""
        livemode = call.merchant.livemode
        saved = {
            one.name: policy_object(one, livemode=livemode)
            for one in await self._policies.all(call.merchant.id)
        }
        built_in = {name: built_in_object(one, livemode=livemode) for name, one in POLICIES.items()}
        both = built_in | saved
        return RecoveryPolicyList(data=[both[name] for name in sorted(both)], has_more=False, url=_PATH)

    async def one(self, call: Call[None, PolicyVersionQuery]) -> RecoveryPolicyObject:
        """`GET /v1/recovery/policies/{recovery_policy}`."""
        name, livemode = call.path["recovery_policy"], call.merchant.livemode
        if call.query.version is None and name in POLICIES:
            found = {one.name: one for one in await self._policies.all(call.merchant.id)}.get(name)
            if found is None:
                return built_in_object(POLICIES[name], livemode=livemode)
            return policy_object(found, livemode=livemode)
        if "\0" in name:
            raise not_found("recovery policy", "of that name")
        saved = await self._policies.saved(call.merchant.id, name, call.query.version)
        return policy_object(saved, livemode=livemode)

    async def save(self, call: Call[SaveRecoveryPolicy, None]) -> RecoveryPolicyObject:
        """`POST /v1/recovery/policies`."""
        source, format_ = _written(call.body)
        saved = await self._policies.save(
            call.transaction(),
            call.merchant,
            source,
            format_,
            note=call.body.note,
            created_by=render(Kind.API_KEY, call.caller.key_id),
            now=call.now,
        )
        return policy_object(saved, livemode=call.merchant.livemode)

    async def check(self, call: Call[WrittenRecoveryPolicy, None]) -> RecoveryPolicyCheckObject:
        """`POST /v1/recovery/policies/check`."""
        source, format_ = _written(call.body)
        return _checked(
            await self._policies.check(call.merchant.id, source, format_, queries=call.transaction())
        )


def _written(body: WrittenRecoveryPolicy) -> tuple[str, Format]:
    match body.policy, body.toml:
        case dict() as policy, None:
            return msgspec.json.encode(policy).decode(), Format.JSON
        case None, str() as toml:
            return toml, Format.TOML
        case _:
            raise invalid(
                "one_of_policy_and_toml",
                "Send the policy as `policy` (JSON) or as `toml`: one of them, not both and not neither.",
                param="policy",
            )


def _checked(reading: Reading) -> RecoveryPolicyCheckObject:
    problems = [
        RecoveryPolicyProblem(path=one.path or None, line=one.line, message=one.message)
        for one in reading.problems
    ]
    return RecoveryPolicyCheckObject(valid=not problems, problems=problems, more_problems=reading.more)
