"""Takes a history in: a look over the whole file first, then its tries in batches, each a transaction of its own.

A try is known by its source and id, so that the same file again, or one that overlaps, adds only what is new; so a file
that was broken off goes on by being given again. Each batch is told by one event, and who learns from events finds its
tries by it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Database
from recoup.elsewhere.core.importing.lines import CardNumber, Ignored, Line, Read, Wrong
from recoup.elsewhere.objects import history_object
from recoup.elsewhere.store import tries
from recoup.elsewhere.store.tries import Row
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import invalid
from recoup.merchants.core import Merchant
from recoup.merchants.flow import ProcessorAccounts

BATCH: Final = 1_000
"""Tries of one transaction, and of one event."""
WRONG_SHOWN_MAX: Final = 20
IMPORTED: Final = "history.imported"
_UNRECOGNISED_SHOWN_MAX: Final = 10

Lines = Callable[[], Iterable[Read]]
"""Reads the file from its beginning."""


@dataclass(slots=True)
class Overview:
    """What a file holds, as a look over all of it has found."""

    lines: int = 0
    approved: int = 0
    declined: int = 0
    known: int = 0
    """Tries that were taken in before."""
    ignored: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    shown: list[Wrong] = field(default_factory=list)
    """The first lines that cannot be taken."""
    unrecognised: Counter[str] = field(default_factory=Counter)
    """Codes that no table knows, and how often each came."""
    customers: set[str] = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None

    @property
    def tries(self) -> int:
        """All that can be taken, new or not."""
        return self.approved + self.declined


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a history comes from: what its tries are known by, the lines, and at whose accounts they were made.

    `account` is that of every line, else `accounts` says it by what stands in the line.
    """

    name: str
    lines: Lines
    account: UUID | None = None
    accounts: Mapping[str, UUID] = field(default_factory=dict)


class Importing:
    """Takes histories in."""

    def __init__(
        self, database: Database, *, accounts: ProcessorAccounts, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._new_id = new_id

    async def look_over(self, merchant: Merchant, source: Source) -> Overview:
        """What taking it in would do. Refuses a file with card numbers, and accounts that are not the merchant's."""
        await self._check_accounts(merchant, source)
        seen = Overview()
        for batch in _batches(_noted(seen, source)):
            seen.known += len(
                await tries.known(
                    self._database,
                    [one.external_id for one in batch],
                    merchant_id=merchant.id,
                    source=source.name,
                )
            )
        return seen

    async def take_in(
        self, merchant: Merchant, source: Source, *, now: datetime, progress: Callable[[int], None]
    ) -> int:
        """Take in what is not there yet; how many tries that were. Lines that cannot be taken are left out."""
        added = done = 0
        for batch in _batches(one for one in source.lines() if isinstance(one, Line)):
            added += await self._take_batch(merchant, source, batch, now=now)
            done += len(batch)
            progress(done)
        return added

    async def _take_batch(
        self, merchant: Merchant, source: Source, batch: list[Line], *, now: datetime
    ) -> int:
        batch_id, event_id = self._new_id(), self._new_id()
        rows = [_row(line, source, id_=self._new_id()) for line in batch]

        async def write(connection: Connection) -> int:
            added = await tries.insert(connection, rows, merchant_id=merchant.id, batch_id=batch_id)
            if added:
                shown = history_object(
                    batch_id, source=source.name, tries=added, livemode=merchant.livemode, at=now
                )
                event = NewEvent(event_id, IMPORTED, batch_id, 1, msgspec.json.encode(shown), now)
                await append(connection, merchant.id, [event])
            return added

        return await self._database.retrying(write)

    async def _check_accounts(self, merchant: Merchant, source: Source) -> None:
        known = {one.id for one in await self._accounts.accounts_of(merchant.id)}
        for account_id in (*source.accounts.values(), source.account):
            if account_id is not None and account_id not in known:
                shown = render(Kind.PROCESSOR_ACCOUNT, account_id)
                raise invalid("no_such_account", f"This merchant has no account {shown}.", param="account")


def _noted(seen: Overview, source: Source) -> Iterator[Line]:
    """The tries of a file, with everything noted on the way."""
    for line in source.lines():
        seen.lines += 1
        match line:
            case Line():
                _note(seen, line)
                yield line
            case Ignored(why=why):
                seen.ignored[why] += 1
            case Wrong():
                seen.wrong += 1
                if len(seen.shown) < WRONG_SHOWN_MAX:
                    seen.shown.append(line)
            case CardNumber(number=number, column=column):
                raise invalid(
                    "card_number_in_file",
                    f"Line {number}, column {column!r}: there is a card number. No history needs one: export the file "
                    "without this column.",
                    param="file",
                )


def _note(seen: Overview, line: Line) -> None:
    if line.approved:
        seen.approved += 1
    else:
        seen.declined += 1
    if line.decline is not None and not line.decline.recognised:
        seen.unrecognised[line.decline.processor_code or line.decline.network_code or "(no code)"] += 1
    if line.customer is not None:
        seen.customers.add(line.customer)
    seen.first = line.tried_at if seen.first is None else min(seen.first, line.tried_at)
    seen.last = line.tried_at if seen.last is None else max(seen.last, line.tried_at)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    remaining = iter(lines)
    while batch := list(itertools.islice(remaining, BATCH)):
        yield batch


def _row(line: Line, source: Source, *, id_: UUID) -> Row:
    decline = line.decline
    account = source.account if line.account is None else source.accounts.get(line.account, source.account)
    return Row(
        source=source.name,
        external_id=line.external_id,
        id=id_,
        payment=line.payment,
        customer=line.customer,
        tried_at=line.tried_at,
        amount=line.amount,
        currency=line.currency,
        approved=line.approved,
        code=None if decline is None else decline.code,
        category=None if decline is None else decline.category.value,
        network_code=None if decline is None else decline.network_code,
        advice_code=None if decline is None else decline.network_advice_code,
        rule=None if decline is None else decline.rule,
        processor_account_id=account,
        brand=line.brand,
        funding=line.funding,
        country=line.country,
        initiator=line.initiator,
    )
