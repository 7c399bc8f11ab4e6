"""Stripe: the payout reconciliation report, itemised (`payout_reconciliation.itemized.5` and its older versions).

Source: "Payout reconciliation report type" and "Reporting categories and types" in Stripe's documentation, read
2026-11-22. Amounts are in major units with a point; `gross`, `fee` and `net` are in the currency of the balance, and
for charges `customer_facing_amount` is in the currency that the customer paid. The report has the columns that were
asked for when it was made: with `payment_metadata[recoup_key]` and `refund_metadata[recoup_key]` among them, lines are
matched by our own key, else by `payment_intent_id` and `source_id`.

Not verified on a live account: that a charge which was captured in part comes as the whole authorisation and a
`partial_capture_reversal`. Both forms are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from recoup.settlements.core.amounts import currency_of, minor_of, moment
from recoup.settlements.core.formats.base import Format, Reader, text
from recoup.settlements.core.lines import Line, LineKind
from recoup.settlements.core.rows import Columns

KINDS: Final[Mapping[str, LineKind]] = {
    "charge": LineKind.CHARGE,
    "charge_failure": LineKind.CHARGE_REVERSAL,
    "partial_capture_reversal": LineKind.CHARGE_REVERSAL,
    "refund": LineKind.REFUND,
    "refund_failure": LineKind.REFUND_REVERSAL,
    "dispute": LineKind.DISPUTE,
    "dispute_reversal": LineKind.DISPUTE_REVERSAL,
    "fee": LineKind.FEE,
    "network_cost": LineKind.FEE,
    "tax": LineKind.FEE,
    "risk_reserved_funds": LineKind.RESERVE,
    "payout": LineKind.PAYOUT,
    "payout_reversal": LineKind.PAYOUT_REVERSAL,
    "topup": LineKind.ADJUSTMENT,
    "topup_reversal": LineKind.ADJUSTMENT,
    "other_adjustment": LineKind.ADJUSTMENT,
    "transfer": LineKind.ADJUSTMENT,
    "transfer_reversal": LineKind.ADJUSTMENT,
    "currency_conversion": LineKind.CONVERSION,
}


def _begin(columns: Columns) -> Reader:
    category, currency_at = columns.need("reporting_category"), columns.need("currency")
    gross_at, fee_at, net_at = (columns.need(name) for name in ("gross", "fee", "net"))
    created_at = columns.find("created_utc", "created")
    payout_at, source_at = columns.find("automatic_payout_id"), columns.find("source_id")
    intent_at = columns.find("payment_intent_id")
    paid_at, paid_in_at = columns.find("customer_facing_amount"), columns.find("customer_facing_currency")
    charge_key_at = columns.find("payment_metadata[recoup_key]")
    refund_key_at = columns.find("refund_metadata[recoup_key]")

    def take(number: int, row: int, fields: Sequence[str]) -> tuple[Line, int]:
        currency = currency_of(fields[currency_at])
        raw = fields[category]
        kind = KINDS.get(raw, LineKind.UNKNOWN)
        gross = minor_of(fields[gross_at], currency)
        paid_in, compared = currency, True
        if paid_at is not None and paid_in_at is not None and fields[paid_in_at]:
            paid_in = currency_of(fields[paid_in_at])
            if paid_in != currency:
                compared = kind is LineKind.CHARGE and fields[paid_at] != ""
                if compared:
                    gross = minor_of(fields[paid_at], paid_in)
                else:
                    paid_in = currency
        key = text(fields, refund_key_at, row=row) if kind is LineKind.REFUND else None
        line = Line(
            number,
            row,
            kind,
            raw[:80],
            key or text(fields, charge_key_at, row=row),
            text(fields, source_at, row=row),
            text(fields, intent_at, row=row),
            text(fields, payout_at, row=row),
            gross,
            minor_of(fields[fee_at], currency),
            minor_of(fields[net_at], currency),
            paid_in,
            currency,
            None,
            None if created_at is None else moment(fields[created_at]),
            None,
            compared,
        )
        return line, 0

    return take


FORMAT: Final = Format(
    name="stripe",
    title="Stripe: payout reconciliation, itemised",
    source="Stripe's documentation of report types, read 2026-11-22",
    begin=_begin,
    whole_authorization=True,
)
