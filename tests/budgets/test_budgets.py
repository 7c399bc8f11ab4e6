"""What networks still allow a card: no window is ever overdrawn, stops are absolute, edges are exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.budgets.core import (
    CAUTIOUS,
    HISTORY_NEEDED,
    PUBLISHED,
    STOPS,
    Budget,
    Counts,
    Limit,
    PastTry,
    Region,
    budgets_by_rule,
    next_try,
    region_of,
)
from recoup.kit.money import Money
from recoup.outcomes.codes import mastercard

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
TEN = Money(1000, "USD")
TWENTY = Money(2000, "USD")
BRANDS = ("visa", "mastercard", "elo", "amex", "discover", "jcb")

amounts = st.sampled_from([TEN, TWENTY])
regions = st.none() | st.sampled_from(Region)
gaps = st.sampled_from([timedelta(0), MINUTE, HOUR, 6 * HOUR, DAY - TICK, DAY, 5 * DAY, 30 * DAY, 31 * DAY])
rules = st.none() | st.sampled_from([stop.rule for stop in STOPS] + ["visa_category_2"])
histories = st.lists(
    st.builds(
        lambda ago, amount, declined, rule: PastTry(
            START - ago, amount, declined, rule if declined else None
        ),
        st.timedeltas(timedelta(0), 70 * DAY) | st.sampled_from([DAY, 30 * DAY, 31 * DAY]),
        amounts,
        st.booleans(),
        rules,
    ),
    max_size=30,
)


def ask(
    history: Sequence[PastTry],
    *,
    brand: str = "visa",
    amount: Money = TEN,
    region: Region | None = Region.US,
    now: datetime = START,
    limits: Sequence[Limit] = CAUTIOUS,
) -> Budget:
    return next_try(history, brand=brand, amount=amount, region=region, now=now, limits=limits)


def declines(*moments: datetime, amount: Money = TEN, rule: str | None = None) -> list[PastTry]:
    return [PastTry(at, amount, declined=True, rule=rule) for at in moments]


def limit(counts: Counts, tries: int, *, window: timedelta = DAY, same_amount: bool = True) -> Limit:
    return Limit(
        rule="a_rule",
        brand=None,
        tries=tries,
        window=window,
        counts=counts,
        same_amount=same_amount,
        source="a test",
        as_of=date(2026, 11, 22),
    )


def most_in_any_window(of: Limit, history: Sequence[PastTry]) -> int:
    """The count that the rule's own words give, taken the slow way, for the worst window there is."""
    worst = 0
    for amount in {past.amount for past in history} if of.same_amount else {None}:
        tries = [past.at for past in history if past.declined and amount in {None, past.amount}]
        if of.counts is Counts.REATTEMPTS:
            tries = [at for i, at in enumerate(tries) if any(at - before < of.window for before in tries[:i])]
        for last in tries:
            worst = max(worst, sum(1 for at in tries if at <= last and last - at < of.window))
    return worst


def obey(
    asked: Sequence[tuple[timedelta, Money]], *, brand: str, region: Region | None, limits: Sequence[Limit]
) -> list[PastTry]:
    """The declines of a caller who asks at these times and tries only when allowed."""
    history: list[PastTry] = []
    now = START
    for gap, amount in asked:
        now += gap
        if ask(history, brand=brand, amount=amount, region=region, now=now, limits=limits).allowed:
            history += declines(now, amount=amount)
    return history


@given(
    st.lists(st.tuples(gaps, amounts), max_size=60),
    st.sampled_from(Counts),
    st.integers(1, 4),
    st.sampled_from([DAY, 30 * DAY]),
    st.booleans(),
)
def test_who_obeys_never_overdraws_a_window(
    asked: list[tuple[timedelta, Money]], counts: Counts, tries: int, window: timedelta, same_amount: bool
) -> None:
    rule = limit(counts, tries, window=window, same_amount=same_amount)
    history = obey(asked, brand="amex", region=None, limits=[rule])
    assert most_in_any_window(rule, history) <= tries


@given(
    st.lists(st.tuples(st.sampled_from([MINUTE, HOUR, 6 * HOUR, DAY]), amounts), min_size=40, max_size=120),
    st.sampled_from(BRANDS),
    regions,
    st.sampled_from([CAUTIOUS, PUBLISHED]),
)
def test_who_obeys_never_overdraws_a_real_rule(
    asked: list[tuple[timedelta, Money]], brand: str, region: Region | None, limits: Sequence[Limit]
) -> None:
    history = obey(asked, brand=brand, region=region, limits=limits)
    own = [rule for rule in limits if rule.brand == brand] or [rule for rule in limits if rule.brand is None]
    for rule in own:
        if rule.holds(region, START.date()):
            assert most_in_any_window(rule, history) <= rule.tries


@given(histories, st.sampled_from(BRANDS), amounts, regions)
def test_earliest_is_the_first_moment_that_is_allowed(
    history: list[PastTry], brand: str, amount: Money, region: Region | None
) -> None:
    budget = ask(history, brand=brand, amount=amount, region=region)
    assert budget.allowed == (budget.left > 0)
    assert budget.why.startswith(budget.limit_rule)
    if budget.allowed:
        assert budget.earliest == START
    elif budget.earliest is not None:
        assert budget.earliest > START
        assert ask(history, brand=brand, amount=amount, region=region, now=budget.earliest).allowed
        assert not ask(history, brand=brand, amount=amount, region=region, now=budget.earliest - TICK).allowed


@given(histories, histories, st.sampled_from(BRANDS), amounts, regions)
def test_more_declines_never_leave_more(
    history: list[PastTry], more: list[PastTry], brand: str, amount: Money, region: Region | None
) -> None:
    before = ask(history, brand=brand, amount=amount, region=region)
    after = ask([*history, *more], brand=brand, amount=amount, region=region)
    assert after.left <= before.left
    assert before.allowed or not after.allowed
    if before.earliest is None:
        assert after.earliest is None
    elif after.earliest is not None:
        assert after.earliest >= before.earliest


@given(histories, st.sampled_from(BRANDS), amounts, regions, st.timedeltas(timedelta(0), 70 * DAY))
def test_waiting_never_leaves_less(
    history: list[PastTry], brand: str, amount: Money, region: Region | None, wait: timedelta
) -> None:
    before = ask(history, brand=brand, amount=amount, region=region)
    after = ask(history, brand=brand, amount=amount, region=region, now=START + wait)
    assert after.left >= before.left
    assert after.allowed or not before.allowed


@given(histories, st.sampled_from(BRANDS), amounts)
def test_an_unknown_region_is_the_strictest(history: list[PastTry], brand: str, amount: Money) -> None:
    unknown = ask(history, brand=brand, amount=amount, region=None)
    for region in Region:
        known = ask(history, brand=brand, amount=amount, region=region)
        assert unknown.left <= known.left
        assert known.allowed or not unknown.allowed


@given(histories, st.sampled_from(BRANDS), amounts, regions)
def test_the_order_of_history_does_not_matter(
    history: list[PastTry], brand: str, amount: Money, region: Region | None
) -> None:
    assert ask(history, brand=brand, amount=amount, region=region) == ask(
        history[::-1], brand=brand, amount=amount, region=region
    )


@given(
    histories, st.lists(st.timedeltas(timedelta(0), 40 * DAY), max_size=40), st.sampled_from(BRANDS), regions
)
def test_what_is_older_than_the_history_needed_changes_nothing(
    history: list[PastTry], old: list[timedelta], brand: str, region: Region | None
) -> None:
    older = declines(*(START - HISTORY_NEEDED - ago for ago in old))
    recent = [past for past in history if START - past.at < HISTORY_NEEDED]
    assert ask([*older, *recent], brand=brand, region=region) == ask(recent, brand=brand, region=region)


@given(histories, amounts, st.timedeltas(timedelta(0), 3000 * DAY), amounts)
def test_category_one_of_visa_is_for_ever_and_for_every_amount(
    history: list[PastTry], amount: Money, wait: timedelta, stopped: Money
) -> None:
    history = [*history, *declines(START, amount=stopped, rule="visa_category_1")]
    budget = ask(history, amount=amount, now=START + wait)
    assert (budget.allowed, budget.earliest, budget.left) == (False, None, 0)
    assert budget.limit_rule == "visa_category_1"


@pytest.mark.parametrize("rule", ["mastercard_mac_03", "mastercard_mac_21"])
def test_mastercards_stops_hold_for_thirty_days_and_one_amount(rule: str) -> None:
    history = declines(START, rule=rule)
    before = ask(history, brand="mastercard", now=START + 30 * DAY - TICK)
    assert (before.allowed, before.earliest, before.limit_rule) == (False, START + 30 * DAY, rule)
    assert ask(history, brand="mastercard", now=START + 30 * DAY).allowed
    assert ask(history, brand="mastercard", amount=TWENTY, now=START).allowed


def test_a_stop_counts_only_where_it_declined_and_for_its_own_brand() -> None:
    approved = [PastTry(START, TEN, declined=False, rule="visa_category_1")]
    assert ask(approved).allowed
    assert ask(declines(START, rule="visa_category_1"), brand="mastercard").allowed


def test_every_stop_is_a_rule_that_declines_are_given() -> None:
    named = {row.rule for row in mastercard.ADVICE if row.rule} | {"visa_category_1"}
    assert {stop.rule for stop in STOPS} == named


@pytest.mark.parametrize(
    ("region", "allowed"), [(Region.US, 10), (Region.ELSEWHERE, 10), (Region.LATIN_AMERICA, 7), (None, 7)]
)
def test_mastercard_declines_in_a_day_to_the_microsecond(region: Region | None, allowed: int) -> None:
    history = declines(*(START + i * MINUTE for i in range(allowed)))
    assert ask(history[:-1], brand="mastercard", region=region, now=START + HOUR).left == 1
    full = ask(history, brand="mastercard", region=region, now=START + HOUR)
    assert (full.allowed, full.left, full.limit_rule) == (False, 0, "mastercard_declines_24h")
    assert full.earliest == START + DAY
    assert not ask(history, brand="mastercard", region=region, now=START + DAY - TICK).allowed
    assert ask(history, brand="mastercard", region=region, now=START + DAY).left == 1


def test_mastercard_counts_every_amount_in_a_day_and_one_amount_in_thirty() -> None:
    day = declines(*(START + i * MINUTE for i in range(10)), amount=TWENTY)
    assert not ask(day, brand="mastercard", now=START + HOUR).allowed
    month = declines(*(START + i * 20 * HOUR for i in range(35)))
    now = START + 29 * DAY + 20 * HOUR
    full = ask(month, brand="mastercard", now=now)
    assert (full.allowed, full.limit_rule, full.earliest) == (
        False,
        "mastercard_declines_30d",
        START + 30 * DAY,
    )
    assert ask(month, brand="mastercard", amount=TWENTY, now=now).allowed
    assert ask(month, brand="mastercard", region=Region.ELSEWHERE, now=now).limit_rule.startswith("recoup_")


@pytest.mark.parametrize(
    ("limits", "on", "reattempts"),
    [
        (CAUTIOUS, datetime(2026, 11, 22, tzinfo=UTC), 15),
        (PUBLISHED, datetime(2026, 11, 22, tzinfo=UTC), 20),
        (PUBLISHED, datetime(2025, 5, 25, tzinfo=UTC), 20),
        (PUBLISHED, datetime(2025, 5, 24, 23, tzinfo=UTC), 15),
    ],
)
def test_visa_reattempts_by_date_and_choice(limits: Sequence[Limit], on: datetime, reattempts: int) -> None:
    """The first decline is free: only what follows it is a reattempt."""
    assert ask([], now=on, limits=limits).left == reattempts + 1
    history = declines(*(on - 20 * DAY + i * HOUR for i in range(reattempts)))
    assert ask(history, now=on, limits=limits).left == 1
    full = declines(*(on - 20 * DAY + i * HOUR for i in range(reattempts + 1)))
    budget = ask(full, now=on, limits=limits)
    assert (budget.allowed, budget.limit_rule) == (False, "visa_reattempts_30d")
    assert budget.earliest == on - 20 * DAY + HOUR + 30 * DAY


def test_a_decline_of_long_ago_does_not_make_the_next_one_a_reattempt() -> None:
    assert ask(declines(START - 30 * DAY)).left == 16
    assert ask(declines(START - 30 * DAY + TICK)).left == 15


def test_approvals_are_not_counted() -> None:
    approved = [PastTry(START - HOUR, TEN, declined=False) for _ in range(100)]
    for brand in BRANDS:
        assert ask(approved, brand=brand) == ask([], brand=brand)


@pytest.mark.parametrize("brand", ["amex", "discover", "diners", "jcb", "unionpay", "unheard_of"])
def test_networks_without_published_limits_get_our_own_by_name(brand: str) -> None:
    day = declines(*(START + i * MINUTE for i in range(10)))
    assert ask(day, brand=brand, now=START + HOUR).limit_rule == "recoup_declines_24h"
    month = declines(*(START + i * DAY for i in range(16)))
    assert ask(month, brand=brand, now=START + 20 * DAY).limit_rule == "recoup_reattempts_30d"


def test_before_a_network_had_rules_our_own_hold() -> None:
    budget = ask([], now=datetime(2020, 1, 1, tzinfo=UTC))
    assert budget.limit_rule.startswith("recoup_")
    assert ask([], brand="mastercard", now=datetime(2022, 9, 30, tzinfo=UTC)).left == 20


def test_a_try_from_a_clock_ahead_of_ours_counts() -> None:
    ahead = declines(*(START + DAY + i * MINUTE for i in range(10)))
    assert not ask(ahead, brand="mastercard", now=START).allowed


def test_every_rule_shows_what_it_leaves() -> None:
    history = declines(START, rule="mastercard_mac_03")
    shown = budgets_by_rule(history, brand="mastercard", amount=TEN, region=Region.US, now=START + HOUR)
    assert {budget.limit_rule: budget.left for budget in shown} == {
        "mastercard_declines_24h": 9,
        "mastercard_declines_30d": 34,
        "mastercard_mac_03": 0,
    }


def test_every_limit_and_stop_has_source_and_date() -> None:
    for rule in (*CAUTIOUS, *PUBLISHED, *STOPS):
        assert rule.source and rule.as_of <= date(2026, 12, 31)
        assert rule.window is None or timedelta(0) < rule.window <= HISTORY_NEEDED / 2
    for of in (*CAUTIOUS, *PUBLISHED):
        assert of.tries > 0
        assert of.since is None or of.until is None or of.since < of.until


def test_limits_hold_from_their_first_day_until_their_last() -> None:
    dated = replace(limit(Counts.DECLINES, 1), since=date(2026, 1, 2), until=date(2026, 1, 4))
    assert [dated.holds(None, date(2026, 1, day)) for day in (1, 2, 3, 4)] == [False, True, True, False]


def test_countries_lie_in_the_regions_that_rules_speak_of() -> None:
    assert region_of(None) is None
    assert [region_of(country) for country in ("US", "CA", "DE", "GB", "BR", "MX", "JP")] == [
        Region.US,
        Region.CANADA,
        Region.EUROPE,
        Region.EUROPE,
        Region.LATIN_AMERICA,
        Region.LATIN_AMERICA,
        Region.ELSEWHERE,
    ]
