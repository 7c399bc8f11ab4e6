"""A small version of the billing run: every cycle is opened once, and finding them costs the same beside many."""

from __future__ import annotations

import os
from pathlib import Path

from bench.billing import house, run
from bench.billing.filled import DUE

from recoup.kit.clock import ManualClock

DUE_NOW = 150


async def test_every_due_cycle_is_opened_once(tmp_path: Path, database_url: str) -> None:
    async with house.opened(tmp_path, database_url, clock=ManualClock(DUE)) as service:
        found = await run.measured(service, 600, due=DUE_NOW, postmaster=os.getpid())
        rows = await service.database.fetch_all(
            """
            select period, count(*) as invoices, count(distinct subscription_id) as subscriptions,
                min(number) as first, max(number) as last
            from invoices group by period order by period
            """
        )
    assert 40 < found.claim.rows <= 64 and found.idle.rows == 0
    assert [tuple(row.values()) for row in rows] == [(12, 600, 600, 1, 600), (13, 150, 150, 601, 750)]
    assert 3 <= found.done.inserted / found.opening.count < 6, (
        "an invoice, its event, when to charge it, and little more"
    )
    assert found.done.updated / found.opening.count < 4, "the subscription, its due row claimed and moved on"
    assert found.done.statements.total() / found.opening.count < 0.5, "cycles are opened together"
