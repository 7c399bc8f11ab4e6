"""However many invoices a merchant has: those that are charged together are found by their keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

from tests.payments.plans import Lookup, Planner, noted

from recoup.billing import store
from recoup.billing.store import dunning, together

ID: Final = UUID(int=1)
BY_ID: Final = ("invoices", "invoices_pkey", 2)
BY_PAYMENT: Final = ("invoices", "invoices_merchant_id_payment_id_key", 2)
SUBSCRIPTION: Final = ("subscriptions", "subscriptions_pkey", 2)
Send = Callable[[Any], Awaitable[Any]]
READS: Final[dict[str, tuple[Send, set[Lookup]]]] = {
    "invoices": (lambda db: together.invoices(db, merchant_id=ID, ids=[ID]), {BY_ID}),
    "lock": (lambda db: together.lock_invoices(db, merchant_id=ID, ids=[ID]), {BY_ID}),
    "lock subscriptions of payments": (
        lambda db: together.lock_subscriptions_of_payments(db, merchant_id=ID, payment_ids=[ID]),
        {BY_PAYMENT, SUBSCRIPTION},
    ),
    "lock of payments": (
        lambda db: together.lock_invoices_of_payments(db, merchant_id=ID, payment_ids=[ID]),
        {BY_PAYMENT, BY_ID},
    ),
    "subscriptions": (lambda db: store.lock_subscriptions(db, merchant_id=ID, ids=[ID]), {SUBSCRIPTION}),
    "balances": (
        lambda db: store.lock_balances(db, merchant_id=ID, customer_ids=[ID]),
        {("credit_balances", "credit_balances_pkey", 2)},
    ),
    "rulings": (
        lambda db: dunning.rulings_for(db, merchant_id=ID, subscription_ids=[ID]),
        {SUBSCRIPTION, ("dunning_policies", "dunning_policies_pkey", 1)},
    ),
}


def test_statements_look_up_by_whole_keys(database_url: str) -> None:
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
