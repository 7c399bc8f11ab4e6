"""Links: the line between never sent and unknown, who is answered by what, and how a connection lives and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.links import (
    BRISK,
    LINK,
    Caller,
    Host,
    account,
    approval,
    approve,
    charge,
    key,
    question,
    quicker,
)
from tests.gateway.processors import ACCOUNT, OTHER_ACCOUNT, PATIENT_S
from tests.gateway.test_tls import certificate as certificate

from recoup.connectors.base import Account, iso8583
from recoup.gateway import Gateway, Pace
from recoup.outcomes.core import Approved, Outcome, Unknown, Unprocessed, Withdrawn

MANY: Final = 20
BRIEF_S: Final = 0.3


@asynccontextmanager
async def open_gateway(pace: Pace = BRISK, **options: Any) -> AsyncIterator[Gateway]:
    """A gateway with room for many."""
    words = {"timeout_s": PATIENT_S, "connect_timeout_s": PATIENT_S / 2, "in_flight_per_account_max": 64}
    async with Gateway(**{**words, **options}, pace=pace) as gateway:
        yield gateway


async def ask(gateway: Gateway, where: Account, number: int = 1) -> Outcome:
    """A charge, and what came of it."""
    return (await gateway.charge(LINK, where, charge(number), account_id=ACCOUNT)).outcome


def approved_as(number: int) -> str:
    """The reference of that charge's own approval: its approval code is its own trace number."""
    name = iso8583.name_of(key(number))
    assert name is not None
    return f"0200-{name.rrn}-{name.stan}-4999"


WARM: Final = 99


def warmed(line: Any) -> Any:
    """That line, after one approval."""

    async def whole(caller: Caller) -> None:
        await caller.tell(approval(await caller.money()))
        await line(caller)

    return whole


async def warm_up(gateway: Gateway, host: Host) -> None:
    """Have a connection, so that a call in a hurry does not fail for want of one."""
    assert isinstance(await ask(gateway, account(host.url), WARM), Approved)


async def _refuse(caller: Caller) -> None:
    await caller.tell(iso8583.reply(await caller.hear(), "91"))
    await caller.until_gone()


async def _mute(caller: Caller) -> None:
    while True:
        await caller.hear()


class TestNeverLeft:
    """Nothing about money was given to the socket, so another processor may be asked."""

    async def test_nobody_listens(self) -> None:
        async with Host() as host, open_gateway() as gateway:
            await host.stop_listening()
            outcome = await ask(gateway, account(host.url))
        assert isinstance(outcome, Unprocessed)
        assert "no connection" in outcome.why

    @pytest.mark.parametrize("line", [_refuse, _mute])
    async def test_not_signed_on(self, line: Any) -> None:
        async with Host(line) as host, open_gateway(quicker(sign_on_timeout_s=BRIEF_S)) as gateway:
            outcome = await ask(gateway, account(host.url))
        assert isinstance(outcome, Unprocessed)
        assert "sign-on" in outcome.why
        assert [said["70"] for said in host.heard] == ["001"]

    async def test_signing_on_takes_too_long_for_this_call(self) -> None:
        async with Host(_mute) as host, open_gateway() as gateway:
            outcome = await ask(gateway, account(host.url, timeout_s=BRIEF_S))
            assert outcome == Unprocessed("not sent: no connection in time")

    @pytest.mark.parametrize(
        "url", ["https://127.0.0.1:1", "tcp://", "tcp://127.0.0.1", "tcp://[::1", "nonsense"]
    )
    async def test_an_address_that_is_none(self, url: str) -> None:
        async with open_gateway() as gateway:
            assert isinstance(await ask(gateway, account(url)), Unprocessed)

    async def test_a_link_that_is_down_is_not_tried_at_every_payment(self) -> None:
        async with Host(_refuse) as host, open_gateway(Pace(backoff_first_s=3600)) as gateway:
            first, second = [await ask(gateway, account(host.url), number) for number in (1, 2)]
            assert host.connections == 1
        assert isinstance(first, Unprocessed) and isinstance(second, Unprocessed)
        assert "too soon" in second.why

    def test_waiting_doubles_to_a_limit(self) -> None:
        assert [Pace().backoff_s(failures) for failures in (1, 2, 3, 7, 400)] == [0.5, 1.0, 2.0, 30.0, 30.0]

    async def test_more_under_way_than_a_link_may_carry(self) -> None:
        heard = asyncio.Event()

        async def silent(caller: Caller) -> None:
            await caller.money()
            heard.set()
            await caller.until_gone()

        async with Host(silent) as host, open_gateway(quicker(in_flight_max=1)) as gateway:
            first = asyncio.create_task(ask(gateway, account(host.url), 1))
            await heard.wait()
            assert isinstance(await ask(gateway, account(host.url), 2), Unprocessed)
            first.cancel()
            assert isinstance(await first, Unknown)

    async def test_the_gateway_is_closed(self) -> None:
        async with Host() as host:
            async with open_gateway() as gateway:
                pass
            assert isinstance(await ask(gateway, account(host.url)), Unprocessed)
            assert host.connections == 0


async def _hangs_up(caller: Caller) -> None:
    await caller.money()
    await caller.hang_up()


async def _resets(caller: Caller) -> None:
    await caller.money()
    caller.reset()


async def _silent(caller: Caller) -> None:
    await caller.until_gone()


async def _half(caller: Caller) -> None:
    whole = iso8583.framed(iso8583.encode(approval(await caller.money())), header_bytes=2)
    await caller.say(whole[: len(whole) // 2])
    await caller.hang_up()


async def _out_of_step(caller: Caller) -> None:
    await caller.money()
    await caller.say(b"\xff\xff" + bytes(100))
    await caller.until_gone()


async def _garbage(caller: Caller) -> None:
    await caller.money()
    await caller.frame(b"0210 approved")
    await caller.frame(b"")
    await caller.until_gone()


async def _of_another(caller: Caller) -> None:
    request = await caller.money()
    for name, value in (("11", "000001"), ("37", "AAAAAAAAAAAA"), ("t", "0110")):
        await caller.tell({**approval(request), name: value})
    await caller.until_gone()


class TestNoAnswer:
    """The message was given to the socket, so nobody may say that it never happened."""

    @pytest.mark.parametrize(
        "line",
        [_hangs_up, _resets, _silent, _half, _out_of_step, _garbage, _of_another],
        ids=lambda one: one.__name__,
    )
    async def test_it_is_unknown(self, line: Any) -> None:
        async with Host(warmed(line)) as host, open_gateway() as gateway:
            await warm_up(gateway, host)
            outcome = await ask(gateway, account(host.url, timeout_s=BRIEF_S))
        assert isinstance(outcome, Unknown)

    async def test_a_lost_connection_ends_all_that_is_under_way(self) -> None:
        async def drop(caller: Caller) -> None:
            for _ in range(MANY):
                await caller.money()
            caller.reset()

        async with Host(drop) as host, open_gateway() as gateway:
            asked = [ask(gateway, account(host.url), number) for number in range(MANY)]
            async with asyncio.timeout(PATIENT_S / 2):
                outcomes = await asyncio.gather(*asked)
        assert all(isinstance(outcome, Unknown) for outcome in outcomes)

    async def test_a_cancelled_call_is_unknown_once_it_was_sent(self) -> None:
        async with Host(_silent) as host, open_gateway() as gateway:
            call = asyncio.create_task(ask(gateway, account(host.url)))
            await host.asked(2)
            call.cancel()
            assert isinstance(await call, Unknown)

    async def test_closing_the_gateway_ends_what_is_under_way(self) -> None:
        async with Host(_silent) as host:
            async with open_gateway() as gateway:
                call = asyncio.create_task(ask(gateway, account(host.url)))
                await host.asked(2)
            assert isinstance(await call, Unknown)


class TestWhoIsAnswered:
    """By what a message carries, and never by its order."""

    async def test_many_at_once_over_one_connection_answered_backwards(self) -> None:
        async def backwards(caller: Caller) -> None:
            requests = [await caller.money() for _ in range(MANY)]
            for request in reversed(requests):
                await caller.tell(approval(request))
            await caller.until_gone()

        async with Host(backwards) as host, open_gateway() as gateway:
            outcomes = await asyncio.gather(
                *(ask(gateway, account(host.url), number) for number in range(MANY))
            )
            assert host.connections == 1
        assert [outcome.reference for outcome in outcomes if isinstance(outcome, Approved)] == [
            approved_as(number) for number in range(MANY)
        ]

    @settings(
        max_examples=15, suppress_health_check=[HealthCheck.differing_executors]
    )  # one for each event loop
    @given(data=st.data())
    async def test_reordered_repeated_lost_and_made_up(self, data: st.DataObject) -> None:
        """Each charge gets its own answer or none, whatever else the acquirer says."""
        count = data.draw(st.integers(1, 6))
        said = data.draw(st.lists(st.integers(0, count - 1), max_size=2 * count))
        noise = data.draw(st.lists(st.sampled_from(["garbage", "stan", "rrn", "type", "empty"]), max_size=4))

        async def line(caller: Caller) -> None:
            requests = {request["37"]: request for request in [await caller.money() for _ in range(count)]}
            for each in noise:
                await _noise(caller, each, next(iter(requests.values())))
            for number in said:
                await caller.tell(approval(requests[approved_as(number)[5:17]]))
            await caller.hang_up()

        async with Host(line) as host, open_gateway() as gateway:
            outcomes = await asyncio.gather(
                *(ask(gateway, account(host.url), number) for number in range(count))
            )
            noises = gateway.noise(ACCOUNT)
        for number, outcome in enumerate(outcomes):
            if number in said:
                assert isinstance(outcome, Approved) and outcome.reference == approved_as(number)
            else:
                assert isinstance(outcome, Unknown)
        assert noises.get("garbage", 0) == noise.count("garbage")
        repeated = len(said) - len(set(said))
        assert noises.get("unasked", 0) == repeated + len(noise) - noise.count("garbage") - noise.count(
            "empty"
        )

    async def test_a_late_answer_answers_nothing_else(self) -> None:
        heard: list[dict[str, str]] = []

        async def late(caller: Caller) -> None:
            heard.append(await caller.money())
            second = await caller.money()
            await caller.tell(approval(heard[0]))
            await caller.tell(approval(second))
            await caller.until_gone()

        async with Host(warmed(late)) as host, open_gateway() as gateway:
            await warm_up(gateway, host)
            first = await ask(gateway, account(host.url, timeout_s=BRIEF_S), 1)
            second = await ask(gateway, account(host.url), 2)
            assert gateway.noise(ACCOUNT) == {"late": 1}
        assert isinstance(first, Unknown)
        assert isinstance(second, Approved) and second.reference == approved_as(2)

    async def test_two_with_one_trace_number_are_told_apart(self) -> None:
        """Trace numbers have six digits and do repeat; reference numbers do not."""
        first, second = _same_trace()

        async def swapped(caller: Caller) -> None:
            requests = [await caller.money(), await caller.money()]
            assert requests[0]["11"] == requests[1]["11"]
            for request in reversed(requests):
                await caller.tell(approval(request))
            await caller.until_gone()

        async with Host(swapped) as host, open_gateway() as gateway:
            outcomes = await asyncio.gather(
                *(ask(gateway, account(host.url), one) for one in (first, second))
            )
        assert [one.reference for one in outcomes if isinstance(one, Approved)] == [
            approved_as(first),
            approved_as(second),
        ]

    async def test_the_same_message_is_not_sent_twice_at_once(self) -> None:
        """Nor said to have never happened: the first one may be approved."""
        async with Host(_silent) as host, open_gateway() as gateway:
            first = asyncio.create_task(ask(gateway, account(host.url)))
            await host.asked(2)
            assert isinstance(await ask(gateway, account(host.url)), Unknown)
            assert host.types == ["0200"]
            first.cancel()
            await first


async def _noise(caller: Caller, kind: str, request: dict[str, str]) -> None:
    answer = approval(request)
    match kind:
        case "garbage":
            await caller.frame(b"\x00garbage")
        case "empty":
            await caller.frame(b"")
        case "stan":
            await caller.tell({**answer, "11": f"{int(answer['11']) % 999_999 + 1:06}"})
        case "rrn":
            await caller.tell({**answer, "37": "A" * 12})
        case _:
            await caller.tell({**answer, "t": "0430"})


def _same_trace() -> tuple[int, int]:
    seen: dict[str, int] = {}
    for number in range(100_000):
        name = iso8583.name_of(key(number))
        assert name is not None
        if name.stan in seen:
            return seen[name.stan], number
        seen[name.stan] = number
    raise AssertionError("a million numbers last longer than expected")


class TestHowAConnectionLives:
    async def test_it_signs_on_first_and_off_last(self) -> None:
        async with Host() as host:
            async with open_gateway() as gateway:
                where = account(host.url, sign_on_key="no-real-key-0000")
                assert isinstance(await ask(gateway, where), Approved)
            await host.asked(3)
            assert [(said["t"], said.get("70")) for said in host.heard] == [
                ("0800", "001"),
                ("0200", None),
                ("0800", "002"),
            ]
            assert host.heard[0]["48"] == "2016no-real-key-0000"

    async def test_a_silent_connection_is_asked_whether_somebody_is_there(self) -> None:
        async with Host() as host, open_gateway(quicker(echo_after_s=0.05)) as gateway:
            await ask(gateway, account(host.url), 1)
            await host.asked(4)
            assert isinstance(await ask(gateway, account(host.url), 2), Approved)
            assert host.connections == 1
        assert [said["70"] for said in host.heard[2:4]] == ["301", "301"]

    async def test_nobody_there_ends_the_connection_and_what_is_under_way(self) -> None:
        async def falls_silent(caller: Caller) -> None:
            await caller.money()
            await _mute(caller)

        pace = quicker(echo_after_s=0.05, echo_timeout_s=0.1)
        async with Host(falls_silent) as host, open_gateway(pace) as gateway:
            async with asyncio.timeout(PATIENT_S / 2):
                outcome = await ask(gateway, account(host.url))
        assert isinstance(outcome, Unknown)
        assert "is there" in outcome.why

    async def test_an_unused_connection_is_given_up(self) -> None:
        async with Host() as host, open_gateway(quicker(echo_after_s=0.05, idle_after_s=0.0)) as gateway:
            await ask(gateway, account(host.url), 1)
            await host.asked(3)
            assert host.heard[-1]["70"] == "002"
            assert isinstance(await ask(gateway, account(host.url), 2), Approved)

    async def test_the_acquirers_own_echo_is_answered(self) -> None:
        echo = {"t": "0800", "7": "1122110000", "11": "000007", "70": "301"}
        answers: list[dict[str, str]] = []

        async def asks(caller: Caller) -> None:
            request = await caller.money()
            await caller.tell(echo)
            answers.append(await caller.hear())
            await caller.tell(approval(request))
            await caller.until_gone()

        async with Host(asks) as host, open_gateway() as gateway:
            assert isinstance(await ask(gateway, account(host.url)), Approved)
        assert answers == [{**echo, "t": "0810", "39": "00"}]

    async def test_after_the_acquirer_signs_off_a_new_connection_is_made(self) -> None:
        """What is under way may still be answered on the old one."""

        async def signs_off(caller: Caller) -> None:
            request = await caller.money()
            await caller.tell({"t": "0800", "7": "1122110000", "11": "000007", "70": "002"})
            assert (await caller.hear())["t"] == "0810"
            other.set()
            await asked.wait()
            await caller.tell(approval(request))

        async def line(caller: Caller) -> None:
            await (signs_off if host.connections == 1 else approve)(caller)

        other, asked = asyncio.Event(), asyncio.Event()
        async with Host(line) as host, open_gateway() as gateway:
            first = asyncio.create_task(ask(gateway, account(host.url), 1))
            await other.wait()
            second = await ask(gateway, account(host.url), 2)
            asked.set()
            assert isinstance(await first, Approved) and isinstance(second, Approved)
            assert host.connections == 2

    async def test_a_lost_connection_is_made_again_for_the_next(self) -> None:
        async def line(caller: Caller) -> None:
            await (_hangs_up if host.connections == 1 else approve)(caller)

        async with Host(line) as host, open_gateway() as gateway:
            assert isinstance(await ask(gateway, account(host.url), 1), Unknown)
            assert isinstance(await ask(gateway, account(host.url), 2), Approved)

    async def test_each_account_has_a_connection_of_its_own(self) -> None:
        async with Host() as host, open_gateway() as gateway:
            for number, owner in enumerate((ACCOUNT, OTHER_ACCOUNT)):
                timed = await gateway.charge(LINK, account(host.url), charge(number), account_id=owner)
                assert isinstance(timed.outcome, Approved)
            assert host.connections == 2

    async def test_four_bytes_of_length(self) -> None:
        async with Host(header_bytes=4) as host, open_gateway() as gateway:
            assert isinstance(await ask(gateway, account(host.url, length_header="4")), Approved)

    async def test_over_tls(self, certificate: Any) -> None:
        async with (
            Host(tls=certificate.server_side()) as host,
            open_gateway(tls=certificate.trusted()) as gateway,
            open_gateway() as stranger,
        ):
            assert isinstance(await ask(gateway, account(host.url)), Approved)
            assert isinstance(await ask(stranger, account(host.url)), Unprocessed)


async def _withdraw(gateway: Gateway, where: Account) -> object:
    return (await gateway.withdraw(LINK, where, question(), account_id=ACCOUNT)).outcome


class TestReversals:
    async def test_a_reversal_is_repeated_until_it_is_acknowledged(self) -> None:
        async def third_time(caller: Caller) -> None:
            for _ in range(2):
                await caller.money()
            await caller.tell(iso8583.reply(await caller.money(), "00"))
            await caller.until_gone()

        async with Host(third_time) as host, open_gateway(quicker(repeat_after_s=0.1)) as gateway:
            assert isinstance(await _withdraw(gateway, account(host.url)), Withdrawn)
        assert host.types == ["0420", "0421", "0421"]
        first, *others = [said for said in host.heard if said["t"] not in {"0800", "0810"}]
        assert all({**said, "t": "0420"} == first for said in others)

    async def test_the_next_call_goes_on_repeating(self) -> None:
        async def second_time(caller: Caller) -> None:
            await caller.money()
            await caller.tell(iso8583.reply(await caller.money(), "00"))
            await caller.until_gone()

        async with Host(warmed(second_time)) as host, open_gateway() as gateway:
            await warm_up(gateway, host)
            assert isinstance(await _withdraw(gateway, account(host.url, timeout_s=BRIEF_S)), Unknown)
            assert isinstance(await _withdraw(gateway, account(host.url)), Withdrawn)
        assert host.types == ["0200", "0420", "0421"]

    async def test_another_process_names_the_original_all_the_same(self) -> None:
        """Nothing is kept in memory that a reversal needs."""
        async with Host() as host:
            for step in (ask, _withdraw):
                async with open_gateway() as gateway:
                    await step(gateway, account(host.url))
        sale, reversal = [said for said in host.heard if said["t"] in {"0200", "0420"}]
        assert reversal["90"][4:20] == sale["11"] + sale["7"]
        assert (reversal["37"], reversal["4"], reversal["49"]) == (sale["37"], sale["4"], sale["49"])
        assert reversal["11"] != sale["11"]

    async def test_a_charge_is_never_repeated(self) -> None:
        async with Host(warmed(_silent)) as host, open_gateway(quicker(repeat_after_s=0.05)) as gateway:
            await warm_up(gateway, host)
            assert isinstance(await ask(gateway, account(host.url, timeout_s=BRIEF_S)), Unknown)
            assert host.types == ["0200", "0200"]
