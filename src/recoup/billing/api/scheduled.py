"""Scheduled payments over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from recoup.billing.core.periods import instant_at
from recoup.billing.core.scheduled import ScheduledPayment, Status
from recoup.billing.flow.reading import Reader, check_currency
from recoup.billing.flow.scheduled import ScheduledPayments
from recoup.billing.scheduled_objects import ScheduledPaymentObject, scheduled_object
from recoup.billing.wire import HOUR_DEFAULT, Body, Currency, Words, given
from recoup.http.fields import IdText, ListQuery, Metadata, Moment
from recoup.http.routes import Call, Idempotency, ListObject, Problem, Route, parse_id
from recoup.kit.ids import Kind, render
from recoup.kit.money import MINOR_MAX
from recoup.kit.refusals import invalid
from recoup.merchants.core import Merchant
from recoup.paydays.core import local_zone
from recoup.vault.core import Customer

AHEAD_MAX: Final = timedelta(days=3 * 366)
"""How far ahead a payment may be scheduled: no card lasts much longer."""
_PATH: Final = "/v1/scheduled_payments"
_ONE: Final = f"{_PATH}/{{scheduled_payment}}"
_TAG: Final = "scheduled payments"
_TIME: Final = (
    Problem("date_or_at", 400, "Send one of both."),
    Problem("time_in_past", 400),
    Problem("time_too_far", 400),
)
_METHOD: Final = (
    Problem("payment_method_of_another_customer", 409),
    Problem("payment_method_detached", 409),
    Problem("payment_method_closed", 409),
)
_STATE: Final = Problem("scheduled_payment_unexpected_state", 409, "It was begun, or canceled.")

Amount = Annotated[
    int, Meta(ge=1, le=MINOR_MAX, description="In the smallest unit of the currency.", examples=[4999])
]
Day = Annotated[
    date, Meta(description="The customer's local date, at nine in the morning.", examples=["2027-01-28"])
]


class CreateScheduledPayment(Body, frozen=True):
    """What to pay, and when: on a `date`, or `at` a moment."""

    amount: Amount
    currency: Currency
    customer: IdText
    payment_method: IdText
    date: Day | None = None
    at: Moment | None = None
    description: Words | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class UpdateScheduledPayment(Body, frozen=True):
    """What to change until it is executed; a field that is left out stays. Metadata is merged."""

    amount: Amount | UnsetType = UNSET
    payment_method: IdText | UnsetType = UNSET
    date: Day | UnsetType = UNSET
    at: Moment | UnsetType = UNSET
    description: Words | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class ScheduledPaymentQuery(ListQuery, frozen=True):
    """Which scheduled payments."""

    customer: IdText | None = None
    status: Status | None = None


class ScheduledPaymentList(ListObject[ScheduledPaymentObject], frozen=True):
    """A page of scheduled payments."""


class ScheduledPaymentsApi:
    """The routes of scheduled payments."""

    def __init__(self, scheduled: ScheduledPayments, reader: Reader, *, new_id: Callable[[], UUID]) -> None:
        self._scheduled = scheduled
        self._reader = reader
        self._new_id = new_id

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                _PATH,
                self.create,
                body=CreateScheduledPayment,
                answer=ScheduledPaymentObject,
                status=201,
                summary="Schedule a payment",
                description="Executed once, at its time, with the customer's stored payment method, as a payment that "
                "the merchant initiates. Where it is refused, recovery tries it as any other payment.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(*_TIME, Problem("currency_unknown", 400), *_METHOD),
                examples={
                    "on a day": {
                        "amount": 4999,
                        "currency": "USD",
                        "customer": "cus_01kaq3v8e7f0t9m2c4x6z8b1d5",
                        "payment_method": "pm_01kaq3v8e7f0t9m2c4x6z8b1d5",
                        "date": "2027-01-28",
                    }
                },
            ),
            *self._reading(),
            Route(
                "POST",
                _ONE,
                self.update,
                body=UpdateScheduledPayment,
                answer=ScheduledPaymentObject,
                summary="Update a scheduled payment",
                description="Until it is executed.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(*_TIME, Problem("metadata_limit", 400), *_METHOD, _STATE),
                examples={"later": {"date": "2027-02-28"}},
            ),
            Route(
                "POST",
                f"{_ONE}/cancel",
                self.cancel,
                answer=ScheduledPaymentObject,
                summary="Cancel a scheduled payment",
                description="Until it is executed; afterwards cancel or refund its payment.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_STATE,),
            ),
        ]

    def _reading(self) -> list[Route]:
        return [
            Route(
                "GET",
                _PATH,
                self.page,
                query=ScheduledPaymentQuery,
                answer=ScheduledPaymentList,
                summary="List scheduled payments",
                tag=_TAG,
            ),
            Route(
                "GET",
                _ONE,
                self.read,
                answer=ScheduledPaymentObject,
                summary="Read a scheduled payment",
                tag=_TAG,
            ),
        ]

    async def create(self, call: Call[CreateScheduledPayment, None]) -> ScheduledPaymentObject:
        """`POST /v1/scheduled_payments`."""
        body, merchant, now = call.body, call.merchant, call.now
        check_currency(body.currency)
        customer = await self._reader.customer(merchant, body.customer)
        method_id = await self._reader.method(merchant, body.payment_method, customer.id)
        assert method_id is not None, "one was sent"
        new = ScheduledPayment(
            merchant_id=merchant.id,
            id=self._new_id(),
            status=Status.SCHEDULED,
            version=1,
            events_count=1,
            customer_id=customer.id,
            payment_method_id=method_id,
            amount=body.amount,
            currency=body.currency,
            at=_when(body.date, body.at, customer, now=now),
            description=body.description,
            metadata=body.metadata,
            created_at=now,
            updated_at=now,
        )
        made = await self._scheduled.create(call.transaction(), merchant, new)
        return scheduled_object(made, livemode=merchant.livemode)

    async def read(self, call: Call[None, None]) -> ScheduledPaymentObject:
        """`GET /v1/scheduled_payments/{id}`."""
        found = await self._scheduled.get(call.merchant, _id(call))
        return scheduled_object(found, livemode=call.merchant.livemode)

    async def page(self, call: Call[None, ScheduledPaymentQuery]) -> ScheduledPaymentList:
        """`GET /v1/scheduled_payments`."""
        query, merchant = call.query, call.merchant
        page = query.page(Kind.SCHEDULED_PAYMENT)
        customer = None
        if query.customer is not None:
            customer = parse_id(Kind.CUSTOMER, query.customer, param="customer")
        found = await self._scheduled.page(
            merchant,
            customer_id=customer,
            status=query.status,
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        data = [scheduled_object(one, livemode=merchant.livemode) for one in shown]
        return ScheduledPaymentList(data=data, has_more=has_more, url=_PATH)

    async def update(self, call: Call[UpdateScheduledPayment, None]) -> ScheduledPaymentObject:
        """`POST /v1/scheduled_payments/{id}`."""
        merchant, scheduled_id = call.merchant, _id(call)
        found = await self._scheduled.get(merchant, scheduled_id)
        fields = await self._fields(merchant, found, given(call.body), now=call.now)
        changed = await self._scheduled.update(
            call.transaction(), merchant, scheduled_id, fields, now=call.now
        )
        return scheduled_object(changed, livemode=merchant.livemode)

    async def cancel(self, call: Call[None, None]) -> ScheduledPaymentObject:
        """`POST /v1/scheduled_payments/{id}/cancel`."""
        canceled = await self._scheduled.cancel(call.transaction(), call.merchant, _id(call), now=call.now)
        return scheduled_object(canceled, livemode=call.merchant.livemode)

    async def _fields(
        self, merchant: Merchant, found: ScheduledPayment, sent: dict[str, Any], *, now: datetime
    ) -> dict[str, Any]:
        """What was sent, as fields of the record."""
        on, at, method = (sent.pop(name, None) for name in ("date", "at", "payment_method"))
        if method is not None:
            sent["payment_method_id"] = await self._reader.method(merchant, method, found.customer_id)
        if on is not None or at is not None:
            customer = await self._reader.customer(merchant, render(Kind.CUSTOMER, found.customer_id))
            sent["at"] = _when(on, at, customer, now=now)
        return sent


def _id(call: Call[Any, Any]) -> UUID:
    return call.path_id("scheduled_payment", Kind.SCHEDULED_PAYMENT)


def _when(on: date | None, at: datetime | None, customer: Customer, *, now: datetime) -> datetime:
    """When it is executed; refuses what is past, or too far ahead."""
    match on, at:
        case None, datetime():
            moment, param = at, "at"
        case date(), None:
            moment, param = _morning_of(on, customer, now=now), "date"
        case _:
            raise invalid("date_or_at", "Send either `date` or `at`.", param="date")
    if moment < now:
        raise invalid("time_in_past", f"`{param}` is past: schedule it for later, or pay now.", param=param)
    if moment > now + AHEAD_MAX:
        raise invalid("time_too_far", f"`{param}` is more than three years ahead.", param=param)
    return moment.astimezone(UTC)


def _morning_of(on: date, customer: Customer, *, now: datetime) -> datetime:
    """When what is wished for a day is executed: where its hour is past today, at once."""
    zone = local_zone(customer.details.time_zone, country=customer.details.country)
    if on == now.astimezone(ZoneInfo(zone)).date():
        return max(instant_at(on, zone, time(HOUR_DEFAULT)), now)
    nearest = min(max(on, (now - AHEAD_MAX).date()), (now + 2 * AHEAD_MAX).date())  # any date can be sent
    return instant_at(nearest, zone, time(HOUR_DEFAULT))
