"""Audit cases over HTTP, and how much of what is held a second source confirms."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from recoup.audit.core import Case, CaseState
from recoup.audit.drift_objects import DriftObject, drift_object
from recoup.audit.drifting import Drift
from recoup.audit.flow import Audit
from recoup.audit.objects import CaseObject, case_object
from recoup.http.fields import IdText, parse_id
from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Problem, Route
from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind
from recoup.kit.refusals import invalid

_TAG: Final = "audit"
_PATH: Final = "/v1/audit/cases"
_ONE: Final = f"{_PATH}/{{audit_case}}"
_NOTE_MAX: Final = 1000


class CaseQuery(ListQuery, frozen=True):
    """Which cases to list."""

    state: Annotated[CaseState | None, Meta(description="Only those.")] = None


class ResolveCase(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What was found and done."""

    resolution: Annotated[str, Meta(max_length=_NOTE_MAX)] | None = None


class CaseList(ListObject[CaseObject], frozen=True):
    """A page of audit cases."""


class DriftQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which payments."""

    processor_account: Annotated[IdText | None, Meta(description="Only those at this account.")] = None
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")] | None = None


class AuditApi:
    """The routes of audit."""

    def __init__(self, audit: Audit, drift: Drift) -> None:
        self._audit = audit
        self._drift = drift

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.page,
                query=CaseQuery,
                answer=CaseList,
                summary="List audit cases",
                description="What a person should look at, each with what to do about it.",
                tag=_TAG,
            ),
            Route("GET", _ONE, self.read, answer=CaseObject, summary="Read an audit case", tag=_TAG),
            Route(
                "POST",
                f"{_ONE}/resolve",
                self.resolve,
                body=ResolveCase,
                answer=CaseObject,
                summary="Resolve an audit case",
                description="Somebody has looked at it. Should the same thing be seen again, a new case opens.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("audit_case_resolved", 409),),
            ),
            Route(
                "GET",
                "/v1/audit/drift",
                self.drift,
                query=DriftQuery,
                answer=DriftObject,
                summary="Read the drift",
                description=(
                    "What share of your payments a second source confirmed, by age, processor account and currency: "
                    "a webhook, the processor asked again, or a line of a settlement report; and what differs."
                ),
                tag=_TAG,
                errors=(Problem("currency_unknown", 400, "No such currency."),),
            ),
        ]

    async def drift(self, call: Call[None, DriftQuery]) -> DriftObject:
        """`GET /v1/audit/drift`."""
        account, currency = call.query.processor_account, call.query.currency
        if currency is not None and currency not in DECIMALS:
            message = f"{currency} is no currency code of ISO 4217."
            raise invalid("currency_unknown", message, param="currency")
        report = await self._drift.report(
            call.merchant,
            account_id=None
            if account is None
            else parse_id(Kind.PROCESSOR_ACCOUNT, account, param="processor_account"),
            currency=currency,
            now=call.now,
        )
        return drift_object(report, livemode=call.merchant.livemode, now=call.now)

    async def page(self, call: Call[None, CaseQuery]) -> CaseList:
        """`GET /v1/audit/cases`."""
        page = call.query.page(Kind.AUDIT_CASE)
        found = await self._audit.page(
            call.merchant, state=call.query.state, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        return CaseList(data=[_object(one, call) for one in shown], has_more=has_more, url=_PATH)

    async def read(self, call: Call[None, None]) -> CaseObject:
        """`GET /v1/audit/cases/{id}`."""
        return _object(
            await self._audit.get(call.merchant, call.path_id("audit_case", Kind.AUDIT_CASE)), call
        )

    async def resolve(self, call: Call[ResolveCase, None]) -> CaseObject:
        """`POST /v1/audit/cases/{id}/resolve`."""
        case_id = call.path_id("audit_case", Kind.AUDIT_CASE)
        closed = await self._audit.resolve(
            call.transaction(), call.merchant, case_id, resolution=call.body.resolution, now=call.now
        )
        return _object(closed, call)


def _object(case: Case, call: Call[Any, Any]) -> CaseObject:
    return case_object(case, livemode=call.merchant.livemode)
