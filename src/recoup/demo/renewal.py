"""The last chapter: a renewal is declined for want of money, and won back on the customer's payday."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from recoup.demo import wire
from recoup.demo.shop import Shop, Unexpected, card
from recoup.demo.telling import Check, Facts, Say, Tellings, equal
from recoup.demo.words import moment
from recoup.kit.clock import rfc3339
from recoup.kit.money import Money
from recoup.paydays.core import Monthly, next_payday

NAME: Final = "Nora"
FEE: Final = 2900
ENOUGH: Final = 10_000
TOO_LITTLE: Final = 450
SOONEST: Final = timedelta(days=3)
LATEST: Final = timedelta(days=14)
"""Half of the 28 days of the default policy: where payday is farther off, a try before it can be worth it."""
WEEKS_MAX: Final = 5


async def renewal(shop: Shop) -> Tellings:
    """Somebody pays, runs out of money, and is charged again when there is some."""
    person, payday = await _somebody(shop)
    zone, fee = person.time_zone, Money(FEE, person.currency)
    yield Say(f"{NAME} in {_city(zone)} is paid once a month, next on {_day(payday, zone)}.")
    customer, method = await _subscribed(shop, person, payday, fee)
    yield Say(f"She subscribes and pays {fee}; her card is kept. Then life takes the rest of the money.")
    await shop.post(f"/v1/test/world/cards/{person.id}", {"balance": TOO_LITTLE}, wire.Person)
    asked = {"payment_method": method.id, "customer": customer.id, "initiator": "merchant"}
    declined = await shop.pay(fee, **asked)
    named = method.network_transaction_id is not None
    yield Check("the first payment left a network transaction id", named, "there is none")
    yield equal("the renewal is declined", declined.status, "declined")
    code = None if declined.decline is None else declined.decline.code
    yield equal("because there is not enough money", code, "insufficient_funds")
    if declined.recovery is None:
        yield Check("a recovery is open", holds=False, found="the payment names none")
        return
    async for telling in _recovered(shop, declined, payday, zone):
        yield telling


async def _recovered(shop: Shop, declined: wire.Payment, payday: datetime, zone: str) -> Tellings:
    recovery = await _recovery(shop, declined)
    plan = recovery.plan
    planned = None if plan is None else plan.at
    if plan is None or planned is None:
        yield Check("the next try is planned", holds=False, found=f"the recovery is {recovery.status}")
        return
    yield Facts(
        (
            ("recovery", recovery.status),
            ("next try", f"{moment(planned, zone)}, local time"),
            ("why", plan.why),
        )
    )
    yield equal("the next try is planned for payday", _day(planned, zone), _day(payday, zone))
    yield Say("The test clock moves to the evening before:")
    await _advance(shop, planned - timedelta(hours=8))
    early = await shop.payment(declined.id)
    yield equal("nothing was tried too early", early.outcomes, ["declined"])
    yield Say("and on to the morning of payday:")
    await _advance(shop, planned + timedelta(minutes=1))
    paid = await shop.payment(declined.id)
    yield await shop.story(declined.id, time_zone=zone)
    yield equal("the payment is captured", paid.status, "captured")
    reasons = [attempt.reason for attempt in paid.attempts]
    yield equal("with one more try", reasons, ["initial", "recovery"])
    yield equal("the recovery is closed", (await _recovery(shop, declined)).status, "recovered")
    charges = [charge.amount for charge in await shop.charges(declined.id)]
    yield equal("and the customer was charged once", charges, [FEE])


async def _somebody(shop: Shop) -> tuple[wire.Person, datetime]:
    """A cardholder whose next payday is soon and is a day on which banks work; where nobody's is, a week later."""
    wanted = "payday_cycle=monthly&predictable=true&brand=visa&state=active&country=US&limit=100"
    for _ in range(WEEKS_MAX):
        now = (await shop.get("/v1/test_clock", wire.Clock)).now
        people = (await shop.get(f"/v1/test/world/cards?{wanted}", wire.People)).data
        fits = [
            (person, person.next_payday)
            for person in people
            if person.next_payday is not None
            and SOONEST < person.next_payday - now < LATEST
            and (person.exp_year, person.exp_month) > (person.next_payday.year, person.next_payday.month)
            and _is_ordinary(person, person.next_payday, now)
        ]
        if fits:
            return fits[now.toordinal() % len(fits)]
        await _advance(shop, now + timedelta(weeks=1))
    raise Unexpected(
        'Nobody in the simulated world has a card and a payday: start a new one, POST /v1/test/world {"seed": 1}.'
    )


def _is_ordinary(person: wire.Person, payday: datetime, now: datetime) -> bool:
    """Whether Recoup, told only the day of the month, expects the money on the day on which it comes."""
    zone = person.time_zone
    day = payday.astimezone(ZoneInfo(zone)).day
    expected = next_payday(Monthly(day), now, zone=zone, country=person.country)
    return _day(expected, zone) == _day(payday, zone)


async def _subscribed(
    shop: Shop, person: wire.Person, payday: datetime, fee: Money
) -> tuple[wire.Customer, wire.Method]:
    """A customer with a stored card, who has just paid with it in their own session."""
    day = payday.astimezone(ZoneInfo(person.time_zone)).day
    known = {
        "name": NAME,
        "country": person.country,
        "time_zone": person.time_zone,
        "payday": {"cycle": "monthly", "day_of_month": day},
        "merchant_reference": shop.reference("customer"),
    }
    customer = await shop.post("/v1/customers", known, wire.Customer)
    await shop.post(f"/v1/test/world/cards/{person.id}", {"balance": ENOUGH}, wire.Person)
    assert person.number is not None, "a list of cards shows their numbers"
    method = card(person.number, month=person.exp_month, year=person.exp_year)
    paid = await shop.pay(fee, payment_method_data=method, customer=customer.id)
    if paid.status != "captured":
        raise Unexpected(f"The customer's first payment is {paid.status}, so there is nothing to renew.")
    return customer, await shop.get(f"/v1/payment_methods/{paid.payment_method}", wire.Method)


async def _recovery(shop: Shop, payment: wire.Payment) -> wire.Recovery:
    return await shop.get(f"/v1/recoveries/{payment.recovery}", wire.Recovery)


async def _advance(shop: Shop, to: datetime) -> None:
    await shop.post("/v1/test_clock/advance", {"to": rfc3339(to)}, wire.Clock)


def _city(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ")


def _day(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%A} {local.day} {local:%B}"
