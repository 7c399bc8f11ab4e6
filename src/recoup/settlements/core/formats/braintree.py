"""Braintree: the transaction-level fee report, which has a line for each disbursed sale and refund with its fees.

Source: "Transaction Level Fee Report Row" in Braintree's documentation and the column names that its own SDK reads,
both read 2026-11-22. `Settlement Amount` is the gross on which fees are worked out; `Order ID` is what we sent. The fee
is the total that the report tells, which with interchange-plus pricing is an estimate by Braintree's own words. Where
it tells fractions of a minor unit they are added up for each disbursement.

Not verified: whether fees are taken from each disbursement (as is assumed here: `net = gross - fee`) or once a month,
which the contract says; the sign of a refund's returned fees; and how the transaction's id relates to the reference
that the API gives, so that lines are matched by `Order ID` first of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from recoup.settlements.core.amounts import PARTS, currency_of, minor_of, moment, nearest, parts_of
from recoup.settlements.core.formats.base import Format, Reader, last_four, text
from recoup.settlements.core.lines import Line, LineKind
from recoup.settlements.core.rows import Columns

KINDS: Final[Mapping[str, LineKind]] = {
    "sale": LineKind.CHARGE,
    "credit": LineKind.REFUND,
}


def _begin(columns: Columns) -> Reader:
    kind_at, id_at = columns.need("transaction type"), columns.need("transaction id")
    currency_at, gross_at = columns.need("settlement currency"), columns.need("settlement amount")
    order_at, charge_at = columns.need("order id"), columns.find("original transaction id")
    shown_at, rate_at = columns.find("presentment currency"), columns.find("exchange rate")
    payout_at, settled_at = columns.need("disbursement date"), columns.find("settlement date")
    last4_at = columns.find("last 4 of cc", "last four")
    fee_at = columns.find("total fee amount", "est. total fee amount")
    if fee_at is None:
        fee_at = columns.need("braintree total amount")

    def take(number: int, row: int, fields: Sequence[str]) -> tuple[Line, int]:
        currency = currency_of(fields[currency_at])
        raw = fields[kind_at].strip()
        kind = KINDS.get(raw.lower(), LineKind.UNKNOWN)
        size = abs(minor_of(fields[gross_at], currency))
        gross = -size if kind is LineKind.REFUND else size
        parts = parts_of(fields[fee_at], currency) if fields[fee_at] else 0
        fee = nearest(parts)
        id_ = text(fields, id_at, row=row)
        line = Line(
            number,
            row,
            kind,
            raw[:80],
            text(fields, order_at, row=row),
            id_,
            text(fields, charge_at, row=row) or id_,
            text(fields, payout_at, row=row),
            gross,
            fee,
            gross - fee,
            currency,
            currency,
            text(fields, rate_at, row=row),
            None if settled_at is None else moment(fields[settled_at]),
            last_four(fields, last4_at),
            shown_at is None or fields[shown_at].strip().upper() in ("", currency),
        )
        return line, fee * PARTS - parts

    return take


FORMAT: Final = Format(
    name="braintree",
    title="Braintree: transaction-level fees",
    source="Braintree's documentation of the transaction-level fee report, read 2026-11-22",
    begin=_begin,
)
