"""What customers read, by language: one file each, all with the same words; and how amounts and days are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from recoup.kit.money import Money
from recoup.messages.core.words import de, en, es, fr, nl
from recoup.messages.core.words.base import REASONS, Group, Words
from recoup.outcomes.core import Category

WORDS: Final[Mapping[str, Words]] = {
    one.language: one for one in (en.WORDS, de.WORDS, fr.WORDS, es.WORDS, nl.WORDS)
}
LANGUAGES: Final = tuple(WORDS)

_READ_IN: Final = """
    de: DE AT CH LI
    fr: FR LU MC SN CI CM ML BF
    es: ES MX AR CO CL PE VE EC GT CU BO DO HN PY SV NI CR PA UY GQ PR
    nl: NL BE SR CW AW
    en: US GB IE CA AU NZ IN ZA NG KE GH SG PH JM TT MT
"""
"""The language that most people of a country read, where it is one of ours."""
_COUNTRIES: Final = {
    country: line.split()[0].rstrip(":")
    for line in _READ_IN.strip().splitlines()
    for country in line.split()[1:]
}

__all__ = [
    "LANGUAGES",
    "REASONS",
    "WORDS",
    "Group",
    "Words",
    "day_shown",
    "group_of",
    "language_for",
    "money_shown",
]


def language_for(*, told: str | None, country: str | None, otherwise: str) -> str:
    """In which language to write: the customer's own, their country's, or the merchant's choice."""
    short = (told or "").strip().lower()[:2]
    return short if short in WORDS else _COUNTRIES.get(country or "", otherwise)


def group_of(category: Category | None) -> Group:
    """What a customer is told of why; what only concerns others is told as no more than a fault."""
    return REASONS.get(category, Group.OTHER) if category is not None else Group.OTHER


def money_shown(money: Money, words: Words) -> str:
    """An amount as the language writes it, with the currency's code, which nobody takes for another's sign."""
    whole, _, rest = f"{money.major():,.{money.decimals}f}".partition(".")
    grouped = whole.replace(",", words.thousands)
    return f"{grouped}{words.decimal}{rest} {money.currency}" if rest else f"{grouped} {money.currency}"


def day_shown(day: date, words: Words) -> str:
    """A day as the language writes it, in numbers."""
    return day.strftime(words.day_format)
