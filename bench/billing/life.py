"""Years of subscriptions, lived through by the service on a clock that jumps from one thing that is due to the next.

Everything is the service's own: cycles, invoices, charge days, payments, recoveries, their rows in PostgreSQL. Only the
processor is a fake within this process (`bank`), and nobody listens to webhooks or reads a ledger.

Nobody leaves: whose card may never be charged again brings another a day before the next renewal, and what is lost is
lost. So both ways of charging bill the same people for the same periods.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from bench.billing.bank import NAME, Bank
from bench.billing.house import opened
from bench.billing.people import Crowd, Holder
from recoup.app import Service
from recoup.billing.core.cycles import NewSubscription
from recoup.billing.core.dunning import DunningPolicy, FinalAction, Rules
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import ManagedBy, Plan, Terms, Window
from recoup.billing.flow.dunning import DunningPolicies
from recoup.billing.flow.plans import Plans
from recoup.billing.flow.subscriptions import Subscriptions
from recoup.connectors.registry import CONNECTORS
from recoup.db import Connection, plans
from recoup.kit.clock import ManualClock
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.core import Fees, Merchant
from recoup.merchants.flow import NewAccount
from recoup.sandbox.cards import check_digit
from recoup.sandbox.core.people import BEGINNINGS, COUNTRIES
from recoup.vault.core import CustomerDetails
from recoup.vault.wire import CardData, CardMethodData

START: Final = date(2027, 1, 4)
_NUMBER_DIGITS: Final = 15
_AMEX_DIGITS: Final = 14
_BEGIN: Final = datetime.combine(START - timedelta(days=2), time(), UTC)
"""When everybody agrees: the first month is free, so that nobody's first charge is another's than the rest."""
_AT_ONCE: Final = 50
_AFTER_DAYS: Final = 75
"""How long after the last month the world goes on, so that the last recoveries end."""
_DAY: Final = timedelta(days=1)
_TIDY: Final = timedelta(days=7)
"""How often the parts of tables are made that the next months need."""
_BEGINNING: Final = {kind: digits for digits, kind in BEGINNINGS.items()}
_NUMERIC: Final = {country.code: country.numeric for country in COUNTRIES}
_NETWORK_TRANSACTION: Final = "016150703802094"
_STEPS_MAX: Final = 10**8


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of charging: its name, and within how many days after the due day customers agreed to be charged."""

    name: str
    window_days: int


DUE: Final = Arm("due", 0)
PAYDAY: Final = Arm("payday", 7)
ARMS: Final = {arm.name: arm for arm in (DUE, PAYDAY)}


@dataclass(frozen=True, slots=True)
class Span:
    """How many of a seed's people, from the `first` on, live for how many months; time goes in steps of `tick_s`, which
    is how late anything may be."""

    seed: int
    subscriptions: int
    months: int
    tick_s: int = 900
    first: int = 0


@dataclass(slots=True)
class Life:
    """What there is while it is lived."""

    span: Span
    arm: Arm
    service: Service
    clock: ManualClock
    crowd: Crowd
    bank: Bank
    merchant: Merchant
    customers: list[UUID] = field(default_factory=list)
    """By person, as what follows."""
    subscriptions: list[UUID] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)
    """How many cards there are that begin alike."""
    took_s: float = 0.0


@asynccontextmanager
async def begun(span: Span, arm: Arm, *, folder: Path, conninfo: str) -> AsyncIterator[Life]:
    """Everybody subscribed, and nothing has happened."""
    clock = ManualClock(_BEGIN)
    crowd = Crowd(span.seed, span.subscriptions, start=START, first=span.first)
    bank = Bank(crowd, clock)
    async with opened(folder, conninfo, clock=clock, connectors={**CONNECTORS, NAME: bank}) as service:
        merchant = (await service.merchants.create("Years", now=clock.now())).test
        async with service.database.transaction() as connection:
            account = NewAccount(
                connector=NAME,
                label="bank",
                credentials={},
                fees=Fees(basis_points=290, fixed=30, currency="USD"),
            )
            await service.accounts.create(connection, merchant, account, now=clock.now())
        life = Life(span, arm, service, clock, crowd, bank, merchant)
        await _keeping(life)
        await _subscribed(life)
        yield life


async def lived(life: Life) -> None:
    """All the months, and some time after, until nothing is due any more."""
    began = refreshed = perf_counter()
    tidied = _BEGIN - _TIDY
    until = _BEGIN + timedelta(days=31 * (life.span.months + 1) + _AFTER_DAYS)
    new_cards: list[tuple[datetime, int]] = []
    for _ in range(_STEPS_MAX):
        due_at = await life.service.worker.next_due(life.merchant.id)
        card_at = new_cards[0][0] if new_cards else None
        at = min((one for one in (due_at, card_at) if one is not None), default=None)
        if at is None or at > until:
            break
        _jump(life, at)
        if life.clock.now() - tidied >= _TIDY:
            tidied = life.clock.now()
            await life.service.routing.tidy()
        while new_cards and new_cards[0][0] <= life.clock.now():
            await _brings_card(life, heapq.heappop(new_cards)[1])
        await _worked(life.service)
        _look_for_spoilt(life, new_cards)
        if perf_counter() - refreshed > plans.EVERY_S:
            await plans.refresh(life.service.database)
            refreshed = perf_counter()
    life.took_s = perf_counter() - began


def _jump(life: Life, at: datetime) -> None:
    """To the next tick at or after a moment, never back; a moment that is past is worked now."""
    tick, now = timedelta(seconds=life.span.tick_s), life.clock.now()
    ticks = -((_BEGIN - at) // tick)
    life.clock.advance(max(_BEGIN + ticks * tick - now, timedelta(0)))


async def _worked(service: Service) -> None:
    """Whatever is due by now; what follows from it by now is due next."""
    await service.worker.round()
    await service.worker.idle()


def _look_for_spoilt(life: Life, new_cards: list[tuple[datetime, int]]) -> None:
    """Who has to bring another card does so a day before the next renewal."""
    waiting = {person for _, person in new_cards}
    for person, period in life.bank.spoilt.items():
        if person not in waiting:
            renewal = life.crowd.due_at(person, period + 1)
            heapq.heappush(new_cards, (renewal - _DAY, person))


async def _brings_card(life: Life, person: int) -> None:
    """Another card for somebody's subscription."""
    now, customer_id = life.clock.now(), life.customers[person]
    subscription_id = life.subscriptions[person]
    async with life.service.database.transaction() as connection:
        method_id = await _method(
            life, connection, person, customer_id, period=life.crowd.period(person, now)
        )
        subscriptions: Subscriptions = life.service.billed.subscriptions
        held = await subscriptions.held(connection, life.merchant, subscription_id)
        if not held.has_ended:
            fields = {"payment_method_id": method_id}
            await subscriptions.update(connection, life.merchant, subscription_id, fields, now=now)


async def _subscribed(life: Life) -> None:
    """Everybody with a customer's record, a card and a subscription."""
    offered = await _offered(life)
    for first in range(0, life.span.subscriptions, _AT_ONCE):
        async with life.service.database.transaction() as connection:
            for person in range(first, min(first + _AT_ONCE, life.span.subscriptions)):
                await _subscribe(life, connection, person, offered)


async def _keeping(life: Life) -> None:
    """What is lost is lost, and billing goes on: both arms bill the same periods."""
    now = life.clock.now()
    policy = DunningPolicy(
        merchant_id=life.merchant.id,
        id=life.service.new_id(),
        version=1,
        events_count=1,
        name="Keep",
        rules=Rules(final_action=FinalAction.KEEP),
        is_default=True,
        metadata={},
        created_at=now,
        updated_at=now,
    )
    database, new_id = life.service.database, life.service.new_id
    async with database.transaction() as connection:
        await DunningPolicies(database, recovering=_NoPolicies(), new_id=new_id).create(
            connection, life.merchant, policy
        )


class _NoPolicies:
    """Recovery goes by what is built in."""

    async def is_known(self, merchant: Merchant, name: str) -> bool:
        """No other has a name."""
        return False


async def _offered(life: Life) -> dict[str, Plan]:
    """A plan for each currency; what it costs is agreed with each customer."""
    service, now = life.service, life.clock.now()
    made = {}
    for currency in sorted({country.currency for country in COUNTRIES}):
        made[currency] = Plan(
            merchant_id=life.merchant.id,
            id=service.new_id(),
            version=1,
            events_count=1,
            name="Monthly",
            amount=1_000,
            currency=currency,
            interval=Interval(Unit.MONTH, 1),
            trial_days=0,
            active=True,
            metadata={},
            created_at=now,
            updated_at=now,
        )
    async with service.database.transaction() as connection:
        for plan in made.values():
            await Plans(service.database, new_id=service.new_id).create(connection, life.merchant, plan)
    return made


async def _subscribe(life: Life, connection: Connection, person: int, offered: dict[str, Plan]) -> None:
    service, now, holder = life.service, life.clock.now(), life.crowd.holders[person]
    details = CustomerDetails(country=holder.country, time_zone=holder.zone, payday=holder.payday)
    customer = await service.customers.create(connection, life.merchant, details, now=now)
    life.bank.knows(person, customer=render(Kind.CUSTOMER, customer.id))
    life.customers.append(customer.id)
    method_id = await _method(life, connection, person, customer.id)
    new = _new(life, holder, customer_id=customer.id, method_id=method_id, plan=offered[holder.currency])
    made = await service.billed.subscriptions.create(connection, life.merchant, new, now=now)
    life.subscriptions.append(made.id)


def _new(life: Life, holder: Holder, *, customer_id: UUID, method_id: UUID, plan: Plan) -> NewSubscription:
    now, window = life.clock.now(), life.arm.window_days
    today = now.astimezone(ZoneInfo(holder.zone)).date()
    return NewSubscription(
        merchant_id=life.merchant.id,
        id=life.service.new_id(),
        customer_id=customer_id,
        payment_method_id=method_id,
        managed_by=ManagedBy.RECOUP,
        terms=Terms(plan_id=plan.id, name=plan.name, amount=holder.amount, quantity=1, since=now),
        currency=holder.currency,
        interval=plan.interval,
        zone=holder.zone,
        hour=holder.hour,
        country=holder.country,
        starts_on=today,
        anchor=None,
        trial_days=(holder.due - today).days,
        payments_total=life.span.months,
        window=Window(after_days=window, before_days=0, agreed_at=now) if window else None,
        discounts=(),
        items=(),
        description=None,
        metadata={},
    )


async def _method(
    life: Life, connection: Connection, person: int, customer_id: UUID, *, period: int = -1
) -> UUID:
    """A card of somebody's, in the vault; its series was agreed to elsewhere."""
    number = _number(life, life.crowd.holders[person])
    data = CardMethodData(
        card=CardData(number=Secret(number), exp_month=12, exp_year=2040),
        network_transaction_id=_NETWORK_TRANSACTION,
    )
    method = await life.service.methods.create(
        connection, life.merchant, data, customer_id=customer_id, metadata={}, now=life.clock.now()
    )
    life.bank.gives(person, number, period=period)
    return method.id


def _number(life: Life, holder: Holder) -> str:
    """The number of a new card: brand, funding and country as the sandbox's numbers tell them, then counted."""
    beginning = _BEGINNING[holder.brand, holder.funding] + _NUMERIC[holder.country]
    free = (_AMEX_DIGITS if holder.brand == "amex" else _NUMBER_DIGITS) - len(beginning)
    digits = f"{beginning}{life.numbers[beginning]:0{free}}"
    life.numbers[beginning] += 1
    return f"{digits}{check_digit(digits)}"
