"""What Recoup's API shows and takes of disputes in the simulated world."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.http.fields import PAGE_DEFAULT, PAGE_MAX, ListObject
from recoup.kit.clock import rfc3339
from recoup.sandbox.core.disputes import DisputeKind, DisputeState, Verdict
from recoup.sandbox.worlds.disputes import THEN_DEFAULT, Seen, Wanted

LATER_MAX_S = 365 * 86_400

Order = Annotated[str, Meta(min_length=1, max_length=255)]


class OpenDispute(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What shall be disputed, why, and how it ends."""

    payment: Annotated[Order, Meta(description="A payment that a simulated processor captured.")]
    kind: Annotated[
        DisputeKind,
        Meta(
            description="`chargeback` takes the money at once, `inquiry` only when it is lost, `warning` (the issuer "
            "reported fraud) never. `rapid_resolution` is an alert: refund the payment and it is settled."
        ),
    ] = DisputeKind.CHARGEBACK
    reason: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_.\-]{1,64}\Z",
            description="A word such as `product_not_received`, or a network's code such as `13.1`.",
        ),
    ] = "fraudulent"
    amount: Annotated[
        Annotated[int, Meta(gt=0, le=10**12)] | None, Meta(description="null: all that was captured.")
    ] = None
    after_s: Annotated[
        int, Meta(ge=0, le=LATER_MAX_S, description="How long until it opens, in the merchant's time.")
    ] = 0
    then: Annotated[
        Literal["won", "lost", "reversed", "resolved", "none"],
        Meta(
            description="How it ends unless the answer decides; `reversed`: won, and lost again after as long; "
            "`resolved`, of an alert alone: the network settles it with your money. `none`: without an answer it is "
            "lost after two weeks, with one it stays under review; an alert stays until you refund the payment."
        ),
    ] = "none"
    then_after_s: Annotated[
        int, Meta(ge=1, le=LATER_MAX_S, description="How long after it opened it ends.")
    ] = int(THEN_DEFAULT.total_seconds())

    def wanted(self) -> Wanted:
        """The same as the flow takes it."""
        return Wanted(
            order=self.payment,
            kind=self.kind,
            reason=self.reason,
            amount=self.amount,
            after=timedelta(seconds=self.after_s),
            then=None if self.then == "none" else Verdict(self.then),
            then_after=timedelta(seconds=self.then_after_s),
        )


class SandboxDisputeObject(Struct, kw_only=True, frozen=True):
    """A dispute as its simulated processor has it now."""

    id: str
    object: Literal["sandbox_dispute"] = "sandbox_dispute"
    processor: str
    charge: str
    key: Annotated[str, Meta(description="The attempt that was disputed.")]
    order: Annotated[str, Meta(description="The payment that was disputed.")]
    kind: DisputeKind
    state: Annotated[DisputeState, Meta(description="`announced`: it opens later, and nobody was told.")]
    reason: str
    network: str
    amount: int
    currency: str
    fee: Annotated[int, Meta(description="What it has cost so far, in the smallest unit.")]
    withdrawn: Annotated[bool, Meta(description="Whether the money is out of the merchant's hands.")]
    opens_at: str
    evidence_due_at: str | None
    created_at: str


class SandboxDisputeList(ListObject[SandboxDisputeObject], frozen=True):
    """Disputes in the simulated world, by their processors' references."""


class SandboxDisputeQuery(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Which disputes."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    starting_after: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    order: Order | None = None


def dispute_object(seen: Seen) -> SandboxDisputeObject:
    """A dispute as the API shows it."""
    dispute, now = seen.dispute, seen.now
    return SandboxDisputeObject(
        id=dispute.reference,
        processor=dispute.processor,
        charge=dispute.charge_reference,
        key=dispute.charge_key,
        order=dispute.order_key,
        kind=dispute.kind,
        state=dispute.state_at(now),
        reason=dispute.reason,
        network=dispute.network,
        amount=dispute.amount,
        currency=dispute.currency,
        fee=dispute.fee_at(now),
        withdrawn=dispute.withdrawn_at(now),
        opens_at=rfc3339(dispute.opens_at),
        evidence_due_at=None if dispute.evidence_due_at is None else rfc3339(dispute.evidence_due_at),
        created_at=rfc3339(dispute.created_at),
    )
