"""What PayPal knows of disputes when it is asked: those that moved since, each of which is then read by itself.

Its list leaves out which payment a dispute is about, and reaches back 180 days.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from recoup.connectors.base import (
    Account,
    DisputePage,
    Exchange,
    HttpResponse,
    ListDisputes,
    Notice,
    ReadDispute,
    no_readable_answer,
)
from recoup.connectors.base.listing import event_id
from recoup.connectors.paypal import asked as asking
from recoup.connectors.paypal import told, wire
from recoup.kit.clock import rfc3339
from recoup.outcomes.core import Unknown

SIZE: Final = 10
"""How many are on a page: each takes a request."""
_BACK_MAX: Final = timedelta(days=179)
_DISPUTES: Final = ("v1", "customer", "disputes")
_NO_ACCESS: Final = Unknown("PayPal gave no access")


class _Summary(Struct, frozen=True):
    dispute_id: wire.Name


class Disputes(Struct, frozen=True):
    """A page of them."""

    items: tuple[_Summary, ...]
    links: tuple[wire.Link, ...] = ()


class Listing:
    """The two questions of the connector."""

    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """Those that moved since; the cursor is the number of the page."""
        access = yield from _access(account)
        if access is None:
            return _NO_ACCESS
        number = int(asked.cursor or 1)
        since = rfc3339(max(asked.since, asked.now - _BACK_MAX))
        query = urlencode({"update_time_after": since, "page_size": SIZE, "page": number})
        response = yield asking.get(account, access, f"{asking.path(*_DISPUTES)}?{query}")
        page = wire.read(response, Disputes)
        if page is None or len(page.items) > SIZE:
            return no_readable_answer(response)
        notices: list[Notice] = []
        for one in page.items:
            response = yield asking.get(account, access, asking.path(*_DISPUTES, one.dispute_id))
            notice = _notice(response, one.dispute_id, asked.now)
            if notice is None:
                return no_readable_answer(response)
            notices.append(notice)
        has_more = any(link.rel == "next" for link in page.links)
        return DisputePage(tuple(notices), str(number + 1) if has_more else None)

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """One of them."""
        access = yield from _access(account)
        if access is None:
            return _NO_ACCESS
        response = yield asking.get(account, access, asking.path(*_DISPUTES, asked.reference))
        return _notice(response, asked.reference, asked.now) or no_readable_answer(response)


def _access(account: Account) -> Exchange[str | None]:
    response = yield asking.token(account)
    given = wire.read(response, wire.AccessToken)
    return given.access_token if given and given.token_type.lower() == "bearer" else None


def _notice(response: HttpResponse, reference: str, now: datetime) -> Notice | None:
    dispute = wire.read(response, told.Dispute)
    if dispute is None or dispute.dispute_id != reference or dispute.status is None:
        return None
    return told.of_dispute(event_id(reference, dispute.status), dispute.update_time or now, dispute)
