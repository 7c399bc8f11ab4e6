"""Settlements over HTTP: reports in, what came of them, and what a person must settle."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.http.routes import Call, Idempotency, ListObject, Problem, Route, Upload, parse_id
from recoup.kit.ids import Kind
from recoup.settlements.core.formats.generic import Mapping
from recoup.settlements.core.reasons import Resolution
from recoup.settlements.flow import Exceptions, Importing, Reports
from recoup.settlements.flow import Upload as NewReport
from recoup.settlements.objects import (
    SettlementExceptionObject,
    SettlementLineObject,
    SettlementObject,
    exception_object,
    line_object,
    settlement_object,
)
from recoup.settlements.wire import (
    ExceptionQuery,
    LineQuery,
    ResolveException,
    SaveMapping,
    SettlementQuery,
    UploadQuery,
)

UPLOAD_BYTES_MAX: Final = 16 << 20
"""The largest file that is taken over HTTP, about a hundred thousand lines; `recoup settlements import` takes any."""
_TAG: Final = "settlements"
_PATH: Final = "/v1/settlements"
_ONE: Final = f"{_PATH}/{{settlement}}"
_EXCEPTIONS: Final = "/v1/settlement_exceptions"
_MAPPINGS: Final = "/v1/settlement_mappings"
_READ_AT_ONCE: Final = 1 << 20
_ENDS: Final = {
    "accept": Resolution.ACCEPTED,
    "link": Resolution.LINKED,
    "ignore": Resolution.IGNORED,
}


class MappingObject(Struct, kw_only=True, frozen=True):
    """A way to read reports."""

    object: Literal["settlement_mapping"] = "settlement_mapping"
    name: str
    mapping: Mapping


class PayoutObject(Struct, kw_only=True, frozen=True):
    """A payout of a report."""

    object: Literal["settlement_payout"] = "settlement_payout"
    payout: str
    currency: str
    lines: int
    net: Annotated[int, Meta(description="What its lines come to, without the payout itself.")]
    paid_out: Annotated[int | None, Meta(description="What the report says was paid out, where it says so.")]


class SettlementList(ListObject[SettlementObject], frozen=True):
    """A page of reports."""


class SettlementLineList(ListObject[SettlementLineObject], frozen=True):
    """A page of lines."""


class SettlementExceptionList(ListObject[SettlementExceptionObject], frozen=True):
    """A page of exceptions."""


class SettlementPayoutList(ListObject[PayoutObject], frozen=True):
    """The payouts of a report."""


class SettlementMappingList(ListObject[MappingObject], frozen=True):
    """All mappings."""


class SettlementsApi:
    """The routes of settlements."""

    def __init__(self, importing: Importing, reports: Reports, exceptions: Exceptions) -> None:
        self._importing = importing
        self._reports = reports
        self._exceptions = exceptions

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._of_reports(), *self._of_exceptions(), *self._of_mappings()]

    def _of_reports(self) -> list[Route]:
        return [
            Route(
                "POST",
                _PATH,
                self.upload,
                upload=Upload("text/csv", UPLOAD_BYTES_MAX),
                query=UploadQuery,
                answer=SettlementObject,
                status=201,
                summary="Upload a report",
                description="The file is read whole before anything of it is taken, and refused with the number of the "
                "line where it cannot be read. It is matched soon after. The same file of the same account is one "
                "settlement, however often it is sent.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("unreadable_report", 400), Problem("unknown_format", 400)),
            ),
            Route(
                "GET",
                _PATH,
                self.page,
                query=SettlementQuery,
                answer=SettlementList,
                summary="List reports",
                tag=_TAG,
            ),
            Route("GET", _ONE, self.read, answer=SettlementObject, summary="Read a report", tag=_TAG),
            Route(
                "GET",
                f"{_ONE}/lines",
                self.lines,
                query=LineQuery,
                answer=SettlementLineList,
                summary="List the lines of a report",
                tag=_TAG,
            ),
            Route(
                "GET",
                f"{_ONE}/payouts",
                self.payouts,
                answer=SettlementPayoutList,
                summary="List the payouts of a report",
                description="What the lines of each payout come to: what must have arrived at the bank.",
                tag=_TAG,
            ),
        ]

    def _of_exceptions(self) -> list[Route]:
        return [
            Route(
                "GET",
                f"{_ONE}/exceptions",
                self.exceptions,
                query=ExceptionQuery,
                answer=SettlementExceptionList,
                summary="List the exceptions of a report",
                tag=_TAG,
            ),
            Route(
                "GET",
                _EXCEPTIONS,
                self.all_exceptions,
                query=ExceptionQuery,
                answer=SettlementExceptionList,
                summary="List all exceptions",
                description="Those of every report, and what no report has though it is overdue.",
                tag=_TAG,
            ),
            Route(
                "POST",
                f"{_EXCEPTIONS}/{{settlement_exception}}/resolve",
                self.resolve,
                body=ResolveException,
                answer=SettlementExceptionObject,
                summary="Resolve an exception",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("exception_resolved", 409),),
            ),
        ]

    def _of_mappings(self) -> list[Route]:
        return [
            Route(
                "POST",
                _MAPPINGS,
                self.save_mapping,
                body=SaveMapping,
                answer=MappingObject,
                summary="Save a mapping",
                description="Says which column of a report holds what, for processors without a format of their own.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("invalid_mapping", 400), Problem("too_many_mappings", 409)),
            ),
            Route(
                "GET",
                _MAPPINGS,
                self.mappings,
                answer=SettlementMappingList,
                summary="List mappings",
                tag=_TAG,
            ),
        ]

    async def upload(self, call: Call[bytes, UploadQuery]) -> SettlementObject:
        """`POST /v1/settlements`."""
        query, content = call.query, call.body
        account = parse_id(
            Kind.PROCESSOR_ACCOUNT,
            query.processor_account,
            what="processor account",
            param="processor_account",
        )
        new = NewReport(
            account,
            query.format,
            query.mapping,
            query.tolerance,
            lambda: (
                content[start : start + _READ_AT_ONCE] for start in range(0, len(content), _READ_AT_ONCE)
            ),
        )
        seen = await self._importing.look_over(call.merchant, new)
        connection = call.transaction()
        report = await self._importing.begin(connection, call.merchant, new, seen=seen, now=call.now)
        await self._importing.keep(connection, call.merchant, report, content, now=call.now)
        return settlement_object(report, livemode=call.merchant.livemode)

    async def page(self, call: Call[None, SettlementQuery]) -> SettlementList:
        """`GET /v1/settlements`."""
        page = call.query.page(Kind.SETTLEMENT)
        found = await self._reports.page(
            call.merchant,
            account_id=_id(Kind.PROCESSOR_ACCOUNT, call.query.processor_account, "processor_account"),
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        data = [settlement_object(one, livemode=call.merchant.livemode) for one in shown]
        return SettlementList(data=data, has_more=has_more, url=_PATH)

    async def read(self, call: Call[None, None]) -> SettlementObject:
        """`GET /v1/settlements/{id}`."""
        found = await self._reports.get(call.merchant, _settlement(call))
        return settlement_object(found, livemode=call.merchant.livemode)

    async def lines(self, call: Call[None, LineQuery]) -> SettlementLineList:
        """`GET /v1/settlements/{id}/lines`."""
        query = call.query
        found = await self._reports.lines(
            call.merchant,
            _settlement(call),
            status=query.status,
            payment_id=_id(Kind.PAYMENT, query.payment, "payment"),
            after=query.after,
            limit=query.limit + 1,
        )
        return SettlementLineList(
            data=[line_object(one) for one in found[: query.limit]],
            has_more=len(found) > query.limit,
            url=f"{_PATH}/{call.path['settlement']}/lines",
        )

    async def payouts(self, call: Call[None, None]) -> SettlementPayoutList:
        """`GET /v1/settlements/{id}/payouts`."""
        found = await self._reports.payouts(call.merchant, _settlement(call))
        data = [
            PayoutObject(
                payout=one.payout,
                currency=one.currency,
                lines=one.lines,
                net=one.net,
                paid_out=one.told,
            )
            for one in found
        ]
        return SettlementPayoutList(
            data=data, has_more=False, url=f"{_PATH}/{call.path['settlement']}/payouts"
        )

    async def exceptions(self, call: Call[None, ExceptionQuery]) -> SettlementExceptionList:
        """`GET /v1/settlements/{id}/exceptions`."""
        report_id = _settlement(call)
        await self._reports.get(call.merchant, report_id)
        return await self._exceptions_of(call, report_id, f"{_PATH}/{call.path['settlement']}/exceptions")

    async def all_exceptions(self, call: Call[None, ExceptionQuery]) -> SettlementExceptionList:
        """`GET /v1/settlement_exceptions`."""
        return await self._exceptions_of(call, None, _EXCEPTIONS)

    async def _exceptions_of(
        self, call: Call[None, ExceptionQuery], report_id: UUID | None, url: str
    ) -> SettlementExceptionList:
        page = call.query.page(Kind.SETTLEMENT_EXCEPTION)
        found = await self._exceptions.page(
            call.merchant,
            report_id=report_id,
            state=call.query.state,
            reason=call.query.reason,
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        data = [exception_object(one, livemode=call.merchant.livemode) for one in shown]
        return SettlementExceptionList(data=data, has_more=has_more, url=url)

    async def resolve(self, call: Call[ResolveException, None]) -> SettlementExceptionObject:
        """`POST /v1/settlement_exceptions/{id}/resolve`."""
        body = call.body
        ended = await self._exceptions.resolve(
            call.transaction(),
            call.merchant,
            call.path_id("settlement_exception", Kind.SETTLEMENT_EXCEPTION),
            resolution=_ENDS[body.resolution],
            note=body.reason,
            payment_id=_id(Kind.PAYMENT, body.payment, "payment"),
            now=call.now,
        )
        return exception_object(ended, livemode=call.merchant.livemode)

    async def save_mapping(self, call: Call[SaveMapping, None]) -> MappingObject:
        """`POST /v1/settlement_mappings`."""
        body = call.body
        await self._reports.save_mapping(
            call.transaction(), call.merchant, body.name, body.mapping, now=call.now
        )
        return MappingObject(name=body.name, mapping=body.mapping)

    async def mappings(self, call: Call[None, None]) -> SettlementMappingList:
        """`GET /v1/settlement_mappings`."""
        found = await self._reports.mappings(call.merchant)
        data = [MappingObject(name=name, mapping=mapping) for name, mapping in found]
        return SettlementMappingList(data=data, has_more=False, url=_MAPPINGS)


def _settlement(call: Call[Any, Any]) -> UUID:
    return call.path_id("settlement", Kind.SETTLEMENT)


def _id(kind: Kind, text: str | None, param: str) -> UUID | None:
    return None if text is None else parse_id(kind, text, what=param, param=param)
