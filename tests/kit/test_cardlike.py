"""Card numbers are found in any text, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.cardlike import REDACTED, kept, without_card_numbers


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("There is no customer '4242424242424242'.", f"There is no customer '{REDACTED}'."),
        ("cus_4242424242424242", f"cus_{REDACTED}"),
        ("4242 4242 4242 4242 and 3782-822463-10005", f"{REDACTED} and {REDACTED}"),
        ("6205500000000000004", REDACTED),
        ("4242424242424241 has a wrong digit", "4242424242424241 has a wrong digit"),
        ("at most 9223372036854775807", "at most 9223372036854775807"),
        ("order 2026-11-22", "order 2026-11-22"),
    ],
)
def test_a_card_number_is_left_out_and_other_numbers_stay(text: str, left: str) -> None:
    assert without_card_numbers(text) == left


@given(st.text("0123456789 -a", max_size=60))
def test_once_is_enough(text: str) -> None:
    once = without_card_numbers(text)
    assert without_card_numbers(once) == once


@given(before=st.text("ab ", max_size=60), after=st.text("ab 0123456789", max_size=60))
def test_no_card_number_is_cut_in_half(before: str, after: str) -> None:
    left = kept(f"{before}x 4242 4242 4242 4242 {after}", longest=40)
    assert len(left) <= 40
    assert "4242" not in left


@given(st.integers(1, 30))
def test_nor_one_behind_many_others(numbers: int) -> None:
    left = kept("4-2-4-2-4-2-4-2-4-2-4-2-4-2-4-2x" * numbers, longest=40)
    assert "4-2-4-2-4-2-4" not in left
