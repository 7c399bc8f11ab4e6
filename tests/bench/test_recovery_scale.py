"""A small version of the measurement of many open recoveries: it works, and claims cost the same beside many rows."""

from __future__ import annotations

from pathlib import Path

from bench.recovery import scale


async def test_claims_touch_as_many_pages_and_every_due_plan_is_made(
    tmp_path: Path, database_url: str
) -> None:
    async with scale.opened(tmp_path, database_url) as service:
        found = await scale.measured(service, 400, count=40, cards=4)
    assert found.claim.rows == 64 and found.planned.plans == 36
    assert len(found.replanned_s) == len(found.at_once_s) == 2
    assert found.idle.pages < 100, "where nothing is due, nothing is read but the roots of an index"
