"""Theirs against ours: every line finds what it is about, or somebody is told why not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.payments.bank import lost_card
from tests.settlements.desk import Desk, attempt_of, by_number, charged
from tests.settlements.reports import (
    ADYEN,
    STRIPE,
    adyen_row,
    stripe_row,
    written,
)

from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.ledger.core import AccountKind
from recoup.merchants.core import Merchant
from recoup.settlements.core.reasons import ExceptionState, Reason, Resolution
from recoup.settlements.core.reports import LineStatus, ReportState
from recoup.settlements.core.tolerance import Tolerances
from recoup.settlements.flow import Missing


async def test_what_was_taken_and_given_back_is_matched_by_our_keys(desk: Desk) -> None:
    paid, other = await desk.paid(), await desk.paid()
    refund = await desk.house.refund(desk.merchant, paid.payment.id, 250)
    report = await desk.stripe(
        charged(paid),
        stripe_row("refund", -250, **{"refund_metadata[recoup_key]": render(Kind.REFUND, refund.id)}),
        charged(other),
        stripe_row("fee", 0, 7),
    )
    assert (report.state, report.lines, report.worked, report.exceptions) == (ReportState.DONE, 4, 4, 0)
    assert report.matched == 3
    found = by_number(await desk.lines(report))
    assert [found[n].status for n in (1, 2, 3, 4)] == ["matched", "matched", "matched", "noted"]
    assert (found[1].payment_id, found[1].object_id) == (paid.payment.id, paid.attempts[0].id)
    assert (found[2].payment_id, found[2].object_id) == (paid.payment.id, refund.id)
    assert found[4].payment_id is None


async def test_without_our_key_the_processor_s_reference_tells(desk: Desk) -> None:
    paid = await desk.paid()
    report = await desk.stripe(stripe_row("charge", 1000, 30, payment_intent_id=paid.attempts[0].reference))
    (line,) = await desk.lines(report)
    assert (line.status, line.payment_id) == (LineStatus.MATCHED, paid.payment.id)


async def test_a_refund_of_a_known_charge_goes_by_its_amount(desk: Desk) -> None:
    """Two equal refunds are two lines; a third is not known."""
    paid = await desk.paid()
    refunds = [await desk.house.refund(desk.merchant, paid.payment.id, 100) for _ in range(2)]
    of_it = {"payment_metadata[recoup_key]": attempt_of(paid)}
    report = await desk.stripe(*(stripe_row("refund", -100, **of_it) for _ in range(3)), chunk_lines=2)
    lines = await desk.lines(report)
    assert {one.object_id for one in lines[:2]} == {one.id for one in refunds}
    assert [(one.status, one.reason) for one in lines[2:]] == [("exception", "missing_here")]
    assert lines[2].payment_id == paid.payment.id


async def test_captures_in_part_go_by_their_amounts(desk: Desk) -> None:
    payment_id = await desk.house.authorized(desk.merchant)
    await desk.house.capture(desk.merchant, payment_id, 400, final=False)
    await desk.house.capture(desk.merchant, payment_id, 400, final=True)
    held = await desk.house.snapshot(desk.merchant, payment_id)
    rows = [adyen_row("Settled", 400, 5, "USD", **{"Merchant Reference": attempt_of(held)}) for _ in range(2)]
    report = await desk.taken(written(ADYEN, rows), format_="adyen")
    captures = {one.id for one in held.operations}
    assert {one.object_id for one in await desk.lines(report)} == captures
    assert report.exceptions == 0


async def test_what_stripe_tells_of_a_partial_capture_is_the_whole_and_what_came_back(desk: Desk) -> None:
    payment_id = await desk.house.authorized(desk.merchant)
    await desk.house.capture(desk.merchant, payment_id, 600)
    held = await desk.house.snapshot(desk.merchant, payment_id)
    report = await desk.stripe(
        charged(held), charged(held, -400, 0, reporting_category="partial_capture_reversal")
    )
    assert [one.status for one in await desk.lines(report)] == ["matched", "noted"]


async def test_a_settled_charge_that_we_have_as_declined_opens_a_case(desk: Desk) -> None:
    """Found money: the customer was charged though we said no, and perhaps charged again elsewhere."""
    desk.house.bank.will("charge", lost_card())
    declined = await desk.paid()
    assert declined.payment.status == "declined"
    report = await desk.stripe(charged(declined))
    assert await desk.reasons(report) == ["settled_though_declined"]
    await desk.house.work()
    (case,) = await desk.house.audit_cases.page(desk.merchant, state=None, after=None, before=None, limit=9)
    assert (case.kind, case.object_id) == ("contradiction", declined.payment.id)
    assert case.details["reason"] == "settled_though_declined" and case.details["found"] == 1000


async def test_a_settled_charge_that_was_never_captured_is_found(desk: Desk) -> None:
    payment_id = await desk.house.authorized(desk.merchant)
    report = await desk.stripe(charged(await desk.house.snapshot(desk.merchant, payment_id)))
    assert await desk.reasons(report) == ["settled_though_not_captured"]


async def test_every_difference_has_its_reason(desk: Desk) -> None:
    paid = [await desk.paid() for _ in range(4)]
    report = await desk.stripe(
        charged(paid[0], 999),
        charged(paid[1], currency="EUR"),
        charged(paid[2]) | {"net": "9.00"},
        charged(paid[3]),
        charged(paid[3]),
        stripe_row("charge", 777, **{"payment_metadata[recoup_key]": "their-own"}),
        stripe_row("moon_levy", -5),
    )
    assert await desk.reasons(report) == [
        "amount_differs",
        "currency_differs",
        "sums_differ",
        "duplicate",
        "missing_here",
        "unknown_kind",
    ]
    first = (await desk.exceptions(report))[0]
    assert (first.expected, first.found, first.payment_id) == (1000, 999, paid[0].payment.id)
    assert "here 10.00 USD, there 9.99 USD" in first.summary


async def test_tolerance_is_a_rule_with_a_name(desk: Desk) -> None:
    paid = await desk.paid()
    lenient = await desk.stripe(charged(paid, 999), tolerance=Tolerances.LENIENT)
    assert lenient.exceptions == 0


async def test_a_payment_at_another_account_is_told(desk: Desk) -> None:
    _, south = await desk.house.accounts.accounts_of(desk.merchant.id)
    paid = await desk.paid(routing=(south.id,))
    assert await desk.reasons(await desk.stripe(charged(paid))) == ["other_account"]


async def test_a_movement_that_another_report_has_otherwise_is_a_duplicate(desk: Desk) -> None:
    """The same charge in another payout was settled twice: that is no overlap."""
    paid = await desk.paid()
    await desk.stripe(charged(paid))
    again = await desk.stripe(charged(paid, automatic_payout_id="po_2"))
    assert await desk.reasons(again) == ["duplicate"]


async def test_an_unknown_charge_has_proposals_and_nothing_is_linked(desk: Desk) -> None:
    paid = await desk.paid(money=Money(4321, "USD"))
    at = (desk.house.now + timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S")
    report = await desk.stripe(
        stripe_row("charge", 4321, 30, created_utc=at), stripe_row("charge", 4322, created_utc=at)
    )
    like, unlike = await desk.exceptions(report)
    assert (like.reason, like.proposals, like.payment_id) == (Reason.MISSING_HERE, (paid.payment.id,), None)
    assert unlike.proposals == ()


async def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    paid = await desk.paid()
    content = written(STRIPE, [charged(paid), stripe_row("charge", 5)])
    first = await desk.taken(content)
    lines, found = await desk.lines(first), await desk.exceptions()
    assert await desk.taken(content) == first
    assert (await desk.lines(first), await desk.exceptions()) == (lines, found)
    assert (await desk.house.events(desk.merchant)).count("settlement.completed") == 1


async def test_a_wrong_file_leaves_nothing_behind(desk: Desk) -> None:
    paid = await desk.paid()
    content = written(STRIPE, [charged(paid)] * 3)[:-20]
    with pytest.raises(Refusal, match="Line 4") as refused:
        await desk.taken(content, chunk_lines=1)
    assert refused.value.code == "unreadable_report"
    for table in ("settlements", "settlement_lines", "settlement_exceptions"):
        row = await desk.house.database.fetch_one(
            f"select count(*) as n from {table} where merchant_id = %(m)s", {"m": desk.merchant.id}
        )
        assert row == {"n": 0}


@pytest.mark.parametrize("crashed_after", [1, 2, 3, 4])
async def test_a_report_goes_on_where_it_stopped(desk: Desk, crashed_after: int) -> None:
    """Whoever dies between two chunks is followed by somebody who does the rest, and the whole is the same."""
    payments = [await desk.paid() for _ in range(4)]
    rows = [charged(one) for one in payments] + [stripe_row("charge", 7), stripe_row("fee", 0, 3)]
    content = written(STRIPE, rows)

    class Died(Exception):
        pass

    def dies(worked: int) -> None:
        if worked >= crashed_after:
            raise Died

    report, upload = await desk.begun(content)
    with pytest.raises(Died):
        await desk.importing(1).work(desk.merchant, report, upload.source, now=desk.house.now, progress=dies)
    half, _ = await desk.begun(content)
    assert (half.id, half.worked, half.state) == (report.id, crashed_after, ReportState.IMPORTING)
    done = await desk.taken(content, chunk_lines=2)
    assert (done.state, done.worked, done.matched, done.exceptions) == (ReportState.DONE, 6, 4, 1)
    assert [one.number for one in await desk.lines(done)] == [1, 2, 3, 4, 5, 6]
    assert await desk.balances(AccountKind.FEES) == [4 * 30 + 3]


async def test_two_who_work_one_report_write_every_line_once(desk: Desk) -> None:
    payments = [await desk.paid() for _ in range(6)]
    report, upload = await desk.begun(written(STRIPE, [charged(one) for one in payments]))
    await asyncio.gather(
        *(desk.importing(1).work(desk.merchant, report, upload.source, now=desk.house.now) for _ in range(3))
    )
    (done, _) = await desk.begun(written(STRIPE, [charged(one) for one in payments]))
    assert (done.state, done.worked, done.matched) == (ReportState.DONE, 6, 6)


@pytest.mark.parametrize("chunk_lines", [1, 2, 5, 100])
async def test_the_size_of_chunks_does_not_matter(desk: Desk, chunk_lines: int) -> None:
    payments = [await desk.paid() for _ in range(3)]
    refund = await desk.house.refund(desk.merchant, payments[0].payment.id, 10)
    rows: list[Any] = [
        *(charged(one) for one in payments),
        charged(payments[1]),
        stripe_row("refund", -10, **{"refund_metadata[recoup_key]": render(Kind.REFUND, refund.id)}),
        stripe_row("charge", 12),
        charged(payments[2], 1),
    ]
    report = await desk.stripe(*rows, chunk_lines=chunk_lines)
    statuses = [(one.status.value, one.reason) for one in await desk.lines(report)]
    assert statuses == [
        *[("matched", None)] * 3,
        ("exception", "duplicate"),
        ("matched", None),
        ("exception", "missing_here"),
        ("exception", "amount_differs"),
    ]


async def test_fees_and_payouts_are_in_the_books(desk: Desk) -> None:
    """What the processor owes is nothing once it has paid out; every fee is where fees are."""
    paid = await desk.paid()
    refund = await desk.house.refund(desk.merchant, paid.payment.id, 250)
    key = render(Kind.REFUND, refund.id)
    await desk.stripe(
        charged(paid, fee=40), stripe_row("refund", -250, 5, **{"refund_metadata[recoup_key]": key})
    )
    held = await desk.balances(AccountKind.RECEIVABLE, AccountKind.FEES, AccountKind.IN_TRANSIT)
    assert held == [0, 45, 705]


@pytest.mark.parametrize("told", [False, True], ids=["news tell no fee", "news tell the fee"])
async def test_what_a_dispute_costs_is_in_the_books_once(desk: Desk, *, told: bool) -> None:
    """Most processors' news of a dispute say nothing of its fee: then the report's line does."""
    desk = replace(desk, dispute_fees_told=told)
    rows = [adyen_row("Chargeback", -1000, 1500), adyen_row("ChargebackReversed", 1000)]
    await desk.taken(written(ADYEN, rows), format_="adyen")
    fees = 0 if told else 1500
    kinds = (AccountKind.RECEIVABLE, AccountKind.FEES, AccountKind.DISPUTE_FEES)
    assert await desk.balances(*kinds, currency="EUR") == [-fees, 0, fees]


async def test_a_payout_that_the_report_tells_is_posted_as_told(desk: Desk) -> None:
    paid = await desk.paid(money=Money(1000, "EUR"))
    rows = [
        adyen_row("Settled", 1000, 40, **{"Merchant Reference": attempt_of(paid)}),
        adyen_row("MerchantPayout", -960),
    ]
    report = await desk.taken(written(ADYEN, rows), format_="adyen")
    kinds = (AccountKind.RECEIVABLE, AccountKind.FEES, AccountKind.IN_TRANSIT)
    assert await desk.balances(*kinds, currency="EUR") == [0, 40, 960]
    (payout,) = await desk.house.settlements.reports.payouts(desk.merchant, report.id)
    assert (payout.payout, payout.net, payout.told) == ("42", 960, 960)


async def test_what_was_converted_leaves_one_currency_and_comes_into_the_other(desk: Desk) -> None:
    paid = await desk.paid(money=Money(5000, "JPY"))
    converted = {"customer_facing_amount": "5000", "customer_facing_currency": "jpy"}
    report = await desk.stripe(charged(paid, 3300, 96, **converted))
    assert report.exceptions == 0
    assert await desk.balances(AccountKind.RECEIVABLE, AccountKind.EXCHANGE, currency="JPY") == [0, 5000]
    kinds = (AccountKind.RECEIVABLE, AccountKind.FEES, AccountKind.EXCHANGE, AccountKind.IN_TRANSIT)
    assert await desk.balances(*kinds) == [0, 96, -3300, 3204]


async def test_what_no_report_has_in_time_is_missing_there_until_one_has(desk: Desk) -> None:
    """Ours against theirs, of captures and refunds, from the first movement that a report tells of."""
    house = desk.house
    reported, late, given_back = [await desk.paid() for _ in range(3)]
    refund = await house.refund(desk.merchant, given_back.payment.id, 300)
    at = house.now.strftime("%Y-%m-%d %H:%M:%S")
    await desk.stripe(charged(reported, created_utc=at), charged(given_back, created_utc=at))
    assert await house.settlements.missing.look_at(desk.merchant, now=house.now) == 0
    await house.wait(days=6)
    assert await house.settlements.missing.look_at(desk.merchant, now=house.now) == 0
    await house.wait(days=2)
    assert await house.settlements.missing.look_at(desk.merchant, now=house.now) == 2
    assert await house.settlements.missing.look_at(desk.merchant, now=house.now) == 0
    found = {one.object_id: one for one in await desk.exceptions()}
    assert set(found) == {late.payment.id, refund.id}
    assert {one.reason for one in found.values()} == {Reason.MISSING_THERE}
    assert (found[late.payment.id].expected, found[refund.id].expected) == (1000, -300)
    await desk.stripe(charged(late, created_utc=at))
    found = {one.object_id: one for one in await desk.exceptions()}
    assert found[late.payment.id].resolution is Resolution.FOUND
    assert found[refund.id].state is ExceptionState.OPEN


async def test_who_uploads_nothing_misses_nothing(desk: Desk) -> None:
    await desk.paid()
    await desk.house.wait(days=30)
    assert await desk.house.settlements.missing.look_at(desk.merchant, now=desk.house.now) == 0
    assert await desk.exceptions() == []


async def test_what_a_report_writes_is_kept_as_it_is(desk: Desk) -> None:
    """Backslashes, tabs and line feeds in references are theirs, and no word to the database."""
    odd = "a\\N\\tb\tc\nd\\."
    report = await desk.stripe(stripe_row("charge", 5, source_id=odd, payment_intent_id="\\N"))
    (line,) = await desk.lines(report)
    assert (line.reference, line.charge_reference, line.key) == (odd, "\\N", None)


async def test_every_payout_of_a_report_is_posted_however_many_there_are(desk: Desk) -> None:
    """A file of some years has thousands."""
    count = 2100
    rows = [stripe_row("fee", 1, automatic_payout_id=f"po_{number}") for number in range(count)]
    await desk.stripe(*rows)
    assert await desk.balances(AccountKind.IN_TRANSIT) == [count]


async def test_what_is_missing_is_looked_for_whatever_becomes_of_another_merchant(desk: Desk) -> None:
    house, other = desk.house, await desk.house.merchant("north")
    (account,) = await house.accounts.accounts_of(other.id)
    for one in (desk, replace(desk, merchant=other, account_id=account.id)):
        await one.stripe(charged(await one.paid()))
    looked_at: list[UUID] = []

    async def fails(merchant_id: UUID) -> Merchant | None:
        looked_at.append(merchant_id)
        raise LookupError

    missing = Missing(
        house.database, merchant=fails, contesting=desk.contesting, clock=house.clock, new_id=house.new_id
    )
    assert await missing.look() == 0
    assert {desk.merchant.id, other.id} <= set(looked_at)
