"""A report as we keep it: which file it was, how far it is worked, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.settlements.core.lines import Line, LineKind
from recoup.settlements.core.tolerance import Tolerances

_OURS: Final = frozenset({LineKind.CHARGE, LineKind.REFUND})


class ReportState(StrEnum):
    """How far a report is worked."""

    IMPORTING = "importing"
    DONE = "done"


class LineStatus(StrEnum):
    """What came of a line: it fits what we know, a person must look, there is nothing to hold it against, or another
    report of the account has this very line, so that it posts nothing."""

    MATCHED = "matched"
    EXCEPTION = "exception"
    NOTED = "noted"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Report:
    """A file of a processor account. `worked` of its `lines` are matched and stored; `matched`, and `repeated` which
    another report has, are counted at the end. `first_at` is when the first charge or refund was that it tells of."""

    id: UUID
    processor_account_id: UUID
    format: str
    mapping: str | None
    tolerance: Tolerances
    digest: bytes = field(repr=False)
    size: int
    state: ReportState
    lines: int
    worked: int
    matched: int
    exceptions: int
    first_at: datetime | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    repeated: int = 0


@dataclass(slots=True)
class Sums:
    """What a whole file comes to, found out before anything of it is taken."""

    lines: int = 0
    first_at: str | None = None
    """When the first charge or refund was that it tells of."""

    def add(self, line: Line) -> None:
        """One more line."""
        self.lines += 1
        at = line.occurred_at
        if at is not None and line.kind in _OURS and (self.first_at is None or at < self.first_at):
            self.first_at = at


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line with what came of it."""

    number: int
    row: int
    kind: str
    raw_kind: str
    key: str | None
    reference: str | None
    charge_reference: str | None
    payout: str | None
    gross: int
    fee: int
    net: int
    currency: str
    settlement_currency: str
    rate: str | None
    occurred_at: datetime | None
    last4: str | None
    status: LineStatus
    reason: str | None
    payment_id: UUID | None
    object_id: UUID | None
    fee_expected: int | None
