"""Captures, cancellations and refunds: each decides over the same charge, so each locks it first."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from recoup.db import Connection
from recoup.sandbox import answers, store
from recoup.sandbox.answers import Answer
from recoup.sandbox.chain.acquirers import Acquirers
from recoup.sandbox.chain.messages import Advice
from recoup.sandbox.core import operations
from recoup.sandbox.core.cardfile import named
from recoup.sandbox.core.charges import refund_course, refund_end
from recoup.sandbox.core.codes import codes
from recoup.sandbox.core.faults import Fault, FaultKind, Verb
from recoup.sandbox.core.operations import (
    CHANGES_MAX,
    Book,
    Operation,
    OperationKind,
    OperationState,
    Refused,
    book,
)
from recoup.sandbox.flow.asking import given_back, reversal_by_key
from recoup.sandbox.flow.desk import Desk
from recoup.sandbox.flow.disputing import by_card, refunded_early
from recoup.sandbox.flow.telling import news_of

_KINDS: Final = {
    Verb.CAPTURE: OperationKind.CAPTURE,
    Verb.CANCEL: OperationKind.CANCELLATION,
    Verb.REFUND: OperationKind.REFUND,
}
_REFUSING: Final = frozenset({FaultKind.REFUSAL, FaultKind.REFUND_FAILURE})
_NOTHING: Final = Book(0)


Changed = tuple[Answer, Advice | None]
"""The answer, and what the issuer must be told of it when the transaction has ended."""


async def change(connection: Connection, desk: Desk, amount: int | None, *, network: Acquirers) -> Changed:
    """Capture, let go of or give back; `amount` None means all that is held. Raises `KeyTaken`."""
    charge = await store.lock_charge(
        connection,
        world_id=desk.world.id,
        processor=desk.incoming.processor,
        reference=desk.incoming.charge_reference,
    )
    if charge is None:
        return answers.NO_CHARGE, None
    fault = await desk.first_taken(connection, [each for each in desk.faults if each.kind in _REFUSING])
    waits = charge.state is OperationState.REQUIRES_ACTION
    if waits and desk.incoming.verb is Verb.CANCEL and fault is None:
        return await _called_off(connection, desk, charge, network=network)
    changes = await store.changes_of(connection, charge, world_id=desk.world.id)
    held = book(charge, changes, now=desk.now)
    wanted = held.capturable if amount is None else amount
    begun = _begun(desk, charge, wanted or charge.money.minor)
    refused = _refused(desk, charge, held, wanted, fault=fault, changes=len(changes))
    if refused is not None:
        return await desk.written(connection, _with(begun, OperationState.REFUSED, refused), _NOTHING), None
    done = _course(desk, charge, begun, fault)
    answer = await desk.written(connection, done, _NOTHING)
    if done.kind is not OperationKind.REFUND and charge.due_at is not None:
        await _lasts(connection, desk, charge)
    if not desk.incoming.by_link:
        await by_card(connection, desk.world, charge, done, now=desk.now)
        back = held.refunded + done.money.minor
        await refunded_early(connection, desk.world, charge, done, back=back, now=desk.now)
    frees = done.kind is not OperationKind.CAPTURE and done.state is not OperationState.FAILED
    if not frees or charge.account is None:
        return answer, None
    advice = given_back(charge, done, desk.world)
    await network.keep(connection, advice)
    return answer, advice


def _begun(desk: Desk, charge: Operation, amount: int) -> Operation:
    return replace(
        desk.begun(_KINDS[desk.incoming.verb], OperationState.DONE),
        charge_key=charge.key,
        charge_reference=charge.reference,
        amount=amount,
        currency=charge.currency,
    )


def _refused(
    desk: Desk, charge: Operation, held: Book, amount: int, *, fault: Fault | None, changes: int
) -> Refused | None:
    """Why a change is not carried out, or None."""
    if fault is not None and fault.kind is FaultKind.REFUSAL:
        return Refused(fault.decline_code or "refused", "This was asked for, by a fault.")
    if charge.state_at(desk.now) is not OperationState.APPROVED:
        return Refused("not_approved", "This charge is not approved.")
    if changes >= CHANGES_MAX:
        return Refused("too_many_changes", f"A charge can be changed {CHANGES_MAX} times.")
    match desk.incoming.verb:
        case Verb.CAPTURE:
            return operations.capture(held, amount, desk.processor)
        case Verb.CANCEL:
            return operations.cancellation(held)
        case Verb.REFUND:
            return operations.refund(held, amount)
        case _:
            raise AssertionError("not a change")


def _with(operation: Operation, state: OperationState, why: Refused) -> Operation:
    return replace(operation, state=state, decline_code=why.code, message=why.message)


def _course(desk: Desk, charge: Operation, begun: Operation, fault: Fault | None) -> Operation:
    """What becomes of a change that may be carried out: refunds can take their time, or fail."""
    if begun.kind is not OperationKind.REFUND:
        return begun
    card = named(charge.card or "", seed=desk.world.seed, born=desk.world.born)
    state, due_at = refund_course(card, fault, now=desk.now)
    failure = Refused(
        (fault.decline_code if fault else None) or "refund_failed",
        "The issuer would not take the money back.",
    )
    refund = _with(begun, state, failure)
    return replace(refund, due_at=due_at, due_state=refund_end(state)) if due_at else refund


async def _lasts(connection: Connection, desk: Desk, charge: Operation) -> None:
    """A hold that was captured or let go of does not lapse any more."""
    if charge.due_state is OperationState.DECLINED and charge.state is OperationState.APPROVED:
        await store.keep_hold(connection, charge, world_id=desk.world.id)
        await store.take_back(connection, world_id=desk.world.id, about=charge.reference, after=desk.now)


async def _called_off(
    connection: Connection, desk: Desk, charge: Operation, *, network: Acquirers
) -> Changed:
    """Let go of a charge whose customer has not authenticated."""
    advice = await _end(connection, desk, charge, network=network)
    return await desk.written(connection, _begun(desk, charge, charge.money.minor), _NOTHING), advice


async def call_off(connection: Connection, desk: Desk, *, network: Acquirers) -> Advice | None:
    """End the charge under the desk's own key where it waits for its customer."""
    reference = desk.begun(OperationKind.CHARGE, OperationState.PENDING).reference
    charge = await store.lock_charge(
        connection, world_id=desk.world.id, processor=desk.incoming.processor, reference=reference
    )
    if charge is None or charge.state is not OperationState.REQUIRES_ACTION:
        return None
    return await _end(connection, desk, charge, network=network)


async def _end(connection: Connection, desk: Desk, charge: Operation, *, network: Acquirers) -> Advice:
    """Nobody can authenticate this charge any more; who just does is not approved, or it is undone."""
    said = codes("authentication_not_handled", charge.brand or "")
    ended = replace(
        charge,
        state=OperationState.DECLINED,
        decline_code=said.code,
        network_code=said.network_code,
        advice_code=said.advice_code,
    )
    await store.settle(connection, ended, world_id=desk.world.id)
    if not desk.incoming.by_link:
        told = news_of(ended, desk.world, since=desk.now)
        await store.tell(connection, told, world_id=desk.world.id)
    advice = reversal_by_key(desk.world.id, charge.processor, charge.key, authenticated=True)
    await network.keep(connection, advice)
    return advice
