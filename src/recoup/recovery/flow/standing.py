"""What later subjects ask of recovery: what becomes of payments, and by what they may be won back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from recoup.db import Database
from recoup.merchants.core import Merchant
from recoup.recovery import store
from recoup.recovery.core import NO_RECOVERY, POLICIES, Recovery
from recoup.recovery.flow.policies import RecoveryPolicies


class OfPayments:
    """The recoveries of payments, and the names of policies."""

    def __init__(self, database: Database, policies: RecoveryPolicies) -> None:
        self._database = database
        self._policies = policies

    async def of_payments(self, merchant: Merchant, payment_ids: Sequence[UUID]) -> Mapping[UUID, Recovery]:
        """The recoveries of those of these payments that have one."""
        if not payment_ids:
            return {}
        return await store.of_payments(self._database, payment_ids, merchant_id=merchant.id)

    async def is_known(self, merchant: Merchant, name: str) -> bool:
        """Whether a policy of that name is there: the merchant's, a built-in one, or the one that recovers nothing."""
        if name == NO_RECOVERY or name in POLICIES:
            return True
        return (await self._policies.fresh(merchant.id, name)).name == name
