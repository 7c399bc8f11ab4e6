"""Codes that no table knows: each counted once for its attempt, and no more told apart than there is room for."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tests.vault.house import START, House

from recoup.audit import store
from recoup.audit.core import CODES_MAX, THE_REST, UnseenCode, of_unseen_code
from recoup.db import Database

PAYMENT: Final = UUID(int=7)


def unseen(code: str, *, attempt: int = 1) -> UnseenCode:
    return UnseenCode("stripe", code, "XX", PAYMENT, UUID(int=attempt), START)


async def test_a_code_is_counted_once_for_its_attempt(database: Database) -> None:
    merchant_id = (await House(database).merchant()).test.id
    async with database.transaction() as connection:
        counted = [
            await store.count(connection, unseen("a", attempt=number), merchant_id=merchant_id)
            for number in (1, 1, 2)
        ]
    assert counted == [True, False, True]
    [code] = await store.counted(database, merchant_id=merchant_id, limit=10)
    assert (code.code, code.times) == ("a", 2)


async def test_beyond_a_number_of_codes_the_rest_are_not_told_apart(database: Database) -> None:
    """Else a processor that writes a part of each payment into its codes would open a case for every decline."""
    merchant_id = (await House(database).merchant()).test.id

    async def too_many(code: str) -> bool:
        return await store.is_one_too_many(database, unseen(code), merchant_id=merchant_id, most=2)

    assert not await too_many("a")
    async with database.transaction() as connection:
        for code in ("a", "b"):
            await store.count(connection, unseen(code), merchant_id=merchant_id)
    assert [await too_many(code) for code in ("a", "b", "c")] == [False, False, True]
    rest = {unseen(code).among_the_rest().subject for code in ("c", "d", "e")}
    assert len(rest) == 1


def test_the_case_of_the_rest_does_not_ask_for_an_override_of_it() -> None:
    case = of_unseen_code(unseen("c").among_the_rest(), id_=PAYMENT, now=START)
    assert THE_REST in case.summary
    assert "override" not in case.remedy and str(CODES_MAX) in case.remedy
