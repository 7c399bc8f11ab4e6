"""Many open recoveries for a measurement: copies of two that the service has made itself.

Those that are to be worked have cards of their own, sealed as always; the others are never opened, so they share their
card's cipher text, and differ in everything that is looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from recoup import sandboxed
from recoup.app import Service
from recoup.db import Connection, Database
from recoup.db.due import slot_of
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.payments.core import NewPayment
from recoup.sandbox.cards import check_digit
from recoup.vault.core import CustomerDetails
from recoup.vault.wire import CardData, CardMethodData

LACKS_MONEY: Final = "4000000000009995"
EXPIRED: Final = "4000000000000069"
AMOUNT: Final = Money(4_999, "USD")
WINDOW: Final = timedelta(days=28)
_BEGINNING: Final = "400000840"
_AT_ONCE: Final = 500
_PART: Final = 50_000
_WHO: Final = CustomerDetails(country="US", time_zone="America/New_York")


@dataclass(slots=True)
class Copied:
    """What there is. `declined` are payments with a decline that recovery has not heard of; `waiting` are payment
    methods whose recovery waits for another card, each with that recovery."""

    merchant_id: UUID
    decision_id: UUID
    declined: list[UUID]
    waiting: list[tuple[UUID, UUID]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Template:
    """A recovery to be copied, with what belongs to it."""

    customer_id: UUID
    method_id: UUID
    payment_id: UUID
    attempt_id: UUID
    recovery_id: UUID


async def copied(service: Service, size: int, *, plans: int, cards: int) -> Copied:
    """So many open recoveries, of which `plans` have an unheard decline and `cards` wait for another card."""
    key = await sandboxed.make(service, name="Scale")
    caller = await service.merchants.authenticate(key.reveal())
    assert caller is not None and isinstance(caller.merchant, Merchant), "the key is good"
    merchant = caller.merchant
    poor, expired = (
        await _template(service, merchant, LACKS_MONEY),
        await _template(service, merchant, EXPIRED),
    )
    row = await service.database.fetch_one(
        "select max(id::text)::uuid as id from decisions where merchant_id = %(merchant_id)s and kind = 'recovery'",
        {"merchant_id": merchant.id},
    )
    assert row is not None, "recoveries have decisions"
    found = Copied(merchant.id, row["id"], [])
    async with service.database.connection() as connection:
        await connection.execute(_COPIES)
        await connection.execute("set statement_timeout = 0")
        await connection.execute("set synchronous_commit = off")
        methods = await _methods(service, merchant, plans + cards)
        for start in range(0, len(methods), _AT_ONCE):
            part = methods[start : start + _AT_ONCE]
            await connection.execute(
                """
                insert into copies (customer_id, method_id, payment_id, attempt_id, again_id, recovery_id, expired)
                select * from unnest(
                    %(a)s::uuid[], %(b)s::uuid[], %(c)s::uuid[], %(d)s::uuid[], %(e)s::uuid[], %(f)s::uuid[],
                    %(g)s::boolean[])
                """,
                {
                    **{name: [service.new_id() for _ in part] for name in "acdef"},
                    "b": part,
                    "g": [start + place >= plans for place in range(len(part))],
                },
            )
        await _write(connection, merchant, poor, expired, sealed=True, now=service.around.clock.now())
        rows = await connection.fetch_all("select payment_id, method_id, recovery_id, expired from copies")
        found.declined = [one["payment_id"] for one in rows if not one["expired"]]
        found.waiting = [(one["method_id"], one["recovery_id"]) for one in rows if one["expired"]]
        for first in range(0, size - len(rows), _PART):
            await connection.execute("truncate copies")
            await connection.execute(_COLD, {"first": first, "last": min(first + _PART, size - len(rows))})
            await _write(connection, merchant, poor, expired, sealed=False, now=service.around.clock.now())
    return found


async def owed(
    database: Database, copies: Copied, *, kind: str, count: int = 0, ids: Sequence[UUID] = ()
) -> None:
    """Rows of due work, due just now: of declines that are not heard of yet, unless objects are given."""
    objects = list(ids) or [copies.declined.pop() for _ in range(count)]
    await database.execute(
        """
        insert into due (slot, merchant_id, kind, object_id, due_at)
        select d.slot, %(merchant_id)s, %(kind)s, d.id, '2026-01-01'
        from unnest(%(slots)s::smallint[], %(ids)s::uuid[]) as d (slot, id)
        """,
        {
            "merchant_id": copies.merchant_id,
            "kind": kind,
            "slots": [slot_of(one) for one in objects],
            "ids": objects,
        },
    )


async def _template(service: Service, merchant: Merchant, card: str) -> _Template:
    """One renewal that was declined, and its recovery, made by the service itself."""
    now = service.around.clock.now()
    async with service.database.transaction() as connection:
        customer = await service.customers.create(connection, merchant, _WHO, now=now)
        method = await service.methods.create(
            connection, merchant, _card(card), customer_id=customer.id, metadata={}, now=now
        )
    means, _ = await service.payments.stored_means(merchant, method.id)
    new = NewPayment(
        id=service.new_id(),
        merchant_id=merchant.id,
        money=AMOUNT,
        capture="automatic",
        initiator="merchant",
        customer_id=customer.id,
        merchant_reference=None,
        return_url=None,
        routing=None,
        recovery_policy=None,
        metadata={},
    )
    made = await service.payments.create(merchant, new, means, claim=None, now=now)
    await service.recoveries.on_payment_news(merchant, new.id, now)
    recovery = (await service.recoveries.page(merchant, payment_id=new.id, limit=1))[0]
    await service.database.execute("delete from due where merchant_id = %(id)s", {"id": merchant.id})
    return _Template(customer.id, method.id, new.id, made.attempts[-1].id, recovery.id)


async def _methods(service: Service, merchant: Merchant, count: int) -> list[UUID]:
    """Payment methods with cards of their own."""
    found = []
    now = service.around.clock.now()
    for start in range(0, count, _AT_ONCE):
        async with service.database.transaction() as connection:
            for place in range(start, min(start + _AT_ONCE, count)):
                digits = f"{_BEGINNING}{place:06}"
                method = await service.methods.create(
                    connection,
                    merchant,
                    _card(f"{digits}{check_digit(digits)}"),
                    customer_id=None,
                    metadata={},
                    now=now,
                )
                found.append(method.id)
    await service.database.execute("delete from due where merchant_id = %(id)s", {"id": merchant.id})
    return found


def _card(number: str) -> CardMethodData:
    return CardMethodData(card=CardData(number=Secret(number), exp_month=12, exp_year=2035))


_COPIES: Final[LiteralString] = """
    create temporary table copies (
        customer_id uuid, method_id uuid, payment_id uuid, attempt_id uuid, again_id uuid, recovery_id uuid,
        expired boolean not null default false)
"""
_COLD: Final[LiteralString] = """
    insert into copies (customer_id, method_id, payment_id, attempt_id, recovery_id)
    select i.ids[1], i.ids[2], i.ids[3], i.ids[4], i.ids[5]
    from generate_series(%(first)s::bigint + 1, %(last)s::bigint) as s (n)
    cross join lateral (
        select array_agg(
            (lpad(to_hex(1764000000000 + s.n), 12, '0') || '7' || to_hex(k) || '008'
                || lpad(to_hex(s.n * 2654435761 %% 68719476736), 15, '0'))::uuid order by k) as ids
        from generate_series(1, 5) as k
    ) i
"""
"""Ids as the service makes them: in the order of their time, and by chance in the end."""

_ALL: Final[tuple[LiteralString, ...]] = (
    """
    insert into customers
    select r.* from copies c
    join customers t on t.merchant_id = %(merchant_id)s and t.id = %(poor_customer)s
    cross join lateral jsonb_populate_record(t, jsonb_build_object('id', c.customer_id)) r
    """,
    """
    insert into payments
    select r.* from copies c
    join payments t on t.merchant_id = %(merchant_id)s
        and t.id = case when c.expired then %(expired_payment)s::uuid else %(poor_payment)s::uuid end
    cross join lateral jsonb_populate_record(t, jsonb_build_object(
        'id', c.payment_id, 'customer_id', c.customer_id, 'payment_method_id', c.method_id,
        'recovery_id', c.recovery_id,
        'attempt_id', case when c.again_id is null or c.expired then c.attempt_id else c.again_id end,
        'attempts_count', case when c.again_id is null or c.expired then 1 else 2 end)) r
    """,
    """
    insert into attempts
    select r.* from copies c
    join attempts t on t.merchant_id = %(merchant_id)s
        and t.id = case when c.expired then %(expired_attempt)s::uuid else %(poor_attempt)s::uuid end
    join payment_methods m on m.merchant_id = %(merchant_id)s and m.id = c.method_id
    cross join lateral (
        select c.attempt_id as id, 1 as number, 'initial' as reason
        union all select c.again_id, 2, 'recovery' where c.again_id is not null and not c.expired
    ) a
    cross join lateral jsonb_populate_record(t, jsonb_build_object(
        'id', a.id, 'payment_id', c.payment_id, 'payment_method_id', c.method_id, 'number', a.number,
        'reason', a.reason, 'fingerprint', m.fingerprint, 'reference', a.id::text,
        'started_at', t.started_at + (a.number - 1) * (%(now)s - t.started_at),
        'finished_at', t.finished_at + (a.number - 1) * (%(now)s - t.started_at))) r
    """,
    """
    insert into card_tries (merchant_id, card, version, room, stopped, tries)
    select %(merchant_id)s, m.fingerprint, 1, 7, false,
        array[c.attempt_id] || case when c.again_id is null or c.expired then '{}' else array[c.again_id] end
    from copies c join payment_methods m on m.merchant_id = %(merchant_id)s and m.id = c.method_id
    """,
    """
    insert into recoveries
    select r.* from copies c
    join recoveries t on t.merchant_id = %(merchant_id)s
        and t.id = case when c.expired then %(expired_recovery)s::uuid else %(poor_recovery)s::uuid end
    cross join lateral jsonb_populate_record(
        t, jsonb_build_object('id', c.recovery_id, 'payment_id', c.payment_id)) r
    """,
    """
    insert into due (slot, merchant_id, kind, object_id, due_at)
    select ('x' || right(c.recovery_id::text, 1))::bit(4)::integer, %(merchant_id)s, 'recovery.retry', c.recovery_id,
        %(now)s + make_interval(hours => 1, secs => random() * 86400 * 27)
    from copies c
    """,
)
_METHODS: Final[LiteralString] = """
    insert into payment_methods
    select r.* from copies c
    join payment_methods t on t.merchant_id = %(merchant_id)s and t.id = %(poor_method)s
    cross join lateral jsonb_populate_record(t, jsonb_build_object(
        'id', c.method_id, 'customer_id', c.customer_id,
        'fingerprint', '\\x' || md5(c.method_id::text) || md5(c.payment_id::text))) r
"""


async def _write(
    connection: Connection,
    merchant: Merchant,
    poor: _Template,
    expired: _Template,
    *,
    sealed: bool,
    now: datetime,
) -> None:
    """Write all that belongs to the copies; `sealed` says that their payment methods are there."""
    parameters = {"merchant_id": merchant.id, "now": now}
    for name, one in (("poor", poor), ("expired", expired)):
        parameters |= {
            f"{name}_{part}": getattr(one, f"{part}_id")
            for part in ("customer", "method", "payment", "attempt", "recovery")
        }
    for statement in _ALL if sealed else (_ALL[0], _METHODS, *_ALL[1:]):
        await connection.execute(statement, parameters)
