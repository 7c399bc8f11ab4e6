"""SQL that finds the dispute which a line is about, and what it has posted: by the processor's name for the dispute,
else by the payment, else by the charge of a payment that was made elsewhere.

Disputes are read as payments are, and written no more than they.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from recoup.db import Connection
from recoup.kit.money import Money

KINDS: Final[LiteralString] = "('dispute', 'dispute_reversal')"
"""The kinds of lines that are about disputes."""
TAKEN: Final[LiteralString] = (
    "(n.withdrawn or n.withdrawn is null and n.state in ('opened', 'accepted', 'lost', 'reversed'))"
)
"""Whether a piece of news says that money was taken; one that does not tell it is read as the dispute reads it."""
_GIVEN: Final[LiteralString] = """
    (n.state in ('won', 'resolved_early') and n.withdrawn is not true
        or n.withdrawn is false and n.state in ('submitted', 'closed'))
"""
BOOKED: Final[LiteralString] = """
    coalesce((d.booked -> 'disputed' ->> 'minor')::bigint, (d.booked -> 'lost' ->> 'minor')::bigint)
"""
"""What the ledger has of a dispute as taken, decided or not; null where it has nothing."""
NAMED: Final[LiteralString] = f"""
    select d.id, d.payment_id from disputes d
    where s.kind in {KINDS} and d.merchant_id = %(merchant_id)s and d.processor_account_id = %(account_id)s
        and d.reference = s.reference
"""  # noqa: S608 - texts of ours
_BEST: Final[LiteralString] = (
    "d.status = 'warning', d.amount is not distinct from abs(f.gross) desc, d.id desc"
)
_BY_PAYMENT: Final[LiteralString] = f"""
    select d.id from disputes d
    where d.payment_id = f.payment_id and d.merchant_id = %(merchant_id)s
        and d.processor_account_id = %(account_id)s
    order by {_BEST} limit 1
"""  # noqa: S608 - texts of ours
_POSTED: Final[LiteralString] = f"""
    select d.id, d.currency, t.again,
        case when f.kind = 'dispute' then -coalesce({BOOKED}, case when t.taken then d.amount end, 0)
            else case when t.given then coalesce(d.amount, 0) else 0 end end as expected
    from disputes d
    cross join lateral (
        select coalesce(bool_or({TAKEN}), false) as taken, coalesce(bool_or({_GIVEN}), false) as given,
            coalesce(bool_or(n.state = 'reversed'), false) as again
        from dispute_news n where n.merchant_id = %(merchant_id)s and n.dispute_id = d.id
    ) t
    where d.merchant_id = %(merchant_id)s and d.id = w.id
"""  # noqa: S608 - texts of ours
"""What a dispute posted for such a line, with its sign. What was taken once and given back since was taken all the
same: its lines may come long after both."""

CONTESTED: Final[LiteralString] = f"""
    select f.number, q.id as dispute_id, q.currency as dispute_currency, q.expected as disputed, q.again
    from found f
    join settlement_stage s on s.ctid = f.place
    left join (
        select distinct on (d.charge_reference) d.charge_reference, d.id from disputes d
        where d.merchant_id = %(merchant_id)s and d.processor_account_id = %(account_id)s and d.payment_id is null
            and d.charge_reference in (select o.charge_reference from settlement_stage o where o.kind in {KINDS})
        order by d.charge_reference, d.id desc
    ) g on g.charge_reference = s.charge_reference
    cross join lateral (select coalesce(f.named_dispute, ({_BY_PAYMENT}), g.id) as id) w
    cross join lateral ({_POSTED}) q
    where f.kind in {KINDS}
"""  # noqa: S608 - texts of ours
"""The dispute of each line that is about one which is known here."""

_OF_LINE: Final[LiteralString] = f"""
    select q.currency, q.expected
    from settlement_lines f
    cross join lateral (
        select coalesce(
            (select d.id from disputes d
            where d.merchant_id = %(merchant_id)s and d.processor_account_id = %(account_id)s
                and d.reference = f.reference),
            ({_BY_PAYMENT}),
            (select d.id from disputes d
            where d.merchant_id = %(merchant_id)s and d.processor_account_id = %(account_id)s
                and d.payment_id is null and d.charge_reference = f.charge_reference
            order by d.id desc limit 1)) as id
    ) w
    cross join lateral ({_POSTED}) q
    where f.merchant_id = %(merchant_id)s and f.settlement_id = %(settlement_id)s and f.number = %(number)s
"""  # noqa: S608 - texts of ours


@dataclass(frozen=True, slots=True)
class Known:
    """A dispute that is known here. `posted` is what it posted for a line; None where it never told an amount."""

    posted: Money | None


async def known(
    connection: Connection, *, merchant_id: UUID, account_id: UUID, settlement_id: UUID, number: int
) -> Known | None:
    """The dispute of a line as it stands now; None where none is known."""
    row = await connection.fetch_one(
        _OF_LINE,
        {
            "merchant_id": merchant_id,
            "account_id": account_id,
            "settlement_id": settlement_id,
            "number": number,
        },
    )
    if row is None:
        return None
    return Known(None if row["currency"] is None else Money(row["expected"], row["currency"]))
