"""Tenants and keys on a real database: a key opens its own side of its own merchant, until it is revoked."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from tests.vault.house import House, dump, master

from recoup.db import Database
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal
from recoup.merchants.core import KeyKind, Merchant
from recoup.merchants.flow import CALLER_TTL_S


async def test_a_merchant_has_two_sides_that_do_not_know_each_other(house: House) -> None:
    pair = await house.merchant()
    assert pair.test.id != pair.live.id
    assert await house.merchants.merchant(pair.test.id) == Merchant(pair.test.id, livemode=False)
    assert await house.merchants.merchant(pair.live.id) == Merchant(pair.live.id, livemode=True)


async def test_each_side_has_a_stream_of_events(house: House) -> None:
    pair = await house.merchant()
    for side in (pair.test, pair.live):
        row = await house.database.fetch_one(
            "select sequence from event_streams where merchant_id = %s", [side.id]
        )
        assert row == {"sequence": 0}


async def test_merchants_are_listed_in_pages(house: House) -> None:
    made = [await house.merchant() for _ in range(3)]
    everybody = await house.merchants.pairs()
    assert all(pair in everybody for pair in made)
    for pair, following in pairwise(everybody):
        assert await house.merchants.pairs(after=pair.test.id, limit=1) == [following]


@pytest.mark.parametrize("livemode", [False, True])
@pytest.mark.parametrize("kind", KeyKind)
async def test_a_key_opens_its_own_side(house: House, livemode: bool, kind: KeyKind) -> None:
    pair = await house.merchant()
    caller = await house.merchants.authenticate(await house.key(pair, livemode=livemode, kind=kind))
    assert caller is not None
    assert caller.merchant == (pair.live if livemode else pair.test)
    assert caller.key_kind is kind


async def test_no_other_text_opens_anything(house: House) -> None:
    pair, other = await house.merchant(), await house.merchant()
    key = await house.key(pair)
    tenant = render(Kind.MERCHANT, pair.test.id)[4:]
    others = render(Kind.MERCHANT, other.test.id)[4:]
    wrong = [
        key.replace("sk_", "pk_"),
        key.replace("_test_", "_live_"),
        key.replace(tenant, others),
        key[:-1] + ("0" if key[-1] != "0" else "1"),
        key.upper(),
        "",
    ]
    assert [await house.merchants.authenticate(text) for text in wrong] == [None] * len(wrong)


async def test_a_revoked_key_opens_nothing_at_once_here_and_in_five_seconds_elsewhere(house: House) -> None:
    pair = await house.merchant()
    elsewhere = house.another_process()
    text = await house.key(pair)
    caller = await house.merchants.authenticate(text)
    assert caller is not None
    assert await elsewhere.merchants.authenticate(text) == caller

    revoked = await house.merchants.revoke_key(pair.test.id, caller.key_id, now=house.clock.now())
    assert revoked.revoked_at == house.clock.now()
    assert await house.merchants.authenticate(text) is None
    elsewhere.ticks.seconds += CALLER_TTL_S
    assert await elsewhere.merchants.authenticate(text) is None


async def test_revoking_again_keeps_the_first_time(house: House) -> None:
    pair = await house.merchant()
    caller = await house.merchants.authenticate(await house.key(pair))
    assert caller is not None
    first = await house.merchants.revoke_key(pair.test.id, caller.key_id, now=house.clock.now())
    later = house.clock.advance(timedelta(hours=1))
    assert await house.merchants.revoke_key(pair.test.id, caller.key_id, now=later) == first


async def test_a_key_is_revoked_by_its_own_merchant_only(house: House) -> None:
    pair, other = await house.merchant(), await house.merchant()
    text = await house.key(pair)
    caller = await house.merchants.authenticate(text)
    assert caller is not None
    with pytest.raises(Refusal, match="no API key"):
        await house.merchants.revoke_key(other.test.id, caller.key_id, now=house.clock.now())
    assert await house.another_process().merchants.authenticate(text) == caller


async def test_keys_are_listed_without_their_text(house: House) -> None:
    pair = await house.merchant()
    text = await house.key(pair)
    [listed] = await house.merchants.keys(pair.test.id)
    assert text[34:] not in repr(listed)
    assert listed.hint.endswith(text[-4:])
    assert await house.merchants.keys(pair.live.id) == []


async def test_a_moved_clock_is_seen_at_once_where_callers_are_forgotten(house: House) -> None:
    pair = await house.merchant()
    text = await house.key(pair)
    await house.merchants.authenticate(text)
    await house.database.execute("update merchants set clock_offset_ms = 5000 where id = %s", [pair.test.id])
    house.merchants.forget(pair.test.id)
    caller = await house.merchants.authenticate(text)
    assert caller is not None
    assert caller.merchant.now(house.clock.now()) == house.clock.now() + timedelta(seconds=5)


async def test_no_live_key_is_made_under_a_generated_master_key(database: Database) -> None:
    house = House(database, keys=master(generated=True))
    pair = await house.merchant()
    with pytest.raises(Refusal, match="RECOUP_MASTER_KEY"):
        await house.key(pair, livemode=True)
    await house.key(pair)


async def test_the_database_holds_no_key(house: House) -> None:
    pair = await house.merchant()
    texts = [await house.key(pair, kind=kind) for kind in KeyKind]
    everything = await dump(house.database)
    assert not [text for text in texts if text[34:60] in everything]
