"""Many subscriptions for a measurement: written by a few statements, each a copy of one that billing's own rules made.

Every one is a year old, monthly, and has its customer, its row of due work and its last invoice, which is paid. Some
fall due at the same instant, the others over the four weeks after it, so many a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.app import Service
from recoup.billing.core import settling
from recoup.billing.core.bills import Charge, Making
from recoup.billing.core.cycles import NewSubscription, Open, began, next_turn, opened
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import Invoice, ManagedBy, Plan, Subscription, Terms
from recoup.billing.core.step import CYCLE
from recoup.billing.flow.plans import Plans
from recoup.db import Connection
from recoup.merchants.core import Merchant

DUE: Final = datetime(2027, 5, 17, 12, tzinfo=UTC)
"""When they are due: eight in the morning in New York, a Monday."""
PERIODS: Final = 12
"""How many each was billed for."""
PLACES: Final = 28
"""The due ones, and those of 27 days after."""
_ZONE: Final = "America/New_York"
_HOUR: Final = 8
_PART: Final = 50_000
_SUBSCRIPTION, _CUSTOMER, _INVOICE, _METHOD = (UUID(int=number) for number in range(1, 5))


@dataclass(frozen=True, slots=True)
class Filled:
    """Whose they are, how many there are, and how many of them are due."""

    merchant: Merchant
    subscriptions: int
    due: int


async def filled(service: Service, subscriptions: int, *, due: int) -> Filled:
    """So many subscriptions of a new merchant, of which so many are due."""
    assert 0 < due <= subscriptions, "who is due is one of them"
    merchant = (await service.merchants.create("Billing run", now=DUE)).test
    plan = _plan(merchant.id, service.new_id())
    async with service.database.transaction() as connection:
        await Plans(service.database, new_id=service.new_id).create(connection, merchant, plan)
    templates = _encoded([_template(merchant, plan, place) for place in range(PLACES)])
    async with service.database.connection() as connection:
        for name, value in _AS_A_WHOLE:
            await connection.execute(f"set {name} = {value}")
        await connection.execute(_FILLING)
        for first in range(0, subscriptions, _PART):
            last = min(first + _PART, subscriptions)
            within = {"first": first, "last": last, "due": due, "all": subscriptions, "places": PLACES}
            await connection.execute(_NAMES, within)
            await _write(connection, merchant, plan, templates)
            await connection.execute("truncate filling")
        await connection.execute(
            "insert into invoice_numbers (merchant_id, last) values (%(merchant_id)s, %(last)s)",
            {"merchant_id": merchant.id, "last": subscriptions},
        )
        for name, _ in _AS_A_WHOLE:
            await connection.execute(f"reset {name}")
    return Filled(merchant, subscriptions, due)


async def _write(connection: Connection, merchant: Merchant, plan: Plan, templates: str) -> None:
    for statement in _ALL:
        await connection.execute(
            statement,
            {
                "merchant_id": merchant.id,
                "plan_id": plan.id,
                "templates": templates,
                "subscription": str(_SUBSCRIPTION),
                "customer": str(_CUSTOMER),
                "invoice": str(_INVOICE),
                "kind": CYCLE,
            },
        )


def _plan(merchant_id: UUID, plan_id: UUID) -> Plan:
    return Plan(
        merchant_id=merchant_id,
        id=plan_id,
        version=1,
        events_count=1,
        name="Pro",
        amount=2_900,
        currency="USD",
        interval=Interval(Unit.MONTH, 1),
        trial_days=0,
        active=True,
        metadata={},
        created_at=DUE,
        updated_at=DUE,
    )


def _template(merchant: Merchant, plan: Plan, place: int) -> dict[str, Any]:
    """One that was billed for a year, and falls due next so many days after the others' moment."""
    subscription, invoice = _billed(merchant, plan, DUE.date() + timedelta(days=place))
    assert subscription.next_at == DUE + timedelta(days=place), "it is due when it should be"
    return {
        "place": place,
        "version": subscription.version,
        "next_at": subscription.next_at,
        "subscription": subscription,
        "period": PERIODS,
        "invoice_version": invoice.version,
        "invoice": invoice,
        "at": invoice.created_at,
    }


def _billed(merchant: Merchant, plan: Plan, due: date) -> tuple[Subscription, Invoice]:
    """By the rules: begun a year before that day, opened and paid month by month."""
    starts_on = due.replace(year=due.year - 1)
    begin = datetime(starts_on.year, starts_on.month, starts_on.day, DUE.hour, tzinfo=UTC)
    new = NewSubscription(
        merchant_id=merchant.id,
        id=_SUBSCRIPTION,
        customer_id=_CUSTOMER,
        payment_method_id=_METHOD,
        managed_by=ManagedBy.RECOUP,
        terms=Terms(plan_id=plan.id, name=plan.name, amount=plan.amount, quantity=1, since=begin),
        currency=plan.currency,
        interval=plan.interval,
        zone=_ZONE,
        hour=_HOUR,
        country="US",
        starts_on=starts_on,
        anchor=None,
        trial_days=0,
        payments_total=None,
        window=None,
        discounts=(),
        items=(),
        description=None,
        metadata={"account": "a name of the merchant's own"},
    )
    subscription, invoice = began(new, now=begin), None
    while subscription.opened < PERIODS:
        now = subscription.next_at
        assert now is not None, "it goes on"
        turn = next_turn(subscription, now=now)
        assert isinstance(turn, Open), "every month costs something"
        making = Making(invoice_id=_INVOICE, due=turn.due, charge=Charge(turn.due), balance=0, now=now)
        step = opened(subscription, turn, making)
        assert step.subscription is not None, "it moves on"
        subscription = step.subscription
        done = settling.paid(step.invoices[-1], subscription, at=now, now=now, version=3)
        assert done is not None, "it was open"
        invoice = done.invoices[-1]
    assert invoice is not None, "it was billed"
    return subscription, invoice


def _encoded(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


_AS_A_WHOLE: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (
    ("statement_timeout", "0"),
    ("synchronous_commit", "off"),
    ("enable_hashjoin", "on"),
    ("enable_seqscan", "on"),
)
_FILLING: Final[LiteralString] = """
    create temporary table filling (
        n bigint, id uuid, customer_id uuid, invoice_id uuid, place integer)
"""
_NAMES: Final[LiteralString] = """
    insert into filling (n, id, customer_id, invoice_id, place)
    select s.n, i.ids[1], i.ids[2], i.ids[3],
        case when s.n * %(due)s / %(all)s > (s.n - 1) * %(due)s / %(all)s then 0
            else 1 + s.n %% (%(places)s - 1) end
    from generate_series(%(first)s::bigint + 1, %(last)s::bigint) as s (n)
    cross join lateral (
        select array_agg(
            (lpad(to_hex(1764000000000 + s.n), 12, '0') || '7' || to_hex(k) || '008'
                || substr(md5(s.n::text || k::text), 1, 15))::uuid order by k) as ids
        from generate_series(1, 3) as k
    ) i
"""
"""Ids as the service makes them: in the order of their time, and by chance in the end. Those who are due lie evenly
among the others."""

_ALL: Final[tuple[LiteralString, ...]] = (
    """
    insert into customers (merchant_id, id, country, time_zone, metadata, created_at, updated_at)
    select %(merchant_id)s, customer_id, 'US', 'America/New_York', '{}', '2026-05-17', '2026-05-17'
    from filling order by n
    """,
    """
    insert into subscriptions (
        merchant_id, id, customer_id, plan_id, status, version, next_at, data, created_at, updated_at)
    select %(merchant_id)s, f.id, f.customer_id, %(plan_id)s, 'active', t.version, t.next_at,
        replace(replace(replace(t.subscription::text, %(subscription)s, f.id::text),
            %(customer)s, f.customer_id::text), %(invoice)s, f.invoice_id::text)::json,
        t.at, t.at
    from filling f
    join json_to_recordset(%(templates)s::json) as t (
        place integer, version integer, next_at timestamptz, subscription json, at timestamptz)
        on t.place = f.place
    order by f.n
    """,
    """
    insert into invoices (
        merchant_id, id, number, customer_id, subscription_id, period, status, version, payment_id, data,
        created_at, updated_at)
    select %(merchant_id)s, f.invoice_id, f.n, f.customer_id, f.id, t.period, 'paid', t.invoice_version, null,
        replace(replace(replace(t.invoice::text, %(subscription)s, f.id::text),
            %(customer)s, f.customer_id::text), %(invoice)s, f.invoice_id::text)::json,
        t.at, t.at
    from filling f
    join json_to_recordset(%(templates)s::json) as t (
        place integer, period integer, invoice_version integer, invoice json, at timestamptz)
        on t.place = f.place
    order by f.n
    """,
    """
    insert into due (slot, merchant_id, kind, object_id, due_at)
    select ('x' || right(f.id::text, 1))::bit(4)::integer, %(merchant_id)s, %(kind)s, f.id, t.next_at
    from filling f
    join json_to_recordset(%(templates)s::json) as t (place integer, next_at timestamptz) on t.place = f.place
    order by f.n
    """,
)
