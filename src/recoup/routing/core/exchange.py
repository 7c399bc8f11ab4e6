"""Reference rates of exchange, so that prices in different currencies can be compared.

They are for comparison only: nobody is paid or billed by them. A fixed fee of 30 cents is worth about as many yen next
year; where that is not good enough, let the processor's fees be said in the payment's own currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from recoup.kit.currencies import DECIMALS

_MILLION: Final = 10**6


@dataclass(frozen=True, slots=True)
class ReferenceRate:
    """`millionths` of a currency's units are worth one euro."""

    currency: str
    millionths: int
    source: str
    as_of: date
    assumed: bool = False
    """Whether it was worked out from a peg that nobody looked up that day."""


_ECB: Final = "European Central Bank: euro foreign exchange reference rates"
_PEG: Final = "Fixed by law or by its central bank against the"
_READ: Final = date(2026, 10, 30)
_PER_EURO: Final = """
    AUD 1.5904   BRL 6.0692   CAD 1.5606   CHF 0.9194    CNY 7.4326    CZK 24.353   DKK 7.4735   GBP 0.8338
    HKD 8.7652   HUF 366.33   IDR 20275.17 ILS 3.495     INR 106.084   ISK 136      JPY 175.68   KRW 1491.76
    MXN 21.1237  MYR 4.5325   NOK 10.312   NZD 1.9823    PHP 71.143    PLN 4.4038   RON 5.3447   SEK 10.978
    SGD 1.4282   THB 37.683   TRY 55.8015  USD 1.1172    ZAR 18.6455   EUR 1
"""
_PEGGED: Final = """
    EUR BAM 1.95583  EUR CVE 110.265  EUR KMF 491.96775  EUR XAF 655.957  EUR XOF 655.957  EUR XPF 119.33174
    USD AED 3.6725   USD AWG 1.79     USD BBD 2          USD BHD 0.376    USD BMD 1        USD BSD 1
    USD BZD 2        USD DJF 177.721  USD JOD 0.709      USD KYD 0.833333 USD OMR 0.3845   USD PAB 1
    USD QAR 3.64     USD SAR 3.75     USD SVC 8.75       USD XCD 2.7      USD XCG 1.79
    GBP FKP 1        GBP GIP 1        GBP SHP 1          SGD BND 1        ZAR LSL 1        ZAR NAD 1
    ZAR SZL 1        INR BTN 1        INR NPR 1.6        HKD MOP 1.03
"""


def _published() -> dict[str, ReferenceRate]:
    words = _PER_EURO.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return {code: ReferenceRate(code, int(Decimal(text) * _MILLION), _ECB, _READ) for code, text in pairs}


def _pegged(published: dict[str, ReferenceRate]) -> dict[str, ReferenceRate]:
    words = _PEGGED.split()
    found = {}
    for anchor, code, text in zip(words[::3], words[1::3], words[2::3], strict=True):
        millionths = int(published[anchor].millionths * Decimal(text))
        found[code] = ReferenceRate(code, millionths, f"{_PEG} {anchor}, {text} to 1", _READ, assumed=True)
    return found


_PUBLISHED: Final = _published()
RATES: Final[dict[str, ReferenceRate]] = _PUBLISHED | _pegged(_PUBLISHED)
"""By currency. A currency that is not here cannot be compared with another."""


def converted(amount: int, *, given: str, wanted: str) -> int | None:
    """An amount in (thousandths of) minor units of one currency in those of another, rounded up; None where a rate is
    not known."""
    if given == wanted or amount == 0:
        return amount
    if given not in RATES or wanted not in RATES:
        return None
    above = amount * _minor_per_euro(wanted)
    return -(-above // _minor_per_euro(given))


def _minor_per_euro(currency: str) -> int:
    """Millionths of minor units."""
    scale: int = 10 ** DECIMALS[currency]
    return RATES[currency].millionths * scale
