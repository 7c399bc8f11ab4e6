"""Recoveries of what failed elsewhere: opened when they are brought to us, planned again by what is reported of them.

All of it runs in the caller's transaction, which has the facts in hand that it is about to write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recoup.db import Connection
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict, not_found
from recoup.merchants.core import Merchant
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery import store
from recoup.recovery.core import (
    DEFAULT,
    Case,
    Mode,
    Person,
    Recovery,
    Step,
    case_of,
    look,
    plan,
    steps,
    tries_of,
)
from recoup.recovery.flow.around import BuiltIn, Disputes, Models, Policies
from recoup.recovery.flow.writing import prepared, tell_paid_twice, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A failure that is brought to us. `deadline`: None for that of the policy."""

    recovery_id: UUID
    external_id: str
    mode: Mode
    facts: PaymentFacts
    person: Person
    deadline: datetime | None


LetGo = Callable[[UUID], Awaitable[bool]]
"""Cancels a payment that holds no money; False where it may hold some."""


class OthersFailures:
    """Recoveries of what failed elsewhere."""

    def __init__(
        self,
        *,
        disputes: Disputes,
        models: Models,
        new_id: Callable[[], UUID],
        policies: Policies | None = None,
    ) -> None:
        self._policies = policies or BuiltIn()
        self._disputes = disputes
        self._models = models
        self._new_id = new_id

    async def planned(self, merchant: Merchant, brought: Brought, *, now: datetime) -> tuple[Step, Case]:
        """The first step of its recovery, which may be its last: where nothing helps, the plan says so."""
        facts = brought.facts
        policy = await self._policies.newest(merchant.id, DEFAULT.name)
        case = Case(
            payment=facts,
            person=brought.person,
            policy=policy,
            opened_at=now,
            deadline=brought.deadline or steps.new_deadline(policy, now),
            tries_made=tries_of(facts),
            tries_max=policy.tries_max,
            disputed=await self._disputed(merchant, facts),
            taught=await self._models.of(merchant.id),
        )
        step = steps.begun(
            case,
            plan(case, now),
            merchant_id=merchant.id,
            recovery_id=brought.recovery_id,
            now=now,
            mode=brought.mode,
            external_id=brought.external_id,
        )
        return step, case

    async def write(self, connection: Connection, merchant: Merchant, step: Step, case: Case) -> Recovery:
        """Write a new recovery."""
        ready = prepared(merchant, step, case, new_id=self._new_id)
        written = await write(connection, ready, expected=0)
        assert written, "the id of a new recovery is nobody else's"
        return ready.after

    async def locked(self, connection: Connection, merchant: Merchant, recovery_id: UUID) -> Recovery:
        """A recovery, held until the transaction ends; refuses with 404."""
        found = await store.lock(connection, merchant_id=merchant.id, recovery_id=recovery_id)
        if found is None:
            raise not_found("recovery", render(Kind.RECOVERY, recovery_id))
        return found

    @staticmethod
    def refuse_ended(recovery: Recovery) -> None:
        """Refuses what has ended."""
        if not recovery.is_open:
            raise conflict("recovery_ended", f"This recovery is {recovery.status}: its end is final.")

    async def get(self, connection: Connection, merchant: Merchant, recovery_id: UUID) -> Recovery:
        """A recovery that is there."""
        found = await store.read(connection, merchant_id=merchant.id, recovery_id=recovery_id)
        if found is None:
            raise not_found("recovery", render(Kind.RECOVERY, recovery_id))
        return found

    async def heard(
        self,
        connection: Connection,
        merchant: Merchant,
        recovery: Recovery,
        facts: PaymentFacts,
        person: Person,
        *,
        now: datetime,
    ) -> Recovery:
        """What follows from facts that are new; the recovery is held."""
        disputed = await self._disputed(merchant, facts)
        policy = await self._policies.of(merchant.id, recovery.policy, recovery.policy_version)
        taught = await self._models.of(merchant.id)
        case = case_of(recovery, facts, person, policy=policy, disputed=disputed, taught=taught)
        step = look(recovery, case, now)
        if not isinstance(step, Step):
            return recovery
        return await self._changed(connection, merchant, step, case, recovery)

    async def paid_elsewhere(
        self,
        connection: Connection,
        merchant: Merchant,
        recovery: Recovery,
        *,
        at: datetime,
        let_go: LetGo,
        now: datetime,
    ) -> Recovery:
        """End a held recovery whose debt was paid by another way: its payment is charged no more.

        Where a try is under way that cannot be taken back, its outcome ends the recovery. One that had ended stays so,
        but its customer's link, or a person, charges nothing any more.
        """
        if recovery.paid_elsewhere_at is not None:
            return recovery
        under_way = recovery.mode is not Mode.ADVISE and not await let_go(recovery.payment_id)
        step = steps.paid_elsewhere(recovery, now, at=at, under_way=under_way)
        if under_way and not recovery.is_open:  # then what was paid since then was heard already
            await tell_paid_twice(connection, recovery, now=now)
        return await self._changed(connection, merchant, step, None, recovery)

    async def _changed(
        self, connection: Connection, merchant: Merchant, step: Step, case: Case | None, before: Recovery
    ) -> Recovery:
        ready = prepared(merchant, step, case, new_id=self._new_id)
        written = await write(connection, ready, expected=before.version)
        assert written, "a locked recovery does not move on"
        return ready.after

    async def _disputed(self, merchant: Merchant, facts: PaymentFacts) -> str | None:
        return await self._disputes.stops(
            merchant, payment_method_id=facts.payment_method_id, fingerprint=facts.fingerprint
        )
