"""The page about the ledger says what the code does: its two tables, and its example."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from recoup.ledger.core import CHART, POSTINGS, AccountKind, Cause, Source, TransferKind, balance_of, transfer

PAGE: Final = (Path(__file__).parents[2] / "docs" / "explanation" / "ledger.md").read_text(encoding="utf-8")
ROW: Final = re.compile(r"^\| (.*) \|$", re.MULTILINE)
ROWS: Final = [[cell.strip(" `") for cell in found.split("|")] for found in ROW.findall(PAGE)]
POSTED: Final = re.compile(r"`(\w+)` (\d+)")


def test_the_chart_is_told_whole() -> None:
    told = {row[0]: (row[1], row[2] != "one", row[3]) for row in ROWS if row[1] in ("debit", "credit")}
    assert told.pop("kind") == ("debit", True, "when"), "the head of the other table"
    assert told == {
        kind: (heading.normal, heading.by_processor_account, heading.summary)
        for kind, heading in CHART.items()
    }


def test_the_table_of_postings_is_told_whole() -> None:
    told = {row[0]: tuple(row[1:]) for row in ROWS if row[0] in set(TransferKind)}
    assert told == {kind: (one.debit, one.credit, one.when) for kind, one in POSTINGS.items()}


def test_the_example_adds_up() -> None:
    place, cause = UUID(int=1), Cause(Source.PERSON, UUID(int=2), datetime(2026, 11, 22, tzinfo=UTC))
    sums: dict[AccountKind, list[int]] = {kind: [0, 0] for kind in AccountKind}
    example = [row for row in ROWS if len(row) == 6 and POSTED.search(f"`{row[1]}")]
    assert len(example) == 9
    for row in example:
        for kind, amount in POSTED.findall(f"`{row[1]}"):
            made = transfer(
                TransferKind(kind), int(amount), currency="USD", processor_account_id=place, cause=cause
            )
            sums[made.debit.kind][0] += made.amount
            sums[made.credit.kind][1] += made.amount
        shown = (AccountKind.RECEIVABLE, AccountKind.SALES, AccountKind.FEES, AccountKind.REFUNDS)
        assert [balance_of(kind, debited=sums[kind][0], credited=sums[kind][1]) for kind in shown] == [
            int(cell) for cell in row[2:]
        ]
