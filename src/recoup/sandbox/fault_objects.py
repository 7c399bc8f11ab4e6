"""What Recoup's API shows and takes of faults."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.http.fields import ListObject
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import invalid
from recoup.sandbox.core.faults import (
    AT_THE_DOOR,
    DELAY_DEFAULT_S,
    FITS,
    IN_WORLD_TIME,
    ON_THE_WAY_BACK,
    OVERRULING,
    WALL_DELAY_MAX_S,
    WORLD_DELAY_MAX_S,
    Fault,
    FaultKind,
    Verb,
)
from recoup.sandbox.core.processors import ProcessorName

TIMES_MAX: Final = 10_000
_EXPLAINED: Final = OVERRULING - {FaultKind.LATE_APPROVAL} | {FaultKind.REFUSAL, FaultKind.REFUND_FAILURE}
_NETWORK_CODED: Final = OVERRULING - {FaultKind.LATE_APPROVAL}

On = Literal[
    "charge",
    "verify",
    "capture",
    "cancel",
    "refund",
    "lookup",
    "withdraw",
    "submit_evidence",
    "accept_dispute",
    "list_disputes",
    "read_dispute",
    "any",
]


class CreateFault(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What shall go wrong."""

    kind: FaultKind
    processor: Annotated[ProcessorName | None, Meta(description="null: whichever is asked.")] = None
    on: Annotated[
        On | None,
        Meta(
            description="What it happens to. null: charges, if the kind can happen to them; in an outage, all but "
            "questions about disputes."
        ),
    ] = None
    times: Annotated[
        Annotated[int, Meta(ge=1, le=TIMES_MAX)] | None,
        Meta(description="How often. null: once, or with `until` as often as something comes."),
    ] = None
    until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When it is over, in the merchant's time."),
    ] = None
    delay_s: Annotated[
        Annotated[int, Meta(ge=0, le=WORLD_DELAY_MAX_S)] | None,
        Meta(
            description="How long: waiting by the clock, late answers in the merchant's time. null: the kind's own."
        ),
    ] = None
    last4: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{4}\Z")] | None,
        Meta(description="Only for charges of this card."),
    ] = None
    merchant_reference: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500)] | None,
        Meta(description="Only for charges with this `merchant_reference`."),
    ] = None
    decline_code: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,64}\Z")] | None = None
    network_code: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9A-Z]{2}\Z")] | None,
        Meta(description="The response code of the card network (ISO 8583 field 39)."),
    ] = None
    advice_code: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{2}\Z")] | None,
        Meta(description="Mastercard's merchant advice code."),
    ] = None

    def fault(self, id_: UUID, now: datetime) -> Fault:
        """The fault that this asks for; refuses what cannot happen."""
        on = self._on()
        most = WORLD_DELAY_MAX_S if self.kind in IN_WORLD_TIME else WALL_DELAY_MAX_S
        if self.delay_s is not None and self.kind not in DELAY_DEFAULT_S:
            raise invalid(
                "fault_has_no_delay", f"`{self.kind}` happens at once: leave `delay_s` out.", param="delay_s"
            )
        if self.delay_s is not None and self.delay_s > most:
            raise invalid("delay_too_long", f"`{self.kind}` takes at most {most} seconds.", param="delay_s")
        if self.decline_code and self.kind not in _EXPLAINED:
            raise invalid("fault_has_no_code", f"`{self.kind}` says no code.", param="decline_code")
        if (self.network_code or self.advice_code) and self.kind not in _NETWORK_CODED:
            raise invalid("fault_has_no_code", f"`{self.kind}` says no network's code.", param="network_code")
        return Fault(
            id=id_,
            kind=self.kind,
            processor=self.processor,
            on=on,
            left=1 if self.times is None and self.until is None else self.times,
            until=self.until.astimezone(UTC) if self.until else None,
            delay_s=DELAY_DEFAULT_S.get(self.kind, 0) if self.delay_s is None else self.delay_s,
            created_at=now,
            last4=self.last4,
            merchant_reference=self.merchant_reference,
            decline_code=self.decline_code,
            network_code=self.network_code,
            advice_code=self.advice_code,
        )

    def _on(self) -> Verb | None:
        if self.on is None:
            anything = self.kind in AT_THE_DOOR | ON_THE_WAY_BACK and self.kind is not FaultKind.OUTAGE
            return Verb.CHARGE if anything else None
        on = None if self.on == "any" else Verb(self.on)
        if on is not None and on not in FITS[self.kind]:
            raise invalid("fault_does_not_fit", f"`{self.kind}` cannot happen to a {on}.", param="on")
        if on not in {None, Verb.CHARGE} and (self.last4 or self.merchant_reference):
            raise invalid(
                "only_charges_have_cards",
                "`last4` and `merchant_reference` choose among charges only.",
                param="on",
            )
        return on


class FaultObject(Struct, kw_only=True, frozen=True):
    """A fault that waits."""

    id: str
    object: Literal["fault"] = "fault"
    kind: FaultKind
    processor: ProcessorName | None
    on: On
    times_left: Annotated[int | None, Meta(description="null: as often as something comes until `until`.")]
    until: str | None
    delay_s: int
    last4: str | None
    merchant_reference: str | None
    decline_code: str | None
    network_code: str | None
    advice_code: str | None
    created_at: str


class FaultList(ListObject[FaultObject], frozen=True):
    """The faults that wait, oldest first."""


class DeletedFault(Struct, kw_only=True, frozen=True):
    """A fault that will not happen."""

    id: str
    object: Literal["fault"] = "fault"
    deleted: Literal[True] = True


def fault_object(fault: Fault) -> FaultObject:
    """A fault as the API shows it."""
    return FaultObject(
        id=render(Kind.FAULT, fault.id),
        kind=fault.kind,
        processor=fault.processor,
        on=_ON[fault.on],
        times_left=fault.left,
        until=rfc3339(fault.until) if fault.until else None,
        delay_s=fault.delay_s,
        last4=fault.last4,
        merchant_reference=fault.merchant_reference,
        decline_code=fault.decline_code,
        network_code=fault.network_code,
        advice_code=fault.advice_code,
        created_at=rfc3339(fault.created_at),
    )


_ON: Final[dict[Verb | None, On]] = {
    None: "any",
    Verb.CHARGE: "charge",
    Verb.VERIFY: "verify",
    Verb.CAPTURE: "capture",
    Verb.CANCEL: "cancel",
    Verb.REFUND: "refund",
    Verb.LOOKUP: "lookup",
    Verb.WITHDRAW: "withdraw",
    Verb.SUBMIT_EVIDENCE: "submit_evidence",
    Verb.ACCEPT_DISPUTE: "accept_dispute",
    Verb.LIST_DISPUTES: "list_disputes",
    Verb.READ_DISPUTE: "read_dispute",
}
