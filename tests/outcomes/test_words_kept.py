"""What is kept of a decline's own words: never a card number."""

from __future__ import annotations

from datetime import date

from recoup.outcomes.core import RawDecline, classify

TODAY = date(2026, 11, 22)


def test_a_card_number_in_the_place_of_a_code_or_at_the_end_of_a_text_is_not_kept() -> None:
    number = "4242424242424242"
    read = classify(RawDecline("alpha", number, number, number, "visa", "x" * 190 + number), TODAY)
    assert "4242" not in repr(read)
