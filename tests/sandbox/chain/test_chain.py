"""The chain over real connections: routes, silence, stand-in, advices, reversals, and rubbish on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import pytest
from tests.sandbox.town import MASTERCARD, PATIENCE_S, VISA, Shop, new_key

from recoup.connectors.base import iso8583
from recoup.connectors.base.iso8583 import Message
from recoup.db import Database
from recoup.kit.clock import Clock
from recoup.kit.money import Money
from recoup.sandbox.chain.bins import BANKS
from recoup.sandbox.chain.hosts import Host, listening
from recoup.sandbox.chain.issuers import Issuer
from recoup.sandbox.chain.lines import Line
from recoup.sandbox.chain.messages import Advice, AdviceKind, Judgement, Request, request_message
from recoup.sandbox.chain.network import Network
from recoup.sandbox.chain.running import Chain, running
from recoup.sandbox.core.cardfile import identify, name_of
from recoup.sandbox.core.issuer import Approval, Refusal
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.worlds.flow import Holder

BRIEF_S: Final = 0.3
MANY: Final = 40


@pytest.fixture
async def chain(database: Database, shop: Shop) -> AsyncIterator[Chain]:
    async with running(database, shop.town.clock) as chain:
        yield chain


async def a_request(
    shop: Shop,
    card: str | Holder = VISA,
    *,
    key: str | None = None,
    amount: int = 1000,
    currency: str = "USD",
) -> Request:
    """An authorisation of that card, in the shop's world."""
    world = (await shop.summary()).world
    number = card if isinstance(card, str) else card.number.reveal()
    known = identify(number, seed=world.seed, born=world.born, secret=b"")
    expiry = (12, 2030) if isinstance(card, str) else (card.who.exp_month, card.who.exp_year)
    return Request(
        world_id=world.id,
        acquirer=ProcessorName.ALPHA,
        key=key or new_key(),
        card=name_of(known),
        number=number,
        amount=Money(amount, currency),
        exp_month=expiry[0],
        exp_year=expiry[1],
    )


def about(request: Request, kind: AdviceKind, *, key: str | None = None, issuer: str | None = None) -> Advice:
    return Advice(
        kind=kind,
        world_id=request.world_id,
        acquirer=request.acquirer,
        key=key or request.key,
        issuer=issuer,
        card=request.card,
        amount=request.amount,
    )


def approved(judgement: Judgement | None) -> bool:
    return judgement is not None and isinstance(judgement.verdict, Approval)


def word(judgement: Judgement | None) -> str:
    assert judgement is not None and isinstance(judgement.verdict, Refusal), judgement
    return judgement.verdict.codes.code


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what is told in the background."""
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 - the database is asked, nobody tells
            await asyncio.sleep(0.02)


async def waiting(shop: Shop) -> int:
    """How many advices of the shop's world nobody has acknowledged."""
    row = await shop.town.database.fetch_one(
        "select count(*) from sandbox.advices where world_id = %(id)s", {"id": shop.merchant_id}
    )
    assert row is not None
    return int(row["count"])


async def payer(shop: Shop) -> Holder:
    return await shop.holder(predictable=True, currency="USD", balance_min=50_000)


async def test_an_authorisation_goes_to_its_issuer_and_back(shop: Shop, chain: Chain) -> None:
    judgement = await chain.acquirers.authorise(await a_request(shop))
    assert approved(judgement)
    assert judgement is not None and len(judgement.network_transaction_id or "") == 15
    assert word(await chain.acquirers.authorise(await a_request(shop, "4000000000009995"))) == (
        "insufficient_funds"
    )
    assert word(await chain.acquirers.authorise(await a_request(shop, "9999999999999995"))) == (
        "incorrect_number"
    )


async def test_the_account_is_charged_once_however_often_it_is_asked(shop: Shop, chain: Chain) -> None:
    holder = await payer(shop)
    request = await a_request(shop, holder)
    answers = await asyncio.gather(*(chain.acquirers.authorise(request) for _ in range(8)))
    assert len(set(answers)) == 1 and approved(answers[0])
    assert (await shop.again(holder)).balance == holder.balance - 1000


async def test_another_question_under_the_same_key_is_refused(shop: Shop, chain: Chain) -> None:
    key = new_key()
    assert approved(await chain.acquirers.authorise(await a_request(shop, key=key)))
    assert word(await chain.acquirers.authorise(await a_request(shop, MASTERCARD, key=key))) == (
        "duplicate_transaction"
    )
    assert word(await chain.acquirers.authorise(await a_request(shop, key=key, amount=1))) == (
        "duplicate_transaction"
    )


async def test_many_are_under_way_over_one_connection(shop: Shop, chain: Chain) -> None:
    """Each gets its own answer, in whatever order they come back."""
    cards = [VISA, "4000000000009995", MASTERCARD, "4000000000000069"]
    requests = [await a_request(shop, cards[n % 4]) for n in range(MANY)]
    judgements = await asyncio.gather(*(chain.acquirers.authorise(each) for each in requests))
    assert [approved(each) for each in judgements] == [n % 4 in (0, 2) for n in range(MANY)]
    assert {word(each) for each in judgements[1::4]} == {"insufficient_funds"}
    assert {word(each) for each in judgements[3::4]} == {"expired_card"}


async def test_a_reversal_gives_back_once(shop: Shop, chain: Chain) -> None:
    holder = await payer(shop)
    request = await a_request(shop, holder)
    await chain.acquirers.authorise(request)
    for _ in range(3):
        await chain.acquirers.tell(about(request, AdviceKind.REVERSED))
    assert (await shop.again(holder)).balance == holder.balance
    assert word(await chain.acquirers.authorise(request)) == "no_action_taken"


async def test_a_reversal_that_comes_first_is_remembered(shop: Shop, chain: Chain) -> None:
    """It may overtake what it reverses; then that must never be approved."""
    holder = await payer(shop)
    request = await a_request(shop, holder)
    await chain.acquirers.tell(about(request, AdviceKind.REVERSED))
    assert word(await chain.acquirers.authorise(request)) == "no_action_taken"
    assert (await shop.again(holder)).balance == holder.balance


async def test_money_is_given_back_once(shop: Shop, chain: Chain) -> None:
    holder = await payer(shop)
    request = await a_request(shop, holder)
    await chain.acquirers.authorise(request)
    for _ in range(3):
        await chain.acquirers.tell(about(request, AdviceKind.GIVEN_BACK, key="ref_1"))
    assert (await shop.again(holder)).balance == holder.balance


async def test_the_network_stands_in_for_an_issuer_that_is_down(shop: Shop, chain: Chain) -> None:
    """Small amounts pass, a few for each card; the issuer is told when it is back, and the account is charged."""
    holder = await payer(shop)
    requests = [await a_request(shop, holder, amount=amount) for amount in (100, 200, 300, 400, 5001)]
    stopped = [(host, host.port) for host in chain.issuers.values()]
    for host, _ in stopped:
        await host.stop()
    judgements = [await chain.acquirers.authorise(request) for request in requests]
    assert [approved(each) for each in judgements] == [True, True, True, False, False]
    assert word(judgements[3]) == "issuer_not_available"
    assert await chain.acquirers.authorise(requests[0]) == judgements[0], "the same answer again"
    assert (await shop.again(holder)).balance == holder.balance
    for host, port in stopped:
        await host.start(port=port)
    await until(lambda: _no_more_waits(shop))
    assert (await shop.again(holder)).balance == holder.balance - 600


async def _no_more_waits(shop: Shop) -> bool:
    return await waiting(shop) == 0


async def test_nobody_stands_in_for_a_card_that_is_reported(shop: Shop, chain: Chain) -> None:
    holder = await shop.alter(await payer(shop), state="lost")
    for host in chain.issuers.values():
        await host.stop()
    assert word(await chain.acquirers.authorise(await a_request(shop, holder, amount=100))) == (
        "issuer_not_available"
    )
    assert not approved(await chain.acquirers.authorise(await a_request(shop, "4111111111111111", amount=1)))


async def test_a_reversal_of_what_the_network_approved_stays_a_reversal(shop: Shop, chain: Chain) -> None:
    """The advice of the approval may come after it."""
    holder = await payer(shop)
    request = await a_request(shop, holder, amount=100)
    stopped = [(host, host.port) for host in chain.issuers.values()]
    for host, _ in stopped:
        await host.stop()
    assert approved(await chain.acquirers.authorise(request))
    await chain.acquirers.tell(about(request, AdviceKind.REVERSED))
    for host, port in stopped:
        await host.start(port=port)
    await until(lambda: _no_more_waits(shop))
    assert (await shop.again(holder)).balance == holder.balance


class Late:
    """An issuer that decides at once, and answers when it is told to."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self.may_answer = asyncio.Event()

    async def signed_on(self, message: Message) -> bool:
        return await self._issuer.signed_on(message)

    async def answer(self, message: Message) -> Message | None:
        answer = await self._issuer.answer(message)
        if message["t"] == "0100":
            await self.may_answer.wait()
        return answer


@asynccontextmanager
async def behind(database: Database, clock: Clock) -> AsyncIterator[tuple[Network, Late]]:
    """A network whose issuers all answer late."""
    late = Late(Issuer(database, clock))
    async with listening("late", lambda: late) as host:
        line = Line("late", host.url, clock)
        line.open()
        lines = {bank.number: line for bank in BANKS}
        network = Network(database, clock, lines, issuer_timeout_s=BRIEF_S)
        told = asyncio.create_task(network.forwarding.run())
        yield network, late
        told.cancel()
        await asyncio.wait({told})
        late.may_answer.set()
        await line.close()


async def test_what_an_issuer_answers_too_late_is_undone(shop: Shop, database: Database) -> None:
    """It held the money, and the network has declined: the hold is let go of."""
    holder = await payer(shop)
    request = await a_request(shop, holder, amount=6000)
    async with behind(database, shop.town.clock) as (network, _):
        answer = await network.answer(request_message(request, trace=1, sent=shop.town.clock.now()))
        assert answer is not None and answer["39"] == "91"
        await until(lambda: _no_more_waits(shop))
    assert (await shop.again(holder)).balance == holder.balance


async def test_an_issuer_that_approved_as_well_charges_once(shop: Shop, database: Database) -> None:
    holder = await payer(shop)
    request = await a_request(shop, holder, amount=100)
    async with behind(database, shop.town.clock) as (network, _):
        answer = await network.answer(request_message(request, trace=1, sent=shop.town.clock.now()))
        assert answer is not None and answer["39"] == "00"
        await until(lambda: _no_more_waits(shop))
    assert (await shop.again(holder)).balance == holder.balance - 100


async def _speak(host: Host, *frames: bytes) -> list[Message]:
    """Send frames over a connection of one's own, and read what comes until nothing more does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    writer.writelines(iso8583.framed(frame, header_bytes=2) for frame in frames)
    heard: list[Message] = []
    try:
        async with asyncio.timeout(BRIEF_S):
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                message = iso8583.decode(await reader.readexactly(length))
                assert message is not None
                heard.append(message)
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()
    return heard


SIGN_ON: Final = iso8583.encode({"t": "0800", "7": "1122093000", "11": "000001", "70": "001"})
ECHO: Final = iso8583.encode({"t": "0800", "7": "1122093000", "11": "000002", "70": "301"})


async def test_rubbish_on_the_wire_is_dropped(shop: Shop, chain: Chain) -> None:
    host = chain.network
    heard = await _speak(host, SIGN_ON, b"", b"rubbish", b"\xff" * 100, b"0100", SIGN_ON[:-1], ECHO)
    assert [(each["t"], each["11"], each["39"]) for each in heard] == [
        ("0810", "000001", "00"),
        ("0810", "000002", "00"),
    ]
    assert host.garbage == 5
    unfinished = iso8583.encode({"t": "0100", "11": "000003", "37": "ABCDEFGHIJKL", "3": "000000"})
    (_, answer) = await _speak(host, SIGN_ON, unfinished)
    assert (answer["t"], answer["39"]) == ("0110", "30")
    assert approved(await chain.acquirers.authorise(await a_request(shop))), "others go on"


async def test_who_has_not_signed_on_is_not_heard(chain: Chain) -> None:
    assert await _speak(chain.network, ECHO) == []
    assert await _speak(chain.network, b"rubbish", SIGN_ON) == []


async def test_a_world_that_is_none(shop: Shop, chain: Chain) -> None:
    request = await a_request(shop)
    other = Request(
        world_id=UUID(int=1),
        acquirer=request.acquirer,
        key="k",
        card=request.card,
        number=VISA,
        amount=request.amount,
        exp_month=12,
        exp_year=2030,
    )
    assert word(await chain.acquirers.authorise(other)) == "invalid_merchant"
