"""Reports, lines and exceptions as the API and the events show them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.settlements.core.reasons import MEANINGS, Discrepancy, ExceptionState, Reason, Resolution
from recoup.settlements.core.reports import LineStatus, Report, ReportState, StoredLine
from recoup.settlements.core.tolerance import Tolerances


class SettlementObject(Struct, kw_only=True, frozen=True):
    """A processor's report, and how far it is matched."""

    id: str
    object: Literal["settlement"] = "settlement"
    processor_account: str
    format: str
    mapping: Annotated[
        str | None, Meta(description="The mapping that read it, where the format is `generic`.")
    ]
    tolerance: Tolerances
    sha256: Annotated[str, Meta(description="Of the file: the same file of an account is one settlement.")]
    size: Annotated[int, Meta(description="Bytes of the file.")]
    state: ReportState
    lines: int
    lines_worked: Annotated[int, Meta(description="How many are matched and stored so far.")]
    lines_matched: Annotated[int | None, Meta(description="How many fit what we know; once it is done.")]
    lines_repeated: Annotated[
        int | None,
        Meta(description="How many another report of the account had already, so that they posted nothing."),
    ]
    exceptions: Annotated[int, Meta(description="How many a person must look at, or had to.")]
    created_at: str
    finished_at: str | None
    livemode: bool


class SettlementLineObject(Struct, kw_only=True, frozen=True):
    """A movement of money, as the processor reports it. Amounts are in minor units, with the merchant's sign."""

    object: Literal["settlement_line"] = "settlement_line"
    number: int
    file_line: Annotated[int, Meta(description="The line of the file where it begins.")]
    kind: str
    processor_kind: Annotated[str, Meta(description="What the processor calls it.")]
    status: LineStatus
    reason: Reason | None
    payment: str | None
    key: Annotated[str | None, Meta(description="Our own reference, as the processor gave it back.")]
    reference: str | None
    charge_reference: str | None
    payout: str | None
    gross: Annotated[int, Meta(description="In `currency`.")]
    fee: Annotated[int, Meta(description="What the processor took, in `settlement_currency`.")]
    fee_expected: Annotated[int | None, Meta(description="What the account's contract tells, in `currency`.")]
    net: Annotated[int, Meta(description="In `settlement_currency`.")]
    currency: str
    settlement_currency: str
    rate: str | None
    occurred_at: str | None


class SettlementExceptionObject(Struct, kw_only=True, frozen=True):
    """Something that differs between a report and what we know, and what to do about it."""

    id: str
    object: Literal["settlement_exception"] = "settlement_exception"
    settlement: Annotated[str | None, Meta(description="None where no report has it.")]
    line: Annotated[int | None, Meta(description="The number of the line.")]
    processor_account: str
    reason: Reason
    state: ExceptionState
    payment: str | None
    proposals: Annotated[
        list[str],
        Meta(description="Payments that fit by amount, day and card. Nothing is linked by that alone."),
    ]
    expected: Annotated[int | None, Meta(description="What we have, in minor units of `currency`.")]
    found: Annotated[int | None, Meta(description="What the report says.")]
    currency: str
    summary: str
    remedy: Annotated[str, Meta(description="What to do about it.")]
    opened_at: str
    resolved_at: str | None
    resolution: Resolution | None
    note: Annotated[str | None, Meta(description="What whoever resolved it wrote.")]
    livemode: bool


def settlement_object(report: Report, *, livemode: bool) -> SettlementObject:
    """A report as it is now."""
    done = report.state is ReportState.DONE
    return SettlementObject(
        id=render(Kind.SETTLEMENT, report.id),
        processor_account=render(Kind.PROCESSOR_ACCOUNT, report.processor_account_id),
        format=report.format,
        mapping=report.mapping,
        tolerance=report.tolerance,
        sha256=report.digest.hex(),
        size=report.size,
        state=report.state,
        lines=report.lines,
        lines_worked=report.worked,
        lines_matched=report.matched if done else None,
        lines_repeated=report.repeated if done else None,
        exceptions=report.exceptions,
        created_at=rfc3339(report.created_at),
        finished_at=None if report.finished_at is None else rfc3339(report.finished_at),
        livemode=livemode,
    )


def line_object(line: StoredLine) -> SettlementLineObject:
    """A line with what came of it."""
    return SettlementLineObject(
        number=line.number,
        file_line=line.row,
        kind=line.kind,
        processor_kind=line.raw_kind,
        status=line.status,
        reason=None if line.reason is None else Reason(line.reason),
        payment=_payment(line.payment_id),
        key=line.key,
        reference=line.reference,
        charge_reference=line.charge_reference,
        payout=line.payout,
        gross=line.gross,
        fee=line.fee,
        fee_expected=line.fee_expected,
        net=line.net,
        currency=line.currency,
        settlement_currency=line.settlement_currency,
        rate=line.rate,
        occurred_at=None if line.occurred_at is None else rfc3339(line.occurred_at),
    )


def exception_object(one: Discrepancy, *, livemode: bool) -> SettlementExceptionObject:
    """An exception as it is now."""
    return SettlementExceptionObject(
        id=render(Kind.SETTLEMENT_EXCEPTION, one.id),
        settlement=None if one.settlement_id is None else render(Kind.SETTLEMENT, one.settlement_id),
        line=one.number,
        processor_account=render(Kind.PROCESSOR_ACCOUNT, one.processor_account_id),
        reason=one.reason,
        state=one.state,
        payment=_payment(one.payment_id),
        proposals=[render(Kind.PAYMENT, payment_id) for payment_id in one.proposals],
        expected=one.expected,
        found=one.found,
        currency=one.currency,
        summary=one.summary,
        remedy=MEANINGS[one.reason].remedy,
        opened_at=rfc3339(one.opened_at),
        resolved_at=None if one.resolved_at is None else rfc3339(one.resolved_at),
        resolution=one.resolution,
        note=one.note,
        livemode=livemode,
    )


def _payment(payment_id: UUID | None) -> str | None:
    return None if payment_id is None else render(Kind.PAYMENT, payment_id)
