"""Opens cases about what processors said, when we asked, against what is closed here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.audit.core import Case, CaseKind, CaseState
from recoup.audit.flow import Audit
from recoup.db import Connection, Database
from recoup.disputes.flow.heard import Contradiction
from recoup.kit.clock import rfc3339
from recoup.merchants.core import Merchant


class Said(Protocol):
    """What was said of something closed."""

    @property
    def payment_id(self) -> UUID:
        """The payment that it is of."""
        ...

    @property
    def about(self) -> str | None:
        """What it is about, as the API names it."""
        ...

    @property
    def held(self) -> str | None:
        """What we hold."""
        ...

    @property
    def told(self) -> str:
        """What was said."""
        ...

    @property
    def contradicts(self) -> str | None:
        """What a person should do."""
        ...

    @property
    def heard_at(self) -> datetime:
        """When."""
        ...


class Payments(Protocol):
    """What audit asks of payments."""

    async def found_by_asking(self, merchant: Merchant, payment_id: UUID) -> Sequence[Said]:
        """What answers to our questions say of a payment against what is closed."""
        ...


class Disputes(Protocol):
    """What audit asks of disputes."""

    async def contradiction(self, merchant: Merchant, dispute_id: UUID) -> Contradiction | None:
        """Two ends that were told of a dispute and cannot both be true."""
        ...


class Contradictions:
    """Hears of payments and disputes that a processor, asked, contradicts."""

    def __init__(
        self,
        database: Database,
        *,
        audit: Audit,
        payments: Payments,
        disputes: Disputes,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._audit = audit
        self._payments = payments
        self._disputes = disputes
        self._new_id = new_id

    async def on_contradicted(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """An answer contradicts something closed: open a case for each thing that is contradicted.

        A webhook that says the same of the same thing names its case alike, so there is one."""
        found = await self._payments.found_by_asking(merchant, payment_id)
        await self._open(merchant, [_case(one, id_=self._new_id(), now=now) for one in found], now)
        return None

    async def on_dispute(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """A dispute that was asked about has two ends that cannot both be true: open a case, named as the webhook's."""
        found = await self._disputes.contradiction(merchant, dispute_id)
        if found is not None:
            await self._open(merchant, [_case_of_dispute(found, id_=self._new_id(), now=now)], now)
        return None

    async def _open(self, merchant: Merchant, cases: Sequence[Case], now: datetime) -> None:
        async def work(connection: Connection) -> None:
            for case in cases:
                await self._audit.open(connection, merchant, case, now=now)

        await self._database.retrying(work)


def _case(said: Said, *, id_: UUID, now: datetime) -> Case:
    return Case(
        id=id_,
        kind=CaseKind.CONTRADICTION,
        subject=f"{said.about}:{said.held}:{said.told}",
        state=CaseState.OPEN,
        object_id=said.payment_id,
        summary=f"The processor, asked about {said.about}, says {said.told}; here it is {said.held}.",
        remedy=said.contradicts or "",
        details={
            "object": said.about,
            "held": said.held,
            "told": said.told,
            "asked_at": rfc3339(said.heard_at),
        },
        opened_at=now,
    )


def _case_of_dispute(found: Contradiction, *, id_: UUID, now: datetime) -> Case:
    return Case(
        id=id_,
        kind=CaseKind.CONTRADICTION,
        subject=f"{found.about}:{found.known}:{found.told}",
        state=CaseState.OPEN,
        object_id=found.payment_id,
        summary=f"The processor, asked about {found.about}, told that it is {found.told}; here it is {found.known}.",
        remedy=found.remedy,
        details={
            "object": found.about,
            "held": found.known,
            "told": found.told,
            "asked_at": rfc3339(now),
        },
        opened_at=now,
    )
