"""Recoup's links against an acquirer that others' code speaks for: the npm package `iso_8583`, over real TCP.

It needs Node.js with npm, which Recoup itself does not; where there is none, this file says so and is skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from tests.gateway.links import LINK, account, charge, key, question, quicker
from tests.gateway.processors import ACCOUNT, PATIENT_S

from recoup.connectors.base import (
    Account,
    Card,
    Change,
    ChangeKind,
    Charge,
    Initiator,
    Question,
    Verification,
)
from recoup.gateway import Gateway
from recoup.kit.clock import SystemClock
from recoup.kit.ids import Kind
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Declined, Done, Outcome, Refused, Unknown, Unprocessed, Withdrawn

HOST: Final = Path(__file__).parent / "host_iso8583"
NODE: Final = shutil.which("node")
SIGN_ON_KEY: Final = "no-real-sign-on-key-0000"
HASTY_S: Final = 0.5

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NODE is None, reason="NODE.JS IS MISSING: no acquirer by others' code was spoken to"),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host with its packages, as its lock file has them."""
    npm = shutil.which("npm")
    assert npm, "Node.js is here without npm: install npm, or take Node.js away to skip this file"
    folder = tmp_path_factory.mktemp("host_iso8583")
    for file in ("package.json", "package-lock.json", "host.js"):
        shutil.copy(HOST / file, folder)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"npm could not install the host's packages: {done.stderr}"
    return folder


@dataclass(frozen=True, slots=True)
class Acquirer:
    """The running host."""

    process: asyncio.subprocess.Process
    port: int

    async def said(self, line: str = "") -> Mapping[str, Any]:
        """Its state, after doing what the line says."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{line}\n".encode())
        return json.loads(await self.process.stdout.readline())  # type: ignore[no-any-return]

    async def charge(self, number: int) -> Mapping[str, Any]:
        """What it knows of a charge."""
        state = await self.said()
        return next(one for one in state["charges"].values() if one["key"] == key(number))

    def account(self, *, timeout_s: float | None = None, sign_on_key: str = SIGN_ON_KEY) -> Account:
        """An account at it."""
        return account(f"tcp://127.0.0.1:{self.port}", timeout_s=timeout_s, sign_on_key=sign_on_key)


@pytest.fixture
async def acquirer(installed: Path) -> AsyncIterator[Acquirer]:
    assert NODE
    pipe = asyncio.subprocess.PIPE
    environ = {"PATH": os.environ["PATH"]}
    process = await asyncio.create_subprocess_exec(
        NODE, "host.js", SIGN_ON_KEY, cwd=installed, stdin=pipe, stdout=pipe, env=environ, limit=1 << 20
    )
    assert process.stdin and process.stdout
    try:
        first = json.loads(await process.stdout.readline())
        acquirer = Acquirer(process, first["port"])
        yield acquirer
        assert (await acquirer.said())["invalid"] == [], "every message is one to the other library"
    finally:
        process.stdin.close()
        await process.wait()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(
        now=SystemClock().now,
        timeout_s=PATIENT_S,
        connect_timeout_s=PATIENT_S / 2,
        in_flight_per_account_max=64,
        pace=quicker(repeat_after_s=0.2),
    ) as gateway:
        yield gateway


@dataclass(frozen=True, slots=True)
class Merchant:
    """Somebody with an account at the acquirer."""

    gateway: Gateway
    at: Account

    async def charge(self, number: int, minor: int, *, capture: bool = True) -> Outcome:
        asked = charge(number, minor=minor, capture=capture)
        return (await self.gateway.charge(LINK, self.at, asked, account_id=ACCOUNT)).outcome

    async def approved(self, number: int, minor: int, *, capture: bool = True) -> str:
        """The reference of a charge that is approved."""
        outcome = await self.charge(number, minor, capture=capture)
        assert isinstance(outcome, Approved), outcome
        return outcome.reference

    async def change(self, kind: ChangeKind, change: Change) -> object:
        verb = getattr(self.gateway, kind.value)
        return (await verb(LINK, self.at, change, account_id=ACCOUNT)).outcome

    async def withdraw(self, asked: Question) -> object:
        return (await self.gateway.withdraw(LINK, self.at, asked, account_id=ACCOUNT)).outcome

    async def withdraw_change(self, asked: Question) -> object:
        return (await self.gateway.withdraw_change(LINK, self.at, asked, account_id=ACCOUNT)).outcome


@pytest.fixture
def merchant(gateway: Gateway, acquirer: Acquirer) -> Merchant:
    return Merchant(gateway, acquirer.account())


@pytest.fixture
def hasty(gateway: Gateway, acquirer: Acquirer) -> Merchant:
    """One who waits half a second for an answer."""
    return Merchant(gateway, acquirer.account(timeout_s=HASTY_S))


def a_change(number: int, of: int, reference: str, minor: int, *, final: bool = True) -> Change:
    kind = {1: Kind.CAPTURE, 2: Kind.CANCELLATION, 3: Kind.REFUND}[number // 100]
    amount = Money(minor, "EUR")
    return Change(key(number, kind), key(of), reference, amount, whole=False, final=final)


async def test_a_sale_is_approved(merchant: Merchant, acquirer: Acquirer) -> None:
    outcome = await merchant.charge(1, 4900)
    assert isinstance(outcome, Approved)
    assert outcome.captured
    assert outcome.network_transaction_id == f"4815162342{outcome.reference.split('-')[2]}"
    assert (outcome.checks.address, outcome.checks.cvc) == ("unavailable", "fail")
    assert await acquirer.charge(1) == {
        "key": key(1),
        "amount": 4900,
        "taken": 4900,
        "refunded": 0,
        "open": False,
        "reversed": False,
        "entry": "812",
        "since": None,
    }


@pytest.mark.parametrize(
    ("minor", "code", "advice", "hardness"),
    [
        (1051, "insufficient_funds", "30", "soft"),
        (1005, "do_not_honor", "03", "hard"),
        (1054, "expired_card", None, "hard"),
    ],
)
async def test_a_decline_comes_with_all_its_codes(
    merchant: Merchant, minor: int, code: str, advice: str | None, hardness: str
) -> None:
    outcome = await merchant.charge(1, minor)
    assert isinstance(outcome, Declined)
    said = outcome.decline
    assert (said.code, said.network_advice_code, said.hardness) == (code, advice, hardness)


async def test_a_merchants_payment_names_what_the_customer_agreed_to(
    gateway: Gateway, acquirer: Acquirer
) -> None:
    asked = Charge(
        key(1),
        key(1, Kind.PAYMENT),
        Money(990, "JPY"),
        Card(Secret("4242424242424242"), 1, 2032, "visa"),
        capture=True,
        initiator=Initiator.MERCHANT,
        today=charge().today,
        network_transaction_id="481516234200001",
    )
    outcome = (await gateway.charge(LINK, acquirer.account(), asked, account_id=ACCOUNT)).outcome
    assert isinstance(outcome, Approved)
    known = await acquirer.charge(1)
    assert (known["entry"], known["since"], known["amount"]) == ("102", "481516234200001", 990)


async def test_a_card_is_checked_without_money(gateway: Gateway, acquirer: Acquirer) -> None:
    asked = Verification(
        key(1),
        "EUR",
        Card(Secret("4242424242424242"), 1, 2032, "visa", cvc=Secret("737")),
        today=charge().today,
    )
    outcome = (await gateway.verify(LINK, acquirer.account(), asked, account_id=ACCOUNT)).outcome
    assert isinstance(outcome, Approved)
    assert (outcome.captured, outcome.checks.cvc) == (False, "pass")
    assert (await acquirer.said())["charges"] == {}


async def test_held_taken_in_parts_and_given_back(merchant: Merchant, acquirer: Acquirer) -> None:
    held = await merchant.approved(1, 9900, capture=False)
    for number, minor, final in ((100, 4000, False), (101, 5000, True)):
        taken = await merchant.change(ChangeKind.CAPTURE, a_change(number, 1, held, minor, final=final))
        assert isinstance(taken, Done)
    more = await merchant.change(ChangeKind.CAPTURE, a_change(102, 1, held, 100))
    assert more == Refused("13", "The acquirer refused with response code 13.")
    assert isinstance(await merchant.change(ChangeKind.REFUND, a_change(300, 1, held, 3000)), Done)
    assert isinstance(await merchant.change(ChangeKind.REFUND, a_change(301, 1, held, 9000)), Refused)
    known = await acquirer.charge(1)
    assert (known["taken"], known["refunded"], known["open"]) == (9000, 3000, False)


async def test_held_and_let_go(merchant: Merchant, acquirer: Acquirer) -> None:
    held = await merchant.approved(1, 9900, capture=False)
    assert isinstance(await merchant.change(ChangeKind.CANCEL, a_change(200, 1, held, 9900)), Done)
    assert (await acquirer.charge(1))["reversed"]


async def test_letting_go_of_the_rest_keeps_what_was_taken(merchant: Merchant, acquirer: Acquirer) -> None:
    held = await merchant.approved(1, 9900, capture=False)
    await merchant.change(ChangeKind.CAPTURE, a_change(100, 1, held, 4000, final=False))
    assert isinstance(await merchant.change(ChangeKind.CANCEL, a_change(200, 1, held, 5900)), Done)
    known = await acquirer.charge(1)
    assert (known["taken"], known["open"], known["reversed"]) == (4000, False, False)


async def test_an_answer_that_never_comes_leads_to_a_reversal(
    merchant: Merchant, hasty: Merchant, acquirer: Acquirer
) -> None:
    """The acquirer carried it out, and does not hear the first reversal either."""
    await merchant.approved(2, 4900)
    assert isinstance(await hasty.charge(1, 4968), Unknown)
    assert (await acquirer.charge(1))["taken"] == 4968
    asked = Question(key(1), "visa", charge().today, amount=Money(4968, "EUR"))
    assert isinstance(await merchant.withdraw(asked), Withdrawn)
    assert (await acquirer.charge(1))["reversed"]
    assert not (await acquirer.charge(2))["reversed"]
    assert (await acquirer.said())["heard"] == ["0800", "0200", "0200", "0420", "0421"]


async def test_a_reversed_charge_is_not_approved_when_it_comes_after_all(
    merchant: Merchant, hasty: Merchant, acquirer: Acquirer
) -> None:
    await merchant.approved(2, 4900)
    assert isinstance(await hasty.charge(1, 4969), Unknown)
    assert isinstance(await merchant.withdraw(question(1)), Withdrawn)
    state = await acquirer.said("deliver")
    assert (len(state["charges"]), len(state["refused"])) == (1, 1)


async def test_a_reversal_takes_back_a_capture_and_nothing_else(
    merchant: Merchant, hasty: Merchant, acquirer: Acquirer
) -> None:
    held = await merchant.approved(1, 9900, capture=False)
    capture = a_change(100, 1, held, 4968, final=False)
    assert isinstance(await hasty.change(ChangeKind.CAPTURE, capture), Unknown)
    assert (await acquirer.charge(1))["taken"] == 4968
    asked = Question(capture.key, "visa", charge().today)
    assert isinstance(await merchant.withdraw_change(asked), Withdrawn)
    known = await acquirer.charge(1)
    assert (known["taken"], known["open"], known["reversed"]) == (0, True, False)
    assert isinstance(await merchant.change(ChangeKind.CAPTURE, a_change(101, 1, held, 9900)), Done)


async def test_an_unknown_cancellation_is_finished(merchant: Merchant, acquirer: Acquirer) -> None:
    held = await merchant.approved(1, 9900, capture=False)
    unsure = a_change(200, 1, held, 9900)
    asked = Question(
        unsure.key,
        "visa",
        charge().today,
        amount=unsure.amount,
        charge_key=unsure.charge_key,
        charge_reference=unsure.charge_reference,
    )
    assert isinstance(await merchant.withdraw_change(asked), Done)
    assert (await acquirer.charge(1))["reversed"]


async def test_ten_under_way_on_one_connection_answered_backwards(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    numbers = range(1, 11)
    outcomes = await asyncio.gather(*(merchant.charge(number, number * 100 + 20) for number in numbers))
    for number, outcome in zip(numbers, outcomes, strict=True):
        assert isinstance(outcome, Approved)
        assert outcome.reference.endswith(f"-{number * 100 + 20}")
        assert (await acquirer.charge(number))["amount"] == number * 100 + 20
    assert (await acquirer.said())["connections"] == 1


async def test_signed_on_echoed_and_signed_off(acquirer: Acquirer) -> None:
    async with Gateway(
        now=SystemClock().now,
        timeout_s=PATIENT_S,
        connect_timeout_s=5,
        in_flight_per_account_max=1,
        pace=quicker(echo_after_s=0.1),
    ) as gateway:
        await Merchant(gateway, acquirer.account()).approved(1, 4900)
        async with asyncio.timeout(PATIENT_S):
            while "301" not in (await acquirer.said())["network"]:
                pass
        await Merchant(gateway, acquirer.account()).approved(2, 4900)
    state = await acquirer.said()
    assert state["connections"] == 1
    assert (state["network"][0], state["network"][-1]) == ("001", "002")
    assert set(state["network"][1:-1]) == {"301"}


async def test_a_wrong_key_is_not_signed_on(gateway: Gateway, acquirer: Acquirer) -> None:
    stranger = Merchant(gateway, acquirer.account(sign_on_key="another"))
    outcome = await stranger.charge(1, 4900)
    assert isinstance(outcome, Unprocessed)
    assert (await acquirer.said())["heard"] == ["0800"]
