"""Plans over HTTP."""

from __future__ import annotations

from typing import Final

from recoup.billing.flow.plans import Plans
from recoup.billing.flow.reading import Reader
from recoup.billing.objects import BillingPlanObject, plan_object
from recoup.billing.wire import CreatePlan, PlanQuery, UpdatePlan, given
from recoup.http.routes import Call, Idempotency, ListObject, Problem, Route
from recoup.kit.ids import Kind

_PATH: Final = "/v1/plans"
_ONE: Final = f"{_PATH}/{{plan}}"
_TAG: Final = "plans"


class PlanList(ListObject[BillingPlanObject], frozen=True):
    """A page of plans."""


class PlansApi:
    """The routes of plans."""

    def __init__(self, plans: Plans, reader: Reader) -> None:
        self._plans = plans
        self._reader = reader

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                _PATH,
                self.create,
                body=CreatePlan,
                answer=BillingPlanObject,
                status=201,
                summary="Create a plan",
                description="What it costs cannot be changed later: make another, and set this one to inactive.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("currency_unknown", 400), Problem("interval_too_long", 400)),
                examples={"monthly": {"name": "Pro", "amount": 4900, "currency": "USD"}},
            ),
            Route(
                "GET",
                _PATH,
                self.page,
                query=PlanQuery,
                answer=PlanList,
                summary="List plans",
                tag=_TAG,
            ),
            Route("GET", _ONE, self.read, answer=BillingPlanObject, summary="Read a plan", tag=_TAG),
            Route(
                "POST",
                _ONE,
                self.update,
                body=UpdatePlan,
                answer=BillingPlanObject,
                summary="Update a plan",
                description="Subscriptions keep what they agreed to.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("metadata_limit", 400),),
                examples={"no longer sold": {"active": False}},
            ),
        ]

    async def create(self, call: Call[CreatePlan, None]) -> BillingPlanObject:
        """`POST /v1/plans`."""
        new = self._reader.plan(call.merchant, call.body, now=call.now)
        made = await self._plans.create(call.transaction(), call.merchant, new)
        return plan_object(made, livemode=call.merchant.livemode)

    async def read(self, call: Call[None, None]) -> BillingPlanObject:
        """`GET /v1/plans/{id}`."""
        found = await self._plans.get(call.merchant, call.path_id("plan", Kind.PLAN))
        return plan_object(found, livemode=call.merchant.livemode)

    async def page(self, call: Call[None, PlanQuery]) -> PlanList:
        """`GET /v1/plans`."""
        page = call.query.page(Kind.PLAN)
        found = await self._plans.page(
            call.merchant, active=call.query.active, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        data = [plan_object(one, livemode=call.merchant.livemode) for one in shown]
        return PlanList(data=data, has_more=has_more, url=_PATH)

    async def update(self, call: Call[UpdatePlan, None]) -> BillingPlanObject:
        """`POST /v1/plans/{id}`."""
        plan_id = call.path_id("plan", Kind.PLAN)
        changed = await self._plans.update(
            call.transaction(), call.merchant, plan_id, given(call.body), now=call.now
        )
        return plan_object(changed, livemode=call.merchant.livemode)
