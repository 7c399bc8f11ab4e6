"""The order of events when we charge: commit the attempt, ask the processor, commit the answer, perhaps ask another.

Three phases, two transactions. *Phase 1* writes payment, route and attempt (`started`) and whatever belongs to them.
*Phase 2* holds no transaction: the gateway asks the processor. *Phase 3* applies the answer by the tables of moves and,
where another processor is next, starts its attempt in the same transaction. A crash anywhere leaves rows that say where
we were, and `settling` asks the processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from recoup.budgets.core import stops
from recoup.db import is_passing
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, not_found
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Declined, Outcome, Unprocessed
from recoup.payments.core import Attempt, AttemptState, NewPayment, Reason, Snapshot, steps
from recoup.payments.core.records import ATTEMPTS_MAX
from recoup.payments.core.step import Step
from recoup.payments.flow import contradicting
from recoup.payments.flow.asking import charge_of
from recoup.payments.flow.calling import Call, Heard, brought_along, routed, target_of
from recoup.payments.flow.guarding import processor_asked
from recoup.payments.flow.once_more import refuse_hopeless
from recoup.payments.flow.tools import (
    NEWS_LEASE,
    REPLANS_MAX,
    Means,
    Taken,
    Tools,
    busy,
)
from recoup.payments.writes import Along, Answer, Claim, Count, Decision, Written
from recoup.routing.core import Next, Reconcile, Stop, after
from recoup.routing.flow.health import Asked

CREATED: Final = 201
OK: Final = 200

Tokens = tuple[dict[str, Any], ...]
"""Rows of tokens, to be written along with a step."""


class Charging:
    """Makes attempts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def create(
        self, merchant: Merchant, new: NewPayment, means: Means | None, *, claim: Claim | None, now: datetime
    ) -> Snapshot:
        """Open a payment and, where its means are given, charge. Raises `Taken`."""
        if new.routing is not None:
            await self._refuse_unknown_accounts(merchant, new.routing)
        opening = steps.opened(new, payment_method_id=None, now=now)
        if means is None:
            answer = self._answer(merchant, claim, opening.after, CREATED)
            await self._open(merchant, opening, Along(claim=claim, answer=answer))
            return opening.after
        call = await routed(self._tools, merchant, opening.payment, means, claim=claim, status=CREATED)
        target, decision = target_of(
            self._tools, call, call.route.first.account_id, Reason.INITIAL, call.route.first.why
        )
        step = steps.first_attempt(opening, target, now=now, patience=self._tools.patience)
        await self._begin(call, step, brought_along(call, decision, target.processor_account_id))
        return await self._drive(call, step.after, target.attempt_id)

    async def confirm(
        self, merchant: Merchant, snapshot: Snapshot, means: Means, *, claim: Claim | None, now: datetime
    ) -> Snapshot:
        """Try again by hand: with another payment method, or with the same one after a soft decline. Raises `Taken`."""
        reason = Reason.MANUAL if snapshot.attempts else Reason.INITIAL
        return await self._again(
            merchant,
            snapshot,
            means,
            reason=reason,
            requested=None,
            claim=claim,
            now=now,
            shown=True,
        )

    async def retry(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        means: Means,
        *,
        reason: Reason,
        accounts: Sequence[UUID] | None,
        now: datetime,
    ) -> Snapshot:
        """Try again on behalf of a later subject, which has asked its own gate first."""
        return await self._again(
            merchant, snapshot, means, reason=reason, requested=accounts, claim=None, now=now, shown=False
        )

    async def _again(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        means: Means,
        *,
        reason: Reason,
        requested: Sequence[UUID] | None,
        claim: Claim | None,
        now: datetime,
        shown: bool,
    ) -> Snapshot:
        refuse_hopeless(snapshot, means)
        call = await routed(
            self._tools,
            merchant,
            snapshot.payment,
            means,
            requested=requested,
            claim=claim,
            status=OK,
            shown=shown,
        )
        target, decision = target_of(
            self._tools, call, call.route.first.account_id, reason, call.route.first.why
        )

        def plan(fresh: Snapshot) -> Step:
            refuse_hopeless(fresh, means)
            return steps.started(fresh, target, now=now, patience=self._tools.patience)

        account_id = target.processor_account_id
        along = brought_along(call, decision, account_id)
        started, _ = await self._tools.commit(
            merchant, plan, snapshot, along, look=lambda: call.looked(account_id)
        )
        return await self._drive(call, started, target.attempt_id)

    async def _refuse_unknown_accounts(self, merchant: Merchant, asked_for: Sequence[UUID]) -> None:
        known = {account.id for account in await self._tools.accounts.accounts_of(merchant.id)}
        for account_id in asked_for:
            if account_id not in known:
                raise not_found(
                    "processor account",
                    render(Kind.PROCESSOR_ACCOUNT, account_id),
                    param="routing.processor_accounts",
                )

    async def _open(self, merchant: Merchant, step: Step, along: Along) -> None:
        if await self._tools.writer.open(merchant, step, along) is Written.TAKEN:
            raise Taken

    async def _begin(self, call: Call, step: Step, along: Along) -> None:
        """Write a new payment with its first attempt, after a look at the card's tries where that is needed."""
        account_id = step.payment.processor_account_id
        assert account_id is not None, "an attempt has its account"
        for _ in range(REPLANS_MAX):
            match await self._tools.writer.open(call.merchant, step, along):
                case Written.BARRED:
                    along = replace(along, count=await call.looked(account_id))
                case Written.TAKEN:
                    raise Taken
                case Written.YES | Written.STALE:
                    return
        raise busy()

    async def _drive(self, call: Call, snapshot: Snapshot, attempt_id: UUID) -> Snapshot:
        """Ask one processor after another until an answer stands: one at a time, each committed before it is sent."""
        with processor_asked(snapshot.payment.id):
            return await self._driven(call, snapshot, attempt_id)

    async def _driven(self, call: Call, snapshot: Snapshot, attempt_id: UUID) -> Snapshot:
        tried: list[UUID] = []
        for _ in range(self._tools.attempts_max):
            attempt = snapshot.attempt(attempt_id)
            assert attempt is not None, "an attempt is committed before anything is sent"
            if attempt.state is not AttemptState.STARTED:
                break  # its commit took so long to be heard of that others took it over
            tried.append(attempt.processor_account_id)
            outcome, latency_ms = await self._ask(call, snapshot, attempt)
            turn = self._after(call, outcome, tried)
            snapshot, begun = await self._answered(call, snapshot, Heard(attempt, outcome, latency_ms, turn))
            if begun is None:
                return snapshot
            attempt_id = begun
        else:
            raise AssertionError("the last attempt of a call never starts another")
        await self._record(call, snapshot)
        return snapshot

    async def _ask(self, call: Call, snapshot: Snapshot, attempt: Attempt) -> tuple[Outcome, int]:
        account, connector, seen = await self._tools.account(call.merchant, attempt.processor_account_id)
        callback_url = self._tools.callback_url(attempt.merchant_id, attempt.id)
        charge = charge_of(snapshot.payment, attempt, call.means, callback_url=callback_url)
        asked = self._tools.router.asked(
            call.merchant,
            account.id,
            issuer_country=call.means.issuer_country,
            at=self._tools.now(call.merchant),
        )
        timed = await self._tools.gateway.charge(connector, seen, charge, account_id=account.id)
        outcome = await self._tools.understood(
            call.merchant, timed.outcome, connector=connector.name, brand=attempt.brand
        )
        self._heard(call, attempt, outcome, latency_ms=timed.latency_ms, asked=asked)
        return outcome, timed.latency_ms

    def _heard(
        self, call: Call, attempt: Attempt, outcome: Outcome, *, latency_ms: int, asked: Asked | None
    ) -> None:
        # A card that was declined before says nothing of how the account does with others.
        is_first = attempt.reason is Reason.INITIAL
        estimate = call.route.candidate(attempt.processor_account_id).estimate if is_first else None
        self._tools.router.heard(
            call.merchant,
            attempt.processor_account_id,
            outcome,
            latency_ms=latency_ms,
            issuer_country=call.means.issuer_country,
            expected=None if estimate is None else estimate.probability,
            at=self._tools.now(call.merchant),
            asked=asked,
        )

    def _after(self, call: Call, outcome: Outcome, tried: Sequence[UUID]) -> Next | Stop | Reconcile:
        """What follows an answer."""
        turn = after(
            outcome,
            route=call.route,
            tried=tried,
            attempts_max=self._tools.attempts_max,
            elapsed_ms=call.elapsed_ms,
        )
        if isinstance(turn, Next) and isinstance(outcome, Declined) and stops(outcome.decline.rule):
            return Stop(
                f"{turn.why}, but {outcome.decline.rule}: the network allows this card no further try"
            )
        return turn

    async def _answered(self, call: Call, snapshot: Snapshot, heard: Heard) -> tuple[Snapshot, UUID | None]:
        """Commit the answer, and name the attempt that began in the same transaction.

        Where others looked into the attempt meanwhile, plan again: our own answer still counts if it is news.
        """
        tokens = await self._tools.tokens(call.merchant, heard.attempt, heard.outcome)
        count: Count | None = None
        for _ in range(REPLANS_MAX):
            planned = self._next_step(call, snapshot, heard, now=self._tools.now(call.merchant))
            if planned is None:
                await contradicting.of_attempt(
                    self._tools, call.merchant, snapshot, heard.attempt.id, outcome=heard.outcome
                )
                for row in tokens:  # others found out about the approval first; the token came to us alone
                    await self._tools.wallet.keep_token(call.merchant, row)
                await self._record(call, snapshot)
                return snapshot, None
            step, decision = planned
            begun = None if step.begun is None else step.begun.id
            along = self._along(call, step, decision, tokens)
            if count is not None:
                along = replace(along, count=count)
            written = await self._tools.writer.commit(call.merchant, step, along)
            assert written is not Written.TAKEN, "no claim goes along with an answer"
            if written is Written.YES:
                return (step.after if begun else await self._told(call, step, along)), begun
            snapshot = await self._tools.load(call.merchant, snapshot.payment.id)
            if begun and step.is_in(snapshot):
                return snapshot, begun
            if written is Written.BARRED:
                heard, count = await self._looked(call, heard)
        raise busy()

    async def _looked(self, call: Call, heard: Heard) -> tuple[Heard, Count | None]:
        """How the next attempt is counted after a look at the card's tries; or none, where networks allow none."""
        assert isinstance(heard.turn, Next), "only an attempt is counted"
        try:
            return heard, await call.looked(heard.turn.account_id)
        except Refusal as refusal:
            return replace(heard, turn=Stop(f"{heard.turn.why}, but {refusal.message}")), None

    def _next_step(
        self, call: Call, snapshot: Snapshot, heard: Heard, *, now: datetime
    ) -> tuple[Step, Decision | None] | None:
        """What the answer leads to; None where it says nothing that is not known."""
        if not self._tools.is_news(snapshot, heard.attempt.id, heard.outcome):
            return None
        match heard.outcome, heard.turn:
            case (Declined() | Unprocessed()) as refused, Next(account_id=account_id, why=why) if _may_go_on(
                snapshot, heard.attempt.id
            ):
                target, decision = target_of(self._tools, call, account_id, Reason.FAILOVER, why)
                step = steps.failed_over(
                    snapshot,
                    heard.attempt.id,
                    refused,
                    target,
                    now=now,
                    latency_ms=heard.latency_ms,
                    patience=self._tools.patience,
                )
                return step, decision
            case _:
                answered = steps.answered(
                    snapshot, heard.attempt.id, heard.outcome, now=now, latency_ms=heard.latency_ms
                )
                return None if answered is None else (answered, None)

    def _along(self, call: Call, step: Step, decision: Decision | None, tokens: Tokens) -> Along:
        if step.begun is not None:
            return Along(decision=decision, count=call.unseen(step.begun.processor_account_id))
        if self._tools.writer.heard(step):
            return Along(lease=self._tools.clock.now() + NEWS_LEASE, tokens=tokens)
        answer = self._answer(call.merchant, call.claim, step.after, call.status)
        return Along(answer=answer, tokens=tokens)

    async def _told(self, call: Call, step: Step, along: Along) -> Snapshot:
        """Let later subjects hear the news before the API answers, so that its answer names what they did."""
        if along.lease is None:
            return step.after
        kinds, payment_id = [f"event:{fact}" for fact in self._tools.writer.heard(step)], step.payment.id
        try:
            await self._tools.run_news(call.merchant, kinds=kinds, object_id=payment_id, lease=along.lease)
            if not call.shown:
                return step.after
            snapshot = await self._tools.load(call.merchant, payment_id)
        except Exception as error:
            if not is_passing(error):
                raise
            snapshot = step.after  # the worker finds the news when their lease ends
        await self._record(call, snapshot)
        return snapshot

    async def _record(self, call: Call, snapshot: Snapshot) -> None:
        answer = self._answer(call.merchant, call.claim, snapshot, call.status)
        await self._tools.keep_answer(call.merchant, answer)

    def _answer(
        self, merchant: Merchant, claim: Claim | None, snapshot: Snapshot, status: int
    ) -> Answer | None:
        if claim is None:
            return None
        return Answer(claim.key, status, self._tools.render.payment(snapshot, livemode=merchant.livemode))


def _may_go_on(snapshot: Snapshot, attempt_id: UUID) -> bool:
    """Whether another attempt may follow in this call: nobody else looks into this one, and one more is allowed."""
    attempt = snapshot.attempt(attempt_id)
    untouched = attempt is not None and attempt.state is AttemptState.STARTED
    return untouched and snapshot.payment.attempts_count < ATTEMPTS_MAX
