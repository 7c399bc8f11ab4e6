"""A request with an Idempotency-Key has one effect and one answer, through races and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import pytest
from psycopg.types.json import Json
from tests.http.serving import Client, served
from tests.http.toy import ANN, START, Toy

from recoup.db import Connection, Database
from recoup.http import idempotency
from recoup.http.idempotency import Claimed
from recoup.http.intake import Limits
from recoup.http.routes import Claim
from recoup.kit.refusals import Refusal

NOTE = {"title": "Milk", "metadata": {"a": "1", "b": "2"}}
RACERS = 20
T = TypeVar("T")


async def count_notes(toy: Toy) -> int:
    row = await toy.database.fetch_one(
        "select count(*) as n from notes where merchant_id = %(merchant_id)s", {"merchant_id": ANN.id}
    )
    assert row is not None
    return int(row["n"])


async def stored(toy: Toy, key: str) -> Any:
    return await toy.database.fetch_one(
        "select * from idempotency_keys where merchant_id = %(merchant_id)s and key = %(key)s",
        {"merchant_id": ANN.id, "key": key},
    )


async def test_the_first_answer_comes_again_byte_for_byte(client: Client, toy: Toy) -> None:
    first = await client.send("POST", "/v1/notes", json=NOTE, once="k")
    again = await client.send("POST", "/v1/notes", json=NOTE, once="k")
    assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["request-id"] != first.headers["request-id"]
    assert await count_notes(toy) == 1


async def test_the_same_request_written_in_another_way_is_the_same(client: Client) -> None:
    first = await client.send("POST", "/v1/notes", json=NOTE, once="k")
    body = b'{ "metadata": {"b": "2", "a": "1"}, "weight": 0, "title": "Milk" }'
    again = await client.send("POST", "/v1/notes", body=body, once="k")
    assert again.body == first.body


async def test_another_request_with_the_key_is_refused(client: Client, toy: Toy) -> None:
    made = await client.send("POST", "/v1/notes", json=NOTE, once="k")
    toy.gate.set()
    for path, body in (("/v1/notes", {"title": "Bread"}), (f"/v1/notes/{made.json['id']}/print", {})):
        other = await client.send("POST", path, json=body, once="k")
        assert (other.status, other.error["type"]) == (422, "idempotency")
        assert other.error["code"] == "idempotency_key_reused"
    assert await count_notes(toy) == 1 and toy.printed == []


async def test_without_a_key_every_request_is_its_own(client: Client, toy: Toy) -> None:
    for _ in range(2):
        assert (await client.send("POST", "/v1/notes", json=NOTE)).status == 201
    assert await count_notes(toy) == 2


async def test_a_refusal_changes_nothing_and_keeps_no_key(client: Client, toy: Toy) -> None:
    refused = await client.send("POST", "/v1/notes", json={"title": "a", "weight": 10**10}, once="k")
    assert (refused.status, refused.error["code"]) == (409, "note_too_heavy")
    assert await stored(toy, "k") is None
    assert (await client.send("POST", "/v1/notes", json=NOTE, once="k")).status == 201


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256, "a\tb"])
async def test_a_key_is_visible_ascii_of_a_bounded_length(client: Client, key: str) -> None:
    refused = await client.send("POST", "/v1/notes", json=NOTE, headers={"Idempotency-Key": key})
    assert (refused.status, refused.error["code"]) == (400, "invalid_idempotency_key")
    assert refused.error["param"] == "Idempotency-Key"


async def test_a_long_key_of_every_visible_character_is_kept_whole(client: Client, toy: Toy) -> None:
    key = "".join(map(chr, range(0x21, 0x7F))).ljust(255, "x")
    assert (await client.send("POST", "/v1/notes", json=NOTE, once=key)).status == 201
    assert (await stored(toy, key))["status"] == 201


async def test_a_key_is_ignored_where_none_is_taken(client: Client) -> None:
    for _ in range(2):
        answered = await client.send("GET", "/v1/notes", once="k k")
        assert answered.status == 200
        assert "idempotent-replayed" not in answered.headers


async def test_of_a_race_with_one_key_one_has_the_effect(client: Client, toy: Toy) -> None:
    answers = await asyncio.gather(
        *(client.send("POST", "/v1/notes", json=NOTE, once="race") for _ in range(RACERS))
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await count_notes(toy) == 1


async def test_while_the_first_is_in_its_transaction_the_second_waits_a_named_time(toy: Toy) -> None:
    body = {"title": "wait for the gate"}
    async with served(toy.edge(Limits(claim_wait_ms=50))) as client:
        first = asyncio.create_task(client.send("POST", "/v1/notes", json=body, once="k"))
        await toy.entered.wait()
        second = await client.send("POST", "/v1/notes", json=body, once="k")
        assert (second.status, second.error["type"], second.headers["retry-after"]) == (
            409,
            "idempotency",
            "1",
        )
        assert second.error["code"] == "idempotency_key_in_use"
        toy.gate.set()
        answered = await first
        assert answered.status == 201
        assert (await client.send("POST", "/v1/notes", json=body, once="k")).body == answered.body


async def test_a_second_request_gets_the_answer_of_a_first_that_ends_in_time(
    client: Client, toy: Toy
) -> None:
    body = {"title": "wait for the gate"}
    first = asyncio.create_task(client.send("POST", "/v1/notes", json=body, once="k"))
    await toy.entered.wait()
    second = asyncio.create_task(client.send("POST", "/v1/notes", json=body, once="k"))
    await until_someone_waits_for_a_lock(toy)
    toy.gate.set()
    assert (await second).body == (await first).body
    assert await count_notes(toy) == 1


async def until_someone_waits_for_a_lock(toy: Toy) -> None:
    for _ in range(2000):
        row = await toy.database.fetch_one(
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        if row is not None:
            return
    raise AssertionError("nobody waits")


async def test_a_secret_in_the_body_does_not_reach_the_table(client: Client, toy: Toy) -> None:
    body = {"title": "a", "attachment": {"type": "card", "number": "4242424242424242"}}
    assert (await client.send("POST", "/v1/notes", json=body, once="k")).status == 201
    row = await stored(toy, "k")
    assert "4242424242424242" not in str(row)
    other = {"title": "a", "attachment": {"type": "card", "number": "4000000000000002"}}
    assert (await client.send("POST", "/v1/notes", json=other, once="k")).status == 422


class TestAFlow:
    """It claims in its first transaction and records in its last, with the world in between."""

    async def note(self, client: Client) -> str:
        return str((await client.send("POST", "/v1/notes", json=NOTE)).json["id"])

    async def test_its_answer_comes_again(self, client: Client, toy: Toy) -> None:
        toy.gate.set()
        path = f"/v1/notes/{await self.note(client)}/print"
        first = await client.send("POST", path, once="p")
        again = await client.send("POST", path, json={}, once="p")
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["idempotent-replayed"] == "true"
        assert len(toy.printed) == 1

    async def test_while_it_runs_a_second_request_is_asked_to_come_later(
        self, client: Client, toy: Toy
    ) -> None:
        path = f"/v1/notes/{await self.note(client)}/print"
        first = asyncio.create_task(client.send("POST", path, once="p"))
        await toy.entered.wait()
        second = await client.send("POST", path, once="p")
        assert (second.status, second.headers["retry-after"]) == (409, "1")
        toy.gate.set()
        assert (await first).status == 201
        assert (await client.send("POST", path, once="p")).body == (await first).body
        assert len(toy.printed) == 1

    async def test_of_a_race_one_has_the_effect(self, client: Client, toy: Toy) -> None:
        toy.gate.set()
        path = f"/v1/notes/{await self.note(client)}/print"
        answers = await asyncio.gather(*(client.send("POST", path, once="p") for _ in range(RACERS)))
        assert {answer.status for answer in answers} == {201}
        assert len({answer.body for answer in answers}) == 1
        assert len(toy.printed) == 1

    async def test_after_a_crash_its_subject_answers_and_that_is_recorded(
        self, client: Client, toy: Toy
    ) -> None:
        path = f"/v1/notes/{await self.note(client)}/print"
        toy.crash_after_claim = True
        assert (await client.send("POST", path, once="p")).status == 500
        toy.crash_after_claim = False
        row = await stored(toy, "p")
        assert row["status"] is None
        assert (await client.send("POST", path, once="p")).status == 409, "it may still be going on"
        toy.gate.set()
        answered = await client.send("POST", path, once="p")
        assert (answered.status, answered.json["id"]) == (201, str(row["resource_id"]))
        assert answered.headers["idempotent-replayed"] == "true"
        assert (await stored(toy, "p"))["body"] == answered.body.decode()
        assert toy.printed == []

    async def test_of_two_who_answer_after_a_crash_the_first_is_kept(self, toy: Toy) -> None:
        claim = Claim("p", b"f", START)
        async with toy.database.transaction() as connection:
            await idempotency.claim(
                connection, merchant_id=ANN.id, claim=claim, resource="print", resource_id=UUID(int=7)
            )
        record = partial(idempotency.record, toy.database, merchant_id=ANN.id, key="p")
        assert await record(status=201, body=b"first")
        assert not await record(status=200, body=b"second")
        reply = await idempotency.replay(toy.database, merchant=ANN, claim=claim, resume={})
        assert (reply.status, reply.body) == (201, b"first")


async def test_a_claim_that_rolled_back_frees_the_key(toy: Toy) -> None:
    claim = Claim("k", b"f", START)
    with pytest.raises(ZeroDivisionError):
        async with toy.database.transaction() as connection:
            await idempotency.claim(connection, merchant_id=ANN.id, claim=claim)
            raise ZeroDivisionError
    async with toy.database.transaction() as connection:
        await idempotency.claim(connection, merchant_id=ANN.id, claim=claim)
    with pytest.raises(Claimed):
        async with toy.database.transaction() as connection:
            await idempotency.claim(connection, merchant_id=ANN.id, claim=claim)


async def test_the_columns_of_a_claim_fit_a_flows_own_statement(toy: Toy) -> None:
    claim = Claim("k", bytes(range(32)), START)
    row = idempotency.claim_row(claim, resource="print", resource_id=UUID(int=9))
    async with toy.database.transaction() as connection:
        await connection.execute(
            """
            insert into idempotency_keys (merchant_id, key, fingerprint, resource, resource_id, created_at)
            select %(merchant_id)s, key, fingerprint, resource, resource_id, created_at
            from json_to_record(%(row)s) as r (
                key text, fingerprint bytea, resource text, resource_id uuid, created_at timestamptz
            )
            """,
            {"merchant_id": ANN.id, "row": Json(row)},
        )
    kept = await idempotency.read(toy.database, merchant_id=ANN.id, key="k")
    assert kept is not None
    assert (kept.fingerprint, kept.resource, kept.resource_id) == (claim.fingerprint, "print", UUID(int=9))


async def test_keys_older_than_a_week_are_deleted_and_no_others(toy: Toy) -> None:
    async with toy.database.transaction() as connection:
        for number in range(10):
            old = Claim(f"old{number}", b"f", START - timedelta(days=7, seconds=1 + number))
            await idempotency.claim(connection, merchant_id=ANN.id, claim=old)
        young = Claim("young", b"f", START - timedelta(days=6, hours=23))
        await idempotency.claim(connection, merchant_id=ANN.id, claim=young)
    assert await idempotency.delete_old(toy.database, now=START, at_once=4) == 10
    assert await idempotency.delete_old(toy.database, now=START) == 0
    assert await stored(toy, "young") is not None


class Forgetful(Database):
    """Every commit goes through, and its connection dies before that is known."""

    async def retrying(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        await super().retrying(work)
        return await super().retrying(work)


async def test_a_lost_commit_is_run_again_and_finds_its_own_answer(toy: Toy, database_url: str) -> None:
    async with await Forgetful.open(database_url, connections_max=2) as database:
        toy.database = database
        async with served(toy.edge()) as client:
            answered = await client.send("POST", "/v1/notes", json=NOTE, once="k")
            assert answered.status == 201
            assert await count_notes(toy) == 1


async def test_a_claim_of_nothing_that_can_be_resumed_waits(toy: Toy) -> None:
    claim = Claim("k", b"f", START)
    async with toy.database.transaction() as connection:
        await idempotency.claim(connection, merchant_id=ANN.id, claim=claim)
    with pytest.raises(Refusal) as refused:
        await idempotency.replay(toy.database, merchant=ANN, claim=claim, resume={})
    assert refused.value.http_status == 409
