"""Adyen: the settlement details report of one batch.

Source: "Settlement details report" and its column reference in Adyen's documentation, read 2026-11-22. Amounts stand in
two columns each, debit and credit, in major units. Which of the two bears a charge's gross differs between Adyen's own
description and its sample, so the sign is taken from the net columns, and from the type where the net is zero. The fee
is commission, markup, scheme fees and interchange together: a contract is billed by the first or by the other three.
`Merchant Reference` is what we sent with the payment, `Modification Merchant Reference` what we sent with a capture or
refund; `Psp Reference` is the payment's, `Modification Reference` the capture's or refund's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from recoup.settlements.core.amounts import currency_of, minor_of, moment
from recoup.settlements.core.formats.base import Format, Reader, text
from recoup.settlements.core.lines import Line, LineKind
from recoup.settlements.core.rows import Columns

KINDS: Final[Mapping[str, LineKind]] = {
    "settled": LineKind.CHARGE,
    "settledinstallment": LineKind.CHARGE,
    "settledreversed": LineKind.CHARGE_REVERSAL,
    "refunded": LineKind.REFUND,
    "refundedreversed": LineKind.REFUND_REVERSAL,
    "chargeback": LineKind.DISPUTE,
    "secondchargeback": LineKind.DISPUTE,
    "chargebackreversed": LineKind.DISPUTE_REVERSAL,
    "fee": LineKind.FEE,
    "misccosts": LineKind.FEE,
    "paymentcost": LineKind.FEE,
    "invoicededuction": LineKind.FEE,
    "depositcorrection": LineKind.RESERVE,
    "reserveadjustment": LineKind.RESERVE,
    "balancetransfer": LineKind.ADJUSTMENT,
    "manualcorrected": LineKind.ADJUSTMENT,
    "matchedstatement": LineKind.ADJUSTMENT,
    "bankinstructionreturned": LineKind.PAYOUT_REVERSAL,
    "epapaid": LineKind.PAYOUT,
    "merchantpayout": LineKind.PAYOUT,
    "paidout": LineKind.ADJUSTMENT,
    "paidoutreversed": LineKind.ADJUSTMENT,
}
_TAKEN: Final = frozenset({LineKind.REFUND, LineKind.DISPUTE, LineKind.CHARGE_REVERSAL, LineKind.PAYOUT})
_OF_A_PAYMENT: Final = frozenset(KINDS.values()) - {LineKind.FEE, LineKind.RESERVE, LineKind.ADJUSTMENT}
_COSTS: Final = ("commission (nc)", "markup (nc)", "scheme fees (nc)", "interchange (nc)")


def _begin(columns: Columns) -> Reader:
    kind_at, batch_at = columns.need("type"), columns.need("batch number")
    gross_in, net_in = columns.need("gross currency"), columns.need("net currency")
    gross_at = columns.need("gross debit (gc)"), columns.need("gross credit (gc)")
    net_at = columns.need("net debit (nc)"), columns.need("net credit (nc)")
    costs_at = [place for name in _COSTS if (place := columns.find(name)) is not None]
    psp_at, change_at = columns.need("psp reference"), columns.find("modification reference")
    key_at, change_key_at = (
        columns.need("merchant reference"),
        columns.find("modification merchant reference"),
    )
    created_at, zone_at, rate_at = (
        columns.find(name) for name in ("creation date", "timezone", "exchange rate")
    )

    def take(number: int, row: int, fields: Sequence[str]) -> tuple[Line, int]:
        raw = fields[kind_at].strip()
        kind = KINDS.get(raw.lower(), LineKind.UNKNOWN)
        settled_in = currency_of(fields[net_in] or fields[gross_in])
        currency = currency_of(fields[gross_in]) if fields[gross_in] else settled_in
        net = minor_of(fields[net_at[1]], settled_in) - minor_of(fields[net_at[0]], settled_in)
        size = abs(minor_of(fields[gross_at[1]], currency) - minor_of(fields[gross_at[0]], currency))
        fee = sum(minor_of(fields[place], settled_in) for place in costs_at)
        taken = net < 0 or (net == 0 and kind in _TAKEN)
        if kind is LineKind.FEE and not size:
            fee = -net
        elif kind not in _OF_A_PAYMENT and not size:
            size = abs(net)
        line = Line(
            number,
            row,
            kind,
            raw[:80],
            text(fields, change_key_at, row=row) or text(fields, key_at, row=row),
            text(fields, change_at, row=row),
            text(fields, psp_at, row=row),
            text(fields, batch_at, row=row),
            -size if taken else size,
            fee,
            net,
            currency,
            settled_in,
            text(fields, rate_at, row=row),
            None if created_at is None else _moment(fields, created_at, zone_at),
        )
        return line, 0

    return take


def _moment(fields: Sequence[str], at: int, zone_at: int | None) -> str | None:
    return moment(fields[at], "UTC" if zone_at is None else fields[zone_at])


FORMAT: Final = Format(
    name="adyen",
    title="Adyen: settlement details of a batch",
    source="Adyen's documentation of the settlement details report, read 2026-11-22",
    begin=_begin,
    tells_payouts=True,
)
