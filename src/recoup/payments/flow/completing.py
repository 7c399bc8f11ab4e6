"""The order of events when a customer comes back: commit that the attempt goes on, ask, commit the answer.

It is the same attempt under the same key, so that nothing can be charged beside it. Once it was sent, an answer that
nobody heard is an unknown outcome: `settling` asks what became of it, and no other attempt may start. What the customer
brought back is handed to the processor and kept nowhere; where it is lost with its process, the processor still waits
for the customer or has gone on without us, and tells. Where nothing left, the attempt waits as before, so that the
customer can come back once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Evidence, Unprocessed
from recoup.payments.core import Attempt, AttemptState, Snapshot, steps
from recoup.payments.core.step import Step
from recoup.payments.flow.asking import completion_of
from recoup.payments.flow.tools import Tools, processor_asked
from recoup.payments.writes import Along, Answer, Claim


class Completing:
    """Goes on with attempts that waited for their customer."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def complete(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        returned: Mapping[str, str],
        *,
        claim: Claim | None,
        now: datetime,
    ) -> Snapshot:
        """Go on, and give the payment as it then is. Raises `Taken`, or refuses where no customer is awaited."""
        resumed, _ = await self._tools.commit(
            merchant,
            lambda fresh: steps.resumed(fresh, now=now, patience=self._tools.patience),
            snapshot,
            Along(claim=claim),
        )
        attempt = resumed.open_attempt
        if attempt is not None and attempt.state is AttemptState.COMPLETING:
            with processor_asked(resumed.payment.id):
                evidence = await self._ask(merchant, resumed, attempt, returned)
                resumed = await self._concluded(merchant, resumed, attempt, evidence)
        # Else its commit took so long to be heard of that others took it over.
        if claim is not None:
            shown = self._tools.render.payment(resumed, livemode=merchant.livemode)
            await self._tools.keep_answer(merchant, Answer(claim.key, 200, shown))
        return resumed

    async def _ask(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt, returned: Mapping[str, str]
    ) -> Evidence:
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        now = self._tools.now(merchant)
        completion = completion_of(snapshot.payment, attempt, returned, now=now)
        timed = await self._tools.gateway.complete(connector, seen, completion, account_id=account.id)
        if isinstance(timed.outcome, Unprocessed):
            return ActionRequired(attempt.reference or "", attempt.action_url or "")
        return await self._tools.understood(
            merchant, timed.outcome, connector=connector.name, brand=attempt.brand
        )

    async def _concluded(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt, evidence: Evidence
    ) -> Snapshot:
        def plan(fresh: Snapshot) -> Step | None:
            if not self._tools.is_news(fresh, attempt.id, evidence):
                return None
            now = self._tools.now(merchant)
            return steps.answered(fresh, attempt.id, evidence, now=now, latency_ms=None)

        tokens = await self._tools.tokens(merchant, attempt, evidence)
        concluded, step = await self._tools.commit(merchant, plan, snapshot, Along(tokens=tokens))
        if step is None:
            for row in tokens:  # others found out about the approval first; the token came to us alone
                await self._tools.wallet.keep_token(merchant, row)
        return concluded
