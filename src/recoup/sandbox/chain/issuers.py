"""Issuers: they decide over a payment, and move the account, in one transaction with a record of it.

An issuer does everything once by its key: the same 0100 again is answered from the record, a reversal gives back what
was held once, and one that comes first makes sure that what it reverses is refused. All issuers of a world keep one
book of records, so a reversal that knows no more than a key finds it at any of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from recoup.connectors.base import iso8583
from recoup.connectors.base.iso8583 import Message
from recoup.db import Connection, Database, Queries
from recoup.kit.clock import Clock
from recoup.sandbox.chain import store
from recoup.sandbox.chain.messages import (
    Advice,
    AdviceKind,
    Judgement,
    Request,
    advice_of,
    answer_message,
    request_of,
    said,
)
from recoup.sandbox.chain.modelled import Models
from recoup.sandbox.chain.store import Known, Record, RecordState
from recoup.sandbox.core.cardfile import Card, ModelledCard, account_of, brand_of, identify, named
from recoup.sandbox.core.charges import (
    after_approval,
    after_check,
    given_back,
    network_transaction_id,
    released,
    says,
)
from recoup.sandbox.core.codes import codes
from recoup.sandbox.core.exchange import convert
from recoup.sandbox.core.issuer import Approval, Checks, Refusal, Standing, Verdict
from recoup.sandbox.core.people import Person
from recoup.sandbox.store import World, lock_account, write_account

_NOT_UNDERSTOOD: Final = "30"
_SEEN_BEFORE: Final = "duplicate_transaction"
_UNDONE: Final = "no_action_taken"
_NOBODY: Final = b""


class Issuer:
    """Answers what the network asks and tells."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._models = Models(database)

    async def signed_on(self, message: Message) -> bool:
        """Whoever reaches an issuer is the network."""
        return message["t"] == "0800"

    async def answer(self, message: Message) -> Message | None:
        """The answer to an authorisation or an advice."""
        if message["t"] in ("0100", "0101"):
            request = request_of(message)
            if request is None:
                return iso8583.reply(message, _NOT_UNDERSTOOD)
            return answer_message(message, await self.authorised(request))
        advice = advice_of(message)
        if advice is None or not await self.advised(advice):
            return iso8583.reply(message, _NOT_UNDERSTOOD)
        return iso8583.reply(message, iso8583.APPROVED)

    async def authorised(self, request: Request) -> dict[str, str]:
        """What is said to a request; the same every time."""
        known = await self._known(request)
        if known is None:
            return said(_refusal("invalid_merchant", request))
        if known.record is None:
            answer = await self._decided(request, known.world)
            if answer is not None:
                return answer
            known = await self._known(request)
        assert known is not None and known.record is not None, "somebody else has answered"
        return _again(known.record, request)

    async def advised(self, advice: Advice) -> bool:
        """Carry out what an advice tells, once; whether there is such a world."""
        known = await self._known(advice)
        if known is None:
            return False
        now = self._clock.now() + known.world.clock_offset
        match advice.kind:
            case AdviceKind.STOOD_IN:
                work = _stood_in
            case AdviceKind.GIVEN_BACK:
                work = _gave_back
            case AdviceKind.REVERSED:
                work = _reversed
        await self._database.retrying(lambda connection: work(connection, advice, known.world, now=now))
        return True

    async def _known(self, about: Request | Advice) -> Known | None:
        return await store.known(
            self._database, world_id=about.world_id, acquirer=about.acquirer, key=about.key
        )

    async def _decided(self, request: Request, world: World) -> dict[str, str] | None:
        """Decide; None where somebody else has answered the same meanwhile."""
        now = self._clock.now() + world.clock_offset
        card = identify(request.number, seed=world.seed, born=world.born, secret=_NOBODY)
        account = account_of(card)
        if account is None:
            judgement = _judged(request, card, Standing(), now=now)
            record = _record(request, world, judgement, account=None)
            return record.said if await _added(self._database, record, request, now=now) else None

        if isinstance(card, ModelledCard):
            await self._models.prepare(world)

        async def work(connection: Connection) -> dict[str, str] | None:
            standing = await lock_account(connection, world_id=world.id, epoch=world.epoch, account=account)
            modelled = await self._modelled(connection, request, world, card, now=now)
            judgement = _judged(request, card, standing, now=now, modelled=modelled)
            record = _record(request, world, judgement, account=account)
            if not await _added(connection, record, request, now=now):
                return None
            if isinstance(judgement.verdict, Approval):
                set_up = request.authenticated and not request.by_merchant
                if request.checks_only:
                    after = after_check(standing, set_up=set_up)
                else:
                    after = after_approval(
                        card, standing, held=judgement.verdict.held, now=now, set_up=set_up
                    )
                await write_account(connection, after, world_id=world.id, epoch=world.epoch, account=account)
            return record.said

        return await self._database.retrying(work)

    async def _modelled(
        self, connection: Connection, request: Request, world: World, card: Card, *, now: datetime
    ) -> Verdict | None:
        """What the world's model says; None where it has nothing to say."""
        if not isinstance(card, ModelledCard):
            return None
        return await self._models.says(connection, request, world, card, now=now)


async def _stood_in(connection: Connection, advice: Advice, world: World, *, now: datetime) -> None:
    """The network approved in our place: the account is charged, unless we approved as well, or it was undone."""
    card = _card(advice, world)
    if card is None or advice.amount is None:
        return
    account = account_of(card)
    standing = Standing() if account is None else await _locked(connection, world, account)
    held = convert(advice.amount, card.currency) if isinstance(card, Person) else 0
    record = Record(
        state=RecordState.ANSWERED,
        epoch=world.epoch,
        card=advice.card,
        account=account,
        amount=advice.amount,
        held=held,
    )
    taken = await _added(connection, record, advice, now=now) or await store.overrule(
        connection, world_id=world.id, acquirer=advice.acquirer, key=advice.key, held=held
    )
    if taken and account is not None:
        after = after_approval(card, standing, held=held, now=now)
        await write_account(connection, after, world_id=world.id, epoch=world.epoch, account=account)


async def _gave_back(connection: Connection, advice: Advice, world: World, *, now: datetime) -> None:
    """A refund, or a part of a charge that was let go of: the account gets it."""
    card = _card(advice, world)
    account = None if card is None else account_of(card)
    if card is None or account is None or advice.amount is None:
        return
    record = Record(
        state=RecordState.TOLD,
        epoch=world.epoch,
        card=advice.card,
        account=account,
        amount=advice.amount,
        held=-convert(advice.amount, card.currency) if isinstance(card, Person) else 0,
    )
    if await _added(connection, record, advice, now=now):
        standing = await _locked(connection, world, account)
        after = given_back(card, standing, advice.amount, now=now)
        await write_account(connection, after, world_id=world.id, epoch=world.epoch, account=account)


async def _reversed(connection: Connection, advice: Advice, world: World, *, now: datetime) -> None:
    """What was held is given back (or what was given back, taken again), once; where nothing came yet, nothing will be
    approved under this key."""
    remembered = Record(state=RecordState.REVERSED, epoch=world.epoch)
    if await _added(connection, remembered, advice, now=now):
        return
    undone = await store.reverse(connection, world_id=world.id, acquirer=advice.acquirer, key=advice.key)
    if undone is None or not undone.held or undone.account is None or undone.epoch != world.epoch:
        return
    card = named(undone.card or "", seed=world.seed, born=world.born)
    standing = await _locked(connection, world, undone.account)
    after = released(card, standing, undone.held, now=now)
    await write_account(connection, after, world_id=world.id, epoch=world.epoch, account=undone.account)


async def _added(queries: Queries, record: Record, about: Request | Advice, *, now: datetime) -> bool:
    return await store.add(
        queries, record, world_id=about.world_id, acquirer=about.acquirer, key=about.key, now=now
    )


async def _locked(connection: Connection, world: World, account: str) -> Standing:
    return await lock_account(connection, world_id=world.id, epoch=world.epoch, account=account)


def _card(advice: Advice, world: World) -> Card | None:
    """The card of an advice, where somebody has it."""
    if advice.card is None or advice.card.startswith("unknown:"):
        return None
    return named(advice.card, seed=world.seed, born=world.born)


def _judged(
    request: Request, card: Card, standing: Standing, *, now: datetime, modelled: Verdict | None = None
) -> Judgement:
    verdict = modelled or says(card, standing, request.asked(now))
    if not isinstance(verdict, Approval):
        return Judgement(verdict)
    names = f"{request.world_id}/{request.acquirer}/{request.key}"
    return Judgement(verdict, network_transaction_id(brand_of(request.number), names, at=now))


def _record(request: Request, world: World, judgement: Judgement, *, account: str | None) -> Record:
    verdict = judgement.verdict
    return Record(
        state=RecordState.ANSWERED,
        epoch=world.epoch,
        card=request.card,
        account=account,
        amount=request.amount,
        held=verdict.held if isinstance(verdict, Approval) else None,
        said=said(judgement),
    )


def _again(record: Record, request: Request) -> dict[str, str]:
    """What is said to a request whose key came before."""
    if record.state is RecordState.REVERSED:
        return said(_refusal(_UNDONE, request))
    same = (record.amount, record.card) == (request.amount, request.card)
    if record.state is not RecordState.ANSWERED or not same:
        return said(_refusal(_SEEN_BEFORE, request))
    if record.said is None:
        return said(Judgement(Approval(Checks(), held=record.held or 0)))
    return record.said


def _refusal(word: str, request: Request) -> Judgement:
    return Judgement(Refusal(codes(word, brand_of(request.number))))
