"""What routing learns from: ended attempts, with what was known when they were decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog

from recoup.db import Database
from recoup.kit.ids import Kind, render
from recoup.merchants.core import ProcessorAccount
from recoup.merchants.flow import ProcessorAccounts
from recoup.payments.core.machine import AttemptState
from recoup.payments.store import observed as store
from recoup.payments.store.observed import Observed
from recoup.routing.core.learning import Observation, Told, told_by
from recoup.routing.core.reading import facts_of
from recoup.routing.flow.learning import Seen

_log: Final = structlog.get_logger("recoup.payments")


class EndedAttempts:
    """Reads them for the learner."""

    def __init__(self, database: Database, accounts: ProcessorAccounts) -> None:
        self._database = database
        self._accounts = accounts

    async def observations(self, merchant_id: UUID, payment_ids: Sequence[UUID]) -> Sequence[Seen]:
        """The attempts of these payments that have an outcome, as it is by now."""
        rows = await store.of_payments(self._database, payment_ids, merchant_id=merchant_id)
        accounts = {one.id: one for one in await self._accounts.accounts_of(merchant_id)}
        seen = (_seen(row, accounts[row.account_id]) for row in rows if row.account_id in accounts)
        return [one for one in seen if one is not None]

    async def has_choice(self, merchant_id: UUID) -> bool:
        """Whether the merchant has accounts to choose between."""
        enabled = [one for one in await self._accounts.accounts_of(merchant_id) if one.enabled]
        return len(enabled) > 1


def _seen(row: Observed, account: ProcessorAccount) -> Seen | None:
    """What is to be learned; None where the decision cannot be read, which must not stop all that comes after it."""
    try:
        # The facts are the call's: what is tried after a decline is harder, which is no fault of the account's.
        facts = replace(facts_of(row.data), attempt_number=row.number)
    except (LookupError, TypeError, ValueError):
        _log.warning("decision_unreadable", attempt=render(Kind.ATTEMPT, row.id))
        return None
    return Seen(row.id, Observation(facts, account, _told(row), row.finished_at))


def _told(row: Observed) -> Told:
    if row.state is AttemptState.APPROVED:
        return Told.APPROVED
    if row.decline is None:
        return Told.NOTHING
    return told_by(row.decline.category, row.decline.code)
