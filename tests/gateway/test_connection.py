"""How a link's connection lives and ends, and how reversals are repeated over it."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import suppress
from typing import Any

from tests.gateway.links import (
    BRIEF_S,
    BRISK,
    LINK,
    MADE,
    Caller,
    Host,
    account,
    approval,
    approve,
    ask,
    charge,
    hangs_up,
    mute,
    open_gateway,
    question,
    quicker,
    silent,
    warm_up,
    warmed,
)
from tests.gateway.processors import ACCOUNT, OTHER_ACCOUNT, PATIENT_S
from tests.gateway.test_tls import certificate as certificate

from recoup.connectors.base import Account, iso8583
from recoup.gateway import Gateway
from recoup.gateway.connection import Connection, Place
from recoup.outcomes.core import Approved, Unknown, Unprocessed, Withdrawn


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
            await mute(caller)

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

    async def test_an_acquirer_that_asks_on_and_on_and_never_reads_is_left(self) -> None:
        """Its answers would pile up here without end."""
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            theirs.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=ours)
            place = Place(ACCOUNT, "tcp://127.0.0.1:9", iso8583.Link("412345"))
            connection = Connection(
                reader, writer, place=place, pace=BRISK, now=lambda: MADE, noise=Counter()
            )
            echo = iso8583.encode({"t": "0800", "7": "1122110000", "11": "000001", "70": "301"})
            asked = iso8583.framed(echo, header_bytes=2) * 100
            with suppress(OSError):
                for _ in range(100):
                    await asyncio.get_running_loop().sock_sendall(theirs, asked)
            closed = connection.is_closed
            await connection.close()
            assert closed

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

    async def test_closing_the_gateway_ends_a_connection_that_was_left_too(self) -> None:
        async def signs_off(caller: Caller) -> None:
            await caller.money()
            await caller.tell({"t": "0800", "7": "1122110000", "11": "000007", "70": "002"})
            await caller.hear()
            told.set()
            await caller.until_gone()

        async def line(caller: Caller) -> None:
            await (signs_off if host.connections == 1 else approve)(caller)

        told = asyncio.Event()
        async with Host(line) as host:
            async with open_gateway() as gateway:
                first = asyncio.create_task(ask(gateway, account(host.url), 1))
                await told.wait()
                assert isinstance(await ask(gateway, account(host.url), 2), Approved)
            async with asyncio.timeout(PATIENT_S / 2):
                assert isinstance(await first, Unknown)

    async def test_a_lost_connection_is_made_again_for_the_next(self) -> None:
        async def line(caller: Caller) -> None:
            await (hangs_up if host.connections == 1 else approve)(caller)

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

    async def test_two_who_reverse_the_same_send_it_once(self) -> None:
        async with Host(silent) as host, open_gateway(quicker(repeat_after_s=PATIENT_S)) as gateway:
            first = asyncio.create_task(_withdraw(gateway, account(host.url)))
            await host.asked(2)
            async with asyncio.timeout(PATIENT_S / 2):
                assert isinstance(await _withdraw(gateway, account(host.url)), Unknown)
            first.cancel()
            await first
        assert host.types == ["0420"]

    async def test_a_charge_is_never_repeated(self) -> None:
        async with Host(warmed(silent)) as host, open_gateway(quicker(repeat_after_s=0.05)) as gateway:
            await warm_up(gateway, host)
            assert isinstance(await ask(gateway, account(host.url, timeout_s=BRIEF_S)), Unknown)
            assert host.types == ["0200", "0200"]
