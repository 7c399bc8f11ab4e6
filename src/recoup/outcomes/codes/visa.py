"""Visa's retry categories: whether a declined payment may be sent again, by response code and date.

1: the issuer will never approve, no reattempt. 2: not now. 3: not with these details. 4: says nothing in particular.
Codes that Visa does not list are category 4.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.iso8583 import ACQUIRER_TABLE, BRAINTREE_ADYEN, CIELO_5C_9G, READ, TABAPAY_VISA
from recoup.outcomes.codes.words import VisaCategory

MIDMETRICS: Final = "MidMetrics: Visa's rule changes for declined transaction codes"
CHECKOUT_57: Final = "Checkout.com: changes to Visa response codes"
CHECKOUT_CATEGORIES: Final = "Checkout.com: Visa response code categories"
FORTE: Final = "Forte: Visa decline response code rules and integrity fees"

NEVER: Final = 1
"""The category after which nothing may be sent again."""
UNLISTED: Final = VisaCategory("", 4, source=CHECKOUT_CATEGORIES, as_of=date(2022, 4, 29))
"""What holds for every code that has no row."""

_MOVES_2021: Final = date(2021, 4, 17)
_CODE_57_REMAPPED: Final = date(2025, 10, 1)  # only the month was published
_CODES_2026: Final = date(2026, 10, 25)
_CODES_2025: Final = date(2025, 4, 11)


def _listed(category: int, codes: str) -> tuple[VisaCategory, ...]:
    """Codes that have had this category as long as our sources reach back."""
    return tuple(VisaCategory(code, category, source=ACQUIRER_TABLE, as_of=READ) for code in codes.split())


def _moved(code: str, *, before: int, after: int) -> tuple[VisaCategory, ...]:
    """A code that changed its category on 2021-04-17."""
    told = date(2021, 4, 16)
    return (
        VisaCategory(code, before, source=MIDMETRICS, as_of=told, until=_MOVES_2021),
        VisaCategory(code, after, source=MIDMETRICS, as_of=told, since=_MOVES_2021),
    )


ROWS: Final = (
    *_listed(1, "04 07 12 15 41 43 46 R0 R1 R3"),
    *_listed(2, "19 39 51 52 53 59 61 65 75 86 91 96 N3 N4"),
    *_listed(3, "1A 54 55 63 70 82 N7"),
    *_listed(
        4,
        "01 02 05 06 10 13 21 25 28 58 64 74 76 79 80 81 89 92 94 B1 B2 N0 N5 N8 P5 P6 Q1 R2 Z3",
    ),
    *_moved("03", before=1, after=2),
    *_moved("62", before=1, after=2),
    *_moved("78", before=1, after=2),
    *_moved("93", before=1, after=2),
    # From then on in both: no reattempt, and counted among bad data.
    VisaCategory("14", 3, source=FORTE, as_of=READ, until=_MOVES_2021),
    VisaCategory("14", 1, source=MIDMETRICS, as_of=date(2021, 4, 16), since=_MOVES_2021),
    VisaCategory("5C", 2, source=CIELO_5C_9G, as_of=READ, since=_CODES_2025),
    VisaCategory("9G", 2, source=CIELO_5C_9G, as_of=READ, since=_CODES_2025),
    # The acquirer's table says 4.
    VisaCategory("6P", 3, source=CHECKOUT_CATEGORIES, as_of=date(2022, 4, 29)),
    VisaCategory("Z5", 2, source=BRAINTREE_ADYEN, as_of=READ),
    # For a year Visa read an issuer's 57 as 05; then it came back as a stop.
    VisaCategory("57", 1, source=ACQUIRER_TABLE, as_of=READ, until=_CODE_57_REMAPPED),
    VisaCategory(
        "57", 4, source=CHECKOUT_57, as_of=date(2026, 9, 10), since=_CODE_57_REMAPPED, until=_CODES_2026
    ),
    VisaCategory("57", 1, source=CHECKOUT_57, as_of=date(2026, 9, 10), since=_CODES_2026),
    VisaCategory("83", 2, source=TABAPAY_VISA, as_of=date(2026, 5, 31), since=_CODES_2026),
)
