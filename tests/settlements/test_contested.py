"""Disputes and the lines of reports: each finds the other, or somebody is told; nothing is posted twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from tests.settlements.desk import Desk, attempt_of, charged
from tests.settlements.reports import stripe_row

from recoup.connectors.base import DisputeNews, Notice, Subject
from recoup.connectors.base import DisputeState as News
from recoup.kit.money import Money
from recoup.ledger.core import AccountKind
from recoup.payments.core import Snapshot
from recoup.settlements.core.reasons import MEANINGS, Reason, Resolution

TOOK: Final = Money(1000, "USD")
BOOKS: Final = (AccountKind.RECEIVABLE, AccountKind.DISPUTED, AccountKind.DISPUTE_LOSSES)


async def hears(
    desk: Desk, state: News, paid: Snapshot | None = None, *, hours: float = 0, **told: Any
) -> None:
    """The processor tells of the dispute du_1."""
    charge = told.pop("charge", None if paid is None else paid.attempts[-1].reference)
    notice = Notice(
        event_id=f"evt-{state}-{hours}",
        about=Subject.DISPUTE,
        meaning=DisputeNews("du_1", state, **({"amount": TOOK} | told)),
        reference="du_1",
        charge_reference=charge,
        occurred_at=desk.house.now + timedelta(hours=hours),
    )
    place = await desk.house.payments.place(desk.merchant, desk.account_id, notice)
    disputes = desk.house.disputed.disputes
    await disputes.hear(desk.merchant, desk.account_id, notice, place=place, now=desk.house.now)


def taken(gross: int = -1000, fee: int = 0, /, **more: Any) -> dict[str, Any]:
    """The line of the dispute du_1."""
    kind = "dispute" if gross < 0 else "dispute_reversal"
    return stripe_row(kind, gross, fee, **({"source_id": "du_1"} | more))


async def seen(desk: Desk, *rows: Any, **how: Any) -> list[tuple[str, str | None]]:
    """What came of each line."""
    report = await desk.stripe(*rows, **how)
    return [(one.status.value, one.reason) for one in await desk.lines(report)]


MATCHED: Final = ("matched", None)


@pytest.mark.parametrize("by", ["dispute", "key", "charge"])
async def test_a_line_finds_its_dispute(desk: Desk, by: str) -> None:
    """By the processor's name for it, else by the payment that our key or the charge's reference names."""
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid)
    before = await desk.balances(*BOOKS)
    row = {
        "dispute": taken(),
        "key": taken(source_id="other", **{"payment_metadata[recoup_key]": attempt_of(paid)}),
        "charge": taken(source_id="other", payment_intent_id=paid.attempts[-1].reference),
    }[by]
    report = await desk.stripe(row)
    (line,) = await desk.lines(report)
    (dispute,) = await desk.house.disputed.disputes.page(desk.merchant, limit=9)
    assert (line.status, line.payment_id, line.object_id) == ("matched", paid.payment.id, dispute.id)
    assert report.matched == 1
    owed = before[0] + 1000  # what the report pays out, which is below nothing here
    assert await desk.balances(*BOOKS) == [owed, *before[1:]]


async def test_a_dispute_of_a_payment_made_elsewhere_is_found_by_its_charge(desk: Desk) -> None:
    await hears(desk, News.OPENED, charge="ch_elsewhere")
    rows = [taken(source_id="other", payment_intent_id="ch_elsewhere"), taken(-999)]
    assert await seen(desk, *rows) == [MATCHED, ("exception", "dispute_differs")]


@pytest.mark.parametrize("chunk_lines", [1, 100])
async def test_taken_given_back_and_taken_again_each_has_its_line(desk: Desk, chunk_lines: int) -> None:
    """Lines may come long after the news: what was given back since was taken all the same."""
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid)
    await hears(desk, News.WON, paid, hours=1)
    assert await seen(desk, taken(), taken(1000), chunk_lines=chunk_lines) == [MATCHED, MATCHED]
    again = {"automatic_payout_id": "po_2"}
    assert await seen(desk, taken(**again)) == [("exception", "duplicate")]
    await hears(desk, News.REVERSED, paid, hours=2)
    again = {"automatic_payout_id": "po_3"}
    assert await seen(desk, taken(**again), chunk_lines=chunk_lines) == [MATCHED]


@pytest.mark.parametrize(
    ("states", "gross", "currency", "expected"),
    [
        ([News.OPENED], -1100, "USD", -1000),
        ([News.OPENED], -1000, "EUR", None),
        ([News.OPENED], 1000, "USD", 0),
        ([News.INQUIRY], -1000, "USD", 0),
        ([News.WARNING, News.RESOLVED_EARLY], -1000, "USD", 0),
    ],
    ids=["another amount", "another currency", "given back", "an inquiry", "a warning"],
)
async def test_what_differs_is_posted_once_it_is_accepted(
    desk: Desk, states: list[News], gross: int, currency: str, expected: int | None
) -> None:
    """The processor owes nothing for it any more: what the dispute has not posted is a difference."""
    paid = await desk.paid()
    for hours, state in enumerate(states):
        await hears(desk, state, paid, hours=hours)
    first = [taken()] if gross > 0 else []
    rows = [charged(paid, fee=0), *first, taken(gross, currency=currency)]
    (found,) = await desk.exceptions(await desk.stripe(*rows))
    assert (found.reason, found.expected, found.found) == (Reason.DISPUTE_DIFFERS, expected, gross)
    assert "sync" in MEANINGS[found.reason].remedy
    await desk.resolved(found.id, Resolution.ACCEPTED)
    assert await desk.balances(AccountKind.RECEIVABLE) == [0]
    assert await desk.balances(AccountKind.RECEIVABLE, currency="EUR") == [0]


async def test_what_the_dispute_says_by_then_is_not_posted_twice(desk: Desk) -> None:
    """Accepted after the processor was asked: the dispute has posted what the line says."""
    paid = await desk.paid()
    await hears(desk, News.INQUIRY, paid)
    (found,) = await desk.exceptions(await desk.stripe(charged(paid, fee=0), taken()))
    await hears(desk, News.OPENED, paid, hours=1)
    await desk.resolved(found.id, Resolution.ACCEPTED)
    assert await desk.balances(*BOOKS, AccountKind.DIFFERENCES) == [0, 1000, 0, 0]


@pytest.mark.parametrize("told", [False, True], ids=["news tell no fee", "news tell the fee"])
async def test_an_unknown_dispute_is_a_difference_and_its_fee_a_fee(desk: Desk, *, told: bool) -> None:
    desk = replace(desk, dispute_fees_told=told)
    (found,) = await desk.exceptions(await desk.stripe(taken(-1000, 1500)))
    assert found.reason is Reason.DISPUTE_UNKNOWN
    await desk.resolved(found.id, Resolution.ACCEPTED)
    kinds = (AccountKind.RECEIVABLE, AccountKind.DISPUTE_FEES, AccountKind.DIFFERENCES)
    assert await desk.balances(*kinds) == [0, 1500, 1000]


@pytest.mark.parametrize("told", [False, True], ids=["news tell no fee", "news tell the fee"])
async def test_the_fee_of_a_line_that_differs_is_posted_once(desk: Desk, *, told: bool) -> None:
    desk = replace(desk, dispute_fees_told=told)
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid, **({"fee": Money(1500, "USD")} if told else {}))
    (found,) = await desk.exceptions(await desk.stripe(charged(paid, fee=0), taken(-1001, 1500)))
    await desk.resolved(found.id, Resolution.ACCEPTED)
    kinds = (AccountKind.RECEIVABLE, AccountKind.DISPUTE_FEES, AccountKind.DIFFERENCES)
    assert await desk.balances(*kinds) == [0, 1500, 1]


async def test_the_line_of_another_report_is_repeated(desk: Desk) -> None:
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid)
    assert await seen(desk, taken()) == [MATCHED]
    assert await seen(desk, taken(), stripe_row("fee", 0, 1)) == [("repeated", None), ("noted", None)]


async def test_nobody_else_s_dispute_is_found(desk: Desk) -> None:
    _, south = await desk.house.accounts.accounts_of(desk.merchant.id)
    await hears(replace(desk, account_id=south.id), News.OPENED)
    assert await seen(desk, taken()) == [("exception", "dispute_unknown")]


async def test_a_dispute_that_no_report_has_in_time_is_missing_there_until_one_has(desk: Desk) -> None:
    house, paid, given_back = desk.house, await desk.paid(), await desk.paid()
    at = {"created_utc": house.now.strftime("%Y-%m-%d %H:%M:%S")}
    await desk.stripe(charged(paid, **at), charged(given_back, **at))
    look_at = house.settlements.missing.look_at
    await hears(desk, News.OPENED, paid, withdrawn=False)
    await house.wait(days=5)
    await hears(desk, News.OPENED, paid, withdrawn=True)
    await house.wait(days=3)
    assert await look_at(desk.merchant, now=house.now) == 0, "the money is gone for three days only"
    await house.wait(days=5)
    assert await look_at(desk.merchant, now=house.now) == 1
    (found,) = await desk.exceptions()
    (dispute,) = await house.disputed.disputes.page(desk.merchant, limit=9)
    assert (found.reason, found.object_id, found.expected) == (Reason.MISSING_THERE, dispute.id, -1000)
    await desk.stripe(taken(**at))
    (found,) = await desk.exceptions()
    assert found.resolution is Resolution.FOUND
