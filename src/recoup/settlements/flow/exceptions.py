"""Reads exceptions, and ends them as a person says: accepted, linked to a payment, or ignored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from recoup.db import Connection, Database
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.ledger.core import Source
from recoup.ledger.flow import positions, post
from recoup.merchants.core import Merchant
from recoup.settlements.core.lines import LineKind
from recoup.settlements.core.postings import Of, Taken, accepted, linked
from recoup.settlements.core.reasons import OF_DISPUTES, Discrepancy, ExceptionState, Reason, Resolution
from recoup.settlements.core.reports import StoredLine
from recoup.settlements.flow.contesting import Contesting
from recoup.settlements.store import exceptions as store
from recoup.settlements.store import reports


class Exceptions:
    """What a person must look at."""

    def __init__(self, database: Database, contesting: Contesting) -> None:
        self._database = database
        self._contesting = contesting

    async def get(self, merchant: Merchant, exception_id: UUID) -> Discrepancy:
        """One exception; refuses with 404."""
        found = await store.read(self._database, merchant_id=merchant.id, exception_id=exception_id)
        if found is None:
            raise _not_there(exception_id)
        return found

    async def page(
        self,
        merchant: Merchant,
        *,
        report_id: UUID | None,
        state: ExceptionState | None,
        reason: Reason | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Discrepancy]:
        """Exceptions newest first, of one report or of all; with `before` oldest first."""
        return await store.page(
            self._database,
            merchant_id=merchant.id,
            report_id=report_id,
            state=state,
            reason=reason,
            after=after,
            before=before,
            limit=limit,
        )

    async def resolve(
        self,
        connection: Connection,
        merchant: Merchant,
        exception_id: UUID,
        *,
        resolution: Resolution,
        note: str | None,
        payment_id: UUID | None,
        now: datetime,
    ) -> Discrepancy:
        """End an exception. What is accepted is posted with its fee and as a difference; what is linked becomes the
        payment's line, and its fee is posted."""
        await self._check(connection, merchant, resolution, note, payment_id)
        there = await store.read(connection, merchant_id=merchant.id, exception_id=exception_id)
        if there is None:
            raise _not_there(exception_id)
        if there.reason in OF_DISPUTES:
            await self._contesting.hold(connection, merchant, there)
        ended = await store.resolve(
            connection,
            merchant_id=merchant.id,
            exception_id=exception_id,
            resolution=resolution,
            note=note,
            payment_id=payment_id,
            now=now,
        )
        if ended is None:
            raise conflict("exception_resolved", "This exception is resolved already.")
        if ended.settlement_id is None or ended.number is None:
            if resolution is Resolution.LINKED:
                raise invalid("nothing_to_link", "No line of a report is meant here: accept or ignore it.")
            return ended
        if ended.reason in OF_DISPUTES:
            return await self._contesting.end(connection, merchant, ended, resolution, payment_id, now=now)
        await self._take_up(connection, merchant, ended, resolution, payment_id, now=now)
        return ended

    async def _check(
        self,
        connection: Connection,
        merchant: Merchant,
        resolution: Resolution,
        note: str | None,
        payment_id: UUID | None,
    ) -> None:
        if resolution is Resolution.IGNORED and not (note or "").strip():
            raise invalid("reason_missing", "Say in `reason` why this is ignored.", param="reason")
        if (resolution is Resolution.LINKED) != (payment_id is not None):
            raise invalid("payment_missing", "Send `payment` with `link`, and only there.", param="payment")
        if payment_id is not None and not await store.payment_there(
            connection, merchant_id=merchant.id, payment_id=payment_id
        ):
            raise not_found("payment", render(Kind.PAYMENT, payment_id), param="payment")

    async def _take_up(
        self,
        connection: Connection,
        merchant: Merchant,
        ended: Discrepancy,
        resolution: Resolution,
        payment_id: UUID | None,
        *,
        now: datetime,
    ) -> None:
        """Post a line that was accepted or linked, as if it had fitted; one that is ignored posts nothing."""
        line = await self._line(connection, merchant, ended)
        of = Of(ended.id, ended.processor_account_id, now, Source.PERSON)
        match resolution:
            case Resolution.ACCEPTED:
                taken = _taken(line, line.fee_expected or 0, expected=ended.expected)
                await post(connection, merchant.id, accepted(ended.reason, taken, of))
            case Resolution.LINKED if payment_id is not None:
                fee_expected = await self._link(connection, merchant, ended, line, payment_id)
                await post(connection, merchant.id, linked(ended.reason, _taken(line, fee_expected), of))
            case _:
                pass

    async def _link(
        self,
        connection: Connection,
        merchant: Merchant,
        ended: Discrepancy,
        line: StoredLine,
        payment_id: UUID,
    ) -> int:
        """Make the line the payment's; the part of the payment's expected fee that no other line has taken."""
        assert ended.settlement_id is not None, "it is about a line"
        rest = None
        if line.kind == LineKind.CHARGE:
            known = (await positions(connection, [payment_id], merchant_id=merchant.id)).get(payment_id)
            before = await store.fees_taken(
                connection,
                merchant_id=merchant.id,
                report_id=ended.settlement_id,
                number=line.number,
                payment_id=payment_id,
            )
            rest = 0 if known is None else known.fee - before
        await store.link(
            connection,
            merchant_id=merchant.id,
            report_id=ended.settlement_id,
            number=line.number,
            payment_id=payment_id,
            fee_expected=rest,
        )
        return rest or 0

    async def _line(self, connection: Connection, merchant: Merchant, ended: Discrepancy) -> StoredLine:
        assert ended.settlement_id is not None and ended.number is not None, "it is about a line"
        (line,) = await reports.lines(
            connection,
            merchant_id=merchant.id,
            report_id=ended.settlement_id,
            status=None,
            payment_id=None,
            after=ended.number - 1,
            limit=1,
        )
        return line


def _taken(line: StoredLine, fee_expected: int, *, expected: int | None = None) -> Taken:
    return Taken(
        line.kind,
        line.gross,
        line.fee,
        line.net,
        line.currency,
        line.settlement_currency,
        fee_expected=fee_expected,
        expected=expected,
    )


def _not_there(exception_id: UUID) -> Exception:
    return not_found("settlement exception", render(Kind.SETTLEMENT_EXCEPTION, exception_id))
