"""What processors tell of the cards behind their tokens, from their own account updaters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from recoup.connectors.base import CredentialNews, Notice
from recoup.merchants.core import Merchant
from recoup.vault.core.renewals import UpdateKind
from recoup.vault.flow import Renewing
from recoup.vault.flow.renewing import CLOSED, UPDATED, told_of


class Hearing:
    """Hears them."""

    def __init__(self, renewing: Renewing) -> None:
        self._renewing = renewing

    async def hear(
        self, merchant: Merchant, account_id: UUID, notice: Notice, *, now: datetime
    ) -> Sequence[str] | None:
        """Apply a notice, which may come again: the events that were written; None where nobody has that token."""
        news = notice.meaning
        assert isinstance(news, CredentialNews), "only news of cards is heard here"
        told = told_of(
            news,
            account_id=account_id,
            event_id=notice.event_id[:255],
            at=min(notice.occurred_at or now, now),
        )
        kinds = await self._renewing.hear(merchant, told, news, now=now)
        if kinds is None:
            return None
        return tuple(dict.fromkeys(CLOSED if kind is UpdateKind.CLOSED else UPDATED for kind in kinds))
