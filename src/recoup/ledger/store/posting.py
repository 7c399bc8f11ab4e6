"""SQL that posts: transfers, their accounts' balances and the numbers of both, under the row of the merchant's book.

Whoever posts locks the book first, so that transfers are numbered without gap and nobody reads a balance that somebody
else is changing. A transaction that also appends events does that last: the book's row comes before the stream's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from recoup.db import Connection
from recoup.ledger.core import Account, Transfer, TransferKind

NOWHERE: Final = UUID(int=0)
"""Stands for the processor account of an account that is not kept by those."""
CHECKPOINT_EVERY: Final = 1000
"""After how many of its transfers an account's sums are written down as they were."""
POSTED_MAX: Final = 5000
"""The most transfers that are posted at once."""


class PostedOtherwise(AssertionError):
    """The same cause has posted the same kind of transfer before, and it was another one: nothing was posted."""


@dataclass(frozen=True, slots=True)
class Book:
    """How far a merchant's books are: transfers, accounts, and the last event that is posted."""

    transfers: int
    accounts: int
    events: int


async def lock(connection: Connection, *, merchant_id: UUID) -> Book:
    """The merchant's book, for this transaction alone; opened where there is none."""
    book = await _locked(connection, merchant_id)
    if book is None:
        await connection.execute(
            "insert into ledger_books (merchant_id) values (%(merchant_id)s) on conflict do nothing",
            {"merchant_id": merchant_id},
        )
        book = await _locked(connection, merchant_id)
    assert book is not None, "books are never thrown away"
    return book


async def _locked(connection: Connection, merchant_id: UUID) -> Book | None:
    row = await connection.fetch_one(
        """
        select transfers, accounts, events from ledger_books
        where merchant_id = %(merchant_id)s for no key update
        """,
        {"merchant_id": merchant_id},
    )
    return None if row is None else Book(**row)


async def post(
    connection: Connection,
    transfers: Sequence[Transfer],
    *,
    merchant_id: UUID,
    book: Book,
    checkpoint_every: int = CHECKPOINT_EVERY,
) -> tuple[Book, int]:
    """Write what is not posted yet, onto a book that this transaction has locked; the book after it, and how many
    transfers were new. Raises `PostedOtherwise`."""
    assert len(transfers) <= POSTED_MAX, "more transfers than are posted at once"
    numbers = await _numbers(connection, _accounts_of(transfers), merchant_id=merchant_id)
    new = await _new(connection, transfers, merchant_id=merchant_id, numbers=numbers)
    if not new:
        return book, 0
    opened = await _opened(connection, new, merchant_id=merchant_id, book=book, numbers=numbers)
    numbers |= opened
    first = book.transfers + 1
    after = Book(book.transfers + len(new), book.accounts + len(opened), book.events)
    await write_transfers(connection, new, merchant_id=merchant_id, first=first, numbers=numbers)
    sums = _sums(new, first=first, numbers=numbers)
    await _add_to_balances(connection, sums, merchant_id=merchant_id, every=checkpoint_every)
    await connection.execute(
        """
        update ledger_books set transfers = %(transfers)s, accounts = %(accounts)s
        where merchant_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id, "transfers": after.transfers, "accounts": after.accounts},
    )
    return after, len(new)


async def _new(
    connection: Connection,
    transfers: Sequence[Transfer],
    *,
    merchant_id: UUID,
    numbers: Mapping[Account, int],
) -> list[Transfer]:
    """Those whose cause has not posted them yet; an account that has no number was never posted to."""
    known = await _known(connection, {one.cause.id for one in transfers}, merchant_id=merchant_id)
    new: dict[tuple[UUID, str], Transfer] = {}
    for one in transfers:
        key = (one.cause.id, one.kind.value)
        posted = known.get(key)
        if posted is None:
            first = new.setdefault(key, one)
            same = first is one or first == one
        else:
            same = posted == (one.amount, numbers.get(one.debit), numbers.get(one.credit))
        if not same:
            raise PostedOtherwise(f"{one.kind} of {one.cause.source} {one.cause.id} was posted otherwise")
    return list(new.values())


async def _known(
    connection: Connection, causes: Collection[UUID], *, merchant_id: UUID
) -> dict[tuple[UUID, str], tuple[int, int, int]]:
    """What these causes have posted: amount, debit and credit of each kind."""
    rows = await connection.fetch_all(
        """
        select t.cause, t.kind, t.amount, t.debit, t.credit
        from unnest(%(causes)s::uuid[]) as wanted (cause)
        cross join lateral (
            select p.cause, p.kind, p.amount, p.debit, p.credit from ledger_transfers p
            where p.merchant_id = %(merchant_id)s and p.cause = wanted.cause limit %(kinds)s
        ) t
        """,
        {"merchant_id": merchant_id, "causes": sorted(causes), "kinds": len(TransferKind)},
    )
    return {(row["cause"], row["kind"]): (row["amount"], row["debit"], row["credit"]) for row in rows}


def _accounts_of(transfers: Iterable[Transfer]) -> list[Account]:
    return sorted({side for one in transfers for side in (one.debit, one.credit)}, key=_order)


async def _opened(
    connection: Connection,
    transfers: Iterable[Transfer],
    *,
    merchant_id: UUID,
    book: Book,
    numbers: Mapping[Account, int],
) -> dict[Account, int]:
    """Open the accounts of these transfers that have no number yet; their numbers."""
    missing = [one for one in _accounts_of(transfers) if one not in numbers]
    opened = {one: book.accounts + place for place, one in enumerate(missing, start=1)}
    if opened:
        await connection.execute(
            """
            insert into ledger_accounts (merchant_id, number, kind, currency, processor_account_id)
            select %(merchant_id)s, a.number, a.kind, a.currency, a.place
            from unnest(%(numbers)s::integer[], %(kinds)s::text[], %(currencies)s::text[], %(places)s::uuid[])
                as a (number, kind, currency, place)
            """,
            {"merchant_id": merchant_id, "numbers": list(opened.values())} | _columns(missing),
        )
    return opened


def _place(account: Account) -> UUID:
    return account.processor_account_id or NOWHERE


def _order(account: Account) -> tuple[str, str, UUID]:
    return account.kind, account.currency, _place(account)


def _columns(accounts: Sequence[Account]) -> dict[str, object]:
    return {
        "kinds": [one.kind.value for one in accounts],
        "currencies": [one.currency for one in accounts],
        "places": [_place(one) for one in accounts],
    }


async def _numbers(
    connection: Connection, accounts: Sequence[Account], *, merchant_id: UUID
) -> dict[Account, int]:
    rows = await connection.fetch_all(
        """
        select wanted.place, a.number
        from unnest(%(kinds)s::text[], %(currencies)s::text[], %(places)s::uuid[])
            with ordinality as wanted (kind, currency, processor_account_id, place)
        join ledger_accounts a on a.merchant_id = %(merchant_id)s and a.kind = wanted.kind
            and a.currency = wanted.currency and a.processor_account_id = wanted.processor_account_id
        """,
        {"merchant_id": merchant_id} | _columns(accounts),
    )
    return {accounts[row["place"] - 1]: row["number"] for row in rows}


async def write_transfers(
    connection: Connection,
    transfers: Sequence[Transfer],
    *,
    merchant_id: UUID,
    first: int,
    numbers: Mapping[Account, int],
) -> None:
    """Write transfers, numbered from `first`, with the numbers of their accounts."""
    await connection.execute(
        """
        insert into ledger_transfers
            (merchant_id, number, kind, debit, credit, amount, currency, source, cause, payment_id, at)
        select %(merchant_id)s, %(first)s::bigint + t.place - 1, t.kind, t.debit, t.credit, t.amount, t.currency,
            t.source, t.cause, t.payment_id, t.at
        from unnest(%(kinds)s::text[], %(debits)s::integer[], %(credits)s::integer[], %(amounts)s::bigint[],
            %(currencies)s::text[], %(sources)s::text[], %(causes)s::uuid[], %(payments)s::uuid[],
            %(ats)s::timestamptz[])
            with ordinality as t (kind, debit, credit, amount, currency, source, cause, payment_id, at, place)
        """,
        {
            "merchant_id": merchant_id,
            "first": first,
            "kinds": [one.kind.value for one in transfers],
            "debits": [numbers[one.debit] for one in transfers],
            "credits": [numbers[one.credit] for one in transfers],
            "amounts": [one.amount for one in transfers],
            "currencies": [one.currency for one in transfers],
            "sources": [one.cause.source.value for one in transfers],
            "causes": [one.cause.id for one in transfers],
            "payments": [one.cause.payment_id for one in transfers],
            "ats": [one.cause.at for one in transfers],
        },
    )


@dataclass(slots=True)
class _Sums:
    """What a batch adds to one account."""

    debits: int = 0
    credits: int = 0
    transfers: int = 0
    version: int = 0


def _sums(transfers: Sequence[Transfer], *, first: int, numbers: Mapping[Account, int]) -> dict[int, _Sums]:
    sums: dict[int, _Sums] = {}
    for number, one in enumerate(transfers, start=first):
        debited = sums.setdefault(numbers[one.debit], _Sums())
        credited = sums.setdefault(numbers[one.credit], _Sums())
        debited.debits += one.amount
        credited.credits += one.amount
        for side in (debited, credited):
            side.transfers += 1
            side.version = number
    return dict(sorted(sums.items()))


async def _add_to_balances(
    connection: Connection, sums: Mapping[int, _Sums], *, merchant_id: UUID, every: int
) -> None:
    """Add to the accounts' sums; those that passed another `every` transfers are written down as well."""
    await connection.execute(
        """
        with added as (
            update ledger_accounts a
            set debits = a.debits + s.debits, credits = a.credits + s.credits,
                transfers = a.transfers + s.transfers, version = s.version
            from unnest(%(accounts)s::integer[], %(debits)s::bigint[], %(credits)s::bigint[],
                %(counts)s::bigint[], %(versions)s::bigint[]) as s (account, debits, credits, transfers, version)
            where a.merchant_id = %(merchant_id)s and a.number = s.account
            returning a.number as account, a.version, a.debits, a.credits, a.transfers, s.transfers as more
        )
        insert into ledger_checkpoints (merchant_id, account, number, debits, credits)
        select %(merchant_id)s, account, version, debits, credits from added
        where transfers / %(every)s > (transfers - more) / %(every)s
        """,
        {
            "merchant_id": merchant_id,
            "every": every,
            "accounts": list(sums),
            "debits": [one.debits for one in sums.values()],
            "credits": [one.credits for one in sums.values()],
            "counts": [one.transfers for one in sums.values()],
            "versions": [one.version for one in sums.values()],
        },
    )
