"""What a request about settlements may say."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.http.fields import IdText, ListQuery
from recoup.settlements.core.formats.generic import Mapping
from recoup.settlements.core.reasons import ExceptionState, Reason
from recoup.settlements.core.reports import LineStatus
from recoup.settlements.core.tolerance import Tolerances

_PAGE_MAX: Final = 1000
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]


class UploadQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the file is."""

    processor_account: Annotated[IdText, Meta(description="The account that the report is of.")]
    format: Annotated[Name, Meta(description="`stripe`, `adyen`, `braintree`, `checkout` or `generic`.")]
    mapping: Annotated[Name | None, Meta(description="The name of a mapping, for `generic`.")] = None
    tolerance: Annotated[Tolerances, Meta(description="How much may differ.")] = Tolerances.USUAL


class SettlementQuery(ListQuery, frozen=True):
    """Which reports to list."""

    processor_account: Annotated[IdText | None, Meta(description="Only those of this account.")] = None


class LineQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which lines to list, in the order of the file."""

    limit: Annotated[int, Meta(ge=1, le=_PAGE_MAX)] = 100
    after: Annotated[int, Meta(ge=0, le=2**53, description="The number of the last line that you have.")] = 0
    status: Annotated[LineStatus | None, Meta(description="Only those.")] = None
    payment: Annotated[IdText | None, Meta(description="Only those about this payment.")] = None


class ExceptionQuery(ListQuery, frozen=True):
    """Which exceptions to list."""

    state: Annotated[ExceptionState | None, Meta(description="Only those.")] = None
    reason: Annotated[Reason | None, Meta(description="Only those.")] = None


class ResolveException(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How an exception ends."""

    resolution: Annotated[
        Literal["accept", "link", "ignore"],
        Meta(
            description="`accept` the difference: the ledger then has it as one. `link` the line to `payment`. "
            "`ignore` it, with a `reason`."
        ),
    ]
    payment: Annotated[IdText | None, Meta(description="The payment to link to.")] = None
    reason: Annotated[Annotated[str, Meta(max_length=1000)] | None, Meta(description="Why.")] = None


class SaveMapping(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A way to read reports, under a name. One of that name is replaced."""

    name: Name
    mapping: Mapping
