"""The order of events when a person decides about an attempt: ask everybody first, then write what they say."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Unknown
from recoup.payments.core import Attempt, Snapshot
from recoup.payments.core.by_hand import Resolution, may_resolve, resolved
from recoup.payments.flow.reviewing import Reviewing
from recoup.payments.flow.settling import leads_where_it_did
from recoup.payments.flow.tools import Tools
from recoup.payments.writes import Along, Answer, Claim


class Resolving:
    """Lets a person decide."""

    def __init__(self, tools: Tools, reviewing: Reviewing) -> None:
        self._tools = tools
        self._reviewing = reviewing

    async def resolve(
        self,
        merchant: Merchant,
        payment_id: UUID,
        resolution: Resolution,
        *,
        claim: Claim | None,
        now: datetime,
    ) -> Snapshot:
        """Close an attempt as a person says. Raises `Taken`, or refuses while the processor may still be asked."""
        snapshot = await self._tools.load(merchant, payment_id)
        attempt = may_resolve(snapshot, resolution, now=now)
        await self._refuse_while_it_can_tell(merchant, snapshot, attempt)
        done, _ = await self._tools.commit(
            merchant, lambda fresh: resolved(fresh, resolution, now=now), snapshot, Along(claim=claim)
        )
        if claim is not None:
            body = self._tools.render.payment(done, livemode=merchant.livemode)
            await self._tools.keep_answer(merchant, Answer(claim.key, 200, body))
        return done

    async def _refuse_while_it_can_tell(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt
    ) -> None:
        account, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
        if connector.capabilities.withdraw and leads_where_it_did(account, attempt.started_at):
            raise conflict(
                "processor_can_tell",
                f"{connector.name} can say for certain what became of this attempt, or make sure that it never "
                "happens: ask it with `sync`. If it cannot be reached, wait until it can.",
            )
        said = await self._reviewing.ask_of_attempt(merchant, snapshot, attempt)
        if not isinstance(said, Unknown):
            raise conflict(
                "processor_can_tell",
                f"{connector.name} knows what became of this attempt: take its word, with `sync`.",
            )
