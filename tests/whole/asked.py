"""A customer who is asked, for the test that looks whether a stranger hears of it."""

from __future__ import annotations

import asyncio
from typing import Final

from tests.whole.probes import MARK
from tests.whole.served import ANSWER_S, RETRY_S, Client

ASKS: Final = {
    "enabled": True,
    "channel": "webhook",
    "sender_name": MARK,
    "days_while_retrying": [0],
    "quiet_from": "00:00",
    "quiet_until": "00:00",
}
"""Customers are asked at once, by the merchant, whatever the time."""


async def asked(victim: Client, recovery: str) -> str:
    """The message by which the customer of a recovery is asked."""
    async with asyncio.timeout(ANSWER_S):
        path = f"/v1/messages?recovery={recovery}"
        while not (listed := (await victim.get(path))["data"]):  # noqa: ASYNC110 - over the API
            await asyncio.sleep(RETRY_S)
    return str(listed[0]["id"])
