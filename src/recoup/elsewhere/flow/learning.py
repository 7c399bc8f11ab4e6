"""What routing learns from tries elsewhere, where they were made at an account that is ours too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from recoup.db import Database
from recoup.elsewhere.store import tries
from recoup.elsewhere.store.tries import Row
from recoup.merchants.core import ProcessorAccount
from recoup.merchants.flow import ProcessorAccounts
from recoup.outcomes.core import Category
from recoup.routing.core import Facts
from recoup.routing.core.learning import Observation, Told, told_by
from recoup.routing.flow.learning import Attempts, Seen

TRIES_MAX: Final = 10_000
"""How many tries elsewhere one batch of events tells of, at most."""


class AlsoElsewhere:
    """Our own attempts, and the tries elsewhere that an event told of."""

    def __init__(self, database: Database, ours: Attempts, accounts: ProcessorAccounts) -> None:
        self._database = database
        self._ours = ours
        self._accounts = accounts

    async def observations(self, merchant_id: UUID, payment_ids: Sequence[UUID]) -> Sequence[Seen]:
        """What has an outcome among the attempts of these payments, and the tries of these recoveries and imports."""
        ours = await self._ours.observations(merchant_id, payment_ids)
        rows = await tries.of_batches(self._database, payment_ids, merchant_id=merchant_id, limit=TRIES_MAX)
        if not rows:
            return ours
        accounts = {one.id: one for one in await self._accounts.accounts_of(merchant_id)}
        theirs = [
            _seen(row, accounts[row.processor_account_id])
            for row in rows
            if row.processor_account_id is not None and row.processor_account_id in accounts
        ]
        return [*ours, *theirs]

    async def has_choice(self, merchant_id: UUID) -> bool:
        """Whether the merchant has accounts to choose between."""
        return await self._ours.has_choice(merchant_id)


def _seen(row: Row, account: ProcessorAccount) -> Seen:
    facts = Facts(
        currency=row.currency,
        brand=row.brand,
        issuer_country=row.country,
        capture="automatic",
        initiator=row.initiator,
        amount=row.amount,
        funding=row.funding,
        bin=row.bin,
        at=row.tried_at,
    )
    return Seen(row.id, Observation(facts, account, _told(row), row.tried_at))


def _told(row: Row) -> Told:
    if row.approved:
        return Told.APPROVED
    if row.category is None or row.code is None:
        return Told.NOTHING
    return told_by(Category(row.category), row.code)
