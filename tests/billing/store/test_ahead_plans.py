"""Every statement of looks ahead, and of what is learned of issuers' hours, finds its rows by an index."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tests.payments.plans import Lookup, Planner, noted

from recoup.billing.store import ahead, hours

ID: Final = UUID(int=1)
NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)
BY_ID: Final = ("subscriptions", "subscriptions_pkey", 2)
ISSUER: Final = ("issuer_hours", "issuer_hours_pkey", 2)
Send = Callable[[Any], Awaitable[Any]]
READS: Final[dict[str, tuple[Send, set[Lookup]]]] = {
    "looks": (
        lambda db: ahead.lock_for_looks(db, merchant_id=ID, ids=[ID]),
        {BY_ID, ("credit_balances", "credit_balances_pkey", 2)},
    ),
    "of a customer": (
        lambda db: ahead.lock_of_customer(db, merchant_id=ID, customer_id=ID, after=ID),
        {("subscriptions", "subscriptions_by_customer", 3)},
    ),
    "unseen": (lambda db: ahead.lock_next(db, merchant_id=ID, after=ID), {BY_ID}),
    "hours": (
        lambda db: hours.hours_for_looks(db, ["visa 424242"], merchant_id=ID, kind="k", learn_at=NOW),
        {ISSUER},
    ),
    "charged": (
        lambda db: hours.charged_after(db, ID, merchant_id=ID, limit=9),
        {BY_ID, ("invoices", "invoices_merchant_id_payment_id_key", 2)},
    ),
}


def test_statements_look_up_by_whole_keys(database_url: str) -> None:
    """However many subscriptions a merchant or an installation has."""

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
