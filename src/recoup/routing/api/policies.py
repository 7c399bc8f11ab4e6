"""Routing policies over HTTP: read, check, save, go back to an earlier version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from recoup.http.fields import PAGE_DEFAULT, PAGE_MAX, ListObject
from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import invalid, not_found
from recoup.routing.core.policy_file import SOURCE_LENGTH_MAX
from recoup.routing.core.policy_reading import Format, Reading
from recoup.routing.flow.policies import VERSIONS_MAX, Held, RoutingPolicies
from recoup.routing.policy_objects import (
    PolicyObject,
    PolicyVersionObject,
    no_policy_object,
    policy_object,
    version_object,
)

_PATH: Final = "/v1/routing/policy"
_VERSIONS: Final = f"{_PATH}/versions"
_TAG: Final = "routing"
_NOTE_LENGTH_MAX: Final = 500
_DIGITS_MAX: Final = len(str(VERSIONS_MAX))
_INVALID: Final = Problem(
    "invalid_policy", 400, "It is no policy, or not one for your accounts; the message says what and where."
)
_ONE_OF: Final = Problem("one_of_policy_and_toml", 400, "The policy comes as `policy` or as `toml`.")
_LIMIT: Final = Problem("routing_policy_limit", 409, f"There are {VERSIONS_MAX} versions already.")


class WrittenPolicy(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A routing policy, in JSON or in TOML."""

    policy: Annotated[
        dict[str, Any] | None,
        Meta(description="The policy in JSON; the reference has every field, and a JSON Schema."),
    ] = None
    toml: Annotated[
        Annotated[str, Meta(max_length=SOURCE_LENGTH_MAX)] | None,
        Meta(description="The policy in TOML; errors then name the line."),
    ] = None


class SavePolicy(WrittenPolicy, frozen=True):
    """A routing policy to be kept, in JSON or in TOML."""

    note: Annotated[
        Annotated[str, Meta(max_length=_NOTE_LENGTH_MAX)] | None,
        Meta(description="Why, for whoever reads it later."),
    ] = None
    activate: Annotated[
        bool,
        Meta(description="false: keep it without putting it in force, to try it in an experiment first."),
    ] = True


class PolicyProblem(Struct, kw_only=True, frozen=True):
    """Something wrong with a policy."""

    path: Annotated[str | None, Meta(description="Where, such as `rules[2].then.split`.")]
    line: Annotated[int | None, Meta(description="The line of the TOML, from 1.")]
    message: str


class PolicyCheckObject(Struct, kw_only=True, frozen=True):
    """Whether a text could be saved as your routing policy."""

    object: Literal["routing_policy_check"] = "routing_policy_check"
    valid: bool
    problems: Annotated[list[PolicyProblem], Meta(description="What is wrong, in the order of the text.")]
    more_problems: Annotated[int, Meta(description="How many were left out.")]


class PolicyVersionList(ListObject[PolicyVersionObject], frozen=True):
    """Versions of your routing policy, newest first."""


Version = Annotated[int, Meta(ge=1, le=VERSIONS_MAX)]


class VersionQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which versions."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many to return.")] = PAGE_DEFAULT
    starting_after: Annotated[
        Version | None, Meta(description="The last version of the page before: what is older follows.")
    ] = None
    ending_before: Annotated[
        Version | None,
        Meta(description="The first version of the page after: what is newer comes before it."),
    ] = None


_EXAMPLE: Final[Mapping[str, Any]] = {
    "policy": {
        "home_countries": ["US"],
        "rules": [
            {
                "name": "large amounts",
                "when": {"amount": {"at_least": 100000, "currency": "USD"}},
                "then": {"learned": True},
            },
            {
                "name": "two thirds, one third",
                "then": {"split": {"Alpha": 67, "Bravo": 33}, "sticky_by": "customer"},
            },
        ],
    },
    "note": "Bravo gets a third",
}


class RoutingPoliciesApi:
    """The routes of routing policies."""

    def __init__(self, policies: RoutingPolicies) -> None:
        self._policies = policies

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._readings(), *self._writings()]

    def _readings(self) -> list[Route]:
        return [
            Route(
                "GET",
                _PATH,
                self.in_force,
                answer=PolicyObject,
                summary="Read the routing policy in force",
                description="Where none was ever saved, `version` is null, and your accounts are asked in their own "
                "order.",
                tag=_TAG,
            ),
            Route(
                "GET",
                _VERSIONS,
                self.versions,
                query=VersionQuery,
                answer=PolicyVersionList,
                summary="List the versions of the routing policy",
                tag=_TAG,
            ),
            Route(
                "GET",
                f"{_VERSIONS}/{{version}}",
                self.version,
                answer=PolicyObject,
                summary="Read one version of the routing policy",
                tag=_TAG,
            ),
        ]

    def _writings(self) -> list[Route]:
        return [
            Route(
                "POST",
                _PATH,
                self.save,
                body=SavePolicy,
                answer=PolicyObject,
                status=201,
                summary="Save a routing policy",
                description="It becomes the newest version, and is in force at once unless `activate` is false. A "
                "policy with anything wrong in it is refused with every problem and its place.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_INVALID, _ONE_OF, _LIMIT),
                examples={"two rules": _EXAMPLE},
            ),
            Route(
                "POST",
                f"{_PATH}/check",
                self.check,
                body=WrittenPolicy,
                answer=PolicyCheckObject,
                summary="Check a routing policy",
                description="Says what saving it would be refused for. Nothing is saved.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_ONE_OF,),
            ),
            Route(
                "POST",
                f"{_PATH}/{{version}}/activate",
                self.activate,
                answer=PolicyObject,
                summary="Put an earlier version of the routing policy in force",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
            ),
        ]

    async def in_force(self, call: Call[None, None]) -> PolicyObject:
        """`GET /v1/routing/policy`."""
        held = await self._policies.in_force(call.merchant.id)
        return no_policy_object(livemode=call.merchant.livemode) if held is None else _object(held, call)

    async def version(self, call: Call[None, None]) -> PolicyObject:
        """`GET /v1/routing/policy/versions/{version}`."""
        return _object(await self._policies.version(call.merchant.id, _version(call)), call)

    async def versions(self, call: Call[None, VersionQuery]) -> PolicyVersionList:
        """`GET /v1/routing/policy/versions`."""
        query = call.query
        if query.starting_after is not None and query.ending_before is not None:
            raise invalid(
                "one_direction_only",
                "Send `starting_after` or `ending_before`, not both.",
                param="ending_before",
            )
        found = await self._policies.page(
            call.merchant.id,
            after=query.starting_after,
            before=query.ending_before,
            limit=query.limit + 1,
        )
        shown = sorted(found[: query.limit], key=lambda one: -one.saved.version)
        data = [
            version_object(
                one.saved, one.activation, merchant_id=call.merchant.id, livemode=call.merchant.livemode
            )
            for one in shown
        ]
        return PolicyVersionList(data=data, has_more=len(found) > query.limit, url=_VERSIONS)

    async def save(self, call: Call[SavePolicy, None]) -> PolicyObject:
        """`POST /v1/routing/policy`."""
        source, format_ = _written(call.body)
        save = self._policies.save if call.body.activate else self._policies.keep
        held = await save(
            call.transaction(),
            call.merchant,
            source,
            format_,
            note=call.body.note,
            created_by=_who(call),
            now=call.now,
        )
        return _object(held, call)

    async def check(self, call: Call[WrittenPolicy, None]) -> PolicyCheckObject:
        """`POST /v1/routing/policy/check`."""
        source, format_ = _written(call.body)
        queries = call.transaction()
        return _checked(await self._policies.check(call.merchant.id, source, format_, queries=queries))

    async def activate(self, call: Call[None, None]) -> PolicyObject:
        """`POST /v1/routing/policy/{version}/activate`."""
        held = await self._policies.activate(
            call.transaction(), call.merchant, _version(call), by=_who(call), now=call.now
        )
        return _object(held, call)


def _written(body: WrittenPolicy) -> tuple[str, Format]:
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


def _version(call: Call[None, None]) -> int:
    text = call.path["version"]
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX):
        raise not_found(
            "version of the routing policy", text[:_DIGITS_MAX], hint="A version is a number from 1 on."
        )
    return int(text)


def _who(call: Call[Any, Any]) -> str:
    return render(Kind.API_KEY, call.caller.key_id)


def _object(held: Held, call: Call[Any, Any]) -> PolicyObject:
    return policy_object(held.saved, held.activation, livemode=call.merchant.livemode)


def _checked(reading: Reading) -> PolicyCheckObject:
    problems = [
        PolicyProblem(path=one.path or None, line=one.line, message=one.message) for one in reading.problems
    ]
    return PolicyCheckObject(valid=not problems, problems=problems, more_problems=reading.more)
