"""Subscriptions that were billed elsewhere, over HTTP: a table of a few of them, looked at or taken in whole."""

from __future__ import annotations

import io
from collections import Counter
from itertools import islice
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.billing.core.importing.drafting import once
from recoup.billing.core.importing.judging import Outcome, What
from recoup.billing.core.importing.lines import WORDS, Late, Options, Warn
from recoup.billing.core.importing.table import read_table
from recoup.billing.core.records import ManagedBy
from recoup.billing.flow.importing import AT_ONCE_MAX, Doing, SubscriptionImports
from recoup.billing.wire import HOUR_DEFAULT
from recoup.http.fields import IdText
from recoup.http.routes import Call, Idempotency, Problem, Route, Upload, parse_id
from recoup.kit.ids import Kind
from recoup.kit.refusals import invalid
from recoup.vault.flow.customers import time_zones

UPLOAD_BYTES_MAX: Final = 4 << 20
SOURCE: Final = "csv"
"""What the old biller is called where nobody says."""
_PATH: Final = "/v1/subscription_imports"
_DESCRIPTION: Final = (
    f"A table of up to {AT_ONCE_MAX} lines as CSV in UTF-8, with the columns of `recoup import subscriptions`, which "
    "takes any number. Each subscription is billed here from its `next_billing` on, and is taken in once, known by "
    "`source` and `id`. Where a line is refused nothing is taken in, unless `skip_refused` says so."
)


class ImportQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is said for all lines."""

    dry_run: Annotated[bool, Meta(description="Only say what would become of each line.")] = False
    skip_refused: Annotated[bool, Meta(description="Leave out lines that cannot be taken.")] = False
    source: Annotated[
        Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9_-]*\Z")] | None,
        Meta(
            description="What the old biller is called here: `csv`, unless you say. It must be said once something was "
            "taken in by another name: by the wrong one, what is here already would be taken in again."
        ),
    ] = None
    processor_account: Annotated[
        IdText | None, Meta(description="The account that tokens are of, where a line does not say.")
    ] = None
    managed_by: Annotated[ManagedBy, Meta(description="Who charges, where a line does not say.")] = (
        ManagedBy.RECOUP
    )
    late: Annotated[
        Late | None,
        Meta(description="What to do where the next charge is overdue; else such lines are refused."),
    ] = None
    time_zone: Annotated[
        Annotated[str, Meta(max_length=64)] | None,
        Meta(description="In which days are counted, where a line does not say."),
    ] = None


class ImportWarningObject(Struct, kw_only=True, frozen=True):
    """What to look at of a line."""

    code: Warn
    message: str


class ImportedLineObject(Struct, kw_only=True, frozen=True):
    """What becomes of one line."""

    line: Annotated[int, Meta(description="Its number in the file; the header is 1.")]
    id: Annotated[str | None, Meta(description="The old biller's id.")]
    outcome: What
    column: Annotated[str | None, Meta(description="Which column is wrong.")]
    reason: str | None
    charge_on: Annotated[str | None, Meta(description="The local day of the first charge here.")]
    amount: Annotated[int | None, Meta(description="Of the first charge, before any credit.")]
    currency: str | None
    warnings: list[ImportWarningObject]


class SubscriptionImportObject(Struct, kw_only=True, frozen=True):
    """What became, or would become, of a table of subscriptions."""

    object: Literal["subscription_import"] = "subscription_import"
    taken_in: Annotated[bool, Meta(description="Whether anything was written.")]
    created: int
    updated: int
    ended: Annotated[int, Meta(description="Canceled at the old biller, and so ended here.")]
    skipped: int
    refused: int
    lines: list[ImportedLineObject]
    livemode: bool


class SubscriptionImportsApi:
    """The route of imports."""

    def __init__(self, imports: SubscriptionImports) -> None:
        self._imports = imports

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                _PATH,
                self.take_in,
                upload=Upload("text/csv", UPLOAD_BYTES_MAX),
                query=ImportQuery,
                answer=SubscriptionImportObject,
                summary="Take in subscriptions from elsewhere",
                description=_DESCRIPTION,
                tag="subscriptions",
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    Problem("invalid_file", 400),
                    Problem("card_number_in_file", 400),
                    Problem("too_many_lines", 400),
                    Problem("invalid_time_zone", 400),
                    Problem("import_source_missing", 400),
                    Problem("import_running", 409),
                ),
            )
        ]

    async def take_in(self, call: Call[bytes, ImportQuery]) -> SubscriptionImportObject:
        """`POST /v1/subscription_imports`."""
        query = call.query
        seen: set[str] = set()
        reads = list(
            islice(once(read_table(_text(call.body)), lambda id_: _is_new(seen, id_)), AT_ONCE_MAX + 1)
        )
        if len(reads) > AT_ONCE_MAX:
            message = (
                f"The file has more than {AT_ONCE_MAX} lines: send fewer at once, or use the command line."
            )
            raise invalid("too_many_lines", message, param="file")
        if query.source is None:
            await self._refuse_guessing(call)
        doing = Doing.LOOK if query.dry_run else Doing.GOOD if query.skip_refused else Doing.ALL
        outcomes, taken_in = await self._imports.at_once(
            call.transaction(),
            call.merchant,
            _options(query, livemode=call.merchant.livemode),
            reads,
            doing=doing,
            now=call.now,
        )
        counted = Counter(one.what for one in outcomes)
        return SubscriptionImportObject(
            taken_in=taken_in,
            created=counted[What.CREATED],
            updated=counted[What.UPDATED],
            ended=counted[What.ENDED],
            skipped=counted[What.SKIPPED],
            refused=counted[What.REFUSED],
            lines=[_line(one) for one in outcomes],
            livemode=call.merchant.livemode,
        )

    async def _refuse_guessing(self, call: Call[bytes, ImportQuery]) -> None:
        """Refuses where nobody said what the old biller is called, and it has been called otherwise here."""
        other = await self._imports.other_source(call.merchant, SOURCE)
        if other is not None:
            message = (
                f"Subscriptions were taken in before as `source={other}`: say by `source` which these are."
            )
            raise invalid("import_source_missing", message, param="source")


def _options(query: ImportQuery, *, livemode: bool) -> Options:
    if query.time_zone is not None and query.time_zone not in time_zones():
        message = "`time_zone` must be an IANA name such as Europe/Berlin or America/New_York."
        raise invalid("invalid_time_zone", message, param="time_zone")
    account = None
    if query.processor_account is not None:
        account = parse_id(
            Kind.PROCESSOR_ACCOUNT,
            query.processor_account,
            what="processor account",
            param="processor_account",
        )
    return Options(
        source=query.source or SOURCE,
        livemode=livemode,
        managed_by=query.managed_by,
        late=query.late,
        zone=query.time_zone,
        hour=HOUR_DEFAULT,
        account=account,
    )


def _text(content: bytes) -> io.StringIO:
    try:
        return io.StringIO(content.decode(), newline="")
    except UnicodeDecodeError as error:
        raise invalid("invalid_file", f"The file is not in UTF-8: {error.reason}.", param="file") from None


def _is_new(seen: set[str], id_: str) -> bool:
    is_new = id_ not in seen
    seen.add(id_)
    return is_new


def _line(outcome: Outcome) -> ImportedLineObject:
    first = outcome.charges[0] if outcome.charges else None
    return ImportedLineObject(
        line=outcome.number,
        id=outcome.external_id,
        outcome=outcome.what,
        column=outcome.column,
        reason=outcome.why,
        charge_on=None if first is None else first.on.isoformat(),
        amount=None if first is None else first.amount,
        currency=outcome.currency,
        warnings=[ImportWarningObject(code=one, message=WORDS[one]) for one in outcome.warnings],
    )
