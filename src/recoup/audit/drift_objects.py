"""What second sources confirm, and what differs, as the API shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.audit.core.drift import NOWHERE, Age, AgeSum, Source, Standing
from recoup.audit.drifting import CASES_SHOWN, UNMATCHED_MAX, Report
from recoup.audit.objects import CaseObject, case_object
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render

_Amount = Annotated[int, Meta(description="In the currency's smallest unit.")]


class CountObject(Struct, kw_only=True, frozen=True):
    """Payments, and over how much."""

    payments: int
    amount: _Amount


class ShareObject(Struct, kw_only=True, frozen=True):
    """Payments that have an end, and what a second source says of them."""

    payments: int
    amount: _Amount
    confirmed: Annotated[CountObject, Meta(description="Those that at least one second source confirmed.")]
    confirmed_share: Annotated[
        float | None,
        Meta(description="The share of the payments that is confirmed; null where there are none."),
    ]
    by_webhook: Annotated[int, Meta(description="Payments that a webhook confirmed.")]
    by_question: Annotated[
        int, Meta(description="Payments of which the processor, asked again, said the same.")
    ]
    by_settlement: Annotated[int, Meta(description="Payments that a settlement line was matched with.")]
    differing: Annotated[
        CountObject, Meta(description="Those of which a source says another end than is held here.")
    ]


class DriftTotal(Struct, kw_only=True, frozen=True):
    """The payments of one currency."""

    currency: str
    approved: Annotated[ShareObject, Meta(description="Payments whose money was held or taken.")]
    declined: ShareObject
    open: Annotated[
        CountObject, Meta(description="Payments that have no end yet: there is nothing to confirm.")
    ]


class DriftLine(DriftTotal, kw_only=True, frozen=True):
    """The payments of one age, processor account and currency."""

    age: Annotated[
        Age, Meta(description="How long ago they were created: to the hour for two days, then to the day.")
    ]
    processor_account: str | None


class UnmatchedObject(Struct, kw_only=True, frozen=True):
    """Lines of settlement reports, or payments that no report has, that somebody must still look at."""

    reason: str
    currency: str
    exceptions: Annotated[int, Meta(description=f"How many; no more than {UNMATCHED_MAX} are counted.")]
    amount: Annotated[int, Meta(description="Without sign, in the currency's smallest unit.")]
    url: str


class UnaskedObject(Struct, kw_only=True, frozen=True):
    """A processor account that for a while could not be asked which disputes there are."""

    processor_account: str
    since: Annotated[str, Meta(description="What is new there since then only a webhook tells.")]
    failures: Annotated[int, Meta(description="Answers in a row that could not be used.")]
    why: str | None


class DriftObject(Struct, kw_only=True, frozen=True):
    """How much of what is held here a second source confirms, and what differs."""

    object: Literal["drift"] = "drift"
    as_of: str
    events_counted: Annotated[int, Meta(description="The `sequence` of the last event that is counted here.")]
    total: Annotated[Sequence[DriftTotal], Meta(description="By currency, all ages and accounts together.")]
    data: Annotated[Sequence[DriftLine], Meta(description="By age, processor account and currency.")]
    unmatched: Sequence[UnmatchedObject]
    cases: Annotated[
        Sequence[CaseObject],
        Meta(
            description=f"Open audit cases about contradictions, each with its remedy; at most {CASES_SHOWN}."
        ),
    ]
    disputes_not_listed: Annotated[
        Sequence[UnaskedObject],
        Meta(description="Processor accounts that could not be asked about disputes of late."),
    ]
    livemode: bool


def drift_object(report: Report, *, livemode: bool, now: datetime) -> DriftObject:
    """The report as it is shown."""
    return DriftObject(
        as_of=rfc3339(now),
        events_counted=report.events,
        total=_totals(report.sums),
        data=_lines(report.sums),
        unmatched=[
            UnmatchedObject(
                reason=one.reason,
                currency=one.currency,
                exceptions=one.exceptions,
                amount=one.amount,
                url=f"/v1/settlement_exceptions?state=open&reason={one.reason}",
            )
            for one in report.unmatched
        ],
        cases=[case_object(one, livemode=livemode) for one in report.cases],
        disputes_not_listed=[
            UnaskedObject(
                processor_account=render(Kind.PROCESSOR_ACCOUNT, one.account_id),
                since=rfc3339(one.covered_until),
                failures=one.failures,
                why=one.why,
            )
            for one in report.unasked
        ],
        livemode=livemode,
    )


def _totals(sums: Iterable[AgeSum]) -> list[DriftTotal]:
    by: dict[str, list[AgeSum]] = defaultdict(list)
    for one in sums:
        by[one.currency].append(one)
    return [
        DriftTotal(
            currency=currency,
            approved=_share(parts, Standing.APPROVED),
            declined=_share(parts, Standing.DECLINED),
            open=_count(one for one in parts if one.standing is Standing.OPEN),
        )
        for currency, parts in sorted(by.items())
    ]


def _lines(sums: Iterable[AgeSum]) -> list[DriftLine]:
    by: dict[tuple[Age, UUID, str], list[AgeSum]] = defaultdict(list)
    for one in sums:
        by[one.age, one.processor_account_id, one.currency].append(one)
    return [
        DriftLine(
            age=age,
            processor_account=None if account == NOWHERE else render(Kind.PROCESSOR_ACCOUNT, account),
            currency=currency,
            approved=_share(parts, Standing.APPROVED),
            declined=_share(parts, Standing.DECLINED),
            open=_count(one for one in parts if one.standing is Standing.OPEN),
        )
        for (age, account, currency), parts in by.items()
    ]


def _share(sums: Iterable[AgeSum], standing: Standing) -> ShareObject:
    parts = [one for one in sums if one.standing is standing]
    whole, confirmed = _count(parts), _count(one for one in parts if one.sources)

    def by(source: Source) -> int:
        return sum(one.payments for one in parts if source in one.sources)

    return ShareObject(
        payments=whole.payments,
        amount=whole.amount,
        confirmed=confirmed,
        confirmed_share=round(confirmed.payments / whole.payments, 4) if whole.payments else None,
        by_webhook=by(Source.WEBHOOK),
        by_question=by(Source.QUESTION),
        by_settlement=by(Source.SETTLEMENT),
        differing=_count(one for one in parts if one.differs),
    )


def _count(sums: Iterable[AgeSum]) -> CountObject:
    parts = list(sums)
    return CountObject(payments=sum(one.payments for one in parts), amount=sum(one.amount for one in parts))
