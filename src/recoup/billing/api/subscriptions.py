"""Subscriptions over HTTP."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from recoup.billing.core.records import Subscription
from recoup.billing.flow.reading import Reader, discounts_of, window_of
from recoup.billing.flow.subscriptions import Subscriptions
from recoup.billing.objects import (
    SubscriptionObject,
    subscription_object,
)
from recoup.billing.wire import (
    CancelSubscription,
    CreateSubscription,
    ItemData,
    SubscriptionQuery,
    UpdateSubscription,
    given,
)
from recoup.http.routes import Acts, Call, Idempotency, ListObject, Problem, Route, parse_id
from recoup.kit.ids import Kind
from recoup.kit.metadata import merged

_PATH: Final = "/v1/subscriptions"
_ONE: Final = f"{_PATH}/{{subscription}}"
_TAG: Final = "subscriptions"
_ENDED: Final = Problem("subscription_ended", 409, "Its end is final.")
_STATE: Final = Problem("subscription_unexpected_state", 409, "Its present state forbids it.")
_PAUSED: Final = Problem("subscription_paused", 409, "Resume it first.")
_METHOD: Final = (
    Problem("payment_method_of_another_customer", 409),
    Problem("payment_method_detached", 409),
    Problem("payment_method_closed", 409),
)
_PLAN: Final = (Problem("plan_inactive", 409), Problem("currency_mismatch", 409))
_NOT_TAKEN: Final = tuple(
    Problem(code, 400)
    for code in (
        "amount_too_large",
        "amount_zero",
        "anchor_out_of_range",
        "invalid_time_zone",
        "metadata_limit",
        "one_discount",
        "payment_method_not_needed",
        "percent_too_fine",
        "time_in_future",
    )
)
_NEW: Final = {
    "customer": "cus_01kaq3v8e7f0t9m2c4x6z8b1d5",
    "payment_method": "pm_01kaq3v8e7f0t9m2c4x6z8b1d4",
    "plan": "plan_01kaq3v8e7f0t9m2c4x6z8b1d3",
    "charge_window": {"after_days": 5},
}


class SubscriptionList(ListObject[SubscriptionObject], frozen=True):
    """A page of subscriptions."""


_ACTS: Final = Acts(_ONE, answer=SubscriptionObject, tag=_TAG, errors=(_ENDED, _STATE))


class SubscriptionsApi:
    """The routes of subscriptions."""

    def __init__(self, subscriptions: Subscriptions, reader: Reader) -> None:
        self._subscriptions = subscriptions
        self._reader = reader

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._records(), *self._changes()]

    def _records(self) -> list[Route]:
        return [
            Route(
                "POST",
                _PATH,
                self.create,
                body=CreateSubscription,
                answer=SubscriptionObject,
                status=201,
                summary="Create a subscription",
                description="Without a trial its first invoice is opened with it, and charged within moments.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(*_NOT_TAKEN, *_METHOD, _PLAN[0]),
                examples={"charged within five days of the due day": _NEW},
            ),
            Route(
                "GET",
                _PATH,
                self.page,
                query=SubscriptionQuery,
                answer=SubscriptionList,
                summary="List subscriptions",
                tag=_TAG,
            ),
            Route("GET", _ONE, self.read, answer=SubscriptionObject, summary="Read a subscription", tag=_TAG),
            Route(
                "POST",
                _ONE,
                self.update,
                body=UpdateSubscription,
                answer=SubscriptionObject,
                summary="Update a subscription",
                description="Another plan or quantity credits the days that are left at the old price and charges "
                "them at the new one; `GET …/upcoming` with the same fields shows what that comes to. Another "
                "interval begins a new period today.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    *_NOT_TAKEN,
                    *_METHOD,
                    *_PLAN,
                    _ENDED,
                    _PAUSED,
                    Problem("too_many_changes", 409),
                    Problem("too_many_items", 409),
                ),
                examples={"two seats more": {"quantity": 5, "proration_behavior": "always_invoice"}},
            ),
        ]

    def _changes(self) -> list[Route]:
        return [
            _ACTS.route(
                "pause",
                self.pause,
                "Pause a subscription",
                "Nothing is billed from today on. What is billed already stays.",
                errors=(Problem("too_many_pauses", 409),),
            ),
            _ACTS.route(
                "resume",
                self.go_on,
                "Resume a subscription",
                "The days that are left of a period that was paused are billed soon, then everything as before.",
            ),
            _ACTS.route(
                "cancel",
                self.cancel,
                "Cancel a subscription",
                "Now, or when the current period ends. What waited for an invoice is billed; nobody collects open "
                "invoices any more: they may be paid by hand.",
                body=CancelSubscription,
            ),
            _ACTS.route(
                "items",
                self.add_item,
                "Add an item to the next invoice",
                body=ItemData,
                errors=(Problem("amount_zero", 400), Problem("too_many_items", 409)),
            ),
        ]

    async def create(self, call: Call[CreateSubscription, None]) -> SubscriptionObject:
        """`POST /v1/subscriptions`."""
        new = await self._reader.subscription(call.merchant, call.body, now=call.now)
        made = await self._subscriptions.create(call.transaction(), call.merchant, new, now=call.now)
        return _shown(made, call)

    async def read(self, call: Call[None, None]) -> SubscriptionObject:
        """`GET /v1/subscriptions/{id}`."""
        return _shown(await self._subscriptions.get(call.merchant, _id(call)), call)

    async def page(self, call: Call[None, SubscriptionQuery]) -> SubscriptionList:
        """`GET /v1/subscriptions`."""
        query, page = call.query, call.query.page(Kind.SUBSCRIPTION)
        found = await self._subscriptions.page(
            call.merchant,
            customer_id=None
            if query.customer is None
            else parse_id(Kind.CUSTOMER, query.customer, param="customer"),
            plan_id=None if query.plan is None else parse_id(Kind.PLAN, query.plan, param="plan"),
            status=query.status,
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        return SubscriptionList(data=[_shown(one, call) for one in shown], has_more=has_more, url=_PATH)

    async def update(self, call: Call[UpdateSubscription, None]) -> SubscriptionObject:
        """`POST /v1/subscriptions/{id}`."""
        connection, merchant, now = call.transaction(), call.merchant, call.now
        held = await self._subscriptions.held(connection, merchant, _id(call))
        body = given(call.body)
        proration = body.pop("proration_behavior")
        plan, quantity = body.pop("plan", None), body.pop("quantity", None)
        if not body and plan is None and quantity is None:
            return _shown(held, call)
        if body:
            fields = await self._fields(call, held, body)
            held = await self._subscriptions.update(connection, merchant, held.id, fields, now=now)
        if plan is not None or quantity is not None:
            change = await self._reader.change(merchant, plan, quantity, currency=held.currency)
            held = await self._subscriptions.change(connection, merchant, held.id, change, proration, now=now)
        return _shown(held, call)

    async def _fields(
        self, call: Call[UpdateSubscription, None], held: Subscription, body: dict[str, Any]
    ) -> dict[str, Any]:
        """What is to change of the record."""
        fields = dict(body)
        if "payment_method" in fields:
            method = fields.pop("payment_method")
            fields["payment_method_id"] = await self._reader.method(call.merchant, method, held.customer_id)
        if "dunning_policy" in fields:
            named = fields.pop("dunning_policy")
            fields["dunning_policy_id"] = await self._reader.dunning_policy(call.merchant, named)
        if "charge_window" in fields:
            fields["window"] = window_of(fields.pop("charge_window"), now=call.now)
        if "discounts" in fields:
            fields["discounts"] = discounts_of(fields["discounts"])
        if "metadata" in fields:
            fields["metadata"] = merged(held.metadata, fields["metadata"])
        if "cancel_at_period_end" in fields:
            fields["canceled_at"] = call.now if fields["cancel_at_period_end"] else None
        return fields

    async def pause(self, call: Call[None, None]) -> SubscriptionObject:
        """`POST /v1/subscriptions/{id}/pause`."""
        paused = await self._subscriptions.pause(call.transaction(), call.merchant, _id(call), now=call.now)
        return _shown(paused, call)

    async def go_on(self, call: Call[None, None]) -> SubscriptionObject:
        """`POST /v1/subscriptions/{id}/resume`."""
        resumed = await self._subscriptions.resume(call.transaction(), call.merchant, _id(call), now=call.now)
        return _shown(resumed, call)

    async def cancel(self, call: Call[CancelSubscription, None]) -> SubscriptionObject:
        """`POST /v1/subscriptions/{id}/cancel`."""
        ended = await self._subscriptions.cancel(
            call.transaction(),
            call.merchant,
            _id(call),
            at_period_end=call.body.at_period_end,
            prorate=call.body.prorate,
            now=call.now,
        )
        return _shown(ended, call)

    async def add_item(self, call: Call[ItemData, None]) -> SubscriptionObject:
        """`POST /v1/subscriptions/{id}/items`."""
        item = self._reader.item(call.body)
        changed = await self._subscriptions.add_item(
            call.transaction(), call.merchant, _id(call), item, now=call.now
        )
        return _shown(changed, call)


def _id(call: Call[Any, Any]) -> UUID:
    return call.path_id("subscription", Kind.SUBSCRIPTION)


def _shown(subscription: Subscription, call: Call[Any, Any]) -> SubscriptionObject:
    return subscription_object(subscription, livemode=call.merchant.livemode)
