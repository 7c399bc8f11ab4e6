"""Takes a report in: looked over whole before anything of it is taken, then worked in chunks, each one transaction.

A chunk's lines, exceptions, sums and the report's place are written together, so a crash loses a chunk at most and
whoever goes on begins where the last one ended: the worker for what was uploaded, the command for a file on disk. The
same file of the same account is one report for ever, and what two reports of an account share is posted once.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import IO, Any, Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, due, plans
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import uuid7
from recoup.kit.refusals import Refusal, invalid, not_found
from recoup.ledger.flow import post
from recoup.merchants.core import Merchant
from recoup.settlements.core.formats import FORMATS, GENERIC, Format
from recoup.settlements.core.formats.generic import generic
from recoup.settlements.core.lines import BadReport
from recoup.settlements.core.postings import Of, PaidOut, posted
from recoup.settlements.core.reasons import GRAVE, Discrepancy, ExceptionState, Reason
from recoup.settlements.core.reports import Report, ReportState
from recoup.settlements.core.tolerance import TOLERANCES, Tolerances
from recoup.settlements.flow.accounts import Accounts as Accounts
from recoup.settlements.flow.contesting import Contesting
from recoup.settlements.flow.staging import LookedOver, Source, look_over, skip, staged
from recoup.settlements.objects import settlement_object
from recoup.settlements.store import contesting, matching, proposing, reports, sums

WORK: Final = "settlement.work"
"""The kind of due row that says: go on with this report."""
CONTRADICTED: Final = "event:settlement.contradicted"
"""The kind of due row that says: this exception contradicts what was final."""
CHUNK_LINES: Final = 20_000
"""Lines that are matched and written in one transaction."""
PART_BYTES: Final = 4 << 20
"""How much of an upload is kept in one row, before it is compressed."""
POSTED_AT_ONCE: Final = 4_000
PROPOSED_FOR_MAX: Final = 5_000
"""For how many unknown charges of a report payments are proposed."""
CAUGHT_UP_ROUNDS_MAX: Final = 1_000
"""How often the ledger is brought on, before a report is worked without the rest."""
_BEFORE: Final = timedelta(days=5)
_AFTER: Final = timedelta(days=1)
"""How long before, and after, a charge's time in a report its payment may have begun, to be proposed."""
_YEARS: Final = (2000, 2200)


@dataclass(frozen=True, slots=True)
class Upload:
    """A report as it comes: for which account, and how it is to be read and judged."""

    processor_account_id: UUID
    format: str
    mapping: str | None
    tolerance: Tolerances
    source: Source


class Importing:
    """Takes reports in, and works them."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: Accounts,
        catch_up: Callable[[UUID], Awaitable[object]],
        tells_dispute_fees: Callable[[str], bool],
        new_id: Callable[[], UUID],
        chunk_lines: int = CHUNK_LINES,
    ) -> None:
        """`catch_up` brings the ledger to the present, so that the fees it expects are known. `tells_dispute_fees`:
        whether a connector's news of disputes tell what they cost, so that it is posted without a report."""
        self._database = database
        self._accounts = accounts
        self._catch_up = catch_up
        self._tells_dispute_fees = tells_dispute_fees
        self._new_id = new_id
        self._chunk_lines = chunk_lines
        self._contesting = Contesting(
            database, accounts=accounts, tells_dispute_fees=tells_dispute_fees, new_id=new_id
        )

    async def look_over(
        self, merchant: Merchant, upload: Upload, *, spool: IO[str] | None = None
    ) -> LookedOver:
        """Read a file whole before anything of it is taken; refuses what cannot be read.

        What was read is left in `spool`, for `work` to take from there and not to read the file once more. A large file
        takes minutes: no transaction is open meanwhile.
        """
        await self._accounts.account(merchant.id, upload.processor_account_id)
        format_ = await self.format_of(merchant, upload.format, upload.mapping)
        try:
            return await asyncio.to_thread(
                look_over, upload.source, format_, account_id=upload.processor_account_id, spool=spool
            )
        except BadReport as bad:
            raise _unreadable(bad) from None

    async def begin(
        self, connection: Connection, merchant: Merchant, upload: Upload, *, seen: LookedOver, now: datetime
    ) -> Report:
        """Write a file down that was looked over. The same file again is the same report."""
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
        spool: IO[str] | None = None,
        progress: Callable[[int], None] = lambda worked: None,
    ) -> Report:
        """Work a report on from its place to its end. Where somebody else goes on with it meanwhile, they have it."""
        format_ = await self.format_of(merchant, report.format, report.mapping)
        await self._know_all_fees(merchant)
        await plans.refresh(self._database)
        lines = staged(source, format_, account_id=report.processor_account_id, spool=spool)
        await asyncio.to_thread(skip, lines, report.worked)
        worked = report.worked
        while chunk := await asyncio.to_thread(lambda: list(islice(lines, self._chunk_lines))):
            if not await self._work_chunk(merchant, report, format_, chunk, after=worked, now=now):
                break
            if not worked:
                await plans.refresh(self._database)  # plans that were made for empty tables are not kept
            worked += len(chunk)
            progress(worked)
        await self._propose(merchant, report)
        return await self._finish(merchant, report, format_, now=now)

    async def _know_all_fees(self, merchant: Merchant) -> None:
        """Bring the ledger to the present: a fee that is expected later is not known to be the one that was taken."""
        before: object = None
        for _ in range(CAUGHT_UP_ROUNDS_MAX):
            book = await self._catch_up(merchant.id)
            if book == before:
                break
            before = book

    async def format_of(self, merchant: Merchant, name: str, mapping: str | None) -> Format:
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
        own = await reports.mapping(self._database, mapping, merchant_id=merchant.id)
        if own is None:
            raise not_found("mapping", mapping, param="mapping", hint="Save it under that name first.")
        return generic(own, name=GENERIC)

    async def _work_chunk(
        self,
        merchant: Merchant,
        report: Report,
        format_: Format,
        chunk: Sequence[str],
        *,
        after: int,
        now: datetime,
    ) -> bool:
        """Match and write a chunk, unless its place is not the report's any more; whether it is written."""
        rules = matching.Rules(
            TOLERANCES[report.tolerance],
            whole=format_.whole_authorization,
            fees_told=not format_.fees_apart,
        )
        account_id = report.processor_account_id

        async def write(connection: Connection) -> bool:
            await reports.hold_account(connection, merchant_id=merchant.id, account_id=account_id)
            there = await reports.lock(connection, merchant_id=merchant.id, report_id=report.id)
            if there.worked != after:
                return there.worked == after + len(chunk)  # our own commit, whose answer was lost
            await matching.stage(connection, chunk)
            of_disputes = await contesting.find(connection, merchant_id=merchant.id, account_id=account_id)
            wrong = await matching.match(
                connection, rules, merchant_id=merchant.id, settlement_id=report.id, account_id=account_id
            )
            ids = sorted(self._new_id() for _ in wrong)  # so that they sort as the lines do
            found = [_discrepancy(row, report, id_=id_, now=now) for id_, row in zip(ids, wrong, strict=True)]
            await self._write_wrong(connection, merchant, found, now=now)
            more = 0
            if of_disputes:
                unknown = [one for one in found if one.reason is Reason.DISPUTE_UNKNOWN]
                more = await self._contesting.take(
                    connection, merchant, report, unknown, fees_told=rules.fees_told, now=now
                )
            await reports.move_on(
                connection,
                merchant_id=merchant.id,
                report_id=report.id,
                worked=len(chunk),
                exceptions=len(wrong) + more,
                now=now,
            )
            return True

        return await self._database.retrying(write)

    async def _write_wrong(
        self, connection: Connection, merchant: Merchant, found: Sequence[Discrepancy], *, now: datetime
    ) -> None:
        if found:
            await matching.write_exceptions(connection, found, merchant_id=merchant.id)
        for one in found:
            if one.reason in GRAVE:
                await due.put(
                    connection, merchant_id=merchant.id, kind=CONTRADICTED, object_id=one.id, due_at=now
                )

    async def _propose(self, merchant: Merchant, report: Report) -> None:
        """When every line is worked, so that no payment is proposed which a later line names."""
        there = await reports.read(self._database, merchant_id=merchant.id, report_id=report.id)
        if there is None or there.state is ReportState.DONE or there.worked < there.lines:
            return
        found = await proposing.unknown(
            self._database, merchant_id=merchant.id, report_id=report.id, limit=PROPOSED_FOR_MAX
        )
        wanted = [_wanted(one) for one in found if _YEARS[0] <= one.occurred_at.year <= _YEARS[1]]
        if wanted:
            await self._database.retrying(
                lambda one: proposing.propose(
                    one, wanted, merchant_id=merchant.id, account_id=report.processor_account_id
                )
            )

    async def _finish(self, merchant: Merchant, report: Report, format_: Format, *, now: datetime) -> Report:
        """When every line is worked: close what was missing, post, and tell; all in one transaction, once."""
        event_id = self._new_id()
        account = await self._accounts.account(merchant.id, report.processor_account_id)
        dispute_fees = not self._tells_dispute_fees(account.connector)

        async def end(connection: Connection) -> Report:
            there = await reports.lock(connection, merchant_id=merchant.id, report_id=report.id)
            if there.state is ReportState.DONE or there.worked < there.lines:
                return there
            await matching.found_at_last(connection, merchant_id=merchant.id, now=now)
            done = await reports.finish(connection, merchant_id=merchant.id, report_id=report.id, now=now)
            await _post(connection, merchant, done, format_, now=now, dispute_fees=dispute_fees)
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
    connection: Connection,
    merchant: Merchant,
    report: Report,
    format_: Format,
    *,
    now: datetime,
    dispute_fees: bool,
) -> None:
    posting = await sums.posting(connection, merchant_id=merchant.id, report_id=report.id)
    found = await sums.payouts(connection, merchant_id=merchant.id, report_id=report.id, limit=report.lines)
    paid = [
        PaidOut(one.payout, one.currency, one.told or 0 if format_.tells_payouts else one.net)
        for one in found
    ]
    of = Of(report.id, report.processor_account_id, now)
    transfers = posted(posting, paid, of, dispute_fees=dispute_fees)
    for start in range(0, len(transfers), POSTED_AT_ONCE):
        await post(connection, merchant.id, transfers[start : start + POSTED_AT_ONCE])


def _unreadable(bad: BadReport) -> Refusal:
    return invalid("unreadable_report", f"{bad} Nothing of the file was taken.")


def _wanted(one: proposing.Unknown) -> proposing.Wanted:
    """The days in which the payment of an unknown charge may have begun."""
    return proposing.Wanted(
        one, since=uuid7(one.occurred_at - _BEFORE, bytes), until=uuid7(one.occurred_at + _AFTER, bytes)
    )


def _discrepancy(row: dict[str, Any], report: Report, *, id_: UUID, now: datetime) -> Discrepancy:
    reason = Reason(row["reason"])
    expected, found, currency = row["expected"], row["gross"], row["currency"]
    if reason is Reason.FEE_DIFFERS:
        expected, found, currency = row["fee_contract"], row["fee"], row["settlement_currency"]
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
        proposals=(),
        opened_at=now,
    )
