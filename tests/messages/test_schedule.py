"""When a customer is asked: laws that hold whatever the policy, the case and the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.refusals import Refusal
from recoup.messages.core.machine import MOVES, IllegalMove, News, Status, moved
from recoup.messages.core.policy import Channel, MessagePolicy, Texts, check_policy, is_address
from recoup.messages.core.records import Case, Message
from recoup.messages.core.schedule import (
    AFTER_TRY,
    BETWEEN,
    PATIENCE,
    WEEK,
    Again,
    Ask,
    Lost,
    Rest,
    Stop,
    awake,
    capped,
    next_step,
    retry_at,
)
from recoup.recovery.core.machine import Standing
from recoup.recovery.core.machine import Status as RecoveryStatus

START = datetime(2026, 3, 20, 12, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "America/St_Johns")
moments = st.integers(0, 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 30]))
days = st.lists(st.integers(0, 30), max_size=8, unique=True).map(sorted)
policies = st.builds(
    MessagePolicy,
    enabled=st.just(True),
    sender_name=st.just("Shop"),
    days=days,
    days_while_retrying=days,
    quiet_from=clocks,
    quiet_until=clocks,
    per_week_max=st.integers(1, 5),
)


def message(at: datetime, number: int = 1, **changes: Any) -> Message:
    given: dict[str, Any] = {
        "merchant_id": UUID(int=1),
        "id": UUID(int=number),
        "recovery_id": UUID(int=2),
        "payment_id": UUID(int=3),
        "customer_id": None,
        "number": number,
        "channel": Channel.EMAIL,
        "language": "en",
        "recipient": b"r" * 32,
        "status": Status.SENT,
        "version": 1,
        "events_count": 1,
        "tries": 1,
        "why": None,
        "link_until": at + WEEK,
        "next_at": None,
        "created_at": at,
        "sent_at": at,
        "updated_at": at,
    }
    return Message(**(given | changes))


def case(policy: MessagePolicy, *messages: Message, **changes: Any) -> Case:
    given: dict[str, Any] = {
        "policy": policy,
        "recovery": RecoveryStatus.AWAITING_CUSTOMER,
        "is_open": True,
        "opened_at": START,
        "deadline": START + timedelta(days=28),
        "next_try_at": None,
        "standing": Standing.REFUSED,
        "zone": "Europe/Berlin",
        "messages": messages,
    }
    return Case(**(given | changes))


def is_quiet(moment: datetime, zone: str, policy: MessagePolicy) -> bool:
    """Told another way: by the minutes of the day."""
    local = moment.astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    begins, ends = (one.hour * 60 + one.minute for one in policy.quiet)
    return (minute - begins) % 1440 < (ends - begins) % 1440


@given(policies, moments, st.sampled_from(ZONES))
def test_nobody_is_written_to_in_their_night(policy: MessagePolicy, moment: datetime, zone: str) -> None:
    at = awake(moment, zone, policy)
    assert moment <= at <= moment + timedelta(hours=25)
    assert not is_quiet(at, zone, policy)
    assert (at == moment) is not is_quiet(moment, zone, policy)


@given(policies, st.sampled_from(ZONES), st.booleans(), st.integers(0, 40))
def test_messages_follow_the_days_keep_apart_and_come_to_an_end(
    policy: MessagePolicy, zone: str, retrying: bool, late: int
) -> None:
    """Gone through in time: each is as planned or later, never closer than planned, never at night; then no more."""
    now = START + timedelta(hours=late)
    status = RecoveryStatus.SCHEDULED if retrying else RecoveryStatus.AWAITING_CUSTOMER
    planned, sent = (policy.days_while_retrying if retrying else policy.days), list[Message]()
    for _ in range(3 * len(planned) + 2):
        step = next_step(case(policy, *sent, recovery=status, zone=zone), now)
        match step:
            case Rest(until=until):
                assert until > now
                now = until
            case Ask(number=number):
                assert number == len(sent) + 1
                assert now >= START + timedelta(days=planned[len(sent)]) and not is_quiet(now, zone, policy)
                apart = timedelta(days=planned[len(sent)] - planned[len(sent) - 1])
                assert not sent or now - sent[-1].created_at >= apart
                sent.append(message(now, number))
            case Stop():
                break
            case _:
                raise AssertionError(step)
    else:
        raise AssertionError("it does not come to an end")
    in_time = [day for day in planned if day < 26]
    assert len(in_time) <= len(sent) <= len(planned)


@pytest.mark.parametrize("standing", [Standing.PAID, Standing.GONE])
def test_stop_means_stop(standing: Standing) -> None:
    policy = MessagePolicy(enabled=True, quiet_from="00:00", quiet_until="00:00")
    waiting = message(START, status=Status.WAITING, next_at=START)
    assert isinstance(next_step(case(policy, standing=standing), START), Stop)
    assert isinstance(next_step(case(policy, waiting, standing=standing), START), Stop)
    ended = case(policy, waiting, recovery=RecoveryStatus.STOPPED, is_open=False)
    assert isinstance(next_step(ended, START), Stop)
    assert isinstance(next_step(case(policy, recovery=RecoveryStatus.PAUSED), START), Stop)
    assert isinstance(next_step(case(replace_policy(policy, enabled=False)), START), Stop)


def replace_policy(policy: MessagePolicy, **changes: Any) -> MessagePolicy:
    known = {name: getattr(policy, name) for name in policy.__struct_fields__}
    return MessagePolicy(**(known | changes))


def test_a_try_that_is_near_is_waited_for() -> None:
    policy = MessagePolicy(enabled=True, days_while_retrying=[0], quiet_from="00:00", quiet_until="00:00")
    at = START + timedelta(hours=5)
    held = case(policy, recovery=RecoveryStatus.SCHEDULED, next_try_at=at)
    assert next_step(held, START) == Rest(at + AFTER_TRY)
    far = replace(held, next_try_at=START + timedelta(days=2))
    assert next_step(far, START) == Ask(1)
    assert isinstance(next_step(replace(held, recovery=RecoveryStatus.RUNNING), START), Rest)


def test_what_is_being_sent_is_left_to_its_sender_and_then_lost() -> None:
    policy = MessagePolicy(enabled=True)
    sending = message(START, status=Status.SENDING)
    assert next_step(case(policy, sending), START) == Rest(START + PATIENCE)
    assert next_step(case(policy, sending), START + PATIENCE) == Lost(sending)
    waiting = message(START, status=Status.WAITING, next_at=START + timedelta(minutes=5))
    free = replace_policy(policy, quiet_from="00:00", quiet_until="00:00")
    assert next_step(case(free, waiting), START) == Rest(START + timedelta(minutes=5))
    assert next_step(case(free, waiting), START + timedelta(minutes=5)) == Again(waiting)


@given(st.lists(st.integers(0, 200), max_size=20), st.integers(1, 5))
def test_no_week_has_more_than_it_may_and_no_day_two(hours: list[int], most: int) -> None:
    """By brute force: whoever asks the cap each time never has too many, whatever they try."""
    policy, sent = MessagePolicy(enabled=True, per_week_max=most), list[Message]()
    for hour in sorted(hours):
        now = START + timedelta(hours=hour)
        until = capped(sent, policy, now)
        if until is None:
            sent.append(message(now))
        else:
            assert until > now and capped(sent, policy, until) is None, "when it says so, one may go"
    times = [one.created_at for one in sent]
    assert all(b - a >= BETWEEN for a, b in pairwise(times))
    assert all(sum(at <= other < at + WEEK for other in times) <= most for at in times)
    nobody = [replace(one, status=Status.FAILED) for one in sent]
    assert capped(nobody, policy, START) is None, "what reached nobody does not count"


def test_a_message_that_is_put_off_has_an_end() -> None:
    waits = [retry_at(tries, START) for tries in range(1, 6)]
    assert waits[-1] is None and all(waits[:-1])


@pytest.mark.parametrize("status", Status)
def test_only_moves_of_the_table_are_made(status: Status) -> None:
    for news in News:
        if news in MOVES[status]:
            assert moved(status, news) is MOVES[status][news]
        else:
            with pytest.raises(IllegalMove):
                moved(status, news)
    assert News.BEGUN not in MOVES[Status.UNKNOWN], "what may have arrived is not sent again"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"days": [3, 3]}, "days"),
        ({"days_while_retrying": [7, 3]}, "days_while_retrying"),
        ({"language": "xx"}, "language"),
        ({"sender_name": " "}, "sender_name"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"texts": {"xx": Texts()}}, "texts.xx"),
        ({"texts": {"en": Texts(intro="{{ 7 * 7 }}")}}, "texts.en.intro"),
        ({"texts": {"en": Texts(subject="{name}")}}, "texts.en.subject"),
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_meant_is_refused(changes: dict[str, object], param: str) -> None:
    good = MessagePolicy(enabled=True, sender_name="Shop", texts={"de": Texts(subject="{amount}!")})
    check_policy(good)
    with pytest.raises(Refusal) as refused:
        check_policy(replace_policy(good, **changes))
    assert (refused.value.code, refused.value.param) == ("invalid_message_policy", f"policy.{param}")


def test_only_what_mail_can_be_sent_to_is_an_address() -> None:
    assert is_address("ann.o'hara+x@mail.example")
    wrong = (
        "ann",
        "@b.example",
        "a@b",
        "a b@c.example",
        "a@b.example\n",
        "a@b@c.example",
        "ü@b.example",
        "<a@b.c>",
    )
    assert not [one for one in wrong if is_address(one)]
