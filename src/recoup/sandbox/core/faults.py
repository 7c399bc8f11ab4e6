"""Faults on demand: what goes wrong, for whom, and how often.

A fault is one of four sorts. At the door: the request is not processed. In the decision: it is processed, and the
answer is another one, at once or later (a hold that lapses). On the network: the issuer or the network is not there. On
the way back: the request is processed, and the answer does not arrive as it should.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.sandbox.core.processors import ProcessorName


class FaultKind(StrEnum):
    """What goes wrong."""

    OUTAGE = "outage"
    RATE_LIMITED = "rate_limited"
    TIMEOUT_BEFORE_PROCESSING = "timeout_before_processing"
    RESET_BEFORE = "reset_before"
    LATE_ARRIVAL = "late_arrival"
    DECLINE = "decline"
    LATE_DECLINE = "late_decline"
    LATE_APPROVAL = "late_approval"
    HOLD_EXPIRY = "hold_expiry"
    REFUSAL = "refusal"
    REFUND_FAILURE = "refund_failure"
    ISSUER_DOWN = "issuer_down"
    NETWORK_SILENT = "network_silent"
    SLOW = "slow"
    TIMEOUT_AFTER_SUCCESS = "timeout_after_success"
    RESET_AFTER = "reset_after"
    GARBAGE = "garbage"
    HALF_REPLY = "half_reply"


class Verb(StrEnum):
    """What a request asks for."""

    CHARGE = "charge"
    VERIFY = "verify"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    LOOKUP = "lookup"
    WITHDRAW = "withdraw"
    SUBMIT_EVIDENCE = "submit_evidence"
    ACCEPT_DISPUTE = "accept_dispute"
    LIST_DISPUTES = "list_disputes"
    READ_DISPUTE = "read_dispute"


CHANGES: Final = frozenset({Verb.CAPTURE, Verb.CANCEL, Verb.REFUND})
EVERY: Final = frozenset(Verb) - {Verb.LIST_DISPUTES, Verb.READ_DISPUTE}
"""What any fault may happen to. What Recoup asks about disputes, it asks by the clock: it takes no fault that is meant
for something else, unless that is said."""
AT_THE_DOOR: Final = frozenset(
    {
        FaultKind.OUTAGE,
        FaultKind.RATE_LIMITED,
        FaultKind.TIMEOUT_BEFORE_PROCESSING,
        FaultKind.RESET_BEFORE,
        FaultKind.LATE_ARRIVAL,
    }
)
ON_THE_WAY_BACK: Final = frozenset(
    {
        FaultKind.SLOW,
        FaultKind.TIMEOUT_AFTER_SUCCESS,
        FaultKind.RESET_AFTER,
        FaultKind.GARBAGE,
        FaultKind.HALF_REPLY,
    }
)
OVERRULING: Final = frozenset({FaultKind.DECLINE, FaultKind.LATE_DECLINE, FaultKind.LATE_APPROVAL})
"""Those that decide over a charge in its issuer's place."""
ON_THE_NETWORK: Final = frozenset({FaultKind.ISSUER_DOWN, FaultKind.NETWORK_SILENT})
"""Those that happen to a charge between its processor and its issuer."""
FITS: Final = {
    **dict.fromkeys(AT_THE_DOOR | ON_THE_WAY_BACK, EVERY),
    **dict.fromkeys(OVERRULING | ON_THE_NETWORK | {FaultKind.HOLD_EXPIRY}, frozenset({Verb.CHARGE})),
    FaultKind.REFUSAL: CHANGES,
    FaultKind.REFUND_FAILURE: frozenset({Verb.REFUND}),
}
"""What each kind can happen to."""

DELAY_DEFAULT_S: Final = {
    FaultKind.SLOW: 3,
    FaultKind.LATE_ARRIVAL: 5,
    FaultKind.NETWORK_SILENT: 2,
    FaultKind.TIMEOUT_AFTER_SUCCESS: 90,
    FaultKind.TIMEOUT_BEFORE_PROCESSING: 90,
    FaultKind.LATE_DECLINE: 3600,
    FaultKind.LATE_APPROVAL: 3600,
    FaultKind.HOLD_EXPIRY: 7 * 86_400,
    FaultKind.REFUND_FAILURE: 0,
}
WALL_DELAY_MAX_S: Final = 120
"""The longest that a request is kept waiting, by the wall clock."""
WORLD_DELAY_MAX_S: Final = 30 * 86_400
"""The longest that a late answer takes, in the world's time."""
FAULTS_MAX: Final = 100
"""How many faults may be waiting in one world."""

IN_WORLD_TIME: Final = frozenset(
    {FaultKind.LATE_DECLINE, FaultKind.LATE_APPROVAL, FaultKind.HOLD_EXPIRY, FaultKind.REFUND_FAILURE}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that waits to happen.

    None means any (processor, verb, last4, merchant reference). `left` is how many more times (None: no limit), `until`
    when it ends in the world's time. The codes are what a decline or refusal says.
    """

    id: UUID
    kind: FaultKind
    processor: ProcessorName | None
    on: Verb | None
    left: int | None
    until: datetime | None
    delay_s: int
    created_at: datetime
    last4: str | None = None
    merchant_reference: str | None = None
    decline_code: str | None = None
    network_code: str | None = None
    advice_code: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a fault is matched with."""

    processor: ProcessorName
    verb: Verb
    now: datetime
    last4: str | None = None
    merchant_reference: str | None = None


def matching(faults: Iterable[Fault], request: Request) -> list[Fault]:
    """The faults that this request meets, oldest first."""
    return [fault for fault in faults if _meets(fault, request)]


def _meets(fault: Fault, request: Request) -> bool:
    verb_fits = fault.on is request.verb if fault.on is not None else request.verb in FITS[fault.kind]
    return (
        verb_fits
        and fault.processor in {None, request.processor}
        and fault.left != 0
        and (fault.until is None or request.now < fault.until)
        and fault.last4 in {None, request.last4}
        and fault.merchant_reference in {None, request.merchant_reference}
    )
