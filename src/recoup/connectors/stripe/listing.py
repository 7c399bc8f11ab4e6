"""What Stripe knows of disputes when it is asked.

* The list goes by when a dispute was opened; that an older one moved, only reading it tells.
* It says where a dispute stands and not since when: that holds at the moment of asking.
* Early fraud warnings are no disputes there, and are known by their events alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from recoup.connectors.base import (
    Account,
    DisputePage,
    Exchange,
    ListDisputes,
    Notice,
    ReadDispute,
    no_readable_answer,
)
from recoup.connectors.base.listing import PAGE_SIZE, event_id
from recoup.connectors.stripe.asking import Fields, get, named
from recoup.connectors.stripe.reading import read
from recoup.connectors.stripe.webhooks import Dispute, of_dispute
from recoup.outcomes.core import Unknown

_PATH: Final = "disputes"


class Disputes(Struct, frozen=True):
    """A page of them, the newest first."""

    data: list[Dispute]
    has_more: bool


class Listing:
    """The two questions of the connector."""

    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """Those that were opened since."""
        response = yield get(account, _PATH, _query(asked))
        page = read(response, Disputes)
        if page is None or (page.has_more and not page.data):
            return no_readable_answer(response)
        notices = tuple(_notice(one, asked.now) for one in page.data)
        return DisputePage(notices, page.data[-1].id if page.has_more else None)

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """One of them."""
        response = yield get(account, f"{_PATH}/{named(asked.reference)}")
        dispute = read(response, Dispute)
        if dispute is None or dispute.id != asked.reference:
            return no_readable_answer(response)
        return _notice(dispute, asked.now)


def _query(asked: ListDisputes) -> Fields:
    yield "limit", PAGE_SIZE
    yield "created[gte]", int(asked.since.timestamp())
    if asked.cursor is not None:
        yield "starting_after", asked.cursor


def _notice(dispute: Dispute, now: datetime) -> Notice:
    asked = event_id(dispute.id, dispute.status)
    return of_dispute(dispute, asked, now, withdrawn=dispute.is_withdrawn())
