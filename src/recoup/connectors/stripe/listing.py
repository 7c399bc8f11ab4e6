"""What Stripe knows of disputes when it is asked.

* The list goes by when a dispute was opened; that an older one moved, only reading it tells.
* It says where a dispute stands and not since when: that holds at the moment of asking.
* Early fraud warnings are no disputes there, and have a list of their own, looked through after that of disputes.
"""

from __future__ import annotations

from datetime import UTC, datetime
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
from recoup.connectors.stripe.webhooks import Dispute, FraudWarning, of_dispute, of_fraud_warning
from recoup.outcomes.core import Unknown

_PATH: Final = "disputes"
_WARNINGS: Final = "radar/early_fraud_warnings"
_IS_WARNING: Final = "issfr_"
"""How the names of early fraud warnings begin."""
_WARNINGS_FROM: Final = "warnings:"
"""A cursor that begins so leads through the early fraud warnings, from the one that is named on."""


class Disputes(Struct, frozen=True):
    """A page of them, the newest first."""

    data: list[Dispute]
    has_more: bool


class FraudWarnings(Struct, frozen=True):
    """A page of early fraud warnings, the newest first."""

    data: list[FraudWarning]
    has_more: bool


class Listing:
    """The two questions of the connector."""

    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """Those that were opened since, and then what issuers reported since."""
        if asked.cursor is not None and asked.cursor.startswith(_WARNINGS_FROM):
            return (yield from _warnings(account, asked, asked.cursor.removeprefix(_WARNINGS_FROM)))
        response = yield get(account, _PATH, _query(asked, asked.cursor or ""))
        page = read(response, Disputes)
        if page is None or (page.has_more and not page.data):
            return no_readable_answer(response)
        notices = tuple(_notice(one, asked.now) for one in page.data)
        return DisputePage(notices, page.data[-1].id if page.has_more else _WARNINGS_FROM)

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """One of them."""
        if asked.reference.startswith(_IS_WARNING):
            response = yield get(account, f"{_WARNINGS}/{named(asked.reference)}")
            warning = read(response, FraudWarning)
            if warning is None or warning.id != asked.reference:
                return no_readable_answer(response)
            return _warning(warning, asked.now)
        response = yield get(account, f"{_PATH}/{named(asked.reference)}")
        dispute = read(response, Dispute)
        if dispute is None or dispute.id != asked.reference:
            return no_readable_answer(response)
        return _notice(dispute, asked.now)


def _warnings(account: Account, asked: ListDisputes, after: str) -> Exchange[DisputePage | Unknown]:
    response = yield get(account, _WARNINGS, _query(asked, after))
    page = read(response, FraudWarnings)
    if page is None or (page.has_more and not page.data):
        return no_readable_answer(response)
    notices = tuple(_warning(one, asked.now) for one in page.data)
    return DisputePage(notices, f"{_WARNINGS_FROM}{page.data[-1].id}" if page.has_more else None)


def _query(asked: ListDisputes, after: str) -> Fields:
    yield "limit", PAGE_SIZE
    yield "created[gte]", int(asked.since.timestamp())
    if after:
        yield "starting_after", after


def _notice(dispute: Dispute, now: datetime) -> Notice:
    asked = event_id(dispute.id, dispute.status)
    return of_dispute(dispute, asked, now, withdrawn=dispute.is_withdrawn())


def _warning(warning: FraudWarning, now: datetime) -> Notice:
    at = now if warning.created is None else datetime.fromtimestamp(warning.created, UTC)
    return of_fraud_warning(warning, event_id(warning.id, "warning"), at)
