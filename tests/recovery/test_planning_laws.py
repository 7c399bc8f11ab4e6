"""The laws of planning: what holds of every plan, for every case at every age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.cases import (
    NEW_YORKER,
    NOW,
    PAID_ON_FRIDAYS,
    PAID_ON_THE_FIRST,
    PRICE,
    case,
    days,
    decline,
    payment,
)

from recoup.budgets.core import PastTry, next_try
from recoup.kit.money import Money
from recoup.outcomes.core import Advice, AdviceAction, Category, Hardness
from recoup.paydays.core import Weekly
from recoup.payments.core.facts import CardTry
from recoup.recovery.core import DEFAULT, Case, Person, Retry, gate, plan

categories = st.sampled_from(list(Category))
advices = st.builds(
    Advice, st.sampled_from(list(AdviceAction)), st.none() | st.timedeltas(timedelta(0), days(12))
)
declines = st.builds(
    lambda category, hardness, advice, rule: decline(category, hardness=hardness, advice=advice, rule=rule),
    categories,
    st.sampled_from([Hardness.SOFT, Hardness.SOFT, Hardness.SOFT, Hardness.HARD]),
    advices,
    st.sampled_from([None, None, None, "visa_category_1", "mastercard_mac_03"]),
)
people = st.sampled_from(
    [NEW_YORKER, PAID_ON_THE_FIRST, PAID_ON_FRIDAYS, Person("Asia/Tokyo", "JP", Weekly(2)), Person("UTC")]
)
histories = st.lists(
    st.builds(
        CardTry,
        st.datetimes(datetime(2026, 9, 20), datetime(2026, 11, 22, 14), timezones=st.just(UTC)),  # noqa: DTZ001 - zones are drawn
        st.sampled_from([PRICE, Money(100, "USD")]),
        st.booleans(),
        st.sampled_from([None, None, "mastercard_mac_03", "visa_category_1"]),
    ),
    max_size=25,
)
ages = st.timedeltas(timedelta(0), DEFAULT.window + days(2))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Case, datetime]:
    """A case at any age, with any history, and the time it is planned at."""
    history = tuple(sorted(draw(histories), key=lambda one: one.at))
    facts = payment(
        draw(declines), card_tries=history, brand=draw(st.sampled_from(["visa", "mastercard", "amex"]))
    )
    now = NOW + draw(ages)
    return case(facts, person=draw(people)), now


class TestLaws:
    """What holds of every plan for every case."""

    @given(cases())
    def test_a_try_is_between_now_and_the_deadline(self, given: tuple[Case, datetime]) -> None:
        seen, now = given
        new = plan(seen, now)
        if isinstance(new, Retry):
            assert now <= new.at <= seen.deadline
            assert now <= new.not_before <= new.at

    @given(cases())
    def test_a_try_is_never_before_the_advised_time(self, given: tuple[Case, datetime]) -> None:
        seen, now = given
        new = plan(seen, now)
        record = seen.payment.decline
        assert record is not None
        wait = record.decline.advice.wait
        if isinstance(new, Retry) and wait is not None:
            assert new.at >= new.not_before >= record.at + wait

    @given(cases())
    def test_a_try_is_within_the_cards_budget(self, given: tuple[Case, datetime]) -> None:
        seen, now = given
        new = plan(seen, now)
        if isinstance(new, Retry):
            history = [PastTry(one.at, one.amount, one.declined, one.rule) for one in seen.payment.card_tries]
            brand = seen.payment.brand or ""
            assert next_try(history, brand=brand, amount=PRICE, region=None, now=new.at).allowed

    @given(cases())
    def test_a_stop_is_never_tried_again(self, given: tuple[Case, datetime]) -> None:
        seen, now = given
        record = seen.payment.decline
        assert record is not None
        if record.decline.hardness is Hardness.HARD or record.decline.advice.stops:
            assert not isinstance(plan(seen, now), Retry)
            assert gate(seen, now) is not None

    @given(cases())
    def test_every_plan_says_why_and_what_it_was_made_from(self, given: tuple[Case, datetime]) -> None:
        seen, now = given
        new = plan(seen, now)
        assert new.why
        assert new.facts["tries_made"] == seen.tries_made
        assert new.facts["decline"]["code"]

    @given(cases())
    def test_what_the_gate_lets_through_is_allowed(self, given: tuple[Case, datetime]) -> None:
        seen, now = given
        if gate(seen, now) is None:
            history = [PastTry(one.at, one.amount, one.declined, one.rule) for one in seen.payment.card_tries]
            brand = seen.payment.brand or ""
            assert now < seen.deadline
            assert next_try(history, brand=brand, amount=PRICE, region=None, now=now).allowed

    @given(cases())
    def test_a_plan_holds_when_its_time_comes(self, given: tuple[Case, datetime]) -> None:
        """Unless something happens meanwhile, the gate lets a planned try through."""
        seen, now = given
        new = plan(seen, now)
        if isinstance(new, Retry) and new.at < seen.deadline:
            assert gate(seen, new.at) is None
