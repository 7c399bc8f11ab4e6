"""SQL of what processors and issuers do in a world: operations, accounts, and faults that happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.sandbox.core.faults import Fault, FaultKind, Verb
from recoup.sandbox.core.news import News, Telling
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.store.news import FRESH, TOLD, news_of

_FIELDS: Final = tuple(field.name for field in fields(Operation))
_CHANGES_READ_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class World:
    """A world, and what time it is in it compared with the clock. `telling` is how its processors tell what happens;
    None where they tell no more than disputes."""

    id: UUID
    seed: int
    epoch: int
    born: int
    clock_offset: timedelta
    created_at: datetime
    telling: Telling | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that came before under some key, and what was answered."""

    kind: OperationKind
    fingerprint: bytes | None
    status: int | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a processor must know when a request comes: the world it is for, the key's past, the faults that wait."""

    world: World
    key_digest: bytes
    sent: Sent | None
    faults: tuple[Fault, ...]


async def arrival(
    queries: Queries, *, world_id: UUID, processor: ProcessorName, key: str | None
) -> Arrival | None:
    """The world and all that bears on a request, in one statement; None where there is no such world."""
    row = await queries.fetch_one(
        """
        select w.world_id, w.seed, w.epoch, w.born, w.clock_offset_ms, w.created_at, w.key_digest, w.webhooks,
            o.kind, o.fingerprint, o.status, o.answer,
            (
                select json_agg(f order by f.id) from sandbox.faults f
                where f.world_id = w.world_id and f.epoch = w.epoch and f.times_left is distinct from 0
            ) as faults
        from sandbox.worlds w
        left join sandbox.operations o
            on o.world_id = w.world_id and o.processor = %(processor)s and o.key = %(key)s
        where w.world_id = %(world_id)s
        """,
        {"world_id": world_id, "processor": processor, "key": key},
    )
    if row is None:
        return None
    sent = None
    if row["kind"] is not None:
        sent = Sent(OperationKind(row["kind"]), row["fingerprint"], row["status"], row["answer"])
    faults = tuple(msgspec.convert(each, FaultRow).fault() for each in row["faults"] or ())
    return Arrival(world_of(row), row["key_digest"], sent, faults)


_ADD: Final = """
    insert into sandbox.operations (
        world_id, processor, key, epoch, kind, state, reference, created_at, due_at, due_state, charge_key,
        charge_reference, order_key, merchant_reference, amount, currency, capture, by_merchant, card,
        brand, country, account, held, exp_month, exp_year, cvc_given, postal_code_given, return_url,
        decline_code, network_code, advice_code, message, cvc_check, postal_code_check, address_check,
        network_transaction_id, remember, fingerprint, status, answer)
    values (
        %(world_id)s, %(processor)s, %(key)s, %(epoch)s, %(kind)s, %(state)s, %(reference)s, %(created_at)s,
        %(due_at)s, %(due_state)s, %(charge_key)s, %(charge_reference)s, %(order_key)s,
        %(merchant_reference)s, %(amount)s, %(currency)s, %(capture)s, %(by_merchant)s, %(card)s, %(brand)s,
        %(country)s, %(account)s, %(held)s, %(exp_month)s, %(exp_year)s, %(cvc_given)s,
        %(postal_code_given)s, %(return_url)s, %(decline_code)s, %(network_code)s, %(advice_code)s,
        %(message)s, %(cvc_check)s, %(postal_code_check)s, %(address_check)s, %(network_transaction_id)s,
        %(remember)s, %(fingerprint)s, %(status)s, %(answer)s)
    -- Whichever unique index meets the other row first: the reference is made of the key.
    on conflict do nothing
    returning true as added
"""
_ADD_AND_TELL: Final = "".join(
    (
        "with added as (",
        _ADD,
        "), ",
        FRESH,
        "where exists (select from added)), ",
        TOLD,
        "select added from added",
    )
)


async def add(
    queries: Queries,
    operation: Operation,
    *,
    world_id: UUID,
    fingerprint: bytes | None = None,
    status: int | None = None,
    answer: str | None = None,
    news: Sequence[News] = (),
) -> bool:
    """Write an operation down with what is told of it, unless its key is taken already; whether it was written."""
    more = {"world_id": world_id, "fingerprint": fingerprint, "status": status, "answer": answer}
    given = _parameters(operation) | more
    if news:
        row = await queries.fetch_one(_ADD_AND_TELL, given | news_of(news))
    else:
        row = await queries.fetch_one(_ADD, given)
    return row is not None


async def settle(connection: Connection, operation: Operation, *, world_id: UUID) -> None:
    """Write down where a charge stands after its customer authenticated, or was let go of."""
    await connection.execute(
        """
        update sandbox.operations
        set state = %(state)s, held = %(held)s, decline_code = %(decline_code)s, network_code = %(network_code)s,
            advice_code = %(advice_code)s, cvc_check = %(cvc_check)s, postal_code_check = %(postal_code_check)s,
            address_check = %(address_check)s, network_transaction_id = %(network_transaction_id)s
        where world_id = %(world_id)s and processor = %(processor)s and key = %(key)s
        """,
        _parameters(operation) | {"world_id": world_id},
    )


async def keep_hold(connection: Connection, charge: Operation, *, world_id: UUID) -> None:
    """A charge that was to lapse stays as it is."""
    await connection.execute(
        """
        update sandbox.operations set due_at = null, due_state = null
        where world_id = %(world_id)s and processor = %(processor)s and key = %(key)s
        """,
        {"world_id": world_id, "processor": charge.processor, "key": charge.key},
    )


async def key_digest(queries: Queries, *, world_id: UUID) -> bytes | None:
    """The digest of a world's API key; None where there is no such world."""
    row = await queries.fetch_one(
        "select key_digest from sandbox.worlds where world_id = %(world_id)s", {"world_id": world_id}
    )
    return None if row is None else row["key_digest"]


async def undo(
    connection: Connection, *, world_id: UUID, processor: ProcessorName, key: str, status: int, answer: str
) -> bool:
    """Let nothing have happened under a key, and be answered so from now on; False where something was done since."""
    row = await connection.fetch_one(
        """
        update sandbox.operations o
        set state = 'withdrawn', due_at = null, due_state = null, status = %(status)s, answer = %(answer)s
        where o.world_id = %(world_id)s and o.processor = %(processor)s and o.key = %(key)s
            and o.kind in ('charge', 'verification', 'capture', 'refund') and o.state in ('approved', 'pending', 'done')
            and not exists (
                select 1 from sandbox.operations c
                where c.world_id = o.world_id and c.processor = o.processor and c.charge_key = o.key
                    and c.state in ('done', 'pending')
            )
        returning true as undone
        """,
        {"world_id": world_id, "processor": processor, "key": key, "status": status, "answer": answer},
    )
    return row is not None


async def operation(
    queries: Queries, *, world_id: UUID, processor: ProcessorName, key: str
) -> Operation | None:
    """What a key stands for."""
    row = await queries.fetch_one(
        """
        select * from sandbox.operations
        where world_id = %(world_id)s and processor = %(processor)s and key = %(key)s
        """,
        {"world_id": world_id, "processor": processor, "key": key},
    )
    return None if row is None else _operation(row)


async def waiting(
    queries: Queries, *, world_id: UUID, processor: ProcessorName, reference: str
) -> Operation | None:
    """The charge or verification of that reference: what may wait for its customer."""
    row = await queries.fetch_one(
        """
        select * from sandbox.operations
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s
            and kind in ('charge', 'verification')
        """,
        {"world_id": world_id, "processor": processor, "reference": reference},
    )
    return None if row is None else _operation(row)


async def lock_waiting(
    connection: Connection, *, world_id: UUID, processor: ProcessorName, reference: str
) -> Operation | None:
    """The same, so that nobody else changes it until the transaction ends."""
    row = await connection.fetch_one(
        """
        select * from sandbox.operations
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s
            and kind in ('charge', 'verification')
        for no key update
        """,
        {"world_id": world_id, "processor": processor, "reference": reference},
    )
    return None if row is None else _operation(row)


async def saved(
    queries: Queries, *, world_id: UUID, processor: ProcessorName, reference: str
) -> Operation | None:
    """The charge or verification of that reference, at which the processor was asked to remember the card."""
    row = await queries.fetch_one(
        """
        select * from sandbox.operations
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s and remember
        """,
        {"world_id": world_id, "processor": processor, "reference": reference},
    )
    return None if row is None else _operation(row)


async def lock_charge(
    connection: Connection, *, world_id: UUID, processor: ProcessorName, reference: str
) -> Operation | None:
    """The charge of that reference, so that nobody else changes it until the transaction ends."""
    row = await connection.fetch_one(
        """
        select * from sandbox.operations
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s and kind = 'charge'
        for no key update
        """,
        {"world_id": world_id, "processor": processor, "reference": reference},
    )
    return None if row is None else _operation(row)


async def charges_for(queries: Queries, *, world_id: UUID, epoch: int, order: str) -> list[Operation]:
    """The charges that were tried for an order, the newest first."""
    rows = await queries.fetch_all(
        """
        select * from sandbox.operations
        where world_id = %(world_id)s and order_key = %(order)s and epoch = %(epoch)s and kind = 'charge'
        order by created_at desc, key limit %(limit)s
        """,
        {"world_id": world_id, "order": order, "epoch": epoch, "limit": _CHANGES_READ_MAX},
    )
    return [_operation(row) for row in rows]


async def changes_of(queries: Queries, charge: Operation, *, world_id: UUID) -> list[Operation]:
    """The captures, cancellations and refunds of a charge."""
    rows = await queries.fetch_all(
        """
        select * from sandbox.operations
        where world_id = %(world_id)s and processor = %(processor)s and charge_key = %(key)s
        order by created_at, key limit %(limit)s
        """,
        {
            "world_id": world_id,
            "processor": charge.processor,
            "key": charge.key,
            "limit": _CHANGES_READ_MAX,
        },
    )
    return [_operation(row) for row in rows]


async def take_fault(queries: Queries, fault: Fault, *, world_id: UUID) -> bool:
    """Let a fault happen once; False where others used it up meanwhile."""
    row = await queries.fetch_one(
        """
        update sandbox.faults set times_left = times_left - 1
        where world_id = %(world_id)s and id = %(id)s and times_left is distinct from 0
        returning true as taken
        """,
        {"world_id": world_id, "id": fault.id},
    )
    return row is not None


def world_of(row: DictRow) -> World:
    """A row of `sandbox.worlds`."""
    said = row.get("webhooks")
    return World(
        row["world_id"],
        row["seed"],
        row["epoch"],
        row["born"],
        timedelta(milliseconds=row["clock_offset_ms"]),
        row["created_at"],
        telling=None if said is None else msgspec.convert(said, Telling),
    )


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `sandbox.faults`."""

    id: UUID
    kind: FaultKind
    processor: ProcessorName | None
    verb: Verb | None
    times_left: int | None
    until: datetime | None
    delay_s: int
    last4: str | None
    merchant_reference: str | None
    decline_code: str | None
    network_code: str | None
    advice_code: str | None
    created_at: datetime

    def fault(self) -> Fault:
        """The fault itself."""
        return Fault(
            id=self.id,
            kind=self.kind,
            processor=self.processor,
            on=self.verb,
            left=self.times_left,
            until=self.until,
            delay_s=self.delay_s,
            last4=self.last4,
            merchant_reference=self.merchant_reference,
            decline_code=self.decline_code,
            network_code=self.network_code,
            advice_code=self.advice_code,
            created_at=self.created_at,
        )


def _operation(row: DictRow) -> Operation:
    values = {name: row[name] for name in _FIELDS}
    due_state = values["due_state"]
    values |= {
        "processor": ProcessorName(values["processor"]),
        "kind": OperationKind(values["kind"]),
        "state": OperationState(values["state"]),
        "due_state": None if due_state is None else OperationState(due_state),
    }
    return Operation(**values)


def _parameters(operation: Operation) -> dict[str, Any]:
    return {name: getattr(operation, name) for name in _FIELDS}
