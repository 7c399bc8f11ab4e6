"""What can be asked of a processor: each verb with its answers, and what stands for them where asking failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, get_args

from recoup.connectors.base import Authentic, DisputePage, Forged, Notice, Undecided
from recoup.outcomes.core import (
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Unknown,
    Unprocessed,
    Withdrawn,
)

REQUESTS_MAX: Final = 8
"""The most requests in one exchange; a connector that wants more is broken."""
EVIDENCE_REQUESTS_MAX: Final = 40
EVIDENCE_PATIENCE: Final = 8
"""The same for evidence in a dispute, of which some processors take each field and document by itself; and how many
times longer the whole of it may take than any other exchange."""
LIST_REQUESTS_MAX: Final = 16
LIST_PATIENCE: Final = 2
"""The same for a page of disputes: a processor may have to be asked for each by itself."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verb(Generic[T]):
    """One thing that can be asked: what it may answer, and its answer where it failed before or after leaving."""

    name: str
    answers: tuple[type, ...]
    never_left: Callable[[str], T]
    no_answer: Callable[[str], T]
    requests_max: int = REQUESTS_MAX
    patience: int = 1


CHARGE: Final[Verb[Outcome]] = Verb("charge", get_args(Outcome), Unprocessed, Unknown)
COMPLETE: Final[Verb[Evidence | Unprocessed]] = Verb("complete", get_args(Evidence), Unprocessed, Unknown)
VERIFY: Final[Verb[Outcome]] = Verb("verify", get_args(Outcome), Unprocessed, Unknown)
AUTHENTICATE: Final[Verb[Authentic | Forged | Undecided]] = Verb(
    "authenticate", (Authentic, Forged, Undecided), Undecided, Undecided
)
CAPTURE: Final[Verb[FollowUp]] = Verb("capture", get_args(FollowUp), Unprocessed, Unknown)
CANCEL: Final[Verb[FollowUp]] = Verb("cancel", get_args(FollowUp), Unprocessed, Unknown)
REFUND: Final[Verb[FollowUp]] = Verb("refund", get_args(FollowUp), Unprocessed, Unknown)
SUBMIT: Final[Verb[FollowUp]] = Verb(
    "submit_evidence", get_args(FollowUp), Unprocessed, Unknown, EVIDENCE_REQUESTS_MAX, EVIDENCE_PATIENCE
)
ACCEPT: Final[Verb[FollowUp]] = Verb("accept_dispute", get_args(FollowUp), Unprocessed, Unknown)
LIST: Final[Verb[DisputePage | Unknown]] = Verb(
    "list_disputes", (DisputePage, Unknown), Unknown, Unknown, LIST_REQUESTS_MAX, LIST_PATIENCE
)
READ: Final[Verb[Notice | Unknown]] = Verb("read_dispute", (Notice, Unknown), Unknown, Unknown)
LOOKUP: Final[Verb[Evidence]] = Verb("lookup", get_args(Evidence), Unknown, Unknown)
LOOKUP_CHANGE: Final[Verb[FollowUpEvidence]] = Verb(
    "lookup_change", get_args(FollowUpEvidence), Unknown, Unknown
)
WITHDRAW: Final[Verb[Evidence | Withdrawn]] = Verb(
    "withdraw", (*get_args(Evidence), Withdrawn), Unknown, Unknown
)
WITHDRAW_CHANGE: Final[Verb[FollowUpEvidence | Withdrawn]] = Verb(
    "withdraw_change", (*get_args(FollowUpEvidence), Withdrawn), Unknown, Unknown
)
