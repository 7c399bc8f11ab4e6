"""The outbox: finds what is due, sends it, writes down what became of it, and never lets one endpoint hold up another.

Rounds take up events and claim lanes by lease; requests run beside each other, at most so many for one endpoint and in
all; what came back is written in groups, because a commit costs the same for one as for a hundred. An endpoint that
keeps failing is spoken to with one request at a time, and with pauses, and takes up no events meanwhile: it costs
the others next to nothing.

Between a request and the commit of its outcome a crash may fall: the lease ends, and the same bytes leave again
under the same id. That is the only way in which something is sent twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog

from recoup.db import Connection, Database, is_passing
from recoup.events.objects import event_body
from recoup.kit.clock import Clock
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.webhooks.core.deliveries import KEPT_FOR, Claimed, Tried
from recoup.webhooks.core.endpoints import Endpoint, Reason, Target, has_failed_for_good
from recoup.webhooks.core.schedule import IN_FLIGHT_MAX, WAITS, Again, Answered, Pace, Parked, after
from recoup.webhooks.flow.endpoints import WebhookEndpoints, disabled
from recoup.webhooks.flow.figures import Figures
from recoup.webhooks.flow.following import Following
from recoup.webhooks.store import endpoints as endpoint_store
from recoup.webhooks.store import reading
from recoup.webhooks.store import sending as store
from recoup.webhooks.store.sending import Work

LEASE: Final = timedelta(seconds=60)
"""How long a claim is good: longer than a request and the writing of its outcome may take."""
APART_S: Final = 0.005
"""Between rounds, so that a round finds more than one request's room: its statements cost the same for many."""
GRACE_S: Final = 5.0
"""How long a stop waits for requests that are under way; what is cut off leaves again later."""
TARGETS_MAX: Final = 10_000
FORGOTTEN_BATCHES_MAX: Final = 1000
FORGOTTEN_SHOWN_MAX: Final = 100

_log: Final = structlog.get_logger("recoup.webhooks")


class Sends(Protocol):
    """What sends one message; `Sender` is one."""

    async def send(self, target: Target, message_id: str, body: bytes) -> tuple[Answered, int]:
        """What came back, and after how many milliseconds."""
        ...


@dataclass(slots=True)
class _Speaking:
    """How it goes with one endpoint, in this process."""

    pace: Pace = field(default_factory=Pace)
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class _Done:
    """A request that has ended and is not written yet."""

    target: Target
    tried: Tried


class Outbox:
    """Delivers events. `chance` gives numbers between 0 and 1; times are the machine's, also for test merchants."""

    def __init__(
        self,
        database: Database,
        *,
        endpoints: WebhookEndpoints,
        following: Following,
        sender: Sends,
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        clock: Clock,
        chance: Callable[[], float],
        figures: Figures,
    ) -> None:
        self._database = database
        self._endpoints = endpoints
        self._following = following
        self._sender = sender
        self._merchant = merchant
        self._clock = clock
        self._chance = chance
        self._figures = figures
        self._worked_max = store.WORKED_MAX
        self._come_to = store.BEGINNING
        self._speaking: dict[UUID, _Speaking] = {}
        self._targets: dict[UUID, Target] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._done: list[_Done] = []
        self._writing: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def run(self, stop: asyncio.Event, *, poll_s: float) -> None:
        """Deliver until `stop` is set; then finish what is under way, within `GRACE_S`."""
        stopping = asyncio.create_task(self._wake_at(stop))
        while not stop.is_set():
            self._news.clear()
            found = 0
            try:
                found = await self.round()
            except Exception:  # noqa: BLE001 - the outbox outlives every fault
                _log.exception("webhooks.round_failed")
            if found:
                await asyncio.sleep(APART_S)
            elif not stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), poll_s)
                await asyncio.sleep(APART_S)
        await stopping
        await self.quiet(within_s=GRACE_S)

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._news.set()

    async def round(self) -> int:
        """Take up events, claim what is due, begin requests; how much of that there was."""
        found, now = 0, self._clock.now()
        work = await self._work(now)
        left_alone = {one.endpoint_id for one in work if self._is_left_alone(one, now=now)}
        behind = (one for one in work if one.is_behind and one.endpoint_id not in left_alone)
        for merchant_id in dict.fromkeys(one.merchant_id for one in behind):
            found += await _even_so(self._following.follow(merchant_id, without=left_alone), merchant_id)
        for one in work:
            if len(self._requests) >= IN_FLIGHT_MAX:
                break
            self._come_to = (one.merchant_id, one.endpoint_id)
            found += await _even_so(self._begin(one), one.merchant_id)
        else:
            self._come_to = store.BEGINNING if len(work) < self._worked_max else self._come_to
        return found

    async def _work(self, now: datetime) -> list[Work]:
        """Endpoints with something to do. Where there was room for some only, the others have their turn first, so
        that who comes first in the order does not always come first."""
        limit = self._worked_max
        work = list(await store.work(self._database, now=now, after=self._come_to, limit=limit))
        if self._come_to == store.BEGINNING or len(work) >= limit:
            return work
        known = {one.endpoint_id for one in work}
        first = await store.work(self._database, now=now, limit=limit - len(work))
        return [*work, *(one for one in first if one.endpoint_id not in known)]

    def _is_left_alone(self, work: Work, *, now: datetime) -> bool:
        """Whether an endpoint takes up no events for now, because nobody is there and enough waits to find out."""
        speaking = self._speaking.get(work.endpoint_id)
        if speaking is None or not speaking.pace.is_away:
            return False
        return work.is_due or speaking.in_flight > 0 or speaking.pace.is_paused(now=now)

    async def quiet(self, *, within_s: float | None = None) -> None:
        """Wait until every request under way has ended and is written; those that take too long are cut off."""
        if self._requests:
            _, late = await asyncio.wait(self._requests, timeout=within_s)
            for request in late:
                request.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        while self._writing is not None:
            await asyncio.shield(self._writing)

    async def forget_old(self) -> int:
        """Throw away deliveries that ended long ago; how many."""
        forgotten = 0
        for _ in range(FORGOTTEN_BATCHES_MAX):
            async with self._database.connection() as connection:
                count = await store.forget(connection, before=self._clock.now() - KEPT_FOR)
            forgotten += count
            if not count:
                break
        return forgotten

    async def measure(self) -> None:
        """Bring the figures of what waits up to date."""
        self._figures.waiting(await reading.backlog(self._database), now=self._clock.now())

    async def forgotten(self, *, limit: int = FORGOTTEN_SHOWN_MAX) -> Sequence[reading.Forgotten]:
        """An invariant: whatever is pending has a next try, so this finds nothing, ever."""
        return await reading.forgotten(self._database, limit=limit)

    async def _begin(self, work: Work) -> int:
        """Claim as much of an endpoint's work as there is room for, and begin to send it; how much."""
        now = self._clock.now()
        speaking = self._speaking.get(work.endpoint_id) or _Speaking()
        room = min(
            speaking.pace.room(in_flight=speaking.in_flight, now=now), IN_FLIGHT_MAX - len(self._requests)
        )
        target = await self._target(work) if room > 0 else None
        if target is None:
            return 0
        async with self._database.transaction() as connection:
            claimed = await store.claim(
                connection,
                merchant_id=work.merchant_id,
                endpoint_id=work.endpoint_id,
                now=now,
                lease=now + LEASE,
                limit=room,
            )
        if claimed:
            self._speaking[work.endpoint_id] = speaking
            speaking.in_flight += len(claimed)
        for one in claimed:
            request = asyncio.create_task(self._deliver(target, one), name="webhook")
            self._requests.add(request)
            request.add_done_callback(self._requests.discard)
        return len(claimed)

    async def _target(self, work: Work) -> Target | None:
        """Where to send, from memory where it is still so."""
        known = self._targets.get(work.endpoint_id)
        if known is not None and known.version == work.version:
            return known
        found = await self._endpoints.target(work.merchant_id, work.endpoint_id, livemode=work.livemode)
        if found is not None:
            if len(self._targets) >= TARGETS_MAX:
                self._targets.clear()
            self._targets[work.endpoint_id] = found
        return found

    async def _deliver(self, target: Target, claimed: Claimed) -> None:
        """One request, from its bytes to what is to be written of it."""
        tried: Tried | None = None
        try:
            tried = await self._tried(target, claimed)
        except Exception:  # noqa: BLE001 - its lease ends, and it leaves again
            _log.exception("webhooks.request_failed")
        finally:
            speaking = self._speaking[target.endpoint_id]
            if tried is None:
                self._ended(target.endpoint_id, speaking)
        if tried is None:
            return
        speaking.pace = speaking.pace.after(tried.answered, now=self._clock.now())
        self._done.append(_Done(target, tried))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="webhooks written")

    def _ended(self, endpoint_id: UUID, speaking: _Speaking) -> None:
        """One request less is under way. What is as at first is not remembered."""
        speaking.in_flight -= 1
        if not speaking.in_flight and speaking.pace == Pace():
            self._speaking.pop(endpoint_id, None)
        self._news.set()

    async def _tried(self, target: Target, claimed: Claimed) -> Tried:
        event = claimed.event
        at = self._clock.now()
        body = event_body(event, livemode=target.livemode)
        answered, latency_ms = await self._sender.send(target, render(Kind.EVENT, event.id), body)
        self._figures.answered(answered, seconds=latency_ms / 1000)
        next_ = after(
            answered,
            tries=claimed.tries,
            trying_since=claimed.trying_since,
            now=self._clock.now(),
            chance=self._chance(),
        )
        return Tried(claimed, at, latency_ms, answered, next_)

    async def _write(self) -> None:
        """Write what has ended, merchant by merchant, until nothing is left."""
        while self._done:
            done, self._done = self._done, []
            by_merchant: dict[UUID, list[_Done]] = defaultdict(list)
            for one in done:
                by_merchant[one.target.merchant_id].append(one)
            for merchant_id, group in by_merchant.items():
                await self._written(merchant_id, group)
        self._writing = None

    async def _written(self, merchant_id: UUID, group: Sequence[_Done]) -> None:
        tried = [one.tried for one in group]
        try:
            merchant = await self._merchant(merchant_id)
            assert merchant is not None, "merchants are not deleted"
            ends = await self._database.retrying(lambda connection: self._finish(connection, merchant, tried))
            self._count(*ends)
        except Exception:  # noqa: BLE001 - the leases end, and they leave again
            _log.exception("webhooks.outcomes_lost", deliveries=len(tried))
        finally:
            for one in group:
                self._ended(one.target.endpoint_id, self._speaking[one.target.endpoint_id])

    async def _finish(
        self, connection: Connection, merchant: Merchant, tried: Sequence[Tried]
    ) -> tuple[Sequence[Tried], Iterable[UUID]]:
        """Write outcomes; an endpoint that says it is gone, or has failed for days, is disabled with the same
        commit, and keeps what is pending. What was written, and which endpoints were disabled."""
        now = self._clock.now()
        well, failing = _sides(tried)
        found = await endpoint_store.mark_health(connection, failing, well, merchant_id=merchant.id, now=now)
        reasons = _reasons(tried)
        ending = {
            one.id: reasons.get(one.id, Reason.FAILING)
            for one in found
            if one.id in reasons or has_failed_for_good(one.failing_since, now=now)
        }
        kept = [_not_parked(one) if one.claimed.endpoint_id in ending else one for one in tried]
        await store.finish(connection, kept, merchant_id=merchant.id, now=now)
        for endpoint in found:
            if endpoint.id in ending:
                await self._disable(connection, merchant, endpoint, ending[endpoint.id])
        return kept, ending

    def _count(self, kept: Iterable[Tried], ending: Iterable[UUID]) -> None:
        for one in kept:
            if isinstance(one.next, Parked):
                self._figures.parked()
        for endpoint_id in ending:
            self._figures.disabled()
            _log.warning("webhooks.endpoint_disabled", endpoint=render(Kind.WEBHOOK_ENDPOINT, endpoint_id))

    async def _disable(
        self, connection: Connection, merchant: Merchant, endpoint: Endpoint, reason: Reason
    ) -> None:
        wall = self._clock.now()
        changed = disabled(endpoint, reason, wall=wall)
        await endpoint_store.disable(connection, changed, merchant_id=merchant.id)
        fact = "webhook_endpoint.disabled"
        await self._endpoints.tell(connection, merchant, fact, changed, now=merchant.now(wall))


async def _even_so(work: Awaitable[int], merchant_id: UUID) -> int:
    """How much that was; nothing where it failed, since one merchant's trouble is not another's. That the database is
    away is everybody's."""
    try:
        return await work
    except Exception as error:
        if is_passing(error):
            raise
        _log.exception("webhooks.merchant_failed", merchant_id=str(merchant_id))
        return 0


def _sides(tried: Sequence[Tried]) -> tuple[list[UUID], list[UUID]]:
    """The endpoints that took something, and those that took nothing. In one order, as all that lock several."""
    successes = Tally(one.claimed.endpoint_id for one in tried if one.answered.is_success)
    everyone = sorted({one.claimed.endpoint_id for one in tried})
    return [one for one in everyone if successes[one]], [one for one in everyone if not successes[one]]


def _reasons(tried: Sequence[Tried]) -> dict[UUID, Reason]:
    return {one.claimed.endpoint_id: Reason.GONE for one in tried if one.answered.is_gone}


def _not_parked(tried: Tried) -> Tried:
    """Kept pending, because its endpoint is disabled: it goes on when that is enabled again."""
    return replace(tried, next=Again(tried.at + WAITS[-1])) if isinstance(tried.next, Parked) else tried
