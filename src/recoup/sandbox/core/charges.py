"""How a charge comes to be what it is: request, card, account and faults in; charge and account after it out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from recoup.kit.money import Money
from recoup.outcomes.core import NETWORKS, meaning
from recoup.sandbox.cards import LUHN_SUMS, PublishedCard, RefundCourse, check_digit
from recoup.sandbox.core.balances import Balance, balance
from recoup.sandbox.core.cardfile import Card, ModelledCard, UnknownCard
from recoup.sandbox.core.chance import digits
from recoup.sandbox.core.codes import UNHEARD_OF, Codes, codes
from recoup.sandbox.core.exchange import convert
from recoup.sandbox.core.faults import Fault, FaultKind
from recoup.sandbox.core.issuer import (
    Approval,
    Asked,
    Challenge,
    Checks,
    Refusal,
    Standing,
    Verdict,
    local_day,
    person_says,
    published,
    unknown_number,
)
from recoup.sandbox.core.operations import Operation, OperationState
from recoup.sandbox.core.people import Person, moved_payday

REFUND_TAKES: Final = timedelta(hours=1)
"""How long a refund that does not end at once takes, in the world's time."""

_ANY: Final = "generic_decline"
_LAPSED: Final = "generic_decline"
"""No word says that a hold lapsed, since no issuer says it: it is just gone."""
_LATE: Final = {
    FaultKind.LATE_DECLINE: OperationState.DECLINED,
    FaultKind.LATE_APPROVAL: OperationState.APPROVED,
}


@dataclass(frozen=True, slots=True)
class Decided:
    """A charge as it now stands, and the account after it (None: as it was)."""

    operation: Operation
    standing: Standing | None = None


def overruled(charge: Operation, card: Card, standing: Standing, *, fault: Fault, now: datetime) -> Decided:
    """What a fault in the decision makes of a charge, in its issuer's place."""
    verdict = _overruling(charge, card, fault, now=now)
    outcome = with_verdict(charge, verdict)
    if late := _LATE.get(fault.kind):
        due_at = now + timedelta(seconds=fault.delay_s)
        outcome = replace(outcome, state=OperationState.PENDING, due_at=due_at, due_state=late)
    if not isinstance(verdict, Approval):
        return Decided(outcome)
    return Decided(outcome, after_approval(card, standing, held=verdict.held, now=now))


def lapsing(charge: Operation, *, at: datetime) -> Operation:
    """A held charge that lapses at a moment: from then on it is declined, as if it never was approved. What it held of
    a cardholder's balance is there again on payday."""
    said = codes(_LAPSED, charge.brand or "")
    return replace(
        charge,
        due_at=at,
        due_state=OperationState.DECLINED,
        decline_code=said.code,
        network_code=said.network_code,
        advice_code=said.advice_code,
    )


def verified(question: Operation) -> Operation:
    """A verification as it ends, or waits: a customer who must authenticate can only where there is a way back."""
    if question.state is not OperationState.REQUIRES_ACTION or question.return_url is not None:
        return question
    return with_verdict(question, Refusal(codes("authentication_required", question.brand or "")))


def given_back(card: Card, standing: Standing, amount: Money, *, now: datetime) -> Standing:
    """The account after some of a charge was let go of or refunded."""
    if not isinstance(card, Person):
        return standing
    return released(card, standing, convert(amount, card.currency), now=now)


def released(card: Card, standing: Standing, held: int, *, now: datetime) -> Standing:
    """The account after what was held, in its own currency, was let go of."""
    if not isinstance(card, Person):
        return standing
    there = balance(living(card, standing), standing.known, now)
    return replace(standing, known=Balance(there.minor + held, now))


def refund_course(
    card: Card, fault: Fault | None, *, now: datetime
) -> tuple[OperationState, datetime | None]:
    """The state in which a refund begins, and when it becomes `refund_end` of that (None: it stays)."""
    if fault is not None and fault.kind is FaultKind.REFUND_FAILURE:
        if not fault.delay_s:
            return OperationState.FAILED, None
        return OperationState.DONE, now + timedelta(seconds=fault.delay_s)
    match card.refund if isinstance(card, PublishedCard) else RefundCourse.AT_ONCE:
        case RefundCourse.AT_ONCE:
            return OperationState.DONE, None
        case RefundCourse.PENDING_FIRST:
            return OperationState.PENDING, now + REFUND_TAKES
        case RefundCourse.FAILS_LATER:
            return OperationState.DONE, now + REFUND_TAKES


def refund_end(beginning: OperationState) -> OperationState:
    """What a refund that does not end at once becomes: one that was pending is done, one that was done fails."""
    return OperationState.DONE if beginning is OperationState.PENDING else OperationState.FAILED


def living(who: Person, standing: Standing) -> Person:
    """The person with the paydays that hold for them now."""
    if standing.payday_anchor is None or standing.payday_since is None:
        return who
    return moved_payday(who, anchor=standing.payday_anchor, since=standing.payday_since)


def fault_codes(fault: Fault, brand: str, *, now: datetime) -> Codes:
    """What a decline that somebody asked for says: the codes that they named, and fitting ones beside them."""
    fitting = codes(fault.decline_code or _word_beside(fault.network_code, brand, now=now), brand)
    raw = fault.network_code or fault.advice_code
    return Codes(
        fitting.code,
        fault.network_code or fitting.network_code,
        fault.advice_code if raw else fitting.advice_code,
    )


def _word_beside(network_code: str | None, brand: str, *, now: datetime) -> str:
    """The processor's word where only a network code was asked for."""
    network = brand if brand in NETWORKS else "iso8583"
    unknown = network_code is not None and meaning(network, network_code, now.date()) is None
    return UNHEARD_OF.code if unknown else _ANY


def says(card: Card, standing: Standing, asked: Asked) -> Verdict:
    """What the card's issuer says."""
    match card:
        case UnknownCard():
            return unknown_number(card.brand)
        case ModelledCard():
            return unknown_number(card.facts.brand)  # unless its world has a model, which is asked elsewhere
        case PublishedCard():
            return published(card, asked, set_up=standing.set_up)
        case Person():
            return person_says(living(card, standing), standing, asked)


def _overruling(charge: Operation, card: Card, fault: Fault, *, now: datetime) -> Approval | Refusal:
    if fault.kind is FaultKind.LATE_APPROVAL:
        held = convert(charge.money, card.currency) if isinstance(card, Person) else 0
        return Approval(Checks(), held=held)
    return Refusal(fault_codes(fault, charge.brand or "", now=now))


def with_verdict(charge: Operation, verdict: Verdict, *, network_id: str | None = None) -> Operation:
    """The charge after its issuer's verdict; `network_id` is the network's name for it, where it gave one."""
    match verdict:
        case Challenge():
            return replace(charge, state=OperationState.REQUIRES_ACTION)
        case Refusal(said, checks):
            return replace(
                _checked(charge, checks),
                state=OperationState.DECLINED,
                decline_code=said.code,
                network_code=said.network_code,
                advice_code=said.advice_code,
            )
        case Approval(checks, held):
            return replace(
                _checked(charge, checks),
                state=OperationState.APPROVED,
                held=held,
                network_transaction_id=network_id
                or network_transaction_id(charge.brand or "", charge.reference, at=charge.created_at),
            )


def _checked(charge: Operation, checks: Checks) -> Operation:
    return replace(
        charge,
        cvc_check=checks.cvc,
        postal_code_check=checks.postal_code,
        address_check=checks.address,
    )


def after_approval(
    card: Card, standing: Standing, *, held: int, now: datetime, set_up: bool = False
) -> Standing:
    """The account after an approval; `set_up` where its customer authenticated."""
    after = replace(standing, set_up=standing.set_up or set_up)
    if not isinstance(card, Person):
        return after
    day = local_day(card, now)
    there = balance(living(card, standing), standing.known, now)
    payments = standing.day_payments + 1 if standing.day == day else 1
    return replace(after, known=Balance(there.minor - held, now), day=day, day_payments=payments)


def after_check(standing: Standing, *, set_up: bool) -> Standing:
    """The account after a card was found good: nothing is held, but its customer may have authenticated."""
    return replace(standing, set_up=standing.set_up or set_up)


def network_transaction_id(brand: str, reference: str, *, at: datetime) -> str:
    """What the card network calls an approval: 15 digits at Visa, 9 signs and the day at Mastercard.

    The digits never pass the check of card numbers, so that nobody takes them for one.
    """
    if brand == "mastercard":
        return f"MCC{digits(6, 'network', reference)}{at:%m%d}"
    beginning = digits(14, "network", reference)
    return f"{beginning}{(check_digit(beginning) + 1) % len(LUHN_SUMS)}"
