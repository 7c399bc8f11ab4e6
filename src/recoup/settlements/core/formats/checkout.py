"""Checkout.com: the financial actions report by payout.

Source: "Financial Actions by Payout ID Report" and "Breakdown types" in Checkout.com's documentation, read 2026-11-22.
Every row is one breakdown of an action: the capture itself, and each of its fees in a row of its own. Amounts are in
major units with up to eight decimals, signed as they change the balance; what is less than a minor unit is told apart
and added up for each payout. `Reference` is what we sent: with a capture or refund its own key.

The report does not hold the payout itself; it is the sum of its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from recoup.settlements.core.amounts import currency_of, moment, rounded
from recoup.settlements.core.formats.base import Format, Reader, text
from recoup.settlements.core.lines import Line, LineKind
from recoup.settlements.core.rows import Columns

KINDS: Final[Mapping[str, LineKind]] = {
    "capture": LineKind.CHARGE,
    "partial capture": LineKind.CHARGE,
    "clearing failed": LineKind.CHARGE_REVERSAL,
    "refund": LineKind.REFUND,
    "partial refund": LineKind.REFUND,
    "security deposit reservation": LineKind.RESERVE,
    "security deposit release": LineKind.RESERVE,
    "rolling reserve": LineKind.RESERVE,
    "rolling reserve release": LineKind.RESERVE,
    "cover negative position": LineKind.ADJUSTMENT,
    "invoice settlement": LineKind.ADJUSTMENT,
    "operational funding release": LineKind.ADJUSTMENT,
    "operational funding reservation": LineKind.ADJUSTMENT,
    "top up": LineKind.ADJUSTMENT,
    "transaction amount discrepancy": LineKind.ADJUSTMENT,
}
_FEE: Final = " fee"
_DISPUTE: Final = "chargeback"


def _kind(breakdown: str, *, gains: bool) -> LineKind:
    """The kind of a row. A fee of whatever kind says so at its end; a dispute's row goes by its sign."""
    name = breakdown.strip().lower()
    if name.endswith(_FEE):
        return LineKind.FEE
    if name.startswith(_DISPUTE):
        return LineKind.DISPUTE_REVERSAL if gains else LineKind.DISPUTE
    return KINDS.get(name, LineKind.UNKNOWN)


def _begin(columns: Columns) -> Reader:
    breakdown_at, payout_at = columns.need("breakdown type"), columns.need("payout id")
    action_at, payment_at = columns.need("action id"), columns.need("payment id")
    paid_at, paid_in_at = columns.need("processing currency amount"), columns.need("processing currency")
    held_at, held_in_at = columns.need("holding currency amount"), columns.need("holding currency")
    done_at, key_at = columns.find("processed on", "requested on"), columns.find("reference")
    rate_at = columns.find("fx rate applied")

    def take(number: int, row: int, fields: Sequence[str]) -> tuple[Line, int]:
        held_in = currency_of(fields[held_in_at])
        net, rest = rounded(fields[held_at], held_in)
        raw = fields[breakdown_at].strip()
        kind = _kind(raw, gains=net > 0)
        paid_in, gross, fee = held_in, net, 0
        if kind is LineKind.FEE:
            gross, fee = 0, -net
        elif fields[paid_in_at] and fields[paid_at]:
            paid_in = currency_of(fields[paid_in_at])
            gross, _ = rounded(fields[paid_at], paid_in)
        line = Line(
            number,
            row,
            kind,
            raw[:80],
            text(fields, key_at, row=row),
            text(fields, action_at, row=row),
            text(fields, payment_at, row=row),
            text(fields, payout_at, row=row),
            gross,
            fee,
            net,
            paid_in,
            held_in,
            text(fields, rate_at, row=row),
            None if done_at is None else moment(fields[done_at]),
        )
        return line, rest

    return take


FORMAT: Final = Format(
    name="checkout",
    title="Checkout.com: financial actions by payout",
    source="Checkout.com's documentation of financial reports, read 2026-11-22",
    begin=_begin,
    fees_apart=True,
)
