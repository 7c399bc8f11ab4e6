"""The order of events when a payment method is verified: commit that it is asked, ask its account, commit the answer.

Where its customer must authenticate first, it waits for them, and goes on when they come back: again committed before
it is asked. No money moves, so an answer that nobody heard is simply not known, and may be asked for again, under the
same key as long as its processor has a name for it. What an approval brings
(a token, the network's name of it) is kept with the payment method. Networks count a declined verification like any
other decline, as far as we know, so its row counts in their budgets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from msgspec.structs import replace

from recoup.budgets.core import region_of
from recoup.connectors.base import Browser, Completion
from recoup.connectors.base import Verification as Asked
from recoup.kit.ids import Kind, made_at, render
from recoup.kit.money import Money
from recoup.kit.refusals import conflict, not_found
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
from recoup.payments.flow.counting import Counting
from recoup.payments.flow.tools import REPLANS_MAX, Means, Taken, Tools, busy, no_account
from recoup.payments.store import verifying as store
from recoup.payments.store.verifying import Verification
from recoup.payments.writes import Claim, Written
from recoup.routing.core import Facts, route

__all__ = ["NewVerification", "Verification", "Verifying"]


_AT_WORK: Final = frozenset({"started", "completing"})
_WAITS: Final = frozenset({"requires_action", "unresolved"})
_NOTHING: Final = timedelta(0)


@dataclasses.dataclass(frozen=True, slots=True)
class NewVerification:
    """What is asked: of which payment method, in which currency, and of whom, where that was said. With a `return_url`
    the customer can be sent to authenticate."""

    id: UUID
    payment_method_id: UUID
    currency: str
    account_id: UUID | None = None
    return_url: str | None = None
    browser: Browser | None = None


class Verifying:
    """Asks whether payment methods are good."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def verify(
        self,
        merchant: Merchant,
        new: NewVerification,
        *,
        claim: Claim | None,
        now: datetime,
    ) -> Verification:
        """Ask the account that is named, or the first that can tell. Raises `Taken` for a used idempotency key."""
        tools = self._tools
        means, owner = await tools.wallet.means(merchant, new.payment_method_id)
        means = dataclasses.replace(means, browser=new.browser)
        account = await self._account(merchant, means, new)
        begun = Verification(
            merchant_id=merchant.id,
            id=new.id,
            payment_method_id=new.payment_method_id,
            processor_account_id=account.id,
            fingerprint=means.fingerprint,
            currency=new.currency,
            status="started",
            decline=None,
            checks=None,
            why=None,
            created_at=now,
            finished_at=None,
            return_url=new.return_url,
        )
        await self._begin(merchant, account, means, begun, claim=claim)
        outcome = await self._ask(merchant, account, means, begun, owner=owner)
        return await self._ended(merchant, begun, outcome)

    async def _begin(
        self,
        merchant: Merchant,
        account: ProcessorAccount,
        means: Means,
        begun: Verification,
        *,
        claim: Claim | None,
    ) -> None:
        """Commit that it is asked; refuses where networks allow the card no further try."""
        counting = Counting(self._tools, merchant, means, Money(0, begun.currency))
        region = region_of(account.country)
        count = counting.unseen(region)
        for _ in range(REPLANS_MAX):
            written = await store.begin(
                self._tools.database,
                begun,
                merchant_id=merchant.id,
                claim=_claim_row(merchant.id, claim),
                count=count.row(begun.id),
            )
            if written is Written.YES:
                return
            if written is Written.TAKEN:
                raise Taken
            count = await counting.looked(region)
        raise busy()

    async def confirm(
        self,
        merchant: Merchant,
        payment_method_id: UUID,
        verification_id: UUID,
        *,
        returned: Mapping[str, str],
        claim: Claim | None,
        now: datetime,
    ) -> Verification:
        """Go on after the customer came back, with what they brought. Raises `Taken` for a used idempotency key."""
        means, _ = await self._tools.wallet.means(merchant, payment_method_id)
        begun = await store.go_on(
            self._tools.database,
            merchant_id=merchant.id,
            payment_method_id=payment_method_id,
            verification_id=verification_id,
            at=now,
            lost_before=now - self._tools.patience,
            claim=_claim_row(merchant.id, claim),
        )
        if begun is None:
            await self._refuse(merchant, payment_method_id, verification_id)
            raise Taken
        account, connector, seen = await self._tools.account(merchant, begun.processor_account_id)
        completion = Completion(
            key=render(Kind.VERIFICATION, begun.id),
            reference=begun.reference or "",
            amount=Money(0, begun.currency),
            capture=False,
            brand=means.brand,
            today=now.date(),
            returned=returned,
        )
        timed = await self._tools.gateway.complete(connector, seen, completion, account_id=account.id)
        outcome = await self._tools.understood(
            merchant, timed.outcome, connector=connector.name, brand=means.brand
        )
        return await self._ended(merchant, begun, outcome)

    async def _refuse(self, merchant: Merchant, payment_method_id: UUID, verification_id: UUID) -> None:
        """Refuses what cannot be gone on with, and says why."""
        found = await store.read(
            self._tools.database, merchant_id=merchant.id, verification_id=verification_id
        )
        if found is None or found.payment_method_id != payment_method_id:
            raise not_found("verification", render(Kind.VERIFICATION, verification_id))
        if found.status in _AT_WORK:
            raise conflict(
                "verification_under_way",
                "This verification is being asked about right now; ask again soon.",
                retry_after_s=1,
            )
        if found.status not in _WAITS or found.reference is None:
            raise conflict(
                "verification_unexpected_state",
                f"This verification awaits no customer: it is {found.status}. Verify the payment method anew.",
            )

    async def resume(self, merchant: Merchant, verification_id: UUID) -> Verification | None:
        """What became of one whose caller asks again; None while its maker may still be at work on it."""
        database = self._tools.database
        found = await store.read(database, merchant_id=merchant.id, verification_id=verification_id)
        if found is None or found.status not in _AT_WORK:
            return found
        if found.confirmed_at is None:
            left = made_at(found.id) - self._tools.clock.now()
        else:
            left = found.confirmed_at - self._tools.now(merchant)
        if left + self._tools.patience > _NOTHING:
            return None
        lost = replace(found, status="unresolved", why="the server stopped while this was under way")
        return await store.end(database, lost, merchant_id=merchant.id)

    async def _account(self, merchant: Merchant, means: Means, new: NewVerification) -> ProcessorAccount:
        account_id = new.account_id
        accounts = {one.id: one for one in await self._tools.accounts.accounts_of(merchant.id)}
        if account_id is not None and account_id not in accounts:
            raise not_found(
                "processor account", render(Kind.PROCESSOR_ACCOUNT, account_id), param="processor_account"
            )
        facts = Facts(
            new.currency,
            means.brand,
            means.issuer_country,
            "automatic",
            "customer",
            means.card is not None,
            frozenset(means.tokens),
            charges=False,
            can_challenge=new.return_url is not None,
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
            return_url=begun.return_url,
            billing=means.billing,
            browser=means.browser,
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
        case ActionRequired() if outcome.needs_a_page or begun.return_url is None:
            why = "the customer must authenticate, which only a payment with a return_url lets them do here"
            return replace(begun, status="requires_action", why=why, finished_at=now)
        case ActionRequired(reference=reference, url=url):
            return replace(begun, status="requires_action", reference=reference, action_url=url)
        case Unprocessed():
            return replace(begun, status="unresolved", why=why_of(outcome), finished_at=now)
        case Unknown():
            return replace(begun, status="unresolved", why=why_of(outcome))
        case Pending(reference=reference):
            return replace(
                begun, status="unresolved", reference=reference, why="the processor will answer later"
            )
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
