"""A scheduled payment has one payment, which is tried once, whoever dies and whoever comes at the same time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from tests.billing.cases import START
from tests.billing.office import Dead, Office

from recoup.billing.core.scheduled import MOVES, ScheduledPayment, Status
from recoup.billing.flow.scheduled import ScheduledPayments
from recoup.kit.refusals import Refusal
from recoup.payments.core import Status as PaymentStatus

AT = START + timedelta(days=3)


@pytest.fixture
def desk(office: Office) -> ScheduledPayments:
    made = ScheduledPayments(
        office.database, payments=office.payments, owing=office.payments, new_id=office.new_id
    )
    office.payments.told = made.hear
    return made


async def made(office: Office, desk: ScheduledPayments) -> ScheduledPayment:
    new = ScheduledPayment(
        merchant_id=office.us.id,
        id=office.new_id(),
        status=Status.SCHEDULED,
        version=1,
        events_count=1,
        customer_id=office.customer_id,
        payment_method_id=UUID(int=7),
        amount=4200,
        currency="USD",
        at=AT,
        created_at=START,
        updated_at=START,
    )
    async with office.database.transaction() as connection:
        return await desk.create(connection, office.us, new)


async def test_it_is_tried_once_by_whoever_comes_and_not_before_its_time(
    office: Office, desk: ScheduledPayments
) -> None:
    one = await made(office, desk)
    office.payments.answers.extend([None, PaymentStatus.UNRESOLVED])
    assert await desk.execute(office.us, one.id, START) == AT
    with pytest.raises(Dead):
        await desk.execute(office.us, one.id, AT)
    begun = await desk.get(office.us, one.id)
    assert begun.status is Status.PROCESSING and not office.payments.tries
    await asyncio.gather(*(desk.execute(office.us, one.id, AT) for _ in range(3)))
    assert [payment_id for payment_id, _ in office.payments.tries] == [begun.payment_id]
    assert (await desk.get(office.us, one.id)).status is Status.PROCESSING, "nobody knows what became of it"
    async with office.database.transaction() as connection:
        with pytest.raises(Refusal, match="processing"):
            await desk.cancel(connection, office.us, one.id, now=AT)
    assert begun.payment_id is not None and len(office.payments.known) == 1
    office.payments.stands(begun.payment_id, PaymentStatus.CAPTURED)
    for _ in "12":
        await desk.hear(office.us, begun.payment_id, AT)
    paid = await desk.get(office.us, one.id)
    assert (paid.status, paid.events_count) == (Status.PAID, 3)


async def test_what_is_canceled_is_never_begun_and_late_news_changes_nothing(
    office: Office, desk: ScheduledPayments
) -> None:
    gone, one = await made(office, desk), await made(office, desk)
    async with office.database.transaction() as connection:
        await desk.cancel(connection, office.us, gone.id, now=START)
    assert await desk.execute(office.us, gone.id, AT) is None and not office.payments.known
    office.payments.answers.extend([PaymentStatus.DECLINED])
    await desk.execute(office.us, one.id, AT)
    failed = await desk.get(office.us, one.id)
    assert failed.status is Status.FAILED and failed.payment_id is not None
    old = office.payments.known[failed.payment_id]
    office.payments.stands(failed.payment_id, PaymentStatus.CAPTURED)
    await desk.hear(office.us, failed.payment_id, AT)
    office.payments.known[failed.payment_id] = old
    await desk.hear(office.us, failed.payment_id, AT)
    assert (await desk.get(office.us, one.id)).status is Status.PAID
    assert await desk.execute(office.us, one.id, AT) is None and len(office.payments.tries) == 1


def test_from_a_cancellation_nothing_leads_away_and_nothing_leads_back_to_the_schedule() -> None:
    assert MOVES.keys() == set(Status) and not MOVES[Status.CANCELED]
    assert all(Status.SCHEDULED not in moves.values() for moves in MOVES.values())
