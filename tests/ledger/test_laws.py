"""Laws of the books: whatever happens to payments, in whatever order it is heard, the ledger says what payments say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.lives import ACCOUNTS, AMOUNT, START, Life, Told, lives

from recoup.ledger.core import (
    CHART,
    POSTINGS,
    Account,
    AccountKind,
    Cause,
    FeeOf,
    Happened,
    News,
    PaymentNews,
    Position,
    RefundNews,
    Source,
    Transfer,
    TransferKind,
    posted,
    read,
    transfer,
    unknown_fee,
)


class Books:
    """Books kept in memory, by the core alone."""

    def __init__(self, fee_of: FeeOf = unknown_fee) -> None:
        self.positions: dict[UUID, Position] = {}
        self.transfers: list[Transfer] = []
        self._fee_of = fee_of

    def hear(self, news: News | None) -> None:
        done = None if news is None else posted(news, self.positions.get, self._fee_of)
        if done is not None:
            position, transfers = done
            self.positions[position.object_id] = position
            self.transfers += transfers

    def balance(self, *kinds: AccountKind) -> int:
        """Debits less credits of all accounts of these kinds."""
        return sum(
            one.amount * ((one.debit.kind in kinds) - (one.credit.kind in kinds)) for one in self.transfers
        )

    def accounts(self) -> dict[Account, int]:
        sums: dict[Account, int] = defaultdict(int)
        for one in self.transfers:
            sums[one.debit] += one.amount
            sums[one.credit] -= one.amount
        return sums


def heard(told: Iterable[Told]) -> Iterator[tuple[Told, News | None]]:
    for one in told:
        yield one, read(one.data, one.happened)


def check(books: Books, told: Told) -> None:
    """At the end of a step, each sum of the payment is what the accounts say."""
    amounts = told.snapshot.payment.amounts
    held = amounts.authorized - amounts.captured - amounts.released
    assert books.balance(AccountKind.HELD) == held
    assert books.balance(AccountKind.AUTHORIZATIONS) == -held
    assert -books.balance(AccountKind.SALES) == amounts.captured
    assert -books.balance(AccountKind.REFUNDS_PENDING) == amounts.refund_pending
    assert books.balance(AccountKind.REFUNDS) == amounts.refunded + amounts.refund_pending
    receivable = books.balance(AccountKind.RECEIVABLE, AccountKind.FEES)
    assert receivable == amounts.captured - amounts.refunded


@given(lives())
def test_the_books_say_what_the_payment_says_after_every_step(life: Life) -> None:
    books = Books()
    for told, news in heard(life.told):
        books.hear(news)
        if told.last:
            check(books, told)


@given(lives(), st.integers(0, 500), st.integers(0, 50))
def test_an_expected_fee_follows_what_is_captured(life: Life, basis_points: int, fixed: int) -> None:
    """However many parts a capture has, the fee is that of the whole, and none is left when nothing is captured."""

    def fee(captured: int) -> int:
        return captured * basis_points // 10_000 + fixed if captured else 0

    books = Books(fee)
    for told, news in heard(life.told):
        books.hear(news)
        if told.last:
            check(books, told)
            assert books.balance(AccountKind.FEES) == fee(told.snapshot.payment.captured)


@given(lives())
def test_all_money_of_a_payment_is_where_it_was_approved(life: Life) -> None:
    """A processor that declined owes nothing."""
    books = Books()
    for _, news in heard(life.told):
        books.hear(news)
    payment = life.snapshot.payment
    for account, sums in books.accounts().items():
        if account.processor_account_id is not None and sums:
            assert account.processor_account_id == payment.processor_account_id


@given(lives(), st.data())
def test_what_was_heard_before_posts_nothing(life: Life, data: st.DataObject) -> None:
    """The same event again, or an older one that comes late, changes nothing: only what is new does."""
    books, once = Books(), Books()
    for place, (_, news) in enumerate(heard(life.told)):
        once.hear(news)
        books.hear(news)
        again = data.draw(st.integers(0, place))
        books.hear(read(life.told[again].data, life.told[again].happened))
    assert books.transfers == once.transfers


@given(lives(), st.sets(st.integers(0, 200)))
def test_news_that_were_missed_are_made_up_for_by_the_next(life: Life, missed: set[int]) -> None:
    """Each event carries the whole state, so the last one alone brings the books to it."""
    books = Books()
    last_of = {one.object_id: place for place, one in enumerate(life.told)}
    kept = [
        (place, one)
        for place, one in enumerate(life.told)
        if place not in missed or last_of[one.object_id] == place
    ]
    refunds = [one for _, one in kept if one.type.startswith("refund.")]
    payments = [one for _, one in kept if not one.type.startswith("refund.")]
    for _, news in heard([*payments, *refunds]):
        books.hear(news)
    check(books, replace(life.told[-1], snapshot=life.snapshot))


@given(lives())
def test_a_cause_posts_a_kind_once(life: Life) -> None:
    """Which is what makes posting safe to repeat."""
    books = Books(lambda captured: captured // 50)
    for _, news in heard(life.told):
        books.hear(news)
    counts = Counter((one.cause.id, one.kind) for one in books.transfers)
    assert set(counts.values()) <= {1}


SUMS = st.integers(0, AMOUNT)
STATES = st.builds(
    lambda held, captured, account: (min(held, AMOUNT - captured), captured, account),
    SUMS,
    SUMS,
    st.sampled_from(ACCOUNTS),
)


@given(st.lists(STATES, max_size=12), st.integers(0, 300))
def test_any_states_in_any_order_are_followed(states: list[tuple[int, int, UUID]], basis_points: int) -> None:
    """Captures that fail later, approvals that are taken back, money that turns out to be at another account."""
    books = Books(lambda captured: captured * basis_points // 10_000)
    for number, (capturable, captured, account) in enumerate(states, start=1):
        happened = Happened(UUID(int=number), number, START)
        before = len(books.transfers)
        was = books.positions.get(UUID(int=9))
        holds, held = capturable > 0, capturable
        if was is not None and holds and (captured, account) == (was.captured, was.processor_account_id):
            held = max(held, was.held)  # a capture is under way, and nothing else
        news = PaymentNews(happened, UUID(int=9), "USD", holds, capturable, captured, account, None)
        books.hear(news)
        kinds = [one.kind for one in books.transfers[before:]]
        assert len(kinds) == len(set(kinds)), "a cause posts a kind once"
        sums = {key: value for key, value in books.accounts().items() if value and key.processor_account_id}
        fee = books.positions[UUID(int=9)].fee
        assert sums == {
            key: value
            for key, value in {
                Account(AccountKind.HELD, "USD", account): held,
                Account(AccountKind.RECEIVABLE, "USD", account): captured - fee,
                Account(AccountKind.FEES, "USD", account): fee,
            }.items()
            if value
        }


REFUND_STATES = st.sampled_from([(500, 0), (0, 500), (0, 0)])


@given(st.lists(REFUND_STATES, max_size=8))
def test_a_refund_may_fail_after_it_succeeded(states: list[tuple[int, int]]) -> None:
    """Banks give refunds back: the money is the merchant's again, and the books show both."""
    books, payment = Books(), UUID(int=9)
    taken = Happened(UUID(int=99), 1, START)
    books.hear(PaymentNews(taken, payment, "USD", False, 0, AMOUNT, ACCOUNTS[0], None))
    for number, (pending, done) in enumerate(states, start=1):
        books.hear(
            RefundNews(Happened(UUID(int=number), number, START), UUID(int=8), payment, "USD", pending, done)
        )
        assert -books.balance(AccountKind.REFUNDS_PENDING) == pending
        assert books.balance(AccountKind.REFUNDS) == pending + done
        assert books.balance(AccountKind.RECEIVABLE) == AMOUNT - done


def test_every_kind_of_account_is_in_the_chart_and_every_kind_of_transfer_in_the_table() -> None:
    assert set(CHART) == set(AccountKind)
    assert set(POSTINGS) == set(TransferKind)


def test_every_kind_of_transfer_has_an_opposite() -> None:
    """Nothing that is posted is changed, so what turns out otherwise must be posted back."""
    ways = {(one.debit, one.credit) for one in POSTINGS.values()}
    assert {(credit, debit) for debit, credit in ways} == ways


def test_a_transfer_moves_something_in_one_currency_between_the_accounts_of_its_kind() -> None:
    cause = Cause(Source.EVENT, UUID(int=1), START)
    made = transfer(TransferKind.CAPTURE, 5, currency="USD", processor_account_id=ACCOUNTS[0], cause=cause)
    assert made.debit == Account(AccountKind.RECEIVABLE, "USD", ACCOUNTS[0])
    assert made.credit == Account(AccountKind.SALES, "USD")
    with pytest.raises(AssertionError):
        replace(made, amount=0)
    with pytest.raises(AssertionError):
        replace(made, credit=Account(AccountKind.SALES, "EUR"))
    with pytest.raises(AssertionError):
        replace(made, debit=Account(AccountKind.HELD, "USD", ACCOUNTS[0]))


def test_other_objects_tell_the_ledger_nothing() -> None:
    happened = Happened(UUID(int=1), 1, START)
    assert read(b'{"object":"customer","id":"cus_1","amount":"much"}', happened) is None
    assert read(b"{}", happened) is None


def test_a_payment_that_does_not_show_its_sums_is_refused_and_not_guessed() -> None:
    with pytest.raises(AssertionError):
        read(
            b'{"object":"payment","id":"pay_1","status":"captured","amount":5}',
            Happened(UUID(int=1), 1, START),
        )
