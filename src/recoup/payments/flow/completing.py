"""The order of events when a customer comes back: commit that the attempt goes on, ask, commit the answer.

It is the same attempt under the same key, so that nothing can be charged beside it. Once it was sent, an answer that
nobody heard is an unknown outcome: `settling` asks what became of it, and no other attempt may start. What the customer
brought back to the shop is handed to the processor and kept nowhere; where it is lost with its process, the processor
still waits for the customer or has gone on without us, and tells. Only where the processor may be asked for the very
same completion again is it kept, until the attempt has ended. What came back to our own page is kept with the
attempt, and handed over too. Where nothing left, the attempt waits as before, so that the customer can come back once
more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.connectors.base import Charge
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Evidence, Unprocessed
from recoup.payments import store
from recoup.payments.core import Attempt, AttemptState, Snapshot, steps
from recoup.payments.core.answers import still_awaited
from recoup.payments.core.records import PLAIN_STEP, Action, Returned
from recoup.payments.core.step import Step
from recoup.payments.flow import contradicting
from recoup.payments.flow.asking import charge_of, completion_of
from recoup.payments.flow.guarding import processor_asked
from recoup.payments.flow.tools import Tools
from recoup.payments.writes import Along, Answer, Claim, storable

_WENT_ON: Final = (
    "Another request went on with this payment meanwhile, and its customer is awaited anew: read it."
)


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
        charge = await self._charge_again(merchant, snapshot)
        await self._keep(merchant, snapshot, returned)

        def plan(fresh: Snapshot) -> Step:
            step = steps.resumed(fresh, now=now, patience=self._tools.patience)
            if _awaited(fresh) != _awaited(snapshot):
                raise conflict("payment_under_way", _WENT_ON, retry_after_s=1)
            return step

        resumed, _ = await self._tools.commit(merchant, plan, snapshot, Along(claim=claim))
        attempt = resumed.open_attempt
        if attempt is not None and attempt.state is AttemptState.COMPLETING:
            with processor_asked(resumed.payment.id):
                evidence = await self._ask(merchant, resumed, returned, charge)
                resumed = await self._concluded(merchant, resumed, attempt, evidence)
        # Else its commit took so long to be heard of that others took it over.
        if claim is not None:
            shown = self._tools.render.payment(resumed, livemode=merchant.livemode)
            await self._tools.keep_answer(merchant, Answer(claim.key, 200, shown))
        return resumed

    async def _keep(self, merchant: Merchant, snapshot: Snapshot, returned: Mapping[str, str]) -> None:
        """Keep what goes to a processor that may be asked for the same once more."""
        attempt = snapshot.open_attempt
        if attempt is None or attempt.state is not AttemptState.REQUIRES_ACTION:
            return
        _, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
        if not connector.capabilities.resumable_completion:
            return
        step = PLAIN_STEP if attempt.action is None else attempt.action.step
        kept = Returned(step, {**(attempt.brought_back or {}), **returned})
        encoded = storable(msgspec.json.encode(kept))
        await store.keep_for_completion(self._tools.database, attempt, returned=encoded)

    async def _charge_again(self, merchant: Merchant, snapshot: Snapshot) -> Charge | None:
        """What was asked at first, for a processor that wants the card again; refuses where the card has gone."""
        attempt = snapshot.open_attempt
        if attempt is None or attempt.state is not AttemptState.REQUIRES_ACTION:
            return None
        _, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
        if not connector.capabilities.wants_card_again:
            return None
        means, _ = await self._tools.wallet.means(merchant, attempt.payment_method_id)
        return charge_of(snapshot.payment, attempt, means, callback_url=None)

    async def _ask(
        self, merchant: Merchant, snapshot: Snapshot, returned: Mapping[str, str], charge: Charge | None
    ) -> Evidence:
        attempt = snapshot.open_attempt
        assert attempt is not None, "it was just resumed"
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        now = self._tools.now(merchant)
        completion = completion_of(snapshot.payment, attempt, returned, charge=charge, now=now)
        timed = await self._tools.gateway.complete(connector, seen, completion, account_id=account.id)
        if isinstance(timed.outcome, Unprocessed):
            return still_awaited(attempt)
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
            await contradicting.of_attempt(self._tools, merchant, concluded, attempt.id, outcome=evidence)
            for row in tokens:  # others found out about the approval first; the token came to us alone
                await self._tools.wallet.keep_token(merchant, row)
        return concluded


def _awaited(snapshot: Snapshot) -> tuple[UUID, Action | None, str | None] | None:
    """For what the customer is awaited: of which attempt, and of its steps which."""
    attempt = snapshot.open_attempt
    return None if attempt is None else (attempt.id, attempt.action, attempt.action_url)
