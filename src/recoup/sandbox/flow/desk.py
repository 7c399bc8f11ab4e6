"""A request on a processor's desk: what was sent, and all that was found out about it."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.kit.currencies import DECIMALS
from recoup.sandbox import answers, store
from recoup.sandbox.answers import Answer
from recoup.sandbox.cards import SAVED
from recoup.sandbox.core import keys
from recoup.sandbox.core.cardfile import Card, identify, named
from recoup.sandbox.core.chance import letters
from recoup.sandbox.core.faults import Fault, Request, Verb, matching
from recoup.sandbox.core.issuer import Standing
from recoup.sandbox.core.operations import Book, Operation, OperationKind, OperationState
from recoup.sandbox.core.processors import PROCESSORS, Processor, ProcessorName
from recoup.sandbox.flow.telling import news_of
from recoup.sandbox.store import Arrival, Sent, World
from recoup.sandbox.wire import (
    KEY_LENGTH_MAX,
    AcceptanceRequest,
    CancellationRequest,
    CardData,
    ChangeRequest,
    ChargeRequest,
    EvidenceRequest,
    VerificationRequest,
)

Asked = (
    ChargeRequest
    | VerificationRequest
    | ChangeRequest
    | CancellationRequest
    | EvidenceRequest
    | AcceptanceRequest
)
Body = Asked | None

_BODIES: Final[dict[Verb, type[Asked]]] = {
    Verb.CHARGE: ChargeRequest,
    Verb.VERIFY: VerificationRequest,
    Verb.CAPTURE: ChangeRequest,
    Verb.REFUND: ChangeRequest,
    Verb.CANCEL: CancellationRequest,
    Verb.SUBMIT_EVIDENCE: EvidenceRequest,
    Verb.ACCEPT_DISPUTE: AcceptanceRequest,
}
_PREFIXES: Final = {
    OperationKind.CHARGE: "ch_",
    OperationKind.VERIFICATION: "vf_",
    OperationKind.CAPTURE: "cp_",
    OperationKind.CANCELLATION: "cn_",
    OperationKind.REFUND: "rf_",
    OperationKind.WITHDRAWAL: "wd_",
}
_REFERENCE_LENGTH: Final = 26
YEAR_MAX: Final = 2099
_WORLD_LENGTH: Final = 26


class _Said(msgspec.Struct, frozen=True):
    """What an answer said of a charge."""

    id: str
    state: str


class KeyTaken(Exception):
    """Somebody else wrote under this key first: all that this request did is taken back."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came. `key` is our key: from the header, or from the path of a question about it.

    What came `by_link` is told to nobody: an acquirer's host sends no webhooks.
    """

    processor: ProcessorName
    verb: Verb
    path: str
    base_url: str
    key: str
    api_key: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    charge_reference: str = ""
    dispute_reference: str = ""
    query: str = field(default="", repr=False)
    by_link: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """A request with all that was found out about it. `secret` keys the world's digests."""

    incoming: Incoming
    world: World
    now: datetime
    secret: bytes = field(repr=False)
    body: Body = field(repr=False)
    faults: Sequence[Fault]
    sent: Sent | None

    @property
    def processor(self) -> Processor:
        """Whose desk it is."""
        return PROCESSORS[self.incoming.processor]

    def fingerprint(self) -> bytes:
        """What tells this request from another under the same key."""
        return keys.fingerprint(self.secret, path=self.incoming.path, body=self.incoming.body)

    def begun(self, kind: OperationKind, state: OperationState) -> Operation:
        """The operation that this request asks for, before anything is known of it."""
        incoming = self.incoming
        drawn = letters(_REFERENCE_LENGTH, self.secret, kind, incoming.processor, incoming.key)
        return Operation(
            processor=incoming.processor,
            key=incoming.key,
            epoch=self.world.epoch,
            kind=kind,
            state=state,
            reference=_PREFIXES[kind] + drawn,
            created_at=self.now,
        )

    def shown(self, operation: Operation, book: Book) -> Answer:
        """The answer that tells where an operation stands."""
        token = (
            keys.saved_token(self.secret, operation.reference) if operation.is_saved_at(self.now) else None
        )
        return answers.with_token(self._noted(operation, book), token)

    def _noted(self, operation: Operation, book: Book) -> Answer:
        """The same as it is written down."""
        return answers.shown(
            operation,
            book,
            base_url=self.incoming.base_url,
            token=token_of(self.world.id, operation.reference),
            now=self.now,
        )

    async def written(self, queries: Queries, operation: Operation, book: Book) -> Answer:
        """Write the operation down with its answer; raises `KeyTaken`."""
        noted = self._noted(operation, book)
        added = await store.add(
            queries,
            operation,
            world_id=self.world.id,
            fingerprint=self.fingerprint(),
            status=noted.status,
            answer=noted.body.decode(),
            news=() if self.incoming.by_link else news_of(operation, self.world),
        )
        if not added:
            raise KeyTaken
        return self.shown(operation, book)

    async def first_taken(self, queries: Queries, faults: Sequence[Fault]) -> Fault | None:
        """The first of these faults that is still to happen, and now does."""
        for fault in faults:
            if await store.take_fault(queries, fault, world_id=self.world.id):
                return fault
        return None

    def again(self, sent: Sent) -> Answer:
        """The answer that was given before, where the request is the same to the byte."""
        if sent.kind is OperationKind.WITHDRAWAL:
            return answers.WITHDRAWN
        if sent.fingerprint is None or not hmac.compare_digest(sent.fingerprint, self.fingerprint()):
            return answers.KEY_REUSED
        assert sent.status is not None and sent.answer is not None, "an operation is written with its answer"
        return answers.with_token(Answer(sent.status, sent.answer.encode()), self._token_then(sent.answer))

    def _token_then(self, answer: str) -> str | None:
        """The token that came with an answer."""
        if not isinstance(self.body, ChargeRequest | VerificationRequest) or not self.body.remember:
            return None
        said = msgspec.json.decode(answer, type=_Said)
        return keys.saved_token(self.secret, said.id) if said.state == "approved" else None


def laid_out(incoming: Incoming, arrival: Arrival, body: Body, *, at: datetime) -> Desk:
    """Put a request on the desk. `at` is the wall clock's time."""
    now = at + arrival.world.clock_offset
    charge = body if isinstance(body, ChargeRequest) else None
    request = Request(
        incoming.processor,
        incoming.verb,
        now,
        last4=charge.card.number[-4:] if charge and charge.card else None,
        merchant_reference=charge.merchant_reference if charge else None,
    )
    return Desk(
        incoming=incoming,
        world=arrival.world,
        now=now,
        secret=keys.derived(incoming.api_key),
        body=body,
        faults=matching(arrival.faults, request),
        sent=arrival.sent,
    )


def parsed(incoming: Incoming) -> Body | Answer:
    """What a request asks for, or why nobody can tell."""
    if not 0 < len(incoming.key) <= KEY_LENGTH_MAX:
        return answers.NO_KEY
    type_ = _BODIES.get(incoming.verb)
    if type_ is None:
        return None
    try:
        body = msgspec.json.decode(incoming.body or b"{}", type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answers.unprocessed(
            400, "invalid_request", "This is not what the wire's description asks for."
        )
    if isinstance(body, ChargeRequest | VerificationRequest):
        return _payable(body)
    return body


def _payable(body: ChargeRequest | VerificationRequest) -> Body | Answer:
    if body.currency not in DECIMALS:
        return answers.unprocessed(400, "invalid_request", "There is no such currency.")
    if (body.card is None) == (body.token is None):
        return answers.unprocessed(400, "invalid_request", "Send a card or a token.")
    return body


@dataclass(frozen=True, slots=True)
class Source:
    """The card that a request means, and what was said of it."""

    card: Card
    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cvc_given: bool


async def source_of(queries: Queries, desk: Desk, card: CardData | None, token: str | None) -> Source | None:
    """The card itself, or the one that the processor remembers; None where it remembers none of that name."""
    world = desk.world
    if card is not None:
        known = identify(card.number, seed=world.seed, born=world.born, secret=desk.secret)
        return Source(known, card.number, card.exp_month, card.exp_year, card.cvc is not None)
    if token in SAVED:
        everybody_s = SAVED[token]
        return Source(everybody_s, everybody_s.number, 12, YEAR_MAX, cvc_given=False)
    reference = keys.saved_under(desk.secret, token or "")
    if reference is None:
        return None
    saved = await store.saved(
        queries, world_id=world.id, processor=desk.incoming.processor, reference=reference
    )
    if saved is None or saved.epoch != world.epoch or not saved.is_saved_at(desk.now):
        return None
    assert saved.card and saved.exp_month and saved.exp_year, "what is remembered is a card"
    remembered = named(saved.card, seed=world.seed, born=world.born)
    return Source(remembered, remembered.number, saved.exp_month, saved.exp_year, cvc_given=False)


async def locked(connection: Connection, world: World, account: str | None) -> Standing:
    """How an account stands, so that nobody else changes it; where a card has none, nothing is remembered of it."""
    if account is None:
        return Standing()
    return await store.lock_account(connection, world_id=world.id, epoch=world.epoch, account=account)


async def write_account(
    connection: Connection, world: World, account: str | None, standing: Standing | None
) -> None:
    """Write down how a locked account stands, where that has changed."""
    if account is not None and standing is not None:
        await store.write_account(connection, standing, world_id=world.id, epoch=world.epoch, account=account)


def charge_reference(api_key: str, processor: ProcessorName, key: str) -> str:
    """What a processor calls the charge that came with this key."""
    secret = keys.derived(api_key)
    drawn = letters(_REFERENCE_LENGTH, secret, OperationKind.CHARGE, processor, key)
    return _PREFIXES[OperationKind.CHARGE] + drawn


def token_of(world_id: UUID, reference: str) -> str:
    """What opens the authentication page of a charge or verification: its world and its reference, which is hard to
    guess; of a charge without what all charges' begin with."""
    return keys.world_letters(world_id) + reference.removeprefix(_PREFIXES[OperationKind.CHARGE])


def of_token(token: str) -> tuple[UUID | None, str]:
    """The world and the reference in a token."""
    named = token[_WORLD_LENGTH:]
    reference = named if "_" in named else _PREFIXES[OperationKind.CHARGE] + named
    return keys.world_of_letters(token[:_WORLD_LENGTH]), reference
