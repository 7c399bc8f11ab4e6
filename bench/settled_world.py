"""The world of the settlement bench: payments as rows, written where they are, and a report about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from recoup.db import Database
from recoup.kit.ids import Kind, render

FIRST: Final = datetime(2026, 11, 1, tzinfo=UTC)
LAST: Final = datetime(2026, 11, 22, tzinfo=UTC)
_MERCHANT: Final = UUID("01a184ea-1218-7000-8000-00000000000a")
_ACCOUNT: Final = UUID("01a184ea-1218-7000-8000-00000000000b")
_NAMES: Final = (
    "automatic_payout_id",
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "payment_intent_id",
    "description",
    "payment_metadata[recoup_key]",
    "refund_metadata[recoup_key]",
)
_REFUND_EVERY: Final = 32
_A_PAYOUT: Final = 10_000
_AT_ONCE: Final = 100_000
_WRONG: Final = {
    **dict.fromkeys(range(100, 104), "unknown"),
    **dict.fromkeys(range(200, 203), "amount"),
    **dict.fromkeys(range(300, 302), "fee"),
    400: "twice",
}
"""What is wrong with a line, by its place in a thousand: ten of them."""
_DISPUTED_FROM: Final = 500
"""From which place in a thousand on lines are of disputes."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Whose payments they are, and the columns of the report."""

    merchant_id: UUID
    account_id: UUID
    names: tuple[str, ...]


async def written(database: Database, file: Path, *, lines: int, disputes: int = 0) -> tuple[Columns, int]:
    """Write payments and the report, unless they are there; how many exceptions matching must find. Of a thousand
    payments so many are disputed, and their lines are those of the disputes."""
    columns = Columns(_MERCHANT, _ACCOUNT, tuple(f'"{name}"' for name in _NAMES))
    await _owner(database)
    row = await database.fetch_one(
        "select count(*) as n from payments where merchant_id = %(merchant_id)s", {"merchant_id": _MERCHANT}
    )
    assert row is not None, "a count is a row"
    assert row["n"] in (0, lines), "a folder that is kept has as many payments as lines are asked for"
    if not row["n"]:
        for first in range(0, lines, _AT_ONCE):
            for statement in (_PAYMENTS, _ATTEMPTS, _REFUNDS, _POSITIONS):
                await database.execute(
                    statement, _parameters(first=first, last=min(first + _AT_ONCE, lines) - 1, lines=lines)
                )
        for table in ("payments", "attempts", "operations", "ledger_positions"):
            await database.execute(f"vacuum analyze {table}")
    await _disputed(database, lines=lines, disputes=disputes)
    wrong = 0
    with file.open("w", encoding="utf-8") as report:
        report.write(",".join(_NAMES) + "\n")
        before: str | None = None
        async for number, row in _attempts(database):
            line, is_wrong = _line(number, row, before, disputes)
            wrong += is_wrong
            before = line
            report.write(line)
    return columns, wrong


async def _owner(database: Database) -> None:
    parameters = {"merchant_id": _MERCHANT, "id": _ACCOUNT, "now": FIRST}
    for statement in (
        """
        insert into merchants (id, twin_id, livemode, name, created_at)
        values (%(merchant_id)s, %(merchant_id)s, false, 'Bench', %(now)s) on conflict do nothing
        """,
        "insert into event_streams (merchant_id) values (%(merchant_id)s) on conflict do nothing",
        """
        insert into processor_accounts (merchant_id, id, connector, label, position, enabled, metadata, created_at,
            updated_at)
        values (%(merchant_id)s, %(id)s, 'stripe', 'Bench', 1, true, '{}', %(now)s, %(now)s) on conflict do nothing
        """,
    ):
        await database.execute(statement, parameters)


def _parameters(*, first: int, last: int, lines: int) -> dict[str, Any]:
    return {
        "merchant_id": _MERCHANT,
        "account_id": _ACCOUNT,
        "first": first,
        "last": last,
        "at": FIRST,
        "step": (LAST - FIRST - timedelta(hours=1)) / lines,
        "every": _REFUND_EVERY,
    }


_EACH: Final = """
    select n, %(at)s::timestamptz + n * %(step)s::interval as at, 500 + n::bigint * 7919 %% 19001 as amount,
        lpad(to_hex((extract(epoch from %(at)s::timestamptz + n * %(step)s::interval) * 1000)::bigint), 12, '0') || '7'
            as made
    from generate_series(%(first)s::bigint, %(last)s::bigint) as n
"""
_PAYMENT: Final = "(made || '0a18' || lpad(to_hex(n), 15, '0'))::uuid"
_ATTEMPT: Final = "(made || '0b18' || lpad(to_hex(n), 15, '0'))::uuid"
_REFUND: Final = "(made || '0c18' || lpad(to_hex(n), 15, '0'))::uuid"
_IS_REFUND: Final = "n %% %(every)s = %(every)s - 1"
_PAYMENTS: Final = f"""
    insert into payments (merchant_id, id, status, version, events_count, amount, currency, capture, initiator,
        authorized, captured, refunded, attempts_count, attempt_id, processor_account_id, metadata, created_at,
        updated_at)
    select %(merchant_id)s, {_PAYMENT}, 'captured', 3, 2, amount, 'USD', 'automatic', 'customer', amount, amount,
        case when {_IS_REFUND} then amount / 2 else 0 end, 1, {_ATTEMPT}, %(account_id)s, '{{}}', at, at
    from ({_EACH}) one
"""
_ATTEMPTS: Final = f"""
    insert into attempts (merchant_id, id, payment_id, number, reason, state, processor_account_id, payment_method_id,
        fingerprint, brand, amount, reference, decision_id, started_at, finished_at, latency_ms)
    select %(merchant_id)s, {_ATTEMPT}, {_PAYMENT}, 1, 'initial', 'approved', %(account_id)s, {_PAYMENT},
        decode(lpad(to_hex(n), 64, '0'), 'hex'), 'visa', amount, 'pi_' || n, {_ATTEMPT}, at, at, 90
    from ({_EACH}) one
"""
_REFUNDS: Final = f"""
    insert into operations (merchant_id, id, payment_id, attempt_id, kind, state, amount, currency, reference, metadata,
        created_at, finished_at)
    select %(merchant_id)s, {_REFUND}, {_PAYMENT}, {_ATTEMPT}, 'refund', 'succeeded', amount / 2, 'USD', 're_' || n,
        '{{}}', at, at
    from ({_EACH}) one where {_IS_REFUND}
"""
_POSITIONS: Final = f"""
    insert into ledger_positions (merchant_id, object_id, payment_id, currency, processor_account_id, held, captured,
        refund_pending, refunded, fee, object_sequence)
    select %(merchant_id)s, {_PAYMENT}, {_PAYMENT}, 'USD', %(account_id)s, 0, amount, 0, 0, amount * 29 / 1000 + 30, 1
    from ({_EACH}) one
"""


_DISPUTES: Final = f"""
    insert into disputes (merchant_id, id, processor_account_id, reference, payment_id, status, version, events_count,
        amount, currency, fee, fee_currency, category, withdrawn, stops, booked, evidence, opened_at, updated_at)
    select %(merchant_id)s, {_PAYMENT}, %(account_id)s, 'du_' || n, {_PAYMENT}, 'lost', 1, 1, amount, 'USD', 1500,
        'USD', 'general', true, false, '{{}}', '{{}}', at, at
    from ({_EACH}) one where n %% 1000 >= %(from)s and n %% 1000 < %(from)s + %(disputes)s and not {_IS_REFUND}
"""
_NEWS: Final = """
    insert into dispute_news (merchant_id, dispute_id, digest, state, amount, currency, fee, fee_currency, own,
        heard_at)
    select merchant_id, id, decode(repeat('00', 32), 'hex'), 'lost', amount, currency, fee, fee_currency, false,
        opened_at
    from disputes where merchant_id = %(merchant_id)s
"""


async def _disputed(database: Database, *, lines: int, disputes: int) -> None:
    for table in ("dispute_news", "disputes"):
        await database.execute(
            f"delete from {table} where merchant_id = %(merchant_id)s", {"merchant_id": _MERCHANT}
        )
    for first in range(0, lines if disputes else 0, _AT_ONCE):
        wanted = _parameters(first=first, last=min(first + _AT_ONCE, lines) - 1, lines=lines)
        await database.execute(_DISPUTES, wanted | {"from": _DISPUTED_FROM, "disputes": disputes})
    await database.execute("analyze disputes")
    await database.execute(_NEWS, {"merchant_id": _MERCHANT})
    await database.execute("analyze dispute_news")


async def _attempts(database: Database) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """The attempts of all payments, oldest first, each with its place."""
    number, after = 0, UUID(int=0)
    while rows := await database.fetch_all(
        """
        select id, reference, amount, started_at from attempts
        where merchant_id = %(merchant_id)s and id > %(after)s order by id limit 5000
        """,
        {"merchant_id": _MERCHANT, "after": after},
    ):
        for row in rows:
            yield number, row
            number += 1
        after = rows[-1]["id"]


def _line(number: int, row: dict[str, Any], before: str | None, disputes: int) -> tuple[str, bool]:
    """The line of a payment, of its refund or of its dispute, and whether something is wrong with it."""
    amount, fee = row["amount"], row["amount"] * 29 // 1000 + 30
    key, intent, source = render(Kind.ATTEMPT, row["id"]), row["reference"], f"ch_{number}"
    kind, refund = "charge", ""
    wrong = _WRONG.get(number % 1000)
    if number % _REFUND_EVERY == _REFUND_EVERY - 1:
        kind, amount, fee, wrong = "refund", -(amount // 2), 0, None
        source, refund = f"re_{number}", render(Kind.REFUND, _refund_of(row["id"]))
    elif _DISPUTED_FROM <= number % 1000 < _DISPUTED_FROM + disputes:
        kind, amount, fee, source = "dispute", -amount, 1500, f"du_{number}"
    match wrong:
        case "twice" if before is not None:
            return before, True
        case "unknown":
            key, intent, source = "elsewhere", f"px_{number}", f"cx_{number}"
        case "amount":
            amount += 1
        case "fee":
            fee += 200 + fee
        case _:
            pass
    return (
        f"po_{number // _A_PAYOUT},txn_{number},{row['started_at']:%Y-%m-%d %H:%M:%S},usd,{_major(amount)},"
        f'{_major(fee)},{_major(amount - fee)},{kind},{source},{intent},"order, {number}",{key},{refund}\n'
    ), wrong is not None


def _refund_of(attempt_id: UUID) -> UUID:
    return UUID(attempt_id.hex[:13] + "0c1" + attempt_id.hex[16:])


def _major(minor: int) -> str:
    sign, size = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{size // 100}.{size % 100:02}"
