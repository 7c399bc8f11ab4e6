"""Puts together what keeps payments true after their end: what follows events, what asks again, and routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from recoup.http.idempotency import Resume
from recoup.http.routes import Route
from recoup.payments.api.truth import TruthApi
from recoup.payments.flow import Payments
from recoup.payments.flow.rereading import EVERY_S, HOLD, REREAD
from recoup.payments.writes import Renderer
from recoup.worker import Chore, Handler

FACTS: Final = {
    "payment.reversed": "What was taken was returned, and the payment is declined after all.",
    "payment.refund_failed": "A refund that was carried out came back.",
    "payment.authorization_expiring": "What is held may soon be let go of: capture it, or cancel it.",
    "payment.resolved_by_hand": "A person said what became of an attempt that nobody else could tell of.",
}
"""The events of what did not last."""


class Truth:
    """Every part of it, wired."""

    def __init__(
        self, payments: Payments, *, key_is_known: Callable[[UUID, str], Awaitable[bool]], render: Renderer
    ) -> None:
        self._rereading = payments.rereading
        self._api = TruthApi(payments, key_is_known=key_is_known, render=render)

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {REREAD: self._rereading.reread, HOLD: self._rereading.watch}

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (("rereading", EVERY_S, self._rereading.rounds.go),)

    def routes(self) -> list[Route]:
        """All routes."""
        return self._api.routes()

    def resume(self) -> dict[str, Resume]:
        """How an interrupted request is answered when it comes again."""
        return self._api.resume()
