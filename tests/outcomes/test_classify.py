"""What a decline means: precedence, dates, wrapped codes, and what no table knows."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.outcomes.codes import iso8583, mastercard, standard
from recoup.outcomes.codes.processors import TABLES, sandbox, stripe
from recoup.outcomes.codes.words import AdviceCode
from recoup.outcomes.core import (
    NETWORKS,
    PROCESSORS,
    AdviceAction,
    Category,
    Checks,
    Decline,
    Declined,
    Hardness,
    RawDecline,
    classify,
    declined,
    may_retry_later,
    may_try_another_processor,
    meaning,
)
from recoup.outcomes.core.tables import plain

TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)


def decline(
    code: str | None = "generic_decline",
    *,
    network: str | None = None,
    advice: str | None = None,
    brand: str = "visa",
    on: date = TODAY,
    connector: str = "alpha",
) -> Decline:
    return classify(RawDecline(connector, code, network, advice, brand), on)


PLAIN_CODES = {plain(row.code) for rows in TABLES.values() for row in rows}
PROCESSOR_CODES = sorted({row.code for row in (*stripe.ROWS, *sandbox.ROWS)})
NETWORK_CODES = sorted({row.code for row in iso8583.ROWS})
ADVICE_CODES = [row.code for row in mastercard.ADVICE]
texts = st.text(max_size=6)
raws = st.builds(
    RawDecline,
    connector=st.sampled_from([*PROCESSORS, "acme"]),
    processor_code=st.none() | st.sampled_from(PROCESSOR_CODES) | texts,
    network_code=st.none() | st.sampled_from(NETWORK_CODES) | texts,
    network_advice_code=st.none() | st.sampled_from(ADVICE_CODES) | texts,
    brand=st.sampled_from([*NETWORKS, "unheard_of"]),
)
days = st.dates(date(2018, 1, 1), date(2030, 1, 1))


@given(raws, days)
def test_every_decline_has_a_meaning_and_keeps_what_came(raw: RawDecline, on: date) -> None:
    read = classify(raw, on)
    assert read.code in standard.STANDARD
    assert read.category is standard.STANDARD[read.code].category
    assert read.message and read.source
    assert (read.processor_code, read.network_code, read.network_advice_code) == (
        raw.processor_code,
        raw.network_code,
        raw.network_advice_code,
    )


@given(raws, days)
def test_told_to_stop_is_always_hard_and_nothing_is_tried(raw: RawDecline, on: date) -> None:
    read = classify(raw, on)
    if read.advice.action in {AdviceAction.STOP, AdviceAction.STOP_SERIES}:
        assert read.hardness is Hardness.HARD
    if read.hardness is Hardness.HARD:
        assert not may_try_another_processor(read)
        assert not may_retry_later(read)


@given(raws, days, st.sampled_from([row for row in mastercard.ADVICE if row.advice and row.advice.stops]))
def test_an_advice_code_that_stops_beats_everything(raw: RawDecline, on: date, told: AdviceCode) -> None:
    stopped = RawDecline(raw.connector, raw.processor_code, raw.network_code, told.code, raw.brand)
    read = classify(stopped, on)
    assert read.advice == told.advice
    assert read.hardness is Hardness.HARD


@given(raws, days)
def test_category_one_of_visa_always_stops(raw: RawDecline, on: date) -> None:
    read = classify(raw, on)
    if read.rule == "visa_category_1":
        assert read.advice.stops and read.hardness is Hardness.HARD


@given(raws, days)
def test_rules_are_named_only_for_that_networks_cards(raw: RawDecline, on: date) -> None:
    rule = classify(raw, on).rule
    if raw.brand == "visa":
        assert (rule is None) == (not (raw.network_code or "").strip())
    elif raw.brand == "mastercard":
        assert rule in {None, "mastercard_mac_03", "mastercard_mac_21"}
    else:
        assert rule is None


@given(
    texts.filter(lambda text: plain(text) not in PLAIN_CODES), st.sampled_from([*PROCESSORS, "acme"]), days
)
def test_an_unknown_code_is_other_and_never_fails_over(code: str, connector: str, on: date) -> None:
    read = decline(code, connector=connector, on=on)
    assert (read.code, read.category, read.recognised) == ("other", Category.OTHER, False)
    assert read.processor_code == code
    assert not may_try_another_processor(read)


@given(raws, days)
def test_unrecognised_never_fails_over_whatever_came_with_it(raw: RawDecline, on: date) -> None:
    read = classify(raw, on)
    assert read.recognised == (read.code != "other")
    assert read.recognised or not may_try_another_processor(read)


@given(raws, days)
def test_a_specific_word_of_the_processor_stands(raw: RawDecline, on: date) -> None:
    """Unless the network says something exact, or, at Mastercard, response and advice code do together."""
    table = PROCESSORS.get(raw.connector)
    known = table.row(raw.processor_code, on) if table else None
    read = classify(raw, on)
    if known and not known.generic and known.standard not in standard.GENERIC:
        if read.decided_by == "processor_code":
            assert read.code == known.standard
        else:
            assert read.decided_by in {"network_code", "advice_code"}
            assert read.code not in standard.GENERIC


@given(raws, days)
def test_advice_of_an_exact_wait_is_kept_to_the_hour(raw: RawDecline, on: date) -> None:
    read = classify(raw, on)
    waits = {row.code: row.advice for row in mastercard.ADVICE if row.advice and row.advice.wait}
    if raw.network_advice_code in waits and not read.advice.stops:
        assert read.advice == waits[raw.network_advice_code]


@pytest.mark.parametrize(
    ("code", "network", "expected"),
    [
        ("generic_decline", "51", "insufficient_funds"),
        ("generic_decline", "05", "generic_decline"),
        ("generic_decline", "01", "generic_decline"),
        ("generic_decline", "N7", "incorrect_cvc"),
        ("generic_decline", "??", "generic_decline"),
        ("generic_decline", None, "generic_decline"),
        ("insufficient_funds", "05", "insufficient_funds"),
        ("do_not_honor", "51", "insufficient_funds"),
        ("incorrect_cvc", "51", "insufficient_funds"),
        ("a_word_nobody_knows", "51", "insufficient_funds"),
        ("a_word_nobody_knows", "05", "do_not_honor"),
        (None, "91", "issuer_not_available"),
        (None, None, "other"),
    ],
)
def test_which_of_the_two_codes_gives_the_meaning(
    code: str | None, network: str | None, expected: str
) -> None:
    assert decline(code, network=network).code == expected


def test_stripes_error_code_is_refined_like_its_generic_decline() -> None:
    assert decline("card_declined", connector="stripe").code == "generic_decline"
    assert decline("card_declined", connector="stripe", network="54").code == "expired_card"


@pytest.mark.parametrize(
    ("code", "hardness", "action", "elsewhere", "later"),
    [
        ("generic_decline", "soft", "retry_later", True, True),
        ("do_not_honor", "soft", "retry_later", True, True),
        ("processing_error", "soft", "retry_now", True, True),
        ("issuer_not_available", "soft", "retry_now", True, True),
        ("invalid_merchant", "soft", "fix_data", True, False),
        ("insufficient_funds", "soft", "retry_later", False, True),
        ("card_velocity_exceeded", "soft", "retry_later", False, True),
        ("withdrawal_count_limit_exceeded", "soft", "retry_later", False, True),
        ("authentication_required", "soft", "authenticate", False, False),
        ("restricted_card", "soft", "ask_customer", False, True),
        ("lost_card", "hard", "stop", False, False),
        ("stolen_card", "hard", "stop", False, False),
        ("pickup_card", "hard", "stop", False, False),
        ("fraudulent", "hard", "stop", False, False),
        ("expired_card", "hard", "update_card", False, False),
        ("incorrect_cvc", "hard", "fix_data", False, False),
        ("incorrect_number", "hard", "fix_data", False, False),
        ("transaction_not_allowed", "hard", "ask_customer", False, False),
        ("revocation_of_authorization", "hard", "stop_series", False, False),
        ("stop_payment_order", "hard", "stop", False, False),
        ("duplicate_transaction", "hard", "none", False, False),
    ],
)
def test_what_the_well_known_codes_ask_for(
    code: str, hardness: str, action: str, elsewhere: bool, later: bool
) -> None:
    read = decline(code)
    assert (read.code, read.hardness.value, read.advice.action.value) == (code, hardness, action)
    assert (may_try_another_processor(read), may_retry_later(read)) == (elsewhere, later)


@pytest.mark.parametrize("bucket", ["79", "82", "83"])
@pytest.mark.parametrize(
    ("advice", "action", "hardness"),
    [("02", "retry_later", "soft"), ("03", "stop", "hard"), ("21", "stop_series", "hard")],
)
def test_wrapped_codes_follow_the_advice_code(bucket: str, advice: str, action: str, hardness: str) -> None:
    read = decline(network=bucket, advice=advice, brand="mastercard")
    assert (read.advice.action.value, read.hardness.value) == (action, hardness)
    assert read.advice.wait == (timedelta(hours=72) if advice == "02" else None)


@pytest.mark.parametrize(
    ("network", "advice", "code", "action"),
    [
        ("79", None, "account_lifecycle", "update_card"),
        ("79", "01", "new_account_information_available", "update_card"),
        ("79", "02", "account_lifecycle", "retry_later"),
        ("79", "03", "invalid_account", "stop"),
        ("82", None, "issuer_policy", "ask_customer"),
        ("82", "01", "new_account_information_available", "update_card"),
        ("82", "02", "issuer_policy", "retry_later"),
        ("82", "03", "transaction_not_allowed", "stop"),
        ("83", None, "security_violation", "ask_customer"),
        ("83", "01", "authentication_required", "authenticate"),
        ("83", "02", "security_violation", "retry_later"),
        ("83", "03", "fraudulent", "stop"),
        ("79", "21", "revocation_of_authorization", "stop_series"),
    ],
)
def test_what_hides_in_mastercards_wrapped_codes(
    network: str, advice: str | None, code: str, action: str
) -> None:
    for processor_code in ("generic_decline", None, "a_word_nobody_knows"):
        read = decline(processor_code, network=network, advice=advice, brand="mastercard")
        assert (read.code, read.advice.action.value) == (code, action)


def test_a_wrapped_code_is_not_unwrapped_for_another_network() -> None:
    """82 is a failed security code at Visa, whatever advice comes with it."""
    assert decline(network="82", advice="03", brand="visa").code == "incorrect_cvc"
    assert decline(network="79", advice="03", brand="amex").code == "generic_decline"


@pytest.mark.parametrize(
    ("code", "day", "before", "after"),
    [
        ("03", date(2021, 4, 17), "visa_category_1", "visa_category_2"),
        ("62", date(2021, 4, 17), "visa_category_1", "visa_category_2"),
        ("78", date(2021, 4, 17), "visa_category_1", "visa_category_2"),
        ("93", date(2021, 4, 17), "visa_category_1", "visa_category_2"),
        ("14", date(2021, 4, 17), "visa_category_3", "visa_category_1"),
        ("5C", date(2025, 4, 11), "visa_category_4", "visa_category_2"),
        ("9G", date(2025, 4, 11), "visa_category_4", "visa_category_2"),
        ("57", date(2025, 10, 1), "visa_category_1", "visa_category_4"),
        ("57", date(2026, 10, 25), "visa_category_4", "visa_category_1"),
        ("83", date(2026, 10, 25), "visa_category_4", "visa_category_2"),
    ],
)
def test_dates_decide(code: str, day: date, before: str, after: str) -> None:
    assert decline(None, network=code, on=day - DAY).rule == before
    assert decline(None, network=code, on=day).rule == after


@pytest.mark.parametrize(
    ("code", "brand", "day"),
    [
        ("5C", "visa", date(2025, 4, 11)),
        ("9G", "visa", date(2025, 4, 11)),
        ("83", "visa", date(2026, 10, 25)),
        ("79", "mastercard", date(2021, 11, 2)),
    ],
)
def test_a_new_code_is_unknown_until_its_day(code: str, brand: str, day: date) -> None:
    assert not decline(None, network=code, brand=brand, on=day - DAY).recognised
    assert decline(None, network=code, brand=brand, on=day).recognised


def test_one_code_means_different_things_at_different_networks() -> None:
    assert decline(None, network="78", brand="visa").code == "restricted_card"
    assert decline(None, network="78", brand="mastercard").code == "invalid_account"
    assert not decline(None, network="78", brand="amex").recognised
    assert decline(None, network="51", brand="amex").code == "insufficient_funds"


def test_a_wait_for_a_visa_card_is_obeyed_unless_visa_says_never() -> None:
    waits = decline("insufficient_funds", network="51", advice="25")
    assert (waits.advice.action, waits.advice.wait) == (AdviceAction.RETRY_LATER, timedelta(hours=24))
    never = decline("lost_card", network="41", advice="25")
    assert (never.advice.action, never.rule) == (AdviceAction.STOP, "visa_category_1")


def test_visas_stop_keeps_the_word_for_a_whole_series() -> None:
    assert decline(None, network="R1").advice.action is AdviceAction.STOP_SERIES
    assert decline(None, network="12").advice.action is AdviceAction.STOP


def test_advice_without_a_known_code_still_stops() -> None:
    read = decline("a_word_nobody_knows", advice="03", brand="mastercard")
    assert not read.recognised
    assert (read.advice.action, read.rule) == (AdviceAction.STOP, "mastercard_mac_03")


def test_a_row_may_override_the_advice_of_its_standard_code() -> None:
    assert decline(None, network="90", brand="mastercard").advice.action is AdviceAction.RETRY_LATER
    assert decline(None, network="96", brand="mastercard").advice.action is AdviceAction.RETRY_NOW


def test_connectors_get_the_whole_outcome_in_one_call() -> None:
    outcome = declined(
        "alpha", "incorrect_cvc", on=TODAY, network_code="N7", reference="ch_1", checks=Checks(cvc="fail")
    )
    expected = classify(RawDecline("alpha", "incorrect_cvc", "N7"), TODAY)
    assert outcome == Declined(expected, "ch_1", Checks(cvc="fail"))
    assert declined("alpha", None, on=TODAY).checks == Checks()


@given(st.sampled_from([*PROCESSORS]), st.sampled_from(PROCESSOR_CODES), days)
def test_the_meaning_of_a_processors_code_is_what_its_declines_get(
    connector: str, code: str, on: date
) -> None:
    told, read = meaning(connector, code, on), decline(code, connector=connector, on=on, brand="unheard_of")
    assert (told is not None) == read.recognised
    if told is not None:
        assert (told.code, told.category, told.hardness, told.advice, told.rule, told.message) == (
            read.code,
            read.category,
            read.hardness,
            read.advice,
            read.rule,
            read.message,
        )


@given(
    st.sampled_from(NETWORKS), st.sampled_from(NETWORK_CODES), st.none() | st.sampled_from(ADVICE_CODES), days
)
def test_the_meaning_of_a_networks_code_is_what_its_declines_get(
    network: str, code: str, advice: str | None, on: date
) -> None:
    told = meaning(network, code if advice is None else f"{code}+{advice}", on)
    read = decline(None, network=code, advice=advice, brand=network, on=on)
    assert (told is not None) == read.recognised
    if told is not None:
        assert (told.code, told.hardness, told.advice, told.rule) == (
            read.code,
            read.hardness,
            read.advice,
            read.rule,
        )
        assert (told.rule is None) == (told.rule_source is None)


def test_what_the_declines_api_shows() -> None:
    told = meaning("visa", "57", TODAY)
    assert told is not None
    assert (told.rule, told.rule_since) == ("visa_category_1", date(2026, 10, 25))
    assert "Checkout.com" in (told.rule_source or "")
    for code in standard.STANDARD:
        own = meaning("standard", code, TODAY)
        assert own is not None and own.code == code and own.source
    anywhere = [meaning("iso8583", code, TODAY) for code in ("51", "N7", "1Z", "79")]
    assert [told and told.code for told in anywhere] == [
        "insufficient_funds",
        "incorrect_cvc",
        "issuer_not_available",
        "invalid_transaction",
    ]


@pytest.mark.parametrize(
    ("connector", "code"),
    [
        ("acme", "51"),
        ("visa", "??"),
        ("standard", "??"),
        ("alpha", "??"),
        ("iso8583", "00"),
        ("amex", "N7"),
        ("", ""),
    ],
)
def test_nothing_is_shown_for_what_no_table_knows(connector: str, code: str) -> None:
    assert meaning(connector, code, TODAY) is None
