"""A charge or a verification: the card is recognised, its issuer asked, and the answer written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from recoup.db import Connection, Database, Overloaded
from recoup.sandbox import answers
from recoup.sandbox.answers import Answer
from recoup.sandbox.chain.acquirers import Acquirers
from recoup.sandbox.chain.messages import AMOUNT_MAX, Judgement, Request
from recoup.sandbox.core.cardfile import account_of, facts_of, name_of, opens_by_form
from recoup.sandbox.core.charges import lapsing, overruled, verified, with_verdict
from recoup.sandbox.core.codes import codes
from recoup.sandbox.core.faults import ON_THE_NETWORK, OVERRULING, FaultKind
from recoup.sandbox.core.issuer import Refusal
from recoup.sandbox.core.operations import Book, Operation, OperationKind, OperationState, book
from recoup.sandbox.flow.asking import asked, judged, request_for, reversal
from recoup.sandbox.flow.desk import Desk, Source, locked, source_of, write_account
from recoup.sandbox.flow.disputing import by_card, course_by_card
from recoup.sandbox.wire import ChargeRequest, VerificationRequest


async def charge(database: Database, desk: Desk, wanted: ChargeRequest, *, network: Acquirers) -> Answer:
    """Take or hold money; raises `KeyTaken` where the key came before."""
    source = await source_of(database, desk, wanted.card, wanted.token)
    if source is None:
        return answers.NO_TOKEN
    facts = facts_of(source.card)
    if not desk.processor.takes(currency=wanted.currency, brand=facts.brand, country=facts.country):
        return answers.NOT_SUPPORTED
    begun = _begun(desk, wanted, source)
    if wanted.amount > AMOUNT_MAX:
        refused = with_verdict(begun, Refusal(codes("invalid_amount", facts.brand)))
        return await desk.written(database, refused, book(refused, (), now=desk.now))
    if answer := await _overruled(database, desk, begun, source):
        return answer
    request = request_for(
        begun,
        world_id=desk.world.id,
        number=source.number,
        agreed=wanted.network_transaction_id is not None,
    )
    if wanted.authentication is not None:
        # Not the second question about a charge that waited: it is the first, under the charge's own key.
        request = replace(request, authenticated=True)
    on_the_way = [fault for fault in desk.faults if fault.kind in ON_THE_NETWORK]
    judgement = await asked(network, request, await desk.first_taken(database, on_the_way))
    try:
        return await _settled(database, desk, begun, request, judgement, network=network)
    except Overloaded:
        # The issuer has decided, so "nothing was done" would be no promise that anybody can keep.
        return answers.BUSY_SINCE


async def _settled(
    database: Database,
    desk: Desk,
    begun: Operation,
    request: Request,
    judgement: Judgement | None,
    *,
    network: Acquirers,
) -> Answer:
    """Write down what the issuer said; where nobody knows, a decline, and the reversal that makes it true."""
    operation = judged(begun, judgement)
    shown = book(operation, (), now=desk.now)
    if judgement is not None:
        if operation.decline_code == "duplicate_transaction":
            return answers.KEY_REUSED
        operation = await _lapsing(database, desk, operation)
        return await _written(database, desk, operation, shown)
    undone = reversal(request)

    async def work(connection: Connection) -> Answer:
        answer = await desk.written(connection, operation, shown)
        await network.keep(connection, undone)
        return answer

    answer = await database.retrying(work)
    await network.tell(undone)
    return answer


async def _lapsing(database: Database, desk: Desk, charge: Operation) -> Operation:
    """A hold that will be let go of, where a fault says so, unless some of it is captured before."""
    lapses = [fault for fault in desk.faults if fault.kind is FaultKind.HOLD_EXPIRY]
    if charge.capture or charge.state is not OperationState.APPROVED or not lapses:
        return charge
    fault = await desk.first_taken(database, lapses)
    return charge if fault is None else lapsing(charge, at=desk.now + timedelta(seconds=fault.delay_s))


async def _written(database: Database, desk: Desk, operation: Operation, shown: Book) -> Answer:
    """Write a charge down, and with it the dispute that its card is known for."""
    if desk.incoming.by_link or not course_by_card(operation, operation, desk.world, now=desk.now):
        return await desk.written(database, operation, shown)

    async def work(connection: Connection) -> Answer:
        answer = await desk.written(connection, operation, shown)
        await by_card(connection, desk.world, operation, operation, now=desk.now)
        return answer

    return await database.retrying(work)


async def _overruled(database: Database, desk: Desk, begun: Operation, source: Source) -> Answer | None:
    """What a fault makes of the charge in its issuer's place; None where none does."""
    overruling = [fault for fault in desk.faults if fault.kind in OVERRULING]
    if not overruling:
        return None

    async def work(connection: Connection) -> Answer | None:
        standing = await locked(connection, desk.world, begun.account)
        fault = await desk.first_taken(connection, overruling)
        if fault is None:
            return None
        after = overruled(begun, source.card, standing, fault=fault, now=desk.now)
        answer = await desk.written(connection, after.operation, book(after.operation, (), now=desk.now))
        await write_account(connection, desk.world, begun.account, after.standing)
        return answer

    return await database.retrying(work)


async def verify(
    database: Database, desk: Desk, wanted: VerificationRequest, *, network: Acquirers
) -> Answer:
    """Ask a card's issuer whether it is good; raises `KeyTaken` where the key came before."""
    source = await source_of(database, desk, wanted.card, wanted.token)
    if source is None:
        return answers.NO_TOKEN
    facts = facts_of(source.card)
    if not desk.processor.takes(currency=wanted.currency, brand=facts.brand, country=facts.country):
        return answers.NOT_SUPPORTED
    begun = replace(
        _of_source(desk.begun(OperationKind.VERIFICATION, OperationState.PENDING), source),
        currency=wanted.currency,
        postal_code_given=wanted.postal_code is not None,
        remember=wanted.remember,
        return_url=wanted.return_url,
    )
    judgement = await network.authorise(request_for(begun, world_id=desk.world.id, number=source.number))
    after = verified(judged(begun, judgement))
    return await desk.written(database, after, book(after, (), now=desk.now))


def _of_source(operation: Operation, source: Source) -> Operation:
    facts = facts_of(source.card)
    return replace(
        operation,
        card=name_of(source.card),
        brand=facts.brand,
        country=facts.country,
        account=account_of(source.card),
        exp_month=source.exp_month,
        exp_year=source.exp_year,
        cvc_given=source.cvc_given,
    )


def _begun(desk: Desk, wanted: ChargeRequest, source: Source) -> Operation:
    by_form = opens_by_form(name_of(source.card))
    return replace(
        _of_source(desk.begun(OperationKind.CHARGE, OperationState.PENDING), source),
        order_key=wanted.order,
        merchant_reference=wanted.merchant_reference,
        amount=wanted.amount,
        currency=wanted.currency,
        capture=wanted.capture,
        by_merchant=wanted.initiator == "merchant",
        remember=wanted.remember,
        postal_code_given=wanted.postal_code is not None,
        return_url=wanted.callback_url if by_form and wanted.callback_url else wanted.return_url,
    )
