"""The table of countries is whole and well formed."""

from __future__ import annotations

from recoup.kit.countries import COUNTRIES


def test_there_are_the_249_countries_of_the_standard() -> None:
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in COUNTRIES)


def test_codes_that_are_only_reserved_are_no_countries() -> None:
    assert not {"UK", "EU", "XK", "AN", "SU"} & COUNTRIES
