"""Every statement that takes subscriptions in finds its rows by a whole key, however many there are already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

from tests.payments.plans import Lookup, Planner, noted

from recoup.billing.core.importing.judging import Kind, Name
from recoup.billing.core.importing.lines import PlanKey
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.store import importing
from recoup.vault.store import newcomers

ID: Final = UUID(int=1)
NAME: Final = Name(Kind.CUSTOMER, "user-1")
PLAN: Final = PlanKey("Pro", 3000, "USD", Interval(Unit.MONTH))
BY_NAME: Final = ("billing_names", "billing_names_pkey", 4)
Send = Callable[[Any], Awaitable[Any]]
READS: Final[dict[str, tuple[Send, set[Lookup]]]] = {
    "names": (lambda db: importing.known(db, [NAME], merchant_id=ID, source="old"), {BY_NAME}),
    "sources": (
        lambda db: importing.other_source(db, merchant_id=ID, source="old"),
        {("billing_names", "billing_names_pkey", 2)},
    ),
    "subscriptions": (
        lambda db: importing.subscriptions_of(db, [ID], merchant_id=ID),
        {("subscriptions", "subscriptions_pkey", 2)},
    ),
    "plans": (
        lambda db: importing.plans_like(db, [PLAN], merchant_id=ID),
        {("plans", "plans_by_name", 1)},  # and by the name, which is no column
    ),
    "customers": (
        lambda db: newcomers.customers_called(db, ["user-1"], merchant_id=ID),
        {("customers", "customers_by_reference", 2)},
    ),
    "held customers": (
        lambda db: newcomers.hold_customers(db, [ID], merchant_id=ID),
        {("customers", "customers_pkey", 2)},
    ),
    "tokens": (
        lambda db: newcomers.methods_recognised(db, [(ID, bytes(32))], merchant_id=ID),
        {("processor_tokens", "processor_tokens_by_digest", 3)},
    ),
    "cards": (
        lambda db: newcomers.cards_shown_as(db, [(bytes(32), bytes(32))], merchant_id=ID),
        {("payment_methods", "payment_methods_by_fingerprint", 2)},
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
