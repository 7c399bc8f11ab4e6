"""A handler's run, from claim to recorded answer, in the mode of idempotency that its route chose."""

from __future__ import annotations

import msgspec

from recoup.db import Connection
from recoup.http import idempotency
from recoup.http.answers import JSON, REPLAYED, Answer
from recoup.http.bound import Bound
from recoup.http.exchange import Exchange, Reporter
from recoup.http.idempotency import Claimed
from recoup.http.routes import Call, Idempotency, Reply
from recoup.http.wiring import Wiring


class Runner:
    """Runs handlers; what they raise becomes an answer, so that a run never fails."""

    def __init__(self, wiring: Wiring, reporter: Reporter, *, claim_wait_ms: int) -> None:
        self._claim_wait_ms = claim_wait_ms
        self._wiring = wiring
        self._reporter = reporter

    async def run(self, bound: Bound, call: Call[object, object], exchange: Exchange) -> Answer:
        """The answer to a call."""
        try:
            reply, replayed = await self._by_mode(bound, call)
        except Exception as error:  # noqa: BLE001 - whatever broke, the caller gets an answer
            return self._reporter.refused(error, exchange)
        headers = {name.lower().encode(): value.encode() for name, value in reply.headers.items()}
        kind = headers.pop(b"content-type", JSON)
        own = (*headers.items(), REPLAYED) if replayed else tuple(headers.items())
        return Answer(reply.status, reply.body, own, content_type=kind)

    async def _by_mode(self, bound: Bound, call: Call[object, object]) -> tuple[Reply, bool]:
        match bound.route.idempotency:
            case Idempotency.TRANSACTION:
                return await self._in_transaction(bound, call)
            case Idempotency.FLOW:
                return await self._by_flow(bound, call)
            case Idempotency.NONE:
                return bound.reply(await bound.route.handler(call)), False

    async def _by_flow(self, bound: Bound, call: Call[object, object]) -> tuple[Reply, bool]:
        try:
            return bound.reply(await bound.route.handler(call)), False
        except Claimed:
            return await self._replay(call), True

    async def _in_transaction(self, bound: Bound, call: Call[object, object]) -> tuple[Reply, bool]:
        """One transaction; with a key it may run again where the first run failed in passing, without one not.

        Handlers read by other connections too, so not all connections may be held by them.
        """

        async def work(connection: Connection) -> Reply:
            return await self._claimed_run(bound, msgspec.structs.replace(call, connection=connection))

        database = self._wiring.database
        try:
            async with database.place():
                if call.claim is not None:
                    return await database.retrying(work), False
                async with database.transaction() as connection:
                    return await work(connection), False
        except Claimed:
            return await self._replay(call), True

    async def _replay(self, call: Call[object, object]) -> Reply:
        assert call.claim is not None, "only a key can be claimed"
        return await idempotency.replay(
            self._wiring.database, merchant=call.merchant, claim=call.claim, resume=self._wiring.resume
        )

    async def _claimed_run(self, bound: Bound, call: Call[object, object]) -> Reply:
        """The claim, the handler and the record, in the transaction of the call."""
        connection, merchant_id, claim = call.transaction(), call.merchant.id, call.claim
        if claim is not None:
            await idempotency.claim(
                connection, merchant_id=merchant_id, claim=claim, wait_ms=self._claim_wait_ms
            )
        reply = bound.reply(await bound.route.handler(call))
        if claim is not None:
            recorded = await idempotency.record(
                connection, merchant_id=merchant_id, key=claim.key, status=reply.status, body=reply.body
            )
            assert recorded, "the claim is ours until the transaction ends"
        return reply
