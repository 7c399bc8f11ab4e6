"""SQL of the chain: what issuers authorised, and the advices that nobody has acknowledged yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.kit.money import Money
from recoup.sandbox.chain.messages import Advice, AdviceKind
from recoup.sandbox.core.issuer import CardState
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.store import World, world_of


class Holder(StrEnum):
    """Who keeps an advice until it is acknowledged."""

    ACQUIRER = "acquirer"
    NETWORK = "network"


class RecordState(StrEnum):
    """Where a key stands with its issuer: answered; told (an advice was carried out); or undone for good."""

    ANSWERED = "answered"
    TOLD = "told"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What an issuer did under a key. `held` is what the account was charged: None where nothing was approved."""

    state: RecordState
    epoch: int
    card: str | None = None
    account: str | None = None
    amount: Money | None = None
    held: int | None = None
    said: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A world, and what its issuers did under a key."""

    world: World
    record: Record | None


@dataclass(frozen=True, slots=True)
class StandIn:
    """What the network knows of a card whose issuer does not answer: how many payments it approved that the issuer has
    not heard of yet, whether this one is among them, and whether the issuer has reported the card."""

    world: World
    outstanding: int
    stood_in: bool
    reported: bool


async def known(queries: Queries, *, world_id: UUID, acquirer: ProcessorName, key: str) -> Known | None:
    """The world, and what its issuers did under that key; None where there is no such world."""
    row = await queries.fetch_one(
        """
        select w.world_id, w.seed, w.epoch, w.born, w.clock_offset_ms, w.created_at,
            a.state, a.epoch as record_epoch, a.card, a.account, a.amount, a.currency, a.held, a.said
        from sandbox.worlds w
        left join sandbox.authorisations a
            on a.world_id = w.world_id and a.acquirer = %(acquirer)s and a.key = %(key)s
        where w.world_id = %(world_id)s
        """,
        {"world_id": world_id, "acquirer": acquirer, "key": key},
    )
    return None if row is None else Known(world_of(row), _record(row))


async def add(
    queries: Queries, record: Record, *, world_id: UUID, acquirer: ProcessorName, key: str, now: datetime
) -> bool:
    """Write down what was done under a key, unless something was already; whether it was written.

    The commit does not wait for the disk. Whoever acts on the answer commits later, into the same log, and waits: a
    crash that takes this away takes away all that followed from it, and the key is as good as new.
    """
    amount = record.amount
    row = await queries.fetch_one(
        """
        insert into sandbox.authorisations
            (world_id, acquirer, key, epoch, state, card, account, amount, currency, held, said, created_at)
        values
            (%(world_id)s, %(acquirer)s, %(key)s, %(epoch)s, %(state)s, %(card)s, %(account)s, %(amount)s,
            %(currency)s, %(held)s, %(said)s, %(now)s)
        on conflict (world_id, acquirer, key) do nothing
        returning set_config('synchronous_commit', 'off', true) is not null as added
        """,
        {
            "world_id": world_id,
            "acquirer": acquirer,
            "key": key,
            "epoch": record.epoch,
            "state": record.state,
            "card": record.card,
            "account": record.account,
            "amount": amount.minor if amount else None,
            "currency": amount.currency if amount else None,
            "held": record.held,
            "said": msgspec.json.encode(record.said).decode() if record.said is not None else None,
            "now": now,
        },
    )
    return row is not None


async def reverse(
    connection: Connection, *, world_id: UUID, acquirer: ProcessorName, key: str
) -> Record | None:
    """Undo what was answered under a key; what it was, or None where there is nothing (more) to undo."""
    row = await connection.fetch_one(
        """
        update sandbox.authorisations set state = 'reversed'
        where world_id = %(world_id)s and acquirer = %(acquirer)s and key = %(key)s and state <> 'reversed'
        returning state, epoch as record_epoch, card, account, amount, currency, held, said
        """,
        {"world_id": world_id, "acquirer": acquirer, "key": key},
    )
    return None if row is None else _record(row)


async def overrule(
    connection: Connection, *, world_id: UUID, acquirer: ProcessorName, key: str, held: int
) -> bool:
    """Approve after all what was answered with a no that nobody has heard; whether it was such."""
    row = await connection.fetch_one(
        """
        update sandbox.authorisations set held = %(held)s, said = null
        where world_id = %(world_id)s and acquirer = %(acquirer)s and key = %(key)s and state = 'answered'
            and held is null
        returning true as overruled
        """,
        {"world_id": world_id, "acquirer": acquirer, "key": key, "held": held},
    )
    return row is not None


async def stand_in(
    queries: Queries, *, world_id: UUID, acquirer: ProcessorName, key: str, card: str, account: str | None
) -> StandIn | None:
    """What the network knows of a card; None where there is no such world."""
    row = await queries.fetch_one(
        """
        select w.world_id, w.seed, w.epoch, w.born, w.clock_offset_ms, w.created_at,
            (
                select count(*) from sandbox.advices a
                where a.world_id = w.world_id and a.kind = '0120' and a.card = %(card)s
            ) as outstanding,
            exists (
                select 1 from sandbox.advices a
                where a.holder = 'network' and a.world_id = w.world_id and a.acquirer = %(acquirer)s
                    and a.key = %(key)s and a.kind = '0120'
            ) as stood_in,
            exists (
                select 1 from sandbox.accounts c
                where c.world_id = w.world_id and c.epoch = w.epoch and c.account = %(account)s
                    and c.state <> %(active)s
            ) as reported
        from sandbox.worlds w where w.world_id = %(world_id)s
        """,
        {
            "world_id": world_id,
            "acquirer": acquirer,
            "key": key,
            "card": card,
            "account": account,
            "active": CardState.ACTIVE,
        },
    )
    if row is None:
        return None
    return StandIn(world_of(row), row["outstanding"], row["stood_in"], row["reported"])


async def keep(queries: Queries, advice: Advice, holder: Holder, *, now: datetime) -> None:
    """Keep an advice until it is acknowledged; keeping it twice is keeping it once."""
    amount = advice.amount
    await queries.fetch_one(
        """
        insert into sandbox.advices
            (holder, world_id, acquirer, key, kind, issuer, card, amount, currency, created_at)
        values
            (%(holder)s, %(world_id)s, %(acquirer)s, %(key)s, %(kind)s, %(issuer)s, %(card)s, %(amount)s,
            %(currency)s, %(now)s)
        on conflict (holder, world_id, acquirer, key, kind) do nothing
        returning true as kept
        """,
        {
            **_names(advice, holder),
            "issuer": advice.issuer,
            "card": advice.card,
            "amount": amount.minor if amount else None,
            "currency": amount.currency if amount else None,
            "now": now,
        },
    )


async def forget(queries: Queries, advice: Advice, holder: Holder) -> None:
    """It was acknowledged."""
    await queries.fetch_one(
        """
        delete from sandbox.advices
        where holder = %(holder)s and world_id = %(world_id)s and acquirer = %(acquirer)s and key = %(key)s
            and kind = %(kind)s
        returning true as forgotten
        """,
        _names(advice, holder),
    )


async def waiting(queries: Queries, holder: Holder, *, limit: int) -> list[Advice]:
    """The advices that nobody has acknowledged, oldest first."""
    rows = await queries.fetch_all(
        """
        select * from sandbox.advices where holder = %(holder)s
        order by created_at, key limit %(limit)s
        """,
        {"holder": holder, "limit": limit},
    )
    return [_advice(row) for row in rows]


def _names(advice: Advice, holder: Holder) -> dict[str, Any]:
    return {
        "holder": holder,
        "world_id": advice.world_id,
        "acquirer": advice.acquirer,
        "key": advice.key,
        "kind": advice.kind,
    }


def _advice(row: DictRow) -> Advice:
    return Advice(
        kind=AdviceKind(row["kind"]),
        world_id=row["world_id"],
        acquirer=ProcessorName(row["acquirer"]),
        key=row["key"],
        issuer=row["issuer"],
        card=row["card"],
        amount=_money(row),
    )


def _record(row: DictRow) -> Record | None:
    if row["state"] is None:
        return None
    said = row["said"]
    return Record(
        state=RecordState(row["state"]),
        epoch=row["record_epoch"],
        card=row["card"],
        account=row["account"],
        amount=_money(row),
        held=row["held"],
        said=None if said is None else _SAID.decode(said),
    )


def _money(row: DictRow) -> Money | None:
    return None if row["amount"] is None else Money(row["amount"], row["currency"])


_SAID: Final = msgspec.json.Decoder(dict[str, str])
