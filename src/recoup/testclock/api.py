"""The test clock over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.db import Database
from recoup.http import idempotency
from recoup.http.idempotency import Resume
from recoup.http.routes import Call, Idempotency, Problem, Reply, Route
from recoup.kit.clock import rfc3339
from recoup.kit.refusals import invalid
from recoup.merchants.core import Merchant
from recoup.testclock.flow import TestClocks

_RESOURCE: Final = "test_clock"


class AdvanceClock(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Where to move the clock."""

    to: Annotated[datetime, Meta(tz=True, description="RFC 3339, in the future of the clock.")]


class TestClockObject(Struct, kw_only=True, frozen=True):
    """A test merchant's time."""

    object: Literal["test_clock"] = "test_clock"
    now: str
    ran: Annotated[int, Meta(description="How many due things ran on the way.")]


class TestClockApi:
    """The routes of the test clock."""

    def __init__(self, flow: TestClocks, database: Database) -> None:
        self._flow = flow
        self._database = database

    def resume(self) -> dict[str, Resume]:
        """An interrupted move is answered with the time that the clock shows: asking again moves on from there."""

        async def clock(merchant: Any, _: UUID) -> Reply | None:
            now = await self._flow.shown(merchant)
            return None if now is None else _reply(now, ran=0)

        return {_RESOURCE: clock}

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                "/v1/test_clock",
                self.read,
                answer=TestClockObject,
                summary="Read the test clock",
                tag="test clock",
                test_mode_only=True,
            ),
            Route(
                "POST",
                "/v1/test_clock/advance",
                self.advance,
                body=AdvanceClock,
                answer=TestClockObject,
                summary="Advance the test clock",
                description="Everything due up to then has run, in order of its due time, when the call returns.",
                tag="test clock",
                test_mode_only=True,
                idempotency=Idempotency.FLOW,
                errors=(
                    Problem("clock_is_moving", 409, "Another request is moving the clock."),
                    Problem("clock_goes_back", 400, "The time is behind the clock."),
                ),
            ),
        ]

    async def read(self, call: Call[None, None]) -> TestClockObject:
        """`GET /v1/test_clock`."""
        return TestClockObject(now=rfc3339(call.now), ran=0)

    async def advance(self, call: Call[AdvanceClock, Any]) -> Reply:
        """`POST /v1/test_clock/advance`. Moving to a time twice is moving once."""
        return await idempotency.once(self._database, call, lambda: self._advance(call), resource=_RESOURCE)

    async def _advance(self, call: Call[AdvanceClock, Any]) -> Reply:
        assert isinstance(call.merchant, Merchant), "the composition root authenticates with merchants"
        try:
            to = call.body.to.astimezone(UTC)
        except (OverflowError, ValueError):
            raise invalid("invalid_time", "`to` is no time that the clock can show.", param="to") from None
        now, ran = await self._flow.advance(call.merchant, to)
        return _reply(now, ran=ran)


def _reply(now: datetime, *, ran: int) -> Reply:
    return Reply(200, msgspec.json.encode(TestClockObject(now=rfc3339(now), ran=ran)))
