"""`recoup import subscriptions`: takes in subscriptions that Stripe or another biller has billed until now."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, TextIO
from uuid import UUID

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.billing.core.importing import stripe
from recoup.billing.core.importing.documents import Found, objects
from recoup.billing.core.importing.drafting import AHEAD, Tally, once
from recoup.billing.core.importing.judging import Outcome, What
from recoup.billing.core.importing.lines import WORDS, Late, Options, Read, Refused, Row
from recoup.billing.core.importing.table import COLUMNS, read_table, written
from recoup.billing.core.records import ManagedBy
from recoup.billing.wire import HOUR_DEFAULT
from recoup.importing import account_named, end, side_of, text_of
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.shelf import Shelf, shelf
from recoup.vault.flow.customers import time_zones

REFUSED_SHOWN_MAX: Final = 20
SOURCE_MAX: Final = 40
_SHELVED: Final = frozenset({"card", "coupon", "customer", "payment_method", "product"})
_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is said for all lines.

    Parameters
    ----------
    account:
        The processor account here that tokens are of, such as pa_01k…, where a line does not say.
    source:
        What the old biller is called here: with its ids it names what was taken in. As in --from, where left out; it
        must be said once something was taken in by another.
    managed_by:
        Who charges from now on: recoup; merchant, when you say so; outside, nobody here, while the old biller goes on.
    late:
        What to do where the next charge is overdue: charge the period that it is now, at once, or skip it. Where left
        out such lines are refused.
    time_zone:
        In which days are counted where a line does not say; else that of the customer's country, and for Stripe UTC.
    """

    account: str | None = None
    source: str | None = None
    managed_by: Literal["recoup", "merchant", "outside"] = "recoup"
    late: Literal["charge", "skip"] | None = None
    time_zone: str | None = None


def import_subscriptions(
    *files: Path,
    from_: Annotated[Literal["csv", "stripe"], Parameter(name="--from")] = "csv",
    wishes: Wishes = Wishes(),
    merchant: str | None = None,
    mode: Literal["test", "live"] = "test",
    dry_run: bool = False,
    skip_refused: bool = False,
    as_csv: Path | None = None,
) -> None:
    """Take in subscriptions that were billed elsewhere, to be billed here from their next date on; each once.

    Parameters
    ----------
    files:
        Where they are, in UTF-8: one table, or for Stripe any number of files of JSON.
    from_:
        csv, a table with the documented columns; stripe, objects of Stripe's API: subscriptions, and customers, payment
        methods and products where these are not expanded in them.
    merchant:
        Whose they are; needed only where there are several merchants.
    mode:
        The test or the live side.
    dry_run:
        Only say what would become of every line, and what would be charged on which day.
    skip_refused:
        Leave out lines that cannot be taken, instead of taking in nothing.
    as_csv:
        Write what is understood to this file as a table, to be looked through and mended; nothing is taken in.
    """
    if not files or (from_ == "csv" and len(files) > 1):
        end("Name one table to take in, or with --from stripe the files of JSON.")
    if from_ == "stripe" and wishes.account is None and as_csv is None:
        end("Say with --account at which processor account here Stripe's payment methods are charged.")

    options = _options(wishes, from_, livemode=mode == "live")

    async def work(service: Service) -> None:
        side = await side_of(service, merchant, mode)
        now = side.now(service.around.clock.now())
        if wishes.source is None:
            await _refuse_guessing(service, side, options.source)
        with _source(files, from_, options) as source:
            await _run(service, side, source, now=now, dry_run=dry_run, skip_refused=skip_refused)

    if as_csv is None:
        with_service(own_settings(), work)
        return
    with _source(files, from_, options) as source:
        _write_table(source, as_csv)


async def _refuse_guessing(service: Service, side: Merchant, source: str) -> None:
    """End the command where nobody said what the old biller is called, and it has been called otherwise here."""
    other = await service.billed.imports.other_source(side, source)
    if other is not None:
        end(
            f"Subscriptions were taken in before as --source {other}. Say by --source which these are: by another than "
            "before, those that are here already are taken in again, and are charged twice."
        )


class _Source:
    """The files, as rows of the table from the beginning as often as asked."""

    def __init__(self, files: Sequence[Path], format_: str, options: Options, kept: Shelf) -> None:
        self.options = options
        self._files = files
        self._is_stripe = format_ == "stripe"
        self._kept = kept

    def prepare(self) -> None:
        """Put aside what subscriptions name."""
        if not self._is_stripe:
            return
        for file in self._files:
            for found in objects(text_of(file)):
                if isinstance(found, Found) and found.json["object"] in _SHELVED:
                    self._keep(found)

    def _keep(self, found: Found) -> None:
        inner = (found.json.get("sources") or {}).get("data") or []
        for one in (found.json, *inner):
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                self._kept.put(one["id"], one)

    def reads(self) -> Iterator[Read]:
        """Every line."""
        self._kept.begin_again()
        return once(self._lines(), self._kept.first_time)

    def _lines(self) -> Iterator[Read]:
        for file in self._files:
            text = text_of(file)
            if self._is_stripe:
                yield from stripe.read_stripe(text, self._kept.get, self.options)
            else:
                yield from read_table(text)


@contextmanager
def _source(files: Sequence[Path], format_: str, options: Options) -> Iterator[_Source]:
    """The files, ready to be read; what is wrong with one of them ends the command."""
    with shelf() as kept:
        try:
            source = _Source(files, format_, options, kept)
            source.prepare()
            yield source
        except Refusal as refusal:
            end(refusal.message)


async def _run(
    service: Service, side: Merchant, source: _Source, *, now: datetime, dry_run: bool, skip_refused: bool
) -> None:
    imports = service.billed.imports
    told = _Telling(now, shows_all=dry_run)
    with _errors.status("reading"):
        async for outcome in imports.look_over(side, source.options, source.reads(), now=now):
            told.add(outcome)
    refused = told.tally.whats[What.REFUSED]
    if dry_run or (refused and not skip_refused):
        told.sum_up()
        if not dry_run:
            end(f"Nothing was taken in: mend {refused} lines, or leave them out with --skip-refused.")
        _out.print("Nothing was taken in: this was a dry run.")
        return
    told = _Telling(now, shows_all=False)
    with _errors.status("taking in") as status:
        async for outcome in imports.take_in(side, source.options, source.reads(), now=now):
            told.add(outcome)
            status.update(f"{told.tally.whats.total()} lines")
    told.sum_up()
    refused = told.tally.whats[What.REFUSED]
    if refused and not skip_refused:
        end(f"{refused} lines were refused though they were fine when looked at: give the file again.")


def _options(wishes: Wishes, format_: str, *, livemode: bool) -> Options:
    if wishes.time_zone is not None and wishes.time_zone not in time_zones():
        end("--time-zone must be an IANA name such as Europe/Berlin.")
    source = wishes.source or format_
    if not 0 < len(source) <= SOURCE_MAX:
        end(f"--source has 1 to {SOURCE_MAX} characters.")
    return Options(
        source=source,
        livemode=livemode,
        managed_by=ManagedBy(wishes.managed_by),
        late=None if wishes.late is None else Late(wishes.late),
        zone=wishes.time_zone or ("UTC" if format_ == "stripe" else None),
        hour=HOUR_DEFAULT,
        account=_account(wishes.account),
    )


def _account(named: str | None) -> UUID | None:
    try:
        return None if named is None else account_named(named)
    except Refusal as refusal:
        end(refusal.message)


class _Telling:
    """Says what becomes of lines, and sums it up."""

    def __init__(self, now: datetime, *, shows_all: bool) -> None:
        self.tally = Tally()
        self._until = (now + AHEAD).date()
        self._shows_all = shows_all

    def add(self, outcome: Outcome) -> None:
        """One more line."""
        self.tally.add(outcome, until=self._until)
        refused = self.tally.whats[What.REFUSED] if outcome.what is What.REFUSED else None
        if self._shows_all or (refused is not None and refused <= REFUSED_SHOWN_MAX):
            sys.stdout.write(f"{_line(outcome)}\n")

    def sum_up(self) -> None:
        """Everything, counted."""
        whats = self.tally.whats
        _out.print(f"{whats.total()} lines: " + ", ".join(f"{whats[what]} {what}" for what in What))
        for warning, times in self.tally.warnings.most_common():
            _out.print(f"[yellow]look[/] {times} lines, {warning}: {escape(WORDS[warning])}")
        if self.tally.sums:
            _out.print("Charges of the next 31 days, and how many:")
        for (day, currency), amount in sorted(self.tally.sums.items()):
            times = self.tally.charges[day, currency]
            _out.print(f"  {day.isoformat()}  {Money(amount, currency)} ({times})")
        for currency in sorted({one for _, one in self.tally.sums}):
            amount = sum(part for (_, one), part in self.tally.sums.items() if one == currency)
            _out.print(f"  in all      {Money(amount, currency)}")


def _line(outcome: Outcome) -> str:
    """One line, for people and for `cut`: parts are apart by a tab."""
    first = outcome.charges[0] if outcome.charges else None
    money = "" if first is None or outcome.currency is None else str(Money(first.amount, outcome.currency))
    why = outcome.why or ", ".join(outcome.warnings)
    parts = (
        f"line {outcome.number}",
        outcome.external_id or "",
        outcome.what.value,
        "" if first is None else first.on.isoformat(),
        money,
        f"column {outcome.column} {why}" if outcome.column else why,
    )
    return "\t".join(" ".join(part.split()) for part in parts)


def _write_table(source: _Source, file: Path) -> None:
    """The rows as a table that only its owner may read: there are tokens in it."""
    rows = refused = 0
    with _new_file(file) as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        for read in source.reads():
            if isinstance(read, Row):
                writer.writerow(written(read))
                rows += 1
            else:
                refused += 1
                why = f"column {read.column} {read.what}" if isinstance(read, Refused) else read.why
                sys.stdout.write(f"line {read.number}\t{read.external_id or ''}\t{why}\n")
    _out.print(f"{rows} lines written, {refused} left out.")


@contextmanager
def _new_file(file: Path) -> Iterator[TextIO]:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
        yield opened
