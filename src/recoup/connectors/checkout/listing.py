"""What Checkout.com knows of disputes when it is asked: those that moved since, the last moved first.

What moves between two pages pushes the others on, so that one may be seen twice and none is passed over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from msgspec import Struct

from recoup.connectors.base import (
    Account,
    DisputePage,
    DisputeState,
    Exchange,
    HttpRequest,
    ListDisputes,
    Notice,
    ReadDispute,
    no_readable_answer,
)
from recoup.connectors.base.listing import PAGE_SIZE, event_id
from recoup.connectors.checkout.answers import read
from recoup.connectors.checkout.webhooks import Dispute, moment
from recoup.kit.clock import rfc3339
from recoup.outcomes.core import Unknown

_STATES: Final = {
    "evidence_required": DisputeState.OPENED,
    "evidence_under_review": DisputeState.SUBMITTED,
    "arbitration_under_review": DisputeState.SUBMITTED,
    "won": DisputeState.WON,
    "arbitration_won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "arbitration_lost": DisputeState.LOST,
    "accepted": DisputeState.ACCEPTED,
    "expired": DisputeState.EXPIRED,
    "canceled": DisputeState.CLOSED,
    "resolved": DisputeState.RESOLVED_EARLY,
}


class Shown(Dispute, frozen=True, kw_only=True):
    """A dispute as it is shown."""

    status: str
    last_update: str | None = None


class Disputes(Struct, frozen=True):
    """A page of them."""

    total_count: int
    data: list[Shown]


class Listing:
    """The two questions of the connector."""

    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """Those that moved since; the cursor is how many were shown."""
        skip = int(asked.cursor or 0)
        query = urlencode({"from": rfc3339(asked.since), "limit": PAGE_SIZE, "skip": skip})
        response = yield _get(account, f"disputes?{query}")
        page = read(response, Disputes, 200)
        if page is None:
            return no_readable_answer(response)
        shown = skip + len(page.data)
        if not page.data and shown < page.total_count:
            return Unknown("the page of disputes is empty, and not the last")
        notices = tuple(_notice(one, asked.now) for one in page.data)
        return DisputePage(notices, str(shown) if shown < page.total_count else None)

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """One of them."""
        response = yield _get(account, f"disputes/{quote(asked.reference, safe='')}")
        dispute = read(response, Shown, 200)
        if dispute is None or dispute.id != asked.reference:
            return no_readable_answer(response)
        return _notice(dispute, asked.now)


def _notice(dispute: Shown, now: datetime) -> Notice:
    at = moment(dispute.last_update) or now
    return dispute.notice(event_id(dispute.id, dispute.status), _STATES.get(dispute.status), at)


def _get(account: Account, path: str) -> HttpRequest:
    secret = {"Authorization": f"Bearer {account.credential('secret_key')}"}
    return HttpRequest("GET", f"{account.base_url}/{path}", {}, secret)
