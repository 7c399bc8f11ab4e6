"""Every test here runs on both event loops: asyncio's own and uvloop, whose errors are not all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop
from tests.gateway.processors import HASTY_CONNECT_S, HASTY_S, PATIENT_S, SLOTS

from recoup.gateway import Gateway
from recoup.kit.clock import SystemClock


def pytest_asyncio_loop_factories(
    config: pytest.Config,
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(
        now=SystemClock().now,
        timeout_s=PATIENT_S,
        connect_timeout_s=PATIENT_S / 2,
        in_flight_per_account_max=SLOTS,
    ) as gateway:
        yield gateway


@pytest.fixture
async def hasty() -> AsyncIterator[Gateway]:
    """For what would never end."""
    async with Gateway(
        now=SystemClock().now,
        timeout_s=HASTY_S,
        connect_timeout_s=HASTY_CONNECT_S,
        in_flight_per_account_max=SLOTS,
    ) as gateway:
        yield gateway
