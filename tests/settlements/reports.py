"""Reports as processors write them, in words and values of our own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from recoup.kit.money import Money

STRIPE: Final = (
    "automatic_payout_id",
    "automatic_payout_effective_at",
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "payment_intent_id",
    "customer_facing_amount",
    "customer_facing_currency",
    "description",
    "payment_metadata[recoup_key]",
    "refund_metadata[recoup_key]",
)
ADYEN: Final = (
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Exchange Rate",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Commission (NC)",
    "Markup (NC)",
    "Scheme Fees (NC)",
    "Interchange (NC)",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Batch Number",
)
CHECKOUT: Final = (
    "Action Type",
    "Action ID",
    "Payment ID",
    "Processed On",
    "Processing Currency",
    "FX Rate Applied",
    "Holding Currency",
    "Payout ID",
    "Reference",
    "Breakdown Type",
    "Processing Currency Amount",
    "Holding Currency Amount",
)
BRAINTREE: Final = (
    "Merchant Account ID",
    "Transaction ID",
    "Original Transaction ID",
    "Transaction Type",
    "Presentment Currency",
    "Settlement Currency",
    "Settlement Amount",
    "Settlement Date",
    "Disbursement Date",
    "Order ID",
    "Braintree Total Amount",
    "Est. Total Fee Amount",
)


def written(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, delimiter: str = ",") -> bytes:
    """A CSV file with these columns; what a row does not tell is empty."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        assert set(row) <= set(columns), f"no such column: {set(row) - set(columns)}"
        writer.writerow([row.get(name, "") for name in columns])
    return out.getvalue().encode()


def parts(content: bytes, size: int = 7) -> Iterator[bytes]:
    """A file in parts."""
    return (content[start : start + size] for start in range(0, len(content), size))


def major(minor: int, currency: str = "USD") -> str:
    """An amount as reports write it."""
    money = Money(minor, currency)
    return f"{money.major():.{money.decimals}f}"


def stripe_row(kind: str, gross: int, fee: int = 0, /, **more: Any) -> dict[str, Any]:
    """A line of a Stripe report, in dollars unless `currency` says otherwise."""
    currency: str = more.pop("currency", "USD")
    return {
        "automatic_payout_id": "po_1",
        "balance_transaction_id": "txn_1",
        "created_utc": "2026-11-20 10:00:00",
        "currency": currency.lower(),
        "gross": major(gross, currency),
        "fee": major(fee, currency),
        "net": major(gross - fee, currency),
        "reporting_category": kind,
        **more,
    }


def adyen_row(kind: str, gross: int, fee: int = 0, currency: str = "EUR", /, **more: Any) -> dict[str, Any]:
    """A line of an Adyen report."""
    net = gross - fee
    return {
        "Type": kind,
        "Creation Date": "2026-11-20 11:30:00",
        "TimeZone": "CET",
        "Gross Currency": currency,
        "Gross Debit (GC)": major(-gross, currency) if gross < 0 else "",
        "Gross Credit (GC)": major(gross, currency) if gross > 0 else "",
        "Net Currency": currency,
        "Net Debit (NC)": major(-net, currency) if net < 0 else "",
        "Net Credit (NC)": major(net, currency) if net > 0 else "",
        "Commission (NC)": major(fee, currency) if fee else "",
        "Batch Number": "42",
        **more,
    }


def checkout_row(breakdown: str, amount: str, **more: Any) -> dict[str, Any]:
    """A row of a Checkout.com report."""
    return {
        "Action Type": "Capture",
        "Action ID": "act_1",
        "Payment ID": "pay_1",
        "Processed On": "2026-11-20T10:00:00.123",
        "Processing Currency": "GBP",
        "Holding Currency": "GBP",
        "Payout ID": "0000CFJU",
        "Breakdown Type": breakdown,
        "Processing Currency Amount": amount,
        "Holding Currency Amount": amount,
        **more,
    }
