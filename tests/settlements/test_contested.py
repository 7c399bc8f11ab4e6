"""Disputes and the lines of reports: each finds the other, or somebody is told; nothing is posted twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any, Final

import pytest
from tests.settlements.desk import Desk, attempt_of, charged
from tests.settlements.reports import ADYEN, adyen_row, stripe_row, written

from recoup.connectors.base import DisputeNews, Notice, Subject
from recoup.connectors.base import DisputeState as News
from recoup.disputes.core.records import Dispute
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.ledger.core import AccountKind
from recoup.payments.core import Snapshot
from recoup.settlements.core.reasons import MEANINGS, ExceptionState, Reason, Resolution
from recoup.settlements.core.tolerance import Tolerances

TOOK: Final = Money(1000, "USD")
BOOKS: Final = (AccountKind.RECEIVABLE, AccountKind.DISPUTED, AccountKind.DISPUTE_LOSSES)
OWED: Final = (AccountKind.RECEIVABLE, AccountKind.DISPUTE_FEES, AccountKind.DIFFERENCES)
MATCHED: Final = ("matched", None)
NEXT: Final = {"automatic_payout_id": "po_2"}
SPLIT: Final = {"balance_transaction_id": "txn_2"}


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


async def the_dispute(desk: Desk) -> Dispute:
    (dispute,) = await desk.house.disputed.disputes.page(desk.merchant, limit=9)
    return dispute


async def test_a_line_finds_its_dispute(desk: Desk) -> None:
    """By the processor's name for it, else by the payment that our key or the charge's reference names."""
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid)
    before = await desk.balances(*BOOKS)
    ways = {
        "dispute": taken(-400),
        "key": taken(-350, source_id="other", **{"payment_metadata[recoup_key]": attempt_of(paid)}),
        "charge": taken(-250, source_id="other", payment_intent_id=paid.attempts[-1].reference),
    }
    report = await desk.stripe(*ways.values())
    assert [(one.status, one.payment_id) for one in await desk.lines(report)] == [
        ("matched", paid.payment.id)
    ] * 3, list(ways)
    assert (report.matched, report.exceptions) == (3, 0)
    owed = before[0] + 1000  # what the report pays out, which is below nothing here
    assert await desk.balances(*BOOKS) == [owed, *before[1:]]


async def test_a_dispute_of_a_payment_made_elsewhere_is_found_by_its_charge(desk: Desk) -> None:
    await hears(desk, News.OPENED, charge="ch_elsewhere")
    row = taken(source_id="other", payment_intent_id="ch_elsewhere")
    assert await seen(desk, row) == [MATCHED]
    assert await seen(desk, row, stripe_row("fee", 0, 1)) == [("repeated", None), ("noted", None)]


@pytest.mark.parametrize("chunk_lines", [1, 100])
async def test_taken_given_back_and_taken_again_each_has_its_line(desk: Desk, chunk_lines: int) -> None:
    """Lines may come long after the news: what was given back since was taken all the same."""
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid)
    await hears(desk, News.WON, paid, hours=1)
    assert await seen(desk, taken(), taken(1000), chunk_lines=chunk_lines) == [MATCHED, MATCHED]
    again = await seen(desk, taken(**NEXT))
    assert again == [("exception", "dispute_differs")], "it was taken once"
    (found,) = await desk.exceptions()
    assert (found.expected, found.found) == (-1000, -2000)
    await hears(desk, News.REVERSED, paid, hours=2)
    await desk.look()
    (found,) = await desk.exceptions()
    assert (found.state, found.resolution) == (ExceptionState.RESOLVED, Resolution.FOUND)
    assert (await desk.balances(*BOOKS))[1:] == [0, 1000]


@pytest.mark.parametrize("chunk_lines", [1, 100])
async def test_the_parts_of_a_withdrawal_are_summed(desk: Desk, chunk_lines: int) -> None:
    """In one chunk, in several, and in several reports; while a part is missing somebody may look."""
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid)
    await seen(desk, charged(paid, fee=0), taken(-400), taken(-300, **SPLIT), chunk_lines=chunk_lines)
    (found,) = await desk.exceptions()
    assert (found.reason, found.expected, found.found) == (Reason.DISPUTE_DIFFERS, -1000, -700)
    assert found.object_id == (await the_dispute(desk)).id
    assert await seen(desk, taken(-300, **NEXT)) == [MATCHED]
    (found,) = await desk.exceptions()
    assert found.resolution is Resolution.FOUND
    assert await desk.balances(*OWED) == [0, 0, 0]


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
    assert await desk.look() == 0
    assert await desk.balances(AccountKind.RECEIVABLE) == [0]


async def test_how_much_an_amount_may_differ_is_the_report_s_rule(desk: Desk) -> None:
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid)
    assert await seen(desk, taken(-1001), tolerance=Tolerances.LENIENT) == [MATCHED]


STEPS: Final = ("line", "news", "accepted")


@pytest.mark.parametrize("told", [False, True], ids=["news tell no fee", "news tell the fee"])
@pytest.mark.parametrize(
    "order", [one for one in permutations(STEPS) if one.index("line") < one.index("accepted")]
)
async def test_in_whatever_order_the_ledger_has_it_once(
    desk: Desk, order: tuple[str, ...], *, told: bool
) -> None:
    """Line, news and a person who accepts: the loss is the dispute's, the fee a fee, and no difference is left."""
    desk = replace(desk, dispute_fees_told=told)
    paid = await desk.paid()
    for step in order:
        match step:
            case "line":
                await desk.stripe(charged(paid, fee=0), taken(-1000, 1500))
            case "news":
                await hears(desk, News.OPENED, paid, fee=Money(1500, "USD") if told else None)
                await hears(desk, News.LOST, paid, hours=1)
            case _:
                for one in await desk.exceptions():
                    await desk.resolved(one.id, Resolution.ACCEPTED)
    await desk.look()
    assert await desk.balances(*OWED, AccountKind.DISPUTE_LOSSES) == [0, 1500, 0, 1000]
    for one in await desk.exceptions():
        assert one.state is ExceptionState.RESOLVED and one.object_id == (await the_dispute(desk)).id
    await hears(desk, News.WON, paid, hours=2, fee=Money(1500, "USD") if told else None)
    await desk.stripe(taken(1000, **NEXT))
    await desk.look()
    assert await desk.balances(*OWED, AccountKind.DISPUTE_LOSSES) == [0, 1500, 0, 0]


async def test_news_end_what_waited_for_them_and_later_ones_say_what_they_changed(desk: Desk) -> None:
    paid = await desk.paid()
    rows = [taken(-1000, payment_intent_id=paid.attempts[-1].reference)]
    assert await seen(desk, charged(paid, fee=0), *rows) == [MATCHED, ("exception", "dispute_unknown")]
    (unknown,) = await desk.exceptions()
    await hears(desk, News.OPENED, paid, amount=Money(900, "USD"))
    await desk.look()
    (differs,) = await desk.exceptions()
    assert (differs.id, differs.reason, differs.expected) == (unknown.id, Reason.DISPUTE_DIFFERS, -900)
    await desk.resolved(differs.id, Resolution.ACCEPTED)
    assert await desk.balances(*OWED) == [0, 0, 100]
    await hears(desk, News.LOST, paid, hours=1)
    await desk.look()
    (ended,) = await desk.exceptions()
    assert (ended.resolution, ended.expected) == (Resolution.ACCEPTED, -1000)
    assert "explained" in (ended.note or "")
    assert await desk.balances(*OWED) == [0, 0, 0]


async def test_what_is_passed_over_posts_nothing_then_or_later(desk: Desk) -> None:
    paid = await desk.paid()
    (unknown,) = await desk.exceptions(await desk.stripe(charged(paid, fee=0), taken()))
    await desk.resolved(unknown.id, Resolution.IGNORED, note="of the old shop")
    await hears(desk, News.OPENED, paid)
    await desk.look()
    (ended,) = await desk.exceptions()
    assert (ended.resolution, ended.object_id) == (Resolution.IGNORED, (await the_dispute(desk)).id)
    assert (ended.note or "").startswith("of the old shop")
    assert await desk.balances(*OWED) == [0, 0, 0]


async def test_an_unknown_dispute_is_linked_to_a_payment_and_found_by_it(desk: Desk) -> None:
    paid = await desk.paid()
    *_, unknown = await desk.exceptions(await desk.stripe(charged(paid, fee=0), taken(source_id="case-7")))
    await desk.resolved(unknown.id, Resolution.LINKED, payment_id=paid.payment.id)
    await hears(desk, News.OPENED, paid)
    await desk.look()
    (ended,) = await desk.exceptions()
    assert (ended.resolution, ended.object_id) == (Resolution.LINKED, (await the_dispute(desk)).id)
    *_, differs = await desk.exceptions(await desk.stripe(taken(-5, **NEXT)))
    with pytest.raises(Refusal, match="is known"):
        await desk.resolved(differs.id, Resolution.LINKED, payment_id=paid.payment.id)


async def test_a_fee_is_held_against_what_news_told(desk: Desk) -> None:
    desk = replace(desk, dispute_fees_told=True)
    paid = await desk.paid()
    await hears(desk, News.OPENED, paid, fee=Money(1500, "USD"))
    *_, found = await desk.exceptions(await desk.stripe(charged(paid, fee=0), taken(-1000, 2000)))
    assert (found.reason, found.expected, found.found) == (Reason.DISPUTE_FEE_DIFFERS, 1500, 2000)
    await desk.resolved(found.id, Resolution.ACCEPTED)
    assert await desk.balances(*OWED) == [0, 2000, 0]
    await hears(desk, News.LOST, paid, hours=1, fee=Money(2000, "USD"))
    await desk.look()
    assert await desk.balances(*OWED) == [0, 2000, 0]
    assert len(await desk.exceptions()) == 1


async def test_what_a_dispute_took_in_another_currency_is_converted(desk: Desk) -> None:
    paid = await desk.paid(money=Money(1000, "EUR"))
    await hears(desk, News.OPENED, paid, amount=Money(1000, "EUR"))
    key = {"Merchant Reference": attempt_of(paid), "Net Currency": "USD", "Net Debit (NC)": "11.00"}
    content = written(ADYEN, [adyen_row("Chargeback", -1000, **key)])
    report = await desk.taken(content, format_="adyen")
    assert await desk.statuses(report) == ["matched"]
    assert await desk.balances(AccountKind.RECEIVABLE) == [-1100], "no payout is told yet"
    assert await desk.balances(AccountKind.RECEIVABLE, currency="EUR") == [1000], "the charge itself"


async def test_nobody_else_s_dispute_is_found(desk: Desk) -> None:
    """Another account's dispute of that name is another, and so is another merchant's, whose news end nothing here."""
    _, south = await desk.house.accounts.accounts_of(desk.merchant.id)
    await hears(replace(desk, account_id=south.id), News.OPENED)
    assert await seen(desk, taken()) == [("exception", "dispute_unknown")]
    other = await desk.house.merchant("north")
    (account,) = await desk.house.accounts.accounts_of(other.id)
    theirs = replace(desk, merchant=other, account_id=account.id)
    await theirs.stripe(stripe_row("fee", 0, 1))
    await hears(theirs, News.OPENED)
    await theirs.look()
    await desk.look()
    (found,) = await desk.exceptions()
    assert (found.state, found.object_id) == (ExceptionState.OPEN, None)


async def test_a_dispute_that_no_report_has_in_time_is_missing_there_until_one_has(desk: Desk) -> None:
    """The days count from its last news; what was given back is missed too."""
    house, paid = desk.house, await desk.paid()
    at: dict[str, Any] = {"created_utc": house.now.strftime("%Y-%m-%d %H:%M:%S")}
    await desk.stripe(charged(paid, **at))
    await hears(desk, News.OPENED, paid, withdrawn=False)
    await house.wait(days=5)
    await hears(desk, News.OPENED, paid, withdrawn=True)
    await house.wait(days=3)
    assert await desk.look() == 0, "the money is gone for three days only"
    await house.wait(days=5)
    assert await desk.look() == 1
    (found,) = await desk.exceptions()
    assert (found.reason, found.object_id, found.expected) == (
        Reason.MISSING_THERE,
        (await the_dispute(desk)).id,
        -1000,
    )
    await desk.stripe(taken(**at))
    (found,) = await desk.exceptions()
    assert found.resolution is Resolution.FOUND
    await hears(desk, News.WON, paid)
    await house.wait(days=8)
    assert await desk.look() == 1
    assert [one.expected for one in await desk.exceptions()] == [-1000, 1000]
