"""Of several processes one has the turn, and another when that one is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from recoup.db import Database
from recoup.db.turns import HELD_FOR, RENEWED_EVERY, Turn

ONE, OTHER = UUID(int=1), UUID(int=2)
TICK = timedelta(milliseconds=1)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """What it shows."""
        return self.time


async def test_one_process_has_the_turn_as_long_as_it_asks(database: Database) -> None:
    clock = Hands()
    one = Turn(database, "asked", holder=ONE, clock=clock)
    other = Turn(database, "asked", holder=OTHER, clock=clock)
    for _ in range(10):
        assert await one.is_mine()
        assert not await other.is_mine()
        clock.time += RENEWED_EVERY


async def test_who_died_keeps_the_turn_for_a_moment_only(database: Database) -> None:
    clock = Hands()
    assert await Turn(database, "died", holder=ONE, clock=clock).is_mine()
    other = Turn(database, "died", holder=OTHER, clock=clock)
    clock.time += HELD_FOR
    assert not await other.is_mine()
    clock.time += RENEWED_EVERY
    assert await other.is_mine()


async def test_who_was_held_still_sees_that_the_turn_is_another_s(database: Database) -> None:
    clock = Hands()
    one = Turn(database, "still", holder=ONE, clock=clock)
    assert await one.is_mine()
    clock.time += HELD_FOR + TICK
    assert await Turn(database, "still", holder=OTHER, clock=clock).is_mine()
    assert not await one.is_mine()
    await one.end()
    assert not await Turn(database, "still", holder=ONE, clock=clock).is_mine()


async def test_a_turn_that_is_ended_is_the_next_ones_at_once(database: Database) -> None:
    clock = Hands()
    one = Turn(database, "ended", holder=ONE, clock=clock)
    assert await one.is_mine()
    await one.end()
    assert await Turn(database, "ended", holder=OTHER, clock=clock).is_mine()


async def test_turns_of_other_names_are_other_turns(database: Database) -> None:
    clock = Hands()
    assert await Turn(database, "first", holder=ONE, clock=clock).is_mine()
    assert await Turn(database, "rest", holder=OTHER, clock=clock).is_mine()


async def test_a_clock_that_is_put_back_does_not_keep_a_turn_unasked(database: Database) -> None:
    clock = Hands()
    one = Turn(database, "back", holder=ONE, clock=clock)
    assert await one.is_mine()
    clock.time -= timedelta(days=1)
    assert await one.is_mine()
    row = await database.fetch_one("select until from turns where name = 'back'")
    assert row is not None and row["until"] == clock.time + HELD_FOR


async def test_a_chore_is_done_in_turn(database: Database) -> None:
    clock, done = Hands(), [0]

    async def chore() -> None:
        done[0] += 1

    for holder in (ONE, OTHER):
        await Turn(database, "chore", holder=holder, clock=clock).kept(chore)()
    assert done == [1]
