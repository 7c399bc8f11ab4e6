"""Puts disputes together: what hears of them, answers them, reminds of them, and routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from prometheus_client import CollectorRegistry

from recoup.disputes import jobs
from recoup.disputes.api import DisputesApi
from recoup.disputes.flow import Disputes
from recoup.disputes.flow.answering import Answering
from recoup.disputes.flow.asking import EVERY_S, Around, Asking
from recoup.disputes.flow.gathering import Gathering
from recoup.disputes.flow.hearing import Hearing
from recoup.disputes.flow.lifting import Lifting
from recoup.disputes.flow.reminding import Reminding
from recoup.disputes.flow.writing import Writer
from recoup.figures import not_listed, walks_failing
from recoup.gateway.verbs import EVIDENCE_PATIENCE
from recoup.http.idempotency import Resume
from recoup.http.routes import Route
from recoup.merchants.flow import Merchants
from recoup.payments.core.lapse import read_spans
from recoup.payments.flow import Payments
from recoup.payments.flow.tools import PATIENCE_MARGIN, Tools
from recoup.settings import Settings
from recoup.vault.flow import Vault
from recoup.worker import Chore, Handler

FACTS: Final = {
    "dispute.warning": "An issuer reported fraud, or announced a dispute; no money has moved.",
    "dispute.inquiry": "An issuer asks about a payment before it moves money.",
    "dispute.opened": "A payment is contested, and awaits your answer.",
    "dispute.evidence_due": "The day by which to answer a dispute is near.",
    "dispute.updated": "More is known of a dispute: its amount, fee, reason, day, or your answer.",
    "dispute.submitted": "Evidence was handed in, and is being looked at.",
    "dispute.accepted": "You gave the contested money up.",
    "dispute.won": "A dispute was decided for you.",
    "dispute.lost": "A dispute was decided against you.",
    "dispute.reversed": "What was won was contested once more, and taken again.",
    "dispute.expired": "The time for evidence ended without any.",
    "dispute.stop_lifted": "Somebody lets the card of a dispute be tried again.",
    "dispute.closed": "A dispute ended without a win or a loss being told.",
}
"""The events of disputes."""
FIGURES_S: Final = 60.0


class Parts(Protocol):
    """The parts of the service that disputes are put together from."""

    settings: Settings
    payments: Payments
    merchants: Merchants
    vault: Vault
    registry: CollectorRegistry


class Disputed:
    """Every part of disputes, wired."""

    def __init__(self, parts: Parts, tools: Tools) -> None:
        database, new_id, settings = tools.database, tools.new_id, parts.settings
        payments, sealer, merchant = parts.payments, parts.vault, parts.merchants.merchant
        every = read_spans(settings.disputes_asked_every)[0]
        writer = Writer(new_id, read_spans(settings.dispute_reminders), every)
        hearing = Hearing(
            database,
            payments=payments,
            accounts_of=tools.accounts.accounts_of,
            writer=writer,
            new_id=new_id,
        )
        around = Around(
            merchant,
            tools.accounts.accounts_of,
            tools.connectors,
            tools.account,
            tools.gateway,
            tools.now,
            not_listed(parts.registry),
        )
        self._show_failing = walks_failing(parts.registry)
        self.asking = Asking(database, around, payments=payments, hearing=hearing, every=every)
        self.disputes = Disputes(
            database,
            hearing=hearing,
            answering=Answering(
                database,
                seen=tools.account,
                gateway=tools.gateway,
                sealer=sealer,
                writer=writer,
                new_id=new_id,
                now=tools.now,
                patience=EVIDENCE_PATIENCE * tools.processor_timeout + PATIENCE_MARGIN,
            ),
            gathering=Gathering(sealer=sealer, writer=writer),
            reminding=Reminding(database, writer),
            lifting=Lifting(writer),
            asking=self.asking,
        )
        self._api = DisputesApi(self.disputes, database)

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return jobs.handlers(self.disputes, self.asking)

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (
            ("disputes", EVERY_S, self.asking.rounds.go),
            ("failing dispute walks", FIGURES_S, self._count_failing),
        )

    async def _count_failing(self) -> None:
        self._show_failing(await self.asking.count_failing())

    def routes(self) -> list[Route]:
        """All routes."""
        return self._api.routes()

    def resume(self) -> dict[str, Resume]:
        """How an interrupted request is answered when it comes again."""
        return self._api.resume()
