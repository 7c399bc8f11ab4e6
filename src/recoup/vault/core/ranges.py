"""Which network a card number belongs to: the leading digits (IIN) that each network issues under.

The longest prefix that fits decides, since national networks hold islands inside the international ranges. Sources,
read on 2026-11-01: ISO/IEC 7812 for the major networks; the networks' own published ranges (Mastercard's 2-series of
2017, Discover's and JCB's alliance ranges, UnionPay 62 and 81, Mir 2200-2204, Troy 9792); acquirers' public lists for
the islands of Elo, Hiper, Hipercard, Naranja, Troy and Verve. Those lists grow, so an island missing here reads as the
network around it.
"""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "unknown"
PREFIX_LENGTH_MAX: Final = 8
NUMBER_LENGTH_MIN: Final = 12
NUMBER_LENGTH_MAX: Final = 19

_RANGES: Final[dict[str, str]] = {
    "visa": "4",
    "mastercard": "51-55 2221-2720",
    "amex": "34 37",
    "discover": "6011 644-649 65",
    "diners": "300-305 3095 36 38-39",
    "jcb": "3528-3589 2131 1800",
    "unionpay": "62 8100-8171",
    "maestro": "50 56-58 6 0604",
    "mir": "2200-2204",
    "troy": (
        "9792 650052 650082-650083 650092 650161 650170 650173 650175 650268 650271 650273-650274 650456-650457 650836 "
        "650846-650850 650923 650987 650990 654997 657366 657998 658758 658767-658768"
    ),
    "elo": (
        "401178-401179 431274 438935 451416 457393 457631-457632 504175 506699-506778 509 627780 636297 636368 "
        "650031-650033 650035-650051 650405-650439 650485-650538 650541-650598 650700-650718 650720-650727 "
        "650901-650922 650924-650978 651652-651679 655000-655019 655021-655058"
    ),
    "hiper": "637095 637568 637599 637609 637612 63737423 63743358",
    "hipercard": "606282",
    "naranja": "402918 527572 589562",
    "verve": (
        "506099-506127 506129 506133-506150 506158-506163 506166 506168 506170 506173 506176-506180 506184 "
        "506187-506188 506191 506195 506197 507865-507866 507868-507877 507880-507888 507900 507941"
    ),
}

_LENGTHS: Final[dict[str, frozenset[int]]] = {
    "visa": frozenset({13, 16, 18, 19}),
    "mastercard": frozenset({16}),
    "amex": frozenset({15}),
    "discover": frozenset(range(16, 20)),
    "diners": frozenset(range(14, 20)),
    "jcb": frozenset(range(15, 20)),
    "unionpay": frozenset(range(14, 20)),
    "mir": frozenset(range(16, 20)),
    "troy": frozenset({16}),
    "elo": frozenset({16}),
    "hiper": frozenset({16}),
    "hipercard": frozenset({13, 16, 19}),
    "naranja": frozenset({16}),
    "verve": frozenset({16, 18, 19}),
}
_ANY_LENGTH: Final = frozenset(range(NUMBER_LENGTH_MIN, NUMBER_LENGTH_MAX + 1))

WITHOUT_CHECK_DIGIT: Final = frozenset({"unionpay"})
"""Networks under which banks have issued numbers that fail the Luhn check, so that it proves nothing."""

BRANDS: Final = frozenset(_RANGES) | {UNKNOWN}
DEBITS: Final = frozenset({"sepa_debit", "bacs_debit", "ach_debit"})
"""What a processor's token may stand for that is no card: a mandate to debit a bank account, by its scheme."""


def _prefixes() -> dict[str, str]:
    table: dict[str, str] = {}
    for brand, text in _RANGES.items():
        for part in text.split():
            low, _, high = part.partition("-")
            for value in range(int(low), int(high or low) + 1):
                prefix = str(value).zfill(len(low))
                assert prefix not in table, f"two brands claim {prefix}"
                table[prefix] = brand
    return table


_BY_PREFIX: Final = _prefixes()


def brand_of(digits: str) -> str:
    """The network of a number, or `unknown`."""
    for length in range(PREFIX_LENGTH_MAX, 0, -1):
        brand = _BY_PREFIX.get(digits[:length])
        if brand is not None:
            return brand
    return UNKNOWN


def lengths_of(brand: str) -> frozenset[int]:
    """How many digits a number of this network may have."""
    return _LENGTHS.get(brand, _ANY_LENGTH)
