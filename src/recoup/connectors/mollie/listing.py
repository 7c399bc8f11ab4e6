"""What Mollie knows of chargebacks when it is asked: all there are, newest first, each with whether it was reversed.

That an older one was reversed, only reading it tells. It is read by itself as a list that begins with it.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from msgspec import Struct, field

from recoup.connectors.base import (
    Account,
    DisputeNews,
    DisputePage,
    DisputeState,
    Exchange,
    HttpRequest,
    ListDisputes,
    Notice,
    ReadDispute,
    Subject,
    no_readable_answer,
)
from recoup.connectors.base.listing import PAGE_SIZE, event_id
from recoup.connectors.mollie.news import Chargeback
from recoup.connectors.mollie.replies import Aware, NextLinks, read
from recoup.outcomes.core import Unknown


class Shown(Chargeback, frozen=True, rename="camel", kw_only=True):
    """A chargeback as it is shown."""

    created_at: Aware
    reversed_at: Aware | None = None


class _Chargebacks(Struct, frozen=True):
    chargebacks: list[Shown]


class ChargebackList(Struct, frozen=True):
    """A page of them."""

    embedded: _Chargebacks = field(name="_embedded")
    links: NextLinks = field(name="_links", default=NextLinks())


class Listing:
    """The two questions of the connector."""

    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """Those that came since; the cursor is the name of the next page's first."""
        response = yield _get(account, limit=PAGE_SIZE, begins=asked.cursor)
        page = read(response, ChargebackList)
        if page is None:
            return no_readable_answer(response)
        found = page.embedded.chargebacks
        new = [one for one in found if one.created_at >= asked.since]
        cursor = _begins(page) if len(new) == len(found) else None
        return DisputePage(tuple(_notice(one) for one in new), cursor)

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """One of them."""
        response = yield _get(account, limit=1, begins=asked.reference)
        page = read(response, ChargebackList)
        found = None if page is None else page.embedded.chargebacks
        if not found or found[0].id != asked.reference:
            return no_readable_answer(response)
        return _notice(found[0])


def _get(account: Account, *, limit: int, begins: str | None) -> HttpRequest:
    query = {"limit": limit} | ({} if begins is None else {"from": begins})
    return HttpRequest(
        "GET",
        f"{account.base_url}/v2/chargebacks?{urlencode(query)}",
        {},
        {"Authorization": f"Bearer {account.credential('api_key')}"},
    )


def _begins(page: ChargebackList) -> str | None:
    """With which chargeback the next page begins."""
    link = page.links.next
    found = [] if link is None else parse_qs(urlsplit(link.href).query).get("from", [])
    return found[0] if found else None


def _notice(shown: Shown) -> Notice:
    is_open = shown.reversed_at is None
    state = DisputeState.OPENED if is_open else DisputeState.WON
    at: datetime = shown.reversed_at or shown.created_at
    amount = shown.amount.money()
    return Notice(
        event_id(shown.id, state),
        Subject.DISPUTE,
        DisputeNews(shown.id, state, amount=amount, reason=shown.code, withdrawn=is_open),
        reference=shown.id,
        charge_reference=shown.payment_id,
        amount=amount,
        occurred_at=at,
    )
