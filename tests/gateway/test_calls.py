"""Calls: slots for each account, connectors that break, questions that fail, and what reaches the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import cast

import pytest
from structlog.testing import capture_logs
from tests.gateway.processors import (
    ACCOUNT,
    API_KEY,
    CHANGE,
    HASTY_S,
    NUMBER,
    OTHER_ACCOUNT,
    PATIENT_S,
    QUESTION,
    SLOTS,
    Peer,
    Plain,
    Processor,
    account,
    charge,
    closed_port,
    reply,
)

from recoup.connectors.base import Account, Card, Charge, Completion, Exchange, HttpRequest, Question
from recoup.gateway import REQUESTS_MAX, Gateway, Timed
from recoup.outcomes.core import Approved, Done, Evidence, Outcome, Unknown, Unprocessed


async def _silent(peer: Peer) -> None:
    await peer.request()
    await asyncio.Event().wait()


async def _charge(gateway: Gateway, connector: Plain, url: str) -> Outcome:
    return (await gateway.charge(connector, account(url), charge(), account_id=ACCOUNT)).outcome


async def _cancelled(calls: Sequence[asyncio.Task[Outcome]]) -> Sequence[Outcome]:
    """What calls come to that nobody waits for any longer."""
    for call in calls:
        call.cancel()
    return await asyncio.gather(*calls)


class TestVerbs:
    """Every verb asks, and every verb has its own word for what never left."""

    async def test_each_verb_reaches_the_processor(self, gateway: Gateway) -> None:
        async with Processor() as processor:
            plain, owner = Plain(), account(processor.url)
            charged = await gateway.charge(plain, owner, charge(), account_id=ACCOUNT)
            looked_up = await gateway.lookup(plain, owner, QUESTION, account_id=ACCOUNT)
            withdrawn = await gateway.withdraw(plain, owner, QUESTION, account_id=ACCOUNT)
            assert [charged.outcome, looked_up.outcome, withdrawn.outcome] == [Approved("ch_1")] * 3
            for follow_up in (gateway.capture, gateway.cancel, gateway.refund):
                assert (await follow_up(plain, owner, CHANGE, account_id=ACCOUNT)).outcome == Done("ch_1")
            for question in (gateway.lookup_change, gateway.withdraw_change):
                assert (await question(plain, owner, QUESTION, account_id=ACCOUNT)).outcome == Done("ch_1")
            assert len(processor.requests) == 8

    async def test_what_would_move_money_and_never_left_is_unprocessed(self, gateway: Gateway) -> None:
        owner = account(closed_port())
        charged = await gateway.charge(Plain(), owner, charge(), account_id=ACCOUNT)
        assert isinstance(charged.outcome, Unprocessed)
        for follow_up in (gateway.capture, gateway.cancel, gateway.refund):
            outcome = (await follow_up(Plain(), owner, CHANGE, account_id=ACCOUNT)).outcome
            assert isinstance(outcome, Unprocessed)

    async def test_a_question_that_never_left_proves_nothing(self, gateway: Gateway) -> None:
        owner = account(closed_port())
        for question in (gateway.lookup, gateway.lookup_change, gateway.withdraw, gateway.withdraw_change):
            outcome = (await question(Plain(), owner, QUESTION, account_id=ACCOUNT)).outcome
            assert isinstance(outcome, Unknown)

    async def test_a_completion_of_which_nothing_left_is_unprocessed(self, gateway: Gateway) -> None:
        """Out of reach, or with nothing to send: the processor waits for the customer as before."""

        class Asking(Plain):
            def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
                if not completion.returned:
                    return Unknown("the customer brought nothing back")
                yield HttpRequest("POST", account.base_url)
                return Unknown("no readable answer")

        async def completed(url: str, **returned: str) -> object:
            asked = Completion("att_1", "ch_1", charge().amount, True, "visa", charge().today, returned)
            return (await gateway.complete(Asking(), account(url), asked, account_id=ACCOUNT)).outcome

        assert isinstance(await completed(closed_port(), result="abc"), Unprocessed)
        async with Processor() as processor:
            assert await completed(processor.url) == Unprocessed("the customer brought nothing back")
            assert await completed(processor.url, result="abc") == Unknown("no readable answer")

    async def test_the_time_of_the_processor_is_told(self, gateway: Gateway) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await asyncio.sleep(0.05)
            await peer.say(reply())

        async with Processor(script) as processor:
            timed = await gateway.charge(Plain(), account(processor.url), charge(), account_id=ACCOUNT)
            assert 50 <= timed.latency_ms < PATIENT_S * 1000


class TestSlots:
    """A slow or dead processor holds its own slots and nobody else's."""

    async def test_a_full_account_is_answered_at_once_and_the_others_go_on(self, gateway: Gateway) -> None:
        async with Processor(_silent) as slow, Processor() as quick:
            waiting = [asyncio.create_task(_charge(gateway, Plain(), slow.url)) for _ in range(SLOTS)]
            await slow.asked(SLOTS)
            started = perf_counter()
            refused = await _charge(gateway, Plain(), slow.url)
            others = [
                await gateway.charge(Plain(), account(quick.url), charge(), account_id=OTHER_ACCOUNT)
                for _ in range(5)
            ]
            assert perf_counter() - started < PATIENT_S / 2
            assert refused == Unprocessed("not sent: the processor account is at capacity")
            assert [other.outcome for other in others] == [Approved("ch_1")] * 5
            assert gateway.in_flight(ACCOUNT) == SLOTS
            assert all(isinstance(outcome, Unknown) for outcome in await _cancelled(waiting))
            assert len(slow.requests) == SLOTS
            assert gateway.in_flight(ACCOUNT) == 0

    async def test_a_question_to_a_full_account_proves_nothing(self, gateway: Gateway) -> None:
        async with Processor(_silent) as slow:
            waiting = [asyncio.create_task(_charge(gateway, Plain(), slow.url)) for _ in range(SLOTS)]
            await slow.asked(SLOTS)
            asked = await gateway.lookup(Plain(), account(slow.url), QUESTION, account_id=ACCOUNT)
            assert isinstance(asked.outcome, Unknown)
            await _cancelled(waiting)

    async def test_a_cancelled_call_gives_its_slot_back(self, gateway: Gateway) -> None:
        async with Processor(_silent) as slow:
            waiting = asyncio.create_task(_charge(gateway, Plain(), slow.url))
            await slow.asked(1)
            waiting.cancel()
            await waiting
            assert gateway.in_flight(ACCOUNT) == 0

    async def test_an_account_may_want_less_time(self, gateway: Gateway) -> None:
        async with Processor(_silent) as processor:
            hurried, started = replace(account(processor.url), timeout_s=PATIENT_S / 100), perf_counter()
            answer = await gateway.charge(Plain(), hurried, charge(), account_id=ACCOUNT)
            assert isinstance(answer.outcome, Unknown)
            assert perf_counter() - started < PATIENT_S / 2

    async def test_the_time_is_for_the_whole_exchange(self, hasty: Gateway) -> None:
        """Three requests that each take less than the limit, and together more."""

        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                await asyncio.sleep(HASTY_S * 0.4)
                await peer.say(reply())

        class Thrice(Plain):
            def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
                yield HttpRequest("GET", account.base_url)
                yield HttpRequest("GET", account.base_url)
                return (yield from super().charge(account, charge))

        async with Processor(script) as processor:
            started = perf_counter()
            assert isinstance(await _charge(hasty, Thrice(), processor.url), Unknown)
            assert perf_counter() - started < PATIENT_S / 2


def _request(account: Account) -> HttpRequest:
    return HttpRequest("POST", f"{account.base_url}/charges", body=b"{}")


def _number(charge: Charge) -> str:
    assert isinstance(charge.source, Card)
    return charge.source.number.reveal()


class _Raises(Plain):
    """Breaks on the reply, quoting a card number in its error as careless code does."""

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        yield _request(account)
        raise KeyError(_number(charge))


class _RaisesFirst(Plain):
    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        raise KeyError(_number(charge))


class _NoGenerator(Plain):
    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        del account, charge
        return cast("Exchange[Outcome]", None)


class _AnswersNothing(Plain):
    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        del charge
        yield _request(account)
        return cast(Outcome, None)


class _YieldsWords(Plain):
    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        del charge
        yield _request(account)
        yield cast(HttpRequest, "POST /charges")
        return Approved("never")


class _NeverEnds(Plain):
    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        del charge
        while True:
            yield _request(account)


class _WillNotClose(Plain):
    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        del charge
        try:
            yield HttpRequest("POST", closed_port())
        finally:
            yield _request(account)
        return Approved("never")


class TestBrokenConnectors:
    """A connector's bug is not the merchant's loss: before sending nothing happened, after it nobody knows."""

    @pytest.mark.parametrize("connector", [_RaisesFirst, _NoGenerator])
    async def test_before_sending(self, gateway: Gateway, connector: Callable[[], Plain]) -> None:
        async with Processor() as processor:
            assert isinstance(await _charge(gateway, connector(), processor.url), Unprocessed)
            assert not processor.requests

    @pytest.mark.parametrize("connector", [_Raises, _AnswersNothing, _YieldsWords])
    async def test_after_sending(self, gateway: Gateway, connector: Callable[[], Plain]) -> None:
        async with Processor() as processor:
            assert isinstance(await _charge(gateway, connector(), processor.url), Unknown)
            assert len(processor.requests) == 1

    async def test_an_exchange_without_an_end_is_ended(self, gateway: Gateway) -> None:
        async with Processor() as processor:
            assert isinstance(await _charge(gateway, _NeverEnds(), processor.url), Unknown)
            assert len(processor.requests) == REQUESTS_MAX

    async def test_one_that_will_not_close_is_left_alone(self, gateway: Gateway) -> None:
        async with Processor() as processor:
            assert isinstance(await _charge(gateway, _WillNotClose(), processor.url), Unprocessed)
            assert not processor.requests

    async def test_a_question_never_answers_that_nothing_happened(self, gateway: Gateway) -> None:
        """The type forbids it; a connector that does it all the same is not believed."""

        class Liar(Plain):
            def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
                del question
                yield _request(account)
                return cast(Evidence, Unprocessed("not found"))

        async with Processor() as processor:
            timed = await gateway.lookup(Liar(), account(processor.url), QUESTION, account_id=ACCOUNT)
            assert isinstance(timed.outcome, Unknown)

    async def test_a_second_request_that_never_left_is_unprocessed(self, gateway: Gateway) -> None:
        """What moves money is the last request of an exchange; it did not leave, and what left before was harmless."""
        nobody = closed_port()

        class Twice(Plain):
            def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
                yield _request(account)
                return (yield from super().charge(Account(nobody, account.credentials), charge))

        async with Processor() as processor:
            assert isinstance(await _charge(gateway, Twice(), processor.url), Unprocessed)
            assert len(processor.requests) == 1


class TestRequests:
    """What a connector says is what is sent, and nothing more."""

    async def test_the_request_is_sent_as_it_was_built(self, gateway: Gateway) -> None:
        async with Processor() as processor:
            await _charge(gateway, Plain(), processor.url)
            head, _, body = processor.requests[0].partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            assert lines[0] == "POST /v1/charges HTTP/1.1"
            assert "Content-Type: application/json" in lines
            assert f"Authorization: Bearer {API_KEY}" in lines
            assert "Accept-Encoding: identity" in lines
            assert body == b'{"amount":4999}'

    @pytest.mark.parametrize("key", ["sk_live\n", "sk\r\nX-Injected: 1", "sk\0"])
    async def test_a_header_cannot_be_broken_open(self, gateway: Gateway, key: str) -> None:
        """A key pasted with its line end is refused before sending, and not on every payment found out again."""

        class Careless(Plain):
            def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
                del charge
                yield HttpRequest("POST", account.base_url, secret_headers={"Authorization": key})
                return Approved("never")

        async with Processor() as processor:
            assert isinstance(await _charge(gateway, Careless(), processor.url), Unprocessed)
            assert processor.connections == 0


class TestLog:
    """One line a request: enough to find it, nothing that must stay secret."""

    @pytest.fixture(autouse=True)
    def _everything(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "recoup.gateway")

    async def test_a_line_names_the_request_and_hides_the_rest(self, gateway: Gateway) -> None:
        class Query(Plain):
            def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
                url = account.base_url.replace("://", "://user:password@")
                yield HttpRequest("GET", f"{url}/charges?card={_number(charge)}")
                return (yield from super().charge(account, charge))

        async with Processor() as processor:
            with capture_logs() as lines:
                await _charge(gateway, Query(), processor.url)
            assert [line["url"] for line in lines] == [f"{processor.url}/charges"] * 2
            assert dict(lines[1]) | {"ms": 0} == {
                "event": "processor_request",
                "log_level": "debug",
                "connector": "plain",
                "verb": "charge",
                "method": "POST",
                "url": f"{processor.url}/charges",
                "answer": 200,
                "ms": 0,
            }
            assert not any(secret in str(lines) for secret in (NUMBER, API_KEY, "password"))

    @pytest.mark.parametrize("connector", [_Raises, _RaisesFirst])
    async def test_a_connectors_error_is_told_by_place_and_not_by_its_words(
        self, gateway: Gateway, connector: Callable[[], Plain]
    ) -> None:
        async with Processor() as processor:
            with capture_logs() as lines:
                timed: Timed[Outcome] = await gateway.charge(
                    connector(), account(processor.url), charge(), account_id=ACCOUNT
                )
            assert "KeyError at test_calls.py:" in str(lines)
            assert NUMBER not in str(lines) + str(timed)
