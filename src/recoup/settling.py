"""`recoup settlements import`: takes in a processor's report of any size from a file, and goes on where it stopped."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Literal

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.db import Connection
from recoup.kit.ids import Kind, parse, render
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.settlements.core.reports import Report, ReportState
from recoup.settlements.core.tolerance import Tolerances
from recoup.settlements.flow import Upload

settlements = App(name="settlements", help="Reports of processors, matched against what we know.")

_READ_AT_ONCE: Final = 1 << 20
_SPOOL_BUFFER: Final = 1 << 20
_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


@settlements.command(name="import")
def import_(
    file: Path,
    /,
    *,
    account: str,
    format: str,  # noqa: A002 - the word of the API
    merchant: str | None = None,
    mode: Literal["test", "live"] | None = None,
    mapping: str | None = None,
    tolerance: Literal["exact", "usual", "lenient"] = "usual",
) -> None:
    """Take in a report and match it; the same file again goes on where it stopped, or changes nothing.

    Parameters
    ----------
    file:
        The report as the processor gives it: CSV in UTF-8.
    account:
        The processor account that it is of, such as pa_01k….
    format:
        stripe, adyen, braintree, checkout, or generic with --mapping.
    merchant:
        Whose account; needed only where several merchants have an account of that id.
    mode:
        Only the test or the live side.
    mapping:
        The name of a mapping that was saved before, for --format generic.
    tolerance:
        How much a report may differ before somebody must look.
    """
    account_id = parse(Kind.PROCESSOR_ACCOUNT, account)
    if account_id is None:
        _errors.print(f"{escape(account)!r} is no id of a processor account: it begins with pa_.")
        sys.exit(2)
    upload = Upload(account_id, format, mapping, Tolerances(tolerance), lambda: _parts(file))

    async def work(service: Service) -> None:
        side = await _owner(service, upload, merchant, mode)
        with tempfile.TemporaryFile("w+", _SPOOL_BUFFER, encoding="utf-8", newline="\n") as spool:
            await _import(service, side, upload, spool)

    with_service(own_settings(), work)


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(_READ_AT_ONCE):
            yield part


async def _owner(service: Service, upload: Upload, merchant: str | None, mode: str | None) -> Merchant:
    """Whose account it is; ends the command where there is no such account."""
    for pair in await service.merchants.pairs():
        if merchant not in (None, pair.name):
            continue
        for word, side in (("test", pair.test), ("live", pair.live)):
            accounts = await service.accounts.accounts_of(side.id)
            if mode in (None, word) and any(one.id == upload.processor_account_id for one in accounts):
                return side
    _errors.print("There is no such processor account.")
    sys.exit(2)


async def _import(service: Service, side: Merchant, upload: Upload, spool: IO[str]) -> None:
    now = side.now(service.around.clock.now())
    importing = service.settlements.importing

    try:
        with _errors.status("reading the file"):
            seen = await importing.look_over(side, upload, spool=spool)

        async def begin(connection: Connection) -> Report:
            return await importing.begin(connection, side, upload, seen=seen, now=now)

        report = await service.database.retrying(begin)
    except Refusal as refusal:
        _errors.print(f"[red]recoup:[/] {escape(refusal.message)}")
        sys.exit(1)
    if report.state is ReportState.IMPORTING:
        with _errors.status("matching") as status:
            report = await importing.work(
                side,
                report,
                upload.source,
                now=now,
                spool=spool,
                progress=lambda worked: status.update(f"{worked} of {report.lines} lines matched"),
            )
    _tell(report)


def _tell(report: Report) -> None:
    shown = render(Kind.SETTLEMENT, report.id)
    _out.print(
        f"{shown}: {report.lines} lines, {report.matched} matched, {report.exceptions} for somebody to look at"
        if report.state is ReportState.DONE
        else f"{shown}: somebody else goes on with it, {report.worked} of {report.lines} lines are matched"
    )
