"""What later subjects decide by when they decide about a payment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.budgets.core import HISTORY_NEEDED
from recoup.db.together import Together
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core import Attempt, Payment, Snapshot, Status
from recoup.payments.core.facts import CardTry, PaidWith, PastAttempt, PaymentFacts
from recoup.payments.flow.counting import card_of, is_everybodys
from recoup.payments.flow.tools import Means, Tools, facts_of
from recoup.payments.store import AskedCard
from recoup.routing.core import Facts, route

CLOSED: Final = "payment_method_closed"
"""What the vault's refusal of a payment method whose account is closed is called."""


class FactsReader:
    """Reads them."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        database = tools.database
        self._snapshots: Together[UUID, Snapshot] = Together(
            lambda merchant_id, ids: store.snapshots(database, ids, merchant_id=merchant_id), name="payments"
        )
        self._cards: Together[AskedCard, tuple[CardTry, ...]] = Together(
            lambda merchant_id, asked: store.card_tries(database, asked, merchant_id=merchant_id),
            name="tries of cards",
        )

    async def snapshot(self, merchant: Merchant, payment_id: UUID) -> Snapshot | None:
        """One payment; None where there is none."""
        return await self._snapshots.get(merchant.id, payment_id)

    async def read(self, merchant: Merchant, payment_id: UUID) -> PaymentFacts | None:
        """What later subjects decide by; None where there is no such payment."""
        snapshot = await self.snapshot(merchant, payment_id)
        if snapshot is None:
            return None
        means, is_closed = await self._present_means(merchant, snapshot.payment)
        return await self.of(merchant, snapshot, means, is_closed=is_closed)

    async def of(
        self, merchant: Merchant, snapshot: Snapshot, means: Means | None, *, is_closed: bool = False
    ) -> PaymentFacts:
        """The same of a payment that is in hand, with what it is paid with."""
        payment = snapshot.payment
        last = snapshot.attempts[-1] if snapshot.attempts else None
        country = None if means is None else means.issuer_country
        untried = last is not None and payment.payment_method_id not in (None, last.payment_method_id)
        # What was not tried yet has only what it is to be tried with.
        seen = (means or last) if untried else (last or means)
        tries = await self._tries(merchant, seen, means)
        part = None if payment.part_id is None else await self.snapshot(merchant, payment.part_id)
        facts = PaymentFacts(
            id=payment.id,
            status=payment.status,
            amount=payment.money,
            initiator=payment.initiator,
            customer_id=payment.customer_id,
            payment_method_id=payment.payment_method_id,
            fingerprint=None if seen is None else seen.fingerprint,
            brand=None if seen is None else seen.brand,
            issuer_country=country,
            created_at=payment.created_at,
            decline=None if untried else payment.decline,  # it was another card's
            failure=payment.failure,
            attempts=past_attempts(snapshot),
            card_tries=tries,
            accounts=await self._able(merchant, payment, last, means),
            recovery_policy=payment.recovery_policy,
            recovery_id=payment.recovery_id,
            renewed_at=payment.updated_at if untried else None if means is None else means.renewed_at,
            is_closed=is_closed,
            funding=None if means is None else means.funding,
            bin=None if means is None else means.bin,
            debt=None if not payment.in_part else Money(payment.amount + payment.in_part, payment.currency),
            divisible=payment.debt is not None and payment.part_id is None,
            part_of=payment.part_of,
        )
        return facts if part is None else _with_part(facts, part, is_open=payment.part_open is True)

    async def paid_with(self, merchant: Merchant, payment_id: UUID, attempt_id: UUID) -> PaidWith | None:
        """With what an attempt was made; None where there is no such attempt."""
        snapshot = await store.load(self._tools.database, merchant_id=merchant.id, payment_id=payment_id)
        attempt = None if snapshot is None else snapshot.attempt(attempt_id)
        if attempt is None:
            return None
        shared = await self._is_shared(merchant, attempt)
        return PaidWith(attempt.payment_method_id, None if shared else attempt.fingerprint, attempt.brand)

    async def tried_with(
        self, merchant: Merchant, payment_method_id: UUID, fingerprints: Sequence[bytes], *, since: datetime
    ) -> Sequence[UUID]:
        """The payments that were tried since then with a payment method, whose card was recognised by these."""
        found: dict[UUID, None] = {}
        for fingerprint in fingerprints:
            tried = await store.tried_with(
                self._tools.database,
                merchant_id=merchant.id,
                fingerprint=f"\\x{fingerprint.hex()}",
                payment_method_id=payment_method_id,
                since=since,
            )
            found |= dict.fromkeys(tried)
        return tuple(found)

    async def on_same_card(self, merchant: Merchant, payment_id: UUID, *, since: datetime) -> Sequence[UUID]:
        """The payments that were tried since then on the card of this one, those tried last first."""
        snapshot = await store.load(self._tools.database, merchant_id=merchant.id, payment_id=payment_id)
        attempt_id = None if snapshot is None else snapshot.payment.attempt_id
        attempt = None if snapshot is None or attempt_id is None else snapshot.attempt(attempt_id)
        if attempt is None:
            return ()
        shared = await self._is_shared(merchant, attempt)
        return await store.tried_with(
            self._tools.database,
            merchant_id=merchant.id,
            fingerprint=attempt.fingerprint,
            payment_method_id=attempt.payment_method_id if shared else None,
            since=since,
        )

    async def _is_shared(self, merchant: Merchant, attempt: Attempt) -> bool:
        """Whether it was made with a test card that everybody uses."""
        if merchant.livemode:
            return False
        means = await self._means_of(merchant, attempt.payment_method_id)
        return is_everybodys(self._tools, merchant, means)

    async def _present_means(self, merchant: Merchant, payment: Payment) -> tuple[Means | None, bool]:
        """With what it is paid, where that can be charged; and whether the account behind it is closed."""
        if payment.payment_method_id is None:
            return None, False
        try:
            return (await self._tools.wallet.means(merchant, payment.payment_method_id))[0], False
        except Refusal as refusal:
            return None, refusal.code == CLOSED

    async def _means_of(self, merchant: Merchant, payment_method_id: UUID) -> Means | None:
        try:
            return (await self._tools.wallet.means(merchant, payment_method_id))[0]
        except Refusal:
            return None

    async def _tries(
        self, merchant: Merchant, last: Attempt | Means | None, means: Means | None
    ) -> tuple[CardTry, ...]:
        """The tries on the card of the last attempt, or of the payment method that waits for its first; on a published
        test card only those of its own payment method, since everybody uses that number for every customer, and
        networks count by person."""
        if last is None:
            return ()
        # A card that was taken back cannot be read any more, and will not be charged either.
        is_published = is_everybodys(self._tools, merchant, means)
        same = means is not None and means.payment_method_id == last.payment_method_id
        # A card that got another number is another one to its network.
        present = means.fingerprint if means is not None and same else last.fingerprint
        method_id = last.payment_method_id
        asked = AskedCard(
            fingerprint=present,
            payment_method_id=method_id if is_published else None,
            card=card_of(self._tools, merchant, means, fingerprint=present, payment_method_id=method_id),
            since=self._tools.now(merchant) - HISTORY_NEEDED,
        )
        return await self._cards.get(merchant.id, asked) or ()

    async def _able(
        self, merchant: Merchant, payment: Payment, last: Attempt | None, means: Means | None
    ) -> tuple[UUID, ...]:
        accounts = await self._tools.accounts.accounts_of(merchant.id)
        if means is None:
            if last is None:
                return ()
            facts = Facts(payment.currency, last.brand, None, payment.capture, payment.initiator)
        else:
            facts = facts_of(payment, means, at=self._tools.now(merchant))
        pairs = [(account, self._tools.connectors[account.connector].capabilities) for account in accounts]
        return route(facts, pairs, requested=payment.routing).accounts


def _with_part(facts: PaymentFacts, part: Snapshot, *, is_open: bool) -> PaymentFacts:
    """A payment together with the tries of its part: the whole is under way while the part is."""
    own = [replace(one, is_part=True) for one in past_attempts(part)]
    return replace(
        facts,
        status=Status.PROCESSING if is_open else facts.status,
        attempts=tuple(sorted((*facts.attempts, *own), key=lambda one: one.at)),
    )


def past_attempts(snapshot: Snapshot) -> tuple[PastAttempt, ...]:
    """The attempts of a payment, as later subjects see them."""
    return tuple(_past(one, snapshot.payment) for one in snapshot.attempts)


def _past(attempt: Attempt, payment: Payment) -> PastAttempt:
    return PastAttempt(
        at=attempt.started_at,
        account=attempt.processor_account_id,
        state=attempt.state,
        reason=attempt.reason,
        amount=Money(attempt.amount, payment.currency),
        rule=attempt.rule,
        decline_code=None if attempt.decline is None else attempt.decline.code,
    )
