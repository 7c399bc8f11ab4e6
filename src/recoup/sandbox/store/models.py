"""SQL of the models of worlds: who has one, when its cardholders were tried, and what networks count."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Final
from uuid import UUID

import msgspec

from recoup.connectors.base import iso8583
from recoup.db import Connection, Queries
from recoup.kit.money import Money
from recoup.sandbox.core.limits import Seen

CARDS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Model:
    """A world's model: so many cardholders whose renewals are declined in the month after a day."""

    cases: int
    starts_on: date


async def read(queries: Queries, *, world_id: UUID, epoch: int) -> Model | None:
    """The model of a world as it is since it was started last."""
    row = await queries.fetch_one(
        "select cases, starts_on from sandbox.models where world_id = %(world_id)s and epoch = %(epoch)s",
        {"world_id": world_id, "epoch": epoch},
    )
    return None if row is None else Model(row["cases"], row["starts_on"])


async def keep(connection: Connection, model: Model, *, world_id: UUID) -> None:
    """Give the present world a model."""
    await connection.execute(
        """
        insert into sandbox.models (world_id, epoch, cases, starts_on)
        select world_id, epoch, %(cases)s, %(starts_on)s from sandbox.worlds where world_id = %(world_id)s
        """,
        {"world_id": world_id, "cases": model.cases, "starts_on": model.starts_on},
    )


async def tried(
    connection: Connection, *, world_id: UUID, epoch: int, account: str, since: datetime
) -> Sequence[datetime]:
    """When a cardholder's card was tried since then."""
    rows = await connection.fetch_all(
        """
        select created_at from sandbox.authorisations
        where world_id = %(world_id)s and account = %(account)s and account like 'model:%%'
            and created_at >= %(since)s and epoch = %(epoch)s and state = 'answered'
        """,
        {"world_id": world_id, "epoch": epoch, "account": account, "since": since},
    )
    return [row["created_at"] for row in rows]


async def tries_by_card(
    queries: Queries, *, world_id: UUID, epoch: int
) -> AsyncIterator[tuple[str, Sequence[Seen]]]:
    """What issuers were asked for, card by card, oldest first."""
    after = ""
    while True:
        rows = await queries.fetch_all(
            """
            select a.card, a.created_at, a.amount, a.currency, a.said
            from (
                select distinct card from sandbox.authorisations
                where world_id = %(world_id)s and epoch = %(epoch)s and card > %(after)s
                order by card limit %(limit)s
            ) c
            join sandbox.authorisations a on a.world_id = %(world_id)s and a.epoch = %(epoch)s and a.card = c.card
            where a.amount > 0 and a.said is not null
            order by a.card, a.created_at, a.key
            """,
            {"world_id": world_id, "epoch": epoch, "after": after, "limit": CARDS_AT_ONCE},
        )
        if not rows:
            return
        for card, tries in groupby(rows, key=itemgetter("card")):
            yield (
                card,
                [_seen(one["created_at"], one["amount"], one["currency"], one["said"]) for one in tries],
            )
            after = card


def _seen(at: datetime, amount: int, currency: str, said: str) -> Seen:
    answer = msgspec.json.decode(said, type=dict[str, str])
    parts = iso8583.subelements(answer.get("48", "")) or {}
    return Seen(at, Money(amount, currency), answer["39"], parts.get(iso8583.ADVICE_CODE))
