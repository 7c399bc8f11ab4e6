"""A later file: what ended at the old biller ends here, what was only looked at still follows it, and who is deleted
meanwhile is gone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.billing.cases import LINKS, START
from tests.billing.flow.test_importing import OPTIONS, Hall, whats

from recoup.billing.core import ahead
from recoup.billing.core.bills import Charge
from recoup.billing.core.importing.judging import What
from recoup.billing.core.importing.lines import Over, Read
from recoup.billing.core.machine import Status
from recoup.billing.core.records import ManagedBy
from recoup.billing.core.risks import Ahead, Risk
from recoup.billing.flow.importing import Doing
from recoup.billing.flow.writing import Scribe
from recoup.db import Database


@pytest.fixture
async def hall(database: Database) -> Hall:
    hall = Hall(database)
    await hall.settle_in()
    await hall.connect()
    return hall


def over(number: int) -> Over:
    return Over(number, f"s-{number}", "is canceled at Stripe")


async def test_what_was_canceled_at_the_old_biller_ends_here_unless_it_is_billed_or_changed_here(
    hall: Hall,
) -> None:
    shadow = replace(OPTIONS, managed_by=ManagedBy.OUTSIDE)
    await hall.take([hall.row(n) for n in (1, 2, 3, 4)])
    await hall.take([hall.row(5), hall.row(6)], shadow)
    one, billed, touched, _, _, reported = await hall.all()
    assert billed.next_at is not None
    await hall.cycles.open_due(hall.us, [billed.id], billed.next_at)
    hall.clock.advance(timedelta(days=2))
    async with hall.database.transaction() as connection:
        fields = {"description": "VIP"}
        await hall.subscriptions.update(connection, hall.us, touched.id, fields, now=hall.clock.now())
    past = hall.row(5, cancel_at=(START + timedelta(days=2)).date().isoformat())
    later: list[Read] = [over(1), over(2), over(3), hall.row(4), past, over(6), over(7)]
    looked_at = await hall.look(later)
    done = await hall.take(later)
    assert (
        whats(done)
        == whats(looked_at)
        == ["ended", "skipped", "skipped", "skipped", "ended", "ended", "skipped"]
    )
    assert done[1].why == "is canceled at Stripe; is billed here already: cancel it here"
    assert done[2].why == "is canceled at Stripe; was changed here since it came in: cancel it here"
    assert [one.status for one in await hall.all()] == [
        Status.CANCELED,
        Status.ACTIVE,
        Status.ACTIVE,
        Status.ACTIVE,
        Status.CANCELED,
        Status.CANCELED,
    ]
    assert whats(await hall.take(later)) == ["skipped"] * 7, "an end is final, and told once"
    due = await hall.database.fetch_all(
        "select 1 from due where merchant_id = %(m)s and object_id = any(%(ids)s)",
        {"m": hall.us.id, "ids": [one.id, reported.id]},
    )
    assert due == [], "nothing of it is due any more"


async def test_what_was_only_looked_at_still_follows_the_file(hall: Hall) -> None:
    """Its card will have expired by its first charge, and the merchant was told so."""
    await hall.take([hall.row(1, exp_month="2", exp_year="2027")])
    (held,) = await hall.all()
    now = START + timedelta(days=20)
    coming = ahead.coming(held, now=now)
    assert coming is not None
    found = Ahead(
        number=2, due=coming.turn.due, amount=0, method_id=held.payment_method_id, risks=(Risk.EXPIRES,)
    )
    making = ahead.making_of(coming, Charge(None), balance=0, now=now)
    step = ahead.looked(coming, found, ahead.preview(coming, making), (), now=now)
    assert step is not None
    async with hall.database.transaction() as connection:
        await Scribe(hall.new_id, LINKS).write(connection, hall.us, [step], now=now)
    (done,) = await hall.take([hall.row(1, amount="3500")])
    assert (done.what, done.why) == (What.UPDATED, None)


class Overlooked(Hall):
    """Somebody has a customer deleted when all that an import needs was read, before it writes."""

    deleting: asyncio.Task[None] | None = None

    async def meanwhile(self, customer_id: UUID) -> None:
        self.deleting = asyncio.create_task(self.customers.delete(self.us, customer_id, now=START))
        await asyncio.wait({self.deleting}, timeout=0.3)  # it is done by then, or waits for the import


async def test_who_is_deleted_during_an_import_keeps_no_card(database: Database) -> None:
    hall = Overlooked(database)
    await hall.settle_in()
    await hall.connect()
    await hall.take([hall.row(1)])
    (held,) = await hall.all()
    shown_as = hall.newcomers.shown_as

    async def last_look(*given: Any) -> Any:
        if hall.deleting is None:
            await hall.meanwhile(held.customer_id)
        return await shown_as(*given)

    hall.newcomers.shown_as = last_look  # type: ignore[assignment,method-assign]
    await hall.take([hall.row(2, customer="user-1")])
    assert hall.deleting is not None
    await hall.deleting
    rows = await database.fetch_all(
        "select 1 from payment_methods where merchant_id = %(m)s and customer_id = %(c)s",
        {"m": hall.us.id, "c": held.customer_id},
    )
    assert rows == [], "nothing of theirs can be charged any more"
    again = [hall.row(1), hall.row(1, amount="1"), hall.row(3, customer="user-1")]
    for row, what in zip(again, ("skipped", "skipped", "refused"), strict=True):
        assert whats(await hall.take([row])) == [what], "a file with lines of theirs is no wrong file"


async def test_what_writes_nothing_says_so(hall: Hall) -> None:
    async with hall.database.transaction() as connection:
        for taken_in in (True, False):
            _, wrote = await hall.imports.at_once(
                connection, hall.us, OPTIONS, [hall.row(1)], doing=Doing.ALL, now=START
            )
            assert wrote is taken_in
