"""What Square knows of disputes when it is asked: all there are, of which those are kept that moved since."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

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
from recoup.connectors.base.listing import event_id
from recoup.connectors.square.asking import named, send
from recoup.connectors.square.reading import read
from recoup.connectors.square.webhooks import Dispute, of_dispute
from recoup.outcomes.core import Unknown

_PATH: Final = "disputes"


class Disputes(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of them. Square leaves out what is empty: where there are none, all of it."""

    disputes: list[Dispute] = []
    cursor: str | None = None


class Shown(Struct, frozen=True):
    """One of them."""

    dispute: Dispute


class Listing:
    """The two questions of the connector."""

    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """A page of all, without those that stand as they did."""
        query = "" if asked.cursor is None else f"?{urlencode({'cursor': asked.cursor})}"
        response = yield send(account, "GET", f"{_PATH}{query}")
        page = read(response, Disputes)
        if page is None:
            return no_readable_answer(response)
        notices: list[Notice] = []
        for one in page.disputes:
            if one.name is None:
                return Unknown("a dispute of the page has no name")
            at = _at(one)
            if at is None or at >= asked.since:
                notices.append(_notice(one, one.name, asked.now))
        return DisputePage(tuple(notices), page.cursor or None)

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """One of them."""
        response = yield send(account, "GET", f"{_PATH}/{named(asked.reference)}")
        found = read(response, Shown)
        if found is None or found.dispute.name != asked.reference:
            return no_readable_answer(response)
        return _notice(found.dispute, asked.reference, asked.now)


def _notice(dispute: Dispute, name: str, now: datetime) -> Notice:
    return of_dispute(dispute, name, event_id(name, dispute.state), _at(dispute) or now)


def _at(dispute: Dispute) -> datetime | None:
    at = dispute.updated_at
    return None if at is None or at.tzinfo is None else at
