"""The desk of whoever handles disputes: a house whose processor tells of them and takes answers as a test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from tests.payments.bank import LATENCY_MS, Bank, Died, Dies, FakeConnector, Lost, capabilities
from tests.payments.house import House

from recoup.connectors.base import (
    AcceptDispute,
    Account,
    Connector,
    DisputeNews,
    DisputeState,
    DisputeVerb,
    EvidenceField,
    Idempotency,
    Notice,
    Subject,
    SubmitEvidence,
)
from recoup.db import Connection, Database
from recoup.disputes.core.records import Dispute
from recoup.disputes.flow import Disputes, More
from recoup.disputes.flow.heard import Heard
from recoup.gateway.calls import Timed
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.ledger.core import AccountKind
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Done, Unknown
from recoup.payments.core import Snapshot

BOTH = frozenset(DisputeVerb)


class Court(Bank):
    """A bank that takes answers to disputes: `takes` says how, in order; then it takes them all."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: deque[Any] = deque()
        self.taken: list[SubmitEvidence | AcceptDispute] = []

    def takes(self, *answers: Any) -> None:
        """Answer the next answers so."""
        self.answers.extend(answers)

    async def submit_evidence(
        self, connector: Connector, account: Account, asked: SubmitEvidence, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._answered(asked)

    async def accept_dispute(
        self, connector: Connector, account: Account, asked: AcceptDispute, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._answered(asked)

    async def _answered(self, asked: SubmitEvidence | AcceptDispute) -> Timed[Any]:
        self.taken.append(asked)
        answer = self.answers.popleft() if self.answers else Done("ok")
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Dies):
            raise Died
        return Timed(Unknown("no answer in time") if isinstance(answer, Lost) else answer, LATENCY_MS)


@dataclass(frozen=True, slots=True)
class Desk:
    """A merchant's desk, for one account."""

    house: House
    court: Court
    merchant: Merchant
    account_id: UUID

    @property
    def disputes(self) -> Disputes:
        """What is tested."""
        return self.house.disputed.disputes

    async def paid(self, **changes: Any) -> Snapshot:
        """A payment at the account."""
        return await self.house.pay(self.merchant, **changes)

    def notice(
        self, state: DisputeState, *, hours: float = 0, paid: Snapshot | None = None, **told: Any
    ) -> Notice:
        """What the processor tells of a dispute, some hours after the start of the test."""
        reference = told.pop("reference", "du_1")
        charge = told.pop("charge", None if paid is None else paid.attempts[-1].reference)
        at = self.house.now + timedelta(hours=hours)
        return Notice(
            event_id=f"evt-{state}-{hours}",
            about=Subject.DISPUTE,
            meaning=DisputeNews(reference, state, **({"amount": Money(1000, "USD")} | told)),
            reference=reference,
            charge_reference=charge,
            occurred_at=at,
        )

    async def hears(self, notice: Notice) -> Heard:
        """Hear a notice, as the inbox does."""
        place = await self.house.payments.place(self.merchant, self.account_id, notice)
        return await self.disputes.hear(
            self.merchant, self.account_id, notice, place=place, now=self.house.now
        )

    async def told(self, state: DisputeState, **how: Any) -> Dispute:
        """The dispute after a notice."""
        notice = self.notice(state, **how)
        await self.hears(notice)
        assert notice.reference is not None
        return await self.named(notice.reference)

    async def named(self, reference: str = "du_1") -> Dispute:
        """The dispute of that name."""
        (found,) = [one for one in await self.all() if one.reference == reference]
        return found

    async def all(self) -> Sequence[Dispute]:
        """All disputes, newest first."""
        return await self.disputes.page(self.merchant, limit=100)

    async def events(self, dispute: Dispute) -> list[str]:
        """What was told of a dispute, in order."""
        return await self.house.events(self.merchant, dispute.id)

    async def gathers(self, dispute: Dispute, text: str = "It was delivered.", **more: Any) -> Dispute:
        """Add evidence."""
        added = More({EvidenceField.UNCATEGORIZED_TEXT: text}, **more)

        async def add(connection: Connection) -> Dispute:
            return await self.disputes.add_evidence(
                connection, self.merchant, dispute.id, added, now=self.house.now
            )

        return await self.house.database.retrying(add)

    async def submits(self, dispute: Dispute) -> Dispute:
        """Hand the evidence in."""
        return await self.disputes.answer(self.merchant, dispute.id, DisputeVerb.SUBMIT)

    async def accepts(self, dispute: Dispute) -> Dispute:
        """Give the money up."""
        return await self.disputes.answer(self.merchant, dispute.id, DisputeVerb.ACCEPT)

    async def balances(self, *kinds: AccountKind, currency: str = "USD") -> list[int]:
        """What accounts of the ledger hold."""
        await self.house.books.ledger.catch_up(self.merchant.id)
        found = await self.house.books.ledger.balances(
            self.merchant.id, currency=currency, after=2**30, before=0, limit=100
        )
        held = {one.account.kind: one.balance for one in found}
        return [held.get(kind, 0) for kind in kinds]

    async def findings(self) -> list[Any]:
        """What breaks a law of the books."""
        await self.house.books.follower.follow(self.merchant.id)
        return [one async for one in self.house.books.ledger.findings(self.merchant.id)]

    def shown(self, dispute: Dispute) -> str:
        """Its id as the API has it."""
        return render(Kind.DISPUTE, dispute.id)


def answering(
    house: House,
    name: str,
    *,
    idempotency: Idempotency = Idempotency.NONE,
    verbs: frozenset[DisputeVerb] = BOTH,
) -> None:
    """Let a processor take answers."""
    known = cast(dict[str, Connector], house.around.connectors)
    able = replace(capabilities(), disputes=verbs, idempotency=idempotency)
    known[name] = cast(Connector, FakeConnector(name, able))


async def desk_at(database: Database, *, idempotency: Idempotency = Idempotency.NONE, **how: Any) -> Desk:
    """A desk at a processor that takes answers."""
    court = Court()
    house = House(database, bank=court)
    answering(house, "north", idempotency=idempotency, **how)
    merchant = await house.merchant("north")
    accounts = await house.accounts.accounts_of(merchant.id)
    return Desk(house, court, merchant, accounts[0].id)
