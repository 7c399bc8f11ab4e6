"""The acquirer host: every verb over a link, each done once under its key, and a reversal that holds."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from tests.connectors.conformance import an_authentication
from tests.gateway.links import key
from tests.sandbox.town import MASTERCARD, PATIENCE_S, START, VISA, Shop, a_charge

from recoup.connectors.base import Account, Change, ChangeKind, Question, Verification, iso8583
from recoup.connectors.registry import CONNECTORS
from recoup.kit.ids import Kind
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Declined, Done, Outcome, Refused, Unknown, Unprocessed, Withdrawn
from recoup.sandbox.chain.hosts import listening
from recoup.sandbox.core.faults import FaultKind, Verb
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.flow import Processors
from recoup.sandbox.link import Caller
from recoup.sandbox.worlds.flow import Holder

LINK: Final = CONNECTORS["iso8583"]
AT_ONCE: Final = 6
_numbers: Final = itertools.count(1)


@dataclass(frozen=True)
class Terminal:
    """A merchant's end of the link."""

    shop: Shop
    account: Account

    async def charge(self, number: str | Holder = VISA, **given: Any) -> Outcome:
        charge = a_charge(number, **{"key": new_key(), **given})
        timed = await self.shop.gateway.charge(LINK, self.account, charge, account_id=self.shop.merchant_id)
        return timed.outcome

    async def change(self, verb: str, of: str, outcome: Outcome, amount: int, **given: Any) -> Any:
        reference = getattr(outcome, "reference", "")
        kind = {"capture": Kind.CAPTURE, "refund": Kind.REFUND}.get(verb, Kind.CANCELLATION)
        change = Change(given.get("key") or new_key(kind), of, reference, Money(amount, "USD"))
        asked = getattr(self.shop.gateway, verb)
        return (await asked(LINK, self.account, change, account_id=self.shop.merchant_id)).outcome

    async def withdraw(self, key: str, *, change: ChangeKind | None = None) -> Any:
        question = Question(key, "visa", START.date(), amount=Money(1000, "USD"), change=change)
        gateway = self.shop.gateway
        asked = gateway.withdraw if change is None else gateway.withdraw_change
        return (await asked(LINK, self.account, question, account_id=self.shop.merchant_id)).outcome


def new_key(kind: Kind = Kind.ATTEMPT) -> str:
    return key(next(_numbers), kind)


@pytest.fixture
async def terminal(shop: Shop) -> AsyncIterator[Terminal]:
    town = shop.town
    processors = Processors(town.database, town.clock, town.chain.acquirers)
    async with listening("acquirer", lambda: Caller(processors)) as host:
        sign_on_key = await town.worlds.link_key(shop.merchant_id)
        told = {"acquirer_id": "100001", "terminal_id": "SANDBOX1", "merchant_id": "SANDBOX"}
        credentials = {name: Secret(value) for name, value in told.items()} | {"sign_on_key": sign_on_key}
        yield Terminal(shop, Account(host.url, credentials))


async def payer(shop: Shop) -> Holder:
    return await shop.holder(predictable=True, currency="USD", balance_min=50_000)


async def test_charges_and_declines(terminal: Terminal) -> None:
    approved = await terminal.charge(postal_code="12345")
    assert isinstance(approved, Approved)
    assert approved.captured and approved.network_transaction_id
    assert (approved.checks.cvc, approved.checks.postal_code) == ("pass", "pass")
    declined = await terminal.charge("4000000000009995")
    assert isinstance(declined, Declined)
    assert (declined.decline.code, declined.decline.network_code) == ("insufficient_funds", "51")
    assert await terminal.shop.counts() == (2, 1, 0)


async def test_a_mastercard_decline_carries_its_advice(terminal: Terminal) -> None:
    holder = await terminal.shop.holder(brand="mastercard", currency="USD", predictable=True)
    broke = await terminal.shop.alter(holder, balance=0)
    charge = await terminal.charge(broke)
    assert isinstance(charge, Declined)
    assert charge.decline.network_advice_code in {"24", "25", "26", "27", "28", "29", "30"}


async def test_many_at_once_over_one_connection(terminal: Terminal) -> None:
    cards = [VISA, "4000000000009995", MASTERCARD]
    outcomes = await asyncio.gather(
        *(terminal.charge(cards[n % 3], payment=f"pay_{n}") for n in range(AT_ONCE * 3))
    )
    assert [isinstance(each, Approved) for each in outcomes] == [n % 3 != 1 for n in range(AT_ONCE * 3)]


async def test_held_captured_let_go_of_and_refunded(terminal: Terminal) -> None:
    shop, holder = terminal.shop, await payer(terminal.shop)
    of = new_key()
    held = await terminal.charge(holder, key=of, capture=False)
    assert isinstance(held, Approved) and not held.captured
    assert isinstance(await terminal.change("capture", of, held, 600), Done)
    assert isinstance(await terminal.change("cancel", of, held, 400), Done)
    refund = new_key(Kind.REFUND)
    for _ in range(2):
        assert isinstance(await terminal.change("refund", of, held, 100, key=refund), Done)
    assert isinstance(await terminal.change("refund", of, held, 501), Refused)
    counts = (await shop.summary()).counts
    assert (counts.captured, counts.released, counts.refunded) == ({"USD": 600}, {"USD": 400}, {"USD": 100})
    assert (await shop.again(holder)).balance == holder.balance - 500


async def test_a_reversal_undoes_a_charge_and_stays(terminal: Terminal) -> None:
    shop, holder, of = terminal.shop, await payer(terminal.shop), new_key()
    assert isinstance(await terminal.charge(holder, key=of), Approved)
    for _ in range(2):
        assert isinstance(await terminal.withdraw(of), Withdrawn)
    assert (await shop.again(holder)).balance == holder.balance
    again = await terminal.charge(holder, key=of)
    assert isinstance(again, Declined | Unprocessed)
    assert (await shop.again(holder)).balance == holder.balance
    assert (await shop.counts())[1:] == (0, 0)


async def test_a_reversal_that_comes_first_holds(terminal: Terminal) -> None:
    of = new_key()
    assert isinstance(await terminal.withdraw(of), Withdrawn)
    assert not isinstance(await terminal.charge(key=of), Approved)
    assert await terminal.shop.counts() == (0, 0, 0)


async def test_a_reversal_undoes_a_refund(terminal: Terminal) -> None:
    shop, holder = terminal.shop, await payer(terminal.shop)
    of, refund = new_key(), new_key(Kind.REFUND)
    charged = await terminal.charge(holder, key=of)
    assert isinstance(await terminal.change("refund", of, charged, 1000, key=refund), Done)
    assert (await shop.again(holder)).balance == holder.balance
    assert isinstance(await terminal.withdraw(refund, change=ChangeKind.REFUND), Withdrawn)
    assert (await shop.again(holder)).balance == holder.balance - 1000
    assert (await shop.summary()).counts.refunded == {"USD": 0}


async def test_what_was_done_with_since_is_not_undone(terminal: Terminal) -> None:
    """The acquirer does not acknowledge: nobody may believe that it is."""
    of = new_key()
    held = await terminal.charge(key=of, capture=False)
    await terminal.change("capture", of, held, 600)
    assert isinstance(await terminal.withdraw(of), Unknown)
    assert (await terminal.shop.summary()).counts.captured == {"USD": 600}


async def test_a_customer_cannot_authenticate_over_a_link(terminal: Terminal) -> None:
    outcome = await terminal.charge("4000002500003155")
    assert isinstance(outcome, Declined)
    assert outcome.decline.network_code == "1A"
    assert await terminal.shop.counts() == (1, 0, 0)


async def test_one_who_did_elsewhere_need_not(terminal: Terminal) -> None:
    assert isinstance(await terminal.charge("4000002500003155", authentication=an_authentication()), Approved)
    assert await terminal.shop.counts() == (1, 1, 0)


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER, FaultKind.GARBAGE, FaultKind.HALF_REPLY])
async def test_what_gets_lost_is_silence(terminal: Terminal, kind: FaultKind) -> None:
    hasty = replace(terminal, shop=terminal.shop.impatient)
    await terminal.shop.fault(kind, processor=ProcessorName.ALPHA)
    of = new_key()
    assert isinstance(await hasty.charge(key=of), Unknown)
    assert isinstance(await terminal.withdraw(of), Withdrawn)
    assert (await terminal.shop.counts())[1:] == (0, 0)


async def test_a_reversal_that_is_turned_away_acknowledges_nothing(terminal: Terminal) -> None:
    of = new_key()
    await terminal.charge(key=of)
    await terminal.shop.fault(FaultKind.OUTAGE, processor=ProcessorName.ALPHA, on=Verb.WITHDRAW)
    hasty = replace(terminal, shop=terminal.shop.impatient)
    assert isinstance(await hasty.withdraw(of), Unknown)
    assert await terminal.shop.counts() == (1, 1, 0)
    assert isinstance(await terminal.withdraw(of), Withdrawn)


async def test_an_outage_is_a_decline_and_nothing_was_done(terminal: Terminal) -> None:
    await terminal.shop.fault(FaultKind.OUTAGE, processor=ProcessorName.ALPHA)
    outcome = await terminal.charge()
    assert isinstance(outcome, Declined)
    assert outcome.decline.network_code == "91"
    assert await terminal.shop.counts() == (0, 0, 0)


@pytest.mark.parametrize(("number", "good"), [(VISA, True), ("4000000000000002", False)])
async def test_a_card_is_verified(terminal: Terminal, number: str, good: bool) -> None:
    card = a_charge(number).source
    asked = Verification(new_key(), "USD", card, START.date())
    shop = terminal.shop
    timed = await shop.gateway.verify(LINK, terminal.account, asked, account_id=shop.merchant_id)
    assert isinstance(timed.outcome, Approved if good else Declined)
    assert await shop.counts() == (0, 0, 0)


@pytest.mark.parametrize("name", ["sign_on_key", "acquirer_id"])
async def test_who_may_not_sign_on_charges_nothing(terminal: Terminal, name: str) -> None:
    wrong = {**terminal.account.credentials, name: Secret("999999")}
    stranger = replace(terminal, account=Account(terminal.account.base_url, wrong))
    assert isinstance(await stranger.charge(), Unprocessed)
    assert await terminal.shop.counts() == (0, 0, 0)


async def test_a_link_key_opens_its_own_world_only(shop: Shop) -> None:
    """It is another key than the API key, short enough for a link, and opens the same door."""
    other = await shop.town.shop()
    own = (await shop.town.worlds.link_key(shop.merchant_id)).reveal()
    assert len(own) == 64 and own != (await shop.town.worlds.link_key(other.merchant_id)).reveal()
    for forged in (own[:-1] + ("0" if own[-1] != "0" else "1"), own[:30], "lnk_", "sbx_" + own[4:]):
        reply = await shop.http("GET", "/alpha/operations/none", api_key=forged)
        assert reply.status == 401
    assert (await shop.http("GET", "/alpha/operations/none", api_key=own)).status == 404


async def test_messages_that_are_not_whole_are_refused(terminal: Terminal) -> None:
    port = int(terminal.account.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sign_on_key = terminal.account.credentials["sign_on_key"].reveal()
    told = {"t": "0800", "7": "1122093000", "11": "000001", "32": "100001", "70": "001"}
    head = {"7": "1122093000", "11": "000002", "32": "100001", "37": "ABCDEFGHIJKL"}
    keyed = {**head, "48": iso8583.joined({"01": "k"})}
    messages = [
        {**told, "48": iso8583.joined({"20": sign_on_key})},
        {"t": "0200", **head},
        {"t": "0200", **keyed, "3": "000000"},
        {"t": "0200", **keyed, "3": "200000"},
        {"t": "0600", **keyed},
        {"t": "0420", **head, "32": "7"},
    ]
    writer.writelines(iso8583.framed(iso8583.encode(each), header_bytes=2) for each in messages)
    codes = []
    async with asyncio.timeout(PATIENCE_S):
        for _ in messages:
            length = int.from_bytes(await reader.readexactly(2), "big")
            codes.append((iso8583.decode(await reader.readexactly(length)) or {})["39"])
    writer.close()
    assert codes == ["00", *["30"] * 5]
