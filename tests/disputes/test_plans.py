"""Every statement on disputes finds its rows by the whole of an index, where there are many of many merchants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from tests.disputes.tidings import NOW, nothing_yet, told
from tests.payments.plans import Lookup, Planner, noted

from recoup.connectors.base import DisputeState
from recoup.disputes import store
from recoup.disputes.core.machine import Status
from recoup.disputes.core.records import EVERY, Which
from recoup.disputes.store import news

ID: Final = UUID(int=1)
PAGE: Final[dict[str, Any]] = {"after": None, "before": None, "limit": 10}
BY_KEY: Final = ("disputes", "disputes_pkey", 2)
BY_NAME: Final = ("disputes", "disputes_merchant_id_processor_account_id_reference_key", 3)
NEWS: Final = ("dispute_news", "dispute_news_pkey", 2)
STOPPING: Final = {
    ("disputes", "disputes_stopping_card", 2),
    ("disputes", "disputes_stopping_method", 2),
}

Send = Callable[[Any], Awaitable[Any]]
READS: Final[dict[str, tuple[Send, set[Lookup]]]] = {
    "read": (lambda db: store.read(db, merchant_id=ID, dispute_id=ID), {BY_KEY}),
    "lock": (lambda db: store.lock(db, merchant_id=ID, dispute_id=ID), {BY_KEY}),
    "lock_named": (lambda db: store.lock_named(db, merchant_id=ID, account_id=ID, reference="r"), {BY_NAME}),
    "begin": (lambda db: store.begin(db, nothing_yet()), set()),
    "save": (lambda db: store.save(db, nothing_yet()), {BY_KEY}),
    "page": (lambda db: store.page(db, EVERY, merchant_id=ID, **PAGE), {BY_KEY}),
    "of a status": (
        lambda db: store.page(db, Which(status=Status.WON), merchant_id=ID, **PAGE),
        {("disputes", "disputes_by_status", 3)},
    ),
    "of a payment": (
        lambda db: store.page(db, Which(payment_id=ID), merchant_id=ID, **PAGE),
        {("disputes", "disputes_by_payment", 3)},
    ),
    "awaiting": (
        lambda db: store.page(db, Which(due_before=NOW), merchant_id=ID, **PAGE),
        {("disputes", "disputes_awaiting", 3)},
    ),
    "stopping": (
        lambda db: store.stopping(db, [store.AskedCard(ID, "f")], merchant_id=ID),
        STOPPING,
    ),
    "add news": (
        lambda db: news.add(db, told(DisputeState.WON, 1), merchant_id=ID, dispute_id=ID, now=NOW),
        {NEWS},
    ),
    "news": (lambda db: news.of(db, merchant_id=ID, dispute_id=ID), {NEWS}),
    "evidence": (
        lambda db: news.evidence(db, merchant_id=ID, dispute_id=ID),
        {("dispute_evidence", "dispute_evidence_pkey", 2)},
    ),
}
SELDOM: Final = {"awaiting", "of a status"}
"""Asked for by people: while a merchant has few disputes, another of its indexes may do as well."""
FILL: Final = (
    """
    insert into merchants (id, twin_id, livemode, name, created_at)
    select lpad(m::text, 32, '0')::uuid, lpad(m::text, 32, '0')::uuid, false, 'm', '2026-11-22'
    from generate_series(1, 20) m
    """,
    """
    insert into processor_accounts (
        merchant_id, id, connector, label, position, enabled, metadata, created_at, updated_at)
    select id, id, 'north', 'North', 1, true, '{}', '2026-11-22', '2026-11-22' from merchants
    """,
    """
    insert into disputes (merchant_id, id, processor_account_id, reference, fingerprint, payment_method_id, status,
        version, events_count, category, withdrawn, evidence_due_by, stops, booked, evidence, opened_at, updated_at)
    select m.id, gen_random_uuid(), m.id, n::text, md5(n::text), gen_random_uuid(),
        case n %% 9 when 0 then 'needs_response' else 'lost' end, 1, 1, 'fraudulent', true, '2026-12-01',
        n %% 3 = 0, '{}', '{}', '2026-11-22', '2026-11-22'
    from merchants m, generate_series(1, 400) n
    """,
    """
    insert into dispute_news (merchant_id, dispute_id, digest, state, own, heard_at)
    select merchant_id, id, decode(lpad(n::text, 64, '0'), 'hex'), 'opened', false, '2026-11-22'
    from disputes, generate_series(1, 3) n
    """,
    """
    insert into dispute_evidence (merchant_id, dispute_id, data_key_id, sealed, updated_at)
    select merchant_id, id, id, '\\x00', '2026-11-22' from disputes
    """,
)


@pytest.fixture(scope="module")
def plans(database_url: str) -> Iterator[dict[str, set[Lookup]]]:
    """The look-ups of every statement."""

    async def statements() -> dict[str, str]:
        return {name: await noted(send) for name, (send, _) in READS.items()}

    with ThreadPoolExecutor(1) as thread:  # a loop may be set in this one
        asked = thread.submit(asyncio.run, statements()).result()
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in FILL:
            connection.execute(statement.encode(), {})
        connection.execute("analyze merchants, processor_accounts, disputes, dispute_news, dispute_evidence")
    planner = Planner(database_url)
    yield {name: planner.lookups(statement) for name, statement in asked.items()}
    planner.close()


@pytest.mark.parametrize("name", READS)
def test_a_statement_looks_up_by_whole_keys(plans: dict[str, set[Lookup]], name: str) -> None:
    found, allowed = plans[name], READS[name][1]
    if name in SELDOM:
        assert all(kind != "Seq Scan" and known >= 1 for _, kind, known in found)
    else:
        assert found == allowed
