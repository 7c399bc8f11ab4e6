"""Every statement on scheduled payments finds its rows by an index, and a payment executes one of them at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

from tests.payments.plans import Lookup, Planner, noted

from recoup.billing.store import scheduled
from recoup.payments.store.customers import tries_of_customers

ID: Final = UUID(int=1)
BY_ID: Final = ("scheduled_payments", "scheduled_payments_pkey", 2)
PAGE: Final[dict[str, Any]] = {"merchant_id": ID, "status": None, "after": None, "before": None, "limit": 9}
Send = Callable[[Any], Awaitable[Any]]
READS: Final[dict[str, tuple[Send, set[Lookup]]]] = {
    "read": (lambda db: scheduled.read(db, merchant_id=ID, scheduled_id=ID), {BY_ID}),
    "lock": (lambda db: scheduled.lock(db, merchant_id=ID, scheduled_id=ID), {BY_ID}),
    "by payment": (
        lambda db: scheduled.lock_by_payment(db, merchant_id=ID, payment_id=ID),
        {("scheduled_payments", "scheduled_payments_merchant_id_payment_id_key", 2)},
    ),
    "all": (lambda db: scheduled.page(db, customer_id=None, **PAGE), {BY_ID}),
    "of a customer": (
        lambda db: scheduled.page(db, customer_id=ID, **PAGE),
        {("scheduled_payments", "scheduled_payments_by_customer", 3)},
    ),
    "tries of customers": (
        lambda db: tries_of_customers(db, [ID], merchant_id=ID),
        {
            ("payments", "payments_by_customer", 2),
            ("attempts", "attempts_merchant_id_payment_id_number_key", 2),
        },
    ),
}


def test_statements_look_up_by_whole_keys(database_url: str) -> None:
    """However many payments a merchant has: a batch of renewals reads the newest of each of its customers."""

    async def statements() -> dict[str, str]:
        return {name: await noted(send) for name, (send, _) in READS.items()}

    with ThreadPoolExecutor(1) as alone:
        texts = alone.submit(asyncio.run, statements()).result()
    planner = Planner(database_url)
    try:
        found = {name: planner.lookups(text) for name, text in texts.items()}
    finally:
        planner.close()
    assert found == {name: lookups for name, (_, lookups) in READS.items()}
