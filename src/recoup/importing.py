"""`recoup import`: takes in what happened before: payments and their tries, from a CSV of any make or from Stripe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NoReturn, assert_never
from uuid import UUID

from rich.console import Console
from rich.markup import escape

from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.elsewhere.core.importing import csv_lines, stripe
from recoup.elsewhere.core.importing.mapping import Mapping, read_mapping
from recoup.elsewhere.flow.importing import Lines, Overview, Source
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, parse
from recoup.kit.refusals import Refusal, invalid
from recoup.merchants.core import Merchant

Format = Literal["generic", "stripe-csv", "stripe-json"]

_MOST: Final = 10
_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


def import_(
    file: Path,
    /,
    *,
    format: Format = "generic",  # noqa: A002 - the word of the API
    mapping: Path | None = None,
    account: str | None = None,
    merchant: str | None = None,
    mode: Literal["test", "live"] = "test",
    dry_run: bool = False,
    skip_errors: bool = False,
) -> None:
    """Take in a history of payments and their tries; the same file again adds only what is new.

    Parameters
    ----------
    file:
        CSV, or JSON lines, in UTF-8.
    format:
        generic, with --mapping; stripe-csv, the Dashboard's export of payments with all columns; stripe-json, charges
        or balance transactions, one in each line.
    mapping:
        A TOML file that says which column holds what.
    account:
        The processor account here at which all of it was tried, such as pa_01k…: routing then learns from it.
    merchant:
        Whose history; needed only where there are several merchants.
    mode:
        The test or the live side.
    dry_run:
        Only say what would be taken in.
    skip_errors:
        Leave out lines that cannot be read, instead of taking in nothing.
    """
    if (mapping is None) is (format == "generic"):
        end("--format generic needs --mapping, and the others take none.")

    async def work(service: Service) -> None:
        side = await side_of(service, merchant, mode)
        now = side.now(service.around.clock.now())
        try:
            source = _source(file, format, mapping, account, now=now)
            with _errors.status("reading the file"):
                seen = await service.brought.importing.look_over(side, source)
            _tell(seen)
            if dry_run or (seen.wrong and not skip_errors):
                _stop(seen, dry_run=dry_run)
                return
            with _errors.status("taking it in") as status:
                added = await service.brought.importing.take_in(
                    side,
                    source,
                    now=now,
                    progress=lambda done: status.update(f"{done} of {seen.tries} tries"),
                )
        except Refusal as refusal:
            end(refusal.message)
        _out.print(f"{added} tries taken in, {seen.tries - added} were there already.")

    with_service(own_settings(), work)


def _source(
    file: Path, format_: Format, mapping: Path | None, account: str | None, *, now: datetime
) -> Source:
    account_id = None if account is None else account_named(account)
    match format_:
        case "stripe-json":
            return Source(
                name=stripe.SOURCE,
                lines=lambda: stripe.read_json(text_of(file), now=now),
                account=account_id,
            )
        case "stripe-csv":
            return Source(
                name=stripe.SOURCE,
                lines=lambda: csv_lines.read_csv(text_of(file), stripe.csv_mapping, now=now),
                account=account_id,
            )
        case "generic":
            assert mapping is not None, "asked for before"
            how = read_mapping(mapping.read_text("utf-8"))
            accounts = {word: account_named(named) for word, named in how.accounts.items()}
            return Source(name=how.source, lines=_by(file, how, now), account=account_id, accounts=accounts)
        case other:
            assert_never(other)


def _by(file: Path, how: Mapping, now: datetime) -> Lines:
    return lambda: csv_lines.read_csv(text_of(file), lambda _: how, now=now)


def text_of(file: Path) -> Iterator[str]:
    """The lines of a file; closed when all are read, or nobody reads on."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            yield from opened
    except UnicodeDecodeError as error:
        raise invalid("invalid_file", f"The file is not in UTF-8: {error.reason}.", param="file") from None


def account_named(text: str) -> UUID:
    """The processor account that an option names."""
    account_id = parse(Kind.PROCESSOR_ACCOUNT, text)
    if account_id is None:
        raise invalid(
            "no_such_account",
            f"{text!r} is no id of a processor account: it begins with pa_.",
            param="account",
        )
    return account_id


async def side_of(service: Service, merchant: str | None, mode: str) -> Merchant:
    """The merchant whose file it is; ends the command where that is not clear."""
    pairs = await service.merchants.pairs()
    named = [one for one in pairs if merchant in (None, one.name)]
    if len(named) != 1:
        names = ", ".join(one.name for one in pairs)
        end(f"Say whose file it is with --merchant: {names}." if names else "There is no merchant yet.")
    return named[0].live if mode == "live" else named[0].test


def _tell(seen: Overview) -> None:
    """What the file holds, and what is wrong with it."""
    _out.print(
        f"{seen.lines} lines: {seen.approved} approved tries, {seen.declined} declined, of {len(seen.customers)} "
        f"customers; {seen.known} are there already."
    )
    if seen.first is not None and seen.last is not None:
        _out.print(f"From {rfc3339(seen.first)} to {rfc3339(seen.last)}.")
    for why, times in seen.ignored.most_common(_MOST):
        _out.print(f"Left out: {times} lines, {escape(why)}.")
    for code, times in seen.unrecognised.most_common(_MOST):
        _out.print(f"[yellow]look[/] no table knows the code {escape(code)}: {times} times")
    for one in seen.shown:
        _out.print(f"[red]wrong[/] line {one.number}, column {escape(one.column)}: {escape(one.what)}")
    if seen.wrong > len(seen.shown):
        _out.print(f"[red]wrong[/] and {seen.wrong - len(seen.shown)} more lines")


def _stop(seen: Overview, *, dry_run: bool) -> None:
    if seen.wrong:
        end(f"Nothing was taken in: mend {seen.wrong} lines, or leave them out with --skip-errors.")
    assert dry_run, "only a dry run stops where nothing is wrong"
    _out.print(f"Nothing was taken in: {seen.tries - seen.known} tries would be.")


def end(why: str) -> NoReturn:
    """End the command, and say why."""
    _errors.print(f"[red]recoup:[/] {escape(why)}")
    sys.exit(1)
