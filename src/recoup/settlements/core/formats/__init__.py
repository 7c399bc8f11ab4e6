"""The reports that can be read, by the name that an upload gives, and the reading of a whole file.

Adding a report is one file with a `Format` and one line in `FORMATS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from recoup.settlements.core.amounts import NoAmount, nearest
from recoup.settlements.core.formats import adyen, braintree, checkout, stripe
from recoup.settlements.core.formats.base import Format as Format
from recoup.settlements.core.lines import BadReport, Line, LineKind
from recoup.settlements.core.rows import Columns, rows

FORMATS: Final[Mapping[str, Format]] = {
    one.name: one for one in (stripe.FORMAT, adyen.FORMAT, braintree.FORMAT, checkout.FORMAT)
}
GENERIC: Final = "generic"
"""The name of the format that a mapping describes."""
ROUNDING: Final = "rounding"
"""What a line is called that holds what the lines of a payout lost by being told in whole minor units."""
_PAYOUTS_MAX: Final = 100_000
"""The most payouts of one report."""


def read(chunks: Iterable[bytes], format_: Format) -> Iterator[Line]:
    """The lines of a report, in their order and with bounded memory; raises `BadReport` where it is none.

    Where lines tell fractions of a minor unit, one more line for each payout holds what was lost by rounding them, so
    that all together are the payout exactly.
    """
    found = rows(chunks, delimiter=format_.delimiter)
    row, header = next(found, (0, []))
    if not header:
        raise BadReport(0, "The file is empty.")
    taken = format_.begin(Columns(header, row=row))
    left: defaultdict[tuple[str | None, str], int] = defaultdict(int)
    number = 0
    for number, (row, fields) in enumerate(found, start=1):
        try:
            line, rest = taken(number, row, fields)
        except NoAmount as error:
            raise BadReport(row, str(error)) from None
        if rest:
            left[line.payout, line.settlement_currency] += rest
            if len(left) > _PAYOUTS_MAX:
                raise BadReport(row, f"There are more than {_PAYOUTS_MAX} payouts in one report.")
        yield line
    if not number:
        raise BadReport(0, "There are no lines below the header.")
    yield from _rounding(left, number=number, row=row)


def _rounding(left: Mapping[tuple[str | None, str], int], *, number: int, row: int) -> Iterator[Line]:
    for (payout, currency), rest in left.items():
        net = nearest(rest)
        if not net:
            continue
        number += 1
        yield Line(
            number,
            row,
            LineKind.ADJUSTMENT,
            ROUNDING,
            key=None,
            reference=None,
            charge_reference=None,
            payout=payout,
            gross=net,
            fee=0,
            net=net,
            currency=currency,
            settlement_currency=currency,
        )
