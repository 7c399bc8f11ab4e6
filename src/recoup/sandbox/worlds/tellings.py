"""How much the processors of a merchant's world tell, and what they have still to tell."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.kit.refusals import Refusal, conflict
from recoup.sandbox import store as facts
from recoup.sandbox.core.news import Telling
from recoup.sandbox.store.news import WAITING_MAX
from recoup.sandbox.worlds import store


@dataclass(frozen=True, slots=True)
class Told:
    """How a world tells; None where it tells no more than disputes."""

    telling: Telling | None
    waiting: int


class Tellings:
    """Keeps how worlds tell."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, queries: Queries | None, merchant_id: UUID) -> Told:
        """How this tenant's world tells."""
        reader = queries or self._database
        world = await store.world(reader, world_id=merchant_id)
        if world is None:
            raise no_world()
        waiting = await facts.count_untold(reader, world_id=merchant_id, limit=WAITING_MAX)
        return Told(world.telling, waiting)

    async def set(self, connection: Connection, merchant_id: UUID, telling: Telling | None) -> None:
        """Tell so from now on; what waits already is still told."""
        if not await store.set_telling(connection, world_id=merchant_id, telling=telling):
            raise no_world()


def no_world() -> Refusal:
    """There is nothing simulated for this tenant."""
    return conflict(
        "no_sandbox_world",
        "This merchant has no simulated world; connect a sandbox processor account first.",
    )
