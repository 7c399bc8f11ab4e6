"""Reports are read exactly, line by line, or refused with the line where they cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.settlements.reports import (
    ADYEN,
    BRAINTREE,
    CHECKOUT,
    STRIPE,
    adyen_row,
    checkout_row,
    major,
    parts,
    stripe_row,
    written,
)

from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind, parse, render
from recoup.settlements.core.amounts import PARTS, NoAmount, minor_of, moment, parts_of, rounded
from recoup.settlements.core.formats import FORMATS, GENERIC, ROUNDING, Format, read
from recoup.settlements.core.formats.generic import ColumnMapping, Mapping, generic, wrong
from recoup.settlements.core.keys import named
from recoup.settlements.core.lines import BadReport, Line, LineKind

AMOUNTS = st.integers(-(10**12), 10**12)


def lines(name: str, content: bytes, size: int = 7) -> list[Line]:
    return list(read(parts(content, size), FORMATS[name]))


def refused(name: str, content: bytes, size: int = 7) -> tuple[int, str]:
    with pytest.raises(BadReport) as bad:
        lines(name, content, size)
    return bad.value.row, bad.value.why


def stripe(*rows: dict[str, Any]) -> bytes:
    return written(STRIPE, rows)


def test_a_stripe_charge_is_read_whole() -> None:
    row = stripe_row(
        "charge",
        4999,
        175,
        source_id="ch_1",
        payment_intent_id="pi_1",
        **{"payment_metadata[recoup_key]": "att_1", "description": 'a "quoted"\ndescription'},
    )
    (line,) = lines("stripe", stripe(row))
    assert (line.number, line.row, line.kind, line.raw_kind) == (1, 2, LineKind.CHARGE, "charge")
    assert (line.key, line.reference, line.charge_reference, line.payout) == ("att_1", "ch_1", "pi_1", "po_1")
    assert (line.gross, line.fee, line.net, line.currency) == (4999, 175, 4824, "USD")
    assert line.occurred_at == "2026-11-20T10:00:00+00:00"


def test_a_stripe_charge_in_another_currency_is_compared_in_the_customer_s() -> None:
    paid = {"customer_facing_amount": "5000", "customer_facing_currency": "jpy"}
    charge, refund = lines(
        "stripe", stripe(stripe_row("charge", 3300, 96, **paid), stripe_row("refund", -3300, **paid))
    )
    assert (charge.gross, charge.currency, charge.net, charge.settlement_currency) == (
        5000,
        "JPY",
        3204,
        "USD",
    )
    assert charge.compared
    assert (refund.gross, refund.currency, refund.compared) == (-3300, "USD", False)


def test_an_adyen_batch_adds_up_to_its_payout() -> None:
    """The law of a closed batch: all lines but the payout are what was paid out."""
    rows = [
        adyen_row("Settled", 10_000, 150, **{"Psp Reference": "A1", "Merchant Reference": "att_1"}),
        adyen_row(
            "Refunded",
            -2_500,
            20,
            **{
                "Psp Reference": "A1",
                "Modification Reference": "M1",
                "Merchant Reference": "att_1",
                "Modification Merchant Reference": "ref_1",
            },
        ),
        adyen_row("Fee", 0, 30),
        adyen_row("Chargeback", -1_000),
        adyen_row("MerchantPayout", -6_300),
    ]
    settled, refunded, fee, chargeback, payout = found = lines("adyen", written(ADYEN, rows))
    assert [one.kind for one in found] == ["charge", "refund", "fee", "dispute", "payout"]
    assert (settled.gross, settled.fee, settled.net, settled.payout) == (10_000, 150, 9_850, "42")
    assert (refunded.gross, refunded.fee, refunded.net) == (-2_500, 20, -2_520)
    assert (refunded.key, refunded.reference, refunded.charge_reference) == ("ref_1", "M1", "A1")
    assert (fee.fee, fee.net, chargeback.gross, payout.net) == (30, -30, -1_000, -6_300)
    assert sum(one.net for one in found) == 0
    assert settled.occurred_at == "2026-11-20T10:30:00+00:00"


def test_adyen_s_gross_may_stand_in_either_column() -> None:
    row = adyen_row("Settled", 10_000, 150) | {"Gross Debit (GC)": "100.00", "Gross Credit (GC)": ""}
    (line,) = lines("adyen", written(ADYEN, [row]))
    assert (line.gross, line.net) == (10_000, 9_850)


def test_checkout_tells_each_fee_by_itself_and_nothing_is_lost_by_rounding() -> None:
    rows = [
        checkout_row("Capture", "20.00", Reference="att_1"),
        checkout_row("Scheme Fixed Fee", "-0.01333333"),
        checkout_row("Premium Variable Fee", "-0.49333333"),
        checkout_row("Interchange Fixed Fee", "-0.00333334"),
        checkout_row("Chargeback (ADJM)", "-5"),
        checkout_row("Chargeback (RPDW)", "5.0"),
    ]
    charge, scheme, premium, interchange, lost, won, *rest = found = lines(
        "checkout", written(CHECKOUT, rows)
    )
    assert (charge.kind, charge.gross, charge.fee, charge.key) == (LineKind.CHARGE, 2000, 0, "att_1")
    assert [one.fee for one in (scheme, premium, interchange)] == [1, 49, 0]
    assert (lost.kind, won.kind) == (LineKind.DISPUTE, LineKind.DISPUTE_REVERSAL)
    assert [(one.raw_kind, one.net) for one in rest] == [(ROUNDING, -1)]
    assert sum(one.net for one in found) == 2000 - 51


def test_braintree_s_fee_is_the_total_and_a_credit_is_less() -> None:
    common = {
        "Settlement Currency": "USD",
        "Disbursement Date": "2026-11-20",
        "Braintree Total Amount": "0.59",
    }
    rows = [
        common | {"Transaction ID": "t1", "Transaction Type": "sale", "Settlement Amount": "10.00"},
        common
        | {
            "Transaction ID": "t2",
            "Original Transaction ID": "t1",
            "Transaction Type": "credit",
            "Settlement Amount": "4.00",
            "Est. Total Fee Amount": "-0.10",
            "Order ID": "ref_1",
        },
    ]
    columns = [name for name in BRAINTREE if name != "Est. Total Fee Amount"]
    (sale,) = lines("braintree", written(columns, rows[:1]))
    assert (sale.kind, sale.gross, sale.fee, sale.net, sale.charge_reference) == (
        "charge",
        1000,
        59,
        941,
        "t1",
    )
    _, credit = lines("braintree", written(BRAINTREE, rows))
    assert (credit.kind, credit.gross, credit.fee, credit.net) == ("refund", -400, -10, -390)
    assert (credit.key, credit.reference, credit.charge_reference) == ("ref_1", "t2", "t1")


def test_a_word_that_no_table_knows_is_a_line_for_somebody_to_look_at() -> None:
    (line,) = lines("stripe", stripe(stripe_row("moon_levy", -5)))
    assert (line.kind, line.raw_kind) == (LineKind.UNKNOWN, "moon_levy")


MAPPING = Mapping(
    columns=ColumnMapping(
        kind="What",
        key="Our ref",
        reference="Id",
        payout="Batch",
        gross="Amount",
        fee="Cost",
        net="Paid",
        currency="Cur",
        settlement_currency="Paid in",
        rate="Rate",
        occurred_at="When",
        last4="Card",
    ),
    kinds={kind.value: kind for kind in LineKind},
    delimiter=";",
)
COLUMNS = (
    "What",
    "Our ref",
    "Id",
    "Batch",
    "Amount",
    "Cost",
    "Paid",
    "Cur",
    "Paid in",
    "Rate",
    "When",
    "Card",
)


def rendered(line: Line) -> dict[str, Any]:
    return {
        "What": line.raw_kind,
        "Our ref": line.key or "",
        "Id": line.reference or "",
        "Batch": line.payout or "",
        "Amount": major(line.gross, line.currency),
        "Cost": major(line.fee, line.settlement_currency),
        "Paid": major(line.net, line.settlement_currency),
        "Cur": line.currency,
        "Paid in": line.settlement_currency,
        "Rate": line.rate or "",
        "When": line.occurred_at or "",
        "Card": line.last4 or "",
    }


NAMES = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=20).filter(
        lambda one: one == one.strip()
    ),
    st.just('a;"b'),
)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    made = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        kind = draw(st.sampled_from(LineKind))
        made.append(
            Line(
                number,
                number + 1,
                kind,
                kind.value,
                key=draw(NAMES),
                reference=draw(NAMES),
                charge_reference=None,
                payout=draw(NAMES),
                gross=draw(AMOUNTS),
                fee=draw(AMOUNTS),
                net=draw(AMOUNTS),
                currency=draw(st.sampled_from(sorted(DECIMALS))),
                settlement_currency=draw(st.sampled_from(sorted(DECIMALS))),
                occurred_at=draw(st.sampled_from([None, "2026-11-20T10:00:00+00:00"])),
                last4=draw(st.sampled_from([None, "4242"])),
            )
        )
    return made


@given(some_lines(), st.integers(1, 200))
def test_what_is_written_is_read_again_however_it_is_cut(made: list[Line], size: int) -> None:
    """parse(render(x)) = x, and the size of the parts in which a file comes does not matter."""
    content = written(COLUMNS, map(rendered, made), delimiter=";")
    assert list(read(parts(content, size), generic(MAPPING, name=GENERIC))) == made


@given(AMOUNTS, st.sampled_from(sorted(DECIMALS)))
def test_an_amount_is_exact(minor: int, currency: str) -> None:
    assert minor_of(major(minor, currency), currency) == minor
    assert rounded(major(minor, currency), currency) == (minor, 0)


@given(st.decimals(-(10**9), 10**9, places=8))
def test_what_rounding_leaves_over_is_told(amount: Decimal) -> None:
    minor, rest = rounded(f"{amount:f}", "USD")
    assert minor * PARTS + rest == amount.scaleb(8) == parts_of(f"{amount:f}", "USD")
    assert abs(rest) * 2 <= PARTS


@pytest.mark.parametrize(
    "text", ["1,000.00", "1e3", "+5", "٣", "1_0", " 5", "5.", ".5", "--5", "0x1", "NaN", "10.001", "9" * 14]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(NoAmount):
        minor_of(text, "USD")
    assert (
        refused("stripe", stripe(stripe_row("charge", 1), stripe_row("charge", 1) | {"gross": text}))[0] == 3
    )


def test_zeros_behind_the_decimals_of_a_currency_are_nothing() -> None:
    assert (minor_of("500.00", "JPY"), minor_of("1.2500", "USD"), minor_of("1.234", "KWD")) == (
        500,
        125,
        1234,
    )


def test_a_time_needs_a_zone_that_is_not_ambiguous() -> None:
    assert moment("2026-07-01 12:00:00", "CEST") == "2026-07-01T10:00:00+00:00"
    assert moment("2026-07-01 12:00:00", "IST") is None
    assert moment("yesterday") is None


@given(
    st.integers(0, (1 << 128) - 1), st.sampled_from([Kind.ATTEMPT, Kind.CAPTURE, Kind.REFUND, Kind.PAYMENT])
)
def test_our_own_keys_are_known(value: int, kind: Kind) -> None:
    from uuid import UUID

    found = named(render(kind, UUID(int=value)))
    shown = f"{value:032x}"
    match kind:
        case Kind.ATTEMPT:
            assert found == (shown, None)
        case Kind.CAPTURE | Kind.REFUND:
            assert found == (None, shown)
        case _:
            assert found == (None, None)


@given(st.text(max_size=30), st.sampled_from(["att_", "ref_", "cap_", ""]))
def test_what_is_no_key_of_ours_names_nothing(text: str, prefix: str) -> None:
    kinds = {"att_": Kind.ATTEMPT, "ref_": Kind.REFUND, "cap_": Kind.CAPTURE}
    known = parse(kinds[prefix], prefix + text) if prefix else None
    assert [one for one in named(prefix + text) if one] == ([] if known is None else [known.hex])


GOOD = stripe(stripe_row("charge", 100), stripe_row("charge", 200))


def test_a_byte_order_mark_is_no_part_of_the_report() -> None:
    assert lines("stripe", b"\xef\xbb\xbf" + GOOD) == lines("stripe", GOOD)


@pytest.mark.parametrize(
    ("content", "row", "why"),
    [
        (b"", 0, "empty"),
        (GOOD.splitlines(keepends=True)[0], 0, "no lines"),
        (GOOD.replace(b"gross", b"grand"), 1, "'gross'"),
        (GOOD.replace(b"payment_intent_id", b"gross"), 1, "two columns"),
        (GOOD[:-40], 3, "cut off"),
        (GOOD + b'"an open quote, and the file ends', 4, "whole"),
        (GOOD.replace(b"usd", b"\xff\xfe", 1), 2, "UTF-8"),
        (GOOD.decode().encode("utf-16"), 1, "UTF-8"),
        (GOOD.replace(b"2.00", b"2\x00", 1), 3, "UTF-8"),
        (GOOD.replace(b"po_1", b"p" * 70_000, 1), 2, "longer than"),
        (GOOD.replace(b"po_1", b"p" * 300, 1), 2, "200 characters"),
        (GOOD.replace(b"usd", b"usb", 1), 2, "ISO 4217"),
        (GOOD.rstrip() + b",more\r\n", 3, "the header only"),
        (b"a" + b",a" * 400 + b"\n1", 1, "columns"),
    ],
)
@pytest.mark.parametrize("size", [11, 1 << 20])
def test_a_wrong_file_is_refused_with_its_line(content: bytes, row: int, why: str, size: int) -> None:
    found = refused("stripe", content, size)
    assert found[0] == row and why in found[1], found


def test_the_generic_format_fills_in_what_is_not_told() -> None:
    columns = ColumnMapping(net="Paid", fee="Cost", currency="Cur")
    bare = generic(Mapping(columns=columns), name=GENERIC)
    content = b"Paid,Cost,Cur\n9.70,0.30,EUR\n-5,0,EUR\n"
    charge, refund = read([content], bare)
    assert (charge.kind, charge.gross, charge.fee, charge.net) == ("charge", 1000, 30, 970)
    assert (refund.kind, refund.gross) == ("refund", -500)
    minor = generic(Mapping(columns=columns, amounts="minor"), name=GENERIC)
    assert next(read([b"Paid,Cost,Cur\n970,30,EUR\n"], minor)).gross == 1000
    with pytest.raises(BadReport, match="Line 2"):
        list(read([b"Paid,Cost,Cur\n9.70,0,EUR\n"], minor))


def test_a_mapping_by_kind_gives_amounts_their_sign() -> None:
    mapping = Mapping(
        columns=ColumnMapping(kind="T", gross="A"),
        kinds={"S": LineKind.CHARGE, "R": LineKind.REFUND},
        currency="EUR",
        signs="by_kind",
    )
    assert [one.gross for one in read([b"T,A\ns,5\nR,3\n"], generic(mapping, name=GENERIC))] == [500, -300]


@pytest.mark.parametrize(
    "mapping",
    [
        Mapping(columns=ColumnMapping(currency="C")),
        Mapping(columns=ColumnMapping(gross="G")),
        Mapping(columns=ColumnMapping(gross="G"), currency="EUX"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_told(mapping: Mapping) -> None:
    assert wrong(mapping)
    assert wrong(MAPPING) is None


@pytest.mark.parametrize("format_", FORMATS.values(), ids=lambda one: one.name)
def test_every_format_says_where_it_is_from(format_: Format) -> None:
    assert "read 2026-11-22" in format_.source
