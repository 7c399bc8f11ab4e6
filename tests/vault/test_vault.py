"""The vault on a real database: only its own merchant opens a card, and every rotation keeps every card readable."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.vault.house import NUMBER, OTHER_NUMBER, House, card, dump, master, master_text

from recoup.db import Database
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant, MerchantPair, Sealed
from recoup.vault import store
from recoup.vault.core import PaymentMethod, Unreadable, luhn_valid
from recoup.vault.flow.vault import FINGERPRINT_KEY, KEYS_TTL_S
from recoup.vault.keys import MasterKeyUnusable


async def kept(house: House, merchant: Merchant, number: str = NUMBER, **fields: Any) -> PaymentMethod:
    """A card that is in the database, written as a payment writes it: without a flow of ours."""
    method = await house.vault.seal_card(merchant, card(number, **fields), now=house.clock.now())
    async with house.database.transaction() as connection:
        await store.insert_method(connection, method, merchant_id=merchant.id)
    return method


async def number_of(house: House, merchant: Merchant, method_id: Any) -> str:
    method = await house.methods.get(merchant.id, method_id)
    return (await house.vault.open_card(merchant.id, method)).number.reveal()


async def test_a_card_is_kept_and_opened_by_every_process(house: House) -> None:
    pair = await house.merchant()
    method = await kept(house, pair.test, "4242 4242-4242 4242", exp_year=30)
    elsewhere = house.another_process()
    read = await elsewhere.methods.get(pair.test.id, method.id)
    assert read == method
    opened = await elsewhere.vault.open_card(pair.test.id, read, cvc=Secret("123"))
    assert (opened.number.reveal(), opened.exp_month, opened.exp_year, opened.brand) == (
        NUMBER,
        12,
        2030,
        "visa",
    )
    assert opened.cvc == Secret("123")
    assert (method.bin, method.last4, method.funding, method.issuer_country) == (
        "42424242",
        "4242",
        "credit",
        "US",
    )


async def test_the_same_card_has_the_same_fingerprint_at_one_tenant_only(house: House) -> None:
    pair, other = await house.merchant(), await house.merchant()
    once = await kept(house, pair.test)
    again = await kept(house.another_process(), pair.test, "4242-4242-4242-4242", exp_year=2031)
    assert once.fingerprint == again.fingerprint
    assert once.ciphertext != again.ciphertext
    for method in (
        await kept(house, pair.test, OTHER_NUMBER),
        await kept(house, pair.live),
        await kept(house, other.test),
    ):
        assert method.fingerprint != once.fingerprint


@pytest.fixture(scope="module")
def known_numbers() -> dict[str, bytes]:
    return {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
@given(texts=st.lists(st.from_regex(r"4[0-9]{14}", fullmatch=True), min_size=10, max_size=12))
def test_fingerprints_are_equal_exactly_where_numbers_are(
    texts: list[str], database_url: str, known_numbers: dict[str, bytes]
) -> None:
    """Also after the next start."""
    numbers = [next(text + last for last in "0123456789" if luhn_valid(text + last)) for text in texts]

    async def fingerprints() -> list[bytes]:
        async with await Database.open(database_url, connections_max=2) as database:
            house = House(database)
            pairs = [pair for pair in await house.merchants.pairs() if pair.name == "law"]
            pair: MerchantPair = (
                pairs[0] if pairs else await house.merchants.create("law", now=house.clock.now())
            )
            sealed = [
                await house.vault.seal_card(pair.test, card(number), now=house.clock.now())
                for number in [*numbers, *known_numbers]
            ]
            return [one.fingerprint for one in sealed]

    for number, made in zip([*numbers, *known_numbers], asyncio.run(fingerprints()), strict=True):
        assert known_numbers.setdefault(number, made) == made
    assert len(set(known_numbers.values())) == len(known_numbers)


async def test_another_tenant_or_row_does_not_open_a_card(house: House) -> None:
    pair, other = await house.merchant(), await house.merchant()
    method = await kept(house, pair.test)
    await kept(house, other.test)
    with pytest.raises(Unreadable):
        await house.vault.open_card(pair.test.id, replace(method, id=house.new_id()))
    with pytest.raises((Unreadable, AssertionError)):
        await house.vault.open_card(other.test.id, method)
    assert method.data_key_id is not None
    assert method.ciphertext is not None
    stolen = Sealed(method.data_key_id, method.ciphertext)
    with pytest.raises(Unreadable):
        await house.vault.unseal(pair.test.id, stolen, aad=b"", queries=house.database)


async def test_bytes_are_sealed_for_one_place(house: House) -> None:
    pair = await house.merchant()
    sealed = await house.vault.seal(pair.test, b"plain", aad=b"here", queries=house.database)
    assert b"plain" not in sealed.ciphertext
    assert await house.vault.unseal(pair.test.id, sealed, aad=b"here", queries=house.database) == b"plain"
    with pytest.raises(Unreadable):
        await house.vault.unseal(pair.test.id, sealed, aad=b"there", queries=house.database)


async def test_processes_that_meet_a_new_tenant_at_once_agree_on_its_keys(house: House) -> None:
    pair = await house.merchant()
    houses = [house.another_process() for _ in range(6)]
    cards = await asyncio.gather(*(kept(one, pair.test) for one in houses))
    assert len({method.fingerprint for method in cards}) == 1
    assert len({method.data_key_id for method in cards}) == 1
    for method in cards:
        assert await number_of(house, pair.test, method.id) == NUMBER


async def test_a_transaction_that_rolls_back_takes_no_key_with_it(house: House) -> None:
    """A key that was used and then lost would make everything sealed under it unreadable."""
    pair = await house.merchant()

    class Stop(Exception):
        pass

    with pytest.raises(Stop):
        async with house.database.transaction() as connection:
            await house.vault.seal_card(pair.test, card(), now=house.clock.now(), queries=connection)
            raise Stop
    method = await kept(house, pair.test)
    assert await number_of(house.another_process(), pair.test, method.id) == NUMBER


async def test_a_new_data_key_leaves_old_cards_readable_and_fingerprints_alone(house: House) -> None:
    pair = await house.merchant()
    elsewhere = house.another_process()
    old = await kept(elsewhere, pair.test)
    house.clock.advance(timedelta(days=1))
    key_id = await house.vault.rotate_data_key(pair.test)
    new = await kept(house, pair.test)
    assert (new.data_key_id, new.fingerprint) == (key_id, old.fingerprint)
    assert old.data_key_id != key_id
    assert await number_of(house, pair.test, old.id) == NUMBER
    assert await number_of(elsewhere, pair.test, new.id) == NUMBER, (
        "a key made elsewhere is found when it is met"
    )
    elsewhere.ticks.seconds += KEYS_TTL_S
    assert (await kept(elsewhere, pair.test)).data_key_id == key_id


async def test_old_keys_are_retired_and_the_fingerprint_key_is_not(house: House) -> None:
    pair = await house.merchant()
    await kept(house, pair.test)
    await house.vault.rotate_data_key(pair.test)
    house.clock.advance(timedelta(seconds=1))
    newest = await house.vault.rotate_data_key(pair.test)
    in_use = {
        key.id for key in await store.keys(house.database, merchant_id=pair.test.id) if not key.retired_at
    }
    assert in_use == {FINGERPRINT_KEY, newest}


async def test_old_cards_move_to_the_new_key_in_batches(house: House) -> None:
    pair = await house.merchant()
    cards = [await kept(house, pair.test, number) for number in (NUMBER, OTHER_NUMBER) * 4]
    house.clock.advance(timedelta(seconds=1))
    key_id = await house.vault.rotate_data_key(pair.test)
    elsewhere = house.another_process()
    batches = [await elsewhere.vault.reseal_cards(pair.test, limit=3) for _ in range(4)]
    assert batches == [3, 3, 2, 0]
    for method in cards:
        moved = await house.methods.get(pair.test.id, method.id)
        assert moved == replace(method, data_key_id=key_id, ciphertext=moved.ciphertext)
        assert moved.ciphertext != method.ciphertext
        assert await number_of(house, pair.test, method.id) in (NUMBER, OTHER_NUMBER)
    assert await number_of(house, pair.test, cards[1].id) == OTHER_NUMBER


async def test_workers_that_move_cards_at_once_share_them(house: House) -> None:
    pair = await house.merchant()
    cards = [await kept(house, pair.test) for _ in range(12)]
    house.clock.advance(timedelta(seconds=1))
    await house.vault.rotate_data_key(pair.test)
    moved = await asyncio.gather(
        *(house.another_process().vault.reseal_cards(pair.test, limit=4) for _ in range(3))
    )
    left = await house.vault.reseal_cards(pair.test)
    assert sum(moved) + left == len(cards)
    assert {await number_of(house, pair.test, method.id) for method in cards} == {NUMBER}


async def test_a_new_master_key_reads_everything_after_the_keys_are_wrapped_anew(house: House) -> None:
    first, second = master_text(1), master_text(2)
    before = house.another_process(master(first))
    pair = await before.merchant()
    method = await kept(before, pair.test)

    between = house.another_process(master(second, first))
    assert await number_of(between, pair.test, method.id) == NUMBER
    assert await between.vault.rewrap(pair.test.id) == 2
    assert await between.vault.rewrap(pair.test.id) == 0
    assert between.vault.fingerprint(b"request") == before.vault.fingerprint(b"request")

    after = house.another_process(master(second))
    assert await number_of(after, pair.test, method.id) == NUMBER
    assert (await kept(after, pair.test)).fingerprint == method.fingerprint
    with pytest.raises(MasterKeyUnusable, match="put it back"):
        await number_of(house.another_process(master(first)), pair.test, method.id)


async def complaint_of(house: House, *texts: str) -> str:
    """What a process with these master keys says at its start."""
    try:
        await house.another_process(master(*texts)).vault.check_master_keys()
    except MasterKeyUnusable as unusable:
        return str(unusable)
    return ""


async def test_a_process_without_the_key_of_old_data_says_so_before_it_serves(house: House) -> None:
    """Else it would answer every request of those tenants with an error, and wrap new tenants' keys by its own."""
    old = house.another_process(master(master_text(5)))
    await kept(old, (await old.merchant()).test)
    named = master(master_text(5)).current
    assert named not in await complaint_of(house, master_text(6), master_text(5))
    complaint = await complaint_of(house, master_text(6))
    assert named in complaint and "RECOUP_MASTER_KEY" in complaint


async def test_live_cards_are_not_kept_under_a_generated_master_key(database: Database) -> None:
    house = House(database, keys=master(generated=True))
    pair = await house.merchant()
    await kept(house, pair.test)
    with pytest.raises(Refusal) as caught:
        await kept(house, pair.live)
    assert (caught.value.code, caught.value.http_status) == ("live_mode_needs_master_key", 403)
    assert await store.keys(database, merchant_id=pair.live.id) == []


async def test_a_card_that_is_over_is_refused_when_new_and_opened_when_stored(house: House) -> None:
    pair = await house.merchant()
    with pytest.raises(Refusal) as caught:
        await kept(house, pair.test, exp_month=10, exp_year=2026)
    assert (caught.value.code, caught.value.param) == (
        "invalid_expiry_month",
        "payment_method_data.card.exp_month",
    )
    method = await kept(house, pair.test, exp_month=11, exp_year=2026)
    house.clock.advance(timedelta(days=365))
    assert await number_of(house, pair.test, method.id) == NUMBER


async def test_the_database_holds_no_number_no_code_and_no_key(house: House) -> None:
    keys = master(master_text(7))
    working = house.another_process(keys)
    pair = await working.merchant()
    await kept(working, pair.test, cvc=Secret("987"))
    everything = await dump(house.database)
    assert NUMBER not in everything
    assert not re.search(r"\b987\b", everything)
    for secret in (NUMBER.encode().hex(), (bytes([7]) * 32).hex(), master_text(7)):
        assert secret not in everything


async def test_the_row_is_what_the_table_takes(house: House) -> None:
    """Payments insert the row by themselves, as JSON, in their own first statement."""
    pair = await house.merchant()
    method = await house.vault.seal_card(pair.test, card(), now=house.clock.now())
    columns = await house.database.fetch_all(
        "select column_name from information_schema.columns where table_name = 'payment_methods'"
    )
    assert set(method.row(pair.test.id)) == {column["column_name"] for column in columns}


async def test_nothing_that_holds_a_card_shows_it(house: House) -> None:
    pair = await house.merchant()
    data = card(cvc=Secret("987"))
    method = await kept(house, pair.test)
    opened = await house.vault.open_card(pair.test.id, method, cvc=Secret("987"))
    shown = (
        f"{data!r} {data} {data.card!r} {method!r} {opened!r} {method.row(pair.test.id)!r} {house.vault!r}"
    )
    assert NUMBER not in shown
    assert method.ciphertext is not None
    assert "987" not in shown.replace(str(method.id), "").replace(method.ciphertext.hex(), "").replace(
        method.fingerprint.hex(), ""
    )
