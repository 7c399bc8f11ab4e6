"""SQL that reads the books: balances, now and as they were; transfers, by account, payment and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from recoup.db import Queries
from recoup.ledger.core import Account, AccountKind, Source, TransferKind, balance_of
from recoup.ledger.store.posting import NOWHERE, Book

NUMBER_MAX: Final = 2**63 - 1
"""No transfer has a larger number."""


@dataclass(frozen=True, slots=True)
class Balance:
    """An account with its sums, in minor units. `version` is the number of the last transfer on it."""

    number: int
    account: Account
    debits: int
    credits: int
    version: int

    @property
    def balance(self) -> int:
        """What the account holds, on its normal side."""
        return balance_of(self.account.kind, debited=self.debits, credited=self.credits)


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer as it is posted, with the numbers of its accounts."""

    number: int
    kind: TransferKind
    debit: int
    credit: int
    debited: AccountKind
    credited: AccountKind
    amount: int
    currency: str
    source: Source
    cause: UUID
    payment_id: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """Which transfers: those of an account, and those of a payment."""

    account: int | None = None
    payment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """All debits and all credits of one currency."""

    currency: str
    debits: int
    credits: int


async def book(queries: Queries, *, merchant_id: UUID) -> Book:
    """How far a merchant's books are."""
    row = await queries.fetch_one(
        "select transfers, accounts, events from ledger_books where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    return Book(0, 0, 0) if row is None else Book(**row)


async def balances(
    queries: Queries, *, merchant_id: UUID, currency: str | None, after: int, before: int, limit: int
) -> Sequence[Balance]:
    """A page of accounts with their balances, by number, newest first; oldest first behind `before`."""
    order: LiteralString = "desc" if not before else "asc"
    rows = await queries.fetch_all(
        f"""
        select number, kind, currency, processor_account_id, debits, credits, version from ledger_accounts
        where merchant_id = %(merchant_id)s and number < %(after)s and number > %(before)s
            and (%(currency)s::text is null or currency = %(currency)s)
        order by number {order} limit %(limit)s
        """,  # noqa: S608 - one of two words of ours
        {"merchant_id": merchant_id, "currency": currency, "after": after, "before": before, "limit": limit},
    )
    return [_balance(row) for row in rows]


async def balance(queries: Queries, *, merchant_id: UUID, number: int) -> Balance | None:
    """One account with its balance."""
    row = await queries.fetch_one(
        """
        select number, kind, currency, processor_account_id, debits, credits, version from ledger_accounts
        where merchant_id = %(merchant_id)s and number = %(number)s
        """,
        {"merchant_id": merchant_id, "number": number},
    )
    return None if row is None else _balance(row)


async def balance_at(queries: Queries, *, merchant_id: UUID, number: int, upto: int) -> Balance | None:
    """An account as it was after the transfer `upto`: from the last checkpoint before it, and what came between."""
    row = await queries.fetch_one(
        """
        select a.number, a.kind, a.currency, a.processor_account_id,
            coalesce(c.debits, 0) + d.amount as debits, coalesce(c.credits, 0) + e.amount as credits,
            greatest(coalesce(c.number, 0), d.last, e.last) as version
        from ledger_accounts a
        left join lateral (
            select p.number, p.debits, p.credits from ledger_checkpoints p
            where p.merchant_id = %(merchant_id)s and p.account = a.number and p.number <= %(upto)s
            order by p.number desc limit 1
        ) c on true
        cross join lateral (
            select coalesce(sum(t.amount), 0)::bigint as amount, coalesce(max(t.number), 0) as last
            from ledger_transfers t
            where t.merchant_id = %(merchant_id)s and t.debit = a.number
                and t.number > coalesce(c.number, 0) and t.number <= %(upto)s
        ) d
        cross join lateral (
            select coalesce(sum(t.amount), 0)::bigint as amount, coalesce(max(t.number), 0) as last
            from ledger_transfers t
            where t.merchant_id = %(merchant_id)s and t.credit = a.number
                and t.number > coalesce(c.number, 0) and t.number <= %(upto)s
        ) e
        where a.merchant_id = %(merchant_id)s and a.number = %(number)s
        """,
        {"merchant_id": merchant_id, "number": number, "upto": upto},
    )
    return None if row is None else _balance(row)


def _balance(row: dict[str, Any]) -> Balance:
    place = row["processor_account_id"]
    account = Account(AccountKind(row["kind"]), row["currency"], None if place == NOWHERE else place)
    return Balance(row["number"], account, row["debits"], row["credits"], row["version"])


async def totals(queries: Queries, *, merchant_id: UUID) -> Sequence[CurrencyTotal]:
    """The sums of all accounts, by currency."""
    rows = await queries.fetch_all(
        """
        select currency, sum(debits)::bigint as debits, sum(credits)::bigint as credits
        from ledger_accounts where merchant_id = %(merchant_id)s group by currency order by currency
        """,
        {"merchant_id": merchant_id},
    )
    return [CurrencyTotal(**row) for row in rows]


_ENTRY: Final[LiteralString] = """
    select t.number, t.kind, t.debit, t.credit, d.kind as debited, c.kind as credited, t.amount, t.currency, t.source,
        t.cause, t.payment_id, t.at
    from ledger_transfers t
    join ledger_accounts d on d.merchant_id = t.merchant_id and d.number = t.debit
    join ledger_accounts c on c.merchant_id = t.merchant_id and c.number = t.credit
"""
_PAGE: Final[LiteralString] = (
    "t.merchant_id = %(merchant_id)s and t.number < %(after)s and t.number > %(before)s"
)


async def entry(queries: Queries, *, merchant_id: UUID, number: int) -> Entry | None:
    """One transfer."""
    row = await queries.fetch_one(
        f"{_ENTRY} where t.merchant_id = %(merchant_id)s and t.number = %(number)s",
        {"merchant_id": merchant_id, "number": number},
    )
    return None if row is None else _entry(row)


async def entries(
    queries: Queries, filters: Filters, *, merchant_id: UUID, after: int, before: int, limit: int
) -> Sequence[Entry]:
    """A page of transfers, newest first; oldest first behind `before`. The narrowest filter finds the rows."""
    order: LiteralString = "desc" if not before else "asc"
    rows = await queries.fetch_all(
        f"{_ENTRY} where {_narrowed(filters, order)} order by t.number {order} limit %(limit)s",
        {
            "merchant_id": merchant_id,
            "after": after,
            "before": before,
            "limit": limit,
            "account": filters.account,
            "payment": filters.payment_id,
        },
    )
    return [_entry(row) for row in rows]


_OF_ACCOUNT: Final[LiteralString] = "(%(account)s::integer is null or %(account)s in (t.debit, t.credit))"


def _narrowed(filters: Filters, order: LiteralString) -> LiteralString:
    """The condition of a page. An account's transfers are merged from its two sides, each in order by its index."""
    if filters.payment_id is not None:
        return f"{_PAGE} and t.payment_id = %(payment)s and {_OF_ACCOUNT}"
    if filters.account is None:
        return _PAGE
    either: list[LiteralString] = [_one_side(side, order) for side in _SIDES]
    return f"t.merchant_id = %(merchant_id)s and t.number in ({either[0]} union all {either[1]})"


_SIDES: Final[tuple[LiteralString, ...]] = ("debit", "credit")


def _one_side(side: LiteralString, order: LiteralString) -> LiteralString:
    return f"""
        (select t.number from ledger_transfers t
        where t.merchant_id = %(merchant_id)s and t.{side} = %(account)s
            and t.number < %(after)s and t.number > %(before)s
        order by t.number {order} limit %(limit)s)
    """  # noqa: S608 - words of ours


async def entries_since(
    queries: Queries, filters: Filters, *, merchant_id: UUID, since: datetime, after: int, limit: int
) -> Sequence[Entry]:
    """The transfers that happened at a time or later, in the order in which they happened; of those the ones behind
    `after`, which is the number of one of them. What was posted late stands where it happened."""
    rows = await queries.fetch_all(
        f"""
        {_ENTRY}
        where t.merchant_id = %(merchant_id)s and (t.at, t.number) > (coalesce(
                (select l.at from ledger_transfers l
                where l.merchant_id = %(merchant_id)s and l.number = %(after)s and l.at >= %(since)s),
                %(since)s), %(after)s)
            and (%(payment)s::uuid is null or t.payment_id = %(payment)s) and {_OF_ACCOUNT}
        order by t.at, t.number limit %(limit)s
        """,  # noqa: S608 - words of ours
        {
            "merchant_id": merchant_id,
            "since": since,
            "after": after,
            "limit": limit,
            "account": filters.account,
            "payment": filters.payment_id,
        },
    )
    return [_entry(row) for row in rows]


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(
        **{
            **row,
            "kind": TransferKind(row["kind"]),
            "debited": AccountKind(row["debited"]),
            "credited": AccountKind(row["credited"]),
            "source": Source(row["source"]),
        }
    )
