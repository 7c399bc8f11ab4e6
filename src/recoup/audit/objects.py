"""An audit case as the API and the events show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from recoup.audit.core import Case, CaseKind, CaseState
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render


class CaseObject(Struct, kw_only=True, frozen=True):
    """Something that a person should look at."""

    id: str
    object: Literal["audit_case"] = "audit_case"
    kind: CaseKind
    state: CaseState
    payment: Annotated[str | None, Meta(description="The payment in which it was seen first.")]
    summary: str
    remedy: Annotated[str, Meta(description="What to do about it.")]
    details: dict[str, Any]
    opened_at: str
    resolved_at: str | None
    resolution: Annotated[str | None, Meta(description="What whoever resolved it wrote.")]
    livemode: bool


def case_object(case: Case, *, livemode: bool) -> CaseObject:
    """A case as it is now."""
    return CaseObject(
        id=render(Kind.AUDIT_CASE, case.id),
        kind=case.kind,
        state=case.state,
        payment=None if case.object_id is None else render(Kind.PAYMENT, case.object_id),
        summary=case.summary,
        remedy=case.remedy,
        details=dict(case.details),
        opened_at=rfc3339(case.opened_at),
        resolved_at=None if case.resolved_at is None else rfc3339(case.resolved_at),
        resolution=case.resolution,
        livemode=livemode,
    )
