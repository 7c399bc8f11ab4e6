"""A charge: the card is recognised, the issuer asked, and the answer written down together with the account."""

from __future__ import annotations

from dataclasses import replace

from recoup.db import Connection, Database
from recoup.sandbox import answers
from recoup.sandbox.answers import Answer
from recoup.sandbox.core.cardfile import Card, account_of, facts_of, identify, name_of
from recoup.sandbox.core.charges import asked_about, decided
from recoup.sandbox.core.faults import OVERRULING
from recoup.sandbox.core.issuer import Standing
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState, book
from recoup.sandbox.flow.desk import Desk, locked, write_account
from recoup.sandbox.wire import ChargeRequest


async def charge(database: Database, desk: Desk, wanted: ChargeRequest) -> Answer:
    """Take or hold money; raises `KeyTaken` where the key came before."""
    card = identify(wanted.card.number, seed=desk.world.seed, born=desk.world.born, secret=desk.secret)
    facts = facts_of(card)
    if not desk.processor.takes(currency=wanted.currency, brand=facts.brand, country=facts.country):
        return answers.NOT_SUPPORTED
    account = account_of(card)
    begun = _begun(desk, wanted, card)
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


def _begun(desk: Desk, wanted: ChargeRequest, card: Card) -> Operation:
    facts = facts_of(card)
    return replace(
        desk.begun(OperationKind.CHARGE, OperationState.PENDING),
        order_key=wanted.order,
        merchant_reference=wanted.merchant_reference,
        amount=wanted.amount,
        currency=wanted.currency,
        capture=wanted.capture,
        by_merchant=wanted.initiator == "merchant",
        card=name_of(card),
        brand=facts.brand,
        country=facts.country,
        account=account_of(card),
        exp_month=wanted.card.exp_month,
        exp_year=wanted.card.exp_year,
        cvc_given=wanted.card.cvc is not None,
        postal_code_given=wanted.postal_code is not None,
        return_url=wanted.return_url,
    )
