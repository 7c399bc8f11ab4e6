"""What an audit case is, and when one is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

NOTHING_SAID: Final = "(none)"
"""Stands for a code in a decline that came without one."""
CODE_LENGTH_MAX: Final = 100
CODES_MAX: Final = 500
"""How many unseen codes of one tenant are told apart: a processor may put a part of its own into each."""
THE_REST: Final = "(more codes)"
"""Stands for every unseen code of a connector beyond those."""


class CaseKind(StrEnum):
    """What a case is about."""

    UNSEEN_CODE = "unseen_code"
    CONTRADICTION = "contradiction"
    """A processor says another end of something than we hold."""
    WEBHOOK_CONFLICT = "webhook_conflict"
    """A processor's webhook came twice under one name, and says two things."""
    WEBHOOK_FAILED = "webhook_failed"
    """A processor's webhook could not be read."""
    INVARIANT_BROKEN = "invariant_broken"
    """Something that must always hold of what is kept here does not."""
    PAID_TWICE = "paid_twice"
    """A debt was paid by another way, and by its payment here too."""


class CaseState(StrEnum):
    """Whether somebody has still to look at it."""

    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Case:
    """Something that a person should look at. `subject` names what it is about: one open case about one thing.

    `remedy` says what to do; `object_id` is the payment in which it was seen first.
    """

    id: UUID
    kind: CaseKind
    subject: str
    state: CaseState
    object_id: UUID | None
    summary: str
    remedy: str
    details: Mapping[str, Any]
    opened_at: datetime
    resolved_at: datetime | None = None
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class UnseenCode:
    """A code that no table knows, as it came in one attempt."""

    connector: str
    code: str
    network_code: str
    payment_id: UUID
    attempt_id: UUID
    seen_at: datetime

    def among_the_rest(self) -> UnseenCode:
        """The same, not told apart any more."""
        return replace(self, code=THE_REST, network_code=THE_REST)

    @property
    def subject(self) -> str:
        """What its case is about."""
        return f"{self.connector}:{self.code}:{self.network_code}"


@dataclass(frozen=True, slots=True)
class CountedCode:
    """A code that no table knows, and how often it came."""

    connector: str
    code: str
    network_code: str
    times: int
    first_seen_at: datetime
    last_seen_at: datetime


def of_unseen_code(unseen: UnseenCode, *, id_: UUID, now: datetime) -> Case:
    """The case of a code that no table knows."""
    remedy = (
        "Look the code up in the processor's documentation and say what it means: "
        f"POST /v1/declines/{unseen.connector}/{unseen.code}/override. Until then such declines are `other`, are never "
        "tried at another processor, and are tried again only as a soft decline may be."
    )
    if unseen.code == THE_REST:
        remedy = (
            f"There are more than {CODES_MAX} codes that no table knows, so these are not told apart. See whether the "
            "processor writes something of each payment into its codes."
        )
    return Case(
        id=id_,
        kind=CaseKind.UNSEEN_CODE,
        subject=unseen.subject,
        state=CaseState.OPEN,
        object_id=unseen.payment_id,
        summary=f"{unseen.connector} declined a payment with the code {unseen.code}, which no table knows.",
        remedy=remedy,
        details={
            "connector": unseen.connector,
            "processor_code": unseen.code,
            "network_code": unseen.network_code,
        },
        opened_at=now,
    )
