"""Changes of billing dates over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from recoup.billing.core.datechange import DateChange, Effective, How, News, Status, Target
from recoup.billing.datechange_objects import BillingDateChangeObject, date_change_object
from recoup.billing.flow.datebeliefs import measured
from recoup.billing.flow.datechange import LIVES, DateChanges, Said, Wish
from recoup.billing.wire import Body
from recoup.db import Database
from recoup.http.fields import IdText, ListQuery, Metadata, Moment
from recoup.http.routes import Acts, Call, Idempotency, ListObject, Problem, Route, parse_id
from recoup.kit.ids import Kind
from recoup.kit.refusals import invalid
from recoup.merchants.core import Merchant

_PATH: Final = "/v1/billing_date_changes"
_ONE: Final = f"{_PATH}/{{billing_date_change}}"
_TAG: Final = "billing date changes"
_HOUR_S: Final = 3_600
_EXPIRES_MAX_S: Final = 90 * 24 * _HOUR_S

Who = Annotated[str, Meta(min_length=1, max_length=200)]
Evidence = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2_000,
        description="How you know: a number of a recording, a ticket, the address of a form.",
    ),
]
Day = Annotated[date, Meta(examples=["2027-03-15"])]
ExpiresIn = Annotated[
    int,
    Meta(ge=_HOUR_S, le=_EXPIRES_MAX_S, description="For how many seconds it can be agreed to; two weeks."),
]
_LIVES_S: Final = int(LIVES.total_seconds())
_MOVABLE: Final = (
    Problem("no_upcoming_invoice", 409, "Nothing more will be billed."),
    Problem("period_due", 409, "The next period is due, and not billed yet."),
    Problem("period_began_today", 409),
    Problem("subscription_ended", 409),
    Problem("subscription_managed_outside", 409),
    Problem("subscription_paused", 409, "Resume it first."),
    Problem(
        "subscription_unexpected_state", 409, "Its present state forbids it; the message says what helps."
    ),
    Problem("billing_date_unchanged", 409),
    Problem("too_many_changes", 409),
)
_STATE: Final = (
    Problem("billing_date_change_unexpected_state", 409),
    Problem("billing_date_change_expired", 409),
)


class CreateBillingDateChange(Body, frozen=True):
    """Where to: one of `anchor_day`, `date` and `to`."""

    subscription: IdText
    anchor_day: Annotated[
        Annotated[int, Meta(ge=1, le=31)] | None,
        Meta(description="A day of the month; in months that lack it their last."),
    ] = None
    date: Annotated[Day | None, Meta(description="The first local day of a period on the new dates.")] = None
    to: Annotated[
        Literal["payday"] | None,
        Meta(description="The date on which the money is most likely there, by what is believed of paydays."),
    ] = None
    effective: Annotated[
        Effective,
        Meta(
            description="`after_paid`: from the end of what is billed. `now`: from today; the rest of the current "
            "period is given back, and the days until the new date are billed at once."
        ),
    ] = Effective.AFTER_PAID
    expires_in: ExpiresIn = _LIVES_S
    by: Annotated[Who, Meta(description="Who proposes it.")] = "merchant"
    metadata: Metadata = msgspec.field(default_factory=dict)


class AcceptBillingDateChange(Body, frozen=True):
    """The customer has agreed to what is proposed, and told you so."""

    by: Annotated[Who, Meta(description="Who agreed.", examples=["Jane Doe, by telephone"])]
    at: Annotated[Moment | None, Meta(description="When; now, where left out.")] = None
    evidence: Evidence | None = None


class DeclineBillingDateChange(Body, frozen=True):
    """The customer does not agree, and told you so."""

    by: Annotated[Who, Meta(description="Who does not.")] = "customer"
    at: Annotated[Moment | None, Meta(description="When; now, where left out.")] = None
    evidence: Evidence | None = None


class EndBillingDateChange(Body, frozen=True):
    """Who takes it back, and why."""

    by: Who = "merchant"
    reason: Annotated[str, Meta(min_length=1, max_length=2_000)] | None = None


class RenewBillingDateChange(EndBillingDateChange, frozen=True):
    """Who proposes it anew, why, and for how long."""

    expires_in: ExpiresIn = _LIVES_S


class BillingDateChangeQuery(ListQuery, frozen=True):
    """Which changes."""

    subscription: IdText | None = None
    status: Status | None = None


class BillingDateChangeList(ListObject[BillingDateChangeObject], frozen=True):
    """A page of changes."""


_ACTS: Final = Acts(_ONE, answer=BillingDateChangeObject, tag=_TAG, errors=_STATE)


class DateChangesApi:
    """The routes of billing date changes. `consent_url` says where a customer agrees."""

    def __init__(
        self, database: Database, changes: DateChanges, *, consent_url: Callable[[DateChange], str]
    ) -> None:
        self._database = database
        self._changes = changes
        self._consent_url = consent_url

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                _PATH,
                self.create,
                body=CreateBillingDateChange,
                answer=BillingDateChangeObject,
                status=201,
                summary="Propose another billing date",
                description="Changes nothing yet. The answer says what would become of the next invoices, what it "
                "costs, and how much likelier the money is there. The customer agrees on the page of `consent_url`, or "
                "you record that they did.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    Problem("one_target", 400, "Send one of `anchor_day`, `date` and `to`."),
                    Problem("anchor_day_without_months", 400),
                    Problem("date_out_of_range", 400),
                    Problem("metadata_limit", 400),
                    Problem("billing_date_change_pending", 409, "One is proposed already."),
                    Problem("no_better_date", 409, "The present date is as good as any."),
                    *_MOVABLE,
                ),
                examples={
                    "to their payday": {
                        "subscription": "sub_01kaq3v8e7f0t9m2c4x6z8b1d5",
                        "to": "payday",
                    }
                },
            ),
            *self._reading(),
            *self._acts(),
        ]

    def _reading(self) -> list[Route]:
        return [
            Route(
                "GET",
                _PATH,
                self.page,
                query=BillingDateChangeQuery,
                answer=BillingDateChangeList,
                summary="List billing date changes",
                tag=_TAG,
            ),
            Route(
                "GET",
                _ONE,
                self.read,
                answer=BillingDateChangeObject,
                summary="Read a billing date change",
                description="With what came of it, once it is applied: how many invoices were refused at the first try "
                "before it and after.",
                tag=_TAG,
            ),
        ]

    def _acts(self) -> list[Route]:
        outdated = Problem("billing_date_change_outdated", 409, "The subscription has changed: renew it.")
        return [
            _ACTS.route(
                "accept",
                self.accept,
                "Record the customer's consent",
                "Applies it, in the same transaction. Only what is proposed is agreed to: where dates or amounts are "
                "others by now it is refused.",
                body=AcceptBillingDateChange,
                errors=(outdated, Problem("time_in_future", 400), Problem("too_many_items", 409), *_MOVABLE),
            ),
            _ACTS.route(
                "decline",
                self.decline,
                "Record that the customer declines",
                body=DeclineBillingDateChange,
                errors=(Problem("time_in_future", 400),),
            ),
            _ACTS.route(
                "cancel",
                self.cancel,
                "Take a proposal back",
                body=EndBillingDateChange,
            ),
            _ACTS.route(
                "renew",
                self.renew,
                "Propose the same date anew",
                "On the subscription as it is now, with new dates and amounts, and another `consent_url`.",
                body=RenewBillingDateChange,
                errors=_MOVABLE,
            ),
            _ACTS.route(
                "undo",
                self.undo,
                "Put the old date back",
                "From the next period on; what is billed stays billed. The days between are billed by their days.",
                body=EndBillingDateChange,
                errors=(Problem("billing_date_change_superseded", 409), *_MOVABLE),
            ),
        ]

    async def create(self, call: Call[CreateBillingDateChange, None]) -> BillingDateChangeObject:
        """`POST /v1/billing_date_changes`."""
        body = call.body
        if sum(one is not None for one in (body.anchor_day, body.date, body.to)) != 1:
            raise invalid("one_target", "Send one of `anchor_day`, `date` and `to`.", param="anchor_day")
        wish = Wish(
            subscription_id=parse_id(Kind.SUBSCRIPTION, body.subscription, param="subscription"),
            target=Target(day=body.anchor_day, on=body.date),
            effective=body.effective,
            lives=timedelta(seconds=body.expires_in),
            by=body.by,
            metadata=body.metadata,
        )
        made = await self._changes.create(call.transaction(), call.merchant, wish, now=call.now)
        return self._object(made, call.merchant)

    async def read(self, call: Call[None, None]) -> BillingDateChangeObject:
        """`GET /v1/billing_date_changes/{id}`."""
        merchant = call.merchant
        change = await self._changes.get(merchant, _id(call))
        return date_change_object(
            change,
            livemode=merchant.livemode,
            consent_url=self._consent_url(change),
            found=await measured(self._database, merchant, change),
        )

    async def page(self, call: Call[None, BillingDateChangeQuery]) -> BillingDateChangeList:
        """`GET /v1/billing_date_changes`."""
        query, page = call.query, call.query.page(Kind.BILLING_DATE_CHANGE)
        subscription = None
        if query.subscription is not None:
            subscription = parse_id(Kind.SUBSCRIPTION, query.subscription, param="subscription")
        found = await self._changes.page(
            call.merchant,
            subscription_id=subscription,
            status=query.status,
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        data = [self._object(one, call.merchant) for one in shown]
        return BillingDateChangeList(data=data, has_more=has_more, url=_PATH)

    async def accept(self, call: Call[AcceptBillingDateChange, None]) -> BillingDateChangeObject:
        """`POST /v1/billing_date_changes/{id}/accept`."""
        done = await self._changes.accept(
            call.transaction(), call.merchant, _id(call), _said(call), now=call.now
        )
        return self._object(done, call.merchant)

    async def decline(self, call: Call[DeclineBillingDateChange, None]) -> BillingDateChangeObject:
        """`POST /v1/billing_date_changes/{id}/decline`."""
        done = await self._changes.answer(
            call.transaction(), call.merchant, _id(call), News.DECLINED, _said(call), now=call.now
        )
        return self._object(done, call.merchant)

    async def cancel(self, call: Call[EndBillingDateChange, None]) -> BillingDateChangeObject:
        """`POST /v1/billing_date_changes/{id}/cancel`."""
        done = await self._changes.answer(
            call.transaction(), call.merchant, _id(call), News.CANCELED, _done(call), now=call.now
        )
        return self._object(done, call.merchant)

    async def renew(self, call: Call[RenewBillingDateChange, None]) -> BillingDateChangeObject:
        """`POST /v1/billing_date_changes/{id}/renew`."""
        lives = timedelta(seconds=call.body.expires_in)
        done = await self._changes.renew(
            call.transaction(), call.merchant, _id(call), _done(call), lives=lives, now=call.now
        )
        return self._object(done, call.merchant)

    async def undo(self, call: Call[EndBillingDateChange, None]) -> BillingDateChangeObject:
        """`POST /v1/billing_date_changes/{id}/undo`."""
        done = await self._changes.undo(
            call.transaction(), call.merchant, _id(call), _done(call), now=call.now
        )
        return self._object(done, call.merchant)

    def _object(self, change: DateChange, merchant: Merchant) -> BillingDateChangeObject:
        return date_change_object(change, livemode=merchant.livemode, consent_url=self._consent_url(change))


def _id(call: Call[Any, Any]) -> UUID:
    return call.path_id("billing_date_change", Kind.BILLING_DATE_CHANGE)


def _said(call: Call[Any, None]) -> Said:
    """What the customer told the merchant; refuses what they have not told yet."""
    body: AcceptBillingDateChange | DeclineBillingDateChange = call.body
    at = body.at or call.now
    if at > call.now:
        raise invalid("time_in_future", "`at` is in the future: record what was said.", param="at")
    return Said(by=body.by, how=How.API, at=at, evidence=body.evidence)


def _done(call: Call[Any, None]) -> Said:
    """What the merchant does by itself."""
    body: EndBillingDateChange = call.body
    return Said(by=body.by, how=How.API, at=call.now, evidence=body.reason)
