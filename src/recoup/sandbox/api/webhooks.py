"""What the simulated processors tell by webhooks, and what of it goes astray, over Recoup's own API."""

from __future__ import annotations

from typing import Final

from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.sandbox.webhook_objects import SandboxWebhooksObject, SetSandboxWebhooks, webhooks_object
from recoup.sandbox.worlds.tellings import Tellings

_PATH: Final = "/v1/test/webhooks"
_NO_WORLD: Final = Problem("no_sandbox_world", 409, "This merchant has no simulated world.")


class SandboxWebhooksApi:
    """The routes of what the simulated processors tell."""

    def __init__(self, tellings: Tellings) -> None:
        self._tellings = tellings

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.read_webhooks,
                answer=SandboxWebhooksObject,
                summary="Read what the simulated processors tell",
                description="And how much they have still to tell, which a moved test clock brings on.",
                tag="test mode",
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
            Route(
                "POST",
                _PATH,
                self.set_webhooks,
                body=SetSandboxWebhooks,
                answer=SandboxWebhooksObject,
                summary="Have the simulated processors tell what happens",
                description=(
                    "They send signed webhooks to `/v1/inbound/{processor_account}` of this server, as real ones do: "
                    "of charges, captures, cancellations and refunds, in the merchant's own time. Shares of them get "
                    "lost, come twice or come late. What is left out is off; what waits already is still told."
                ),
                tag="test mode",
                test_mode_only=True,
                idempotency=Idempotency.TRANSACTION,
                errors=(_NO_WORLD,),
                examples={
                    "told, with what real networks do to it": {
                        "enabled": True,
                        "lost": 0.05,
                        "doubled": 0.05,
                        "reordered": 0.1,
                        "reordered_by_s": 86_400,
                    },
                    "off": {"enabled": False},
                },
            ),
        ]

    async def read_webhooks(self, call: Call[None, None]) -> SandboxWebhooksObject:
        """`GET /v1/test/webhooks`."""
        return webhooks_object(await self._tellings.read(None, call.merchant.id))

    async def set_webhooks(self, call: Call[SetSandboxWebhooks, None]) -> SandboxWebhooksObject:
        """`POST /v1/test/webhooks`."""
        connection = call.transaction()
        await self._tellings.set(connection, call.merchant.id, call.body.telling())
        return webhooks_object(await self._tellings.read(connection, call.merchant.id))
