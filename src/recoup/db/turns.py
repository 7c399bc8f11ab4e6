"""Whose turn it is: of several processes that could do some work, one does it, and another when that one is gone.

A turn spares doubled work and waiting for each other's rows; it is no lock. A process that was held still may go on
for a moment beside its successor, so what is done in a turn must be right when two do it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from recoup.db.database import Database
from recoup.kit.clock import Clock

HELD_FOR: Final = timedelta(seconds=6)
"""How long after its holder died a turn goes to somebody else."""
RENEWED_EVERY: Final = HELD_FOR / 3


class Turn:
    """One process's part in a turn."""

    def __init__(self, database: Database, name: str, *, holder: UUID, clock: Clock) -> None:
        self._database = database
        self._name = name
        self._holder = holder
        self._clock = clock
        self._mine = False
        self._ask_at = clock.now()

    async def is_mine(self) -> bool:
        """Whether this process has the turn; it is taken where it is free, and asked for now and then."""
        now = self._clock.now()
        if now >= self._ask_at or now < self._ask_at - RENEWED_EVERY:  # or the clock was put back
            self._ask_at = now + RENEWED_EVERY
            self._mine = await self._taken()
        return self._mine

    async def end(self) -> None:
        """Leave the turn to whoever asks next."""
        if self._mine:
            self._mine = False
            await self._database.execute(
                "delete from turns where name = %(name)s and holder = %(holder)s",
                {"name": self._name, "holder": self._holder},
            )

    def kept(self, chore: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        """A chore that is done while the turn is ours."""

        async def in_turn() -> None:
            if await self.is_mine():
                await chore()

        return in_turn

    async def _taken(self) -> bool:
        now = self._clock.now()
        taken = await self._database.execute(
            """
            insert into turns as t (name, holder, until) values (%(name)s, %(holder)s, %(until)s)
            on conflict (name) do update set holder = excluded.holder, until = excluded.until
            where t.holder = excluded.holder or t.until < %(now)s
            """,
            {"name": self._name, "holder": self._holder, "until": now + HELD_FOR, "now": now},
        )
        return taken == 1
