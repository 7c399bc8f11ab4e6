"""The simulated account updater over Recoup's own API."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.sandbox.core.updating import COVERAGE, DELAY_MAX_S, DELAY_S, WHOLE, Updater
from recoup.sandbox.worlds.updating import AccountUpdater

_PATH: Final = "/v1/test/account_updater"
_NO_WORLD: Final = Problem("no_sandbox_world", 409, "This merchant has no simulated world.")


class SetAccountUpdater(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How good the simulated account updater is."""

    coverage: Annotated[
        float, Meta(ge=0, le=1, description="The share of cards of which their issuers tell.")
    ] = COVERAGE / WHOLE
    delay_s: Annotated[
        int, Meta(ge=0, le=DELAY_MAX_S, description="How long after a card is replaced they tell.")
    ] = DELAY_S


class AccountUpdaterObject(Struct, kw_only=True, frozen=True):
    """The simulated account updater."""

    object: Literal["account_updater"] = "account_updater"
    coverage: float
    delay_s: int


class SandboxUpdaterApi:
    """The routes of the simulated account updater."""

    def __init__(self, updater: AccountUpdater) -> None:
        self._updater = updater

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.read_updater,
                answer=AccountUpdaterObject,
                summary="Read how good the simulated account updater is",
                tag="test mode",
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
            Route(
                "POST",
                _PATH,
                self.set_updater,
                body=SetAccountUpdater,
                answer=AccountUpdaterObject,
                summary="Set how good the simulated account updater is",
                description="It knows the cards of the world's people: reissue or close one with "
                "`POST /v1/test/world/cards/{card}`, and it tells, some time later, of most.",
                tag="test mode",
                test_mode_only=True,
                idempotency=Idempotency.TRANSACTION,
                errors=(_NO_WORLD,),
                examples={"every card, at once": {"coverage": 1.0, "delay_s": 0}},
            ),
        ]

    async def read_updater(self, call: Call[None, None]) -> AccountUpdaterObject:
        """`GET /v1/test/account_updater`."""
        return _shown(await self._updater.read(None, call.merchant.id))

    async def set_updater(self, call: Call[SetAccountUpdater, None]) -> AccountUpdaterObject:
        """`POST /v1/test/account_updater`."""
        new = Updater(round(call.body.coverage * WHOLE), call.body.delay_s)
        await self._updater.set(call.transaction(), call.merchant.id, new)
        return _shown(new)


def _shown(updater: Updater) -> AccountUpdaterObject:
    return AccountUpdaterObject(coverage=updater.coverage / WHOLE, delay_s=updater.delay_s)
