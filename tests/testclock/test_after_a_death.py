"""A process that died while it moved a clock does not keep others from it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from recoup import server
from recoup.kit.refusals import Refusal
from recoup.settings import Settings
from recoup.testclock import store
from recoup.testclock.flow import HELD_FOR


@pytest.mark.parametrize("alone", [True, False])
async def test_a_start_frees_the_clocks_only_where_nobody_else_can_be_alive(
    database_url: str, tmp_path: Path, *, alone: bool
) -> None:
    settings = Settings(data_dir=tmp_path)
    async with server.opened(settings, server.Store(database_url, alone=False)) as service:
        now = service.around.clock.now()
        merchant = (await service.merchants.create("Clock", now=now)).test
        await store.begin(service.database, merchant_id=merchant.id, wall=now, until=now + HELD_FOR)
    async with server.opened(settings, server.Store(database_url, alone=alone)) as service:
        move = service.testclocks.advance(merchant, now + timedelta(days=1))
        if alone:
            assert (await move)[0] >= now + timedelta(days=1)
            return
        with pytest.raises(Refusal) as refused:
            await move
        assert refused.value.code == "clock_is_moving"
