"""What reports and news say of a dispute comes to the same in whatever parts and order it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from recoup.connectors.base import DisputeState as News
from recoup.disputes.core.folding import Moves, folded, moves
from recoup.disputes.core.records import Tidings
from recoup.kit.money import Money
from recoup.settlements.core.contesting import (
    Aspect,
    Contest,
    Found,
    Open,
    Place,
    Raised,
    Rules,
    TakeBack,
    Told,
    Verdict,
    balances,
    judged,
    outstanding,
    whole,
)
from recoup.settlements.core.lines import LineKind
from recoup.settlements.core.reasons import ExceptionState, Resolution
from recoup.settlements.core.tolerance import TOLERANCES, Tolerances

EXACT: Final = Rules(TOLERANCES[Tolerances.EXACT], fees_told=True)
PLACE: Final = Place(UUID(int=1), 1)
KINDS: Final = {Aspect.TAKEN: LineKind.DISPUTE, Aspect.GIVEN: LineKind.DISPUTE_REVERSAL}
AMOUNTS: Final = st.integers(1, 10_000)


def told(kind: LineKind, gross: int, fees: int = 0, *, excused: int = 0, fees_excused: int = 0) -> Told:
    return Told(
        kind, "USD", "USD", compared=True, gross=gross, excused=excused, fees=fees, fees_excused=fees_excused,
        fees_compared=True, last=PLACE,
    )  # fmt: skip


def contest(known: Moves, *lines: Told, raised: tuple[Raised, ...] = ()) -> Contest:
    return Contest(UUID(int=2), None, UUID(int=3), known, lines, raised)


def dollars(minor: int) -> Money:
    return Money(minor, "USD")


@given(
    amount=AMOUNTS,
    taken=st.integers(0, 3),
    given_back=st.integers(0, 3),
    fee=st.integers(0, 2000),
    cut=st.lists(st.integers(0, 10_000), max_size=3),
)
def test_all_that_news_told_fits_in_whatever_parts(
    amount: int, taken: int, given_back: int, fee: int, cut: list[int]
) -> None:
    known = Moves(taken, given_back, dollars(amount), dollars(fee))
    total = -amount * taken
    parts = [-(one % (amount + 1)) for one in cut] if taken else []
    lines = [told(LineKind.DISPUTE, one) for one in [*parts, total - sum(parts)]]
    lines[-1] = replace(lines[-1], fees=fee)
    if given_back:
        lines.append(told(LineKind.DISPUTE_REVERSAL, amount * given_back))
    here = contest(known, *lines)
    assert all(one.fits and one.off == 0 for one in balances(here, EXACT))
    assert outstanding(here) is None
    assert list(judged(here, EXACT, new={})) == []


@given(amount=AMOUNTS, taken=st.integers(1, 3), told_times=st.integers(0, 3))
def test_what_no_report_has_is_what_news_told_without_what_reports_did(
    amount: int, taken: int, told_times: int
) -> None:
    told_times = min(taken, told_times)
    lines = [told(LineKind.DISPUTE, -amount)] * told_times
    left = outstanding(contest(Moves(taken, 0, dollars(amount), None), *lines))
    assert (left.minor if left else 0) == -amount * (taken - told_times)


@given(net=st.integers(-50_000, 50_000), piece=st.integers(-10_000, 10_000), times=st.integers(0, 5))
def test_nothing_is_nearer_than_the_whole_pieces_that_are_taken(net: int, piece: int, times: int) -> None:
    choices = [piece * n for n in range(1, times + 1)] or [0]
    assert abs(net - whole(net, piece, times)) == min(abs(net - one) for one in choices)


class Desk:
    """Reports, news and a person, one step after the other; adds up what all of them post."""

    def __init__(self) -> None:
        self.known: Moves | None = None
        self.lines: list[Told] = []
        self.raised: Raised | None = None
        self.posted = 0
        """What differs and was accepted, less what was taken back."""

    def judge(self, *, new: bool) -> None:
        if self.known is None or not self.lines:
            return
        (line,) = self.lines
        here = contest(self.known, line, raised=() if self.raised is None else (self.raised,))
        fresh = {(Aspect.TAKEN, "USD"): PLACE} if new else {}
        for verdict in judged(here, replace(EXACT, fees_told=False), new=fresh):
            self.apply(verdict)

    def apply(self, verdict: Verdict) -> None:
        match verdict:
            case Open(balance):
                self.raised = self._raised(balance.expected, balance.found)
            case Found(raised, _):
                self.raised = replace(raised, state=ExceptionState.RESOLVED, resolution=Resolution.FOUND)
            case TakeBack(raised, balance):
                self._excuse(balance.off)
                if raised.resolution is Resolution.ACCEPTED:
                    self.posted += balance.off
            case _:
                pass

    def _raised(self, expected: int | None, found: int) -> Raised:
        return Raised(
            UUID(int=9),
            Aspect.TAKEN,
            "USD",
            PLACE,
            ExceptionState.OPEN,
            None,
            expected,
            found,
            self.lines[0].excused,
        )

    def _excuse(self, more: int) -> None:
        self.lines = [replace(self.lines[0], excused=self.lines[0].excused + more)]
        assert self.raised is not None
        self.raised = replace(self.raised, excused=self.lines[0].excused)

    def report(self, gross: int) -> None:
        before = self.lines[0] if self.lines else told(LineKind.DISPUTE, 0)
        self.lines = [replace(before, gross=before.gross + gross)]
        if self.known is None:
            self.raised = self._raised(None, self.lines[0].gross)
        self.judge(new=True)

    def news(self, known: Moves) -> None:
        self.known = known
        self.judge(new=False)

    def accept(self) -> None:
        if self.raised is None or self.raised.state is not ExceptionState.OPEN:
            return
        (line,) = self.lines
        if self.known is None:
            off = line.gross - line.excused
        else:
            (balance,) = balances(contest(self.known, line), replace(EXACT, fees_told=False))
            off = balance.off
        self.posted += off
        self.raised = replace(self.raised, state=ExceptionState.RESOLVED, resolution=Resolution.ACCEPTED)
        self._excuse(off)


STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("report"), AMOUNTS),
        st.tuples(st.just("news"), AMOUNTS),
        st.tuples(st.just("accept"), st.just(0)),
    ),
    max_size=8,
)


@given(steps=STEPS)
def test_what_is_accepted_and_what_the_dispute_posted_are_what_the_reports_took(
    steps: list[tuple[str, int]],
) -> None:
    """Whoever accepts, whenever, and whatever the news say before and after: the books come to the reports."""
    desk, amount = Desk(), 0
    for what, size in [*steps, ("accept", 0), ("news", 0), ("accept", 0)]:
        match what:
            case "report":
                desk.report(-size)
            case "news":
                amount = size or amount
                if amount:
                    desk.news(Moves(1, 0, dollars(amount), None))
            case _:
                desk.accept()
    if desk.lines:
        took = desk.lines[0].gross
        assert -amount + desk.posted == took


TIDINGS: Final = st.lists(
    st.builds(
        Tidings,
        state=st.sampled_from(News),
        occurred_at=st.integers(0, 5).map(lambda n: datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=n)),
        amount=st.none() | AMOUNTS.map(dollars),
        withdrawn=st.none() | st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(news=TIDINGS, data=st.data())
def test_money_is_out_exactly_when_it_was_taken_once_more_than_given_back(
    news: list[Tidings], data: st.DataObject
) -> None:
    """So what lines should come to is what the dispute has posted, in whatever order its news came."""
    shuffled = data.draw(st.permutations(news))
    here = moves(shuffled)
    whole_ = folded(news)
    assert here == moves(news)
    assert here.taken - here.given == whole_.withdrawn
    assert (here.amount, here.fee) == (whole_.amount, whole_.fee)
