"""Reads reports, their lines and payouts, and keeps mappings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.settlements.core.formats.generic import Mapping, wrong
from recoup.settlements.core.reports import LineStatus, Report, StoredLine
from recoup.settlements.store import reports as store
from recoup.settlements.store import sums
from recoup.settlements.store.sums import PayoutSum

MAPPINGS_MAX: Final = 100
PAYOUTS_SHOWN_MAX: Final = 1000


class Reports:
    """What came of reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, merchant: Merchant, report_id: UUID) -> Report:
        """One report; refuses with 404."""
        found = await store.read(self._database, merchant_id=merchant.id, report_id=report_id)
        if found is None:
            raise not_found("settlement", render(Kind.SETTLEMENT, report_id))
        return found

    async def page(
        self,
        merchant: Merchant,
        *,
        account_id: UUID | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Report]:
        """Reports newest first; with `before` oldest first."""
        return await store.page(
            self._database,
            merchant_id=merchant.id,
            account_id=account_id,
            after=after,
            before=before,
            limit=limit,
        )

    async def lines(
        self,
        merchant: Merchant,
        report_id: UUID,
        *,
        status: LineStatus | None,
        payment_id: UUID | None,
        after: int,
        limit: int,
    ) -> Sequence[StoredLine]:
        """The lines of a report behind a number; refuses a report that is not there with 404."""
        await self.get(merchant, report_id)
        return await store.lines(
            self._database,
            merchant_id=merchant.id,
            report_id=report_id,
            status=status,
            payment_id=payment_id,
            after=after,
            limit=limit,
        )

    async def payouts(self, merchant: Merchant, report_id: UUID) -> Sequence[PayoutSum]:
        """What a report's payouts come to."""
        await self.get(merchant, report_id)
        return await sums.payouts(
            self._database, merchant_id=merchant.id, report_id=report_id, limit=PAYOUTS_SHOWN_MAX
        )

    async def save_mapping(
        self, connection: Connection, merchant: Merchant, name: str, mapping: Mapping, *, now: datetime
    ) -> None:
        """Keep a mapping under a name; refuses one that cannot be used."""
        why = wrong(mapping)
        if why is not None:
            raise invalid("invalid_mapping", why, param="mapping")
        known = await store.mappings(connection, merchant_id=merchant.id, limit=MAPPINGS_MAX)
        if len(known) >= MAPPINGS_MAX and name not in dict(known):
            raise conflict("too_many_mappings", f"There are {MAPPINGS_MAX} mappings: use one of them again.")
        await store.write_mapping(connection, name, mapping, merchant_id=merchant.id, now=now)

    async def mappings(self, merchant: Merchant) -> Sequence[tuple[str, Mapping]]:
        """All mappings, by name."""
        return await store.mappings(self._database, merchant_id=merchant.id, limit=MAPPINGS_MAX)
