"""Payments as billing asks of them, for as long as one customer is there: what is tried then, they try themselves.

It is put between `Charging` and payments for one call, so that a customer who pays an invoice goes through the same
door as everybody who charges it. A card that they have just typed is written with the payment, or with its next try,
whichever comes first; its security code is in no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from recoup.billing.flow.around import Owing, Payments
from recoup.billing.flow.papers import Methods
from recoup.connectors.base import Browser
from recoup.db import Connection
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, not_found
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason, Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.step import Step
from recoup.payments.flow.customer_there import CustomerThere
from recoup.payments.flow.tools import Means


@dataclass(frozen=True, slots=True)
class Present:
    """`means`: the card that the customer has typed; None: they pay with the one on file. `back_to`: where their bank
    sends them."""

    payments: Payments
    owing: Owing
    there: CustomerThere
    methods: Methods
    means: Means | None = field(repr=False)
    back_to: str = field(repr=False)
    browser: Browser

    async def find(self, merchant: Merchant, payment_id: UUID) -> Snapshot | None:
        """One payment, or None."""
        return await self.payments.find(merchant, payment_id)

    async def stored_means(self, merchant: Merchant, payment_method_id: UUID) -> tuple[Means, UUID | None]:
        """The card that was typed: nothing else is charged here."""
        assert self.means is not None and self.means.payment_method_id == payment_method_id, "it is theirs"
        return self.means, self.means.customer_id

    async def retry(
        self,
        merchant: Merchant,
        payment_id: UUID,
        *,
        reason: Reason,
        accounts: Sequence[UUID] | None,
        now: datetime,
        seen: Snapshot | None = None,
    ) -> PaymentStatus:
        """One more try by itself."""
        return await self.payments.retry(
            merchant, payment_id, reason=reason, accounts=accounts, now=now, seen=seen
        )

    async def confirm(
        self,
        merchant: Merchant,
        payment_id: UUID,
        means: Means | None,
        *,
        returned: Mapping[str, str] | None = None,
        claim: None,
        now: datetime,
    ) -> Snapshot:
        """A try of the customer's own; refuses where the payment's state forbids it."""
        snapshot = await self.payments.find(merchant, payment_id)
        if snapshot is None:
            raise not_found("payment", render(Kind.PAYMENT, payment_id))
        if means is not None and await self._is_kept(merchant, means):
            means = replace(means, new_card=None, new_card_shown=b"", new_tokens=())
        return await self.there.pay(
            merchant, snapshot, means, back_to=self.back_to, browser=self.browser, now=now
        )

    def under_way(self, snapshot: Snapshot) -> bool:
        """Whether something of it was started whose end has not been written yet."""
        return self.payments.under_way(snapshot)

    async def open(
        self, connection: Connection, merchant: Merchant, opening: Step, means: Means | None
    ) -> None:
        """Write a payment that nobody has tried, with the card that it will be tried with."""
        await self.owing.open(connection, merchant, opening, self.means)

    async def open_all(self, connection: Connection, merchant: Merchant, openings: Sequence[Step]) -> None:
        """The same of several; there is one here, the invoice's that they look at."""
        for opening in openings:
            await self.open(connection, merchant, opening, None)

    async def let_go(
        self, connection: Connection, merchant: Merchant, payment_id: UUID, *, now: datetime
    ) -> bool:
        """Cancel a payment that holds no money; whether it is canceled."""
        return await self.owing.let_go(connection, merchant, payment_id, now=now)

    async def hold(self, connection: Connection, merchant: Merchant, payment_ids: Sequence[UUID]) -> None:
        """Hold payments until the transaction ends."""
        await self.owing.hold(connection, merchant, payment_ids)

    async def _is_kept(self, merchant: Merchant, means: Means) -> bool:
        """Whether the card was written with the payment."""
        try:
            await self.methods.get(merchant.id, means.payment_method_id)
        except Refusal:
            return False
        return True
