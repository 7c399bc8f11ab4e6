"""A charge or a verification: the card is recognised, the issuer asked, and the answer written down."""

from __future__ import annotations

from dataclasses import replace

from recoup.db import Connection, Database
from recoup.kit.money import Money
from recoup.sandbox import answers
from recoup.sandbox.answers import Answer
from recoup.sandbox.core.cardfile import account_of, facts_of, name_of
from recoup.sandbox.core.charges import asked_about, decided, verified
from recoup.sandbox.core.faults import OVERRULING
from recoup.sandbox.core.issuer import Asked, Standing
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState, book
from recoup.sandbox.flow.desk import Desk, Source, locked, source_of, write_account
from recoup.sandbox.wire import ChargeRequest, VerificationRequest


async def charge(database: Database, desk: Desk, wanted: ChargeRequest) -> Answer:
    """Take or hold money; raises `KeyTaken` where the key came before."""
    source = await source_of(database, desk, wanted.card, wanted.token)
    if source is None:
        return answers.NO_TOKEN
    card, facts = source.card, facts_of(source.card)
    if not desk.processor.takes(currency=wanted.currency, brand=facts.brand, country=facts.country):
        return answers.NOT_SUPPORTED
    account = account_of(card)
    begun = _begun(desk, wanted, source)
    asked = replace(
        asked_about(begun, desk.processor, now=desk.now), agreed=wanted.network_transaction_id is not None
    )
    overruling = [fault for fault in desk.faults if fault.kind in OVERRULING]
    if account is None and not overruling:
        # Nothing but the operation is written: one statement, which is a transaction by itself.
        operation = decided(begun, card, Standing(), asked=asked).operation
        return await desk.written(database, operation, book(operation, (), now=desk.now))

    async def work(connection: Connection) -> Answer:
        standing = await locked(connection, desk.world, account)
        fault = await desk.first_taken(connection, overruling)
        after = decided(begun, card, standing, asked=asked, fault=fault)
        answer = await desk.written(connection, after.operation, book(after.operation, (), now=desk.now))
        await write_account(connection, desk.world, account, after.standing)
        return answer

    return await database.retrying(work)


async def verify(database: Database, desk: Desk, wanted: VerificationRequest) -> Answer:
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
    )
    asked = Asked(
        processor=desk.processor,
        amount=Money(0, wanted.currency),
        exp_month=source.exp_month,
        exp_year=source.exp_year,
        cvc_given=source.cvc_given,
        postal_code_given=wanted.postal_code is not None,
        by_merchant=False,
        now=desk.now,
    )

    async def work(connection: Connection) -> Answer:
        standing = await locked(connection, desk.world, begun.account)
        after = verified(begun, source.card, standing, asked=asked)
        return await desk.written(connection, after, book(after, (), now=desk.now))

    return await database.retrying(work)


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
        return_url=wanted.return_url,
    )
