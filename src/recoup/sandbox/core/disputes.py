"""Disputes of charges: how one begins, where it stands at a moment, and what its merchant's answer makes of it.

A chargeback takes the money when it opens, with a fee; an inquiry takes it when it is lost; a warning never does. An
alert of rapid resolution is settled before there is a dispute: by the network, which takes the money and pays the
customer back, or by the merchant's own refund. Who does not answer in time loses. Evidence that says `winning_evidence`
or `losing_evidence` decides it, as in Stripe's test mode; any other waits for the verdict that was asked for, or for
none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from recoup.kit.money import Money
from recoup.sandbox.core.operations import Refused
from recoup.sandbox.core.processors import ProcessorName

ANSWERED_WITHIN: Final = timedelta(days=14)
"""How long a merchant has to answer."""
VERDICT_TAKES: Final = timedelta(seconds=1)
"""How long evidence that decides takes to do so."""
BY_CARD_AFTER: Final = timedelta(seconds=2)
"""How long after its money was taken a card that is known for it is disputed."""
DISPUTES_MAX: Final = 10
"""How many disputes one charge may have."""
FEE_HUNDREDTHS: Final = 1500
"""What a dispute costs, in hundredths of the currency's unit."""
WINNING: Final = "winning_evidence"
LOSING: Final = "losing_evidence"


class DisputeKind(StrEnum):
    """How a dispute begins."""

    WARNING = "warning"
    INQUIRY = "inquiry"
    CHARGEBACK = "chargeback"
    RAPID_RESOLUTION = "rapid_resolution"


class Verdict(StrEnum):
    """How a dispute ends. `REVERSED` is won, and taken again after as long a time. An alert is `RESOLVED` by its
    network with the merchant's money, or was `REFUNDED` by the merchant."""

    WON = "won"
    LOST = "lost"
    REVERSED = "reversed"
    RESOLVED = "resolved"
    REFUNDED = "refunded"


class Answered(StrEnum):
    """What a merchant did about it."""

    EVIDENCE = "evidence"
    ACCEPTANCE = "acceptance"


class DisputeState(StrEnum):
    """Where a dispute stands, in the words in which it is told; `ANNOUNCED` is to come and told to nobody."""

    ANNOUNCED = "announced"
    WARNING = "warning"
    INQUIRY = "inquiry"
    OPENED = "opened"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    WON = "won"
    LOST = "lost"
    REVERSED = "reversed"
    RESOLVED_EARLY = "resolved_early"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One dispute of a charge. `verdict` is what comes at `verdict_at` unless the merchant's answer changes it."""

    processor: ProcessorName
    reference: str
    epoch: int
    charge_key: str
    charge_reference: str
    order_key: str
    kind: DisputeKind
    reason: str
    network: str
    amount: int
    currency: str
    fee: int
    opens_at: datetime
    created_at: datetime
    evidence_due_at: datetime | None = None
    verdict: Verdict | None = None
    verdict_at: datetime | None = None
    answer: Answered | None = None
    answered_at: datetime | None = None

    def state_at(self, now: datetime) -> DisputeState:
        """Where it stands."""
        if now < self.opens_at:
            return DisputeState.ANNOUNCED
        if self.answer is Answered.ACCEPTANCE:
            return DisputeState.ACCEPTED
        if self.verdict is not None and self.verdict_at is not None and self.verdict_at <= now:
            return self._decided(now)
        return DisputeState.SUBMITTED if self.answer else _BEGINS[self.kind]

    def withdrawn_at(self, now: datetime) -> bool:
        """Whether the disputed money is out of the merchant's hands."""
        match self.state_at(now):
            case DisputeState.OPENED | DisputeState.ACCEPTED | DisputeState.LOST | DisputeState.REVERSED:
                return True
            case DisputeState.SUBMITTED:
                return self.kind is DisputeKind.CHARGEBACK
            case DisputeState.RESOLVED_EARLY:
                return self.verdict is Verdict.RESOLVED
            case _:
                return False

    def fee_at(self, now: datetime) -> int:
        """What it has cost so far: the fee stays, whoever wins."""
        taken = self.kind is DisputeKind.CHARGEBACK and now >= self.opens_at
        return self.fee if taken or self.withdrawn_at(now) else 0

    @property
    def alert(self) -> tuple[str, str] | None:
        """What kind of early warning it is, and the program that sent it."""
        match self.kind:
            case DisputeKind.WARNING:
                return "fraud_report", _REPORTED_IN.get(self.network, "fraud_report")
            case DisputeKind.RAPID_RESOLUTION:
                return "rapid_resolution", _SETTLED_IN.get(self.network, "ethoca")
            case _:
                return None

    @property
    def reversed_at(self) -> datetime | None:
        """When what was won is taken again."""
        if self.verdict is not Verdict.REVERSED or self.verdict_at is None:
            return None
        return self.verdict_at + max(self.verdict_at - self.opens_at, VERDICT_TAKES)

    def moments(self) -> Iterator[tuple[datetime, DisputeState]]:
        """When it is told of, as things stand, and what it is then."""
        times = (self.opens_at, self.answered_at, self.verdict_at, self.reversed_at)
        for at in sorted({at for at in times if at is not None}):
            yield at, self.state_at(at)

    def stands_since(self, now: datetime) -> datetime:
        """When it came to stand as it does."""
        return max((at for at, _ in self.moments() if at <= now), default=self.opens_at)

    def _decided(self, now: datetime) -> DisputeState:
        match self.verdict:
            case Verdict.LOST:
                return DisputeState.LOST
            case Verdict.RESOLVED | Verdict.REFUNDED:
                return DisputeState.RESOLVED_EARLY
            case Verdict.REVERSED if self.reversed_at is not None and self.reversed_at <= now:
                return DisputeState.REVERSED
            case _:
                return DisputeState.CLOSED if self.kind is DisputeKind.INQUIRY else DisputeState.WON


@dataclass(frozen=True, slots=True)
class Course:
    """How a dispute is to go: when it opens, and how and how long after that it ends."""

    kind: DisputeKind
    reason: str
    opens_at: datetime
    then: Verdict | None = None
    then_after: timedelta = timedelta(0)


def course_of(dispute: Dispute, course: Course, money: Money) -> Dispute:
    """The dispute on its course: one that asks for an answer is lost without any."""
    due = course.opens_at + ANSWERED_WITHIN if course.kind in _ASKS else None
    verdict, at = (course.then, course.opens_at + course.then_after) if course.then else (None, None)
    if verdict is None and due is not None:
        verdict, at = Verdict.LOST, due
    return replace(
        dispute,
        kind=course.kind,
        reason=course.reason,
        amount=money.minor,
        currency=money.currency,
        fee=FEE_HUNDREDTHS * int(10**money.decimals) // 100,
        opens_at=course.opens_at,
        evidence_due_at=due,
        verdict=verdict,
        verdict_at=at,
    )


def refunded(dispute: Dispute, at: datetime) -> Dispute:
    """An alert after the merchant gave the money back by itself."""
    return replace(dispute, verdict=Verdict.REFUNDED, verdict_at=at)


def not_answerable(dispute: Dispute, *, now: datetime) -> Refused | None:
    """Why nothing can be answered, or None."""
    if dispute.answer is not None:
        return Refused("answered_already", "This dispute was answered, which can be done once.")
    match dispute.state_at(now):
        case DisputeState.WARNING:
            return Refused("not_disputed", "This is a warning: there is nothing to contest yet.")
        case DisputeState.INQUIRY | DisputeState.OPENED:
            return None
        case _:
            return Refused("already_decided", "This dispute has ended.")


def accepted(dispute: Dispute, *, now: datetime) -> Dispute:
    """The dispute after its merchant gave the money up."""
    return replace(dispute, answer=Answered.ACCEPTANCE, answered_at=now, verdict=None, verdict_at=None)


def submitted(dispute: Dispute, fields: Mapping[str, str], *, now: datetime) -> Dispute:
    """The dispute after its merchant handed in evidence: it may decide, and no deadline does any more."""
    after = replace(dispute, answer=Answered.EVIDENCE, answered_at=now)
    said = "\n".join(fields.values())
    for magic, verdict in ((WINNING, Verdict.WON), (LOSING, Verdict.LOST)):
        if magic in said:
            return replace(after, verdict=verdict, verdict_at=now + VERDICT_TAKES)
    if dispute.verdict_at == dispute.evidence_due_at:
        return replace(after, verdict=None, verdict_at=None)
    return after


_BEGINS: Final = {
    DisputeKind.WARNING: DisputeState.WARNING,
    DisputeKind.INQUIRY: DisputeState.INQUIRY,
    DisputeKind.CHARGEBACK: DisputeState.OPENED,
    DisputeKind.RAPID_RESOLUTION: DisputeState.WARNING,
}
_ASKS: Final = frozenset({DisputeKind.INQUIRY, DisputeKind.CHARGEBACK})
ENDS: Final[Mapping[DisputeKind, frozenset[Verdict]]] = {
    DisputeKind.WARNING: frozenset(),
    DisputeKind.RAPID_RESOLUTION: frozenset({Verdict.RESOLVED}),
    **dict.fromkeys(_ASKS, frozenset({Verdict.WON, Verdict.LOST, Verdict.REVERSED})),
}
"""How each kind may be asked to end."""
_REPORTED_IN: Final = {"visa": "tc40", "mastercard": "safe"}
_SETTLED_IN: Final = {"visa": "visa_rdr"}
BY_CARD: Final = {
    "fraudulent": (DisputeKind.CHARGEBACK, "fraudulent"),
    "product_not_received": (DisputeKind.CHARGEBACK, "product_not_received"),
    "inquiry": (DisputeKind.INQUIRY, "unrecognized"),
    "early_fraud_warning": (DisputeKind.WARNING, "made_with_stolen_card"),
    "multiple": (DisputeKind.CHARGEBACK, "fraudulent"),
    "compelling_evidence": (DisputeKind.CHARGEBACK, "fraudulent"),
    "compliance": (DisputeKind.CHARGEBACK, "noncompliant"),
    "smart_disputes": (DisputeKind.CHARGEBACK, "product_unacceptable"),
}
"""How cards that are published for it are disputed, and for what reason; of others of them nothing follows."""
