"""Opens cases about what processors paid out against what is final here: a charge that we have as declined was made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.audit.core import Case, CaseKind, CaseState
from recoup.audit.flow import Audit
from recoup.db import Connection, Database
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.settlements.core.reasons import MEANINGS, Discrepancy


class Exceptions(Protocol):
    """What audit asks of settlements."""

    async def get(self, merchant: Merchant, exception_id: UUID) -> Discrepancy:
        """One exception; refuses with 404."""
        ...


class SettlementCases:
    """Hears of lines that contradict what is final here."""

    def __init__(
        self, database: Database, *, audit: Audit, exceptions: Exceptions, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._audit = audit
        self._exceptions = exceptions
        self._new_id = new_id

    async def on_contradicted(self, merchant: Merchant, exception_id: UUID, now: datetime) -> datetime | None:
        """A line settles what we have as declined, failed or never captured: open a case."""
        case = _case(await self._exceptions.get(merchant, exception_id), self._new_id(), now)

        async def work(connection: Connection) -> None:
            await self._audit.open(connection, merchant, case, now=now)

        await self._database.retrying(work)
        return None


def _case(found: Discrepancy, id_: UUID, now: datetime) -> Case:
    shown = render(Kind.SETTLEMENT_EXCEPTION, found.id)
    return Case(
        id=id_,
        kind=CaseKind.CONTRADICTION,
        subject=f"settlement:{found.object_id or found.id}:{found.reason}",
        state=CaseState.OPEN,
        object_id=found.payment_id,
        summary=found.summary,
        remedy=MEANINGS[found.reason].remedy,
        details={
            "settlement_exception": shown,
            "settlement": None
            if found.settlement_id is None
            else render(Kind.SETTLEMENT, found.settlement_id),
            "line": found.number,
            "processor_account": render(Kind.PROCESSOR_ACCOUNT, found.processor_account_id),
            "reason": found.reason,
            "found": found.found,
            "currency": found.currency,
        },
        opened_at=now,
    )
