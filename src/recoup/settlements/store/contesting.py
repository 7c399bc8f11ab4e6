"""SQL of reports' lines that are about disputes: which dispute each is about, and what all lines of a dispute come to.

However many lines a chunk has, the statements are as many. Each looks rows up one by one and by an index that names
them: a join that is free to choose may read all disputes of a merchant for each line, and a chunk has thousands.

Disputes and their news are read where they are, as payments are, and written no more than they.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

from recoup.db import Connection
from recoup.settlements.core.contesting import ASPECTS, Aspect, Place
from recoup.settlements.core.lines import LineKind
from recoup.settlements.core.tolerance import Tolerances

KINDS: Final[LiteralString] = "('dispute', 'dispute_reversal')"
"""The kinds of lines that are about disputes."""

_FIND: Final = f"""
    update settlement_stage s set dispute_id = coalesce(
        (
            select d.id from disputes d
            where d.merchant_id = %(merchant_id)s and d.processor_account_id = %(account_id)s
                and d.reference = s.reference
        ), (
            select d.id from disputes d
            where d.payment_id = coalesce(
                    (
                        select a.payment_id from attempts a
                        where a.merchant_id = %(merchant_id)s and a.id = s.attempt_id
                    ), (
                        select b.payment_id from attempts b
                        where b.reference = s.charge_reference and b.merchant_id = %(merchant_id)s
                            and b.processor_account_id = %(account_id)s
                        limit 1
                    ))
                and d.merchant_id = %(merchant_id)s and d.processor_account_id = %(account_id)s
            order by d.status = 'warning', d.amount is not distinct from abs(s.gross) desc, d.id desc limit 1
        ), (
            select d.id from disputes d
            where d.charge_reference = s.charge_reference and d.payment_id is null
                and d.merchant_id = %(merchant_id)s and d.processor_account_id = %(account_id)s
            order by d.id desc limit 1
        ))
    where s.kind in {KINDS}
"""  # noqa: S608 - texts of ours
_WHOSE: Final = """
    update settlement_stage s set disputed_payment_id = (
        select d.payment_id from disputes d where d.merchant_id = %(merchant_id)s and d.id = s.dispute_id)
    where s.dispute_id is not null
"""


async def find(connection: Connection, *, merchant_id: UUID, account_id: UUID) -> int:
    """Say of each staged line which dispute it is about: by the processor's name for it, else by the payment, else by
    the charge of a payment that was made elsewhere. How many lines are about disputes, known or not."""
    parameters = {"merchant_id": merchant_id, "account_id": account_id}
    found = (await connection.execute(_FIND, parameters)).rowcount
    if found:
        await connection.execute(_WHOSE, parameters)
    return found


@dataclass(frozen=True, slots=True)
class Kept:
    """A new line of a dispute that is known: in which direction and in which currencies it tells of it."""

    place: Place
    aspect: Aspect
    currency: str
    settlement_currency: str


async def keep(
    connection: Connection,
    *,
    merchant_id: UUID,
    settlement_id: UUID,
    account_id: UUID,
    tolerance: Tolerances,
    fees_told: bool,
) -> Mapping[UUID, list[Kept]]:
    """Keep the staged lines of disputes that no other report has; by dispute, those whose dispute is known."""
    rows = await connection.fetch_all(
        f"""
        insert into settlement_dispute_lines (merchant_id, settlement_id, number, processor_account_id, dispute_id,
            payment_id, reference, charge_reference, kind, gross, fee, currency, settlement_currency, tolerance,
            compared, fee_compared)
        select %(merchant_id)s, %(settlement_id)s, s.number, %(account_id)s, s.dispute_id, l.payment_id, s.reference,
            s.charge_reference, s.kind, s.gross, s.fee, s.currency, s.settlement_currency, %(tolerance)s, s.compared,
            %(fees_told)s
        from settlement_stage s
        cross join lateral (
            select l.payment_id from settlement_lines l
            where l.merchant_id = %(merchant_id)s and l.settlement_id = %(settlement_id)s and l.number = s.number
                and l.status <> 'repeated'
            limit 1
        ) l
        where s.kind in {KINDS}
        returning dispute_id, number, kind, currency, settlement_currency
        """,  # noqa: S608 - texts of ours
        {
            "merchant_id": merchant_id,
            "settlement_id": settlement_id,
            "account_id": account_id,
            "tolerance": tolerance.value,
            "fees_told": fees_told,
        },
    )
    found: defaultdict[UUID, list[Kept]] = defaultdict(list)
    for row in rows:
        if row["dispute_id"] is not None:
            aspect = ASPECTS[LineKind(row["kind"])]
            place = Place(settlement_id, row["number"])
            found[row["dispute_id"]].append(Kept(place, aspect, row["currency"], row["settlement_currency"]))
    return found


async def claim(connection: Connection, dispute_ids: Sequence[UUID], *, merchant_id: UUID) -> set[UUID]:
    """Give lines that waited for news to those of these disputes that they are about; which disputes have lines."""
    rows = await connection.fetch_all(
        """
        with w as materialized (
            select d.id, d.processor_account_id, d.reference, d.charge_reference, d.payment_id
            from unnest(%(ids)s::uuid[]) as i (id)
            cross join lateral (
                select d.* from disputes d where d.merchant_id = %(merchant_id)s and d.id = i.id limit 1
            ) d
        ),
        claimed as materialized (
            select distinct on (f.settlement_id, f.number) f.place, w.id, w.payment_id
            from w cross join lateral (
                (
                    select l.ctid as place, l.settlement_id, l.number, l.processor_account_id, 1 as way
                    from settlement_dispute_lines l
                    where l.reference = w.reference and l.merchant_id = %(merchant_id)s and l.dispute_id is null
                ) union all (
                    select l.ctid, l.settlement_id, l.number, l.processor_account_id, 2
                    from settlement_dispute_lines l
                    where l.payment_id = w.payment_id and l.merchant_id = %(merchant_id)s and l.dispute_id is null
                ) union all (
                    select l.ctid, l.settlement_id, l.number, l.processor_account_id, 3
                    from settlement_dispute_lines l
                    where l.charge_reference = w.charge_reference and l.merchant_id = %(merchant_id)s
                        and l.dispute_id is null
                )
            ) f
            where f.processor_account_id = w.processor_account_id
            order by f.settlement_id, f.number, f.way, w.id
        ),
        given as (
            update settlement_dispute_lines l set dispute_id = c.id, payment_id = coalesce(l.payment_id, c.payment_id)
            from claimed c
            where l.ctid = c.place and l.merchant_id = %(merchant_id)s
            returning l.dispute_id as id, l.exception_id
        ),
        named as (
            update settlement_exceptions e set object_id = g.id
            from given g cross join lateral (
                select k.ctid as place from settlement_exceptions k
                where k.merchant_id = %(merchant_id)s and k.id = g.exception_id limit 1
            ) k
            where e.ctid = k.place and e.merchant_id = %(merchant_id)s
        )
        select id from given
        union
        select w.id from w where (
            select l.number from settlement_dispute_lines l
            where l.dispute_id = w.id and l.merchant_id = %(merchant_id)s limit 1
        ) is not null
        """,
        {"merchant_id": merchant_id, "ids": list(dispute_ids)},
    )
    return {row["id"] for row in rows}


async def dispute_of(connection: Connection, place: Place, *, merchant_id: UUID) -> UUID | None:
    """The dispute that a kept line is about, as its processor names it, its payment or its charge; None where none is
    known."""
    row = await connection.fetch_one(
        """
        select coalesce(
            l.dispute_id,
            (
                select d.id from disputes d
                where d.merchant_id = %(merchant_id)s and d.processor_account_id = l.processor_account_id
                    and d.reference = l.reference
            ), (
                select d.id from disputes d
                where d.payment_id = l.payment_id and d.merchant_id = %(merchant_id)s
                    and d.processor_account_id = l.processor_account_id
                order by d.status = 'warning', d.id desc limit 1
            ), (
                select d.id from disputes d
                where d.charge_reference = l.charge_reference and d.payment_id is null
                    and d.merchant_id = %(merchant_id)s and d.processor_account_id = l.processor_account_id
                order by d.id desc limit 1
            )) as id
        from settlement_dispute_lines l
        where l.merchant_id = %(merchant_id)s and l.settlement_id = %(settlement_id)s and l.number = %(number)s
        """,
        {"merchant_id": merchant_id, "settlement_id": place.settlement_id, "number": place.number},
    )
    return None if row is None else row["id"]


async def line(connection: Connection, place: Place, *, merchant_id: UUID) -> dict[str, Any] | None:
    """A kept line's amounts, for whoever decides about it alone; None where it is none of a dispute's."""
    return await connection.fetch_one(
        """
        select kind, gross, fee, currency, settlement_currency, fee_compared, dispute_id
        from settlement_dispute_lines
        where merchant_id = %(merchant_id)s and settlement_id = %(settlement_id)s and number = %(number)s
        """,
        {"merchant_id": merchant_id, "settlement_id": place.settlement_id, "number": place.number},
    )


async def pay(connection: Connection, place: Place, payment_id: UUID, *, merchant_id: UUID) -> None:
    """A kept line is about a payment after all: news of its dispute find it by that."""
    await connection.execute(
        """
        update settlement_dispute_lines set payment_id = %(payment_id)s
        where merchant_id = %(merchant_id)s and settlement_id = %(settlement_id)s and number = %(number)s
        """,
        {
            "merchant_id": merchant_id,
            "payment_id": payment_id,
            "settlement_id": place.settlement_id,
            "number": place.number,
        },
    )
