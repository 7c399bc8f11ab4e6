"""However many lines of disputes a chunk has, each row is looked up by an index that names it, and the statements are
as many for one line as for thousands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from tests.payments.plans import Lookup, Notepad, Planner

from recoup.settlements.core.contesting import Place
from recoup.settlements.core.reasons import Reason
from recoup.settlements.core.tolerance import Tolerances
from recoup.settlements.store import contesting, matching, verdicts
from recoup.settlements.store.contests import contests

ID: Final = UUID(int=1)
NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
PLACE: Final = Place(ID, 1)
CHANGE: Final = verdicts.Change(ID, Reason.DISPUTE_DIFFERS, 1, 2)
Send = Callable[[Any], Awaitable[Any]]
SENDS: Final[dict[str, Send]] = {
    "find": lambda db: contesting.find(db, merchant_id=ID, account_id=ID),
    "keep": lambda db: contesting.keep(
        db,
        merchant_id=ID,
        settlement_id=ID,
        account_id=ID,
        tolerance=Tolerances.USUAL,
        fees_told=True,
    ),
    "claim": lambda db: contesting.claim(db, [ID], merchant_id=ID),
    "dispute_of": lambda db: contesting.dispute_of(db, PLACE, merchant_id=ID),
    "contests": lambda db: contests(db, [ID], merchant_id=ID),
    "change": lambda db: verdicts.change(db, [CHANGE], merchant_id=ID, now=NOW),
    "mark": lambda db: verdicts.mark(
        db, [verdicts.Mark(PLACE, ID), verdicts.Mark(PLACE, ID, is_fee=True)], merchant_id=ID
    ),
    "tell": lambda db: verdicts.tell(db, {PLACE: None}, merchant_id=ID),
    "count": lambda db: verdicts.count(db, [1], merchant_id=ID, settlement_id=ID),
    "found_in_reports": lambda db: verdicts.found_in_reports(db, [ID], merchant_id=ID, now=NOW),
}
WHOLE: Final = {"settlement_stage"}
"""What is the transaction's own is read whole."""
FEW: Final = {("settlement_sums", "settlement_sums_pkey")}
"""Of a report: by its name alone."""
FILL: Final = (
    """
    insert into merchants (id, twin_id, livemode, name, created_at)
    select lpad(m::text, 32, '0')::uuid, lpad(m::text, 32, '0')::uuid, false, 'm', '2026-11-22'
    from generate_series(1, 5) m
    """,
    """
    insert into processor_accounts (
        merchant_id, id, connector, label, position, enabled, metadata, created_at, updated_at)
    select id, id, 'north', 'North', 1, true, '{}', '2026-11-22', '2026-11-22' from merchants
    """,
    """
    insert into disputes (merchant_id, id, processor_account_id, reference, charge_reference, status, version,
        events_count, category, withdrawn, stops, booked, evidence, opened_at, updated_at)
    select m.id, gen_random_uuid(), m.id, n::text, n::text, 'lost', 1, 1, 'general', true, false, '{}', '{}',
        '2026-11-22', '2026-11-22'
    from merchants m, generate_series(1, 400) n
    """,
    """
    insert into dispute_news (merchant_id, dispute_id, digest, state, own, heard_at)
    select merchant_id, id, decode(lpad('1', 64, '0'), 'hex'), 'opened', false, '2026-11-22' from disputes
    """,
    """
    insert into payments (merchant_id, id, status, version, events_count, amount, currency, capture, initiator,
        authorized, captured, refunded, attempts_count, attempt_id, processor_account_id, metadata, created_at,
        updated_at)
    select merchant_id, id, 'captured', 3, 2, 1, 'USD', 'automatic', 'customer', 1, 1, 0, 1, id, merchant_id, '{}',
        opened_at, opened_at
    from disputes
    """,
    """
    insert into attempts (merchant_id, id, payment_id, number, reason, state, processor_account_id, payment_method_id,
        fingerprint, brand, amount, reference, decision_id, started_at, finished_at, latency_ms)
    select merchant_id, id, id, 1, 'initial', 'approved', merchant_id, id, '\\x00', 'visa', 1, reference, id, opened_at,
        opened_at, 90
    from disputes
    """,
    """
    insert into settlements (merchant_id, id, processor_account_id, format, tolerance, digest, size, state, lines,
        worked,
        matched, exceptions, created_at, updated_at)
    select merchant_id, id, processor_account_id, 'stripe', 'usual', decode(lpad(reference, 64, '0'), 'hex'), 1,
        'importing', 1, 0, 0, 0, opened_at, opened_at
    from disputes
    """,
    """
    insert into settlement_sums (merchant_id, settlement_id, payout, kind, currency, settlement_currency, lines,
        matched,
        repeated, net, gross, fees, settled, fees_expected)
    select merchant_id, id, 'p', 'dispute', 'USD', 'USD', 1, 0, 0, 0, 0, 0, 0, 0 from disputes
    """,
    """
    insert into settlement_lines (merchant_id, settlement_id, number, file_row, kind, raw_kind, reference, gross, fee,
        net, currency, settlement_currency, status, payment_id)
    select merchant_id, id, 1, 2, 'dispute', 'dispute', reference, 1, 0, 1, 'USD', 'USD', 'noted', id from disputes
    """,
    """
    insert into settlement_exceptions (merchant_id, id, settlement_id, number, processor_account_id, reason, state,
        payment_id, object_id, currency, proposals, opened_at)
    select merchant_id, gen_random_uuid(), null, null, merchant_id, 'missing_there', 'open', id, id, 'USD', '{}',
        opened_at
    from disputes
    """,
    """
    insert into settlement_dispute_lines (merchant_id, settlement_id, number, processor_account_id, dispute_id,
        payment_id, reference, charge_reference, kind, gross, fee, currency, settlement_currency, tolerance, compared,
        fee_compared)
    select merchant_id, id, 1, merchant_id, case when reference::int %% 2 = 0 then id end, id, reference, reference,
        'dispute', 1, 0, 'USD', 'USD', 'usual', true, true
    from disputes
    """.replace("%%", "%"),
)


async def _statements() -> dict[str, list[str]]:
    told = {}
    for name, send in SENDS.items():
        pad = Notepad()
        pad.rowcount = 1
        with suppress(AssertionError):
            await send(pad)
        told[name] = pad.statements
    return told


@pytest.fixture(scope="module")
def lookups(database_url: str) -> Iterator[dict[str, set[Lookup]]]:
    """The look-ups of every statement, where there are many of many merchants."""
    with ThreadPoolExecutor(1) as thread:  # a loop may be set in this one
        sent = thread.submit(asyncio.run, _statements()).result()
    planner = Planner(database_url)
    planner._connection.execute(matching._STAGE.replace("on commit drop", "").encode())
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in FILL:
            connection.execute(statement.encode())
        connection.execute("analyze")
    yield {
        name: {one for text in statements for one in planner.lookups(text)}
        for name, statements in sent.items()
    }
    planner.close()


def test_every_row_is_looked_up_by_what_names_it(lookups: dict[str, set[Lookup]]) -> None:
    loose = {
        (name, one)
        for name, some in lookups.items()
        for one in some
        if one[1] != "Tid Scan" and one[0] not in WHOLE and one[:2] not in FEW and one[2] < 2
    }
    assert loose == set()
    assert {name for name, some in lookups.items() if not some} == set()
