"""Takes in subscriptions that somebody else has billed until now: a look first, then batches, each one transaction.

What a file would do is worked out from what is here, the same for a look and for the deed; a look ends there. A
subscription is known by its source and its id there, noted in the transaction that makes it, so that the same file
again makes nothing twice, and one that was broken off goes on by being given again. Where two run at once, the one who
comes second finds a name noted that was not there when it looked, and does its batch again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from recoup.billing import store
from recoup.billing.core.cycles import End
from recoup.billing.core.importing.drafting import (
    BATCH,
    Brought,
    Draft,
    Drafting,
    Understood,
    batches,
    with_card,
)
from recoup.billing.core.importing.judging import AccountFacts, Here, Kind, Name, Outcome, What
from recoup.billing.core.importing.lines import (
    Fingerprint,
    Line,
    Options,
    Over,
    PlanKey,
    Read,
    Row,
    Stored,
    Token,
)
from recoup.billing.core.importing.reading import read_row
from recoup.billing.core.machine import News
from recoup.billing.core.records import Plan, Subscription
from recoup.billing.core.step import Step, cycle_row
from recoup.billing.flow.cycles import Cycles
from recoup.billing.flow.writing import Scribe
from recoup.billing.objects import plan_object
from recoup.billing.store import importing as names
from recoup.db import Connection, Database, Queries
from recoup.db import plans as statistics
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import Kind as Id
from recoup.kit.ids import render
from recoup.kit.refusals import Refusal, conflict
from recoup.merchants.core import Merchant
from recoup.merchants.flow import ProcessorAccounts
from recoup.vault.flow.customers import time_zones
from recoup.vault.flow.newcomers import Newcomers
from recoup.vault.wire import TokenMethodData

TRIES: Final = 5
"""How often a batch is done whose names somebody else noted meanwhile."""
REFRESHED_EVERY: Final = 25
"""After so many batches the statistics of young tables are made anew: plans that were made while they were empty would
read ever more rows."""
AT_ONCE_MAX: Final = BATCH
"""The most lines of one transaction of a caller's."""


class Doing(StrEnum):
    """How far a few lines are taken in."""

    LOOK = "look"
    """Not at all: only what would become of them is said."""
    ALL = "all"
    """All of them, or none where one is refused."""
    GOOD = "good"
    """Those that are not refused."""


class _Overtaken(Exception):
    """Somebody else noted a name since it was looked for."""


class SubscriptionImports:
    """Takes subscriptions in."""

    def __init__(
        self,
        database: Database,
        *,
        newcomers: Newcomers,
        accounts: ProcessorAccounts,
        cycles: Cycles,
        scribe: Scribe,
    ) -> None:
        self._database = database
        self._newcomers = newcomers
        self._accounts = accounts
        self._cycles = cycles
        self._scribe = scribe
        self._new_id = scribe.new_id

    async def other_source(self, merchant: Merchant, source: str) -> str | None:
        """Another source by which somebody was taken in already: the same subscription would be another by this one."""
        return await names.other_source(self._database, merchant_id=merchant.id, source=source)

    async def look_over(
        self, merchant: Merchant, options: Options, reads: Iterable[Read], *, now: datetime
    ) -> AsyncGenerator[Outcome, None]:
        """What taking it in would do, line by line; nothing is written."""
        run = await self._begun(self._database, merchant, options, now)
        for batch in batches(reads):
            draft = await run.drafted(self._database, run.read(batch), run.plans)
            run.plans.update((_key(one), one.id) for one in draft.plans)
            for outcome in draft.outcomes:
                yield outcome

    async def take_in(
        self, merchant: Merchant, options: Options, reads: Iterable[Read], *, now: datetime
    ) -> AsyncGenerator[Outcome, None]:
        """Take it in; what became of every line, once its batch is committed. What is refused is left out."""
        run = await self._begun(self._database, merchant, options, now)
        for number, batch in enumerate(batches(reads)):
            if number % REFRESHED_EVERY == 1:
                await statistics.refresh(self._database)
            draft = await self._taken(run, run.read(batch))
            run.plans.update((_key(one), one.id) for one in draft.plans)
            for outcome in draft.outcomes:
                yield outcome

    async def at_once(
        self,
        connection: Connection,
        merchant: Merchant,
        options: Options,
        reads: Sequence[Read],
        *,
        doing: Doing,
        now: datetime,
    ) -> tuple[list[Outcome], bool]:
        """What becomes of a few lines, in the caller's transaction; and whether anything was written."""
        assert len(reads) <= AT_ONCE_MAX, "what is done in one transaction has an end"
        run = await self._begun(connection, merchant, options, now)
        draft = await run.drafted(connection, run.read(reads), run.plans)
        is_refused = any(one.what is What.REFUSED for one in draft.outcomes)
        if doing is Doing.LOOK or (doing is Doing.ALL and is_refused):
            return draft.outcomes, False
        try:
            await self._write(connection, run, draft)
        except _Overtaken:
            raise _running() from None
        return draft.outcomes, draft.writes

    async def _begun(self, queries: Queries, merchant: Merchant, options: Options, now: datetime) -> _Run:
        self._newcomers.check_mode(merchant)
        held = queries if isinstance(queries, Connection) else None
        accounts = {}
        for one in await self._accounts.accounts_of(merchant.id, queries=held):
            connector = self._accounts.connectors.get(one.connector)
            takes_tokens = connector is not None and connector.capabilities.processor_tokens
            accounts[one.id] = AccountFacts(one.connector, takes_tokens, one.enabled, one.currencies)
        return _Run(
            newcomers=self._newcomers,
            merchant=merchant,
            options=options,
            accounts=accounts,
            plans={},
            new_id=self._new_id,
            now=now,
            zones=time_zones(),
        )

    async def _taken(self, run: _Run, lines: Sequence[Understood]) -> Draft:
        async def work(connection: Connection) -> Draft:
            draft = await run.drafted(connection, lines, run.plans)
            await self._write(connection, run, draft)
            return draft

        for _ in range(TRIES):
            try:
                return await self._database.retrying(work)
            except _Overtaken:
                continue
        raise _running()

    async def _write(self, connection: Connection, run: _Run, draft: Draft) -> None:
        if not draft.writes:
            return
        merchant, now = run.merchant, run.now
        noted = await names.note(
            connection, draft.new_names, merchant_id=merchant.id, source=run.options.source, now=now
        )
        if noted < len(draft.new_names):
            raise _Overtaken
        await names.note_again(
            connection, draft.changed_names, merchant_id=merchant.id, source=run.options.source, now=now
        )
        if (
            draft.ended
        ):  # after the names: whoever notes one may be waited for, and this holds the merchant's events
            await self._end(connection, run, draft.ended)
        made = [
            await self._newcomers.method(
                connection,
                merchant,
                _method_data(one.token),
                customer_id=one.customer_id,
                network_transaction_id=one.token.network_transaction_id,
                now=now,
            )
            for one in draft.cards.values()
        ]
        await self._newcomers.write(connection, merchant, draft.customers, made)
        for plan in draft.plans:
            await store.insert_plan(connection, plan)
        await append(connection, merchant.id, [self._plan_event(merchant, one) for one in draft.plans])
        by_card = {key: method.id for key, method in zip(draft.cards, made, strict=True)}
        steps = [_step(with_card(one, by_card.get(one.card or b""))) for one in draft.brought]
        await self._scribe.write(connection, merchant, steps, now=now)

    async def _end(self, connection: Connection, run: _Run, ended: Sequence[Subscription]) -> None:
        """End those that were canceled at the old biller: what is open of them nobody collects here any more."""
        turns = {one.id: End(News.CANCELED) for one in ended}
        await self._cycles.take(connection, run.merchant, {one.id: one for one in ended}, turns, now=run.now)

    def _plan_event(self, merchant: Merchant, plan: Plan) -> NewEvent:
        shown = msgspec.json.encode(plan_object(plan, livemode=merchant.livemode))
        return NewEvent(self._new_id(), "plan.created", plan.id, plan.events_count, shown, plan.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One file, with what was read of the merchant at its beginning. `plans`: those that were, or would be, made for it
    so far."""

    newcomers: Newcomers
    merchant: Merchant
    options: Options
    accounts: Mapping[UUID, AccountFacts]
    plans: dict[PlanKey, UUID]
    new_id: Callable[[], UUID]
    now: datetime
    zones: Collection[str]

    def read(self, batch: Sequence[Read]) -> list[Understood]:
        """The lines of a batch, understood or not."""
        return [
            read_row(one, self.options, time_zones=self.zones) if isinstance(one, Row) else one
            for one in batch
        ]

    async def drafted(
        self, queries: Queries, lines: Sequence[Understood], plans: Mapping[PlanKey, UUID]
    ) -> Draft:
        """What a batch comes to, given what is here now; in a transaction its subscriptions and customers are held."""
        understood = [one for one in lines if isinstance(one, Line)]
        over = [one for one in lines if isinstance(one, Over)]
        here = Here(self.accounts)
        await self._look_for_plans(queries, here, understood, plans)
        await self._look_for_names(queries, here, understood, over)
        await self._look_for_subscriptions(queries, here)
        await self._look_for_customers(queries, here, understood)
        await self._look_for_methods(queries, here, understood)
        drafting = Drafting(self.merchant.id, self.options, here, self.new_id, self.now)
        return drafting.draft(lines)

    async def _look_for_plans(
        self, queries: Queries, here: Here, lines: Sequence[Line], made: Mapping[PlanKey, UUID]
    ) -> None:
        keys = {one.plan for one in lines} - made.keys()
        found = await names.plans_like(
            queries, sorted(keys, key=lambda key: key.text), merchant_id=self.merchant.id
        )
        here.plans = {**made, **found}

    async def _look_for_names(
        self, queries: Queries, here: Here, lines: Sequence[Line], over: Sequence[Over]
    ) -> None:
        wanted = {Name(Kind.SUBSCRIPTION, one.external_id) for one in lines}
        wanted |= {Name(Kind.SUBSCRIPTION, one.external_id) for one in over}
        wanted |= {Name(Kind.CUSTOMER, one.customer) for one in lines}
        keys = {Name(Kind.PLAN, one.plan.text): one.plan for one in lines if one.plan not in here.plans}
        here.names = await names.known(
            queries, sorted(wanted | keys.keys()), merchant_id=self.merchant.id, source=self.options.source
        )
        here.plans |= {keys[name]: known.object_id for name, known in here.names.items() if name in keys}

    async def _look_for_subscriptions(self, queries: Queries, here: Here) -> None:
        ids = sorted({one.object_id for name, one in here.names.items() if name.kind is Kind.SUBSCRIPTION})
        if isinstance(queries, Connection):
            here.subscriptions = await store.lock_subscriptions(
                queries, merchant_id=self.merchant.id, ids=ids
            )
        else:
            here.subscriptions = await names.subscriptions_of(queries, ids, merchant_id=self.merchant.id)

    async def _look_for_customers(self, queries: Queries, here: Here, lines: Sequence[Line]) -> None:
        """By the old biller's name where that is known, else by the merchant's own. Who is held is not deleted before
        their subscription is there."""
        ids = {
            one.customer: known.object_id
            for one in lines
            if (known := here.names.get(Name(Kind.CUSTOMER, one.customer))) is not None
        }
        others = sorted({one.customer for one in lines} - ids.keys())
        called = await self.newcomers.called(queries, self.merchant, others)
        ids |= {name: one.id for name, one in called.items()}
        found = await self.newcomers.held(queries, self.merchant, sorted(set(ids.values())))
        here.customers = {
            name: found[id_] for name, id_ in ids.items() if id_ in found and found[id_].deleted_at is None
        }

    async def _look_for_methods(self, queries: Queries, here: Here, lines: Sequence[Line]) -> None:
        means = [one.means for one in lines]
        tokens = {one.key: (one.account_id, one.token) for one in means if isinstance(one, Token)}
        prints = sorted({one.shown for one in means if isinstance(one, Fingerprint)})
        stored = sorted({one.method_id for one in means if isinstance(one, Stored)})
        here.tokens = await self.newcomers.with_tokens(queries, self.merchant, tokens)
        here.prints = await self.newcomers.shown_as(queries, self.merchant, prints)
        here.methods = await self.newcomers.methods(queries, self.merchant, stored)


def _running() -> Refusal:
    return conflict(
        "import_running", "Somebody else takes in the same subscriptions: wait for them, then try again."
    )


def _key(plan: Plan) -> PlanKey:
    return PlanKey(plan.name, plan.amount, plan.currency, plan.interval)


def _method_data(token: Token) -> TokenMethodData:
    return TokenMethodData(
        processor_account=render(Id.PROCESSOR_ACCOUNT, token.account_id),
        token=token.token,
        processor_customer=token.processor_customer,
        card=token.card,
    )


def _step(one: Brought) -> Step:
    made = one.subscription
    return Step(made, dues=(cycle_row(made),), happened=((one.fact, made),))
