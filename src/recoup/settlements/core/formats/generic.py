"""Any CSV report, by a mapping that says which of its columns holds what: for processors without a format of their own.

A mapping is given once under a name, and named at each upload.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.settlements.core.amounts import NoAmount, currency_of, minor_of, moment
from recoup.settlements.core.formats.base import Format, Reader, last_four, text
from recoup.settlements.core.lines import PAYOUTS, BadReport, Line, LineKind
from recoup.settlements.core.rows import Columns

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[^\x00]*\Z")]
Column = Annotated[Name | None, Meta(description="A column of the report.")]


class ColumnMapping(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which column of a report holds what. `gross` or `net` must be there, and a `currency` of some kind."""

    kind: Column = None
    key: Annotated[Name | None, Meta(description="Our own key, as the processor gives it back.")] = None
    reference: Column = None
    charge_reference: Column = None
    payout: Column = None
    gross: Column = None
    fee: Column = None
    net: Column = None
    currency: Column = None
    settlement_currency: Column = None
    rate: Column = None
    occurred_at: Annotated[Name | None, Meta(description="Times of ISO 8601; without a zone, UTC.")] = None
    last4: Column = None


class Mapping(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to read a report of any make."""

    columns: ColumnMapping
    kinds: Annotated[
        dict[Name, LineKind],
        Meta(
            max_length=200, description="What each value of the column `kind` means; capitals do not matter."
        ),
    ] = {}
    currency: Annotated[
        Annotated[str, Meta(min_length=3, max_length=3)] | None, Meta(description="Where no column tells.")
    ] = None
    amounts: Annotated[Literal["major", "minor"], Meta(description="`49.99`, or `4999` for the same.")] = (
        "major"
    )
    delimiter: Annotated[
        Literal[",", ";", "\t", "|"], Meta(description="What stands between two fields.")
    ] = ","
    signs: Annotated[
        Literal["signed", "by_kind"],
        Meta(
            description="Whether amounts bear a sign, or go by what the line is: refunds are less, charges more."
        ),
    ] = "signed"


_LESS: Final = frozenset(
    {LineKind.CHARGE_REVERSAL, LineKind.REFUND, LineKind.DISPUTE, LineKind.PAYOUT, LineKind.FEE}
)


def wrong(mapping: Mapping) -> str | None:
    """What is wrong with a mapping; None where nothing is."""
    columns = mapping.columns
    if columns.gross is None and columns.net is None:
        return "`columns` must name `gross` or `net`."
    if columns.currency is None and columns.settlement_currency is None and mapping.currency is None:
        return "Say where the currency stands: `columns.currency`, or `currency` for all lines."
    if mapping.currency is not None:
        try:
            currency_of(mapping.currency)
        except NoAmount as error:
            return f"`currency`: {error}"
    return None


def generic(mapping: Mapping, *, name: str) -> Format:
    """The format that a mapping describes."""
    return Format(
        name=name,
        title="By a mapping",
        source="the merchant",
        begin=lambda columns: _begin(mapping, columns),
        delimiter=mapping.delimiter,
        fees_apart=mapping.columns.fee is None and None in (mapping.columns.gross, mapping.columns.net),
        tells_payouts=not PAYOUTS.isdisjoint(mapping.kinds.values()),
    )


def _begin(mapping: Mapping, columns: Columns) -> Reader:
    at = {
        name: columns.need(column)
        for name in ColumnMapping.__struct_fields__
        if (column := getattr(mapping.columns, name)) is not None
    }
    kinds = {raw.strip().lower(): kind for raw, kind in mapping.kinds.items()}
    fixed = None if mapping.currency is None else currency_of(mapping.currency)
    by_kind = mapping.signs == "by_kind"

    def amount(fields: Sequence[str], name: str, currency: str) -> int | None:
        place = at.get(name)
        if place is None:
            return None
        found = fields[place].strip()
        return _whole(found) if mapping.amounts == "minor" else minor_of(found, currency)

    def take(number: int, row: int, fields: Sequence[str]) -> tuple[Line, int]:
        own = text(fields, at.get("currency"), row=row)
        settled = text(fields, at.get("settlement_currency"), row=row)
        currency = currency_of(own) if own else fixed or currency_of(settled or "")
        settled_in = currency_of(settled) if settled else currency
        raw = text(fields, at.get("kind"), row=row) or ""
        gross, net = amount(fields, "gross", currency), amount(fields, "net", settled_in)
        fee = amount(fields, "fee", settled_in)
        kind = kinds.get(raw.lower(), LineKind.UNKNOWN)
        if "kind" not in at:
            kind = LineKind.CHARGE if (gross if gross is not None else net or 0) >= 0 else LineKind.REFUND
        if by_kind:
            gross, net = (_signed(one, kind) for one in (gross, net))
        gross, fee, net = _completed(gross, fee, net, row=row, converted=currency != settled_in)
        line = Line(
            number,
            row,
            kind,
            raw[:80],
            text(fields, at.get("key"), row=row),
            text(fields, at.get("reference"), row=row),
            text(fields, at.get("charge_reference"), row=row),
            text(fields, at.get("payout"), row=row),
            gross,
            fee,
            net,
            currency,
            settled_in,
            text(fields, at.get("rate"), row=row),
            moment(fields[at["occurred_at"]]) if "occurred_at" in at else None,
            last_four(fields, at.get("last4")),
        )
        return line, 0

    return take


def _signed(amount: int | None, kind: LineKind) -> int | None:
    return None if amount is None else -abs(amount) if kind in _LESS else abs(amount)


def _completed(
    gross: int | None, fee: int | None, net: int | None, *, row: int, converted: bool
) -> tuple[int, int, int]:
    """Gross, fee and net, the one that is missing from the two others."""
    if (gross is None or net is None) and converted:
        raise BadReport(row, "This line was converted: name the columns of both `gross` and `net`.")
    if gross is None:
        assert net is not None, "a mapping names one of them"
        return net + (fee or 0), fee or 0, net
    if net is None:
        return gross, fee or 0, gross - (fee or 0)
    if fee is None:
        return gross, 0 if converted else gross - net, net
    return gross, fee, net


def _whole(found: str) -> int:
    digits = found.removeprefix("-")
    if not found:
        return 0
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise NoAmount(f"{found[:40]!r} is no amount in minor units: digits, and nothing else.")
    return int(found)
