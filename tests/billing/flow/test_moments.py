"""What is asked of the database for charge days: little, of those who agreed only, and by indexes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import psycopg
from tests.payments.plans import Planner, noted

from recoup.payments.store.customers import tries_of_customers

ID: Final = UUID(int=1)
NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)


def test_the_tries_of_customers_are_looked_up_by_customer_and_payment(database_url: str) -> None:
    """However many payments a merchant has: a batch of renewals reads the newest of each of its customers."""

    async def statement() -> str:
        return await noted(lambda db: tries_of_customers(db, [ID], merchant_id=ID))

    with ThreadPoolExecutor(1) as alone:
        text = alone.submit(asyncio.run, statement()).result()
    planner = Planner(database_url)
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("analyze payments, attempts")
        assert planner.lookups(text) == {
            ("payments", "payments_by_customer", 2),
            ("attempts", "attempts_merchant_id_payment_id_number_key", 2),
        }
    finally:
        planner.close()
