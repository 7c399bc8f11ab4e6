"""Every fault, over real sockets: what the gateway makes of it, and what really happened."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import monotonic

import pytest
from tests.sandbox.town import MASTERCARD, VISA, Shop, body, new_key

from recoup.connectors.base import Initiator
from recoup.outcomes.core import Approved, Declined, Done, Pending, Refused, Unknown, Unprocessed, Withdrawn
from recoup.sandbox.core.faults import (
    AT_THE_DOOR,
    FITS,
    ON_THE_WAY_BACK,
    OVERRULING,
    WALL_DELAY_MAX_S,
    FaultKind,
    Verb,
)
from recoup.sandbox.core.processors import ProcessorName

REFUSED = (FaultKind.OUTAGE, FaultKind.RATE_LIMITED)
LOST = (FaultKind.TIMEOUT_BEFORE_PROCESSING, FaultKind.RESET_BEFORE)
HAPPENED = (
    FaultKind.TIMEOUT_AFTER_SUCCESS,
    FaultKind.RESET_AFTER,
    FaultKind.GARBAGE,
    FaultKind.HALF_REPLY,
)
CHANGES = ("capture", "cancel", "refund")


def test_every_fault_has_a_place() -> None:
    assert set(FITS) == set(FaultKind)
    assert not AT_THE_DOOR & ON_THE_WAY_BACK
    assert {*REFUSED, *LOST, FaultKind.LATE_ARRIVAL} == AT_THE_DOOR
    assert {*HAPPENED, FaultKind.SLOW} == ON_THE_WAY_BACK


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_refusal_at_the_door_is_certain(shop: Shop, kind: FaultKind) -> None:
    key = new_key()
    await shop.fault(kind)
    assert isinstance(await shop.charge(key=key), Unprocessed)
    assert isinstance(await shop.ask("lookup", key), Unknown)
    assert await shop.counts() == (0, 0, 0)
    assert isinstance(await shop.charge(key=key), Approved), "the fault is over"


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_refusal_of_a_key_that_came_before_is_no_promise(shop: Shop, kind: FaultKind) -> None:
    """Else a charge that was sent again would read as one that never was."""
    key = new_key()
    approved = await shop.charge(key=key)
    await shop.fault(kind)
    assert isinstance(await shop.charge(key=key), Unknown)
    assert await shop.charge(key=key) == approved


@pytest.mark.parametrize("kind", LOST)
async def test_a_request_that_is_lost_leaves_doubt_and_no_charge(shop: Shop, kind: FaultKind) -> None:
    key = new_key()
    await shop.fault(kind)
    assert isinstance(await shop.impatient.charge(key=key), Unknown)
    await shop.town.traffic.quiet()
    assert isinstance(await shop.ask("lookup", key), Unknown)
    assert isinstance(await shop.ask("withdraw", key), Withdrawn)
    assert await shop.counts() == (0, 0, 0)


@pytest.mark.parametrize("kind", HAPPENED)
async def test_an_answer_that_is_lost_leaves_doubt_and_a_charge(shop: Shop, kind: FaultKind) -> None:
    key = new_key()
    await shop.fault(kind)
    assert isinstance(await shop.impatient.charge(key=key), Unknown)
    await shop.town.traffic.quiet()
    found = await shop.ask("lookup", key)
    assert isinstance(found, Approved)
    assert await shop.charge(key=key) == found, "the same key again charges nothing"
    assert await shop.counts() == (1, 1, 0)


@pytest.mark.parametrize("kind", [*REFUSED, *LOST, *HAPPENED])
async def test_changes_meet_the_same_faults(shop: Shop, kind: FaultKind) -> None:
    charge, refund = new_key(), new_key()
    await shop.charge(key=charge)
    await shop.fault(kind, on=Verb.REFUND)
    outcome = await shop.impatient.change("refund", charge, 300, key=refund)
    assert isinstance(outcome, Unprocessed if kind in REFUSED else Unknown)
    await shop.town.traffic.quiet()
    found = await shop.ask("lookup_change", refund)
    assert isinstance(found, Done if kind in HAPPENED else Unknown)
    assert (await shop.summary()).counts.refunded == {"USD": 300 if kind in HAPPENED else 0}


@pytest.mark.parametrize("kind", [*REFUSED, *LOST, *HAPPENED])
@pytest.mark.parametrize(("on", "asked"), [(Verb.LOOKUP, "lookup"), (Verb.WITHDRAW, "withdraw")])
async def test_a_question_that_fails_proves_nothing(
    shop: Shop, kind: FaultKind, on: Verb, asked: str
) -> None:
    key = new_key()
    outcome = await shop.charge(key=key)
    await shop.fault(kind, on=on)
    assert isinstance(await shop.impatient.ask(asked, key), Unknown)
    assert await shop.ask(asked, key) == outcome


async def test_a_slow_answer_arrives_whole(shop: Shop) -> None:
    """Where the caller waits long enough; a shorter patience leaves doubt, and a charge."""
    await shop.fault(FaultKind.SLOW, delay_s=1, left=2)
    started = monotonic()
    reply = await shop.http("POST", "/alpha/charges", body(), key=new_key())
    assert monotonic() - started >= 1
    assert (reply.status, reply.json["state"]) == (200, "approved")
    key = new_key()
    assert isinstance(await shop.impatient.charge(key=key), Unknown)
    await shop.town.traffic.quiet()
    assert isinstance(await shop.ask("lookup", key), Approved)


async def test_a_hanging_request_ends_when_its_caller_goes(shop: Shop) -> None:
    """Else a test with many timeouts would fill the sandbox with requests that nobody waits for."""
    await shop.fault(FaultKind.TIMEOUT_AFTER_SUCCESS, left=20, delay_s=WALL_DELAY_MAX_S)
    started = monotonic()
    outcomes = await asyncio.gather(*(shop.impatient.charge(payment=f"pay_{n}") for n in range(20)))
    assert all(isinstance(each, Unknown) for each in outcomes)
    await shop.town.traffic.quiet()
    assert monotonic() - started < WALL_DELAY_MAX_S / 3
    assert await shop.counts() == (20, 20, 0)


async def test_a_late_decline(shop: Shop) -> None:
    key = new_key()
    await shop.fault(FaultKind.LATE_DECLINE, delay_s=3600, decline_code="insufficient_funds")
    pending = await shop.charge(key=key)
    assert isinstance(pending, Pending)
    assert await shop.ask("lookup", key) == pending
    assert await shop.counts() == (1, 0, 0)
    await shop.wait(timedelta(hours=1))
    found = await shop.ask("lookup", key)
    assert isinstance(found, Declined)
    assert (found.decline.code, found.decline.network_code) == ("insufficient_funds", "51")
    assert await shop.charge(key=key) == pending, "a replay is what was said then"


async def test_a_late_approval_holds_the_money_meanwhile(shop: Shop) -> None:
    key = new_key()
    holder = await shop.holder(predictable=True, currency="USD", balance_min=50_000)
    await shop.fault(FaultKind.LATE_APPROVAL, delay_s=60)
    assert isinstance(await shop.charge(holder, key=key), Pending)
    assert (await shop.again(holder)).balance == holder.balance - 1000
    await shop.wait(timedelta(seconds=59))
    assert isinstance(await shop.ask("lookup", key), Pending)
    await shop.wait(timedelta(seconds=1))
    assert isinstance(await shop.ask("lookup", key), Approved)
    assert isinstance(await shop.change("refund", key, 1000), Done)


@pytest.mark.parametrize(
    ("given", "number", "read"),
    [
        ({"decline_code": "stolen_card"}, VISA, ("stolen_card", "stolen_card", "43", None)),
        ({"network_code": "N7"}, VISA, ("generic_decline", "incorrect_cvc", "N7", None)),
        (
            {"network_code": "79", "advice_code": "01"},
            MASTERCARD,
            ("generic_decline", "new_account_information_available", "79", "01"),
        ),
        (
            {"network_code": "82", "advice_code": "03"},
            MASTERCARD,
            ("generic_decline", "transaction_not_allowed", "82", "03"),
        ),
        ({"advice_code": "21"}, MASTERCARD, ("generic_decline", "generic_decline", "05", "21")),
        (
            {"decline_code": "insufficient_funds", "network_code": "51", "advice_code": "25"},
            MASTERCARD,
            ("insufficient_funds", "insufficient_funds", "51", "25"),
        ),
        ({"decline_code": "a_word_nobody_knows"}, VISA, ("a_word_nobody_knows", "other", "XX", None)),
        ({"network_code": "ZZ"}, VISA, ("unheard_of", "other", "ZZ", None)),
        ({}, VISA, ("generic_decline", "generic_decline", "05", None)),
        ({}, MASTERCARD, ("generic_decline", "generic_decline", "05", "02")),
    ],
)
async def test_a_decline_of_ones_choice(
    shop: Shop, given: dict[str, str], number: str, read: tuple[str, str, str, str | None]
) -> None:
    """Every standard, raw network and advice code can be asked for."""
    await shop.fault(FaultKind.DECLINE, **given)
    outcome = await shop.charge(number)
    assert isinstance(outcome, Declined)
    decline = outcome.decline
    assert (decline.processor_code, decline.code, decline.network_code, decline.network_advice_code) == read
    assert isinstance(await shop.charge(number), Approved)


async def test_a_decline_overrules_a_card_that_would_be_asked(shop: Shop) -> None:
    await shop.fault(FaultKind.DECLINE, decline_code="do_not_honor")
    assert isinstance(await shop.charge("4000002760003184"), Declined)


@pytest.mark.parametrize("verb", CHANGES)
async def test_a_change_that_is_refused(shop: Shop, verb: str) -> None:
    charge = new_key()
    await shop.charge(key=charge, capture=verb == "refund")
    await shop.fault(FaultKind.REFUSAL, on=Verb(verb), decline_code="no_funds")
    refused = await shop.change(verb, charge)
    assert isinstance(refused, Refused)
    assert refused.code == "no_funds"
    assert isinstance(await shop.change(verb, charge), Done)


async def test_a_refund_that_fails_at_once_or_later(shop: Shop) -> None:
    charge, later = new_key(), new_key()
    await shop.charge(key=charge)
    await shop.fault(FaultKind.REFUND_FAILURE, on=None, delay_s=0)
    assert isinstance(await shop.change("refund", charge, 1000), Refused)
    await shop.fault(FaultKind.REFUND_FAILURE, on=None, delay_s=60)
    assert isinstance(await shop.change("refund", charge, 1000, key=later), Done)
    await shop.wait(timedelta(minutes=1))
    assert isinstance(await shop.ask("lookup_change", later), Refused)
    assert isinstance(await shop.change("refund", charge, 1000), Done), (
        "the money is there to be refunded again"
    )


async def test_a_fault_chooses_its_victim(shop: Shop) -> None:
    await shop.fault(FaultKind.DECLINE, last4="4444", left=1)
    await shop.fault(FaultKind.DECLINE, merchant_reference="order-7", left=1)
    await shop.fault(FaultKind.DECLINE, processor=ProcessorName.BRAVO, left=1)
    assert isinstance(await shop.charge(VISA, merchant_reference="order-6"), Approved)
    assert isinstance(await shop.charge(MASTERCARD), Declined)
    assert isinstance(await shop.charge(VISA, merchant_reference="order-7"), Declined)
    assert isinstance(await shop.charge(VISA, processor="bravo"), Declined)
    assert (await shop.summary()).faults == []


async def test_a_fault_happens_as_often_as_it_was_asked_to(shop: Shop) -> None:
    """Also to requests at the same time: the count is kept by the database."""
    await shop.fault(FaultKind.OUTAGE, left=5)
    outcomes = await asyncio.gather(*(shop.charge(payment=f"pay_{n}") for n in range(12)))
    assert sum(isinstance(each, Unprocessed) for each in outcomes) == 5
    await shop.fault(FaultKind.DECLINE, left=3)
    outcomes = await asyncio.gather(*(shop.charge(payment=f"pay_{n}") for n in range(8)))
    assert sum(isinstance(each, Declined) for each in outcomes) == 3


async def test_a_repeated_request_does_not_use_up_a_decline(shop: Shop) -> None:
    key = new_key()
    approved = await shop.charge(key=key)
    await shop.fault(FaultKind.DECLINE)
    assert await shop.charge(key=key) == approved
    assert isinstance(await shop.charge(), Declined)


async def test_an_outage_ends_in_the_worlds_time(shop: Shop) -> None:
    now = (await shop.summary()).now
    await shop.fault(FaultKind.OUTAGE, on=None, left=None, until=now + timedelta(hours=1))
    for _ in range(3):
        assert isinstance(await shop.charge(), Unprocessed)
    assert isinstance(await shop.ask("lookup", new_key()), Unknown)
    assert isinstance(await shop.charge(processor="bravo"), Approved)
    await shop.wait(timedelta(hours=1))
    assert isinstance(await shop.charge(initiator=Initiator.MERCHANT), Approved)
    assert (await shop.summary()).faults == []


async def test_the_oldest_fault_comes_first(shop: Shop) -> None:
    await shop.fault(FaultKind.OUTAGE)
    shop.town.clock.advance(timedelta(milliseconds=2))
    await shop.fault(FaultKind.GARBAGE)
    assert isinstance(await shop.charge(), Unprocessed)
    assert isinstance(await shop.charge(), Unknown)


async def test_one_worlds_faults_are_not_anothers(shop: Shop) -> None:
    await shop.fault(FaultKind.OUTAGE)
    other = await shop.town.shop()
    assert isinstance(await other.charge(), Approved)


def test_what_overrules_an_issuer_is_for_charges_only() -> None:
    assert all(FITS[kind] == {Verb.CHARGE} for kind in OVERRULING)


async def test_a_hold_lapses_and_a_captured_one_does_not(shop: Shop) -> None:
    """Real issuers let go of what nobody captures; from then on there is nothing to take."""
    await shop.fault(FaultKind.HOLD_EXPIRY, delay_s=86_400, left=2)
    lapses, stays = new_key(), new_key()
    for key in (lapses, stays):
        assert isinstance(await shop.charge(key=key, capture=False), Approved)
    assert isinstance(await shop.change("capture", stays, 400), Done)
    await shop.wait(timedelta(days=1))
    assert isinstance(await shop.ask("lookup", lapses), Declined)
    assert isinstance(await shop.change("capture", lapses, 400), Refused)
    assert isinstance(await shop.ask("lookup", stays), Approved)
    assert isinstance(await shop.change("capture", stays, 600), Done)


async def test_a_charge_that_is_captured_at_once_does_not_lapse(shop: Shop) -> None:
    await shop.fault(FaultKind.HOLD_EXPIRY, delay_s=60)
    key = new_key()
    await shop.charge(key=key)
    await shop.wait(timedelta(days=1))
    assert isinstance(await shop.ask("lookup", key), Approved)
