"""SQL of what must hold of the books: each query finds what breaks a law, so that nothing found is proof. They are for
production too: each reads a bounded part, one merchant's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from recoup.db import Queries


@dataclass(frozen=True, slots=True)
class Unbalanced:
    """A currency whose debits are not its credits."""

    currency: str
    debits: int
    credits: int


@dataclass(frozen=True, slots=True)
class WrongBalance:
    """An account whose sums are not those of its transfers."""

    account: int
    kind: str
    currency: str
    debits: int
    credits: int
    transfers_debits: int
    transfers_credits: int


@dataclass(frozen=True, slots=True)
class WrongPayment:
    """A payment that the books know otherwise than it is, in minor units: what it says itself, what is noted as posted,
    and what its transfers come to."""

    payment_id: UUID
    captured: int
    refunded: int
    noted_captured: int
    noted_refunded: int
    posted_captured: int
    posted_refunded: int


async def unbalanced(queries: Queries, *, merchant_id: UUID) -> Sequence[Unbalanced]:
    """Currencies out of balance: there cannot be any, since a transfer has both sides."""
    rows = await queries.fetch_all(
        """
        select currency, sum(debits)::bigint as debits, sum(credits)::bigint as credits
        from ledger_accounts where merchant_id = %(merchant_id)s
        group by currency having sum(debits) <> sum(credits)
        """,
        {"merchant_id": merchant_id},
    )
    return [Unbalanced(**row) for row in rows]


async def wrong_balances(
    queries: Queries, *, merchant_id: UUID, after: int, limit: int
) -> Sequence[WrongBalance]:
    """Those of the next accounts whose sums are not those of their transfers since the last checkpoint."""
    rows = await queries.fetch_all(
        """
        select a.number as account, a.kind, a.currency, a.debits, a.credits,
            coalesce(p.debits, 0) + d.amount as transfers_debits,
            coalesce(p.credits, 0) + c.amount as transfers_credits
        from (
            select number, kind, currency, debits, credits, version from ledger_accounts
            where merchant_id = %(merchant_id)s and number > %(after)s order by number limit %(limit)s
        ) a
        left join lateral (
            select p.number, p.debits, p.credits from ledger_checkpoints p
            where p.merchant_id = %(merchant_id)s and p.account = a.number
            order by p.number desc limit 1
        ) p on true
        cross join lateral (
            select coalesce(sum(t.amount), 0)::bigint as amount from ledger_transfers t
            where t.merchant_id = %(merchant_id)s and t.debit = a.number and t.number > coalesce(p.number, 0)
        ) d
        cross join lateral (
            select coalesce(sum(t.amount), 0)::bigint as amount from ledger_transfers t
            where t.merchant_id = %(merchant_id)s and t.credit = a.number and t.number > coalesce(p.number, 0)
        ) c
        where a.debits <> coalesce(p.debits, 0) + d.amount or a.credits <> coalesce(p.credits, 0) + c.amount
        """,
        {"merchant_id": merchant_id, "after": after, "limit": limit},
    )
    return [WrongBalance(**row) for row in rows]


async def payments_after(queries: Queries, *, merchant_id: UUID, after: UUID, limit: int) -> Sequence[UUID]:
    """The next page of a merchant's payments, oldest first."""
    rows = await queries.fetch_all(
        """
        select id from payments where merchant_id = %(merchant_id)s and id > %(after)s order by id limit %(limit)s
        """,
        {"merchant_id": merchant_id, "after": after, "limit": limit},
    )
    return [row["id"] for row in rows]


async def wrong_payments(
    queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID
) -> Sequence[WrongPayment]:
    """Those of these payments that the books know otherwise than they are.

    A payment is looked at when all its events, and those of its refunds, are posted: one whose last event is behind the
    cursor is passed over, and is looked at the next time.
    """
    rows = await queries.fetch_all(
        """
        select p.id as payment_id, p.captured, p.refunded, n.captured as noted_captured,
            n.refunded as noted_refunded, t.captured as posted_captured, t.refunded as posted_refunded
        from unnest(%(payments)s::uuid[]) as wanted (id)
        join payments p on p.merchant_id = %(merchant_id)s and p.id = wanted.id
        join events e on e.merchant_id = %(merchant_id)s and e.object_id = p.id
            and e.object_sequence = p.events_count
        join ledger_books b on b.merchant_id = %(merchant_id)s and b.events >= e.sequence
        cross join lateral (
            select coalesce(sum(q.captured), 0)::bigint as captured, coalesce(sum(q.refunded), 0)::bigint as refunded
            from ledger_positions q where q.merchant_id = %(merchant_id)s and q.payment_id = p.id
        ) n
        cross join lateral (
            select
                coalesce(sum(case x.kind when 'capture' then x.amount when 'capture_reversal' then -x.amount end), 0)
                    ::bigint as captured,
                coalesce(sum(case x.kind when 'refund_paid' then x.amount when 'refund_returned' then -x.amount end), 0)
                    ::bigint as refunded
            from ledger_transfers x where x.merchant_id = %(merchant_id)s and x.payment_id = p.id
        ) t
        where not exists (
                select from operations o
                join events f on f.merchant_id = o.merchant_id and f.object_id = o.id
                where o.merchant_id = %(merchant_id)s and o.payment_id = p.id and f.sequence > b.events)
            and ((n.captured, t.captured) is distinct from (p.captured, p.captured)
                or (n.refunded, t.refunded) is distinct from (p.refunded, p.refunded))
        """,
        {"merchant_id": merchant_id, "payments": list(payment_ids)},
    )
    return [WrongPayment(**row) for row in rows]
