"""Takes a report in: looked over whole before anything of it is taken, then worked in chunks, each one transaction.

A chunk's lines, exceptions and the report's place are written together, so a crash loses a chunk at most and whoever
goes on begins where the last one ended: the worker for what was uploaded, the command for a file on disk. The same file
of the same account is one report for ever.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, due
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import uuid7
from recoup.kit.refusals import Refusal, invalid, not_found
from recoup.ledger.flow import post
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.settlements.core.formats import FORMATS, GENERIC, Format, read
from recoup.settlements.core.formats.generic import generic
from recoup.settlements.core.lines import BadReport, Line
from recoup.settlements.core.postings import Of, PaidOut, posted
from recoup.settlements.core.reasons import GRAVE, Discrepancy, ExceptionState, Reason
from recoup.settlements.core.reports import Report, ReportState, Sums
from recoup.settlements.core.tolerance import TOLERANCES, Tolerances
from recoup.settlements.objects import settlement_object
from recoup.settlements.store import matching, reports

WORK: Final = "settlement.work"
"""The kind of due row that says: go on with this report."""
CONTRADICTED: Final = "event:settlement.contradicted"
"""The kind of due row that says: this exception contradicts what was final."""
CHUNK_LINES: Final = 20_000
"""Lines that are matched and written in one transaction."""
PART_BYTES: Final = 4 << 20
"""How much of an upload is kept in one row, before it is compressed."""
POSTED_AT_ONCE: Final = 4_000
PROPOSED_FOR_MAX: Final = 500
"""For how many unknown charges of a chunk payments are proposed."""
_BEFORE: Final = timedelta(days=5)
_AFTER: Final = timedelta(days=1)
"""How long before, and after, a charge's time in a report its payment may have begun, to be proposed."""
_YEARS: Final = (2000, 2200)

Source = Callable[[], Iterable[bytes]]
"""Opens a file from its beginning, part by part; called again to read it again."""


class Accounts(Protocol):
    """What settlements ask of merchants."""

    async def account(self, merchant_id: UUID, account_id: UUID) -> ProcessorAccount:
        """One processor account; refuses with 404."""
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """A report as it comes: for which account, and how it is to be read and judged."""

    processor_account_id: UUID
    format: str
    mapping: str | None
    tolerance: Tolerances
    source: Source


@dataclass(frozen=True, slots=True)
class _LookedOver:
    sums: Sums
    digest: bytes
    size: int


class Importing:
    """Takes reports in, and works them."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: Accounts,
        catch_up: Callable[[UUID], Awaitable[object]],
        new_id: Callable[[], UUID],
        chunk_lines: int = CHUNK_LINES,
    ) -> None:
        """`catch_up` brings the ledger to the present, so that the fees it expects are known."""
        self._database = database
        self._accounts = accounts
        self._catch_up = catch_up
        self._new_id = new_id
        self._chunk_lines = chunk_lines

    async def begin(
        self, connection: Connection, merchant: Merchant, upload: Upload, *, now: datetime
    ) -> Report:
        """Look a file over and write it down; refuses what cannot be read. The same file again is the same report."""
        await self._accounts.account(merchant.id, upload.processor_account_id)
        format_ = await self.format_of(connection, merchant, upload.format, upload.mapping)
        try:
            seen = await asyncio.to_thread(_look_over, upload.source, format_)
        except BadReport as bad:
            raise _unreadable(bad) from None
        report = Report(
            id=self._new_id(),
            processor_account_id=upload.processor_account_id,
            format=upload.format,
            mapping=upload.mapping,
            tolerance=upload.tolerance,
            digest=seen.digest,
            size=seen.size,
            state=ReportState.IMPORTING,
            lines=seen.sums.lines,
            worked=0,
            matched=0,
            exceptions=0,
            first_at=None if seen.sums.first_at is None else datetime.fromisoformat(seen.sums.first_at),
            created_at=now,
            updated_at=now,
        )
        return await reports.begin(connection, report, merchant_id=merchant.id)

    async def keep(
        self, connection: Connection, merchant: Merchant, report: Report, content: bytes, *, now: datetime
    ) -> None:
        """Keep what was uploaded, and have the worker work it."""
        if report.state is ReportState.DONE:
            return
        parts = [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]
        packed = [zlib.compress(part, 1) for part in parts]
        await reports.keep(connection, packed, merchant_id=merchant.id, report_id=report.id)
        await due.put(connection, merchant_id=merchant.id, kind=WORK, object_id=report.id, due_at=now)

    async def work_kept(self, merchant: Merchant, report_id: UUID, now: datetime) -> datetime | None:
        """Work what was uploaded: the handler of `WORK`."""
        report = await reports.read(self._database, merchant_id=merchant.id, report_id=report_id)
        if report is None or report.state is ReportState.DONE:
            return None
        found = reports.kept(self._database, merchant_id=merchant.id, report_id=report_id)
        parts = [zlib.decompress(part) async for part in found]
        if parts:
            await self.work(merchant, report, lambda: iter(parts), now=now)
        return None

    async def work(
        self,
        merchant: Merchant,
        report: Report,
        source: Source,
        *,
        now: datetime,
        progress: Callable[[int], None] = lambda worked: None,
    ) -> Report:
        """Work a report on from its place to its end. Where somebody else goes on with it meanwhile, they have it."""
        format_ = await self.format_of(self._database, merchant, report.format, report.mapping)
        await self._catch_up(merchant.id)
        lines = read(source(), format_)
        await asyncio.to_thread(_skip, lines, report.worked)
        worked = report.worked
        while chunk := await asyncio.to_thread(lambda: list(islice(lines, self._chunk_lines))):
            if not await self._work_chunk(merchant, report, format_, chunk, now=now):
                break
            worked += len(chunk)
            progress(worked)
        return await self._finish(merchant, report, format_, now=now)

    async def format_of(
        self, queries: Connection | Database, merchant: Merchant, name: str, mapping: str | None
    ) -> Format:
        """How to read a report; refuses a format or mapping that is not there."""
        if name != GENERIC:
            if mapping is not None:
                raise invalid(
                    "mapping_not_taken", "Only the format `generic` takes a mapping.", param="mapping"
                )
            found = FORMATS.get(name)
            if found is None:
                known = ", ".join([*FORMATS, GENERIC])
                raise invalid("unknown_format", f"`format` must be one of: {known}.", param="format")
            return found
        if mapping is None:
            raise invalid(
                "mapping_missing", "The format `generic` needs the name of a mapping.", param="mapping"
            )
        own = await reports.mapping(queries, mapping, merchant_id=merchant.id)
        if own is None:
            raise not_found("mapping", mapping, param="mapping", hint="Save it under that name first.")
        return generic(own, name=GENERIC)

    async def _work_chunk(
        self, merchant: Merchant, report: Report, format_: Format, chunk: Sequence[Line], *, now: datetime
    ) -> bool:
        """Match and write a chunk, unless its place is not the report's any more; whether it is written."""
        ids = sorted(self._new_id() for _ in chunk)  # of one millisecond, so that they sort as the lines do
        rules = matching.Rules(
            TOLERANCES[report.tolerance],
            whole=format_.whole_authorization,
            fees_told=not format_.fees_apart,
        )

        async def write(connection: Connection) -> bool:
            there = await reports.lock(connection, merchant_id=merchant.id, report_id=report.id)
            if there.worked != chunk[0].number - 1:
                return there.worked == chunk[-1].number  # our own commit, whose answer was lost
            await matching.stage(connection, chunk)
            wrong = await matching.match(
                connection,
                rules,
                merchant_id=merchant.id,
                settlement_id=report.id,
                account_id=report.processor_account_id,
            )
            if wrong:
                await self._write_wrong(connection, merchant, report, wrong, ids=ids, now=now)
            await reports.move_on(
                connection,
                merchant_id=merchant.id,
                report_id=report.id,
                worked=len(chunk),
                exceptions=len(wrong),
                now=now,
            )
            return True

        return await self._database.retrying(write)

    async def _write_wrong(
        self,
        connection: Connection,
        merchant: Merchant,
        report: Report,
        wrong: Sequence[dict[str, Any]],
        *,
        ids: Sequence[UUID],
        now: datetime,
    ) -> None:
        wanted = [want for row in wrong if (want := _wanted(row)) is not None][:PROPOSED_FOR_MAX]
        proposed = {}
        if wanted:
            proposed = await matching.proposals(
                connection, wanted, merchant_id=merchant.id, account_id=report.processor_account_id
            )
        found = [
            _discrepancy(row, report, id_=id_, now=now, proposed=proposed.get(row["number"], ()))
            for id_, row in zip(ids, wrong, strict=False)
        ]
        await matching.write_exceptions(connection, found, merchant_id=merchant.id)
        for one in found:
            if one.reason in GRAVE:
                await due.put(
                    connection, merchant_id=merchant.id, kind=CONTRADICTED, object_id=one.id, due_at=now
                )

    async def _finish(self, merchant: Merchant, report: Report, format_: Format, *, now: datetime) -> Report:
        """When every line is worked: close what was missing, post, and tell; all in one transaction, once."""
        event_id = self._new_id()

        async def end(connection: Connection) -> Report:
            there = await reports.lock(connection, merchant_id=merchant.id, report_id=report.id)
            if there.state is ReportState.DONE or there.worked < there.lines:
                return there
            await matching.found_at_last(connection, merchant_id=merchant.id, now=now)
            done = await reports.finish(connection, merchant_id=merchant.id, report_id=report.id, now=now)
            await _post(connection, merchant, done, format_, now=now)
            told = NewEvent(
                id=event_id,
                type="settlement.completed",
                object_id=done.id,
                object_sequence=1,
                data=msgspec.json.encode(settlement_object(done, livemode=merchant.livemode)),
                created_at=now,
            )
            await append(connection, merchant.id, [told])
            return done

        return await self._database.retrying(end)


async def _post(
    connection: Connection, merchant: Merchant, report: Report, format_: Format, *, now: datetime
) -> None:
    sums = await reports.sums(connection, merchant_id=merchant.id, report_id=report.id)
    found = await reports.payouts(
        connection, merchant_id=merchant.id, report_id=report.id, limit=report.lines
    )
    paid = [
        PaidOut(one.payout, one.currency, one.told or 0 if format_.tells_payouts else one.net)
        for one in found
    ]
    transfers = posted(sums, paid, Of(report.id, report.processor_account_id, now))
    for start in range(0, len(transfers), POSTED_AT_ONCE):
        await post(connection, merchant.id, transfers[start : start + POSTED_AT_ONCE])


def _look_over(source: Source, format_: Format) -> _LookedOver:
    """Read a whole file once, keeping nothing; raises `BadReport`."""
    digest, sums, size = hashlib.sha256(), Sums(), 0

    def passing() -> Iterator[bytes]:
        nonlocal size
        for part in source():
            digest.update(part)
            size += len(part)
            yield part

    for line in read(passing(), format_):
        sums.add(line)
    return _LookedOver(sums, digest.digest(), size)


def _skip(lines: Iterator[Line], count: int) -> None:
    for _ in islice(lines, count):
        pass


def _unreadable(bad: BadReport) -> Refusal:
    return invalid("unreadable_report", f"{bad} Nothing of the file was taken.")


def _wanted(row: dict[str, Any]) -> matching.Wanted | None:
    """What to look for where a charge is not known here and tells when it was."""
    at: datetime | None = row["occurred_at"]
    if row["reason"] != Reason.MISSING_HERE or row["kind"] != "charge" or row["gross"] <= 0:
        return None
    if at is None or not _YEARS[0] <= at.year <= _YEARS[1]:
        return None
    return matching.Wanted(
        row["number"],
        row["gross"],
        row["currency"],
        row["last4"],
        since=uuid7(at - _BEFORE, bytes),
        until=uuid7(at + _AFTER, bytes),
    )


def _discrepancy(
    row: dict[str, Any], report: Report, *, id_: UUID, now: datetime, proposed: tuple[UUID, ...]
) -> Discrepancy:
    reason = Reason(row["reason"])
    expected, found, currency = row["expected"], row["gross"], row["currency"]
    if reason is Reason.FEE_DIFFERS:
        expected, found, currency = row["fee_expected"], row["fee"], row["settlement_currency"]
    elif reason is Reason.SUMS_DIFFER:
        expected, found = row["gross"] - row["fee"], row["net"]
    elif reason is not Reason.AMOUNT_DIFFERS:
        expected = None
    return Discrepancy(
        id=id_,
        settlement_id=report.id,
        number=row["number"],
        processor_account_id=report.processor_account_id,
        reason=reason,
        state=ExceptionState.OPEN,
        payment_id=row["payment_id"],
        object_id=row["object_id"],
        expected=expected,
        found=found,
        currency=currency,
        proposals=proposed,
        opened_at=now,
    )
