"""Stripe's connector against `localstripe`, a program that others wrote, through our own gateway.

It runs as a process of its own and knows less than Stripe. Left out for want of it: cards in the clear and challenges
that redirect (its intents take saved methods only), saving a card on the way, decline codes, idempotency keys, search,
marks on captures, and events of refunds and captures. A field that it does not know it refuses; those are taken out of
our requests on the way (`Trimmed`), and nothing else is.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from tests.connectors.conformance import CHARGE_KEY, a_change, a_charge, a_question
from tests.connectors.recorded import KEY

from recoup.connectors.base import (
    Account,
    Authentic,
    Change,
    ChangeKind,
    Charge,
    Delivery,
    Exchange,
    Forged,
    HttpRequest,
    Notice,
    Question,
    Token,
)
from recoup.connectors.stripe import STRIPE, Stripe
from recoup.gateway import Gateway
from recoup.kit.clock import SystemClock
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Declined, Done, Outcome, Refused, Unknown, Withdrawn

OWNER: Final = UUID(int=1)
SECRET: Final = "whsec_of_the_peer"
GOOD: Final = "4242424242424242"
DECLINED_WHEN_CHARGED: Final = "4000000000000341"
PATIENT_S: Final = 30.0
AMOUNT: Final = Money(7321, "EUR")
"""Of the payments whose events are waited for; other tests' events may come late."""
UNKNOWN_FIELDS: Final = ("error_on_requires_action", "return_url", "final_capture")


class Trimmed(Stripe):
    """The connector, less the fields that the peer does not know."""

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        return _trimmed(super().charge(account, charge))

    def capture(self, account: Account, change: Change) -> Exchange[Any]:
        return _trimmed(super().capture(account, change))


def _trimmed(exchange: Exchange[Any]) -> Exchange[Any]:
    try:
        request = next(exchange)
        while True:
            request = exchange.send((yield _less(request)))
    except StopIteration as end:
        return end.value


def _less(request: object) -> HttpRequest:
    assert isinstance(request, HttpRequest)
    is_capture = request.url.endswith("/capture")
    kept = [
        (name, value)
        for name, value in parse_qsl(request.body.decode())
        if name not in UNKNOWN_FIELDS and not (is_capture and name.startswith("metadata"))
    ]
    return replace(request, body=urlencode(kept).encode())


@dataclass(frozen=True, slots=True)
class Peer:
    """The other program."""

    account: Account

    async def post(self, path: str, **fields: str) -> dict[str, Any]:
        """Something that the test does by itself, as a merchant's page would."""
        headers = {"Authorization": f"Bearer {self.account.credential('api_key')}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.account.base_url + path, data=fields, headers=headers) as said,
        ):
            assert said.status == 200, await said.text()
            answer: dict[str, Any] = await said.json() if said.content_type == "application/json" else {}
            return answer

    async def method(self, number: str) -> Token:
        """A card saved by a page of Stripe's."""
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2031", "card[cvc]": "123"}
        return Token(Secret((await self.post("/v1/payment_methods", type="card", **card))["id"]))


OWN_STATE: Final = """
import sys
from localstripe import resources, server
state = sys.argv.pop(1)
resources.open = lambda path, mode: open(state, mode)
server.start()
"""
"""It keeps what it knows in one file for the whole machine, which another user may own: here, in a file of its own."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    state = str(tmp_path_factory.mktemp("localstripe") / "state")
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-c", OWN_STATE, state, "--from-scratch", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        asyncio.run(_ready(process, port))
        credentials = {"api_key": "sk_test_12345", "webhook_secret": SECRET, "multicapture": "yes"}
        yield Peer(
            Account(f"http://127.0.0.1:{port}", {name: Secret(it) for name, it in credentials.items()})
        )
    finally:
        process.terminate()
        process.wait(PATIENT_S)


async def _ready(process: subprocess.Popen[bytes], port: int) -> None:
    async with asyncio.timeout(PATIENT_S):
        while True:
            assert process.poll() is None, "the peer ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@pytest.fixture
async def peer(served: Peer) -> Peer:
    return served


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(
        now=SystemClock().now,
        timeout_s=PATIENT_S,
        connect_timeout_s=PATIENT_S / 2,
        in_flight_per_account_max=3,
    ) as gateway:
        yield gateway


CONNECTOR: Final = Trimmed()


async def charged(gateway: Gateway, peer: Peer, *, number: str = GOOD, **changes: Any) -> Outcome:
    charge = a_charge(source=await peer.method(number), **changes)
    return (await gateway.charge(CONNECTOR, peer.account, charge, account_id=OWNER)).outcome


async def approved(gateway: Gateway, peer: Peer, **changes: Any) -> Approved:
    outcome = await charged(gateway, peer, **changes)
    assert isinstance(outcome, Approved), outcome
    return outcome


def about(charge: str, verb: str = "lookup", **changes: Any) -> Question:
    return replace(a_question(verb, charge), **changes)


class TestMoney:
    """Charge, hold, capture, let go, give back."""

    async def test_a_charge_is_approved_and_found_again(self, gateway: Gateway, peer: Peer) -> None:
        outcome = await approved(gateway, peer)
        assert outcome.captured
        asked = about(outcome.reference, reference=outcome.reference)
        found = (await gateway.lookup(CONNECTOR, peer.account, asked, account_id=OWNER)).outcome
        assert found == outcome

    @pytest.mark.parametrize("amount", [Money(4990, "JPY"), Money(500, "ISK"), Money(4990, "KWD")])
    async def test_amounts_come_back_as_they_were_meant(
        self, gateway: Gateway, peer: Peer, amount: Money
    ) -> None:
        assert (await approved(gateway, peer, amount=amount)).captured

    async def test_a_saved_method_is_charged_off_session(self, gateway: Gateway, peer: Peer) -> None:
        token = await peer.method(GOOD)
        customer = (await peer.post("/v1/customers", email="wilhelmina@example.com"))["id"]
        await peer.post(f"/v1/payment_methods/{token.value.reveal()}/attach", customer=customer)
        charge = a_charge(source=replace(token, customer=customer), initiator="merchant")
        outcome = (await gateway.charge(CONNECTOR, peer.account, charge, account_id=OWNER)).outcome
        assert isinstance(outcome, Approved)

    async def test_a_decline_is_a_decline(self, gateway: Gateway, peer: Peer) -> None:
        outcome = await charged(gateway, peer, number=DECLINED_WHEN_CHARGED)
        assert isinstance(outcome, Declined)
        assert (outcome.decline.code, outcome.decline.processor_code) == ("generic_decline", "card_declined")

    async def test_a_hold_is_captured_in_part(self, gateway: Gateway, peer: Peer) -> None:
        hold = await approved(gateway, peer, capture=False)
        assert not hold.captured
        change = a_change(hold.reference, final=True)
        done = (await gateway.capture(CONNECTOR, peer.account, change, account_id=OWNER)).outcome
        assert done == Done(hold.reference)
        asked = about(hold.reference, reference=hold.reference)
        found = (await gateway.lookup(CONNECTOR, peer.account, asked, account_id=OWNER)).outcome
        assert isinstance(found, Approved)
        assert found.captured

    async def test_a_hold_is_let_go(self, gateway: Gateway, peer: Peer) -> None:
        hold = await approved(gateway, peer, capture=False)
        change = a_change(hold.reference, whole=True)
        done = (await gateway.cancel(STRIPE, peer.account, change, account_id=OWNER)).outcome
        assert done == Done(hold.reference)
        asked = about(hold.reference, "lookup_change", change=ChangeKind.CANCEL)
        found = (await gateway.lookup_change(STRIPE, peer.account, asked, account_id=OWNER)).outcome
        assert found == done
        again = (await gateway.cancel(STRIPE, peer.account, change, account_id=OWNER)).outcome
        assert isinstance(again, Refused)

    async def test_a_part_is_given_back_and_found_again(self, gateway: Gateway, peer: Peer) -> None:
        charge = await approved(gateway, peer)
        change = a_change(charge.reference)
        done = (await gateway.refund(STRIPE, peer.account, change, account_id=OWNER)).outcome
        assert isinstance(done, Done)
        asked = about(charge.reference, "lookup_change", change=ChangeKind.REFUND)
        found = (await gateway.lookup_change(STRIPE, peer.account, asked, account_id=OWNER)).outcome
        assert found == done
        other = replace(asked, key=CHARGE_KEY)
        unknown = (await gateway.lookup_change(STRIPE, peer.account, other, account_id=OWNER)).outcome
        assert isinstance(unknown, Unknown)

    async def test_what_cannot_be_asked_for_by_key_proves_nothing(self, gateway: Gateway, peer: Peer) -> None:
        found = (await gateway.lookup(STRIPE, peer.account, about("-"), account_id=OWNER)).outcome
        assert isinstance(found, Unknown)

    async def test_what_burns_a_key_is_a_payment_that_can_be_ended(
        self, gateway: Gateway, peer: Peer
    ) -> None:
        asked = about("-", sent_at=SystemClock().now())
        said = (await gateway.withdraw(STRIPE, peer.account, asked, account_id=OWNER)).outcome
        assert isinstance(said, Withdrawn)


@pytest.fixture
async def came(peer: Peer) -> AsyncIterator[asyncio.Queue[Delivery]]:
    """What the peer sends to an address of ours."""
    queue: asyncio.Queue[Delivery] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        await queue.put(Delivery(headers, await request.read(), SystemClock().now(), str(request.url)))
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhooks", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        await peer.post("/_config/webhooks/ours", url=f"{site.name}/webhooks", secret=SECRET)
        yield queue
    finally:
        await runner.cleanup()


async def heard(gateway: Gateway, peer: Peer, delivery: Delivery) -> Notice:
    """What an event says, once it is proved to be the peer's, and a changed one is refused."""
    verdict = (await gateway.authenticate(STRIPE, peer.account, delivery, account_id=OWNER)).outcome
    assert isinstance(verdict, Authentic)
    forged = replace(delivery, body=delivery.body + b" ")
    refused = await gateway.authenticate(STRIPE, peer.account, forged, account_id=OWNER)
    assert isinstance(refused.outcome, Forged)
    (notice,) = STRIPE.notices(peer.account, delivery)
    assert notice.event_id == verdict.delivery_id
    return notice


class TestEvents:
    """What the peer sends by itself, signed by itself."""

    async def test_its_events_are_authentic_and_say_what_happened(
        self, gateway: Gateway, peer: Peer, came: asyncio.Queue[Delivery]
    ) -> None:
        good = await approved(gateway, peer, amount=AMOUNT)
        await charged(gateway, peer, number=DECLINED_WHEN_CHARGED, amount=AMOUNT)
        says: dict[str, Notice] = {}
        async with asyncio.timeout(PATIENT_S):
            while len(says) < 2:
                notice = await heard(gateway, peer, await came.get())
                says |= {type(notice.meaning).__name__: notice} if notice.amount == AMOUNT else {}
        assert says.keys() == {"Approved", "Declined"}
        assert says["Approved"].reference == good.reference
        assert {notice.key for notice in says.values()} == {KEY}
