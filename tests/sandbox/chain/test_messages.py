"""What is said over the chain is understood as it was meant: every fact comes through the bytes and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.connectors.base import iso8583
from recoup.connectors.base.iso8583 import Message
from recoup.kit.money import Money
from recoup.sandbox.cards import Check
from recoup.sandbox.chain.bins import BANKS, bank_of
from recoup.sandbox.chain.messages import (
    AMOUNT_MAX,
    Advice,
    AdviceKind,
    Judgement,
    Request,
    advice_message,
    advice_of,
    answer_message,
    judgement_of,
    request_message,
    request_of,
    said,
    wire_key,
)
from recoup.sandbox.core.codes import Codes
from recoup.sandbox.core.issuer import Approval, Challenge, Checks, Refusal
from recoup.sandbox.core.processors import ProcessorName

SENT: Final = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
KEYS: Final = st.text(min_size=1, max_size=255).map(wire_key)
NAMES: Final = st.sampled_from(["person:7:0", "person:999:9", "published:0a1b2c", "unknown:zzzz"])
MONEY: Final = st.builds(Money, st.integers(0, AMOUNT_MAX), st.sampled_from(["USD", "EUR", "JPY", "KWD"]))
CHECK: Final = st.sampled_from([*Check, None])
CHECKS: Final = st.builds(Checks, CHECK, CHECK, CHECK)
WORDS: Final = st.sampled_from(["do_not_honor", "insufficient_funds", "generic_decline", "incorrect_number"])
WORLD: Final = UUID(int=7)

REQUESTS: Final = st.builds(
    Request,
    world_id=st.uuids(),
    acquirer=st.sampled_from(ProcessorName),
    key=KEYS,
    card=NAMES,
    number=st.from_regex(r"[0-9]{12,19}", fullmatch=True),
    amount=MONEY,
    exp_month=st.integers(1, 12),
    exp_year=st.integers(2000, 2099),
    cvc_given=st.booleans(),
    postal_code_given=st.booleans(),
    by_merchant=st.booleans(),
    agreed=st.booleans(),
    authenticated=st.booleans(),
)
ADVICES: Final = st.builds(
    Advice,
    kind=st.sampled_from(AdviceKind),
    world_id=st.uuids(),
    acquirer=st.sampled_from(ProcessorName),
    key=KEYS,
    issuer=st.sampled_from([bank.number for bank in BANKS]),
    card=NAMES,
    amount=MONEY,
)
CODES: Final = st.builds(
    Codes, WORDS, st.from_regex(r"[1-9A-Z][0-9A-Z]", fullmatch=True), st.sampled_from(["02", "30", None])
)
JUDGEMENTS: Final = st.one_of(
    st.builds(
        Judgement,
        st.builds(Approval, CHECKS, held=st.integers(0, AMOUNT_MAX)),
        st.sampled_from(["123456789012345", "MCC1234561122", None]),
    ),
    st.builds(Judgement, st.builds(Refusal, CODES, CHECKS)),
    st.just(Judgement(Challenge())),
)


def travelled(message: Message) -> Message:
    """The message as it is read from its bytes."""
    read = iso8583.decode(iso8583.encode(message))
    assert read is not None
    return read


def a_request(**changes: object) -> Request:
    fields: dict[str, object] = {
        "world_id": WORLD,
        "acquirer": ProcessorName.ALPHA,
        "key": "att_1",
        "card": "person:7:0",
        "number": "4242424242424242",
        "amount": Money(1000, "USD"),
        "exp_month": 12,
        "exp_year": 2030,
    }
    return Request(**{**fields, **changes})  # type: ignore[arg-type]


@given(REQUESTS, st.integers(1, 10**9))
def test_what_is_asked_arrives(request: Request, trace: int) -> None:
    assert request_of(travelled(request_message(request, trace=trace, sent=SENT))) == request


@given(ADVICES)
def test_what_is_told_arrives(advice: Advice) -> None:
    assert advice_of(travelled(advice_message(advice, trace=1, sent=SENT))) == advice


@given(JUDGEMENTS)
def test_what_is_decided_arrives(judgement: Judgement) -> None:
    """Also the issuer's own word: two words of one response code stay apart."""
    asked = request_message(a_request(), trace=1, sent=SENT)
    assert judgement_of(travelled(answer_message(asked, said(judgement)))) == judgement


def test_a_reversal_needs_no_more_than_a_key() -> None:
    advice = Advice(
        kind=AdviceKind.REVERSED, world_id=WORLD, acquirer=ProcessorName.BRAVO, key=wire_key("a key/ü")
    )
    assert advice_of(travelled(advice_message(advice, trace=1, sent=SENT))) == advice


@pytest.mark.parametrize("without", ["2", "4", "14", "22", "32", "48", "49"])
def test_what_is_not_said_whole_is_not_understood(without: str) -> None:
    message = dict(request_message(a_request(), trace=1, sent=SENT))
    del message[without]
    assert request_of(message) is None


def test_a_host_that_failed_has_said_nothing() -> None:
    """It may have decided before it failed, so nobody may take that for a refusal."""
    asked = request_message(a_request(), trace=1, sent=SENT)
    assert judgement_of(iso8583.reply(asked, "96")) is None


@given(KEYS, KEYS)
def test_keys_travel_whole(one: str, other: str) -> None:
    assert 0 < len(one) <= 99
    assert wire_key(one) == one or one.startswith("#")
    assert (one == other) == (wire_key(one) == wire_key(other))


def test_advices_carry_no_card_number() -> None:
    advice = Advice(
        kind=AdviceKind.STOOD_IN,
        world_id=WORLD,
        acquirer=ProcessorName.ALPHA,
        key="k",
        issuer="900001",
        card="person:1:0",
        amount=Money(1, "USD"),
    )
    assert "2" not in advice_message(advice, trace=1, sent=SENT)
    assert "4242" not in repr(a_request())


def test_the_longest_beginning_names_the_issuer() -> None:
    assert [
        getattr(bank_of(number), "name", None) for number in ("4242", "400005840", "5555", "37", "9")
    ] == [
        "aurora",
        "borealis",
        "cascade",
        "dorado",
        None,
    ]
