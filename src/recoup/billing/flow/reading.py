"""Reads what requests of billing name: customers, payment methods, plans; and says which of them is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from recoup.billing.core.amounts import LineKind
from recoup.billing.core.changes import refuse_too_much
from recoup.billing.core.cycles import NewSubscription
from recoup.billing.core.periods import COUNT_MAX, Interval, Unit
from recoup.billing.core.records import Item, ManagedBy, Off, Plan, Terms, Window
from recoup.billing.flow.around import Customers, Methods
from recoup.billing.flow.dunning import DunningPolicies
from recoup.billing.flow.plans import Plans
from recoup.billing.wire import (
    ChargeWindowData,
    CreatePlan,
    CreateSubscription,
    DiscountData,
    ItemData,
)
from recoup.http.fields import parse_id
from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind
from recoup.kit.refusals import Refusal, conflict, invalid
from recoup.merchants.core import Merchant
from recoup.paydays.core import local_zone
from recoup.vault.core import Customer
from recoup.vault.flow.customers import time_zones

ANCHOR_AHEAD_MAX: Final = timedelta(days=COUNT_MAX[Unit.DAY])
"""How far ahead the first full period may begin: as long as a period may be."""


class Reader:
    """Reads bodies into what flows want."""

    def __init__(
        self,
        *,
        customers: Customers,
        methods: Methods,
        plans: Plans,
        dunning: DunningPolicies,
        new_id: Callable[[], UUID],
    ) -> None:
        self._customers = customers
        self._methods = methods
        self._plans = plans
        self._dunning = dunning
        self._new_id = new_id

    def plan(self, merchant: Merchant, body: CreatePlan, *, now: datetime) -> Plan:
        """A new plan; refuses a currency or an interval that cannot be."""
        check_currency(body.currency)
        most = COUNT_MAX[body.interval]
        if body.interval_count > most:
            message = f"`interval_count` is at most {most} for an interval in {body.interval}s: three years."
            raise invalid("interval_too_long", message, param="interval_count")
        return Plan(
            merchant_id=merchant.id,
            id=self._new_id(),
            version=1,
            events_count=1,
            name=body.name,
            amount=body.amount,
            currency=body.currency,
            interval=Interval(Unit(body.interval), body.interval_count),
            trial_days=body.trial_days,
            active=True,
            metadata=body.metadata,
            created_at=now,
            updated_at=now,
        )

    async def subscription(
        self, merchant: Merchant, body: CreateSubscription, *, now: datetime
    ) -> NewSubscription:
        """A new subscription; refuses what it names that is not there."""
        customer = await self.customer(merchant, body.customer)
        plan = await self._plans.active(merchant, parse_id(Kind.PLAN, body.plan, param="plan"))
        country = customer.details.country
        if body.time_zone is not None and body.time_zone not in time_zones():
            message = "`time_zone` must be an IANA name such as Europe/Berlin or America/New_York."
            raise invalid("invalid_time_zone", message, param="time_zone")
        zone = body.time_zone or local_zone(customer.details.time_zone, country=country)
        trial_days = plan.trial_days if body.trial_days is None else body.trial_days
        if body.payment_method is not None and body.managed_by is ManagedBy.OUTSIDE:
            message = "Somebody else charges this subscription: leave `payment_method` out."
            raise invalid("payment_method_not_needed", message, param="payment_method")
        terms = Terms(plan_id=plan.id, name=plan.name, amount=plan.amount, quantity=body.quantity, since=now)
        refuse_too_much(terms)
        today = now.astimezone(ZoneInfo(zone)).date()
        return NewSubscription(
            merchant_id=merchant.id,
            id=self._new_id(),
            customer_id=customer.id,
            payment_method_id=await self.method(merchant, body.payment_method, customer.id),
            managed_by=body.managed_by,
            terms=terms,
            currency=plan.currency,
            interval=plan.interval,
            zone=zone,
            hour=body.billing_hour,
            country=country,
            starts_on=today,
            anchor=_anchor(body.anchor, today),
            trial_days=trial_days,
            payments_total=body.payments_total,
            window=window_of(body.charge_window, now=now),
            discounts=discounts_of(body.discounts),
            items=tuple(self.item(one, param=f"items[{place}]") for place, one in enumerate(body.items)),
            description=body.description,
            metadata=body.metadata,
            dunning_policy_id=await self.dunning_policy(merchant, body.dunning_policy),
        )

    async def dunning_policy(self, merchant: Merchant, text: str | None) -> UUID | None:
        """A dunning policy that is there."""
        if text is None:
            return None
        policy_id = parse_id(Kind.DUNNING_POLICY, text, param="dunning_policy")
        return (await self._dunning.get(merchant, policy_id, param="dunning_policy")).id

    async def customer(self, merchant: Merchant, text: str) -> Customer:
        """A customer who is there."""
        customer_id = parse_id(Kind.CUSTOMER, text, param="customer")
        with _named_by("customer"):
            return await self._customers.get(merchant.id, customer_id)

    async def method(self, merchant: Merchant, text: str | None, customer_id: UUID) -> UUID | None:
        """A payment method that may be charged, of this customer's."""
        if text is None:
            return None
        method_id = parse_id(Kind.PAYMENT_METHOD, text, what="payment method", param="payment_method")
        with _named_by("payment_method"):
            method = await self._methods.usable(merchant.id, method_id)
        if method.customer_id != customer_id:
            message = "This payment method is not the customer's: attach it to them, or send one of theirs."
            raise conflict("payment_method_of_another_customer", message, param="payment_method")
        return method_id

    async def change(
        self, merchant: Merchant, plan: str | None, quantity: int | None, *, currency: str
    ) -> tuple[Plan | None, int | None]:
        """Another plan, of the same currency, or another quantity."""
        if plan is None:
            return None, quantity
        plan_id = parse_id(Kind.PLAN, plan, param="plan")
        return await self._plans.active(merchant, plan_id, currency=currency), quantity

    def item(self, item: ItemData, *, param: str = "amount") -> Item:
        """A one-off item; refuses one of nothing."""
        if item.amount == 0:
            raise invalid(
                "amount_zero", "An item has an amount: positive, or negative to credit.", param=param
            )
        return Item(
            id=self._new_id(),
            kind=LineKind.ITEM,
            description=item.description,
            amount=item.amount,
            quantity=item.quantity,
            discountable=item.amount > 0,
        )


def _anchor(wished: date | None, today: date) -> date | None:
    """The date that periods are counted from; refuses one that is past, or further than any period is long."""
    if wished is not None and not today <= wished <= today + ANCHOR_AHEAD_MAX:
        message = f"`anchor` is a day from today ({today.isoformat()}) on, at most three years ahead."
        raise invalid("anchor_out_of_range", message, param="anchor")
    return wished


def discounts_of(wished: Sequence[DiscountData]) -> tuple[Off, ...]:
    """Discounts, told apart by their place; refuses one that is both or neither."""
    return tuple(_discount(one, place) for place, one in enumerate(wished))


def window_of(wished: ChargeWindowData | None, *, now: datetime) -> Window | None:
    """The days that the customer agreed to; refuses an agreement in the future."""
    if wished is None:
        return None
    agreed_at = wished.agreed_at or now
    if agreed_at > now:
        param = "charge_window.agreed_at"
        raise invalid(
            "time_in_future", f"`{param}` is in the future: the customer agrees first.", param=param
        )
    return Window(after_days=wished.after_days, before_days=0, agreed_at=agreed_at)


def check_currency(code: str) -> None:
    """Refuses what is no currency."""
    if code not in DECIMALS:
        message = f"{code!r} is no ISO 4217 currency code: send one in capitals, such as USD."
        raise invalid("currency_unknown", message, param="currency")


def _discount(wished: DiscountData, place: int) -> Off:
    param = f"discounts[{place}]"
    if (wished.percent_off is None) == (wished.amount_off is None):
        raise invalid("one_discount", f"`{param}` needs either `percent_off` or `amount_off`.", param=param)
    percent = None
    if wished.percent_off is not None:
        percent = round(wished.percent_off * 100)
        if abs(percent - wished.percent_off * 100) > 1e-6 or percent == 0:
            param = f"{param}.percent_off"
            raise invalid("percent_too_fine", f"`{param}` has two decimals at most.", param=param)
    return Off(id=f"discount-{place + 1}", percent=percent, amount=wished.amount_off, times=wished.times)


@contextmanager
def _named_by(param: str) -> Iterator[None]:
    """What is refused was named by this field of the body."""
    try:
        yield
    except Refusal as refusal:
        refusal.param = refusal.param or param
        raise
