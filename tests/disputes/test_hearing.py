"""What a merchant sees of what processors tell of disputes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from tests.disputes.desk import Desk
from tests.payments.bank import Lost

from recoup.connectors.base import Alert, Notice
from recoup.connectors.base import DisputeState as News
from recoup.disputes.core.machine import Status
from recoup.disputes.core.records import Dispute, Which
from recoup.disputes.flow.heard import Applied, Contradiction, Known
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.ledger.core import AccountKind
from recoup.outcomes.core import Approved

BOOKS = (
    AccountKind.RECEIVABLE,
    AccountKind.DISPUTED,
    AccountKind.DISPUTE_LOSSES,
    AccountKind.DISPUTE_FEES,
)


async def test_a_chargeback_is_known_by_its_payment_and_moves_its_money(desk: Desk) -> None:
    paid = await desk.paid()
    dispute = await desk.told(
        News.OPENED, paid=paid, reason="13.1", network="visa", fee=Money(150, "USD"), withdrawn=True
    )
    assert (dispute.status, dispute.payment_id) == (Status.NEEDS_RESPONSE, paid.payment.id)
    assert await desk.events(dispute) == ["dispute.opened"]
    assert await desk.balances(*BOOKS) == [-150, 1000, 0, 150]
    await desk.told(News.SUBMITTED, hours=1)
    await desk.told(News.LOST, hours=2)
    assert await desk.events(dispute) == ["dispute.opened", "dispute.submitted", "dispute.lost"]
    assert await desk.balances(*BOOKS) == [-150, 0, 1000, 150]


async def test_an_alert_that_the_network_settles_with_the_merchant_s_money_is_a_loss(desk: Desk) -> None:
    paid = await desk.paid()
    rapid = {"alert": Alert.RAPID_RESOLUTION, "program": "VISA_RDR", "reason": "13.1", "network": "visa"}
    alert = await desk.told(News.WARNING, paid=paid, withdrawn=False, **rapid)
    assert (alert.alert, alert.program, alert.stops) == (Alert.RAPID_RESOLUTION, "visa_rdr", True)
    settled = await desk.told(News.RESOLVED_EARLY, hours=1, paid=paid, withdrawn=True, **rapid)
    assert (settled.status, settled.stops) == (Status.CLOSED, False), "it was no fraud"
    assert await desk.events(settled) == ["dispute.warning", "dispute.closed"]
    assert await desk.balances(*BOOKS) == [0, 0, 1000, 0]
    refunded = await desk.told(
        News.RESOLVED_EARLY, hours=1, paid=paid, reference="du_2", withdrawn=False, **rapid
    )
    assert (refunded.status, refunded.withdrawn) == (Status.CLOSED, False)
    assert await desk.balances(*BOOKS) == [0, 0, 1000, 0]


async def test_two_accounts_with_one_login_have_one_dispute(desk: Desk) -> None:
    merchant = await desk.house.merchant("north", "north")
    first, second = await desk.house.accounts.accounts_of(merchant.id)
    shop = replace(desk, merchant=merchant, account_id=first.id)
    paid = await shop.paid()
    own = paid.attempts[-1].processor_account_id
    other = replace(shop, account_id=second.id if own == first.id else first.id)
    await other.hears(shop.notice(News.OPENED, paid=paid, fee=Money(150, "USD"), withdrawn=True))
    await other.hears(shop.notice(News.SUBMITTED, hours=1))
    await replace(shop, account_id=own).hears(shop.notice(News.OPENED, hours=0.5, paid=paid))
    (dispute,) = await shop.all()
    assert (dispute.processor_account_id, dispute.payment_id) == (own, paid.payment.id)
    assert dispute.status is Status.UNDER_REVIEW
    assert await shop.balances(*BOOKS) == [-150, 1000, 0, 150]


async def test_another_accounts_dispute_of_that_name_is_another_without_a_payment_of_ours(desk: Desk) -> None:
    merchant = await desk.house.merchant("north", "north")
    shop = replace(desk, merchant=merchant)
    for account in await desk.house.accounts.accounts_of(merchant.id):
        await replace(shop, account_id=account.id).hears(shop.notice(News.OPENED, charge="ch_elsewhere"))
    assert [one.payment_id for one in await shop.all()] == [None, None]


async def test_a_won_dispute_brings_its_money_back_but_not_the_fee(desk: Desk) -> None:
    paid = await desk.paid()
    await desk.told(News.OPENED, paid=paid, fee=Money(150, "USD"))
    won = await desk.told(News.WON, hours=1)
    assert await desk.balances(*BOOKS) == [850, 0, 0, 150]
    assert won.ended_at is not None
    again = await desk.told(News.REVERSED, hours=2)
    assert await desk.balances(*BOOKS) == [-150, 0, 1000, 150]
    assert await desk.events(again) == ["dispute.opened", "dispute.won", "dispute.reversed"]


async def test_the_same_news_twice_change_nothing(desk: Desk) -> None:
    paid = await desk.paid()
    notice = desk.notice(News.OPENED, paid=paid)
    assert isinstance(await desk.hears(notice), Applied)
    dispute = await desk.named()
    for _ in range(3):
        assert await desk.hears(notice) == Known(paid.payment.id)
    assert await desk.named() == dispute
    assert await desk.balances(*BOOKS) == [0, 1000, 0, 0]


def seen(dispute: Dispute) -> Any:
    return replace(
        dispute, id=dispute.merchant_id, version=0, events_count=0, reference="", charge_reference=None
    )


async def test_every_order_of_the_same_news_ends_the_same(desk: Desk) -> None:
    """On the real database, with every step written: row, ledger and whether the card is left alone."""
    paid = await desk.paid()
    told = (
        (News.WARNING, {"reason": "10.4", "network": "visa"}),
        (News.OPENED, {"fee": Money(15, "USD"), "withdrawn": True}),
        (News.SUBMITTED, {"evidence_due": desk.house.now + timedelta(days=9)}),
        (News.LOST, {"amount": Money(900, "USD")}),
    )
    ends = []
    for number, order in enumerate(permutations(range(len(told)))):
        reference = f"du_{number}"
        notices = [
            desk.notice(told[place][0], hours=place, paid=paid, reference=reference, **told[place][1])
            for place in order
        ]
        for notice in (*notices, notices[0]):
            await desk.hears(notice)
        ends.append(seen(await desk.named(reference)))
    assert all(one == ends[0] for one in ends)
    assert ends[0].status is Status.LOST and ends[0].stops
    assert await desk.balances(*BOOKS) == [1000 - 24 * 915, 0, 24 * 900, 24 * 15]


async def test_at_once_from_many_sides_is_the_same_as_one_by_one(desk: Desk) -> None:
    """Several workers read what came in; none of them undoes what another wrote."""
    paid = await desk.paid()
    notices = [
        desk.notice(state, hours=hours, paid=paid)
        for hours, state in enumerate((News.OPENED, News.SUBMITTED, News.WON, News.REVERSED, News.LOST))
    ]
    await asyncio.gather(*(desk.hears(one) for one in [*reversed(notices), *notices]))
    dispute = await desk.named()
    assert dispute.status is Status.LOST
    assert await desk.balances(*BOOKS) == [0, 0, 1000, 0]
    assert len(await desk.events(dispute)) == dispute.events_count


async def test_a_dispute_of_a_payment_made_elsewhere_is_kept_without_one(desk: Desk) -> None:
    dispute = await desk.told(News.OPENED, charge="ch_of_nobody")
    assert (dispute.payment_id, dispute.charge_reference) == (None, "ch_of_nobody")
    assert await desk.balances(*BOOKS) == [-1000, 1000, 0, 0]
    assert await desk.disputes.page(desk.merchant, Which(Status.NEEDS_RESPONSE), limit=9) == [dispute]


async def test_a_dispute_finds_its_payment_later_where_the_first_news_did_not_say(desk: Desk) -> None:
    paid = await desk.paid()
    lone = await desk.told(News.WARNING)
    assert lone.payment_id is None
    found = await desk.told(News.OPENED, hours=1, paid=paid)
    assert (found.id, found.payment_id) == (lone.id, paid.payment.id)
    assert found.card.payment_method_id == paid.payment.payment_method_id


async def test_a_dispute_heard_before_its_charge_is_known_finds_its_payment_by_itself(desk: Desk) -> None:
    desk.court.will("charge", Lost(Approved("ch_late", captured=True)))
    paid = await desk.paid()
    early = await desk.told(News.OPENED, charge="ch_late")
    foreign = await desk.told(News.OPENED, charge="ch_of_nobody", reference="du_2")
    assert early.payment_id is None
    for _ in range(4):
        await desk.house.wait(minutes=3)
        await desk.house.work()
    found = await desk.named()
    assert (found.payment_id, found.stops) == (paid.payment.id, True)
    assert found.card.payment_method_id == paid.payment.payment_method_id
    assert await desk.events(found) == ["dispute.opened", "dispute.updated"]
    await desk.house.wait(days=31)
    assert await desk.disputes.place_again(desk.merchant, foreign.id, desk.house.now) is None


async def test_warning_and_chargeback_of_one_charge_are_linked_by_it(desk: Desk) -> None:
    """Some processors give each its own name."""
    paid = await desk.paid()
    warned = await desk.told(News.WARNING, paid=paid, reference="issfr_1")
    opened = await desk.told(News.OPENED, paid=paid, reference="du_1")
    assert await desk.balances(*BOOKS) == [0, 1000, 0, 0]
    assert warned.charge_reference == opened.charge_reference
    linked = await desk.disputes.page(desk.merchant, Which(payment_id=paid.payment.id), limit=9)
    assert {one.id for one in linked} == {opened.id, warned.id}


async def test_a_part_in_another_currency_is_posted_as_it_is_told(desk: Desk) -> None:
    paid = await desk.paid()
    dispute = await desk.told(News.OPENED, paid=paid, amount=Money(-400, "EUR"), fee=Money(150, "USD"))
    assert dispute.amount == Money(400, "EUR")
    assert await desk.balances(*BOOKS, currency="EUR") == [-400, 400, 0, 0]
    assert await desk.balances(*BOOKS) == [850, 0, 0, 150]
    await desk.told(News.WON, hours=1, amount=Money(400, "EUR"), fee=Money(0, "USD"))
    assert await desk.balances(*BOOKS, currency="EUR") == [0, 0, 0, 0]
    assert await desk.balances(*BOOKS) == [1000, 0, 0, 0]


async def test_ends_that_cannot_both_be_true_are_told_to_a_person(desk: Desk) -> None:
    """The newer one counts; hearing either again says so again, since the first telling may have been lost."""
    paid = await desk.paid()
    await desk.told(News.OPENED, paid=paid)
    lost, won = desk.notice(News.LOST, hours=2), desk.notice(News.WON, hours=1)
    assert isinstance(await desk.hears(lost), Applied)
    dispute = await desk.named()
    for notice in (won, won, lost):
        heard = await desk.hears(notice)
        assert isinstance(heard, Contradiction)
        assert (heard.about, heard.known, heard.told) == (desk.shown(dispute), "lost", "won")
    assert (await desk.named()).status is Status.LOST


async def test_what_is_told_of_no_change_is_written_once(desk: Desk) -> None:
    """More that is known of it is an event of its own: a consumer has what the API shows."""
    paid = await desk.paid()
    await desk.told(News.OPENED, paid=paid)
    due = desk.house.now + timedelta(days=9)
    dispute = await desk.told(News.OPENED, hours=1, evidence_due=due, reason="13.1", network="visa")
    assert dispute.evidence_due_by == due
    assert await desk.events(dispute) == ["dispute.opened", "dispute.updated"]
    key = await desk.house.key_of(desk.merchant)
    listed = (await desk.house.call("GET", "/v1/events", key=key)).json["data"]
    shown = (await desk.house.call("GET", f"/v1/disputes/{desk.shown(dispute)}", key=key)).json
    assert listed[0]["data"]["object"] == shown
    assert shown["payment"] == render(Kind.PAYMENT, paid.payment.id)


async def test_a_test_card_that_everybody_uses_stands_for_its_own_method_alone(desk: Desk) -> None:
    paid, other = await desk.paid(), await desk.paid()
    await desk.told(News.OPENED, paid=paid)

    async def stopped(snapshot: Any) -> str | None:
        attempt = snapshot.attempts[-1]
        return await desk.disputes.stops(
            desk.merchant, payment_method_id=attempt.payment_method_id, fingerprint=attempt.fingerprint
        )

    assert "needs_response" in (await stopped(paid) or "")
    assert await stopped(other) is None


async def test_nobody_else_s_disputes_are_read_or_stop_anything(desk: Desk) -> None:
    paid = await desk.paid()
    dispute = await desk.told(News.OPENED, paid=paid)
    stranger = await desk.house.merchant()
    key = await desk.house.key_of(stranger)
    path = f"/v1/disputes/{desk.shown(dispute)}"
    for method, tail in (("GET", ""), ("POST", "/evidence"), ("POST", "/submit"), ("POST", "/accept")):
        answer = await desk.house.call(method, path + tail, {} if tail == "/evidence" else None, key=key)
        assert answer.status == 404, tail
    assert (await desk.house.call("GET", "/v1/disputes", key=key)).json["data"] == []
    attempt = paid.attempts[-1]
    assert (
        await desk.disputes.stops(
            stranger, payment_method_id=attempt.payment_method_id, fingerprint=attempt.fingerprint
        )
        is None
    )


@pytest.mark.parametrize("ends", [(News.LOST,), (News.WON, News.REVERSED, News.WON)])
async def test_the_list_shows_what_awaits_an_answer(desk: Desk, ends: Sequence[News]) -> None:
    soon, late = desk.house.now + timedelta(days=2), desk.house.now + timedelta(days=20)
    first = await desk.told(News.OPENED, reference="a", evidence_due=soon)
    await desk.told(News.OPENED, reference="b", evidence_due=late)
    await desk.told(News.OPENED, reference="c", evidence_due=soon)
    for hours, end in enumerate(ends, start=1):
        await desk.told(end, reference="c", hours=hours)
    before = desk.house.now + timedelta(days=5)
    assert await desk.disputes.page(desk.merchant, Which(due_before=before), limit=9) == [first]


async def test_a_name_that_no_row_can_hold_is_made_to_fit(desk: Desk) -> None:
    long = "x" * 1000
    notice: Notice = desk.notice(News.OPENED, reference=long, reason="r\x00" * 1000)
    await desk.hears(notice)
    (dispute,) = await desk.all()
    assert len(dispute.reference) == 300
