"""Dunning policies over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from recoup.billing.core.dunning import (
    BUILT_IN,
    GRACE_DAYS_MAX,
    DunningPolicy,
    FinalAction,
    OpenInvoices,
    Rules,
)
from recoup.billing.dunning_objects import (
    DunningPolicyObject,
    DunningRulesObject,
    dunning_policy_object,
    rules_object,
)
from recoup.billing.flow.dunning import POLICIES_MAX, DunningPolicies
from recoup.billing.wire import Body, Name, given
from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Metadata, Problem, Route
from recoup.kit.ids import Kind

_PATH: Final = "/v1/dunning_policies"
_ONE: Final = f"{_PATH}/{{dunning_policy}}"
_TAG: Final = "dunning"
_RULES: Final = tuple(field.name for field in msgspec.structs.fields(Rules))
_NOT_MEANT: Final = (
    Problem("dunning_contradiction", 400, "What is marked unpaid keeps what it owes."),
    Problem("recovery_policy_unknown", 400, "You have no recovery policy of that name."),
    Problem("metadata_limit", 400),
)

RecoveryName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        description="A recovery policy of yours, `default`, or `none` to try nothing again.",
    ),
]
GraceDays = Annotated[
    int,
    Meta(
        ge=0,
        le=GRACE_DAYS_MAX,
        description="For how many days after the first refusal access is to be kept: `entitled` stays true.",
    ),
]


class CreateDunningPolicy(Body, frozen=True):
    """A new policy. What is left out is as it is built in."""

    name: Name
    default: Annotated[
        bool,
        Meta(description="Whether it holds for subscriptions that name none; the one before does not then."),
    ] = False
    recovery_policy: RecoveryName | None = None
    messages: Annotated[
        bool, Meta(description="Whether customers are asked, as your message policy says.")
    ] = True
    grace_days: GraceDays = BUILT_IN.rules.grace_days
    final_action: Annotated[
        FinalAction,
        Meta(
            description="Once the grace is over and nothing is tried any more. `keep` leaves it `past_due`."
        ),
    ] = BUILT_IN.rules.final_action
    open_invoices: Annotated[
        OpenInvoices, Meta(description="What becomes of the invoices that the subscription owes then.")
    ] = BUILT_IN.rules.open_invoices
    metadata: Metadata = msgspec.field(default_factory=dict)


class UpdateDunningPolicy(Body, frozen=True):
    """What to change; a field that is left out stays. Metadata is merged."""

    name: Name | UnsetType = UNSET
    default: bool | UnsetType = UNSET
    recovery_policy: RecoveryName | UnsetType | None = UNSET
    messages: bool | UnsetType = UNSET
    grace_days: GraceDays | UnsetType = UNSET
    final_action: FinalAction | UnsetType = UNSET
    open_invoices: OpenInvoices | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class DunningPolicyList(ListObject[DunningPolicyObject], frozen=True):
    """A page of policies, and what holds where a subscription names none."""

    default: Annotated[str | None, Meta(description="The default among them; null: what is built in holds.")]
    built_in: Annotated[DunningRulesObject, Meta(description="What holds where no policy is the default.")]


class DunningPoliciesApi:
    """The routes of dunning policies."""

    def __init__(self, policies: DunningPolicies, *, new_id: Callable[[], UUID]) -> None:
        self._policies = policies
        self._new_id = new_id

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                _PATH,
                self.create,
                body=CreateDunningPolicy,
                answer=DunningPolicyObject,
                status=201,
                summary="Create a dunning policy",
                description="What is done about a subscription that falls behind. It is copied then, so that a change "
                "moves nothing that runs.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    *_NOT_MEANT,
                    Problem("dunning_policy_limit", 409, f"There are {POLICIES_MAX} at most."),
                ),
                examples={
                    "two weeks, then the end": {
                        "name": "Standard",
                        "default": True,
                        "grace_days": 14,
                        "final_action": "cancel",
                        "open_invoices": "uncollectible",
                    }
                },
            ),
            Route(
                "GET",
                _PATH,
                self.page,
                query=ListQuery,
                answer=DunningPolicyList,
                summary="List dunning policies",
                tag=_TAG,
            ),
            Route(
                "GET", _ONE, self.read, answer=DunningPolicyObject, summary="Read a dunning policy", tag=_TAG
            ),
            Route(
                "POST",
                _ONE,
                self.update,
                body=UpdateDunningPolicy,
                answer=DunningPolicyObject,
                summary="Update a dunning policy",
                description="For what falls behind from now on. With `default` false what is built in holds.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=_NOT_MEANT,
                examples={"longer grace": {"grace_days": 21}},
            ),
        ]

    async def create(self, call: Call[CreateDunningPolicy, None]) -> DunningPolicyObject:
        """`POST /v1/dunning_policies`."""
        body, now = call.body, call.now
        new = DunningPolicy(
            merchant_id=call.merchant.id,
            id=self._new_id(),
            version=1,
            events_count=1,
            name=body.name,
            rules=Rules(**{name: getattr(body, name) for name in _RULES}),
            is_default=body.default,
            metadata=body.metadata,
            created_at=now,
            updated_at=now,
        )
        return _shown(await self._policies.create(call.transaction(), call.merchant, new), call)

    async def read(self, call: Call[None, None]) -> DunningPolicyObject:
        """`GET /v1/dunning_policies/{id}`."""
        return _shown(await self._policies.get(call.merchant, _id(call)), call)

    async def page(self, call: Call[None, ListQuery]) -> DunningPolicyList:
        """`GET /v1/dunning_policies`."""
        page = call.query.page(Kind.DUNNING_POLICY)
        found = await self._policies.page(
            call.merchant, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        default = await self._policies.default(call.merchant)
        return DunningPolicyList(
            data=[_shown(one, call) for one in shown],
            has_more=has_more,
            url=_PATH,
            default=None if default is None else _shown(default, call).id,
            built_in=rules_object(BUILT_IN.rules),
        )

    async def update(self, call: Call[UpdateDunningPolicy, None]) -> DunningPolicyObject:
        """`POST /v1/dunning_policies/{id}`."""
        fields = given(call.body)
        rules = {name: fields.pop(name) for name in _RULES if name in fields}
        if "default" in fields:
            fields["is_default"] = fields.pop("default")
        changed = await self._policies.update(
            call.transaction(), call.merchant, _id(call), rules=rules, fields=fields, now=call.now
        )
        return _shown(changed, call)


def _id(call: Call[Any, Any]) -> UUID:
    return call.path_id("dunning_policy", Kind.DUNNING_POLICY)


def _shown(policy: DunningPolicy, call: Call[Any, Any]) -> DunningPolicyObject:
    return dunning_policy_object(policy, livemode=call.merchant.livemode)
