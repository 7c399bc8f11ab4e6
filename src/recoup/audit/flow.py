"""Opens audit cases, and closes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from recoup.audit import store
from recoup.audit.core import (
    CODE_LENGTH_MAX,
    CODES_MAX,
    NOTHING_SAID,
    Case,
    CaseKind,
    CaseState,
    CountedCode,
    UnseenCode,
    of_unseen_code,
)
from recoup.audit.objects import case_object
from recoup.db import Connection, Database
from recoup.events.core import NewEvent
from recoup.events.store import append, next_object_sequence
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict, not_found
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.payments.core import Snapshot

SHOWN_MAX: Final = 20


class Payments(Protocol):
    """What audit asks of payments."""

    async def get(self, merchant: Merchant, payment_id: UUID) -> Snapshot:
        """One payment; refuses with 404."""
        ...


class Accounts(Protocol):
    """What audit asks of merchants."""

    async def account(self, merchant_id: UUID, account_id: UUID) -> ProcessorAccount:
        """One processor account."""
        ...


class Audit:
    """Everything that can be done with audit cases."""

    def __init__(
        self,
        database: Database,
        *,
        payments: Payments,
        accounts: Accounts,
        new_id: Callable[[], UUID],
        unrecognised: Callable[[str], None],
    ) -> None:
        """`unrecognised` is told each connector whose code no table knows: a metric."""
        self._database = database
        self._payments = payments
        self._accounts = accounts
        self._new_id = new_id
        self._unrecognised = unrecognised

    async def on_unrecognised(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """A decline came whose code no table knows: count it, and open a case about the code."""
        snapshot = await self._payments.get(merchant, payment_id)
        connectors = {
            attempt.processor_account_id: (
                await self._accounts.account(merchant.id, attempt.processor_account_id)
            ).connector
            for attempt in snapshot.attempts
        }
        for unseen in _unseen(snapshot, connectors, now):
            async with self._database.transaction() as connection:
                kept = unseen
                if await store.is_one_too_many(connection, unseen, merchant_id=merchant.id, most=CODES_MAX):
                    kept = unseen.among_the_rest()
                if not await store.count(connection, kept, merchant_id=merchant.id):
                    continue
                case = of_unseen_code(kept, id_=self._new_id(), now=now)
                await self.open(connection, merchant, case, now=now)
            self._unrecognised(unseen.connector)
        return None

    async def open(self, connection: Connection, merchant: Merchant, case: Case, *, now: datetime) -> bool:
        """Open a case, unless one about the same thing is open; whether it is new."""
        if not await store.open_case(connection, case, merchant_id=merchant.id):
            return False
        await self._tell(connection, merchant, "audit.case_opened", case, now)
        return True

    async def get(self, merchant: Merchant, case_id: UUID) -> Case:
        """One case; refuses with 404."""
        return _there(await store.read(self._database, merchant_id=merchant.id, case_id=case_id), case_id)

    async def page(
        self,
        merchant: Merchant,
        *,
        state: CaseState | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Case]:
        """Cases newest first; with `before` oldest first."""
        return await store.page(
            self._database, merchant_id=merchant.id, state=state, after=after, before=before, limit=limit
        )

    async def unseen_codes(self, merchant: Merchant) -> Sequence[CountedCode]:
        """The codes that no table knew, the newest first."""
        return await store.counted(self._database, merchant_id=merchant.id, limit=SHOWN_MAX)

    async def broken_laws(self, merchant: Merchant) -> Sequence[Case]:
        """Open cases about laws of what is kept that do not hold."""
        return await store.open_of_kind(
            self._database, CaseKind.INVARIANT_BROKEN, merchant_id=merchant.id, limit=SHOWN_MAX
        )

    async def resolve(
        self,
        connection: Connection,
        merchant: Merchant,
        case_id: UUID,
        *,
        resolution: str | None,
        now: datetime,
    ) -> Case:
        """Close a case. Refuses with 404 what is not there, and with 409 what is closed."""
        closed = await store.resolve(
            connection, merchant_id=merchant.id, case_id=case_id, at=now, resolution=resolution
        )
        if closed is None:
            _there(await store.read(connection, merchant_id=merchant.id, case_id=case_id), case_id)
            raise conflict("audit_case_resolved", "This case is resolved already.")
        await self._tell(connection, merchant, "audit.case_resolved", closed, now)
        return closed

    async def _tell(
        self, connection: Connection, merchant: Merchant, fact: str, case: Case, now: datetime
    ) -> None:
        event = NewEvent(
            id=self._new_id(),
            type=fact,
            object_id=case.id,
            object_sequence=await next_object_sequence(connection, merchant.id, case.id),
            data=msgspec.json.encode(case_object(case, livemode=merchant.livemode)),
            created_at=now,
        )
        await append(connection, merchant.id, [event])


def _unseen(snapshot: Snapshot, connectors: dict[UUID, str], now: datetime) -> Iterator[UnseenCode]:
    for attempt in snapshot.attempts:
        decline = attempt.decline
        if decline is not None and not decline.recognised:
            yield UnseenCode(
                connector=connectors[attempt.processor_account_id],
                code=(decline.processor_code or NOTHING_SAID)[:CODE_LENGTH_MAX],
                network_code=(decline.network_code or NOTHING_SAID)[:CODE_LENGTH_MAX],
                payment_id=snapshot.payment.id,
                attempt_id=attempt.id,
                seen_at=attempt.finished_at or now,
            )


def _there(case: Case | None, case_id: UUID) -> Case:
    if case is None:
        raise not_found("audit case", render(Kind.AUDIT_CASE, case_id))
    return case
