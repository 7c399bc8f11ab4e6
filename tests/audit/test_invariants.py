"""The laws of what is kept: each is broken by hand in the database, is seen, and opens a case that a person closes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from tests import invariants
from tests.payments.bank import Lost, no_funds
from tests.payments.house import House
from tests.vault.house import Ticks
from tests.webhooks.outbox import endpoint as new_endpoint
from tests.webhooks.outbox import happen

from recoup.audit import watching
from recoup.audit.core.invariants import MEANINGS, Hit, Invariant
from recoup.audit.store import looks as look_store
from recoup.audit.watching import CASES_MAX, EVERY_S, Watch
from recoup.merchants.core import Merchant
from recoup.payments.core import Snapshot
from recoup.recovery.core.machine import Status as RecoveryStatus

Break = Callable[[House, Merchant], Awaitable[None]]


async def by_hand(house: House, statement: Any, **values: Any) -> None:
    assert await house.database.execute(statement, values), "it breaks something"


async def paid_without_approval(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    await by_hand(
        house,
        "update attempts set state = 'declined' where merchant_id = %(m)s and payment_id = %(p)s",
        m=merchant.id,
        p=paid.payment.id,
    )


async def declined_with_approval(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    await by_hand(
        house,
        "update payments set status = 'declined' where merchant_id = %(m)s and id = %(p)s",
        m=merchant.id,
        p=paid.payment.id,
    )


async def approved_twice(house: House, merchant: Merchant) -> None:
    """The database itself forbids it: so that takes its index away for a moment, in a database of the test's own."""
    paid = await house.pay(merchant)
    await house.database.execute("drop index if exists attempts_one_may_hold_money")
    await by_hand(
        house,
        """
        insert into attempts select (a.r).* from (
            select json_populate_record(null::attempts, (to_jsonb(a) || jsonb_build_object(
                'id', %(id)s::text, 'number', 2))::json) as r
            from attempts a where a.merchant_id = %(m)s and a.payment_id = %(p)s) a
        """,
        m=merchant.id,
        p=paid.payment.id,
        id=str(house.new_id()),
    )


async def refunded_more_than_given_back(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    await by_hand(
        house,
        "update payments set refunded = 7 where merchant_id = %(m)s and id = %(p)s",
        m=merchant.id,
        p=paid.payment.id,
    )


async def captured_more_than_authorized(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    for name in ("payments_check", "payments_check1", "payments_check2"):
        await house.database.execute(f"alter table payments drop constraint if exists {name}")
    await by_hand(
        house,
        "update payments set captured = authorized + 1 where merchant_id = %(m)s and id = %(p)s",
        m=merchant.id,
        p=paid.payment.id,
    )


async def forgotten(house: House, merchant: Merchant) -> Snapshot:
    house.bank.will("charge", Lost())
    lost = await house.pay(merchant)
    await by_hand(
        house,
        "delete from due where merchant_id = %(m)s and kind = 'payment.settle' and object_id = %(p)s",
        m=merchant.id,
        p=lost.payment.id,
    )
    return lost


async def unresolved_without_a_question(house: House, merchant: Merchant) -> None:
    await forgotten(house, merchant)


async def started_and_left_alone(house: House, merchant: Merchant) -> None:
    lost = await forgotten(house, merchant)
    await by_hand(
        house,
        "update attempts set state = 'started' where merchant_id = %(m)s and payment_id = %(p)s",
        m=merchant.id,
        p=lost.payment.id,
    )
    await house.wait(minutes=16)


async def recovery_of_a_paid_payment(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    await by_hand(
        house,
        """
        insert into recoveries (merchant_id, id, payment_id, status, version, events_count, policy, opened_at, deadline,
            tries_made, tries_max, updated_at)
        values (%(m)s, %(id)s, %(p)s, 'scheduled', 1, 1, 'default', %(now)s, %(now)s, 0, 4, %(now)s)
        """,
        m=merchant.id,
        p=paid.payment.id,
        id=house.new_id(),
        now=house.now,
    )
    await house.wait(minutes=16)


async def posted(house: House, merchant: Merchant) -> UUID:
    paid = await house.pay(merchant)
    await house.books.follower.follow(merchant.id)
    return paid.payment.id


async def unbalanced_books(house: House, merchant: Merchant) -> None:
    await posted(house, merchant)
    await by_hand(
        house,
        """
        update ledger_accounts set debits = debits + 1
        where merchant_id = %(m)s and number = 1
        """,
        m=merchant.id,
    )


async def books_that_disagree(house: House, merchant: Merchant) -> None:
    payment_id = await posted(house, merchant)
    await by_hand(
        house,
        "update ledger_positions set captured = captured + 1 where merchant_id = %(m)s and object_id = %(p)s",
        m=merchant.id,
        p=payment_id,
    )


async def delivery_without_a_lane(house: House, merchant: Merchant) -> None:
    await pending_delivery(house, merchant)
    await by_hand(house, "delete from webhook_lanes where merchant_id = %(m)s", m=merchant.id)


async def lane_that_counts_wrongly(house: House, merchant: Merchant) -> None:
    await pending_delivery(house, merchant)
    await by_hand(house, "update webhook_lanes set queued = 2 where merchant_id = %(m)s", m=merchant.id)


async def pending_delivery(house: House, merchant: Merchant) -> None:
    await new_endpoint(house, merchant, "http://127.0.0.1:9/hook", "payment.*")
    await happen(house, merchant, house.new_id(), 1)
    await house.webhooks.following.follow(merchant.id)


async def work_that_nobody_does(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", Lost())
    await house.pay(merchant)
    await house.wait(minutes=31)


BREAKS: Final[Sequence[tuple[Break, Invariant]]] = (
    (paid_without_approval, Invariant.CHARGED_ONCE),
    (declined_with_approval, Invariant.CHARGED_ONCE),
    (refunded_more_than_given_back, Invariant.AMOUNTS_IN_BOUNDS),
    (unresolved_without_a_question, Invariant.OPEN_IS_ASKED_ABOUT),
    (started_and_left_alone, Invariant.STARTED_IS_LOOKED_AFTER),
    (recovery_of_a_paid_payment, Invariant.RECOVERY_ENDS_WHEN_PAID),
    (unbalanced_books, Invariant.LEDGER_BALANCED),
    (books_that_disagree, Invariant.LEDGER_AGREES),
    (delivery_without_a_lane, Invariant.EVENT_HAS_NEXT_TRY),
    (lane_that_counts_wrongly, Invariant.EVENT_HAS_NEXT_TRY),
    (work_that_nobody_does, Invariant.NOTHING_OVERDUE),
    (approved_twice, Invariant.CHARGED_ONCE),
    (captured_more_than_authorized, Invariant.AMOUNTS_IN_BOUNDS),
)


def names(hits: Sequence[Hit]) -> set[Invariant]:
    return {one.invariant for one in hits}


async def opened(house: House, merchant: Merchant) -> list[dict[str, Any]]:
    answer = await house.call("GET", "/v1/audit/cases?state=open&limit=100", key=await house.key_of(merchant))
    found: list[dict[str, Any]] = answer.json["data"]
    return found


async def a_life(house: House, merchant: Merchant) -> None:
    """Payments of every kind, some of which have no end yet."""
    paid = await house.pay(merchant)
    await house.refund(merchant, paid.payment.id, 300)
    held = await house.authorized(merchant)
    await house.capture(merchant, held, 400)
    await house.cancel(merchant, await house.authorized(merchant))
    house.bank.will("charge", no_funds(), Lost())
    await house.pay(merchant)
    await house.pay(merchant)


def settled_watch(house: House, ticks: Ticks) -> Watch:
    """A watch whose process has been up for long enough to judge work."""
    watch, ticks.seconds = house.audited.watch, 0.0
    watch._monotonic, watch._up_since = ticks, -EVERY_S
    return watch


async def test_nothing_is_broken_of_what_was_done_by_the_rules(house: House, merchant: Merchant) -> None:
    await a_life(house, merchant)
    await invariants.hold(house, merchant)


@pytest.mark.parametrize(("break_it", "law"), BREAKS, ids=[one.__name__ for one, _ in BREAKS])
async def test_a_law_that_is_broken_is_seen_opens_one_case_and_is_a_figure(
    house: House, merchant: Merchant, break_it: Break, law: Invariant
) -> None:
    await a_life(house, merchant)
    await break_it(house, merchant)
    assert law in names(await invariants.broken(house, merchant))
    watch = settled_watch(house, Ticks())
    await house.wait(minutes=2)
    for _ in range(2):
        await house.wait(seconds=EVERY_S)
        await watch.go()
    found = [one for one in await opened(house, merchant) if one["details"]["invariant"] == law]
    assert len(found) >= 1
    assert len({one["details"]["about"] for one in found}) == len(found), "one case for each thing"
    assert found[0]["remedy"] == MEANINGS[law].remedy
    shown = house.registry.get_sample_value("recoup_invariant_broken", {"invariant": law})
    assert shown is not None and shown >= len(found)


async def test_a_follower_that_stopped_is_seen(house: House, merchant: Merchant) -> None:
    await house.pay(merchant)
    assert await house.audited.watch.everything(merchant) == []
    await house.wait(minutes=16)
    stopped = await house.audited.watch.everything(merchant)
    assert {one.about for one in stopped if one.invariant is Invariant.FOLLOWERS_KEEP_UP} == {
        "ledger",
        "rereading",
        "drift",
    }
    await invariants.hold(house, merchant)


async def test_a_server_that_was_down_is_given_time_to_catch_up(house: House, merchant: Merchant) -> None:
    await house.pay(merchant)
    await house.wait(days=1)
    assert await house.audited.watch.look_at(merchant) == []
    assert names(await settled_watch(house, Ticks()).look_at(merchant)) == {Invariant.FOLLOWERS_KEEP_UP}


async def test_a_closed_case_opens_again_only_while_the_law_is_broken(
    house: House, merchant: Merchant
) -> None:
    await refunded_more_than_given_back(house, merchant)
    watch, key = house.audited.watch, await house.key_of(merchant)
    await watch.look_at(merchant)
    [first] = await opened(house, merchant)
    await house.call("POST", f"/v1/audit/cases/{first['id']}/resolve", {}, key=key)
    await watch.look_at(merchant)
    [second] = await opened(house, merchant)
    assert second["id"] != first["id"]
    await by_hand(house, "update payments set refunded = 0 where merchant_id = %(m)s", m=merchant.id)
    await house.call("POST", f"/v1/audit/cases/{second['id']}/resolve", {}, key=key)
    await watch.look_at(merchant)
    assert await opened(house, merchant) == []


async def test_many_of_one_law_have_one_case_together(house: House, merchant: Merchant) -> None:
    watch = house.audited.watch
    hits = [Hit(Invariant.CHARGED_ONCE, f"pay_{number}", None, {}) for number in range(CASES_MAX + 20)]
    await watch._open(merchant, hits)
    open_ = await look_store.open_of(
        house.database, Invariant.CHARGED_ONCE, merchant_id=merchant.id, most=1000
    )
    assert open_ == CASES_MAX + 1


async def test_a_walk_goes_on_where_it_stopped_and_begins_anew_at_its_end(
    house: House, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was broken long ago is found in the end, by a small part of all rows each time."""
    from recoup.audit import walks

    paid = [(await house.pay(merchant)).payment.id for _ in range(7)]
    first = min(paid)  # the walk goes by id; those of one millisecond are in no order
    monkeypatch.setattr(walks, "PAGE", 2)
    watch = house.audited.watch
    await watch.look_at(merchant)  # two pages of two
    await by_hand(
        house,
        "update payments set refunded = 7 where merchant_id = %(m)s and id = %(p)s",
        m=merchant.id,
        p=first,
    )
    assert await watch.look_at(merchant) == [], "it is elsewhere"
    assert names(await watch.look_at(merchant)) == {Invariant.AMOUNTS_IN_BOUNDS}


async def test_of_two_processes_one_looks_a_merchant_over(house: House, merchant: Merchant) -> None:
    other, wall = house.another_process(), house.now
    assert await house.audited.watch._turn(merchant.id) == 0
    taken = [
        await look_store.take_turn(
            house.database,
            merchant_id=merchant.id,
            at=wall + timedelta(seconds=after),
            unless_since=wall + timedelta(seconds=after) - timedelta(seconds=EVERY_S / 2),
        )
        for after in (0, 10, watching.EVERY_S)
    ]
    assert taken == [False, False, True]
    await other.close()


def test_every_open_recovery_is_looked_at() -> None:
    """The index and its query name the states in which a recovery is open."""
    from recoup.recovery.core.machine import OPEN

    named = {"scheduled", "running", "awaiting_customer", "paused"}
    assert {RecoveryStatus(one) for one in named} == OPEN
