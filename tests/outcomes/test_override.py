"""A merchant's own reading of a code: what it changes, and what it may not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.refusals import Refusal
from recoup.outcomes.codes.standard import STANDARD
from recoup.outcomes.core import (
    AdviceAction,
    Category,
    Decline,
    Hardness,
    RawDecline,
    Signal,
    classify,
    may_retry_later,
    may_try_another_processor,
    meaning,
)
from recoup.outcomes.core.override import Override, Overrides, Reading, check, check_code, key_of, overridden

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def overrides(connector: str, code: str, reading: Reading | None) -> Overrides:
    return {key_of(connector, code): Override(connector, code, 3, reading, None, "key_1", NOW)}


def read(raw: RawDecline, having: Overrides) -> Decline:
    return overridden(classify(raw, TODAY), connector=raw.connector, brand=raw.brand, overrides=having)


codes = st.sampled_from(
    ["generic_decline", "insufficient_funds", "lost_card", "expired_card", "zz", "card_declined"]
)
networks = st.none() | st.sampled_from(["51", "05", "41", "14", "79"])
advices = st.none() | st.sampled_from(["01", "02", "03", "21", "25"])
raws = st.builds(
    RawDecline, st.just("stripe"), codes, networks, advices, st.sampled_from(["visa", "mastercard"])
)
readings = st.builds(
    Reading,
    st.none() | st.sampled_from(sorted(STANDARD)),
    st.none() | st.sampled_from(Category),
    st.none() | st.sampled_from(Hardness),
    st.none() | st.sampled_from(AdviceAction),
    st.none(),
)


@given(raws, codes, readings)
def test_a_stop_that_came_with_the_answer_stays_a_stop(raw: RawDecline, code: str, reading: Reading) -> None:
    """Whatever the merchant thinks of the code: the networks fine every further try."""
    plain, own = classify(raw, TODAY), read(raw, overrides("stripe", code, reading))
    if plain.advice.stops:
        assert own.advice.stops
    if own.advice.stops:
        assert own.hardness is Hardness.HARD
        assert not may_retry_later(own) and not may_try_another_processor(own)


@given(raws, codes, readings)
def test_raw_codes_and_rules_are_never_changed(raw: RawDecline, code: str, reading: Reading) -> None:
    plain, own = classify(raw, TODAY), read(raw, overrides("stripe", code, reading))
    assert (own.processor_code, own.network_code, own.network_advice_code, own.rule, own.raw) == (
        plain.processor_code,
        plain.network_code,
        plain.network_advice_code,
        plain.rule,
        plain.raw,
    )
    if raw.processor_code != code:
        assert own == plain
    else:
        assert own.decided_by is Signal.MERCHANT_OVERRIDE


def test_an_unseen_code_gets_a_meaning() -> None:
    raw = RawDecline("stripe", "Z-9 ")
    assert not classify(raw, TODAY).recognised
    own = read(raw, overrides("stripe", "z 9", Reading(standard_code="insufficient_funds")))
    assert (own.code, own.category, own.recognised) == ("insufficient_funds", Category.FUNDS, True)
    assert own.processor_code == "Z-9 "
    assert own.source == "your override, version 3 (2026-11-22)"


def test_a_wait_of_ones_own() -> None:
    raw = RawDecline("stripe", "generic_decline")
    own = read(
        raw, overrides("stripe", "generic_decline", Reading(action=AdviceAction.RETRY_LATER, wait_hours=30))
    )
    assert own.advice.wait == timedelta(hours=30)
    assert own.code == "generic_decline"


def test_a_networks_code_may_be_read_in_ones_own_way_too() -> None:
    raw = RawDecline("stripe", "generic_decline", "05", brand="visa")
    having = overrides("visa", "05", Reading(category=Category.FUNDS))
    assert read(raw, having).category is Category.FUNDS
    assert (
        read(RawDecline("stripe", "generic_decline", "05", brand="amex"), having).category is Category.ISSUER
    )


def test_an_override_taken_back_changes_nothing() -> None:
    raw = RawDecline("stripe", "generic_decline")
    assert read(raw, overrides("stripe", "generic_decline", None)) == classify(raw, TODAY)


@pytest.mark.parametrize(
    ("connector", "code", "reading", "refused"),
    [
        ("acme", "1", Reading(hardness=Hardness.SOFT), "not_found"),
        ("stripe", "zz", Reading(), "override_empty"),
        ("stripe", "zz", Reading(standard_code="no_such_code"), "unknown_value"),
        ("stripe", "zz", Reading(action=AdviceAction.STOP, wait_hours=2), "unknown_value"),
        ("stripe", "lost_card", Reading(action=AdviceAction.RETRY_LATER), "override_loosens_a_stop"),
        ("stripe", "lost_card", Reading(standard_code="insufficient_funds"), "override_loosens_a_stop"),
        ("visa", "41", Reading(action=AdviceAction.RETRY_NOW), "override_loosens_a_stop"),
    ],
)
def test_what_is_refused(connector: str, code: str, reading: Reading, refused: str) -> None:
    with pytest.raises(Refusal) as caught:
        check(connector, reading, meaning(connector, code, TODAY))
    assert refused in {caught.value.code, caught.value.type}


def test_a_code_that_no_index_holds_is_refused() -> None:
    with pytest.raises(Refusal):
        check_code("x" * 201)
    check_code("x" * 200)


def test_a_stop_may_be_made_of_anything() -> None:
    check("stripe", Reading(action=AdviceAction.STOP), meaning("stripe", "generic_decline", TODAY))
    check("stripe", Reading(category=Category.OTHER), meaning("stripe", "lost_card", TODAY))
