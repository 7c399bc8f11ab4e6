"""What billing asks of the subjects before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.db import Connection
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason, Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.step import Step
from recoup.payments.flow.tools import Means
from recoup.recovery.core import Recovery
from recoup.vault.core import Customer, PaymentMethod


class Payments(Protocol):
    """What billing asks of payments."""

    async def find(self, merchant: Merchant, payment_id: UUID) -> Snapshot | None:
        """One payment, or None."""
        ...

    async def stored_means(self, merchant: Merchant, payment_method_id: UUID) -> tuple[Means, UUID | None]:
        """A stored payment method, opened for one call, and the customer it belongs to."""
        ...

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
        """One more try; refuses where the payment's state forbids it. `seen`: the payment, where it is in hand."""
        ...

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
        """A try by hand; refuses where the payment's state forbids it."""
        ...

    def under_way(self, snapshot: Snapshot) -> bool:
        """Whether something of it was started whose end has not been written yet."""
        ...


class Owing(Protocol):
    """What billing asks of payments within its own transactions."""

    async def open(
        self, connection: Connection, merchant: Merchant, opening: Step, means: Means | None
    ) -> None:
        """Write a payment that nobody has tried."""
        ...

    async def open_all(self, connection: Connection, merchant: Merchant, openings: Sequence[Step]) -> None:
        """Write several of them."""
        ...

    async def let_go(
        self, connection: Connection, merchant: Merchant, payment_id: UUID, *, now: datetime
    ) -> bool:
        """Cancel a payment that holds no money; whether it is canceled. False where it may hold some."""
        ...

    async def hold(self, connection: Connection, merchant: Merchant, payment_ids: Sequence[UUID]) -> None:
        """Hold payments until the transaction ends: whoever lets go of several does so first."""
        ...


class Recoveries(Protocol):
    """What billing asks of recovery."""

    async def of_payments(self, merchant: Merchant, payment_ids: Sequence[UUID]) -> Mapping[UUID, Recovery]:
        """The recoveries of those of these payments that have one."""
        ...


class RecoveryPolicies(Protocol):
    """What billing asks about policies of recovery."""

    async def is_known(self, merchant: Merchant, name: str) -> bool:
        """Whether payments may name a policy so."""
        ...


class Customers(Protocol):
    """What billing asks of customers."""

    async def get(self, merchant_id: UUID, customer_id: UUID) -> Customer:
        """One customer; refuses with 404."""
        ...


class Methods(Protocol):
    """What billing asks of payment methods."""

    async def usable(self, merchant_id: UUID, method_id: UUID) -> PaymentMethod:
        """One payment method that may be charged; refuses what is not there, detached or closed."""
        ...
