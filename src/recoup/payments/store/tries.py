"""SQL of the tries of cards: those that are on record with a card for its budget, and all recent ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from recoup.budgets.core import PastTry
from recoup.db import Queries
from recoup.kit.money import Money
from recoup.payments.core.facts import CardTry

CARD_TRIES_MAX: Final = 200
"""The most recent tries on one card that are read, approvals among them."""

_MAY_COUNT: Final = frozenset({"declined", "unknown"})
"""What a network may have counted as a decline; of an unknown outcome nobody can say that it did not."""
_NEVER_COUNTS: Final = frozenset({"approved", "unprocessed", "reversed"})
"""What none has counted, and none will. Whatever else has no end yet may end as a decline."""

_ATTEMPT: Final[LiteralString] = """
    a.id, a.started_at as at, a.amount, a.state, a.rule,
    (select p.currency from payments p where p.merchant_id = a.merchant_id and p.id = a.payment_id) as currency
"""
_VERIFICATION: Final[LiteralString] = """
    v.id, v.created_at as at, 0 as amount,
    case when v.status = 'declined' then 'declined' when v.finished_at is null then 'unknown'
        else 'unprocessed' end as state,
    v.decline ->> 'rule' as rule, v.currency
"""
"""A verification is a try for nothing; one without an end may have been counted."""

_OF_RECORD: Final[LiteralString] = f"""
    select {_ATTEMPT}
    from attempts a
    where a.merchant_id = %(merchant_id)s and a.id = any(array(select unnest(tries) from record))
    union all
    select {_VERIFICATION}
    from verifications v
    where v.merchant_id = %(merchant_id)s and v.id = any(array(select unnest(tries) from record))
"""  # noqa: S608 - pieces of ours


_TRIES_OF_CARD: Final[LiteralString] = """
    select unnest(k.tries) from card_tries k where k.merchant_id = %(merchant_id)s and k.card = c.card::bytea
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One try that is on record with a card. `under_way`: nobody has heard yet what became of it."""

    id: UUID
    past: PastTry
    under_way: bool


@dataclass(frozen=True, slots=True)
class Record:
    """What is on record with a card, as of a version."""

    version: int
    tries: tuple[Kept, ...]


async def on_record(queries: Queries, *, merchant_id: UUID, card: str) -> Record | None:
    """The tries on record with a card, oldest first, as they stand now; None where there was none yet.

    Tries that were counted and then not made are left out.
    """
    rows = await queries.fetch_all(
        f"""
        with record as materialized (
            select version, tries from card_tries
            where merchant_id = %(merchant_id)s and card = %(card)s::text::bytea
        )
        select r.version, f.* from record r left join ({_OF_RECORD}) f on true
        order by f.at, f.id
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "card": card},
    )
    if not rows:
        return None
    return Record(rows[0]["version"], tuple(_kept(row) for row in rows if row["id"] is not None))


def _kept(row: DictRow) -> Kept:
    state, amount = row["state"], Money(row["amount"], row["currency"])
    past = PastTry(row["at"], amount, declined=state not in _NEVER_COUNTS, rule=row["rule"])
    return Kept(row["id"], past, under_way=state not in _NEVER_COUNTS and state != "declined")


@dataclass(frozen=True, slots=True)
class AskedCard:
    """Of which card tries are asked for: by its fingerprint, and what its budget is kept under, since when.

    With a payment method only those by it: the card as one of several who have the same number.
    """

    fingerprint: str = field(repr=False)
    payment_method_id: UUID | None
    card: str = field(repr=False)
    since: datetime


async def card_tries(
    queries: Queries, asked: Sequence[AskedCard], *, merchant_id: UUID
) -> dict[AskedCard, tuple[CardTry, ...]]:
    """The newest tries on each of these cards since then, and all that are on record for its budget, by any payment or
    verification; oldest first. A card without any is left out."""
    rows = await queries.fetch_all(
        f"""
        select c.place, t.at, t.amount, t.state, t.rule, t.currency
        from unnest(
            %(fingerprints)s::text[], %(methods)s::uuid[], %(cards)s::text[], %(since)s::timestamptz[]
        ) with ordinality as c (fingerprint, payment_method_id, card, since, place)
        cross join lateral (
            select distinct on (f.at, f.id) f.* from (
                (
                    select {_ATTEMPT}
                    from attempts a
                    where a.merchant_id = %(merchant_id)s and a.fingerprint = c.fingerprint::bytea
                        and a.started_at >= c.since
                        and a.payment_method_id = coalesce(c.payment_method_id, a.payment_method_id)
                    order by a.started_at desc
                    limit %(limit)s
                ) union all (
                    select {_VERIFICATION}
                    from verifications v
                    where v.merchant_id = %(merchant_id)s and v.fingerprint = c.fingerprint::bytea
                        and v.created_at >= c.since
                        and v.payment_method_id = coalesce(c.payment_method_id, v.payment_method_id)
                    order by v.created_at desc
                    limit %(limit)s
                ) union all
                select {_ATTEMPT}
                from attempts a
                where a.merchant_id = %(merchant_id)s and a.id = any(array({_TRIES_OF_CARD}))
                union all
                select {_VERIFICATION}
                from verifications v
                where v.merchant_id = %(merchant_id)s and v.id = any(array({_TRIES_OF_CARD}))
            ) f
            where f.state <> 'unprocessed'
            order by f.at, f.id
        ) t
        order by c.place, t.at, t.id
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "fingerprints": [one.fingerprint for one in asked],
            "methods": [one.payment_method_id for one in asked],
            "cards": [one.card for one in asked],
            "since": [one.since for one in asked],
            "limit": CARD_TRIES_MAX,
        },
    )
    found: dict[AskedCard, tuple[CardTry, ...]] = {}
    for place, group in groupby(rows, key=itemgetter("place")):
        found[asked[place - 1]] = tuple(_card_try(row) for row in group)
    return found


def _card_try(row: DictRow) -> CardTry:
    amount = Money(row["amount"], row["currency"])
    return CardTry(row["at"], amount, row["state"] in _MAY_COUNT, row["rule"])


async def tried_with(
    queries: Queries,
    *,
    merchant_id: UUID,
    fingerprint: str,
    payment_method_id: UUID | None,
    since: datetime,
) -> Sequence[UUID]:
    """The payments with a try on one card since then, those tried last first; with a payment method only by that."""
    rows = await queries.fetch_all(
        """
        select payment_id, max(started_at) as at from attempts
        where merchant_id = %(merchant_id)s and fingerprint = %(fingerprint)s::text::bytea
            and started_at >= %(since)s
            and payment_method_id = coalesce(%(payment_method_id)s, payment_method_id)
        group by payment_id order by at desc limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "fingerprint": fingerprint,
            "payment_method_id": payment_method_id,
            "since": since,
            "limit": CARD_TRIES_MAX,
        },
    )
    return [row["payment_id"] for row in rows]


@dataclass(frozen=True, slots=True)
class ToldTry:
    """An attempt or verification of a card, as proof is given of it. `payment_id` None: a verification."""

    id: UUID
    payment_id: UUID | None
    reason: str
    account_id: UUID
    amount: Money
    state: str
    rule: str | None
    started_at: datetime
    finished_at: datetime | None

    def known_at(self, moment: datetime) -> PastTry:
        """What was to be reckoned with then: what was under way might have been declined."""
        ended = self.finished_at is not None and self.finished_at <= moment
        declined = self.state not in _NEVER_COUNTS or not ended
        return PastTry(self.started_at, self.amount, declined, self.rule if ended else None)


async def told_tries(
    queries: Queries,
    *,
    merchant_id: UUID,
    fingerprint: str,
    payment_method_id: UUID | None,
    before: datetime,
    limit: int,
) -> Sequence[ToldTry]:
    """The newest tries on a card that began before then, newest first; with a payment method only those by it."""
    rows = await queries.fetch_all(
        """
        select * from (
            (
                select a.id, a.payment_id, a.reason, a.processor_account_id as account_id, a.amount, a.state, a.rule,
                    a.started_at, a.finished_at, (
                        select p.currency from payments p where p.merchant_id = a.merchant_id and p.id = a.payment_id
                    ) as currency
                from attempts a
                where a.merchant_id = %(merchant_id)s and a.fingerprint = %(fingerprint)s::text::bytea
                    and a.started_at <= %(before)s
                    and a.payment_method_id = coalesce(%(payment_method_id)s, a.payment_method_id)
                order by a.started_at desc
                limit %(limit)s
            ) union all (
                select v.id, null, 'verification', v.processor_account_id, 0,
                    case when v.status = 'declined' then 'declined' when v.finished_at is null then 'unknown'
                        else 'unprocessed' end,
                    v.decline ->> 'rule', v.created_at, v.finished_at, v.currency
                from verifications v
                where v.merchant_id = %(merchant_id)s and v.fingerprint = %(fingerprint)s::text::bytea
                    and v.created_at <= %(before)s
                    and v.payment_method_id = coalesce(%(payment_method_id)s, v.payment_method_id)
                order by v.created_at desc
                limit %(limit)s
            )
        ) t
        order by t.started_at desc, t.id desc
        limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "fingerprint": fingerprint,
            "payment_method_id": payment_method_id,
            "before": before,
            "limit": limit,
        },
    )
    return [
        ToldTry(
            **{name: row[name] for name in row if name not in ("amount", "currency")}
            | {"amount": Money(row["amount"], row["currency"])}
        )
        for row in rows
    ]
