"""Looks for what no report has: behind a cursor in each merchant's events, so many days after a capture or refund, or
after the last news of a dispute whose money was taken or given back.

Only accounts whose reports are uploaded are looked at, from the first movement that a report of theirs tells of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from recoup.db import Connection, Database, is_passing
from recoup.events.store import Pointer, pointers
from recoup.kit.clock import Clock
from recoup.merchants.core import Merchant
from recoup.settlements.core.contesting import outstanding
from recoup.settlements.core.reasons import Discrepancy, ExceptionState, Reason
from recoup.settlements.core.tolerance import TOLERANCES, Tolerances
from recoup.settlements.flow.contesting import Contesting
from recoup.settlements.store import exceptions as store
from recoup.settlements.store.contests import contests
from recoup.settlements.store.exceptions import Reporting, Unreported

EVERY_S: Final = 600.0
"""How often it is looked for."""
EVENTS_AT_ONCE: Final = 1000
BATCHES_AT_ONCE: Final = 100
MERCHANTS_AT_ONCE: Final = 500
MOVED: Final = frozenset({"payment.captured", "payment.partially_captured", "refund.succeeded"})
"""The events after which a report must have a line."""
DISPUTED: Final = "dispute."
"""How the events begin after which a dispute's lines are looked for."""

_log: Final = structlog.get_logger("recoup.settlements")


class Missing:
    """Opens an exception for each capture, refund and disputed amount that no report has in time."""

    def __init__(
        self,
        database: Database,
        *,
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        contesting: Contesting,
        clock: Clock,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._merchant = merchant
        self._contesting = contesting
        self._clock = clock
        self._new_id = new_id

    async def look(self) -> int:
        """Look at all merchants who upload reports; how many exceptions were opened at most."""
        opened, last = 0, UUID(int=0)
        while found := await store.with_reports(self._database, after=last, limit=MERCHANTS_AT_ONCE):
            opened += sum([await self._even_so(one) for one in found])
            last = found[-1]
        return opened

    async def _even_so(self, merchant_id: UUID) -> int:
        """The same for one merchant, whose trouble is not another's; that the database is away is everybody's."""
        try:
            merchant = await self._merchant(merchant_id)
            if merchant is None:
                return 0
            return await self.look_at(merchant, now=merchant.now(self._clock.now()))
        except Exception as error:
            if is_passing(error):
                raise
            _log.exception("settlements.not_looked_for", merchant_id=str(merchant_id))
            return 0

    async def look_at(self, merchant: Merchant, *, now: datetime) -> int:
        """The same for one merchant, up to a limit, once what its news of disputes explain is explained."""
        await self._contesting.hear(merchant, now=now)
        opened = 0
        for _ in range(BATCHES_AT_ONCE):
            moved, more = await self._database.retrying(lambda one: self._batch(one, merchant, now=now))
            opened += more
            if not moved:
                break
        return opened

    async def _batch(self, connection: Connection, merchant: Merchant, *, now: datetime) -> tuple[bool, int]:
        """The next events that are old enough; whether there were any, and how many things no report has."""
        accounts = {
            one.processor_account_id: one
            for one in await store.reporting(connection, merchant_id=merchant.id)
        }
        if not accounts:
            return False, 0
        days = max(TOLERANCES[Tolerances(one.tolerance)].missing_after_days for one in accounts.values())
        cursors = await store.cursors_of(connection, merchant_id=merchant.id)
        found = await pointers(
            connection, merchant_id=merchant.id, after=cursors.sequence, limit=EVENTS_AT_ONCE
        )
        before = now - timedelta(days=days)
        old = _until(found, before)
        if not old:
            return False, 0
        opened = await self._open(connection, merchant, old, accounts, now=now)
        opened += await self._open_disputes(connection, merchant, old, accounts, before=before, now=now)
        await store.move_cursors(connection, merchant_id=merchant.id, sequence=old[-1].sequence)
        return True, opened

    async def _open(
        self,
        connection: Connection,
        merchant: Merchant,
        old: Sequence[Pointer],
        accounts: Mapping[UUID, Reporting],
        *,
        now: datetime,
    ) -> int:
        moved_at = {one.object_id: one.created_at for one in old if one.type in MOVED}
        if not moved_at:
            return 0
        found = await store.unreported(
            connection, sorted(moved_at), merchant_id=merchant.id, account_ids=sorted(accounts)
        )
        new = [
            self._exception(one, now=now)
            for one in found
            if moved_at[one.object_id] >= accounts[one.processor_account_id].since
        ]
        await store.open_missing(connection, new, merchant_id=merchant.id)
        return len(new)

    async def _open_disputes(
        self,
        connection: Connection,
        merchant: Merchant,
        old: Sequence[Pointer],
        accounts: Mapping[UUID, Reporting],
        *,
        before: datetime,
        now: datetime,
    ) -> int:
        """The same for disputes. One that moved again since is looked at when that is old enough too."""
        told = {one.object_id for one in old if one.type.startswith(DISPUTED)}
        new = []
        for one in await contests(connection, sorted(told), merchant_id=merchant.id) if told else ():
            account = accounts.get(one.contest.processor_account_id)
            left = outstanding(one.contest)
            if account is None or left is None or one.changed_at > before or one.opened_at < account.since:
                continue
            contest = one.contest
            missed = Unreported(
                contest.payment_id, one.id, left.minor, left.currency, contest.processor_account_id
            )
            new.append(self._exception(missed, now=now))
        await store.open_missing(connection, new, merchant_id=merchant.id)
        return len(new)

    def _exception(self, one: Unreported, *, now: datetime) -> Discrepancy:
        return Discrepancy(
            id=self._new_id(),
            settlement_id=None,
            number=None,
            processor_account_id=one.processor_account_id,
            reason=Reason.MISSING_THERE,
            state=ExceptionState.OPEN,
            payment_id=one.payment_id,
            object_id=one.object_id,
            expected=one.amount,
            found=None,
            currency=one.currency,
            proposals=(),
            opened_at=now,
        )


def _until(found: Sequence[Pointer], last: datetime) -> list[Pointer]:
    """Those before the first event that is too young."""
    old: list[Pointer] = []
    for one in found:
        if one.created_at > last:
            break
        old.append(one)
    return old
