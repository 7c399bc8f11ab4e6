"""What simulated processors know of disputes when they are asked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from msgspec import Meta, Struct

from recoup.connectors.base import (
    Account,
    DisputePage,
    Exchange,
    HttpRequest,
    ListDisputes,
    Notice,
    ReadDispute,
    no_readable_answer,
    shaped,
)
from recoup.connectors.base.listing import event_id
from recoup.connectors.sandbox.news import News, of_dispute
from recoup.connectors.sandbox.wire import DisputeNewsAnswer, Name, authorization
from recoup.kit.clock import rfc3339
from recoup.outcomes.core import Unknown


class Found(Struct, frozen=True):
    """A dispute, and since when it stands so."""

    object: Literal["dispute_found"]
    since: Annotated[datetime, Meta(tz=True)]
    dispute: DisputeNewsAnswer


class Disputes(Struct, frozen=True):
    """A page of them."""

    object: Literal["disputes"]
    data: list[Found]
    next: Name | None


class Listing:
    """The two questions of the connector."""

    name: str
    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """Those that moved since."""
        query = {"since": rfc3339(asked.since), "after": asked.cursor or ""}
        response = yield self._get(account, f"disputes?{urlencode(query)}")
        page = shaped(response.json(), Disputes) if response.status == 200 else None
        if page is None:
            return no_readable_answer(response)
        return DisputePage(tuple(_notice(one) for one in page.data), page.next)

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """One of them."""
        response = yield self._get(account, f"disputes/{quote(asked.reference, safe='')}")
        found = shaped(response.json(), Found) if response.status == 200 else None
        if found is None or found.dispute.id != asked.reference:
            return no_readable_answer(response)
        return _notice(found)

    def _get(self, account: Account, path: str) -> HttpRequest:
        url = f"{account.base_url}/{self.name}/{path}"
        return HttpRequest(method="GET", url=url, secret_headers=authorization(account))


def _notice(found: Found) -> Notice:
    dispute = found.dispute
    return of_dispute(News(event_id(dispute.id, dispute.state), found.since, dispute), dispute)
