"""Puts budgets and the gate together: what networks still allow, what holds a recovery's try, and their routes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from recoup.budgets.core import CAUTIOUS, PUBLISHED, Limit
from recoup.gate.api import GateApi
from recoup.gate.flow import CHECK_REMOVED, CHECK_SET, SWITCH_LIFTED, SWITCH_SET, Addressed, Gate
from recoup.http.routes import Route
from recoup.kit.ids import Entropy
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.payments.api.budgets import BudgetsApi
from recoup.payments.flow.budgeting import Budgeting
from recoup.payments.flow.tools import Tools
from recoup.recovery.flow import Recoveries
from recoup.settings import NetworkLimits, Settings
from recoup.vault.flow import Vault
from recoup.webhooks.core.addresses import check_url, read_networks
from recoup.webhooks.core.endpoints import Target
from recoup.webhooks.core.signing import SigningSecret, new_secret
from recoup.webhooks.flow.sending import Sender
from recoup.worker import Handler

FACTS: Final = {
    SWITCH_SET: "A kill switch holds tries of recoveries.",
    SWITCH_LIFTED: "A kill switch was lifted.",
    CHECK_SET: "You are asked before every try of a recovery.",
    CHECK_REMOVED: "You are not asked before tries of recoveries any more.",
}
"""The events of the gate."""


def limits_of(settings: Settings) -> tuple[Limit, ...]:
    """The limits on tries that whoever runs Recoup chose."""
    return PUBLISHED if settings.network_limits is NetworkLimits.PUBLISHED else CAUTIOUS


class Mailer(Protocol):
    """Who has what sends to merchants' addresses, once the service runs."""

    sender: Sender


class Parts(Protocol):
    """The parts of the service that these are put together from."""

    settings: Settings
    vault: Vault
    recoveries: Recoveries

    @property
    def webhooks(self) -> Mailer:
        """The outbox."""
        ...


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks merchants' addresses as webhooks are sent: signed, over judged addresses, with no redirect followed."""

    parts: Parts
    entropy: Entropy

    def allow(self, url: str, *, livemode: bool) -> str:
        """The address; refuses one that no webhook would be sent to."""
        networks = read_networks(self.parts.settings.webhook_networks)
        return check_url(url, livemode=livemode, allowed=networks)

    def new_secret(self) -> Secret:
        """A fresh signing secret."""
        return new_secret(self.entropy).secret

    async def ask(
        self, merchant: Merchant, addressed: Addressed, message_id: str, body: bytes
    ) -> tuple[int | None, str | None]:
        """What came back in time."""
        check = addressed.check
        secrets = (SigningSecret(addressed.secret),)
        target = Target(merchant.id, check.id, check.version, merchant.livemode, check.url, secrets)
        sending = self.parts.webhooks.sender.send(target, message_id, body)
        try:
            answered, _ = await asyncio.wait_for(sending, check.timeout_ms / 1000)
        except TimeoutError:
            return None, None
        return answered.status, answered.reply


class Budgeted:
    """Budgets and the gate, wired."""

    def __init__(self, parts: Parts, tools: Tools, *, entropy: Entropy) -> None:
        self.gate = Gate(
            tools.database,
            accounts=tools.accounts,
            sealer=parts.vault,
            asker=_Asker(parts, entropy),
            new_id=tools.new_id,
        )
        parts.recoveries.guard(self.gate)
        self._apis = (BudgetsApi(Budgeting(tools)), GateApi(tools.database, self.gate))

    def handlers(self) -> Mapping[str, Handler]:
        """Nothing is done by itself."""
        return {}

    def routes(self) -> list[Route]:
        """All routes."""
        return [route for api in self._apis for route in api.routes()]
