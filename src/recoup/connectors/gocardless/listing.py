"""What GoCardless knows of chargebacks when it is asked: its events about them, each with when it happened.

The list takes one kind of event at a time, so the three are looked through one after the other.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from recoup.connectors.base import (
    Account,
    DisputePage,
    Exchange,
    HttpRequest,
    ListDisputes,
    Notice,
    ReadDispute,
    no_readable_answer,
)
from recoup.connectors.base.listing import PAGE_SIZE
from recoup.connectors.gocardless.news import DISPUTES, notice_of
from recoup.connectors.gocardless.replies import VERSION, Event, Name, read
from recoup.kit.clock import rfc3339
from recoup.outcomes.core import Unknown

_KINDS: Final = tuple(DISPUTES)
_OF_ONE_MAX: Final = 100
"""How many events of one payment are looked through: the newest about a chargeback counts."""


class _Cursors(Struct, frozen=True):
    after: Name | None = None


class _Meta(Struct, frozen=True):
    cursors: _Cursors = _Cursors()


class Events(Struct, frozen=True):
    """A page of events, the newest first."""

    events: list[Event]
    meta: _Meta


class Listing:
    """The two questions of the connector."""

    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """Events about chargebacks since; the cursor is the kind of event, and the last one seen."""
        kind, _, after = (asked.cursor or _KINDS[0]).partition(":")
        query = {
            "resource_type": "payments",
            "action": kind,
            "created_at[gte]": rfc3339(asked.since),
            "limit": str(PAGE_SIZE),
        }
        response = yield _get(account, query | ({"after": after} if after else {}))
        page = read(response, Events)
        if page is None or kind not in DISPUTES:
            return no_readable_answer(response)
        today = asked.now.date()
        notices = tuple(notice_of(one, today) for one in page.events if one.action == kind)
        return DisputePage(notices, _next(kind, page.meta.cursors.after))

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """The newest event about a chargeback of this payment."""
        query = {"payment": asked.reference, "limit": str(_OF_ONE_MAX)}
        response = yield _get(account, query)
        page = read(response, Events)
        found = [] if page is None else [one for one in page.events if _is_of(one, asked.reference)]
        if not found:
            return no_readable_answer(response)
        return notice_of(max(found, key=lambda one: one.created_at), asked.now.date())


def _is_of(event: Event, payment: str) -> bool:
    return event.action in DISPUTES and event.links.get("payment") == payment


def _next(kind: str, after: str | None) -> str | None:
    """What leads on: to more of a kind, else to the next kind."""
    if after is not None:
        return f"{kind}:{after}"
    later = _KINDS[_KINDS.index(kind) + 1 :]
    return later[0] if later else None


def _get(account: Account, query: dict[str, str]) -> HttpRequest:
    return HttpRequest(
        "GET",
        f"{account.base_url}/events?{urlencode(query)}",
        {"GoCardless-Version": VERSION},
        {"Authorization": f"Bearer {account.credential('access_token')}"},
    )
