"""Plans: what is done after each kind of refusal, when, where, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.cases import (
    ALPHA,
    BRAVO,
    CHARLIE,
    FIRST,
    NEW_YORKER,
    NOW,
    PAID_ON_FRIDAYS,
    PAID_ON_THE_FIRST,
    attempt,
    case,
    days,
    decline,
    failed,
    payment,
    tried_again,
    tries,
)

from recoup.kit.money import Money
from recoup.outcomes.core import AdviceAction, Category, Decline, Hardness
from recoup.paydays.core import Monthly, Weekly
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core import (
    DEFAULT,
    LISTENED,
    AskCustomer,
    EndReason,
    GiveUp,
    NotOpened,
    Opens,
    Person,
    Plan,
    Retry,
    gate,
    listens,
    opens,
    plan,
    plans,
    postponed,
)
from recoup.recovery.core.planning import awake
from recoup.recovery.core.policy import DAY_BEGINS, DAY_ENDS
from recoup.recovery.core.weighing import known_from, weigh

NEW_YORK = ZoneInfo("America/New_York")


def _retry(plan: Plan) -> Retry:
    assert isinstance(plan, Retry), plan
    return plan


def _local(moment: datetime) -> str:
    return moment.astimezone(NEW_YORK).strftime("%m-%d %H:%M")


class TestOpening:
    """Only a soft refusal of a payment that the merchant initiated opens a recovery."""

    def test_missing_money_opens_one(self) -> None:
        assert opens(payment()) == Opens()

    def test_a_payment_that_was_never_processed_opens_one(self) -> None:
        assert opens(failed()) == Opens()

    def test_a_card_that_another_one_takes_the_place_of_opens_one(self) -> None:
        gone = decline(Category.LIFECYCLE, action=AdviceAction.UPDATE_CARD, hardness=Hardness.HARD)
        assert opens(payment(gone)) == Opens()
        assert isinstance(plan(case(payment(gone)), NOW), AskCustomer)

    def test_a_soft_decline_that_the_customer_can_mend_opens_one(self) -> None:
        refusal = decline(Category.AUTHENTICATION, action=AdviceAction.AUTHENTICATE)
        assert opens(payment(refusal)) == Opens()

    @pytest.mark.parametrize(
        "facts",
        [
            payment(initiator="customer"),
            payment(recovery_policy="none"),
            payment(decline(hardness=Hardness.HARD)),
            payment(decline(Category.FRAUD, action=AdviceAction.STOP)),
            payment(decline(Category.NOT_PERMITTED, action=AdviceAction.STOP_SERIES)),
            payment(decline(Category.ISSUER, rule="visa_category_1")),
            payment(decline(Category.MERCHANT_CONFIGURATION, action=AdviceAction.FIX_DATA)),
        ],
    )
    def test_these_open_none(self, facts: PaymentFacts) -> None:
        answer = opens(facts)
        assert isinstance(answer, NotOpened)
        assert answer.why

    @pytest.mark.parametrize(
        "status", sorted(set(PaymentStatus) - {PaymentStatus.DECLINED, PaymentStatus.FAILED})
    )
    def test_no_other_status_opens_one(self, status: PaymentStatus) -> None:
        """An unknown outcome above all: it may be an approval."""
        assert isinstance(opens(payment(status=status)), NotOpened)


class TestListening:
    """Every event of a payment costs a row and a look, so only those are heard that may matter."""

    @pytest.mark.parametrize("fact", ["payment.declined", "payment.failed"])
    def test_refusals_of_renewals_are_heard(self, fact: str) -> None:
        assert listens(fact, initiator="merchant", recovery_policy=None, recovery_id=None)
        assert not listens(fact, initiator="customer", recovery_policy=None, recovery_id=None)
        assert not listens(fact, initiator="merchant", recovery_policy="none", recovery_id=None)

    @pytest.mark.parametrize("fact", sorted(LISTENED))
    def test_whatever_ends_or_changes_a_recovery_is_heard(self, fact: str) -> None:
        assert listens(fact, initiator="merchant", recovery_policy=None, recovery_id=ALPHA)

    def test_a_payment_without_a_recovery_is_paid_unheard(self) -> None:
        assert not listens("payment.captured", initiator="merchant", recovery_policy=None, recovery_id=None)
        assert not listens("payment.refunded", initiator="merchant", recovery_policy=None, recovery_id=ALPHA)


class TestMissingMoney:
    """Time helps, and payday most of all."""

    def test_it_waits_for_payday(self) -> None:
        new = _retry(plan(case(person=PAID_ON_THE_FIRST), NOW))
        assert _local(new.at) in ("12-01 05:00", "12-01 06:00")
        assert "payday, 2026-12-01" in new.why

    def test_a_payday_before_the_advised_time_is_passed_over(self) -> None:
        """Paid next Friday, but the issuer says: not for ten days."""
        facts = payment(decline(wait=days(10)))
        new = _retry(plan(case(facts, person=PAID_ON_FRIDAYS), NOW))
        assert new.at >= NOW + days(10)

    def test_a_payday_that_brought_nothing_is_followed_within_days(self) -> None:
        """Pay comes after the holiday, or is booked late, or the record is old."""
        payday = datetime(2026, 12, 1, 11, tzinfo=UTC)
        facts = tried_again(payment(), payday, decline())
        new = _retry(plan(case(facts, person=PAID_ON_THE_FIRST), payday))
        assert payday < new.at <= payday + days(4)
        assert DAY_BEGINS <= new.at.astimezone(NEW_YORK).time() < DAY_ENDS

    def test_then_it_waits_for_the_next_one_if_that_is_in_time(self) -> None:
        late = datetime(2026, 11, 29, 11, tzinfo=UTC)
        facts = tried_again(payment(), late, decline())
        new = _retry(plan(case(facts, person=PAID_ON_FRIDAYS), late))
        assert _local(new.at).startswith("12-11 0")

    def test_whoever_is_paid_weekly_is_tried_on_paydays(self) -> None:
        """Once the first brought nothing, another day is thought of too, and after the second the record is doubted."""
        person, at, seen = Person("America/New_York", "US", Weekly(4)), NOW, payment()
        moments = []
        for _ in range(4):
            at = _retry(plan(case(seen, person=person), at)).at
            moments.append(_local(at))
            seen = tried_again(seen, at, decline())
        assert moments[0] == "11-27 06:00" and "12-04 06:00" in moments[1:3]
        assert len(set(moments)) == 4

    def test_a_payday_behind_the_deadline_is_no_plan(self) -> None:
        """Then it is tried as if none were known."""
        opened_at = datetime(2026, 11, 2, 15, tzinfo=UTC)
        facts = payment(at=opened_at)
        new = _retry(
            plan(
                case(facts, person=Person("America/New_York", "US", Monthly(2)), opened_at=opened_at),
                opened_at,
            )
        )
        assert new.at < opened_at + DEFAULT.window
        assert "payday" not in new.why

    def test_without_a_payday_tries_are_spread_over_likely_ones(self) -> None:
        at, seen, moments = NOW, payment(), []
        for _ in range(4):
            at = _retry(plan(case(seen), at)).at
            moments.append(at)
            seen = tried_again(seen, at, decline())
        assert moments[0] == FIRST
        assert all(later - sooner >= days(1) for sooner, later in pairwise(moments))
        assert moments[-1] > NOW + days(14)

    def test_the_same_processor_is_asked_first(self) -> None:
        facts = payment(attempts=(attempt(NOW, account=BRAVO),))
        assert _retry(plan(case(facts), NOW)).accounts == (BRAVO, ALPHA, CHARLIE)


class TestOtherRefusals:
    def test_a_refusal_without_a_reason_is_tried_elsewhere(self) -> None:
        """When money is likely, too: one try serves both of what may be the matter."""
        new = _retry(plan(case(payment(decline(Category.ISSUER))), NOW))
        assert new.at > NOW
        assert new.accounts == (BRAVO, CHARLIE, ALPHA)

    def test_the_second_time_it_is_taken_for_missing_money(self) -> None:
        """About half of these refusals hide it."""
        facts = tried_again(payment(decline(Category.ISSUER)), NOW + days(1), decline(Category.ISSUER))
        new = _retry(plan(case(facts, person=PAID_ON_THE_FIRST), NOW + days(1)))
        assert _local(new.at).startswith("12-01 0")

    @pytest.mark.parametrize("category", [Category.PROCESSOR, Category.NETWORK])
    def test_technique_is_tried_within_the_hour_and_elsewhere(self, category: Category) -> None:
        new = _retry(plan(case(payment(decline(category))), NOW))
        assert NOW < new.at <= NOW + timedelta(hours=1)
        assert "within the hour" in new.why
        assert new.accounts == (BRAVO, CHARLIE, ALPHA)

    def test_what_never_happened_is_tried_within_the_hour(self) -> None:
        assert _retry(plan(case(failed()), NOW)).at <= NOW + timedelta(hours=1)

    def test_a_limit_is_a_matter_of_limits(self) -> None:
        new = _retry(plan(case(payment(decline(Category.LIMIT))), NOW))
        assert new.at >= NOW + timedelta(hours=6)
        assert max(new.facts["causes"], key=new.facts["causes"].get) == "limit"

    def test_an_unknown_code_stays_with_its_processor_as_long_as_that_is_there(self) -> None:
        refusal = decline(Category.OTHER, recognised=False)
        assert _retry(plan(case(payment(refusal)), NOW)).accounts == (ALPHA,)
        assert _retry(plan(case(payment(refusal, accounts=(BRAVO,))), NOW)).accounts == (BRAVO,)

    @pytest.mark.parametrize(
        "refusal",
        [
            decline(Category.AUTHENTICATION, action=AdviceAction.AUTHENTICATE),
            decline(Category.LIFECYCLE, action=AdviceAction.UPDATE_CARD),
            decline(Category.NOT_PERMITTED, action=AdviceAction.ASK_CUSTOMER),
        ],
    )
    def test_where_only_the_customer_can_help_they_are_asked(self, refusal: Decline) -> None:
        assert isinstance(plan(case(payment(refusal)), NOW), AskCustomer)

    @pytest.mark.parametrize(
        ("refusal", "reason"),
        [
            (decline(hardness=Hardness.HARD), EndReason.DECLINED_FOR_GOOD),
            (decline(action=AdviceAction.STOP), EndReason.DECLINED_FOR_GOOD),
            (decline(Category.ISSUER, rule="visa_category_1"), EndReason.NETWORK_LIMIT),
        ],
    )
    def test_a_stop_on_the_way_ends_it(self, refusal: Decline, reason: EndReason) -> None:
        facts = tried_again(payment(), NOW + days(1), refusal)
        end = plan(case(facts), NOW + days(1))
        assert isinstance(end, GiveUp)
        assert end.reason is reason


class TestLimits:
    def test_the_last_try_is_the_last(self) -> None:
        seen, at = payment(), NOW
        for _ in range(DEFAULT.tries_max):
            at += days(1)
            seen = tried_again(seen, at, decline())
        end = plan(case(seen), at)
        assert isinstance(end, GiveUp)
        assert end.reason is EndReason.TRIES_EXHAUSTED

    def test_before_the_deadline_there_is_a_last_chance(self) -> None:
        """Where nothing better fits any more, and there are tries left."""
        at = NOW + days(24)
        facts = tried_again(tried_again(payment(), NOW + days(2), decline()), at, decline())
        new = _retry(plan(case(facts), at))
        assert at < new.at < NOW + days(28)

    def test_a_network_limit_puts_a_try_off(self) -> None:
        """Fifteen reattempts in thirty days, by whatever payment: the oldest but one must leave the window first."""
        moments = [NOW - days(29) + timedelta(hours=n) for n in range(16)]
        facts = payment(card_tries=tries([*moments, NOW]))
        new = _retry(plan(case(facts), NOW))
        assert new.at >= moments[2] + days(30)
        assert "budget" in new.why

    def test_a_network_stop_ends_it(self) -> None:
        facts = payment(card_tries=tries([NOW - days(400)], rule="visa_category_1"))
        end = plan(case(facts), NOW)
        assert isinstance(end, GiveUp)
        assert end.reason is EndReason.NETWORK_LIMIT

    def test_the_night_is_left_alone(self) -> None:
        night = datetime(2026, 11, 23, 4, tzinfo=UTC)
        new = _retry(plan(case(payment(decline(Category.PROCESSOR), at=night), opened_at=night), night))
        assert DAY_BEGINS <= new.at.astimezone(NEW_YORK).time() < DAY_ENDS
        assert new.at < night + days(1)

    @given(
        st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zones are drawn
        st.sampled_from(["America/New_York", "Australia/Lord_Howe", "UTC", "Africa/Cairo"]),
    )
    def test_waking_up_is_never_earlier_and_by_day(self, moment: datetime, zone: str) -> None:
        woken = awake(moment, zone)
        assert moment <= woken < moment + timedelta(hours=10)
        assert DAY_BEGINS <= woken.astimezone(ZoneInfo(zone)).time() < DAY_ENDS


class TestGate:
    """Asked again on fresh facts before a try that is due."""

    def test_it_lets_through_what_may_be_made(self) -> None:
        assert gate(case(), NOW + days(1)) is None

    def test_a_deadline_that_has_passed_shuts_it(self) -> None:
        end = gate(case(), NOW + DEFAULT.window)
        assert isinstance(end, GiveUp)
        assert end.reason is EndReason.DEADLINE

    def test_a_stop_that_another_payment_earned_shuts_it(self) -> None:
        """The budget is the card's, not the payment's."""
        facts = payment(card_tries=tries([NOW - days(3)], rule="visa_category_1"))
        assert isinstance(gate(case(facts), NOW + days(1)), GiveUp)

    def test_a_limit_that_other_payments_used_up_puts_it_off(self) -> None:
        moments = [NOW - days(2) + timedelta(hours=n) for n in range(17)]
        later = gate(case(payment(card_tries=tries(moments))), NOW + days(1))
        assert isinstance(later, Retry | GiveUp)

    def test_the_advised_time_holds_for_everyone(self) -> None:
        later = _retry(_some(gate(case(payment(decline(wait=days(6)))), NOW + days(1))))
        assert later.at >= NOW + days(6)


def _some(plan: Plan | None) -> Plan:
    assert plan is not None
    return plan


@pytest.mark.parametrize("person", [PAID_ON_THE_FIRST, PAID_ON_FRIDAYS, NEW_YORKER, Person("UTC")])
def test_what_was_stored_gives_the_same_answer(person: Person) -> None:
    """The record of a decision is all that it was made from."""
    advised = payment(decline(wait=days(4), action=AdviceAction.RETRY_LATER))
    facts = tried_again(advised, NOW + days(5.12345), decline(Category.ISSUER))
    new = _retry(plan(case(facts, person=person), NOW + days(5.2)))
    stored = msgspec.json.decode(msgspec.json.encode(new.facts))
    again = weigh(known_from(stored["known"]))
    assert (again.at, again.accounts) == (new.at, new.accounts)
    assert msgspec.json.decode(msgspec.json.encode(again.facts())).items() <= stored.items()


def test_what_is_not_worth_its_cost_is_given_up() -> None:
    end = plan(case(payment(amount=Money(5, "USD"))), NOW)
    assert isinstance(end, GiveUp)
    assert end.reason is EndReason.NOT_WORTH_IT


def test_what_could_not_be_asked_for_is_asked_for_a_day_later() -> None:
    new = _retry(postponed(case(), NOW + days(1), why="No processor account can take this payment."))
    assert new.at == NOW + days(2)
    assert "No processor account" in new.why


def test_a_person_may_hasten_a_try_as_far_as_advice_and_budget_allow() -> None:
    assert _retry(plan(case(person=PAID_ON_THE_FIRST), NOW)).not_before == NOW
    waiting = payment(decline(wait=days(2)))
    assert _retry(plan(case(waiting, person=PAID_ON_THE_FIRST), NOW)).not_before == NOW + days(2)


def test_many_are_planned_together_as_one_by_one() -> None:
    """Whatever they were refused for, and however many ways each has."""
    people = [PAID_ON_THE_FIRST, PAID_ON_FRIDAYS, NEW_YORKER, Person("Europe/Berlin", "DE"), Person("UTC")]
    kinds = [Category.FUNDS, Category.ISSUER, Category.PROCESSOR, Category.LIMIT, Category.LIFECYCLE]
    many = [case(payment(decline(kind)), person=person) for kind in kinds for person in people]
    many.append(case(payment(accounts=(BRAVO,)), person=PAID_ON_FRIDAYS))
    many.append(case(tried_again(payment(), NOW - days(1), decline(Category.ISSUER))))
    assert plans(many, NOW) == [plan(one, NOW) for one in many]
