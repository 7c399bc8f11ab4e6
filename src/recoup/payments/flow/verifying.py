"""The order of events when a payment method is verified: commit that it is asked, ask its account, commit the answer.

No money moves, so an answer that nobody heard is simply not known, and may be asked for again. What an approval brings
(a token, the network's name of it) is kept with the payment method. Networks count a declined verification like any
other decline, as far as we know, so its row counts in their budgets.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never
from uuid import UUID

from msgspec.structs import replace

from recoup.connectors.base import Verification as Asked
from recoup.kit.ids import Kind, made_at, render
from recoup.kit.refusals import not_found
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Outcome,
    Pending,
    Unknown,
    Unprocessed,
)
from recoup.payments.core.answers import why_of
from recoup.payments.flow.tools import Means, Taken, Tools, no_account
from recoup.payments.store import verifying as store
from recoup.payments.store.verifying import Verification
from recoup.payments.writes import Claim
from recoup.routing.core import Facts, route

__all__ = ["Verification", "Verifying"]


class Verifying:
    """Asks whether payment methods are good."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def verify(
        self,
        merchant: Merchant,
        payment_method_id: UUID,
        *,
        id_: UUID,
        currency: str,
        account_id: UUID | None,
        claim: Claim | None,
        now: datetime,
    ) -> Verification:
        """Ask the account that is named, or the first that can tell. Raises `Taken` for a used idempotency key."""
        tools = self._tools
        means, owner = await tools.wallet.means(merchant, payment_method_id)
        account = await self._account(merchant, means, currency=currency, account_id=account_id)
        begun = Verification(
            merchant_id=merchant.id,
            id=id_,
            payment_method_id=payment_method_id,
            processor_account_id=account.id,
            fingerprint=means.fingerprint,
            currency=currency,
            status="started",
            decline=None,
            checks=None,
            why=None,
            created_at=now,
            finished_at=None,
        )
        if not await store.begin(
            tools.database, begun, merchant_id=merchant.id, claim=_claim_row(merchant.id, claim)
        ):
            raise Taken
        outcome = await self._ask(merchant, account, means, begun, owner=owner)
        return await self._ended(merchant, begun, outcome)

    async def resume(self, merchant: Merchant, verification_id: UUID) -> Verification | None:
        """What became of one whose caller asks again; None while its maker may still be at work on it."""
        database = self._tools.database
        found = await store.read(database, merchant_id=merchant.id, verification_id=verification_id)
        if found is None or found.status != "started":
            return found
        if made_at(found.id) + self._tools.patience > self._tools.clock.now():
            return None
        lost = replace(found, status="unresolved", why="the server stopped while this was under way")
        return await store.end(database, lost, merchant_id=merchant.id)

    async def _account(
        self, merchant: Merchant, means: Means, *, currency: str, account_id: UUID | None
    ) -> ProcessorAccount:
        accounts = {one.id: one for one in await self._tools.accounts.accounts_of(merchant.id)}
        if account_id is not None and account_id not in accounts:
            raise not_found(
                "processor account", render(Kind.PROCESSOR_ACCOUNT, account_id), param="processor_account"
            )
        facts = Facts(
            currency,
            means.brand,
            means.issuer_country,
            "automatic",
            "customer",
            means.card is not None,
            frozenset(means.tokens),
            charges=False,
        )
        pairs = [(one, self._tools.connectors[one.connector].capabilities) for one in accounts.values()]
        requested = None if account_id is None else (account_id,)
        chosen = route(facts, pairs, requested=requested)
        if not chosen.accounts:
            meant = [one for one in chosen.candidates if requested is None or one.account_id in requested]
            raise no_account([f"{one.label}: {one.why}" for one in meant])
        return accounts[chosen.accounts[0]]

    async def _ask(
        self,
        merchant: Merchant,
        account: ProcessorAccount,
        means: Means,
        begun: Verification,
        *,
        owner: UUID | None,
    ) -> Outcome:
        _, connector, seen = await self._tools.account(merchant, account.id)
        asked = Asked(
            key=render(Kind.VERIFICATION, begun.id),
            currency=begun.currency,
            source=means.source(account.id),
            today=begun.created_at.date(),
            remember=owner is not None and account.id not in means.remembered_at,
            customer_key=None if owner is None else render(Kind.CUSTOMER, owner),
            billing=means.billing,
        )
        timed = await self._tools.gateway.verify(connector, seen, asked, account_id=account.id)
        return await self._tools.understood(
            merchant, timed.outcome, connector=connector.name, brand=means.brand
        )

    async def _ended(self, merchant: Merchant, begun: Verification, outcome: Outcome) -> Verification:
        now = self._tools.now(merchant)
        method_id, account_id = begun.payment_method_id, begun.processor_account_id
        tokens = await self._tools.tokens_at(merchant, method_id, account_id, outcome)
        known = outcome.network_transaction_id if isinstance(outcome, Approved) else None
        return await store.end(
            self._tools.database,
            _concluded(begun, outcome, now=now),
            merchant_id=merchant.id,
            network_transaction_id=known,
            tokens=tokens,
        )


def _concluded(begun: Verification, outcome: Outcome, *, now: datetime) -> Verification:
    match outcome:
        case Approved(checks=checks):
            return replace(begun, status="verified", checks=checks, finished_at=now)
        case Declined(decline=decline, checks=checks):
            return replace(begun, status="declined", decline=decline, checks=checks, finished_at=now)
        case ActionRequired():
            why = "the customer must authenticate, which only a payment with a return_url lets them do"
            return replace(begun, status="requires_action", why=why, finished_at=now)
        case Unprocessed():
            return replace(begun, status="unresolved", why=why_of(outcome), finished_at=now)
        case Unknown():
            return replace(begun, status="unresolved", why=why_of(outcome))
        case Pending():
            return replace(begun, status="unresolved", why="the processor will answer later")
        case _:
            assert_never(outcome)


def _claim_row(merchant_id: UUID, claim: Claim | None) -> dict[str, object] | None:
    if claim is None:
        return None
    return {
        "merchant_id": merchant_id,
        "key": claim.key,
        "fingerprint": "\\x" + claim.fingerprint.hex(),
        "resource": claim.resource,
        "resource_id": claim.resource_id,
        "created_at": claim.at,
    }
