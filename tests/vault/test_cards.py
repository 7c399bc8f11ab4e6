"""What a card number says: its check digit, its network, and when the card is over."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.vault.core import (
    BRANDS,
    Funding,
    brand_of,
    check_expiry,
    check_number,
    check_security_code,
    issuing_of,
    lengths_of,
    luhn_valid,
    read_expiry,
)

digits = st.text(alphabet="0123456789", min_size=11, max_size=18)


def with_check_digit(text: str) -> str:
    return next(text + last for last in "0123456789" if luhn_valid(text + last))


def refusal_of(number: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_number(Secret(number), param="card.number")
    return caught.value


@given(digits)
def test_every_number_has_exactly_one_check_digit(text: str) -> None:
    assert sum(luhn_valid(text + last) for last in "0123456789") == 1


@given(digits, st.data())
def test_one_wrong_digit_is_always_found(text: str, data: st.DataObject) -> None:
    number = with_check_digit(text)
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[place]]))
    assert not luhn_valid(number[:place] + wrong + number[place + 1 :])


@given(digits, st.data())
def test_two_neighbours_swapped_are_found_unless_they_are_0_and_9(text: str, data: st.DataObject) -> None:
    number = with_check_digit(text)
    place = data.draw(st.integers(0, len(number) - 2))
    here, there = number[place], number[place + 1]
    swapped = number[:place] + there + here + number[place + 2 :]
    assert luhn_valid(swapped) is (here == there or {here, there} == {"0", "9"})


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4242424242424242", "visa"),
        ("4222222222222", "visa"),
        ("5555555555554444", "mastercard"),
        ("5105105105105100", "mastercard"),
        ("2221000000000009", "mastercard"),
        ("2223003122003222", "mastercard"),
        ("2720990000000007", "mastercard"),
        ("378282246310005", "amex"),
        ("343434343434343", "amex"),
        ("6011111111111117", "discover"),
        ("6445644564456445", "discover"),
        ("36227206271667", "diners"),
        ("3056930009020004", "diners"),
        ("3566002020360505", "jcb"),
        ("6200000000000005", "unionpay"),
        ("6205500000000000004", "unionpay"),
        ("8171000000000000", "unionpay"),
        ("6304000000000000", "maestro"),
        ("6759649826438453", "maestro"),
        ("2200000000000004", "mir"),
        ("9792020000000001", "troy"),
        ("6509230000000000", "troy"),
        ("5066991111111118", "elo"),
        ("6362970000457013", "elo"),
        ("6062821086773091", "hipercard"),
        ("6370950000000005", "hiper"),
        ("5061000000000000", "verve"),
        ("2220999999999999", "unknown"),
        ("2721000000000000", "unknown"),
        ("9999999999999995", "unknown"),
        ("0000000000000000", "unknown"),
    ],
)
def test_the_longest_prefix_names_the_network(number: str, brand: str) -> None:
    assert brand_of(number) == brand


@given(digits)
def test_every_number_has_a_brand_with_lengths(text: str) -> None:
    brand = brand_of(text)
    assert brand in BRANDS
    assert all(12 <= length <= 19 for length in lengths_of(brand))


@given(st.from_regex(r"4[0-9]{14}", fullmatch=True), st.sampled_from(["", " ", "-"]))
def test_what_is_kept_of_a_number_is_what_may_be_shown(text: str, separator: str) -> None:
    number = with_check_digit(text)
    typed = separator.join(number[place : place + 4] for place in range(0, 16, 4))
    clean, facts = check_number(Secret(typed), param="card.number")
    assert clean.reveal() == number
    assert (facts.brand, facts.bin, facts.last4) == (brand_of(number), number[:8], number[-4:])


@pytest.mark.parametrize("number", ["378282246310005", "4222222222222", "6205500000000000004"])
def test_other_lengths_show_six_leading_digits(number: str) -> None:
    assert check_number(Secret(number), param="x")[1].bin == number[:6]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4242424242424241", "incorrect_number"),
        ("4242424242424224", "incorrect_number"),
        ("42424242424242", "invalid_number"),
        ("3782822463100050", "invalid_number"),
        ("", "invalid_number"),
        ("4242", "invalid_number"),
        ("4" * 20, "invalid_number"),
        ("4" * 100_000, "invalid_number"),
        ("4242424242424242x", "invalid_number"),
        ("４２４２４２４２４２４２４２４２", "invalid_number"),
        ("²242424242424242", "invalid_number"),
        ("4242\n424242424242", "invalid_number"),
    ],
)
def test_what_is_no_good_number_is_refused_without_repeating_it(number: str, code: str) -> None:
    refused = refusal_of(number)
    assert (refused.code, refused.param) == (code, "card.number")
    assert not number or number not in refused.message


def test_numbers_of_a_network_without_check_digits_are_taken() -> None:
    assert not luhn_valid("6221258812340000")
    assert check_number(Secret("6221258812340000"), param="x")[1].brand == "unionpay"


@given(digits)
def test_no_refusal_nor_its_traceback_with_all_variables_shows_the_number(text: str) -> None:
    try:
        check_number(Secret(text), param="card.number")
    except Refusal as refused:
        report = traceback.TracebackException.from_exception(refused, capture_locals=True)
        own = [frame for frame in report.stack if "/src/recoup/" in frame.filename]
        shown = f"{refused.message}{[frame.locals for frame in own]}"
        assert text not in shown


@pytest.mark.parametrize(
    ("brand", "code", "good"),
    [
        ("visa", "123", True),
        ("visa", "12", False),
        ("visa", "1234", False),
        ("amex", "1234", True),
        ("amex", "123", False),
        ("unknown", "123", True),
        ("unknown", "1234", True),
        ("visa", "12a", False),
        ("visa", "１２３", False),
        ("visa", "", False),
    ],
)
def test_a_security_code_has_the_length_of_its_brand(brand: str, code: str, good: bool) -> None:
    if good:
        check_security_code(Secret(code), brand=brand, param="card.cvc")
        return
    with pytest.raises(Refusal) as caught:
        check_security_code(Secret(code), brand=brand, param="card.cvc")
    assert (caught.value.code, caught.value.param) == ("invalid_cvc", "card.cvc")


def test_a_card_without_a_security_code_is_taken() -> None:
    check_security_code(None, brand="visa", param="card.cvc")


moments = st.integers(0, 40 * 365 * 24).map(
    lambda hours: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
)


@given(moments, st.integers(1, 12), st.integers(2000, 2130))
def test_a_new_card_is_good_until_its_month_has_ended_everywhere(
    now: datetime, month: int, year: int
) -> None:
    over = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) + timedelta(hours=12)
    good = now < over and year <= (now - timedelta(hours=12)).year + 50
    try:
        expiry = check_expiry(month, year, now=now, param="card")
    except Refusal as refused:
        assert not good
        assert refused.code == f"invalid_expiry_{'year' if refused.param == 'card.exp_year' else 'month'}"
    else:
        assert good
        assert (expiry.month, expiry.year) == (month, year)


@pytest.mark.parametrize(
    ("month", "year", "code"),
    [
        (13, 2030, "invalid_expiry_month"),
        (0, 2030, "invalid_expiry_month"),
        (10, 2026, "invalid_expiry_month"),
        (12, 2025, "invalid_expiry_year"),
        (12, 2077, "invalid_expiry_year"),
        (12, 1999, "invalid_expiry_year"),
        (12, 203, "invalid_expiry_year"),
        (12, -1, "invalid_expiry_year"),
    ],
)
def test_a_bad_expiry_says_which_half_is_wrong(month: int, year: int, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_expiry(month, year, now=datetime(2026, 11, 22, tzinfo=UTC), param="card")
    assert caught.value.code == code


def test_two_digits_of_a_year_mean_this_century() -> None:
    assert read_expiry(1, 30, param="card").year == 2030
    assert read_expiry(1, 2030, param="card").year == 2030


@pytest.mark.parametrize(
    ("number", "funding", "country"),
    [
        ("4242424242424242", "credit", "US"),
        ("4000000000000002", "credit", "US"),
        ("4000056655665556", "debit", "US"),
        ("5555555555554444", "credit", "US"),
        ("5200828282828210", "debit", "US"),
        ("5105105105105100", "prepaid", "US"),
        ("4000000760000002", "credit", "BR"),
        ("4000001240000000", "credit", "CA"),
        ("4000004840008001", "credit", "MX"),
        ("4000008260000000", "credit", "GB"),
        ("4000058260000005", "debit", "GB"),
        ("4000002500000003", "credit", "FR"),
        ("4000002500003155", "credit", "FR"),
        ("4000002760000016", "credit", "DE"),
        ("4000003920000003", "credit", "JP"),
        ("4111111111111111", "unknown", None),
        ("6304000000000000", "unknown", None),
    ],
)
def test_documented_test_cards_have_their_funding_and_country(
    number: str, funding: str, country: str | None
) -> None:
    known = issuing_of(number)
    assert (known.funding, known.country) == (Funding(funding), country)
