"""Posting by other subjects: once for a cause, numbered without gap, never rewritten, and every balance at hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.reading import ALL
from tests.payments.house import House

from recoup.db import Connection
from recoup.ledger.core import AccountKind, Cause, Source, Transfer, TransferKind, transfer
from recoup.ledger.flow import post
from recoup.ledger.store import checks, posting, reading
from recoup.ledger.store.reading import Balance, Entry, Filters
from recoup.merchants.core import Merchant

AT: Final = datetime(2026, 11, 22, tzinfo=UTC)
PLACES: Final = (UUID(int=31), UUID(int=32))
_causes: Final = count(1)
T: Final = TransferKind


def made(
    kind: TransferKind = T.PAYOUT,
    amount: int = 100,
    *,
    place: UUID = PLACES[0],
    cause: int | None = None,
    at: datetime = AT,
    payment: UUID | None = None,
    currency: str = "USD",
) -> Transfer:
    id_ = UUID(int=next(_causes) if cause is None else cause << 64)
    told = Cause(Source.SETTLEMENT, id_, at, payment)
    return transfer(kind, amount, currency=currency, processor_account_id=place, cause=told)


async def posted(house: House, merchant: Merchant, *transfers: Transfer) -> int:
    async with house.database.transaction() as connection:
        return await post(connection, merchant.id, transfers)


async def all_balances(house: House, merchant: Merchant) -> dict[AccountKind, Balance]:
    found = await reading.balances(
        house.database, merchant_id=merchant.id, currency=None, after=2**31 - 1, before=0, limit=ALL
    )
    return {one.account.kind: one for one in found}


async def page(
    house: House, merchant: Merchant, filters: Filters | None = None, *, after: int = ALL, limit: int = ALL
) -> list[Entry]:
    return list(
        await reading.entries(
            house.database,
            filters or Filters(),
            merchant_id=merchant.id,
            after=after,
            before=0,
            limit=limit,
        )
    )


async def test_a_cause_posts_a_kind_once(house: House, merchant: Merchant) -> None:
    first, other = made(cause=1), made(T.BANK_ARRIVAL, cause=1)
    assert await posted(house, merchant, first, first) == 1
    assert await posted(house, merchant, first, other) == 1
    assert await posted(house, merchant, other, first) == 0
    assert (await all_balances(house, merchant))[AccountKind.BANK].balance == 100


async def test_the_same_cause_with_another_amount_is_a_contradiction_and_posts_nothing(
    house: House, merchant: Merchant
) -> None:
    await posted(house, merchant, made(cause=1))
    for other in (made(amount=99, cause=1), made(place=PLACES[1], cause=1), made(currency="EUR", cause=1)):
        with pytest.raises(posting.PostedOtherwise):
            await posted(house, merchant, made(), other)
    assert len(await page(house, merchant)) == 1


async def test_what_is_rolled_back_leaves_no_number(house: House, merchant: Merchant) -> None:
    await posted(house, merchant, made())
    with pytest.raises(ZeroDivisionError):
        async with house.database.transaction() as connection:
            await post(connection, merchant.id, [made(), made(T.RESERVE_HELD)])
            raise ZeroDivisionError
    await posted(house, merchant, made(T.WRITE_OFF))
    assert [one.number for one in await page(house, merchant)] == [2, 1]
    assert AccountKind.RESERVES not in await all_balances(house, merchant)


async def test_two_who_post_at_once_are_numbered_one_after_the_other(
    house: House, merchant: Merchant
) -> None:
    """Also the very first two, who both find that there is no book."""

    async def some(number: int) -> None:
        transfers = [made(T.PAYOUT, 10, place=PLACES[(number + step) % 2]) for step in range(5)]
        await posted(house, merchant, *transfers)

    await asyncio.gather(*(some(number) for number in range(8)))
    assert [one.number for one in reversed(await page(house, merchant))] == list(range(1, 41))
    total = sum(
        one.debits
        for one in await reading.balances(
            house.database, merchant_id=merchant.id, currency=None, after=99, before=0, limit=99
        )
    )
    assert total == 400


async def test_merchants_have_books_of_their_own(house: House, merchant: Merchant) -> None:
    other = await house.merchant()
    await posted(house, merchant, made(cause=1))
    await posted(house, other, made(amount=7, cause=1))
    assert [one.amount for one in await page(house, merchant)] == [100]
    assert [one.amount for one in await page(house, other)] == [7]


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_transfers set amount = 1 where merchant_id = %s",
        "delete from ledger_transfers where merchant_id = %s",
        "update ledger_checkpoints set debits = 1 where merchant_id = %s",
    ],
)
async def test_nobody_can_rewrite_what_is_posted(house: House, merchant: Merchant, statement: str) -> None:
    await posted(house, merchant, made())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await house.database.execute(statement.encode(), [merchant.id])  # type: ignore[arg-type]


KINDS: Final = [T.PAYOUT, T.BANK_ARRIVAL, T.FEE_ADDED, T.FEE_REDUCED, T.DISPUTE_OPENED, T.RESERVE_HELD]
BATCHES: Final = st.lists(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(1, 10**9), st.sampled_from(PLACES)),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, every=st.sampled_from([1, 2, 5, 1000]))
async def test_an_old_balance_is_what_the_balance_was(
    house: House, batches: list[list[tuple[TransferKind, int, UUID]]], every: int
) -> None:
    """Wherever checkpoints lie: they are for speed, and change no answer."""
    merchant = await house.merchant()
    was: list[tuple[int, dict[int, int]]] = []
    for batch in batches:
        transfers = [made(kind, amount, place=place) for kind, amount, place in batch]
        async with house.database.transaction() as connection:
            book = await posting.lock(connection, merchant_id=merchant.id)
            after, _ = await posting.post(
                connection, transfers, merchant_id=merchant.id, book=book, checkpoint_every=every
            )
        found = await reading.balances(
            house.database, merchant_id=merchant.id, currency=None, after=999, before=0, limit=99
        )
        was.append((after.transfers, {one.number: one.balance for one in found}))
    for upto, balances in was:
        for number, balance in balances.items():
            then = await reading.balance_at(house.database, merchant_id=merchant.id, number=number, upto=upto)
            assert then is not None and then.balance == balance
    wrong = await checks.wrong_balances(house.database, merchant_id=merchant.id, after=0, limit=99)
    assert wrong == []


async def test_the_entries_of_an_account_are_those_of_both_its_sides(
    house: House, merchant: Merchant
) -> None:
    await posted(house, merchant, made(), made(T.BANK_ARRIVAL), made(T.FEE_ADDED), made(T.PAYOUT_RETURNED))
    transit = (await all_balances(house, merchant))[AccountKind.IN_TRANSIT].number
    found = await page(house, merchant, Filters(account=transit))
    assert [one.number for one in found] == [4, 2, 1]
    assert [
        one.number for one in await page(house, merchant, Filters(account=transit), after=4, limit=1)
    ] == [2]


async def test_pages_in_order_of_time_show_everything_once(house: House, merchant: Merchant) -> None:
    """What was posted late stands where it happened."""
    hours = (5, 1, 3, 3, 9, 2)
    await posted(house, merchant, *(made(at=AT + timedelta(hours=hour)) for hour in hours))
    seen: list[int] = []
    while True:
        found = await reading.entries_since(
            house.database,
            Filters(),
            merchant_id=merchant.id,
            since=AT + timedelta(hours=2),
            after=seen[-1] if seen else 0,
            limit=2,
        )
        if not found:
            break
        seen += [one.number for one in found]
    assert seen == [6, 3, 4, 1, 5]


async def test_a_wrong_balance_and_a_wrong_payment_are_found(house: House) -> None:
    """A check that finds nothing proves something only if it finds what is there."""
    merchant = await house.merchant()
    paid = await house.pay(merchant)
    await house.books.follower.follow(merchant.id)

    async def spoil(connection: Connection) -> None:
        await connection.execute(
            "update ledger_accounts set debits = debits + 1 where merchant_id = %s and kind = 'receivable'",
            [merchant.id],
        )
        await connection.execute(
            "update ledger_positions set captured = 999 where merchant_id = %s", [merchant.id]
        )

    await house.database.retrying(spoil)
    findings = [one async for one in house.books.ledger.findings(merchant.id)]
    assert [type(one).__name__ for one in findings] == ["Unbalanced", "WrongBalance", "WrongPayment"]
    assert isinstance(findings[2], checks.WrongPayment) and findings[2].payment_id == paid.payment.id
    house.merchants_made.remove(merchant)
