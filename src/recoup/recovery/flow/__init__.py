"""The order of events in a recovery: read fresh facts, ask the core, write its step, and only then act.

Whatever happens to a payment comes here as news, and whatever is due comes here by its time; both lead to the same look
at the facts. A step is one transaction: the recovery onto the version it was planned from, the decision, the due row,
the events. A try is begun by such a step (`running`), made by payments outside of any transaction, and followed by
another look. What crashes in between is found by the due row that was written with it; how many tries were made is
counted from the payment's attempts, so nothing is tried twice for having been forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from recoup.db import Connection, Database, Grouped
from recoup.db.together import Together
from recoup.gate.core import Due, Later, Open, Passage
from recoup.kit.refusals import Refusal, RefusalType, conflict
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason
from recoup.payments.core.facts import PaymentFacts
from recoup.payments.flow.parts import Portion
from recoup.recovery import store
from recoup.recovery.core import (
    STANDINGS,
    Case,
    NotOpened,
    Recovery,
    Rest,
    Run,
    Standing,
    Status,
    Step,
    opens,
    steps,
    tries_of,
)
from recoup.recovery.core.policy import Policy
from recoup.recovery.core.policy_file import WINDOW_DAYS_MAX
from recoup.recovery.core.records import How, Made
from recoup.recovery.flow.around import BuiltIn, Customers, Disputes, Gate, Models, Parts, Payments, Policies
from recoup.recovery.flow.cases import Cases
from recoup.recovery.flow.planner import Planner
from recoup.recovery.flow.refusing import refuse_to_hasten, there
from recoup.recovery.flow.writing import prepared, tell_paid_twice, write

LOOKS_MAX: Final = 10
"""How often one call looks again because something changed meanwhile."""
LOOK_AGAIN: Final = timedelta(minutes=1)
POLICY_WINDOW_MAX: Final = 2 * timedelta(days=WINDOW_DAYS_MAX)
"""How far back a try lies, at most, of a payment whose recovery may still be open."""
DETACHED: Final = "payment_method_detached"
"""What the vault's refusal of a payment method that its customer took back is called."""


class Recoveries:
    """Everything that can be done with recoveries."""

    _gate: Gate | None = None
    _parts: Parts | None = None
    _policies: Policies = BuiltIn()

    def __init__(
        self,
        database: Database,
        *,
        payments: Payments,
        customers: Customers,
        disputes: Disputes,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._payments = payments
        self._disputes = disputes
        self._cases = Cases(customers, disputes)
        self._new_id = new_id
        self._planner = Planner()
        self._writes = Grouped(database, store.WRITE, name="recoveries")
        self._of_payments: Together[UUID, Recovery] = Together(
            lambda merchant_id, ids: store.of_payments(database, ids, merchant_id=merchant_id),
            name="recoveries of payments",
        )
        self._several: Together[UUID, Recovery] = Together(
            lambda merchant_id, ids: store.several(database, ids, merchant_id=merchant_id), name="recoveries"
        )

    def guard(self, gate: Gate) -> None:
        """Ask this gate before every try from now on; it is put together later than recoveries are."""
        self._gate = gate

    def go_by(self, models: Models) -> None:
        """Plan by what was learned of each merchant's own tries, from now on."""
        self._cases.models = models

    def choose_by(self, policies: Policies) -> None:
        """Let recoveries go by these policies, from now on."""
        self._policies = self._cases.policies = policies

    def divide_by(self, parts: Parts) -> None:
        """Charge parts of payments by these, from now on."""
        self._parts = parts

    async def policy(self, merchant: Merchant, name: str) -> Policy:
        """The policy of that name by which a recovery would go that opens now."""
        return await self._policies.newest(merchant.id, name)

    async def get(self, merchant: Merchant, recovery_id: UUID) -> Recovery:
        """One recovery; refuses with 404."""
        return there(await self._read(merchant, recovery_id), recovery_id)

    async def page(
        self,
        merchant: Merchant,
        *,
        payment_id: UUID | None = None,
        external_id: str | None = None,
        status: Status | None = None,
        after: UUID | None = None,
        before: UUID | None = None,
        limit: int,
    ) -> Sequence[Recovery]:
        """Recoveries newest first; with `before` oldest first."""
        return await store.page(
            self._database,
            merchant_id=merchant.id,
            payment_id=payment_id,
            external_id=external_id,
            status=status,
            after=after,
            before=before,
            limit=limit,
        )

    async def on_payment_news(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """The handler of a payment's news: open a recovery, plan it again, or close it."""
        for _ in range(LOOKS_MAX):
            facts = await self._payments.facts(merchant, payment_id)
            if facts is not None and facts.part_of is not None and self._parts is not None:
                await self._parts.settle(merchant, payment_id, now)
                return await self.on_payment_news(merchant, facts.part_of, now)
            if facts is None:
                return None
            recovery = await self._of_payments.get(merchant.id, payment_id)
            if recovery is None:
                done = await self._open(merchant, facts, now)
            else:
                await self._attach(merchant, facts, recovery)
                done = await self._heard(merchant, recovery, facts, now)
            if done:
                return None
        return now + LOOK_AGAIN

    async def on_dispute(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """The handler of a dispute for which nothing may be tried: end the recoveries of its card."""
        dispute = await self._disputes.get(merchant, dispute_id)
        if dispute.payment_id is None or not dispute.stops:
            return None
        since, again = now - POLICY_WINDOW_MAX, None
        for payment_id in await self._payments.on_same_card(merchant, dispute.payment_id, since=since):
            recovery = await self._of_payments.get(merchant.id, payment_id)
            if recovery is not None and recovery.is_open:
                again = await self.on_payment_news(merchant, payment_id, now) or again
        return again

    async def run_due(self, merchant: Merchant, recovery_id: UUID, now: datetime) -> datetime | None:
        """The handler of `recovery.retry`: ask the gate on fresh facts, try, and look at what came of it."""
        for _ in range(LOOKS_MAX):
            recovery = await self._read(merchant, recovery_id)
            if recovery is None or not recovery.is_open:
                return None
            case = await self._case(merchant, recovery)
            match await self._looked(recovery, case, now):
                case Rest(until=until):
                    return until
                case Step() as step:
                    if await self._write(merchant, step, case, expected=recovery.version):
                        return steps.due_at(step.after)
                case Run() as run:
                    again = await self._run(merchant, recovery, case, run, now)
                    if again is not None:
                        return again
                case other:
                    assert_never(other)
        return now + LOOK_AGAIN

    async def _run(
        self, merchant: Merchant, recovery: Recovery, case: Case, run: Run, now: datetime
    ) -> datetime | None:
        """Make a try that is due; where the gate holds it, when to look again. None: look at what came of it."""
        passage = await self._passage(merchant, recovery, case, run, now)
        if isinstance(passage, Open):
            begun = Step(run.after, ())
            if await self._write(merchant, begun, case, expected=recovery.version):
                await self._try(merchant, replace(run, accounts=passage.accounts), now)
            return None
        if isinstance(passage, Later):
            return min(passage.until, recovery.deadline)
        step = steps.held(recovery, case, passage, now)
        if isinstance(step, Rest):
            return step.until
        written = await self._write(merchant, step, case, expected=recovery.version)
        return steps.due_at(step.after) if written else None

    async def _passage(
        self, merchant: Merchant, recovery: Recovery, case: Case, run: Run, now: datetime
    ) -> Passage:
        """What switches and the merchant's own check say of a try; asked with no transaction open."""
        if self._gate is None:
            return Open(run.accounts)
        payment = case.payment
        is_known = payment.customer_id != recovery.id  # by which one is known whom only a failure tells of
        due = Due(
            recovery_id=recovery.id,
            payment_id=payment.id,
            number=len(payment.attempts) + 1,
            amount=run.part or payment.amount.minor,
            currency=payment.amount.currency,
            customer_id=payment.customer_id if is_known else None,
            payment_method_id=payment.payment_method_id,
            decline_code=None if payment.decline is None else payment.decline.decline.code,
            accounts=run.accounts,
        )
        return await self._gate.passage(merchant, due, now)

    async def pause(
        self, connection: Connection, merchant: Merchant, recovery_id: UUID, *, now: datetime
    ) -> Recovery:
        """Try nothing until a person goes on. Runs in the caller's transaction."""
        recovery = await self._hold(connection, merchant, recovery_id)
        if recovery.status is Status.PAUSED:
            raise conflict("recovery_unexpected_state", "This recovery is paused already.")
        return await self._changed(
            connection, merchant, steps.paused(recovery, now), expected=recovery.version
        )

    async def resume(
        self, connection: Connection, merchant: Merchant, recovery_id: UUID, *, now: datetime
    ) -> Recovery:
        """Go on under the plan there was; a try that came due meanwhile is made soon. In the caller's transaction."""
        recovery = await self._hold(connection, merchant, recovery_id)
        if recovery.status is not Status.PAUSED:
            message = f"This recovery is {recovery.status}; only a paused one can be resumed."
            raise conflict("recovery_unexpected_state", message)
        return await self._changed(
            connection, merchant, steps.resumed(recovery, now), expected=recovery.version
        )

    async def stop(
        self, connection: Connection, merchant: Merchant, recovery_id: UUID, *, now: datetime
    ) -> Recovery:
        """End it for good. Runs in the caller's transaction."""
        recovery = await self._hold(connection, merchant, recovery_id)
        return await self._changed(
            connection, merchant, steps.stopped(recovery, now), expected=recovery.version
        )

    async def retry_now(
        self, connection: Connection, merchant: Merchant, recovery_id: UUID, *, now: datetime
    ) -> Recovery:
        """Make the planned try due now; the gate is asked all the same. Runs in the caller's transaction."""
        recovery = await self._hold(connection, merchant, recovery_id)
        refuse_to_hasten(recovery, now)
        return await self._changed(
            connection, merchant, steps.hastened(recovery, now), expected=recovery.version
        )

    async def _open(self, merchant: Merchant, facts: PaymentFacts, now: datetime) -> bool:
        """Open a recovery where one is due; False where somebody else was quicker."""
        if isinstance(opens(facts), NotOpened):
            return True
        chosen = await self._policies.opening(merchant, facts)
        if isinstance(chosen, NotOpened):
            return True
        policy = chosen.policy
        case = Case(
            payment=facts,
            person=await self._cases.person(merchant, facts),
            policy=policy,
            opened_at=now,
            deadline=steps.new_deadline(policy, now),
            tries_made=tries_of(facts),
            tries_max=policy.tries_max,
            disputed=await self._cases.disputed(merchant, facts),
            arm=chosen.arm,
            taught=await self._cases.taught(merchant),
        )
        opening = steps.opening(case, merchant_id=merchant.id, recovery_id=self._new_id(), now=now)
        step = await self._planner.led(opening, now)
        if isinstance(step, NotOpened):
            return True
        written = await self._write(merchant, step, case, expected=0)
        if written:
            await self._payments.attach_recovery(merchant, facts.id, step.after.id)
        return written

    async def _heard(
        self, merchant: Merchant, recovery: Recovery, facts: PaymentFacts, now: datetime
    ) -> bool:
        """Apply news to a recovery; what is due is left to its due row. False where the recovery moved on."""
        if not recovery.is_open:
            return await self._heard_late(merchant, recovery, facts, now)
        case = await self._cases.of(merchant, recovery, facts)
        step = await self._looked(recovery, case, now)
        if not isinstance(step, Step):
            return True
        return await self._write(merchant, step, case, expected=recovery.version)

    async def _heard_late(
        self, merchant: Merchant, recovery: Recovery, facts: PaymentFacts, now: datetime
    ) -> bool:
        """A payment was paid, or a part of it, whose recovery had ended: where its debt was paid elsewhere, it was paid
        twice."""
        known = recovery.status is Status.RECOVERED or recovery.paid_elsewhere_at is None
        if not known and STANDINGS[facts.status] is Standing.PAID:
            await self._database.retrying(lambda connection: tell_paid_twice(connection, recovery, now=now))
        if facts.debt is None:
            return True
        case = await self._cases.of(merchant, recovery, facts)
        if not steps.brings_more(recovery, case):
            return True
        step = steps.part_heard(recovery, case, now)
        return await self._write(merchant, step, case, expected=recovery.version)

    async def _attach(self, merchant: Merchant, facts: PaymentFacts, recovery: Recovery) -> None:
        """Mend what a crash left undone between opening a recovery and naming it in its payment."""
        if facts.recovery_id is None:
            await self._payments.attach_recovery(merchant, facts.id, recovery.id)

    async def _try(self, merchant: Merchant, run: Run, now: datetime) -> None:
        recovery, accounts = run.after, run.accounts or None
        try:
            if run.part is None or self._parts is None:
                await self._payments.retry(
                    merchant, recovery.payment_id, reason=Reason.RECOVERY, accounts=accounts, now=now
                )
            else:
                portion = Portion(self._new_id(), run.part, recovery.id, accounts)
                await self._parts.charge(merchant, recovery.payment_id, portion, now=now)
        except Refusal as refusal:
            await self._put_off(merchant, recovery, refusal, now)

    async def _put_off(self, merchant: Merchant, recovery: Recovery, refusal: Refusal, now: datetime) -> None:
        """A try that could not be asked for: a day later again, unless something else has happened meanwhile."""
        case = await self._case(merchant, recovery)
        refused = STANDINGS[case.payment.status] is Standing.REFUSED
        if not refused or not isinstance(await self._looked(recovery, case, now), Rest):
            return
        gone = refusal.type is RefusalType.NOT_FOUND or refusal.code == DETACHED
        how = Made(How.GONE if gone else How.POSTPONED, refusal.message)
        step = steps.instead(recovery, case, how, now)
        await self._write(merchant, step, case, expected=recovery.version)

    async def _case(self, merchant: Merchant, recovery: Recovery) -> Case:
        facts = await self._payments.facts(merchant, recovery.payment_id)
        assert facts is not None, "a recovery has its payment"
        return await self._cases.of(merchant, recovery, facts)

    async def _read(self, merchant: Merchant, recovery_id: UUID) -> Recovery | None:
        return await self._several.get(merchant.id, recovery_id)

    async def _looked(self, recovery: Recovery, case: Case, now: datetime) -> Step | Run | Rest:
        """What follows from the facts; what must be planned is planned together with what others plan just now."""
        return await self._planner.led(steps.looking(recovery, case, now), now)

    async def _hold(self, connection: Connection, merchant: Merchant, recovery_id: UUID) -> Recovery:
        """A recovery that is still open, locked; refuses what has ended."""
        found = await store.lock(connection, merchant_id=merchant.id, recovery_id=recovery_id)
        recovery = there(found, recovery_id)
        if not recovery.is_open:
            raise conflict("recovery_ended", f"This recovery is {recovery.status}: its end is final.")
        return recovery

    async def _changed(
        self, connection: Connection, merchant: Merchant, step: Step, *, expected: int
    ) -> Recovery:
        """Write a person's step in the caller's transaction, which holds the recovery's row."""
        ready = prepared(merchant, step, None, new_id=self._new_id)
        written = await write(connection, ready, expected=expected)
        assert written, "a locked recovery does not move on"
        return ready.after

    async def _write(self, merchant: Merchant, step: Step, case: Case, *, expected: int) -> bool:
        """Write a step in a transaction of its own; False where the recovery has moved on from version `expected`."""
        ready = prepared(merchant, step, case, new_id=self._new_id)
        return await self._writes.write(merchant.id, ready.row(expected=expected)) is not None
