"""What the leading digits tell of a card beyond its network: how it is funded, and its issuer's country.

Only the test cards that Stripe documents are known here (its testing guide, read on 2026-11-01): their numbers are
issued to nobody, so these rows can never be wrong about a real card. A real card reads `unknown` funding and no
country: public lists of real ranges are years old, and routing on a wrong country is worse than routing on none.

Most of the documented numbers are built one way: 400000 (credit) or 400005 (debit), then the country's number in
ISO 3166-1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Funding(StrEnum):
    """Where the money behind a card is."""

    CREDIT = "credit"
    DEBIT = "debit"
    PREPAID = "prepaid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Issuing:
    """How a card is funded and where it was issued (ISO 3166-1 alpha-2), as far as is known."""

    funding: Funding
    country: str | None


NOT_KNOWN: Final = Issuing(Funding.UNKNOWN, None)

_BY_COUNTRY_NUMBER: Final = """
    784 AE  032 AR  040 AT  036 AU  056 BE  100 BG  076 BR  112 BY  124 CA  756 CH  152 CL  156 CN  170 CO  188 CR
    196 CY  203 CZ  276 DE  208 DK  218 EC  233 EE  724 ES  246 FI  250 FR  826 GB  292 GI  300 GR  344 HK  191 HR
    348 HU  372 IE  356 IN  380 IT  392 JP  438 LI  440 LT  442 LU  428 LV  470 MT  484 MX  458 MY  528 NL  578 NO
    554 NZ  591 PA  604 PE  616 PL  620 PT  600 PY  642 RO  682 SA  752 SE  702 SG  705 SI  703 SK  764 TH  158 TW
    840 US  858 UY
"""

_WHOLE: Final = """
    400000000 credit US
    4242424242 credit US
    4000056655665556 debit US
    4000058260000005 debit GB
    4000050360000001 debit AU
    5555555555554444 credit US
    2223003122003222 credit US
    5200828282828210 debit US
    5105105105105100 prepaid US
    5200007840000022 credit AE
    5555558265554449 credit GB
    5555552500001001 credit FR
    5555050360000080 debit AU
    378282246310005 credit US
    371449635398431 credit US
    6011111111111117 credit US
    6011000990139424 credit US
    6011981111111113 debit US
    3056930009020004 credit US
    36227206271667 credit US
    3566002020360505 credit JP
    3530111333300000 credit JP
    6200000000000005 credit CN
    6200000000000047 debit CN
    6205500000000000004 credit CN
    5062210000000009 debit MX
"""


def _rows() -> Iterator[tuple[str, Issuing]]:
    words = iter(_BY_COUNTRY_NUMBER.split())
    for number, country in zip(words, words, strict=True):
        yield f"400000{number}", Issuing(Funding.CREDIT, country)
        yield f"400005{number}", Issuing(Funding.DEBIT, country)
    for line in _WHOLE.strip().splitlines():
        prefix, funding, country = line.split()
        yield prefix, Issuing(Funding(funding), country)


_BY_PREFIX: Final = dict(_rows())
_LENGTHS: Final = sorted({len(prefix) for prefix in _BY_PREFIX}, reverse=True)


def issuing_of(digits: str) -> Issuing:
    """What is known of a card with this number; the longest prefix that fits decides."""
    for length in _LENGTHS:
        known = _BY_PREFIX.get(digits[:length])
        if known is not None:
            return known
    return NOT_KNOWN
