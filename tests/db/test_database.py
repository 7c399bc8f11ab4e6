"""The pool, the transaction and the retry, on a real server."""

from __future__ import annotations

from recoup.db import Database


async def test_a_row_comes_back_as_a_dict(database: Database) -> None:
    assert await database.fetch_one("select %(a)s::int as a, '[1]'::json as b", {"a": 1}) == {
        "a": 1,
        "b": [1],
    }
