"""Reports of an account that overlap: what they share is posted once, whichever comes first and wherever one stops."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.settlements.desk import Desk, charged
from tests.settlements.reports import ADYEN, STRIPE, adyen_row, stripe_row, written

from recoup.ledger.core import AccountKind
from recoup.settlements.core.lines import Line, LineKind, fingerprint, identity
from recoup.settlements.core.reasons import Resolution
from recoup.settlements.core.reports import Report, ReportState

Row = Mapping[str, Any]
BOOKS: Final = (AccountKind.RECEIVABLE, AccountKind.FEES, AccountKind.RESERVES, AccountKind.IN_TRANSIT)


def at(minute: int, **more: Any) -> dict[str, Any]:
    """A line of its own time, in the payout of its hour."""
    hour, rest = divmod(minute, 60)
    return {
        "created_utc": f"2026-11-20 {10 + hour}:{rest:02}:00",
        "automatic_payout_id": f"po_{hour}",
    } | more


async def six(desk: Desk) -> list[Row]:
    """A charge, a refund of it without a key, two fees, money kept back, and a charge that is not known here."""
    paid = await desk.paid()
    await desk.house.refund(desk.merchant, paid.payment.id, 250)
    of_it = {"payment_intent_id": paid.attempts[-1].reference}
    return [
        charged(paid, fee=40, **at(0)),
        stripe_row("fee", 0, 7, **at(10)),
        stripe_row("refund", -250, 5, **at(20, **of_it)),
        stripe_row("risk_reserved_funds", -100, **at(30)),
        stripe_row("charge", 77, 3, **at(70, source_id="ch_other")),
        stripe_row("fee", 0, 9, **at(80)),
    ]


async def in_the_books(desk: Desk) -> list[int]:
    return await desk.balances(*BOOKS)


@pytest.mark.parametrize("chunk_lines", [1, 2, 100])
@pytest.mark.parametrize("first", ["early", "late", "whole"])
async def test_what_reports_share_is_posted_once(desk: Desk, first: str, chunk_lines: int) -> None:
    """Fees, reserves, payouts and unknown charges are in the books as one report of everything would have put them."""
    rows = await six(desk)
    reports = {"early": rows[:4], "late": rows[2:], "whole": rows}
    order = [first, *(name for name in reports if name != first)]
    taken = [await desk.stripe(*reports[name], chunk_lines=chunk_lines) for name in order]
    assert sum(one.lines - one.repeated for one in taken) == len(rows)
    assert await desk.reasons() == ["missing_here"]
    (unknown,) = await desk.exceptions()
    await desk.resolved(unknown.id, Resolution.ACCEPTED)
    assert await in_the_books(desk) == [0, 40 + 7 + 5 + 3 + 9, 100, 1000 - 250 + 77 - 100 - 64]


async def test_the_lines_of_another_report_say_so(desk: Desk) -> None:
    rows = await six(desk)
    await desk.stripe(*rows)
    again = await desk.stripe(*rows[1:4])
    assert await desk.statuses(again) == ["repeated"] * 3
    assert (again.matched, again.repeated, again.exceptions) == (0, 3, 0)
    assert await desk.house.settlements.reports.payouts(desk.merchant, again.id) == []


async def test_equal_lines_of_one_file_are_as_many_as_they_are(desk: Desk) -> None:
    """Two fees of the same second are two. Of a file with three of them, two are known, and one is new."""
    two = await desk.stripe(*[stripe_row("fee", 0, 7)] * 2)
    three = await desk.stripe(*[stripe_row("fee", 0, 7)] * 3, chunk_lines=2)
    again = await desk.stripe(*[stripe_row("fee", 0, 7)] * 2, stripe_row("fee", 0, 1))
    assert await desk.statuses(two) == ["noted", "noted"]
    assert Counter(await desk.statuses(three)) == {"repeated": 2, "noted": 1}
    assert await desk.statuses(again) == ["repeated", "repeated", "noted"]
    assert await desk.balances(AccountKind.FEES) == [3 * 7 + 1]


async def test_a_charge_twice_in_one_file_was_settled_twice(desk: Desk) -> None:
    paid = await desk.paid()
    rows = [charged(paid), charged(paid)]
    assert await desk.reasons(await desk.stripe(*rows)) == ["duplicate"]
    again = await desk.stripe(*rows, stripe_row("fee", 0, 1))
    assert await desk.statuses(again) == ["repeated", "repeated", "noted"]


class Died(Exception):
    pass


@pytest.mark.parametrize("after", range(1, 5))
async def test_who_dies_in_the_middle_changes_nothing(desk: Desk, after: int) -> None:
    """Another report that overlaps is worked whole meanwhile; then the first one goes on."""
    rows = [*await six(desk), stripe_row("fee", 0, 7, **at(10)), stripe_row("fee", 0, 7, **at(10))]
    content = written(STRIPE, rows)

    def dies(worked: int) -> None:
        if worked >= after:
            raise Died

    report, upload = await desk.begun(content)
    with pytest.raises(Died):
        await desk.importing(1).work(desk.merchant, report, upload.source, now=desk.house.now, progress=dies)
    other = await desk.stripe(*rows[1:5], rows[6], chunk_lines=2)
    done = await desk.taken(content, chunk_lines=3)
    assert (other.lines - other.repeated) + (done.lines - done.repeated) == len(rows)
    for one in await desk.exceptions():
        await desk.resolved(one.id, Resolution.ACCEPTED)
    assert await in_the_books(desk) == [0, 64 + 14, 100, 1000 - 250 + 77 - 100 - 64 - 14]


async def test_kill_9_after_every_chunk_changes_nothing(
    desk: Desk, database_url: str, tmp_path: Path
) -> None:
    """A process that is killed leaves whole chunks, and whoever comes next does the next one."""
    rows = [*await six(desk), stripe_row("fee", 0, 7, **at(10))]
    content = written(STRIPE, rows)
    file = tmp_path / "report.csv"
    file.write_bytes(content)
    await desk.stripe(*rows[3:5])
    await desk.balances(AccountKind.FEES)
    ids = (str(desk.merchant.id), str(desk.account_id))
    for chunk in range(1, 5):
        dying = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.settlements.dying", database_url, *ids, str(file), desk.house.now.isoformat()),
            cwd=Path(__file__).parents[2],
        )
        assert await dying.wait() == -signal.SIGKILL
        report, _ = await desk.begun(content)
        assert (report.worked, report.state) == (min(2 * chunk, len(rows)), ReportState.IMPORTING)
    done = await desk.taken(content)
    assert (done.state, done.lines, done.repeated) == (ReportState.DONE, 7, 2)
    (unknown,) = await desk.exceptions()
    await desk.resolved(unknown.id, Resolution.ACCEPTED)
    assert await in_the_books(desk) == [0, 64 + 7, 100, 1000 - 250 + 77 - 100 - 64 - 7]


async def test_a_payout_that_two_reports_tell_is_posted_once(desk: Desk) -> None:
    rows = [adyen_row("Settled", 1000, 40), adyen_row("MerchantPayout", -960)]
    await desk.taken(written(ADYEN, rows), format_="adyen")
    await desk.taken(written(ADYEN, [*rows, adyen_row("Fee", -3, **{"Batch Number": "43"})]), format_="adyen")
    assert await desk.balances(AccountKind.IN_TRANSIT, currency="EUR") == [960]


async def test_a_line_that_has_become_known_is_still_the_same(desk: Desk) -> None:
    """Once it was an exception and was linked; the next report with it posts nothing."""
    paid = await desk.paid()
    row = stripe_row("charge", 1000, 30, payment_intent_id="pi_elsewhere")
    first: Report = await desk.stripe(row)
    (unknown,) = await desk.exceptions(first)
    await desk.resolved(unknown.id, Resolution.LINKED, payment_id=paid.payment.id)
    assert await desk.statuses(await desk.stripe(row, stripe_row("fee", 0, 1))) == ["repeated", "noted"]
    assert await desk.balances(AccountKind.FEES) == [31]


async def test_another_account_s_report_repeats_nothing(desk: Desk) -> None:
    _, south = await desk.house.accounts.accounts_of(desk.merchant.id)
    await desk.stripe(stripe_row("fee", 0, 7))
    other = Desk(desk.house, desk.merchant, south.id)
    assert await desk.statuses(await other.stripe(stripe_row("fee", 0, 7))) == ["noted"]


async def test_what_nothing_tells_apart_is_never_repeated(desk: Desk) -> None:
    """A fee without a name, a time or a payout may be next month's."""
    bare = {"automatic_payout_id": "", "created_utc": "", "balance_transaction_id": ""}
    for description in ("October", "November"):
        await desk.stripe(stripe_row("fee", 0, 7, description=description, **bare))
    assert await desk.balances(AccountKind.FEES) == [14]


_TEXT = st.none() | st.sampled_from(["a", "b", "ab"])
_LINES = st.builds(
    Line,
    number=st.integers(1, 9),
    row=st.integers(2, 9),
    kind=st.sampled_from([LineKind.FEE, LineKind.PAYOUT]),
    raw_kind=st.sampled_from(["fee", "payout"]),
    key=_TEXT,
    reference=_TEXT,
    charge_reference=_TEXT,
    payout=_TEXT,
    gross=st.integers(-1, 1),
    fee=st.integers(-1, 1),
    net=st.integers(-1, 1),
    currency=st.sampled_from(["EUR", "USD"]),
    settlement_currency=st.sampled_from(["EUR", "USD"]),
    occurred_at=st.none() | st.just("2026-11-20T10:00:00+00:00"),
)


def told_apart_by(line: Line) -> Sequence[object]:
    return (*line[2:13], line.occurred_at)


@given(one=_LINES, other=_LINES)
def test_a_fingerprint_is_the_same_exactly_where_a_line_is(one: Line, other: Line) -> None:
    def print_of(line: Line, account: int = 1) -> str | None:
        return fingerprint(identity(line, UUID(int=account).hex))

    prints = print_of(one), print_of(other)
    if None in prints:
        return
    assert (prints[0] == prints[1]) is (told_apart_by(one) == told_apart_by(other))
    assert prints[0] != print_of(one, 2)
    assert prints[0] == print_of(one._replace(number=7, row=8))
