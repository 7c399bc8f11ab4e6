"""Opens cases about debts that were paid twice: by another way, as the merchant reported, and by their payment here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.audit.core import Case, CaseKind, CaseState
from recoup.audit.flow import Audit, Payments
from recoup.db import Connection, Database
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.payments.core import Payment
from recoup.recovery.core import Recovery


class Recoveries(Protocol):
    """What audit asks of recovery."""

    async def get(self, merchant: Merchant, recovery_id: UUID) -> Recovery:
        """One recovery; refuses with 404."""
        ...


class PaidTwice:
    """Hears of debts that may have been paid twice."""

    def __init__(
        self,
        database: Database,
        *,
        audit: Audit,
        payments: Payments,
        recoveries: Recoveries,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._audit = audit
        self._payments = payments
        self._recoveries = recoveries
        self._new_id = new_id

    async def on_paid_twice(self, merchant: Merchant, recovery_id: UUID, now: datetime) -> datetime | None:
        """Open a case, unless the payment here holds nothing, or nothing any more. What is still under way is heard of
        once more when it is paid."""
        recovery = await self._recoveries.get(merchant, recovery_id)
        payment = (await self._payments.get(merchant, recovery.payment_id)).payment
        if recovery.paid_elsewhere_at is None or _kept(payment) == 0:
            return None
        case = _case(recovery, payment, id_=self._new_id(), now=now)

        async def work(connection: Connection) -> None:
            await self._audit.open(connection, merchant, case, now=now)

        await self._database.retrying(work)
        return None


def _kept(payment: Payment) -> int:
    """What the customer misses because of this payment: held or taken, and not on its way back."""
    return payment.authorized - payment.released - payment.refunded - payment.refund_pending


def _case(recovery: Recovery, payment: Payment, *, id_: UUID, now: datetime) -> Case:
    shown, at = render(Kind.PAYMENT, payment.id), recovery.paid_elsewhere_at
    assert at is not None, "it was paid elsewhere"
    return Case(
        id=id_,
        kind=CaseKind.PAID_TWICE,
        subject=render(Kind.RECOVERY, recovery.id),
        state=CaseState.OPEN,
        object_id=payment.id,
        summary=f"The debt of {shown} was reported as paid by another way, and this payment is {payment.status} too: "
        "its customer paid twice.",
        remedy=f"Give one of the two back. To give back ours, refund what {shown} took (POST /v1/refunds), or cancel "
        "it while it is only authorized.",
        details={
            "recovery": render(Kind.RECOVERY, recovery.id),
            "paid_elsewhere_at": rfc3339(at),
            "amount": _kept(payment),
            "currency": payment.currency,
        },
        opened_at=now,
    )
