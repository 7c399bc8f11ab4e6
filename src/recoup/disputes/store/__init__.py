"""SQL of disputes. Whoever changes one holds its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.connectors.base import Alert
from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.disputes.codes.words import Category
from recoup.disputes.core.machine import Status
from recoup.disputes.core.records import Answer, Booked, Card, Dispute, Held, Lifted, Which
from recoup.kit.money import Money

_COLUMNS: Final[LiteralString] = """
    merchant_id, id, processor_account_id, reference, charge_reference, payment_id, payment_method_id, fingerprint,
    brand, status, version, events_count, amount, currency, fee, fee_currency, reason, network, category, alert,
    program, withdrawn, evidence_due_by, reminder_at, stops, lifted, booked, answer, evidence, occurred_at, opened_at,
    updated_at, ended_at
"""
_SEEN: Final[LiteralString] = "('inquiry', 'needs_response')"


async def begin(connection: Connection, new: Dispute) -> None:
    """A dispute of which nothing is written yet; nothing where it is there."""
    await connection.execute(
        f"""
        insert into disputes ({_COLUMNS})
        values (
            %(merchant_id)s, %(id)s, %(processor_account_id)s, %(reference)s, %(charge_reference)s, %(payment_id)s,
            %(payment_method_id)s, %(fingerprint)s, %(brand)s, %(status)s, %(version)s, %(events_count)s, %(amount)s,
            %(currency)s, %(fee)s, %(fee_currency)s, %(reason)s, %(network)s, %(category)s, %(alert)s, %(program)s,
            %(withdrawn)s, %(evidence_due_by)s, %(reminder_at)s, %(stops)s, %(lifted)s, %(booked)s, %(answer)s,
            %(evidence)s, %(occurred_at)s, %(opened_at)s, %(updated_at)s, %(ended_at)s)
        on conflict (merchant_id, processor_account_id, reference) do nothing
        """,  # noqa: S608 - pieces of ours
        _row(new),
    )


async def lock_named(
    connection: Connection, *, merchant_id: UUID, account_id: UUID, reference: str
) -> Dispute:
    """The dispute that an account's processor calls so, held until the transaction ends. It is there."""
    row = await connection.fetch_one(
        f"""
        select {_COLUMNS} from disputes
        where merchant_id = %(merchant_id)s and processor_account_id = %(account_id)s and reference = %(reference)s
        for no key update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "account_id": account_id, "reference": reference},
    )
    assert row is not None, "disputes are never thrown away"
    return _dispute(row)


async def paid_at(
    queries: Queries, *, merchant_id: UUID, account_ids: Sequence[UUID], reference: str
) -> UUID | None:
    """Which of these accounts has the dispute of that name, and the payment that it is about."""
    row = await queries.fetch_one(
        """
        select processor_account_id from disputes
        where merchant_id = %(merchant_id)s and processor_account_id = any(%(account_ids)s)
            and reference = %(reference)s and payment_id is not null
        order by processor_account_id limit 1
        """,
        {"merchant_id": merchant_id, "account_ids": list(account_ids), "reference": reference},
    )
    return None if row is None else row["processor_account_id"]


async def lock(connection: Connection, *, merchant_id: UUID, dispute_id: UUID) -> Dispute | None:
    """One dispute, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {_COLUMNS} from disputes
        where merchant_id = %(merchant_id)s and id = %(id)s
        for no key update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": dispute_id},
    )
    return None if row is None else _dispute(row)


async def read(queries: Queries, *, merchant_id: UUID, dispute_id: UUID) -> Dispute | None:
    """One dispute."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from disputes where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - ours
        {"merchant_id": merchant_id, "id": dispute_id},
    )
    return None if row is None else _dispute(row)


async def page(
    queries: Queries,
    which: Which,
    *,
    merchant_id: UUID,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Dispute]:
    """Disputes newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    by_status: LiteralString = "and status = %(status)s" if which.status is not None else ""
    by_payment: LiteralString = "and payment_id = %(payment_id)s" if which.payment_id is not None else ""
    by_alert: LiteralString = "and alert = %(alert)s" if which.alert is not None else ""
    by_due: LiteralString = (
        f"and status in {_SEEN} and evidence_due_by < %(due_before)s" if which.due_before is not None else ""
    )
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from disputes
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s {by_status} {by_payment} {by_alert}
            {by_due}
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "status": which.status,
            "payment_id": which.payment_id,
            "alert": which.alert,
            "due_before": which.due_before,
            "limit": limit,
        }
        | bounds(after, before),
    )
    return [_dispute(row) for row in rows]


async def save(connection: Connection, changed: Dispute) -> None:
    """All that can change of a dispute whose row this transaction holds."""
    await connection.execute(
        """
        update disputes set
            charge_reference = %(charge_reference)s, payment_id = %(payment_id)s,
            payment_method_id = %(payment_method_id)s, fingerprint = %(fingerprint)s, brand = %(brand)s,
            status = %(status)s, version = %(version)s, events_count = %(events_count)s, amount = %(amount)s,
            currency = %(currency)s, fee = %(fee)s, fee_currency = %(fee_currency)s, reason = %(reason)s,
            network = %(network)s, category = %(category)s, alert = %(alert)s, program = %(program)s,
            withdrawn = %(withdrawn)s, lifted = %(lifted)s, evidence_due_by = %(evidence_due_by)s,
            reminder_at = %(reminder_at)s, stops = %(stops)s,
            booked = %(booked)s, answer = %(answer)s, evidence = %(evidence)s, occurred_at = %(occurred_at)s,
            updated_at = %(updated_at)s, ended_at = %(ended_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        _row(changed),
    )


@dataclass(frozen=True, slots=True)
class AskedCard:
    """A card, by what it is known by."""

    payment_method_id: UUID | None
    fingerprint: str | None = field(repr=False)


async def stopping(
    queries: Queries, asked: Sequence[AskedCard], *, merchant_id: UUID
) -> dict[AskedCard, Dispute]:
    """Of each of these cards a dispute for which nothing may be tried on it; the newest, where there are several."""
    rows = await queries.fetch_all(
        f"""
        select c.place, d.* from unnest(%(fingerprints)s::text[], %(methods)s::uuid[])
            with ordinality as c (fingerprint, payment_method_id, place)
        cross join lateral (
            (
                select {_COLUMNS} from disputes
                where fingerprint = c.fingerprint and merchant_id = %(merchant_id)s and stops
                order by id desc limit 1
            ) union all (
                select {_COLUMNS} from disputes
                where payment_method_id = c.payment_method_id and merchant_id = %(merchant_id)s and stops
                order by id desc limit 1
            )
        ) d
        order by d.id
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "fingerprints": [one.fingerprint for one in asked],
            "methods": [one.payment_method_id for one in asked],
        },
    )
    return {asked[row.pop("place") - 1]: _dispute(row) for row in rows}


def _row(dispute: Dispute) -> dict[str, Any]:
    amount, fee, card = dispute.amount, dispute.fee, dispute.card
    plain = {
        name: getattr(dispute, name)
        for name in Dispute.__slots__
        if name not in ("card", "amount", "fee", "booked", "answer", "evidence", "lifted")
    }
    return plain | {
        "payment_method_id": card.payment_method_id,
        "fingerprint": card.fingerprint,
        "brand": card.brand,
        "amount": None if amount is None else amount.minor,
        "currency": None if amount is None else amount.currency,
        "fee": None if fee is None else fee.minor,
        "fee_currency": None if fee is None else fee.currency,
        "lifted": None if dispute.lifted is None else _json(dispute.lifted),
        "booked": _json(dispute.booked),
        "answer": None if dispute.answer is None else _json(dispute.answer),
        "evidence": _json(dispute.evidence),
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _dispute(row: dict[str, Any]) -> Dispute:
    plain = {
        name: value
        for name, value in row.items()
        if name not in ("payment_method_id", "fingerprint", "brand", "currency", "fee_currency")
    }
    return Dispute(
        **plain
        | {
            "card": Card(row["payment_method_id"], row["fingerprint"], row["brand"]),
            "status": Status(row["status"]),
            "category": Category(row["category"]),
            "alert": None if row["alert"] is None else Alert(row["alert"]),
            "lifted": None if row["lifted"] is None else msgspec.convert(row["lifted"], Lifted),
            "amount": money(row["amount"], row["currency"]),
            "fee": money(row["fee"], row["fee_currency"]),
            "booked": msgspec.convert(row["booked"], Booked),
            "answer": None if row["answer"] is None else msgspec.convert(row["answer"], Answer),
            "evidence": msgspec.convert(row["evidence"], Held),
        }
    )


def money(minor: int | None, currency: str | None) -> Money | None:
    """An amount of two columns."""
    return None if minor is None or currency is None else Money(minor, currency)
