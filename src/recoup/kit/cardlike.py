"""What reads like a card number in a text: found, so that no log and no answer repeats it."""

from __future__ import annotations

import re
from typing import Final

REDACTED: Final = "[redacted]"

_DIGITS: Final = re.compile(r"[0-9](?:[ \t\u00a0-]?[0-9]){12,}")
_GROUP: Final = re.compile(r"[0-9]+")
_CARD_DIGITS_MIN: Final = 13
_CARD_DIGITS_MAX: Final = 19
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def without_card_numbers(text: str) -> str:
    """The text with `REDACTED` in place of every run of digits, perhaps in groups, that makes a card number."""
    return _DIGITS.sub(_redacted, text)


def kept(text: str, *, longest: int) -> str:
    """What is kept of a text that others wrote: no card number, and the first `longest` characters.

    Card numbers are looked for before the text is cut, or one could be cut in half and stay. What is left out makes
    a text shorter, to a little over a fourth at most: so far is looked.
    """
    return without_card_numbers(text[: 4 * longest])[:longest]


def _redacted(found: re.Match[str]) -> str:
    """A run of digits without what is from the first group to the last that make a card number."""
    text = found[0]
    groups = list(_GROUP.finditer(text))
    for first, opening in enumerate(groups):
        digits = ""
        for closing in groups[first:]:
            digits += closing[0]
            if len(digits) > _CARD_DIGITS_MAX:
                break
            if len(digits) >= _CARD_DIGITS_MIN and _luhn_valid(digits):
                return text[: opening.start()] + REDACTED + without_card_numbers(text[closing.end() :])
    return text


def _luhn_valid(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right doubled, the sum a multiple of ten."""
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])) % 10 == 0
