"""What processors ask the card network and tell it: their operations as the chain's requests and advices."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from recoup.kit.money import Money
from recoup.sandbox.chain.acquirers import Acquirers
from recoup.sandbox.chain.bins import bank_of
from recoup.sandbox.chain.messages import (
    AUTHENTICATED,
    ISSUER_DOWN,
    NETWORK_SILENT,
    Advice,
    AdviceKind,
    Judgement,
    Request,
    not_available,
    wire_key,
)
from recoup.sandbox.core.cardfile import named
from recoup.sandbox.core.charges import with_verdict
from recoup.sandbox.core.faults import Fault, FaultKind
from recoup.sandbox.core.operations import Operation
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.store import World

_LEAST_S: Final = 0.1
_MARKS: Final = {FaultKind.ISSUER_DOWN: ISSUER_DOWN, FaultKind.NETWORK_SILENT: NETWORK_SILENT}


def request_for(
    operation: Operation,
    *,
    world_id: UUID,
    number: str,
    agreed: bool = False,
    authenticated: bool = False,
) -> Request:
    """A charge or verification as its issuer is asked about it."""
    assert operation.exp_month and operation.exp_year and operation.currency and operation.card, (
        "it has a card"
    )
    return Request(
        world_id=world_id,
        acquirer=operation.processor,
        key=_key(operation.key, authenticated=authenticated),
        card=operation.card,
        number=number,
        amount=Money(operation.amount or 0, operation.currency),
        exp_month=operation.exp_month,
        exp_year=operation.exp_year,
        cvc_given=bool(operation.cvc_given),
        postal_code_given=bool(operation.postal_code_given),
        by_merchant=bool(operation.by_merchant),
        agreed=agreed,
        authenticated=authenticated,
    )


async def asked(network: Acquirers, request: Request, fault: Fault | None) -> Judgement | None:
    """What the network answers, with a fault on the way; None where nobody knows."""
    if fault is None:
        return await network.authorise(request)
    within_s = max(fault.delay_s, _LEAST_S) if fault.kind is FaultKind.NETWORK_SILENT else None
    return await network.authorise(request, mark=_MARKS[fault.kind], within_s=within_s)


def judged(operation: Operation, judgement: Judgement | None) -> Operation:
    """The operation after its issuer's word. Where there was none it is declined, and must be reversed."""
    said = judgement or not_available(operation.brand or "")
    return with_verdict(operation, said.verdict, network_id=said.network_transaction_id)


def reversal(request: Request) -> Advice:
    """Whatever became of the request: it is undone, or will not be approved."""
    return Advice(
        kind=AdviceKind.REVERSED,
        world_id=request.world_id,
        acquirer=request.acquirer,
        key=request.key,
        issuer=_issuer(request.number),
        card=request.card,
        amount=request.amount,
    )


def reversal_by_key(
    world_id: UUID, processor: ProcessorName, key: str, *, authenticated: bool = False
) -> Advice:
    """The same, where no more than the key is known."""
    key = _key(key, authenticated=authenticated)
    return Advice(kind=AdviceKind.REVERSED, world_id=world_id, acquirer=processor, key=key)


def given_back(charge: Operation, change: Operation, world: World) -> Advice:
    """A charge was let go of or refunded, or a part of it."""
    card = named(charge.card or "", seed=world.seed, born=world.born)
    return Advice(
        kind=AdviceKind.GIVEN_BACK,
        world_id=world.id,
        acquirer=charge.processor,
        key=wire_key(change.key),
        issuer=_issuer(card.number),
        card=charge.card,
        amount=change.money,
    )


def _key(key: str, *, authenticated: bool) -> str:
    return wire_key(key) + (AUTHENTICATED if authenticated else "")


def _issuer(number: str) -> str | None:
    bank = bank_of(number)
    return bank.number if bank else None
