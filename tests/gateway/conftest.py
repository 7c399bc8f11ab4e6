"""Every test here runs on both event loops: asyncio's own and uvloop, whose errors are not all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop
from tests.gateway.processors import CONNECT_TIMEOUT_S, SLOTS, TIMEOUT_S

from recoup.gateway import Gateway


def pytest_asyncio_loop_factories(
    config: pytest.Config,
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(
        timeout_s=TIMEOUT_S, connect_timeout_s=CONNECT_TIMEOUT_S, in_flight_per_account_max=SLOTS
    ) as gateway:
        yield gateway
