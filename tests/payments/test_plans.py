"""Every statement finds its rows by the index, by whole keys, with empty tables and with full ones.

A plan that reads a table whole works in every test and fails with the first million payments. What a plan may do is
written out: table, index, and how many of the index's columns are known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from tests.payments.plans import Lookup, Planner, noted

from recoup.db import due
from recoup.db.due import Due
from recoup.events import store as events
from recoup.events.core import NewEvent
from recoup.http import idempotency
from recoup.payments import store
from recoup.payments.store import hearing, rereading, writing

ID: Final = UUID(int=1)
NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
ROW: Final = Due(0, ID, "bell", ID, NOW, NOW, 0)
EVENT: Final = NewEvent(ID, "thing.changed", ID, 1, b"{}", NOW)
PAGE: Final[dict[str, Any]] = {"starting_after": None, "ending_before": None, "limit": 10}
NEWEST: Final[dict[str, Any]] = {"type_": None, "limit": 10}

PAYMENT: Final = ("payments", "payments_pkey", 2)
ATTEMPT: Final = ("attempts", "attempts_pkey", 2)
SAME_ATTEMPT: Final = ("attempts", "attempts_merchant_id_payment_id_number_key", 3)
ATTEMPTS_OF: Final = ("attempts", "attempts_merchant_id_payment_id_number_key", 2)
OPERATIONS_OF: Final = ("operations", "operations_by_payment", 2)
STREAM: Final = ("event_streams", "event_streams_pkey", 1)
EVENT_ID: Final = ("events", "events_merchant_id_id_key", 2)
EVENT_PLACE: Final = ("events", "events_pkey", 2)
OBJECT_EVENTS: Final = ("events", "events_merchant_id_object_id_object_sequence_key", 2)
DUE: Final = ("due", "due_pkey", 3)
DUE_BY_PLACE: Final = ("due", "Tid Scan", 0)
"""The very rows that were looked up by their keys before."""
DUE_OF_MERCHANT: Final = ("due", "due_pkey", 1)
KEY: Final = ("idempotency_keys", "idempotency_keys_pkey", 2)
CARD: Final = ("card_tries", "card_tries_pkey", 2)
VERIFICATION: Final = ("verifications", "verifications_pkey", 2)

Send = Callable[[Any], Awaitable[Any]]
READS: Final[dict[str, tuple[Send, set[Lookup]]]] = {
    "load": (
        lambda db: store.load(db, merchant_id=ID, payment_id=ID),
        {PAYMENT, ATTEMPTS_OF, OPERATIONS_OF},
    ),
    "snapshots": (
        lambda db: store.snapshots(db, [ID], merchant_id=ID),
        {PAYMENT, ATTEMPTS_OF, OPERATIONS_OF},
    ),
    "is_there": (lambda db: store.is_there(db, merchant_id=ID, payment_id=ID), {PAYMENT}),
    "payments": (lambda db: store.page(db, merchant_id=ID, customer_id=None, **PAGE), {PAYMENT}),
    "payments of a customer": (
        lambda db: store.page(db, merchant_id=ID, customer_id=ID, **PAGE),
        {("payments", "payments_by_customer", 3)},
    ),
    "attempts_of": (lambda db: store.attempts_of(db, merchant_id=ID, payment_ids=[ID]), {ATTEMPTS_OF}),
    "operations_of": (lambda db: store.operations_of(db, merchant_id=ID, payment_ids=[ID]), {OPERATIONS_OF}),
    "card_tries": (
        lambda db: store.card_tries(db, [store.AskedCard("\\x00", None, "\\x00", NOW)], merchant_id=ID),
        {
            ("attempts", "attempts_by_fingerprint", 3),
            ("verifications", "verifications_by_fingerprint", 3),
            ATTEMPT,
            VERIFICATION,
            CARD,
            PAYMENT,
        },
    ),
    "tries on record": (
        lambda db: store.on_record(db, merchant_id=ID, card="\\x00"),
        {CARD, ATTEMPT, VERIFICATION, PAYMENT},
    ),
    "tried with": (
        lambda db: store.tried_with(
            db, merchant_id=ID, fingerprint="\\x00", payment_method_id=None, since=NOW
        ),
        {("attempts", "attempts_by_fingerprint", 3)},
    ),
    "refund": (
        lambda db: store.refund(db, merchant_id=ID, refund_id=ID),
        {("operations", "operations_refunds", 2)},
    ),
    "refunds": (
        lambda db: store.refunds(db, merchant_id=ID, payment_id=None, **PAGE),
        {("operations", "operations_refunds", 2)},
    ),
    "refunds of a payment": (
        lambda db: store.refunds(db, merchant_id=ID, payment_id=ID, **PAGE),
        {("operations", "operations_by_payment", 3)},
    ),
    "decision": (
        lambda db: store.decision(db, merchant_id=ID, decision_id=ID),
        {("decisions_rest", "decisions_rest_pkey", 2)},
    ),
    "attempt by reference": (
        lambda db: hearing.payments_of_attempt_reference(db, merchant_id=ID, account_id=ID, reference="r"),
        {("attempts", "attempts_by_reference", 3)},
    ),
    "operation by reference": (
        lambda db: hearing.payments_of_operation_reference(db, merchant_id=ID, reference="r"),
        {("operations", "operations_by_processor_reference", 2)},
    ),
    "payment of an operation": (
        lambda db: hearing.payment_of_operation(db, merchant_id=ID, operation_id=ID),
        {("operations", "operations_by_id", 2)},
    ),
    "newest told": (
        lambda db: hearing.newest_told(db, merchant_id=ID, payment_id=ID, object_id=ID),
        {("payment_evidence", "payment_evidence_pkey", 4)},
    ),
    "contradictions": (
        lambda db: hearing.contradictions(db, merchant_id=ID, since=NOW, limit=10),
        {("payment_evidence", "payment_evidence_contradicts", 2)},
    ),
    "confirmed": (
        lambda db: hearing.confirmed(db, merchant_id=ID, payment_ids=[ID]),
        {("payment_evidence", "payment_evidence_pkey", 2)},
    ),
    "was told": (
        lambda db: rereading.was_told(db, merchant_id=ID, payment_id=ID, type_="t", since=NOW),
        {OBJECT_EVENTS},
    ),
    "followed": (
        lambda db: rereading.followed(db, merchant_id=ID),
        {("payment_rereads", "payment_rereads_pkey", 1)},
    ),
    "event": (lambda db: events.read(db, merchant_id=ID, event_id=ID), {EVENT_ID}),
    "events after": (lambda db: events.after(db, merchant_id=ID, sequence=0, **NEWEST), {EVENT_PLACE}),
    "newest events": (
        lambda db: events.newest(db, merchant_id=ID, before=None, since=None, **NEWEST),
        {EVENT_PLACE, EVENT_ID},
    ),
    "events since": (
        lambda db: events.newest(db, merchant_id=ID, before=None, since=ID, **NEWEST),
        {EVENT_PLACE, EVENT_ID},
    ),
    "events of objects": (
        lambda db: events.of_objects(db, merchant_id=ID, object_ids=[ID], limit=10),
        {OBJECT_EVENTS},
    ),
    "next_object_sequence": (lambda db: events.next_object_sequence(db, ID, ID), {OBJECT_EVENTS}),
    "append": (lambda db: events.append(db, ID, [EVENT]), {STREAM}),
    "due put": (lambda db: due.put(db, merchant_id=ID, kind="bell", object_id=ID, due_at=NOW), set()),
    "due drop": (lambda db: due.drop(db, merchant_id=ID, kind="bell", object_id=ID), {DUE}),
    "due claim": (
        lambda db: due.claim(db, now=NOW, lease=NOW, limit=10),
        {("due", "due_by_time", 2), DUE_BY_PLACE},
    ),
    "due claim_of": (
        lambda db: due.claim_of(db, merchant_id=ID, now=NOW, wall=NOW, lease=NOW, limit=1),
        {DUE_OF_MERCHANT, DUE},
    ),
    "due next_of": (lambda db: due.next_of(db, merchant_id=ID), {DUE_OF_MERCHANT}),
    "due release_all": (
        lambda db: due.release_all(db, kinds=["bell"], now=NOW),
        {("due", "due_by_time", 1)},
    ),
    "key": (lambda db: idempotency.read(db, merchant_id=ID, key="k"), {KEY}),
    "record": (lambda db: idempotency.record(db, merchant_id=ID, key="k", status=200, body=b""), {KEY}),
    "release": (lambda db: idempotency.release(db, merchant_id=ID, key="k"), {KEY}),
}
SELDOM: Final = {"tried with", "refunds of a payment", "events of objects", "due claim_of", "due next_of"}
"""Asked for by people and by the test clock: while a table is small, another index may do as well for these."""

WRITES: Final[dict[str, tuple[str, set[Lookup]]]] = {
    "WRITE": (
        writing.WRITE,
        {
            PAYMENT,
            ATTEMPT,
            CARD,
            DUE,
            DUE_BY_PLACE,
            KEY,
            STREAM,
            ("payment_methods", "payment_methods_pkey", 2),
        },
    ),
    "GIVE_BACK": (due.GIVE_BACK, {DUE, DUE_BY_PLACE}),
}
FILL: Final = (
    """
    insert into merchants (id, twin_id, livemode, name, created_at)
    select lpad(m::text, 32, '0')::uuid, lpad(m::text, 32, '0')::uuid, false, 'm', '2026-11-22'
    from generate_series(1, %(merchants)s) m
    """,
    """
    insert into event_streams (merchant_id, sequence) select id, %(rows)s from merchants
    """,
    """
    insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
    select m.id, n, gen_random_uuid(), 'payment.captured', gen_random_uuid(), 1, '{}', '2026-11-22'
    from merchants m, generate_series(1, %(rows)s) n
    """,
    """
    insert into due (slot, merchant_id, kind, object_id, due_at)
    select n %% 16, m.id, 'payment.settle', gen_random_uuid(), timestamptz '2026-11-22' + n * interval '1 hour'
    from merchants m, generate_series(1, %(rows)s) n
    """,
    """
    insert into idempotency_keys (merchant_id, key, fingerprint, created_at)
    select m.id, n::text, '\\x00', '2026-11-22' from merchants m, generate_series(1, %(rows)s) n
    """,
    """
    insert into data_keys (merchant_id, id, master_key_id, wrapped, created_at)
    select id, id, 'm', '\\x00', '2026-11-22' from merchants
    """,
    """
    insert into payment_methods (
        merchant_id, id, type, fingerprint, brand, bin, last4, exp_month, exp_year, funding, data_key_id, ciphertext,
        billing, metadata, created_at, updated_at)
    select m.id, gen_random_uuid(), 'card', decode(lpad((n %% 9)::text, 64, '0'), 'hex'), 'visa', '424242', '4242', 1,
        2030, 'credit', m.id, '\\x00', '{}', '{}', '2026-11-22', '2026-11-22'
    from merchants m, generate_series(1, %(rows)s) n
    """,
    """
    insert into customers (merchant_id, id, metadata, created_at, updated_at)
    select id, id, '{}', '2026-11-22', '2026-11-22' from merchants
    """,
    """
    insert into payments (
        merchant_id, id, status, version, events_count, amount, currency, capture, initiator, customer_id, metadata,
        created_at, updated_at)
    select m.id, gen_random_uuid(), 'declined', 2, 2, 1000, 'USD', 'automatic', 'customer',
        case n %% 9 when 0 then m.id end, '{}', '2026-11-22', '2026-11-22'
    from merchants m, generate_series(1, %(rows)s) n
    """,
    """
    insert into processor_accounts (
        merchant_id, id, connector, label, position, enabled, metadata, created_at, updated_at)
    select id, id, 'north', 'North', 1, true, '{}', '2026-11-22', '2026-11-22' from merchants
    """,
    """
    insert into attempts (
        merchant_id, id, payment_id, number, reason, state, processor_account_id, payment_method_id, fingerprint,
        brand, amount, decision_id, started_at)
    select merchant_id, gen_random_uuid(), id, n, 'initial', 'declined', merchant_id, merchant_id,
        decode(md5(id::text) || md5(id::text), 'hex'), 'visa', 1000, id, '2026-11-22'
    from payments, generate_series(1, 2) n
    """,
    """
    insert into card_tries (merchant_id, card, version, room, tries)
    select merchant_id, fingerprint, 1, 7, array_agg(id) from attempts group by merchant_id, fingerprint
    """,
    """
    insert into verifications (
        merchant_id, id, payment_method_id, processor_account_id, fingerprint, currency, status, created_at)
    select merchant_id, id, id, merchant_id, fingerprint, 'USD', 'verified', '2026-11-22' from payment_methods
    """,
    """
    insert into operations (merchant_id, id, payment_id, kind, state, amount, currency, metadata, created_at)
    select merchant_id, gen_random_uuid(), id, 'refund', 'succeeded', 1, 'USD', '{}', '2026-11-22' from payments
    """,
    """
    insert into decisions (merchant_id, id, kind, object_id, data, created_at)
    select merchant_id, id, 'route', id, '{}', '2026-11-22' from payments
    """,
)


def fill(url: str, *, merchants: int, rows: int) -> None:
    """So many merchants, each with so many rows of everything, known to the planner."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "truncate merchants, events, due, idempotency_keys, payment_methods, payments, card_tries cascade"
        )
        for statement in FILL:
            connection.execute(statement.encode(), {"merchants": merchants, "rows": rows})
        connection.execute("analyze")


TABLES: Final = {"new": None, "few": (1, 60), "many": (20, 300)}
"""A new installation, one that was analyzed in its first minute, and one that grew."""


@pytest.fixture(scope="module")
def plans(database_url: str) -> Iterator[dict[str, dict[str, set[Lookup]]]]:
    """The look-ups of every statement, at each size of the tables."""

    async def statements() -> dict[str, str]:
        return {name: await noted(send) for name, (send, _) in READS.items()}

    with ThreadPoolExecutor(1) as thread:  # a loop may be set in this one
        asked = thread.submit(asyncio.run, statements()).result()
    asked |= {name: statement for name, (statement, _) in WRITES.items()}
    planner = Planner(database_url)
    found = {}
    for size, numbers in TABLES.items():
        if numbers is not None:
            fill(database_url, merchants=numbers[0], rows=numbers[1])
        found[size] = {name: planner.lookups(statement) for name, statement in asked.items()}
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from due where slot >= 0")
        connection.execute("vacuum analyze due")
    found["drained"] = {name: planner.lookups(statement) for name, (statement, _) in WRITES.items()}
    planner.close()
    yield found


@pytest.mark.parametrize("size", TABLES)
@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_a_statement_looks_rows_up_by_whole_keys(
    plans: dict[str, dict[str, set[Lookup]]], name: str, size: str
) -> None:
    _, expected = (READS | WRITES)[name]
    found = {ATTEMPT if one == SAME_ATTEMPT else one for one in plans[size][name]}
    if size == "many" or name not in SELDOM:
        assert found == expected
    assert all(kind != "Seq Scan" for _, kind, _ in found)


def test_a_statement_that_reads_a_table_whole_is_found_out(database_url: str) -> None:
    planner = Planner(database_url)
    assert planner.lookups("select * from payments where status = %(status)s") == {
        ("payments", "Seq Scan", 0)
    }
    by_half = planner.lookups("select * from events where merchant_id = %(merchant_id)s and type = %(type)s")
    assert {known for _, _, known in by_half} == {1}
    planner.close()


def test_what_is_mostly_empty_is_not_walked_by_every_payment(
    plans: dict[str, dict[str, set[Lookup]]],
) -> None:
    """Rows of `due` come and go: when the planner looks there is none, and behind that a long tail of dead ones."""
    for name in WRITES:
        assert {one for one in plans["drained"][name] if one[0] == "due"} == {DUE, DUE_BY_PLACE}, name
