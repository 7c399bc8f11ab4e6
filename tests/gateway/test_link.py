"""Links: the line between never sent and unknown, and who is answered by what."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.links import (
    BRIEF_S,
    Caller,
    Host,
    account,
    approval,
    approved_as,
    ask,
    hangs_up,
    key,
    mute,
    open_gateway,
    quicker,
    silent,
    warm_up,
    warmed,
)
from tests.gateway.processors import ACCOUNT, PATIENT_S

from recoup.connectors.base import iso8583
from recoup.gateway import Pace
from recoup.outcomes.core import Approved, Unknown, Unprocessed

MANY: Final = 20


async def _refuse(caller: Caller) -> None:
    await caller.tell(iso8583.reply(await caller.hear(), "91"))
    await caller.until_gone()


class TestNeverLeft:
    """Nothing about money was given to the socket, so another processor may be asked."""

    async def test_nobody_listens(self) -> None:
        async with Host() as host, open_gateway() as gateway:
            await host.stop_listening()
            outcome = await ask(gateway, account(host.url))
        assert isinstance(outcome, Unprocessed)
        assert "no connection" in outcome.why

    @pytest.mark.parametrize("line", [_refuse, mute])
    async def test_not_signed_on(self, line: Any) -> None:
        async with Host(line) as host, open_gateway(quicker(sign_on_timeout_s=BRIEF_S)) as gateway:
            outcome = await ask(gateway, account(host.url))
        assert isinstance(outcome, Unprocessed)
        assert "sign-on" in outcome.why
        assert [said["70"] for said in host.heard] == ["001"]

    async def test_signing_on_takes_too_long_for_this_call(self) -> None:
        async with Host(mute) as host, open_gateway() as gateway:
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


async def _resets(caller: Caller) -> None:
    await caller.money()
    caller.reset()


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
        [hangs_up, _resets, silent, _half, _out_of_step, _garbage, _of_another],
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
        async with Host(silent) as host, open_gateway() as gateway:
            call = asyncio.create_task(ask(gateway, account(host.url)))
            await host.asked(2)
            call.cancel()
            assert isinstance(await call, Unknown)

    async def test_closing_the_gateway_ends_what_is_under_way(self) -> None:
        async with Host(silent) as host:
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
        async with Host(silent) as host, open_gateway() as gateway:
            first = asyncio.create_task(ask(gateway, account(host.url)))
            await host.asked(2)
            async with asyncio.timeout(PATIENT_S / 2):
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
