"""A failure is brought to us: its debt, its recovery and the first plan are written together, or nothing is.

Then it goes the way of every recovery. Where we act, a payment of ours waits for the recovery's tries. Where we advise,
the merchant tries, and what they report leads to the next plan.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Queries
from recoup.elsewhere.core.failures import Failure, Told, same_debt, with_result
from recoup.elsewhere.flow.debts import Debts, details_of, payment_of
from recoup.elsewhere.store import failures, tries
from recoup.elsewhere.store.failures import Kept
from recoup.elsewhere.store.tries import Row
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.payments.core.facts import PaymentFacts
from recoup.payments.core.step import Step
from recoup.payments.flow.owing import Owing
from recoup.payments.flow.tools import Means
from recoup.recovery.core import Mode, Person, Recovery, Status
from recoup.recovery.core.people import person_of
from recoup.recovery.flow.around import Customers
from recoup.recovery.flow.others import Brought, OthersFailures

REPORTED: Final = "recoveries"
"""The source of tries that were told with a recovery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFailure:
    """A failure that a merchant brings. Where we act, `means` is what is charged."""

    external_id: str
    mode: Mode
    failure: Failure
    means: Means | None
    deadline: datetime | None
    metadata: dict[str, str]


class Bringing:
    """Everything that can be done with failures elsewhere. All of it runs in the caller's transaction."""

    def __init__(
        self,
        *,
        recoveries: OthersFailures,
        debts: Debts,
        owing: Owing,
        customers: Customers,
        new_id: Callable[[], UUID],
    ) -> None:
        self._recoveries = recoveries
        self._debts = debts
        self._owing = owing
        self._customers = customers
        self._new_id = new_id

    async def open(
        self, connection: Connection, merchant: Merchant, new: NewFailure, *, now: datetime
    ) -> tuple[Recovery, bool]:
        """The recovery of a failure, and whether it is new: the same one again has the recovery that it has."""
        known = await self._known(connection, merchant, new)
        if known is not None:
            return known, False
        kept = Kept(
            self._new_id(), new.external_id, self._new_id() if new.mode is Mode.ACT else None, new.failure
        )
        if not await failures.insert(connection, kept, merchant_id=merchant.id, now=now):
            known = await self._known(connection, merchant, new)
            assert known is not None, "whoever was first has written it"
            return known, False
        opening = self._opening(merchant, kept, new, now=now)
        base = await self._owing.facts(merchant, opening, new.means)
        if new.mode is Mode.ACT and not base.accounts:
            raise _nobody()
        facts = await self._debts.of(merchant, kept, base, queries=connection)
        brought = Brought(
            recovery_id=kept.recovery_id,
            external_id=kept.external_id,
            mode=new.mode,
            facts=facts,
            person=await self._person(merchant, kept.failure, facts),
            deadline=new.deadline,
        )
        step, case = await self._recoveries.planned(merchant, brought, now=now)
        if new.mode is Mode.ACT:
            await self._owing.open(connection, merchant, opening, new.means)
        recovery = await self._recoveries.write(connection, merchant, step, case)
        await self._keep_tries(connection, merchant, kept, kept.failure.tries, facts)
        return recovery, True

    async def advised(self, connection: Connection, merchant: Merchant, recovery_id: UUID) -> Kept:
        """A failure that we advise on, held until the transaction ends; refuses what is none."""
        recovery = await self._recoveries.locked(connection, merchant, recovery_id)
        if recovery.mode is not Mode.ADVISE:
            raise conflict(
                "recovery_not_advised",
                "We make the tries of this recovery, and know what comes of them. Was it paid by another way? Then "
                "send that to …/reported.",
            )
        kept = await failures.of_recovery(connection, merchant_id=merchant.id, recovery_id=recovery_id)
        assert kept is not None, "what is advised on was told"
        return kept

    async def result(
        self, connection: Connection, merchant: Merchant, kept: Kept, told: Told, *, now: datetime
    ) -> Recovery:
        """What came of a try that we advised, of a failure that is held; the very same again changes nothing."""
        recovery = await self._recoveries.get(connection, merchant, kept.recovery_id)
        changed = replace(kept, failure=with_result(kept.failure, told, now=now))
        if changed == kept:
            return recovery
        self._recoveries.refuse_ended(recovery)
        await failures.save(connection, changed, merchant_id=merchant.id)
        facts = await self._debts.advised(merchant, changed, queries=connection)
        await self._keep_tries(connection, merchant, changed, (told,), facts)
        person = await self._person(merchant, changed.failure, facts)
        return await self._recoveries.heard(connection, merchant, recovery, facts, person, now=now)

    async def paid_elsewhere(
        self, connection: Connection, merchant: Merchant, recovery_id: UUID, *, at: datetime, now: datetime
    ) -> Recovery:
        """The debt was paid by another way: nothing is tried any more."""
        if at > now:
            raise invalid("time_in_future", "`at` is in the future: report what has happened.", param="at")
        recovery = await self._recoveries.locked(connection, merchant, recovery_id)
        if recovery.paid_elsewhere_at is not None:
            return recovery
        if recovery.status is Status.RECOVERED or recovery.mode is Mode.ADVISE:
            self._recoveries.refuse_ended(recovery)  # others have a payment that may still be charged

        def let_go(payment_id: UUID) -> Awaitable[bool]:
            return self._owing.let_go(connection, merchant, payment_id, now=now)

        return await self._recoveries.paid_elsewhere(
            connection, merchant, recovery, at=at, let_go=let_go, now=now
        )

    async def failure(self, queries: Queries, merchant: Merchant, recovery_id: UUID) -> Kept:
        """What was told of the failure that a recovery is about; refuses with 404 where it is none of elsewhere."""
        found = await failures.of_recovery(queries, merchant_id=merchant.id, recovery_id=recovery_id)
        if found is None:
            raise not_found("failure", render(Kind.RECOVERY, recovery_id))
        return found

    async def _known(self, connection: Connection, merchant: Merchant, new: NewFailure) -> Recovery | None:
        kept = await failures.by_external_id(connection, merchant_id=merchant.id, external_id=new.external_id)
        if kept is None:
            return None
        mode = Mode.ADVISE if kept.payment_id is None else Mode.ACT
        if mode is not new.mode or not same_debt(kept.failure, new.failure):
            shown = render(Kind.RECOVERY, kept.recovery_id)
            raise conflict(
                "external_id_reused",
                f"Another failure was brought under this `external_id`: {shown}. Use a new one for another debt.",
                param="external_id",
            )
        return await self._recoveries.get(connection, merchant, kept.recovery_id)

    def _opening(self, merchant: Merchant, kept: Kept, new: NewFailure, *, now: datetime) -> Step:
        return self._owing.opening(
            payment_of(kept, merchant_id=merchant.id, metadata=new.metadata),
            payment_method_id=None if new.means is None else new.means.payment_method_id,
            recovery_id=kept.recovery_id,
            now=now,
        )

    async def _person(self, merchant: Merchant, failure: Failure, facts: PaymentFacts) -> Person:
        details = details_of(failure)
        if failure.customer_id is not None:
            details = (await self._customers.get(merchant.id, failure.customer_id)).details
        return person_of(details, issuer_country=facts.issuer_country)

    async def _keep_tries(
        self,
        connection: Connection,
        merchant: Merchant,
        kept: Kept,
        told: Sequence[Told],
        facts: PaymentFacts,
    ) -> None:
        """Keep tries for the customer's record, and for whoever learns from them by the recovery's events."""
        rows = [_row(kept, one, facts, id_=self._new_id()) for one in told]
        await tries.insert(connection, rows, merchant_id=merchant.id, batch_id=kept.recovery_id)


def _row(kept: Kept, told: Told, facts: PaymentFacts, *, id_: UUID) -> Row:
    failure, decline = kept.failure, told.decline
    known_as = failure.customer
    if failure.customer_id is not None:
        known_as = render(Kind.CUSTOMER, failure.customer_id)
    return Row(
        source=REPORTED,
        external_id=f"{render(Kind.RECOVERY, kept.recovery_id)} {rfc3339(told.at)}",
        id=id_,
        recovery_id=kept.recovery_id,
        payment=kept.external_id,
        customer=known_as,
        tried_at=told.at,
        amount=told.amount,
        currency=failure.currency,
        approved=told.approved,
        code=None if decline is None else decline.code,
        category=None if decline is None else decline.category.value,
        network_code=None if decline is None else decline.network_code,
        advice_code=None if decline is None else decline.network_advice_code,
        rule=None if decline is None else decline.rule,
        processor_account_id=told.account,
        brand=facts.brand or failure.brand,
        funding=failure.funding,
        country=facts.issuer_country,
    )


def _nobody() -> Refusal:
    return invalid(
        "no_processor_account",
        "None of your processor accounts can charge this payment method for this debt: see GET /v1/routing/explain. "
        "Add one, or ask for advice only.",
        param="mode",
    )
