"""Endpoints: where a merchant hears of events, of which, and while it is enabled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.kit.refusals import Refusal, conflict, invalid
from recoup.webhooks.core.signing import SigningSecret

ENDPOINTS_MAX: Final = 20
"""Endpoints of one merchant that are not deleted."""
FILTERS_MAX: Final = 100
FILTER_LENGTH_MAX: Final = 100
URL_LENGTH_MAX: Final = 2000
DESCRIPTION_LENGTH_MAX: Final = 500
FAILING_MAX: Final = timedelta(days=3)
"""An endpoint is disabled when for so long nothing but failures came back: as long as one delivery is tried."""

EVERYTHING: Final = "*"
PING: Final = "webhook_endpoint.ping"
"""The event of a test: it goes to the endpoint that is tested, whatever its filters, and to no other."""


class State(StrEnum):
    """Where an endpoint is in its life."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    """Nothing is sent. Events that happen meanwhile are delivered when it is enabled again."""
    DELETED = "deleted"


MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.ENABLED: frozenset({State.DISABLED, State.DELETED}),
    State.DISABLED: frozenset({State.ENABLED, State.DELETED}),
    State.DELETED: frozenset(),
}
"""What an endpoint may become."""


class Reason(StrEnum):
    """Why an endpoint was disabled."""

    REQUESTED = "requested"
    GONE = "gone"
    """It answered 410: by the specification, do not send any more."""
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint without its secrets. Times are the machine's, also in test mode."""

    id: UUID
    url: str
    description: str
    filters: tuple[str, ...]
    metadata: Mapping[str, str]
    state: State
    disabled_reason: Reason | None
    disabled_at: datetime | None
    failing_since: datetime | None
    sequence: int
    version: int
    created_at: datetime
    updated_at: datetime

    def wants(self, type_: str, *, object_id: UUID) -> bool:
        """Whether an event of this type, about this object, is delivered here."""
        return object_id == self.id if type_ == PING else matches(self.filters, type_)


@dataclass(frozen=True, slots=True)
class Target:
    """What a sender has to know of an endpoint."""

    merchant_id: UUID
    endpoint_id: UUID
    version: int
    livemode: bool
    url: str
    secrets: tuple[SigningSecret, ...]


def matches(filters: Sequence[str], type_: str) -> bool:
    """Whether one of the filters takes an event type: `*`, `subject.*`, or the type itself."""
    subject = f"{type_.partition('.')[0]}.*"
    return EVERYTHING in filters or subject in filters or type_ in filters


def moved(state: State, to: State) -> State:
    """The new state; refuses (409) what the table of moves does not have."""
    if to not in MOVES[state]:
        raise not_now(state)
    return to


def not_now(state: State) -> Refusal:
    """An act that the endpoint's state forbids (409)."""
    return conflict(
        f"webhook_endpoint_{state}", f"This webhook endpoint is {state}: that cannot be done with it now."
    )


def check_filters(filters: Sequence[str], *, types: Sequence[str]) -> tuple[str, ...]:
    """Filters without what comes twice; refuses one that no event type could match."""
    subjects = {type_.partition(".")[0] for type_ in types}
    for index, one in enumerate(filters):
        subject, _, fact = one.partition(".")
        if one not in (EVERYTHING, *types) and not (fact == "*" and subject in subjects):
            raise invalid(
                "event_type_unknown",
                f"There is no event type {one!r}. Send types such as `payment.captured`, `payment.*` or `*`.",
                param=f"events[{index}]",
            )
    return tuple(dict.fromkeys(filters))


def has_failed_for_good(failing_since: datetime | None, *, now: datetime) -> bool:
    """Whether nothing but failures came back for so long that the endpoint is disabled."""
    return failing_since is not None and now - failing_since >= FAILING_MAX
