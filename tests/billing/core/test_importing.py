"""Subscriptions from elsewhere: whatever a line says is understood or refused, and billed from its day on."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs
from tests.billing.cases import named, worked

from recoup.billing.core.importing.arriving import Ids, anchored, arrived, brought_up, foreseen, placed
from recoup.billing.core.importing.drafting import once
from recoup.billing.core.importing.lines import Late, Left, Line, Options, Read, Refused, Row, Warn
from recoup.billing.core.importing.reading import read_row
from recoup.billing.core.importing.table import COLUMNS, read_table, written
from recoup.billing.core.machine import Status
from recoup.billing.core.periods import PHASES_MAX, Interval, Phase, Unit, instant_at, period
from recoup.billing.core.records import TERMS_MAX, ManagedBy, Subscription
from recoup.billing.core.step import scheduled
from recoup.elsewhere.core.importing.lines import BadField
from recoup.kit.refusals import Refusal
from recoup.vault.flow.customers import time_zones

NOW: Final = datetime(2027, 1, 10, 12, tzinfo=UTC)
ACCOUNT: Final = "pa_01kaq3v8e7f0t9m2c4x6z8b1d5"
PLAIN: Final = {
    "id": "s-1",
    "customer": "user-1",
    "plan": "Pro",
    "amount": "4999",
    "currency": "usd",
    "interval": "month",
    "next_billing": "2027-01-31",
}
OPTIONS: Final = Options(source="old", livemode=False, hour=9)
ZONES: Final = (
    "UTC",
    "America/New_York",
    "Asia/Tokyo",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
)


def line(wishes: Options = OPTIONS, /, **cells: str) -> Line:
    found = read_row(Row(2, PLAIN | cells), wishes, time_zones=time_zones())
    assert isinstance(found, Line), found
    return found


def refused(**cells: str) -> str:
    found = read_row(Row(2, PLAIN | cells), OPTIONS, time_zones=time_zones())
    assert isinstance(found, Refused), found
    return found.column


def test_what_stands_in_the_wrong_column_is_not_repeated() -> None:
    given = PLAIN | {"token": "tok_1", "processor_account": ACCOUNT}
    for column in (
        "brand",
        "funding",
        "card_country",
        "exp_year",
        "payment_method",
        "managed_by",
        "interval",
    ):
        found = read_row(Row(2, given | {column: "tok_hidden"}), OPTIONS, time_zones=time_zones())
        assert isinstance(found, Refused) and "tok_hidden" not in f"{found.column} {found.what}", found


def test_what_cannot_be_stored_is_refused_before_anything_is_written() -> None:
    for text in (r'{"a": "x\u0000"}', r'{"a\u0000": "x"}'):
        assert refused(metadata=text) == "metadata"
    assert refused(**{"metadata.a\x00": "x"}) == "metadata"


def come(of: Line, *, late: Late | None = None, now: datetime = NOW) -> Subscription:
    """The subscription of a line."""
    ids = Ids(
        merchant_id=named("merchant"),
        subscription_id=named("subscription"),
        customer_id=named("customer"),
        plan_id=named("plan"),
        payment_method_id=named("card"),
    )
    return arrived(of, ids, placed(of, late=late, now=now), now=now)


def table(*rows: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


@given(
    day=st.dates(date(2027, 1, 11), date(2029, 12, 31)),
    anchor_day=st.none() | st.integers(1, 31),
    interval=st.builds(Interval, st.sampled_from(Unit), st.integers(1, 3)),
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
)
def test_it_is_first_charged_on_its_day_and_then_on_its_anchor(
    day: date, anchor_day: int | None, interval: Interval, zone: str, hour: int
) -> None:
    """Nothing is charged before the day that the file tells, in any month, zone or change of clocks."""
    unit = interval.unit
    if unit in (Unit.DAY, Unit.WEEK):
        anchor_day = None
    assume(anchored(day, interval, anchor_day) is not None)
    cells = {"next_billing": day.isoformat(), "interval": unit.value, "interval_count": str(interval.count)}
    cells |= {"time_zone": zone, "billing_hour": str(hour)}
    cells |= {} if anchor_day is None else {"anchor_day": str(anchor_day)}
    of = line(**cells)
    due = instant_at(day, zone, time(hour))
    assume(due > NOW)
    made = come(of)
    assert made.next_at == due
    after, bills = worked(made, until=due + timedelta(days=1200))
    starts = [one.period.start for one in bills if one.period is not None]
    assert starts[0] == day
    assert (bills[0].due_at, bills[0].amount_due) == (due, 4999), "the first is a whole one, and due on time"
    assert {one.amount_due for one in bills} == {4999}
    if unit in (Unit.MONTH, Unit.YEAR):
        wished = anchor_day or day.day
        last = [
            (one.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1) for one in starts
        ]
        assert [one.day for one in starts] == [min(wished, end.day) for end in last]
    assert after.number == len(bills) + 1


@given(
    cells=st.dictionaries(
        st.sampled_from([*COLUMNS, "metadata.team"]),
        st.text(max_size=12)
        | st.sampled_from(["31", "0", "yes", "2027-02-28", "2027-01-31T10:30:00Z", "-1", "year"]),
        max_size=6,
    ),
    late=st.none() | st.sampled_from(Late),
)
def test_whatever_a_line_says_it_is_understood_or_refused(cells: dict[str, str], late: Late | None) -> None:
    given_cells = {name: text for name, text in (PLAIN | cells).items() if text.strip()}
    found = read_row(Row(7, given_cells), OPTIONS, time_zones=time_zones())
    if isinstance(found, Refused):
        assert found.number == 7 and found.column and found.what
        return
    try:
        made = come(found, late=late)
    except BadField as bad:
        assert bad.column in COLUMNS and bad.what
        return
    assert made.next_at is None or made.next_at >= NOW
    assert len(list(foreseen(made, until=NOW + timedelta(days=31)))) <= 32


@given(text=st.text(max_size=400))
def test_any_file_is_read_line_by_line_or_refused_whole(text: str) -> None:
    head = ",".join(PLAIN)
    try:
        reads = list(read_table(io.StringIO(f"{head}\n{text}", newline="")))
    except Refusal as refusal:
        assert refusal.code == "card_number_in_file"
        return
    assert all(isinstance(one, Row | Refused) for one in reads)


@given(cells=st.dictionaries(st.sampled_from(list(COLUMNS)), st.text(min_size=1, max_size=30), max_size=8))
def test_what_is_written_as_a_table_is_read_as_it_was(cells: dict[str, str]) -> None:
    kept = {name: text.strip() for name, text in (PLAIN | cells).items() if text.strip()}
    kept.pop("metadata", None)
    row = Row(2, kept | {"metadata.team": 'north, "2"', "metadata.plan": "a\nb"})
    try:
        (back,) = read_table(io.StringIO(table(list(COLUMNS), written(row)), newline=""))
    except Refusal as refusal:
        assert refusal.code == "card_number_in_file"
        return
    assert isinstance(back, Row)
    assert written(back) == written(row)
    first, again = (read_row(one, OPTIONS, time_zones=time_zones()) for one in (row, Row(2, back.cells)))
    if isinstance(first, Line) and isinstance(again, Line):
        assert again.metadata == {"team": 'north, "2"', "plan": "a\nb"} == first.metadata
        assert [getattr(again, name) for name in ("plan", "next_on", "zone", "means", "discount")] == [
            getattr(first, name) for name in ("plan", "next_on", "zone", "means", "discount")
        ]
    else:
        assert isinstance(first, Refused) and isinstance(again, Refused)


def test_what_is_past_is_refused_unless_it_is_said_what_to_do() -> None:
    """Whether the old biller has charged it nobody here can know."""
    past = line(next_billing="2026-11-10", anchor_day="10")
    with pytest.raises(BadField, match="--late"):
        come(past)
    charged, skipped = come(past, late=Late.CHARGE), come(past, late=Late.SKIP)
    assert charged.next_at == NOW, "at once, and once, however many are past"
    assert [one.on for one in foreseen(charged, until=NOW + timedelta(days=31))] == [
        date(2027, 1, 10),
        date(2027, 2, 10),
    ]
    assert skipped.next_at == datetime(2027, 2, 10, 9, tzinfo=UTC)
    today = line(next_billing="2027-01-10", billing_hour="13")
    assert come(today).next_at == datetime(2027, 1, 10, 13, tzinfo=UTC)
    with pytest.raises(BadField, match="past"):
        come(line(next_billing="2027-01-10T11:59:00Z", billing_hour="13"))
    assert come(line(next_billing="2026-11-10", paused="yes")).next_at is None
    assert placed(past, late=Late.SKIP, now=NOW).warnings == (Warn.LATE_SKIPPED,)


def test_an_instant_within_the_last_hour_of_its_day_is_waited_for() -> None:
    """No whole hour of the day comes after it: the first charge waits, the later ones are at that hour."""
    of = line(next_billing="2027-01-10T23:40:00+13:00", time_zone="Pacific/Apia")
    told = datetime(2027, 1, 10, 10, 40, tzinfo=UTC)
    assert (of.next_on, of.hour, of.not_before) == (date(2027, 1, 10), 23, told)
    just_before = told - timedelta(minutes=30)
    made = come(of, now=just_before)
    assert made.next_at == told and scheduled(made, now=just_before).next_at == told
    after, bills = worked(made, until=told)
    assert len(bills) == 1 and after.next_at == datetime(2027, 2, 10, 10, tzinfo=UTC)
    with pytest.raises(BadField, match="past"):
        come(of, now=told)
    assert come(line(next_billing="2027-01-31T09:30:00Z", billing_hour="9")).next_at == told.replace(
        day=31, hour=9, minute=0
    ), "who names the hour is charged at the hour"


def test_days_of_an_instant_are_those_of_the_zone() -> None:
    told = line(next_billing="2027-02-01T03:30:00Z", time_zone="America/New_York")
    assert (told.next_on, told.hour) == (date(2027, 1, 31), 23)
    assert line(next_billing="2027-01-31 17:30:00", time_zone="Asia/Tokyo").hour == 18
    assert line(country="de").zone == "Europe/Berlin"
    assert line(replace(OPTIONS, zone="Asia/Tokyo"), country="de").zone == "Asia/Tokyo"
    last = line(next_billing="2027-02-28")
    assert Warn.MONTH_END in placed(last, late=None, now=NOW).warnings
    ends = line(next_billing="2027-02-28", anchor_day="31")
    assert placed(ends, late=None, now=NOW).warnings == ()
    with pytest.raises(BadField, match="anchor_day out"):
        placed(line(next_billing="2027-02-27", anchor_day="31"), late=None, now=NOW)


def test_an_end_and_a_discount_are_counted_in_charges() -> None:
    ending = come(line(cancel_at="2027-04-30"))
    assert (ending.payments_total, ending.cancel_at_period_end) == (3, False)
    _, bills = worked(ending, until=NOW + timedelta(days=400))
    assert [one.period.start for one in bills if one.period] == [
        date(2027, 1, 31),
        date(2027, 2, 28),
        date(2027, 3, 31),
    ]
    soon = come(line(cancel_at="2027-01-31"))
    assert soon.cancel_at_period_end and list(foreseen(soon, until=NOW + timedelta(days=60))) == []
    with pytest.raises(BadField, match="leave the line out"):
        come(line(cancel_at="2027-01-10"))
    assert come(line(payments_left="2", cancel_at="2028-01-31")).payments_total == 2
    off = come(line(percent_off="50", discount_until="2027-03-01"))
    amounts = [one.amount for one in foreseen(off, until=NOW + timedelta(days=90))]
    assert amounts[:3] == [2499, 2499, 4999]
    assert come(line(amount_off="100", discount_until="2027-01-31")).discounts == ()


def test_a_trial_ends_with_its_first_charge_and_a_pause_bills_nothing() -> None:
    trial = come(line(trial_end="2027-01-31", period_start="2027-01-03"))
    assert (trial.status, trial.trial_end) == (Status.TRIALING, date(2027, 1, 31))
    assert period(trial.phases, 1).start == date(2027, 1, 3)
    after, bills = worked(trial, until=datetime(2027, 2, 1, tzinfo=UTC))
    assert (after.status, len(bills)) == (Status.ACTIVE, 1)
    assert come(line(trial_end="2026-12-31")).status is Status.ACTIVE
    with pytest.raises(BadField, match="when the trial ends"):
        come(line(trial_end="2027-02-05"))
    paused = come(line(paused="yes"))
    assert (paused.status, paused.next_at) == (Status.PAUSED, None)


def test_what_is_outside_follows_a_newer_file_and_is_handed_over_by_it() -> None:
    shadow = come(line(replace(OPTIONS, managed_by=ManagedBy.OUTSIDE)))
    assert (shadow.next_at, shadow.payment_method_id) == (None, None)
    later = NOW + timedelta(days=40)
    newer = come(line(next_billing="2027-02-28", anchor_day="31", amount="5999"), now=later)
    taken = brought_up(shadow, newer, ("subscription.updated",), now=later)
    assert (taken.managed_by, taken.version) == (ManagedBy.RECOUP, 2)
    assert taken.next_at == datetime(2027, 2, 28, 9, tzinfo=UTC)
    _, bills = worked(taken, until=datetime(2027, 4, 1, tzinfo=UTC))
    assert [(one.period.start, one.amount_due) for one in bills if one.period] == [
        (date(2027, 2, 28), 5999),
        (date(2027, 3, 31), 5999),
    ]
    with pytest.raises(BadField, match="here already"):
        brought_up(worked(taken, until=datetime(2027, 4, 1, tzinfo=UTC))[0], newer, (), now=later)


def test_a_shadow_that_was_moved_too_often_is_refused_and_one_that_pays_the_same_is_not() -> None:
    """Reported day by day, with a file in between each time."""
    daily, begun = Interval(Unit.DAY, 1), NOW.date() - timedelta(days=PHASES_MAX)
    days = [begun + timedelta(days=n) for n in range(PHASES_MAX)]
    shadow = come(line(managed_by="outside", interval="day"))
    held = structs.replace(
        shadow,
        number=PHASES_MAX,
        opened=PHASES_MAX - 1,
        phases=tuple(Phase(n, day, day, daily) for n, day in enumerate(days, 1)),
        terms=shadow.terms * TERMS_MAX,
    )
    newer = come(line(interval="day"))
    with pytest.raises(BadField, match="moved too often"):
        brought_up(held, newer, (), now=NOW)
    some = structs.replace(held, phases=held.phases[:-1])
    assert brought_up(some, newer, (), now=NOW).managed_by is ManagedBy.RECOUP
    with pytest.raises(BadField, match="changed too often"):
        brought_up(some, come(line(interval="day", amount="1")), (), now=NOW)


def test_refusals_name_the_column() -> None:
    wrong = {
        "id": "x" * 256,
        "email": "nobody",
        "country": "XX",
        "time_zone": "Europe/Nowhere",
        "amount": "49.99",
        "currency": "US",
        "interval": "fortnight",
        "interval_count": "37",
        "quantity": "0",
        "next_billing": "31.01.2027",
        "billing_hour": "24",
        "payments_left": "0",
        "paused": "maybe",
        "percent_off": "0",
        "managed_by": "stripe",
        "metadata": "[]",
        "payment_method": "pm_1",
        "card_fingerprint": "zz",
    }
    assert {name: refused(**{name: text}) for name, text in wrong.items()} == {name: name for name in wrong}
    assert refused(interval="week", anchor_day="3") == "anchor_day"
    assert refused(token="tok_1") == "processor_account"
    assert refused(token="tok_1", processor_account="tok_1") == "processor_account"
    held = {"token": "tok_1", "processor_account": ACCOUNT}
    assert refused(**held, last4="12") == "last4"
    assert refused(**held, exp_month="1") == "exp_year"
    assert refused(**held, card_country="XX") == "card_country"
    assert refused(**held, brand="shop") == "brand"
    assert refused(**held, processor_customer="a b") == "processor_customer"
    assert refused(**held, network_transaction_id="a b") == "network_transaction_id"
    assert refused(token="a b", processor_account=ACCOUNT) == "token"
    assert refused(amount_off="1", percent_off="1") == "amount_off"
    assert refused(discount_times="1") == "percent_off"


def test_a_file_with_a_card_number_is_refused_and_its_number_told_to_nobody() -> None:
    head, row = list(PLAIN), list(PLAIN.values())
    number = "4242 4242 4242 4242"
    with pytest.raises(Refusal, match="Line 3, column 'token'") as caught:
        list(read_table(io.StringIO(table([*head, "token"], [*row, "tok"], [*row, number]), newline="")))
    assert "4242" not in caught.value.message
    network = table([*head, "network_transaction_id"], [*row, "340000000000009"])
    assert len(list(read_table(io.StringIO(network, newline="")))) == 1, (
        "networks' ids may read like short numbers"
    )
    with pytest.raises(Refusal, match="no such column as 'Plan', column 2") as caught:
        list(read_table(["Plan,4242424242424242,id\n"]))
    assert "4242" not in caught.value.message, "a file without a header"
    with pytest.raises(Refusal, match="no column customer"):
        list(read_table(["id\n"]))
    with pytest.raises(Refusal, match="empty"):
        list(read_table([]))
    spoken = repr(line(token="tok_secret", processor_account=ACCOUNT, email="jane@shop.example"))
    assert "tok_secret" not in spoken and "jane" not in spoken


def test_an_id_that_comes_twice_is_refused_the_second_time() -> None:
    seen: set[str] = set()

    def first_time(id_: str) -> bool:
        is_new = id_ not in seen
        seen.add(id_)
        return is_new

    rows: list[Read] = [Row(2, PLAIN), Row(3, PLAIN), Left(4, "s-1", "ended"), Row(5, {})]
    found = list(once(rows, first_time))
    assert [type(one) for one in found] == [Row, Refused, Left, Row]
