"""What stops the collecting stops all of it: of what is owed beside the hopeless invoice, and of however much."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace
from tests.billing.cases import LINKS, START, day
from tests.billing.office import Office

from recoup.billing.core.dunning import DUNNING, FinalAction
from recoup.billing.core.machine import InvoiceStatus, Status
from recoup.billing.core.records import Invoice, Subscription
from recoup.billing.core.step import Step
from recoup.billing.flow.writing import Scribe
from recoup.billing.store import AT_ONCE_MAX
from recoup.events import store as events
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import Status as RecoveryStatus

CARD: Final = UUID(int=7)


async def charged(office: Office, **more: Any) -> tuple[Subscription, Invoice]:
    """A subscription whose first invoice was charged in vain, and that."""
    made = await office.subscribed(payment_method_id=CARD, **more)
    assert made.latest_invoice_id is not None
    office.payments.answers.append(PaymentStatus.DECLINED)
    await office.charging.charge(office.us, made.latest_invoice_id, START)
    return await again(office, made), await bill(office, made.latest_invoice_id)


async def again(office: Office, one: Subscription) -> Subscription:
    return await office.subscriptions.get(office.us, one.id)


async def bill(office: Office, invoice_id: UUID) -> Invoice:
    return await office.invoices.get(office.us, invoice_id)


async def renewed(office: Office, one: Subscription) -> Invoice:
    """Its next invoice."""
    one = await again(office, one)
    assert one.next_at is not None
    await office.cycles.open_due(office.us, [one.id], one.next_at)
    latest = (await again(office, one)).latest_invoice_id
    assert latest is not None
    return await bill(office, latest)


async def canceled(office: Office, one: Subscription) -> None:
    async with office.database.transaction() as connection:
        await office.subscriptions.cancel(
            connection, office.us, one.id, at_period_end=False, prorate=False, now=START + day(1)
        )


async def told(office: Office, invoice: Invoice) -> list[str]:
    found = await events.of_objects(
        office.database, merchant_id=office.us.id, object_ids=[invoice.id], limit=100
    )
    return [event.type.removeprefix("invoice.") for event in found]


async def test_what_is_paused_or_unpaid_collects_nothing_that_it_owes(office: Office) -> None:
    """The recovery of one invoice is over; that of the next one lasts, and the one after it was never tried."""
    us = office.us
    for action, status in ((FinalAction.PAUSE, Status.PAUSED), (FinalAction.MARK_UNPAID, Status.UNPAID)):
        named = await office.policy(action.value, grace_days=1, final_action=action)
        subscription, first = await charged(office, dunning_policy_id=named.id)
        second = await renewed(office, subscription)
        assert second.charge_at is not None
        office.payments.answers.append(PaymentStatus.DECLINED)
        await office.charging.charge(us, second.id, second.charge_at)
        second, third = await bill(office, second.id), await renewed(office, subscription)
        assert first.payment_id is not None and second.payment_id is not None
        for payment_id, stands in (
            (first.payment_id, RecoveryStatus.EXHAUSTED),
            (second.payment_id, RecoveryStatus.SCHEDULED),
        ):
            office.recoveries.stands(payment_id, stands, deadline=START + day(300))
        await office.giving_up.look(us, subscription.id, START + day(200))
        left = [await bill(office, one.id) for one in (first, second, third)]
        assert [(one.collecting, one.payment_id, one.charge_at) for one in left] == [(False, None, None)] * 3
        assert office.payments.known[second.payment_id].payment.status is PaymentStatus.CANCELED
        after = await again(office, subscription)
        assert (after.status, after.owing) == (status, (first.id, second.id, third.id))


async def test_an_end_stops_more_than_one_transaction_can_change(office: Office) -> None:
    """Most at once, and the others soon after: a row says that there is more to stop."""
    us = office.us
    subscription, first = await charged(office)
    many = [
        replace(first, id=office.new_id(), number=None, period=None, payment_id=None)
        for _ in range(AT_ONCE_MAX)
    ]
    async with office.database.transaction() as connection:
        await Scribe(office.new_id, LINKS).write(connection, us, [Step(None, tuple(many))], now=START)
    assert await collected(office) == AT_ONCE_MAX + 1
    await canceled(office, subscription)
    assert await collected(office) == 1
    row = await office.database.fetch_one(
        "select due_at from due where merchant_id = %(us)s and kind = %(kind)s and object_id = %(id)s",
        {"us": us.id, "kind": DUNNING, "id": subscription.id},
    )
    assert row is not None and row["due_at"] == START + day(1)
    assert await office.giving_up.look(us, subscription.id, START + day(1)) is None
    assert await collected(office) == 0
    assert (await bill(office, first.id)).payment_id is None


async def collected(office: Office) -> int:
    """How many of the merchant's invoices are still collected."""
    row = await office.database.fetch_one(
        """
        select count(*) as n from invoices
        where merchant_id = %(us)s and coalesce((data->>'collecting')::boolean, true)
        """,
        {"us": office.us.id},
    )
    assert row is not None
    return int(row["n"])


async def test_a_refusal_that_is_like_the_one_before_it_is_news_of_another_payment(office: Office) -> None:
    """The first payment was let go of; the next one is refused at its first try too, by the same code."""
    subscription, invoice = await charged(office)
    await canceled(office, subscription)
    office.payments.answers.append(PaymentStatus.DECLINED)
    again_refused = await office.charging.pay(office.us, invoice.id, method_id=CARD, now=START + day(2))
    assert again_refused.status is InvoiceStatus.OPEN
    assert again_refused.payment_version > 0, "it was heard"
    assert (await told(office, invoice)).count("payment_failed") == 2
    assert again_refused.payment_id is not None
    await office.charging.hear(office.us, again_refused.payment_id, START + day(2))
    assert (await told(office, invoice)).count("payment_failed") == 2


async def test_what_is_returned_after_the_end_is_owed_and_collected_by_nobody(office: Office) -> None:
    """A debit that was paid comes back once its subscription is canceled: it stays open, and nothing wins it back."""
    us, made = office.us, await office.subscribed(payment_method_id=CARD)
    assert made.latest_invoice_id is not None
    office.payments.answers.append(PaymentStatus.CAPTURED)
    await office.charging.charge(us, made.latest_invoice_id, START)
    await canceled(office, made)
    paid = await bill(office, made.latest_invoice_id)
    assert paid.status is InvoiceStatus.PAID and paid.payment_id is not None
    office.payments.stands(paid.payment_id, PaymentStatus.DECLINED)
    await office.charging.hear(us, paid.payment_id, START + day(9))
    left = await bill(office, paid.id)
    assert (left.status, left.collecting, left.payment_id) == (InvoiceStatus.OPEN, False, None)
    assert office.payments.known[paid.payment_id].payment.status is PaymentStatus.CANCELED
    assert (await told(office, paid))[-1] == "payment_failed"


async def test_the_payments_of_several_ends_are_held_before_one_is_let_go_of(office: Office) -> None:
    """Else two who let go of the same ones would wait for each other: by hand, by dunning, at the end of periods."""
    us, policy = office.us, await office.policy("Short", default=True, grace_days=0)
    ending = []
    for _ in "12":
        subscription, first = await charged(office)
        ending.append((subscription, first.payment_id))
        async with office.database.transaction() as connection:
            fields = {"cancel_at_period_end": True}
            await office.subscriptions.update(connection, us, subscription.id, fields, now=START)
    ends_at = (await again(office, ending[0][0])).next_at
    assert ends_at is not None and policy.is_default
    await office.cycles.open_due(us, [one.id for one, _ in ending], ends_at)
    assert [sorted(some, key=str) for some in office.payments.held] == [
        sorted((paid_by for _, paid_by in ending), key=str)
    ]
    assert {(await again(office, one)).status for one, _ in ending} == {Status.CANCELED}
