"""What share of payments a second source confirmed, and by whom: as sums that are kept, and never a look at history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.payments.bank import no_funds
from tests.payments.house import House
from tests.payments.plans import Lookup, Planner, noted
from tests.settlements.desk import Desk, charged
from tests.webhooks.telling import account_of, saying, send, telling

from recoup.audit import store as cases
from recoup.audit.core import CaseKind
from recoup.audit.core.drift import (
    Counted,
    Group,
    Source,
    Standing,
    Sum,
    bounds,
    changes,
    day_of,
    days_from,
    hours_from,
    span_of,
)
from recoup.audit.store import drift, invariants, looks
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved

ID = UUID(int=1)
NOW = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)
MOMENTS = st.integers(0, 3 * 365 * 86400).map(lambda seconds: NOW - timedelta(seconds=seconds))


async def read(house: House, merchant: Merchant, query: str = "") -> dict[str, Any]:
    answer = await house.call("GET", f"/v1/audit/drift{query}", key=await house.key_of(merchant))
    assert answer.status == 200, answer.raw
    found: dict[str, Any] = answer.json
    return found


def shares(line: dict[str, Any]) -> tuple[int, int, int, int, int]:
    one = line["approved"]
    by = (one["by_webhook"], one["by_question"], one["by_settlement"])
    return (one["payments"], one["confirmed"]["payments"], *by)


async def test_a_currency_that_there_is_not_is_refused(house: House, merchant: Merchant) -> None:
    answer = await house.call("GET", "/v1/audit/drift?currency=ZZZ", key=await house.key_of(merchant))
    assert (answer.status, answer.json["error"]["code"]) == (400, "currency_unknown")


async def test_each_second_source_confirms_and_is_told_apart(house: House) -> None:
    telling(house, "north", "teller")
    merchant = await house.merchant("teller")
    account = await account_of(house, merchant)
    asked, told, settled, alone = [await house.pay(merchant) for _ in range(4)]
    [total] = (await read(house, merchant))["total"]
    assert shares(total) == (4, 0, 0, 0, 0) and total["approved"]["confirmed_share"] == 0
    await house.wait(minutes=5)
    await house.payments.sync(merchant, asked.payment.id, claim=None)
    key = render(Kind.ATTEMPT, told.attempts[0].id)
    notice = {"says": "approved", "key": key, "minor": 1000, "at": house.now.isoformat()}
    await send(house, account, saying("e-1", notice))
    await house.work()
    await Desk(house, merchant, account).stripe(charged(settled))
    [total] = (await read(house, merchant))["total"]
    assert shares(total) == (4, 3, 1, 1, 1)
    assert total["approved"]["confirmed"]["amount"] == 3000
    assert total["approved"]["confirmed_share"] == 0.75
    [line] = (await read(house, merchant, f"?processor_account={render(Kind.PROCESSOR_ACCOUNT, account)}"))[
        "data"
    ]
    assert (line["age"], shares(line)) == ("under_1_hour", (4, 3, 1, 1, 1))
    assert (await read(house, merchant, f"?processor_account={render(Kind.PROCESSOR_ACCOUNT, ID)}"))[
        "data"
    ] == []
    assert alone.payment.id not in {asked.payment.id, told.payment.id}


async def test_payments_grow_older_and_the_sums_stay_what_they_are(house: House, merchant: Merchant) -> None:
    """Whatever is folded together, nothing is counted twice or lost; and a change finds its old share again."""
    first = await house.pay(merchant)
    ages = []
    for days in (0, 0.5, 2.5, 10, 50, 100, 300):
        house.clock.advance(first.payment.created_at + timedelta(days=days) - house.now)
        await house.pay(merchant)
        found = await read(house, merchant)
        ages.append([one["age"] for one in found["data"]])
        [total] = found["total"]
        assert total["approved"]["payments"] == len(ages) + 1
    assert ages[-1] == ["under_1_hour", "over_90_days"]
    await house.payments.sync(merchant, first.payment.id, claim=None)
    found = await read(house, merchant)
    assert [one["approved"]["by_question"] for one in found["data"]] == [0, 1]
    spans = await house.database.fetch_all(
        "select began_at from audit_drift where merchant_id = %(m)s and payments <> 0", {"m": merchant.id}
    )
    today = day_of(house.now)
    assert all(row["began_at"] == span_of(row["began_at"], today) for row in spans)


async def test_what_differs_is_shown_with_its_case(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", no_funds())
    declined = await house.pay(merchant)
    house.bank.settle(render(Kind.ATTEMPT, declined.attempts[0].id), Approved("ch-9", captured=True))
    await house.payments.sync(merchant, declined.payment.id, claim=None)
    await house.work()
    found = await read(house, merchant)
    [total] = found["total"]
    assert total["declined"]["differing"] == {"payments": 1, "amount": 1000}
    assert total["declined"]["confirmed"]["payments"] == 0
    [case] = found["cases"]
    assert case["payment"] == render(Kind.PAYMENT, declined.payment.id) and "void" in case["remedy"]
    house.bank.settle(render(Kind.ATTEMPT, declined.attempts[0].id), no_funds())
    await house.payments.sync(merchant, declined.payment.id, claim=None)
    [total] = (await read(house, merchant))["total"]
    assert total["declined"]["differing"]["payments"] == 0
    assert total["declined"]["confirmed"]["payments"] == 1


async def test_lines_that_match_nothing_are_counted_with_their_amounts(
    house: House, merchant: Merchant
) -> None:
    account = (await house.accounts.accounts_of(merchant.id))[0]
    desk = Desk(house, merchant, account.id)
    stranger = await house.merchant()
    await desk.stripe(charged(await house.pay(stranger)))
    [one] = (await read(house, merchant))["unmatched"]
    assert (one["reason"], one["exceptions"], one["amount"]) == ("missing_here", 1, 1000)


async def test_two_that_follow_at_once_count_once(house: House, merchant: Merchant) -> None:
    other = house.another_process()
    for _ in range(5):
        await house.pay(merchant)
    await asyncio.gather(
        *(one.audited.drift.follow(merchant.id) for one in (house, other, house, other)),
        house.pay(merchant),
    )
    await house.audited.drift.go()
    [total] = (await read(house, merchant))["total"]
    assert total["approved"]["payments"] == 6
    await other.close()


async def test_what_is_open_has_nothing_to_confirm(house: House, merchant: Merchant) -> None:
    from tests.payments.bank import Lost

    house.bank.will("charge", Lost())
    await house.pay(merchant)
    [total] = (await read(house, merchant))["total"]
    assert (total["open"]["payments"], total["approved"]["payments"]) == (1, 0)
    assert total["approved"]["confirmed_share"] is None
    await house.wait(minutes=5)
    await house.work()
    assert (await read(house, merchant))["total"] == [], "the processor promised that it took nothing"


@given(moment=MOMENTS, later=st.integers(0, 400), more=st.integers(0, 400))
def test_a_span_only_ever_grows(moment: datetime, later: int, more: int) -> None:
    """What is in one span stays together: folding never has to take a sum apart."""
    today = day_of(moment) + timedelta(days=later)
    then = today + timedelta(days=more)
    span = span_of(moment, today)
    assert span <= moment and span_of(span, then) == span_of(moment, then)
    assert days_from(today) <= hours_from(today) <= today


@st.composite
def lives(draw: st.DrawFn) -> list[Counted]:
    """How one payment counts, again and again."""
    began, amount = draw(MOMENTS), draw(st.integers(1, 10**6))
    return [
        Counted(
            ID,
            began,
            ID,
            "USD",
            draw(st.sampled_from(Standing)),
            Source(draw(st.integers(0, 7))),
            draw(st.booleans()),
            False,
            amount,
        )
        for _ in range(draw(st.integers(1, 6)))
    ]


@given(st.lists(lives(), max_size=5))
def test_the_sums_are_those_of_how_payments_count_last(payments: list[list[Counted]]) -> None:
    sums: dict[Group, Sum] = {}

    def add(found: Iterable[tuple[Group, Sum]]) -> None:
        for group, one in found:
            held = sums.get(group, Sum(0, 0))
            sums[group] = Sum(held.payments + one.payments, held.amount + one.amount)

    today = day_of(NOW)
    for life in payments:
        for before, now in zip([None, *life], life, strict=False):
            add(changes([(before, now)], today).items())
    last = changes(((None, life[-1]) for life in payments), today)
    assert {group: one for group, one in sums.items() if one != (0, 0)} == last


PAYMENT = ("payments", "payments_pkey", 2)
QUERIES: dict[str, tuple[Callable[[Any], Any], set[Lookup]]] = {
    "sums": (
        lambda db: drift.sums(db, merchant_id=ID, bounds=bounds(NOW), account_id=None, currency=None),
        {("audit_drift", "audit_drift_pkey", 1)},
    ),
    "unmatched": (
        lambda db: drift.unmatched(db, ["missing_here"], merchant_id=ID, account_id=None, most=10),
        {("settlement_exceptions", "settlement_exceptions_open", 2)},
    ),
    "cases": (
        lambda db: cases.open_of_kind(db, CaseKind.CONTRADICTION, merchant_id=ID, limit=10),
        {("audit_cases", "audit_cases_open", 2)},
    ),
    "present": (
        lambda db: drift.present(db, [ID], merchant_id=ID),
        {
            PAYMENT,
            ("operations", "operations_by_id", 2),
            ("operations", "operations_by_payment", 2),
            ("payment_evidence", "payment_evidence_pkey", 2),
            ("settlement_lines", "settlement_lines_by_payment", 2),
        },
    ),
    "counted": (
        lambda db: drift.counted(db, [ID], merchant_id=ID),
        {("audit_standings", "audit_standings_pkey", 2)},
    ),
    "waiting": (
        lambda db: invariants.payments_waiting(db, merchant_id=ID, after=ID, limit=10),
        {("audit_standings", "audit_standings_waiting", 2)},
    ),
    "payments": (
        lambda db: invariants.payments_after(db, merchant_id=ID, after=ID, limit=10),
        {PAYMENT},
    ),
    "wrong payments": (
        lambda db: invariants.wrong_payments(db, [ID], merchant_id=ID, started_before=NOW),
        {
            PAYMENT,
            ("attempts", "attempts_merchant_id_payment_id_number_key", 2),
            ("operations", "operations_by_payment", 2),
            ("due", "due_pkey", 3),
        },
    ),
    "recoveries": (
        lambda db: invariants.recoveries_open(db, merchant_id=ID, after=ID, limit=10, paid_before=NOW),
        {PAYMENT, ("recoveries", "recoveries_open", 2)},
    ),
    "overdue": (
        lambda db: invariants.overdue(db, before=NOW, wall=NOW, limit=10),
        {("due", "due_by_time", 2)},
    ),
    "lanes": (
        lambda db: invariants.lanes_after(db, merchant_id=ID, after=(ID, ID), limit=10),
        {("webhook_lanes", "webhook_lanes_pkey", 1), ("webhook_deliveries", "webhook_deliveries_next", 3)},
    ),
    "pending": (
        lambda db: invariants.pending_after(db, merchant_id=ID, after=(ID, ID, 0), limit=10),
        {("webhook_deliveries", "webhook_deliveries_next", 1), ("webhook_lanes", "webhook_lanes_pkey", 1)},
    ),
    "open of a law": (
        lambda db: looks.open_of(db, "charged_once", merchant_id=ID, most=10),
        {("audit_cases", "audit_cases_of_laws", 1)},
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_what_runs_beside_payments_looks_rows_up_by_an_index(database_url: str, name: str) -> None:
    send, expected = QUERIES[name]
    with ThreadPoolExecutor(1) as thread:  # a loop may be set in this one
        statement = thread.submit(asyncio.run, noted(send)).result()
    planner = Planner(database_url)
    found = planner.lookups(statement)
    planner.close()
    assert all(kind not in ("Seq Scan", "Sort") for _, kind, _ in found)
    assert found == expected
