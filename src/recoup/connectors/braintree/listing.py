"""What Braintree knows of disputes when it is asked: those of whose states one took effect since.

A dispute is named as webhooks name it, by its older name. The network is left out, which the search does not tell.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any, Final

from msgspec import Struct

from recoup.connectors.base import (
    Account,
    Alert,
    DisputeNews,
    DisputePage,
    DisputeState,
    Exchange,
    HttpResponse,
    ListDisputes,
    Notice,
    ReadDispute,
    Subject,
    no_readable_answer,
)
from recoup.connectors.base.listing import PAGE_SIZE, event_id
from recoup.connectors.braintree import asked as asking
from recoup.connectors.braintree import wire
from recoup.connectors.braintree.told import global_id
from recoup.outcomes.core import Unknown

_DISPUTE: Final = (
    "id legacyId type status preDisputeProgram replyByDate amountDisputed { value currencyCode } "
    "processorResponse { reasonCode reason } statusHistory { status timestamp } transaction { id orderId }"
)
SEARCH: Final = (
    f"query Recoup($input: DisputeSearchInput!, $after: String) {{ search {{ "
    f"disputes(input: $input, first: {PAGE_SIZE}, after: $after) {{ "
    f"pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {_DISPUTE} }} }} }} }} }}"
)
BY_ID: Final = f"query Recoup($id: ID!) {{ node(id: $id) {{ ... on Dispute {{ {_DISPUTE} }} }} }}"
_STATES: Final = {
    "OPEN": DisputeState.OPENED,
    "DISPUTED": DisputeState.SUBMITTED,
    "UNDER_REVIEW": DisputeState.SUBMITTED,
    "WON": DisputeState.WON,
    "LOST": DisputeState.LOST,
    "EXPIRED": DisputeState.EXPIRED,
    "ACCEPTED": DisputeState.ACCEPTED,
    "AUTO_ACCEPTED": DisputeState.ACCEPTED,
}
_RAPIDLY: Final = "VISA_RDR"
_BEFORE_A_FIGHT: Final = frozenset({DisputeState.OPENED, DisputeState.ACCEPTED})
_WITHDRAWN: Final = {DisputeState.INQUIRY: False, DisputeState.RESOLVED_EARLY: True}
_DAY_ENDS: Final = time(23, 59, 59, tzinfo=UTC)


class _Event(Struct, frozen=True):
    status: str
    timestamp: datetime


class _Reason(Struct, frozen=True, rename="camel"):
    reason_code: str | None = None
    reason: str | None = None


class _Charge(Struct, frozen=True, rename="camel"):
    id: wire.Name
    order_id: str | None = None


class Dispute(Struct, frozen=True, rename="camel", kw_only=True):
    """A dispute as it is shown."""

    legacy_id: wire.Name
    status: str
    type: str | None = None
    pre_dispute_program: str | None = None
    reply_by_date: date | None = None
    amount_disputed: wire.Amount | None = None
    processor_response: _Reason | None = None
    status_history: tuple[_Event, ...] | None = None
    transaction: _Charge | None = None

    @property
    def state(self) -> DisputeState | None:
        """How far it is; None where nobody knows."""
        state = _STATES.get(self.status)
        if state is DisputeState.OPENED and self.type == "RETRIEVAL":
            return DisputeState.INQUIRY
        return DisputeState.RESOLVED_EARLY if self.is_rapid and state in _BEFORE_A_FIGHT else state

    @property
    def is_rapid(self) -> bool:
        """Whether Visa settled it, or may, before it is a dispute."""
        return self.pre_dispute_program == _RAPIDLY

    @property
    def at(self) -> datetime | None:
        """Since when it stands so."""
        times = [one.timestamp for one in self.status_history or () if one.status == self.status]
        return max((at for at in times if at.tzinfo is not None), default=None)


class _Page(Struct, frozen=True, rename="camel"):
    has_next_page: bool
    end_cursor: str | None = None


class _Edge(Struct, frozen=True):
    node: Dispute


class Disputes(Struct, frozen=True, rename="camel"):
    """A page of them."""

    page_info: _Page
    edges: tuple[_Edge, ...]


class Listing:
    """The two questions of the connector."""

    lists_disputes: bool = True

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """Those that moved since that day."""
        since = {"effectiveDate": {"greaterThanOrEqualTo": asked.since.astimezone(UTC).date().isoformat()}}
        response = yield asking.request(account, SEARCH, input=since, after=asked.cursor)
        page = _whole(response, "search", "disputes", type_=Disputes)
        if not isinstance(page, Disputes):
            return no_readable_answer(response)
        follows = page.page_info.end_cursor if page.page_info.has_next_page else None
        if page.page_info.has_next_page and not follows:
            return Unknown("the page of disputes is not the last, and nothing leads on from it")
        return DisputePage(tuple(_notice(edge.node, asked.now) for edge in page.edges), follows)

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """One of them."""
        response = yield asking.request(account, BY_ID, id=global_id("dispute", asked.reference))
        dispute = _whole(response, "node", type_=Dispute)
        if not isinstance(dispute, Dispute) or dispute.legacy_id != asked.reference:
            return no_readable_answer(response)
        return _notice(dispute, asked.now)


def _whole(response: HttpResponse, *path: str, type_: type[Any]) -> Any:
    """What stands in the data under a path; None where something of it failed."""
    body = response.json()
    failed = isinstance(body, dict) and bool(body.get("errors"))
    return None if failed else wire.read(wire.answered(response, *path), type_)


def _notice(dispute: Dispute, now: datetime) -> Notice:
    charge, why, state = dispute.transaction, dispute.processor_response or _Reason(), dispute.state
    amount = None if dispute.amount_disputed is None else dispute.amount_disputed.money()
    due = dispute.reply_by_date
    news = (
        None
        if state is None
        else DisputeNews(
            dispute.legacy_id,
            state,
            amount=amount,
            reason=why.reason_code or why.reason,
            evidence_due=None if due is None else datetime.combine(due, _DAY_ENDS),
            withdrawn=_WITHDRAWN.get(state),
            alert=Alert.RAPID_RESOLUTION if dispute.is_rapid else None,
            program=_RAPIDLY.lower() if dispute.is_rapid else None,
        )
    )
    return Notice(
        event_id(dispute.legacy_id, dispute.status),
        Subject.DISPUTE,
        news,
        reference=dispute.legacy_id,
        charge_reference=None if charge is None else charge.id,
        key=None if charge is None else charge.order_id,
        amount=amount,
        occurred_at=dispute.at or now,
    )
