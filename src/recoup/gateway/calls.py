"""Drives a connector's exchange with a processor and answers with its meaning, whatever happens on the way.

It never raises for what a network, a processor or a connector can do. A charge whose request never left is
`Unprocessed`, and another processor may be asked; one that may have arrived is `Unknown`, and nothing is tried until
evidence comes (`wire` draws that line).

In an exchange of several requests the line is drawn the same way at each, though the gateway cannot tell which of them
moves money. That is safe because the one that does is the last (`connectors.base`, promise 1): where a request never
left, all before it were harmless, and none came after. A question about an attempt is `Unknown` whenever it fails, so
that a failed question can never read as "never processed".
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from ssl import SSLContext
from time import perf_counter
from types import TracebackType
from typing import Final, Generic, Self, TypeVar
from uuid import UUID

import structlog
from structlog.typing import FilteringBoundLogger

from recoup.connectors.base import (
    AcceptDispute,
    Account,
    Authentic,
    Change,
    Charge,
    Completion,
    Connector,
    Delivery,
    DisputePage,
    Exchange,
    Forged,
    HttpResponse,
    LinkRequest,
    ListDisputes,
    Notice,
    Question,
    ReadDispute,
    Request,
    SubmitEvidence,
    Undecided,
    Verification,
)
from recoup.gateway import verbs
from recoup.gateway.connection import Pace
from recoup.gateway.link import Links
from recoup.gateway.verbs import Verb
from recoup.gateway.wire import NeverLeft, NoAnswer, Received, Wire, place_of, without_secrets
from recoup.outcomes.core import (
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Unknown,
    Unprocessed,
    Withdrawn,
)

_log: Final[FilteringBoundLogger] = structlog.get_logger("recoup.gateway")
_level: Final = logging.getLogger("recoup.gateway")
"""Asked before a line for debugging is built: building it only to be dropped costs a tenth of a call."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """What a call came back with, and how long the processor took to say so."""

    outcome: T
    latency_ms: int


@dataclass(frozen=True, slots=True)
class _Meant(Generic[T]):
    """The connector's conclusion."""

    value: T


class Gateway:
    """Asks processors, each account within its own slots, so that a slow or dead one cannot hold up the others.

    `timeout_s` bounds a whole exchange (an account may want less), `connect_timeout_s` the making of a connection. With
    `in_flight_per_account_max` calls under way to one account, the next is answered at once, unsent. `now` is the wall
    clock's time, with which links sign on; `tls` stands in for the machine's own certificate authorities. `pace` is how
    links are kept, within the same two times.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        connect_timeout_s: float,
        in_flight_per_account_max: int,
        now: Callable[[], datetime],
        tls: SSLContext | None = None,
        pace: Pace | None = None,
    ) -> None:
        assert 0 < connect_timeout_s < timeout_s, "connecting must end first, to be told apart"
        assert in_flight_per_account_max > 0, "an account needs a slot"
        self._timeout_s = timeout_s
        self._in_flight_max = in_flight_per_account_max
        self._in_flight: Counter[UUID] = Counter()
        self._wire = Wire(connect_timeout_s=connect_timeout_s, tls=tls)
        self._links = Links(
            pace=replace(pace or Pace(), connect_timeout_s=connect_timeout_s), tls=tls, now=now
        )

    async def open(self) -> None:
        """Make ready to send, on the event loop that runs."""
        await self._wire.open()
        self._links.open()

    async def close(self) -> None:
        """Close every connection; what is still under way ends as unknown. Closing twice is fine."""
        await self._wire.close()
        await self._links.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def in_flight(self, account_id: UUID) -> int:
        """How many calls to this account are under way."""
        return self._in_flight[account_id]

    def noise(self, account_id: UUID) -> Mapping[str, int]:
        """How many messages that answered nothing were dropped on this account's links, by kind."""
        return self._links.noise(account_id)

    async def charge(
        self, connector: Connector, account: Account, charge: Charge, *, account_id: UUID
    ) -> Timed[Outcome]:
        """Take or hold money. The attempt has been committed as started before."""
        return await self._ask(
            verbs.CHARGE, connector, account, account_id, lambda: connector.charge(account, charge)
        )

    async def complete(
        self, connector: Connector, account: Account, completion: Completion, *, account_id: UUID
    ) -> Timed[Evidence | Unprocessed]:
        """Go on with a charge whose customer came back. That it was begun has been committed before.

        `Unprocessed`: nothing left, so the processor still waits for the customer.
        """
        return await self._ask(
            verbs.COMPLETE, connector, account, account_id, lambda: connector.complete(account, completion)
        )

    async def verify(
        self, connector: Connector, account: Account, verification: Verification, *, account_id: UUID
    ) -> Timed[Outcome]:
        """Ask whether a card or token is good, without taking money."""
        return await self._ask(
            verbs.VERIFY, connector, account, account_id, lambda: connector.verify(account, verification)
        )

    async def authenticate(
        self, connector: Connector, account: Account, delivery: Delivery, *, account_id: UUID
    ) -> Timed[Authentic | Forged | Undecided]:
        """Whether a webhook is the processor's; most connectors know without asking anybody."""
        return await self._ask(
            verbs.AUTHENTICATE,
            connector,
            account,
            account_id,
            lambda: connector.authenticate(account, delivery),
        )

    async def capture(
        self, connector: Connector, account: Account, change: Change, *, account_id: UUID
    ) -> Timed[FollowUp]:
        """Take some or all of what is held."""
        return await self._ask(
            verbs.CAPTURE, connector, account, account_id, lambda: connector.capture(account, change)
        )

    async def cancel(
        self, connector: Connector, account: Account, change: Change, *, account_id: UUID
    ) -> Timed[FollowUp]:
        """Let go of what is still held."""
        return await self._ask(
            verbs.CANCEL, connector, account, account_id, lambda: connector.cancel(account, change)
        )

    async def refund(
        self, connector: Connector, account: Account, change: Change, *, account_id: UUID
    ) -> Timed[FollowUp]:
        """Give back some or all of what was taken."""
        return await self._ask(
            verbs.REFUND, connector, account, account_id, lambda: connector.refund(account, change)
        )

    async def submit_evidence(
        self, connector: Connector, account: Account, asked: SubmitEvidence, *, account_id: UUID
    ) -> Timed[FollowUp]:
        """Hand in evidence in a dispute. That it is being handed in has been committed before."""
        return await self._ask(
            verbs.SUBMIT, connector, account, account_id, lambda: connector.submit_evidence(account, asked)
        )

    async def accept_dispute(
        self, connector: Connector, account: Account, asked: AcceptDispute, *, account_id: UUID
    ) -> Timed[FollowUp]:
        """Give the disputed money up. That this was decided has been committed before."""
        return await self._ask(
            verbs.ACCEPT, connector, account, account_id, lambda: connector.accept_dispute(account, asked)
        )

    async def list_disputes(
        self, connector: Connector, account: Account, asked: ListDisputes, *, account_id: UUID
    ) -> Timed[DisputePage | Unknown]:
        """Ask for a page of disputes."""
        return await self._ask(
            verbs.LIST, connector, account, account_id, lambda: connector.list_disputes(account, asked)
        )

    async def read_dispute(
        self, connector: Connector, account: Account, asked: ReadDispute, *, account_id: UUID
    ) -> Timed[Notice | Unknown]:
        """Ask where a dispute stands."""
        return await self._ask(
            verbs.READ, connector, account, account_id, lambda: connector.read_dispute(account, asked)
        )

    async def lookup(
        self, connector: Connector, account: Account, question: Question, *, account_id: UUID
    ) -> Timed[Evidence]:
        """Ask what became of a charge."""
        return await self._ask(
            verbs.LOOKUP, connector, account, account_id, lambda: connector.lookup(account, question)
        )

    async def lookup_change(
        self, connector: Connector, account: Account, question: Question, *, account_id: UUID
    ) -> Timed[FollowUpEvidence]:
        """Ask what became of a capture, cancellation or refund."""
        return await self._ask(
            verbs.LOOKUP_CHANGE,
            connector,
            account,
            account_id,
            lambda: connector.lookup_change(account, question),
        )

    async def withdraw(
        self, connector: Connector, account: Account, question: Question, *, account_id: UUID
    ) -> Timed[Evidence | Withdrawn]:
        """Make sure that a charge nobody can find never happens."""
        return await self._ask(
            verbs.WITHDRAW, connector, account, account_id, lambda: connector.withdraw(account, question)
        )

    async def withdraw_change(
        self, connector: Connector, account: Account, question: Question, *, account_id: UUID
    ) -> Timed[FollowUpEvidence | Withdrawn]:
        """Make sure that a capture, cancellation or refund nobody can find never happens."""
        return await self._ask(
            verbs.WITHDRAW_CHANGE,
            connector,
            account,
            account_id,
            lambda: connector.withdraw_change(account, question),
        )

    async def _ask(
        self,
        verb: Verb[T],
        connector: Connector,
        account: Account,
        account_id: UUID,
        begin: Callable[[], Exchange[T]],
    ) -> Timed[T]:
        if self._in_flight[account_id] >= self._in_flight_max:
            return Timed(verb.never_left("not sent: the processor account is at capacity"), 0)
        self._in_flight[account_id] += 1
        started = perf_counter()
        exchange = _begun(begin)
        try:
            usual_s = min(account.timeout_s or self._timeout_s, self._timeout_s)
            deadline = started + usual_s * verb.patience
            end = await self._converse(
                verb, exchange, connector=connector.name, account_id=account_id, deadline=deadline
            )
        finally:
            self._leave(account_id)
            with suppress(Exception):
                exchange.close()
        return Timed(_in_terms_of(verb, end), round((perf_counter() - started) * 1000))

    def _leave(self, account_id: UUID) -> None:
        self._in_flight[account_id] -= 1
        if not self._in_flight[account_id]:
            del self._in_flight[account_id]

    async def _converse(
        self, verb: Verb[T], exchange: Exchange[T], *, connector: str, account_id: UUID, deadline: float
    ) -> _Meant[T] | NeverLeft | NoAnswer:
        """Carry requests and replies between connector and processor until one of them has no more to say."""
        said = _step(verb, exchange, None, connector=connector)
        if verb.name == verbs.COMPLETE.name and isinstance(said, _Meant) and isinstance(said.value, Unknown):
            return NeverLeft(said.value.why)  # the connector saw that there was nothing to send
        for _ in range(verb.requests_max):
            if not isinstance(said, Request):
                return said
            started = perf_counter()
            left_s = deadline - started
            if isinstance(said, LinkRequest):
                received = await self._links.send(said, account_id=account_id, left_s=left_s)
            else:
                received = await self._wire.send(said, left_s=left_s)
            _note(said, received, connector=connector, verb=verb.name, started=started)
            if not isinstance(received, HttpResponse):
                return received
            said = _step(verb, exchange, received, connector=connector)
        if isinstance(said, Request):
            return NoAnswer(f"the exchange did not end within {verb.requests_max} requests")
        return said


def _note(request: Request, received: Received, *, connector: str, verb: str, started: float) -> None:
    if not _level.isEnabledFor(logging.DEBUG):
        return
    _log.debug(
        "processor_request",
        connector=connector,
        verb=verb,
        method=request.method,
        url=without_secrets(request.url),
        answer=received.status if isinstance(received, HttpResponse) else received.why,
        ms=round((perf_counter() - started) * 1000),
    )


def _begun(begin: Callable[[], Exchange[T]]) -> Exchange[T]:
    """The exchange, begun only when it is first stepped, so that whatever breaks does so inside `_step`."""
    return (yield from begin())


def _step(
    verb: Verb[T], exchange: Exchange[T], reply: HttpResponse | None, *, connector: str
) -> Request | _Meant[T] | NeverLeft | NoAnswer:
    """Let the connector think once. What it breaks, and an answer that its verb must not give, end the exchange."""
    try:
        said: object = next(exchange) if reply is None else exchange.send(reply)
    except StopIteration as end:
        value: T = end.value
        if isinstance(value, verb.answers):
            return _Meant(value)
        bug = f"answered {type(value).__name__}"
    except Exception as error:  # noqa: BLE001 - a connector's bug must not become an exception of ours
        bug = place_of(error)
    else:
        if isinstance(said, Request):
            return said
        bug = f"yielded {type(said).__name__}"
    _log.error("connector_bug", connector=connector, verb=verb.name, bug=bug)
    why = f"the connector failed: {bug}"
    return NeverLeft(why) if reply is None else NoAnswer(why)


def _in_terms_of(verb: Verb[T], end: _Meant[T] | NeverLeft | NoAnswer) -> T:
    match end:
        case _Meant(value):
            return value
        case NeverLeft(why):
            return verb.never_left(why)
        case NoAnswer(why):
            return verb.no_answer(why)
