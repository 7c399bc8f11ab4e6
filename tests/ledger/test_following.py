"""What the books say of payments that were really made, whoever follows them and whatever dies."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.ledger.reading import balances, entries, kinds
from tests.payments.bank import Lost, no_funds
from tests.payments.house import House

from recoup.db import Connection, Database
from recoup.events.following import behind
from recoup.ledger.core import AccountKind, Happened, PaymentNews, Source, TransferKind, read
from recoup.ledger.flow.fees import ExpectedFees
from recoup.ledger.flow.following import WITHOUT_MONEY, Follower
from recoup.ledger.store import following as store
from recoup.merchants.core import FeeRate, Fees, Merchant
from recoup.merchants.flow import NewAccount
from recoup.outcomes.core import Approved, Pending, Refused
from recoup.payments.flow.learning import EndedAttempts

A, T = AccountKind, TransferKind


def follower(house: House, *, events_at_once: int, database: Database | None = None) -> Follower:
    fees = ExpectedFees(house.accounts.accounts_of, EndedAttempts(house.database, house.accounts))
    return Follower(database or house.database, fees, events_at_once=events_at_once)


async def test_a_charge_is_a_sale_that_the_processor_owes(house: House, merchant: Merchant) -> None:
    await house.pay(merchant)
    assert await balances(house, merchant) == {A.RECEIVABLE: 1000, A.SALES: 1000}
    (entry,) = await entries(house, merchant)
    assert (entry.kind, entry.source, entry.at) == (T.CAPTURE, Source.EVENT, house.now)


async def test_what_the_follower_does_not_read_tells_of_no_money(house: House, merchant: Merchant) -> None:
    await house.pay(merchant)
    await house.authorized(merchant)
    rows = await house.database.fetch_all(
        "select id, data::text as data, created_at from events where merchant_id = %s and type = any(%s)",
        [merchant.id, list(WITHOUT_MONEY)],
    )
    assert len(rows) == 2
    for row in rows:
        news = read(row["data"].encode(), Happened(row["id"], 1, row["created_at"]))
        assert isinstance(news, PaymentNews)
        assert (news.holds, news.capturable, news.captured, news.approved) == (False, 0, 0, None)


async def test_held_money_is_a_memo_until_it_is_captured(house: House, merchant: Merchant) -> None:
    payment_id = await house.authorized(merchant)
    assert await balances(house, merchant) == {A.HELD: 1000, A.AUTHORIZATIONS: 1000}
    await house.capture(merchant, payment_id, 300)
    assert await balances(house, merchant) == {
        A.HELD: 700,
        A.AUTHORIZATIONS: 700,
        A.RECEIVABLE: 300,
        A.SALES: 300,
    }
    await house.capture(merchant, payment_id, 200, final=True)
    assert await balances(house, merchant) == {A.RECEIVABLE: 500, A.SALES: 500}
    assert await kinds(house, merchant, payment_id) == [
        (T.AUTHORIZATION, 1000),
        (T.HOLD_USED, 300),
        (T.CAPTURE, 300),
        (T.HOLD_USED, 200),
        (T.RELEASE, 500),
        (T.CAPTURE, 200),
    ]


async def test_what_is_canceled_is_let_go(house: House, merchant: Merchant) -> None:
    payment_id = await house.authorized(merchant)
    await house.cancel(merchant, payment_id)
    assert await balances(house, merchant) == {}
    assert await kinds(house, merchant) == [(T.AUTHORIZATION, 1000), (T.RELEASE, 1000)]


async def test_a_declined_payment_posts_nothing(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", no_funds())
    await house.pay(merchant)
    assert await kinds(house, merchant) == []
    assert await balances(house, merchant) == {}


async def test_a_refund_is_pending_until_it_is_paid(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    house.bank.will("refund", Pending("re-1"))
    await house.refund(merchant, paid.payment.id, 400)
    assert await balances(house, merchant) == {
        A.RECEIVABLE: 1000,
        A.SALES: 1000,
        A.REFUNDS: 400,
        A.REFUNDS_PENDING: 400,
    }


async def test_a_refund_that_fails_is_taken_back(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    await house.refund(merchant, paid.payment.id, 100)
    house.bank.will("refund", Refused("no", "No."))
    await house.refund(merchant, paid.payment.id, 400)
    assert await balances(house, merchant) == {A.RECEIVABLE: 900, A.SALES: 1000, A.REFUNDS: 100}
    assert (await kinds(house, merchant))[1:] == [
        (T.REFUND_CREATED, 100),
        (T.REFUND_PAID, 100),
        (T.REFUND_CREATED, 400),
        (T.REFUND_CANCELED, 400),
    ]


async def test_money_is_owed_by_the_processor_that_approved(house: House, merchant: Merchant) -> None:
    """After a failover the first one, which declined or could not be reached, owes nothing."""
    house.bank.will("charge", no_funds())
    first = await house.pay(merchant)
    await house.confirm(merchant, first.payment.id, await house.means(merchant, "5555555555554444"))
    snapshot = await house.snapshot(merchant, first.payment.id)
    await house.books.ledger.catch_up(merchant.id)
    found = await house.books.ledger.balances(merchant.id, currency=None, after=99, before=0, limit=99)
    owing = {one.account.processor_account_id for one in found if one.account.kind is A.RECEIVABLE}
    assert owing == {snapshot.payment.processor_account_id}


async def test_an_unresolved_payment_is_posted_when_evidence_comes(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", Lost(Approved("ch-1", captured=True)))
    paid = await house.pay(merchant)
    assert await kinds(house, merchant) == []
    await house.wait(minutes=5)
    await house.settle(merchant, paid.payment.id)
    assert await balances(house, merchant) == {A.RECEIVABLE: 1000, A.SALES: 1000}


async def with_fees(house: House, fees: Fees) -> tuple[Merchant, tuple[UUID]]:
    """A merchant, and the account whose fees are stated: payments name it."""
    merchant = await house.merchant("north")
    async with house.database.transaction() as connection:
        new = NewAccount("south", label="Priced", credentials={}, fees=fees, country="US")
        account = await house.accounts.create(connection, merchant, new, now=house.now)
    house.accounts._remembered.forget(merchant.id)
    return merchant, (account.id,)


async def test_the_contract_s_fee_is_expected_at_capture(house: House) -> None:
    """And however many captures there are, the fixed part is expected once."""
    merchant, route = await with_fees(house, Fees(basis_points=290, fixed=30, currency="USD"))
    held = await house.pay(merchant, capture="manual", routing=route)
    await house.capture(merchant, held.payment.id, 100)
    assert (await balances(house, merchant))[A.FEES] == 33
    await house.capture(merchant, held.payment.id)
    assert await balances(house, merchant) == {A.RECEIVABLE: 1000 - 59, A.SALES: 1000, A.FEES: 59}


async def test_an_expected_fee_is_rounded_to_the_nearest_minor_unit(house: House) -> None:
    rate = FeeRate(basis_points=0, fixed=7, fixed_thousandths=500)
    merchant, route = await with_fees(house, Fees(currency="USD", rates=(rate,)))
    await house.pay(merchant, routing=route)
    assert (await balances(house, merchant))[A.FEES] == 8


async def test_where_no_fees_are_stated_none_are_expected(house: House, merchant: Merchant) -> None:
    """A list price is a guess, and books are not for guesses."""
    await house.pay(merchant)
    assert A.FEES not in await balances(house, merchant)


async def test_a_batch_of_any_size_posts_the_same(house: House, merchant: Merchant) -> None:
    """A batch is how events come to be read, and means nothing."""
    payment_id = await house.authorized(merchant)
    await house.capture(merchant, payment_id, 300)
    await house.refund(merchant, payment_id, 100)
    await house.capture(merchant, payment_id)
    one_by_one = follower(house, events_at_once=1)
    while await one_by_one.follow(merchant.id, batches=1) or await _behind(house, merchant):
        pass
    other = await house.merchant()
    payment_id = await house.authorized(other)
    await house.capture(other, payment_id, 300)
    await house.refund(other, payment_id, 100)
    await house.capture(other, payment_id)
    await follower(house, events_at_once=500).follow(other.id)
    assert await kinds(house, merchant) == await kinds(house, other)


async def _behind(house: House, merchant: Merchant) -> bool:
    trial = await store.events_posted(house.database, merchant_id=merchant.id)
    return trial < len(await house.events(merchant))


class Torn(Exception):
    """The connection broke."""


class Tearing:
    """A database whose transactions break right before their commit, so many times; all else is the real one's."""

    def __init__(self, database: Database, times: int) -> None:
        self._database = database
        self.times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def retrying(self, work: Any) -> Any:
        async def torn(connection: Connection) -> Any:
            done = await work(connection)
            if self.times:
                self.times -= 1
                raise Torn
            return done

        return await self._database.retrying(torn)


async def test_a_crash_before_the_commit_posts_nothing_and_then_once(
    house: House, merchant: Merchant
) -> None:
    paid = await house.pay(merchant)
    await house.refund(merchant, paid.payment.id, 100)
    tearing: Any = Tearing(house.database, times=2)
    torn = follower(house, events_at_once=2, database=tearing)
    for _ in range(2):
        with pytest.raises(Torn):
            await torn.follow(merchant.id)
        assert await store.events_posted(house.database, merchant_id=merchant.id) == 0
    await torn.follow(merchant.id)
    assert await kinds(house, merchant) == [(T.CAPTURE, 1000), (T.REFUND_CREATED, 100), (T.REFUND_PAID, 100)]


async def test_many_followers_at_once_post_once(house: House, merchant: Merchant) -> None:
    for _ in range(3):
        paid = await house.pay(merchant)
        await house.refund(merchant, paid.payment.id, 100)
    many = [follower(house, events_at_once=2) for _ in range(4)]
    await asyncio.gather(*(one.follow(merchant.id) for one in many for _ in range(2)))
    assert await balances(house, merchant) == {A.RECEIVABLE: 2700, A.SALES: 3000, A.REFUNDS: 300}
    numbers = [one.number for one in await entries(house, merchant)]
    assert numbers == list(range(1, 10)), "numbered without gap"


async def test_all_merchants_are_followed_and_one_s_trouble_is_its_own(
    house: House, merchant: Merchant
) -> None:
    """An event that cannot be read stops the books that it is in, and nobody else's."""
    troubled = await house.merchant()
    await house.pay(troubled)
    await house.pay(merchant)
    shown = '{"object": "payment", "id": "pay_1", "status": "captured", "amount": 5}'
    await house.database.execute(
        """
        update events set data = %(shown)s where merchant_id = %(merchant_id)s and type = 'payment.captured'
        """,
        {"merchant_id": troubled.id, "shown": shown},
    )
    await follower(house, events_at_once=10).rounds.go()
    assert await kinds(house, merchant) == [(T.CAPTURE, 1000)]
    assert await kinds(house, troubled) == []
    assert await store.events_posted(house.database, merchant_id=troubled.id) == 0
    late, _ = await behind(house.database, store.PLACES, after=UUID(int=0), limit=1000)
    assert troubled.id in late and merchant.id not in late
    house.merchants_made.remove(troubled)
