"""The order of events when a processor is asked about disputes, so that a webhook that never came does no harm.

Each account that can be asked has one due row, and so has each dispute that may still move. What is found is heard as
webhooks are, and changes nothing where it says what is known. Nothing is open while a processor is asked; a page counts
when all of it was heard, so that whoever dies in between has it asked for again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog

from recoup.connectors.base import (
    Account,
    Connector,
    DisputeNews,
    DisputePage,
    ListDisputes,
    Notice,
    ReadDispute,
)
from recoup.connectors.base.listing import CURSOR_LENGTH_MAX
from recoup.db import Connection, Database, due
from recoup.disputes import store
from recoup.disputes.core.records import Dispute
from recoup.disputes.core.walking import (
    FIRST_BACK,
    WALK_PAGES_MAX,
    Walk,
    after_failure,
    after_page,
    asked_again_at,
    read_at,
    under_way,
)
from recoup.disputes.flow.answering import Seen
from recoup.disputes.flow.heard import Applied, Contradiction
from recoup.disputes.flow.hearing import Hearing
from recoup.disputes.flow.writing import there
from recoup.disputes.store import walks
from recoup.events.following import Rounds
from recoup.gateway import Gateway
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.outcomes.core import Unknown
from recoup.payments.flow.heard import Place

ASK: Final = "dispute.ask"
"""The kind of due row that says: ask this processor account which disputes there are."""
EVERY_S: Final = 5.0
"""How often merchants with new events are looked at: they may have an account that is not asked yet."""
PAGES_AT_ONCE: Final = 3
"""How many pages one turn asks for: the claim of its row lasts as long as they may take."""
BETWEEN_TURNS: Final = timedelta(seconds=1)
_BEGUN_MAX: Final = 100_000

_log: Final = structlog.get_logger("recoup.disputes")


class Payments(Protocol):
    """What is asked of payments."""

    async def place(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Place | None:
        """Where a notice belongs."""
        ...

    async def page(
        self,
        merchant: Merchant,
        *,
        customer_id: UUID | None,
        starting_after: UUID | None,
        ending_before: UUID | None,
        limit: int,
    ) -> Sequence[object]:
        """Payments, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Around:
    """What asking needs of the rest: tenants, their accounts, and how to reach a processor."""

    merchant: Callable[[UUID], Awaitable[Merchant | None]]
    accounts: Callable[[UUID], Awaitable[Sequence[ProcessorAccount]]]
    connectors: Mapping[str, Connector]
    seen: Seen
    gateway: Gateway
    now: Callable[[Merchant], datetime]
    not_listed: Callable[[str], None]
    """Told the connector of each answer that could not be used: a metric."""


class Asking:
    """Asks processors about disputes. `every`: how often, where there is something to find."""

    def __init__(
        self, database: Database, around: Around, *, payments: Payments, hearing: Hearing, every: timedelta
    ) -> None:
        self._database = database
        self._around = around
        self._payments = payments
        self._hearing = hearing
        self._every = every
        self._begun: set[UUID] = set()
        self.rounds = Rounds(database, walks.PLACES, self.follow, name="disputes asked for")

    async def follow(self, merchant_id: UUID) -> int:
        """Something happened to a merchant: see whether all its accounts are asked."""
        upto = await walks.newest(self._database, merchant_id=merchant_id)
        merchant = await self._around.merchant(merchant_id)
        begun = 0 if merchant is None else await self.begin(merchant)
        async with self._database.connection() as connection:
            await walks.follow(connection, merchant_id=merchant_id, upto=upto)
        return begun

    async def begin(self, merchant: Merchant) -> int:
        """Have those accounts of a merchant asked that can be and are not, once there was a payment."""
        new = {
            one.id: one.created_at
            for one in await self._around.accounts(merchant.id)
            if one.id not in self._begun and self._around.connectors[one.connector].lists_disputes
        }
        if not new or not await self._has_paid(merchant):
            return 0
        now = self._around.now(merchant)

        async def work(connection: Connection) -> int:
            added = []
            for account_id, made_at in sorted(new.items()):
                walk = Walk(account_id, max(now - FIRST_BACK, made_at))
                if await walks.begin(connection, walk, merchant_id=merchant.id):
                    added.append(account_id)
            for account_id in added:
                await due.put(
                    connection,
                    merchant_id=merchant.id,
                    kind=ASK,
                    object_id=account_id,
                    due_at=now,
                )
            return len(added)

        count = await self._database.retrying(work)
        if len(self._begun) > _BEGUN_MAX:
            self._begun.clear()
        self._begun.update(new)
        return count

    async def ask(self, merchant: Merchant, account_id: UUID, now: datetime) -> datetime | None:
        """The handler of `dispute.ask`: some pages; when to go on."""
        walk = await walks.read(self._database, merchant_id=merchant.id, account_id=account_id)
        _, connector, seen = await self._around.seen(merchant, account_id)
        if walk is None or not connector.lists_disputes:
            return None
        for _ in range(PAGES_AT_ONCE):
            after = await self._page(merchant, walk, connector, seen)
            if not await walks.save(self._database, walk, after, merchant_id=merchant.id):
                return now + self._every  # whoever has gone on says when to come again
            if after.failures or after.began_at is None:
                return asked_again_at(after, self._around.now(merchant), self._every)
            walk = after
        return self._around.now(merchant) + BETWEEN_TURNS

    async def _page(self, merchant: Merchant, walk: Walk, connector: Connector, seen: Account) -> Walk:
        """Ask for the next page and hear it; the walk after that."""
        at = self._around.now(merchant)
        walk = under_way(walk, at)
        assert walk.since is not None, "it is under way"
        asked = ListDisputes(walk.since, at, walk.cursor)
        answer = await self._around.gateway.list_disputes(connector, seen, asked, account_id=walk.account_id)
        page = _believed(answer.outcome, walk)
        if isinstance(page, Unknown):
            account = render(Kind.PROCESSOR_ACCOUNT, walk.account_id)
            self._around.not_listed(connector.name)
            _log.warning("disputes_not_listed", account=account, why=page.why, failures=walk.failures + 1)
            return after_failure(walk, page.why)
        found = [await self._heard(merchant, walk.account_id, one) for one in page.notices]
        return after_page(walk, page.cursor, found=any(found))

    async def failing(self, merchant: Merchant) -> Sequence[Walk]:
        """Accounts that could not be asked for a while: what is new there only a webhook tells."""
        return await walks.failing(self._database, merchant_id=merchant.id)

    async def count_failing(self) -> int:
        """How many such there are, of all merchants."""
        return await walks.count_failing(self._database)

    async def reread(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """The handler of `dispute.reread`: read one dispute, and say when to do so again."""
        dispute = await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id)
        if dispute is None or read_at(dispute, now - self._every, self._every) is None:
            return None
        read = await self._read(merchant, dispute)
        if read is None:
            return None
        if isinstance(read, Unknown):
            _log.warning("dispute_not_read", dispute=render(Kind.DISPUTE, dispute_id), why=read.why)
        fresh = await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id)
        return read_at(there(fresh, dispute_id), now, self._every)

    async def sync(self, merchant: Merchant, dispute_id: UUID) -> Dispute:
        """Ask about a dispute now; refuses where that cannot be done, or brings nothing."""
        dispute = there(
            await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id), dispute_id
        )
        read = await self._read(merchant, dispute)
        if read is None:
            raise conflict("dispute_not_readable", "Its processor cannot be asked about a dispute.")
        if isinstance(read, Unknown):
            message = f"Its processor did not say how it stands: {read.why}."
            raise conflict("dispute_not_read", message, retry_after_s=60)
        fresh = await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id)
        return there(fresh, dispute_id)

    async def _read(self, merchant: Merchant, dispute: Dispute) -> Notice | Unknown | None:
        """Ask about a dispute and hear what is said; None where its processor cannot be asked."""
        account_id = dispute.processor_account_id
        _, connector, seen = await self._around.seen(merchant, account_id)
        if not connector.lists_disputes:
            return None
        asked = ReadDispute(dispute.reference, self._around.now(merchant))
        answer = await self._around.gateway.read_dispute(connector, seen, asked, account_id=account_id)
        if isinstance(answer.outcome, Notice):
            await self._heard(merchant, account_id, answer.outcome)
        return answer.outcome

    async def _heard(self, merchant: Merchant, account_id: UUID, notice: Notice) -> bool:
        """Hear what was found; whether it was news."""
        if not isinstance(notice.meaning, DisputeNews):
            _log.warning("dispute_not_understood", account=render(Kind.PROCESSOR_ACCOUNT, account_id))
            return False
        place = await self._payments.place(merchant, account_id, notice)
        now = self._around.now(merchant)
        heard = await self._hearing.hear(merchant, account_id, notice, place=place, now=now, asked=True)
        if isinstance(heard, Contradiction):
            _log.warning("dispute_contradicted", dispute=heard.about, known=heard.known, told=heard.told)
        return isinstance(heard, Applied)

    async def _has_paid(self, merchant: Merchant) -> bool:
        found = await self._payments.page(
            merchant, customer_id=None, starting_after=None, ending_before=None, limit=1
        )
        return bool(found)


def _believed(answer: DisputePage | Unknown, walk: Walk) -> DisputePage | Unknown:
    """The page, where what follows it can be followed."""
    if isinstance(answer, Unknown) or answer.cursor is None:
        return answer
    if answer.cursor == walk.cursor or walk.pages + 1 >= WALK_PAGES_MAX:
        return Unknown("the list of disputes leads in a circle")
    if len(answer.cursor) > CURSOR_LENGTH_MAX:
        return Unknown("what leads to the next page of disputes is too long")
    return answer
