"""A customer who never comes back from the authentication page: the merchant can end the payment, for good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from recoup import server
from recoup.settings import Settings

ASKS = {
    "amount": 1000,
    "currency": "USD",
    "payment_method_data": {
        "type": "card",
        "card": {"number": "4000002500003155", "exp_month": 12, "exp_year": 2030, "cvc": "123"},
    },
}


async def test_a_payment_that_awaits_its_customer_can_be_canceled_and_is_never_charged(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, port=0)
    async with server.running(settings, server.Store(database_url, alone=False)) as (_, ready):
        assert ready.key is not None
        headers = {"Authorization": f"Bearer {ready.key.reveal()}"}
        async with aiohttp.ClientSession(ready.base_url, headers=headers) as session:

            async def call(method: str, path: str, body: Any = None) -> Any:
                async with session.request(method, path, json=body) as response:
                    return await response.json()

            waiting = await call("POST", "/v1/payments", ASKS)
            assert waiting["status"] == "requires_action"
            page = waiting["next_action"]["redirect_to_url"]["url"]
            canceled = await call("POST", f"/v1/payments/{waiting['id']}/cancel", {})
            assert (canceled["status"], canceled["next_action"]) == ("canceled", None)
            async with session.post(page, json={"result": "approve"}) as late:
                assert late.status == 200
            world = await call("GET", "/v1/test/world")
            assert (world["charges_asked"], world["charges_made"]) == (1, 0)
