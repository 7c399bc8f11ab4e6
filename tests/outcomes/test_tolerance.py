"""How tolerant reading is: codes however they are written, texts where no code speaks, and what is kept of it all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.outcomes.test_classify import (
    NETWORK_CODES,
    PROCESSOR_CODES,
    TODAY,
    days,
    decline,
    raws,
)

from recoup.outcomes.codes import phrases, standard
from recoup.outcomes.codes.merchant_words import MERCHANT_WORDS
from recoup.outcomes.core import NETWORKS, AdviceAction, Hardness, RawDecline, classify
from recoup.outcomes.core.classify import RAW_FIELDS_MAX, RAW_LENGTH_MAX

variants = st.sampled_from([str.upper, str.lower, str.title, str.strip, "  {} ".format])
gaps = st.sampled_from(["_", " ", "-", "  "])


@given(st.sampled_from(PROCESSOR_CODES), variants, gaps, days)
def test_case_and_spacing_change_nothing(code: str, vary: Callable[[str], str], gap: str, on: date) -> None:
    written = decline(vary(code.replace("_", gap)), on=on)
    exact = decline(code, on=on)
    assert (written.code, written.hardness, written.advice) == (exact.code, exact.hardness, exact.advice)
    assert written.processor_code == vary(code.replace("_", gap)), "what came is kept as it came"


@given(st.sampled_from(NETWORK_CODES), st.sampled_from(NETWORKS), variants, days)
def test_a_response_code_is_read_however_it_is_written(
    code: str, brand: str, vary: Callable[[str], str], on: date
) -> None:
    exact = decline(network=code, brand=brand, on=on)
    for written in (vary(code), code.removeprefix("0") if code[1:].isdigit() else code):
        read = decline(network=written, brand=brand, on=on)
        assert (read.code, read.advice, read.rule) == (exact.code, exact.advice, exact.rule)


@pytest.mark.parametrize("written", ["3", "03", " 03 ", "03: Do not try again", "MAC 03", "03 - stop"])
def test_an_advice_code_is_read_however_it_is_written(written: str) -> None:
    read = decline(advice=written, brand="mastercard")
    assert (read.advice.action, read.advice_by, read.rule) == (
        AdviceAction.STOP,
        "advice_code",
        "mastercard_mac_03",
    )


@pytest.mark.parametrize(
    ("text", "code", "decided_by"),
    [
        ("51 : Insufficient funds", "insufficient_funds", "network_code"),
        ("05 : Do not honor", "do_not_honor", "network_code"),
        ("Not sufficient funds", "insufficient_funds", "text"),
        ("DECLINED - EXPIRED CARD", "expired_card", "text"),
        ("CVV2/CVC2 Failure", "incorrect_cvc", "text"),
        ("Blocked", "generic_decline", "processor_code"),
        ("card-expired?", "expired_card", "text"),
        ("Customer's account closed", "invalid_account", "text"),
        ("Declined 4242 4242 4242 4242", "generic_decline", "processor_code"),
    ],
)
def test_what_is_written_decides_where_codes_say_nothing(text: str, code: str, decided_by: str) -> None:
    expected_for_unknown = {"generic_decline": "other"}.get(code, code)
    read = classify(RawDecline("alpha", "generic_decline", text=text), TODAY)
    if code == "do_not_honor":
        assert read.code == "generic_decline", "one silence does not stand in for another"
    else:
        assert (read.code, read.decided_by) == (code, decided_by)
    unknown = classify(RawDecline("alpha", "zz", text=text), TODAY)
    assert unknown.code == expected_for_unknown


@given(raws, st.text(max_size=60), days)
def test_text_never_overrides_an_exact_code(raw: RawDecline, text: str, on: date) -> None:
    silent = classify(raw, on)
    wordy = classify(replace(raw, text=f"expired card {text}"), on)
    vague = "63"  # says something, and a text may say it better
    exact = (
        silent.recognised
        and silent.code not in standard.GENERIC
        and (silent.network_code or "").strip() != vague
    )
    if exact and raw.network_code is not None:
        assert wordy.code == silent.code


@given(st.sampled_from(phrases.PHRASES), st.text(alphabet=" .,:;!-#*", max_size=5))
def test_a_phrase_is_found_whatever_stands_around_it(phrase: phrases.Phrase, noise: str) -> None:
    found = phrases.phrase_in(f"{noise}{phrase.words.upper()}{noise}")
    assert found is not None
    assert phrase.standard in standard.STANDARD
    assert phrases.phrase_in(f"x{phrase.words}") != phrase, "half a word is no word"


def test_no_phrase_hides_another() -> None:
    """A phrase that contains an earlier one would never be found."""
    shadowed = [
        (earlier.words, later.words)
        for index, later in enumerate(phrases.PHRASES)
        for earlier in phrases.PHRASES[:index]
        if f" {earlier.words} " in f" {later.words} " and earlier.standard != later.standard
    ]
    assert not shadowed


@given(st.text(max_size=400), st.dictionaries(st.text(max_size=300), st.text(max_size=300), max_size=30))
def test_what_is_kept_of_raw_fields_is_bounded_and_holds_no_card_number(
    text: str, raw: dict[str, str]
) -> None:
    number = "4242 4242 4242 4242"
    kept = classify(
        RawDecline("alpha", "zz", text=f"{number}. {text}", raw={"message": f"card {number}", **raw}), TODAY
    )
    assert number not in f"{kept.text} {kept.raw}" and "4242424242424242" not in f"{kept.text} {kept.raw}"
    assert len(kept.raw) <= RAW_FIELDS_MAX
    assert all(len(value) <= RAW_LENGTH_MAX for value in kept.raw.values())


@pytest.mark.parametrize(
    ("word", "action"),
    [("do_not_try_again", "stop"), ("confirm_card_data", "fix_data"), ("try_again_later", "retry_later")],
)
def test_a_processors_word_of_advice_is_heard(word: str, action: str) -> None:
    for raw in (
        RawDecline("stripe", "generic_decline", raw={"advice_code": word}),
        RawDecline("stripe", "generic_decline", network_advice_code=word),
    ):
        read = classify(raw, TODAY)
        assert (read.advice.action.value, read.advice_by) == (action, "advice_code")


def test_a_networks_stop_beats_a_processors_hope() -> None:
    read = classify(
        RawDecline(
            "stripe", "generic_decline", "05", "03", "mastercard", raw={"advice_code": "try_again_later"}
        ),
        TODAY,
    )
    assert read.advice.action is AdviceAction.STOP


def test_a_processors_stop_is_not_lost_to_a_softer_network_code() -> None:
    read = decline("stolen_card", network="51", brand="mastercard")
    assert (read.code, read.decided_by) == ("insufficient_funds", "network_code")
    assert (read.advice.action, read.advice_by, read.hardness) == (
        AdviceAction.STOP,
        "processor_code",
        Hardness.HARD,
    )


def test_every_standard_code_has_words_for_the_merchant() -> None:
    assert MERCHANT_WORDS.keys() == standard.STANDARD.keys()
