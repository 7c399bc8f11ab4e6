"""Processor accounts on a real database: sealed where they lie, fresh where they are used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.vault.house import House, dump

from recoup.db import Connection
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import (
    ACCOUNTS_MAX,
    AmountLimits,
    FeeModel,
    FeeRate,
    Fees,
    Merchant,
    ProcessorAccount,
    Relation,
)
from recoup.merchants.flow import ACCOUNTS_TTL_S, NewAccount

CREDENTIALS = {"api_key": Secret("credential-one"), "webhook_secret": Secret("credential-two")}


def new(**fields: Any) -> NewAccount:
    return NewAccount(**{"connector": "plain", "label": "Plain", "credentials": CREDENTIALS} | fields)


async def add(house: House, merchant: Merchant, **fields: Any) -> ProcessorAccount:
    now = house.clock.advance(timedelta(milliseconds=1))
    async with house.database.transaction() as connection:
        return await house.accounts.create(connection, merchant, new(**fields), now=now)


async def change(
    house: House, merchant: Merchant, account: ProcessorAccount, changes: Mapping[str, Any]
) -> ProcessorAccount:
    now = house.clock.advance(timedelta(milliseconds=1))
    async with house.database.transaction() as connection:
        return await house.accounts.update(connection, merchant, account.id, changes=changes, now=now)


async def test_what_is_created_is_read_back_by_every_process(house: House) -> None:
    pair = await house.merchant()
    account = await add(
        house,
        pair.test,
        base_url="http://127.0.0.1:9000/plain",
        countries=frozenset({"US", "CA"}),
        currencies=frozenset({"USD"}),
        brands=frozenset({"visa"}),
        fees=Fees(
            model=FeeModel.INTERCHANGE_PLUS_PLUS,
            basis_points=20,
            interchange=(FeeRate(relation=Relation.DOMESTIC, fundings=("debit",), fixed_thousandths=5),),
        ),
        metadata={"a": "b"},
        country="US",
        acquirer="First Bank",
        fundings=frozenset({"credit"}),
        amount_limits={"USD": AmountLimits(min=100), "EUR": AmountLimits(max=5)},
        merchant_categories=frozenset({"5411"}),
        drained=True,
        three_d_secure=False,
    )
    assert await house.accounts.account(pair.test.id, account.id) == account
    assert await house.another_process().accounts.account(pair.test.id, account.id) == account
    assert account.credentials == CREDENTIALS


async def test_accounts_are_tried_in_the_order_of_their_positions(house: House) -> None:
    pair = await house.merchant()
    first, second = await add(house, pair.test), await add(house, pair.test)
    assert [first.position, second.position] == [0, 1]
    third = await add(house, pair.test, position=0)
    assert [one.id for one in await house.accounts.accounts_of(pair.test.id)] == [
        first.id,
        third.id,
        second.id,
    ]
    await change(house, pair.test, first, {"position": 9})
    assert [one.id for one in await house.accounts.accounts_of(pair.test.id)] == [
        third.id,
        second.id,
        first.id,
    ]


async def test_credentials_are_in_no_column_and_no_repr(house: House) -> None:
    pair = await house.merchant()
    account = await add(house, pair.test)
    shown = f"{account!r} {new()!r} {await house.accounts.accounts_of(pair.test.id)!r} {await dump(house.database)}"
    assert "credential-one" not in shown
    assert b"credential-one".hex() not in shown


async def test_credentials_moved_to_another_row_do_not_open(house: House) -> None:
    pair = await house.merchant()
    here, there = await add(house, pair.test), await add(house, pair.test)
    await house.database.execute(
        """
        update processor_accounts set credentials = (select credentials from processor_accounts where id = %s)
        where id = %s
        """,
        [here.id, there.id],
    )
    with pytest.raises(Exception, match="for another place"):
        await house.another_process().accounts.accounts_of(pair.test.id)


async def test_changes_are_seen_at_once_here_and_in_two_seconds_elsewhere(house: House) -> None:
    pair = await house.merchant()
    elsewhere = house.another_process()
    account = await add(house, pair.test)
    assert await elsewhere.accounts.account(pair.test.id, account.id) == account
    changed = await change(
        house, pair.test, account, {"enabled": False, "credentials": dict.fromkeys(CREDENTIALS, Secret("x"))}
    )
    assert await house.accounts.account(pair.test.id, account.id) == changed
    elsewhere.ticks.seconds += ACCOUNTS_TTL_S
    assert await elsewhere.accounts.account(pair.test.id, account.id) == changed


async def test_what_is_read_while_the_change_is_not_committed_is_not_remembered(house: House) -> None:
    """The API commits after its handler returned; a payment in between must not bring the old state back."""
    pair = await house.merchant()
    account = await add(house, pair.test)
    async with house.database.transaction() as connection:
        changed = await house.accounts.update(
            connection, pair.test, account.id, changes={"enabled": False}, now=house.clock.now()
        )
        assert await house.accounts.account(pair.test.id, account.id) == account
    assert await house.accounts.account(pair.test.id, account.id) == changed


async def test_metadata_is_merged_and_the_rest_is_left_alone(house: House) -> None:
    pair = await house.merchant()
    account = await add(house, pair.test, metadata={"a": "1", "b": "2"}, countries=frozenset({"US"}))
    changed = await change(house, pair.test, account, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata == {"b": "2", "c": "3"}
    assert changed.countries == frozenset({"US"})
    assert changed.credentials == CREDENTIALS
    assert changed.updated_at > account.updated_at
    assert (await change(house, pair.test, account, {"countries": None})).countries is None


ROUTING: Mapping[str, Any] = {
    "country": "GB",
    "acquirer": "First Bank",
    "fundings": frozenset({"debit"}),
    "amount_limits": {"GBP": AmountLimits(min=1, max=2)},
    "merchant_categories": frozenset({"5812"}),
    "drained": True,
    "three_d_secure": False,
}


@pytest.mark.parametrize("name", ROUTING)
async def test_what_routing_knows_can_be_said_and_taken_back(house: House, name: str) -> None:
    pair = await house.merchant()
    account = await add(house, pair.test)
    plain = getattr(account, name)
    for value in (ROUTING[name], plain):
        await change(house, pair.test, account, {name: value})
        [read] = await house.another_process().accounts.accounts_of(pair.test.id)
        assert read == replace(account, **{name: value}, updated_at=read.updated_at)


async def test_a_disabled_account_stays_readable(house: House) -> None:
    """A payment that went through it may still be unresolved."""
    pair = await house.merchant()
    account = await add(house, pair.test)
    disabled = await house.accounts.disable(pair.test, account.id, now=house.clock.now())
    assert not disabled.enabled
    assert await house.accounts.account(pair.test.id, account.id) == disabled
    assert disabled.credentials == CREDENTIALS


async def test_another_tenant_neither_sees_nor_changes_it(house: House) -> None:
    pair, other = await house.merchant(), await house.merchant()
    account = await add(house, pair.test)
    for stranger in (pair.live, other.test):
        assert await house.accounts.accounts_of(stranger.id) == ()
        with pytest.raises(Refusal, match="no processor account"):
            await house.accounts.account(stranger.id, account.id)
        with pytest.raises(Refusal, match="no processor account"):
            await change(house, stranger, account, {"enabled": False})


async def test_live_accounts_keep_the_processors_own_address(house: House) -> None:
    pair = await house.merchant()
    with pytest.raises(Refusal, match="test mode only"):
        await add(house, pair.live, base_url="http://127.0.0.1:9000")
    assert (await add(house, pair.live)).base_url is None


async def test_what_is_refused_leaves_nothing_behind(house: House) -> None:
    pair = await house.merchant()
    wrong: list[dict[str, Any]] = [
        {"connector": "acme"},
        {"credentials": {}},
        {"brands": frozenset({"amex"})},
    ]
    for fields in wrong:
        with pytest.raises(Refusal):
            await add(house, pair.test, **fields)
    assert await house.accounts.accounts_of(pair.test.id) == ()


async def test_accounts_are_limited_in_number(house: House) -> None:
    pair = await house.merchant()
    account = await add(house, pair.test)
    await house.database.execute(
        """
        insert into processor_accounts (
            merchant_id, id, connector, label, position, enabled, metadata, created_at, updated_at)
        select merchant_id, gen_random_uuid(), connector, label, position, enabled, metadata, created_at, updated_at
        from processor_accounts, generate_series(2, %s) where id = %s
        """,
        [ACCOUNTS_MAX, account.id],
    )
    with pytest.raises(Refusal, match="update one"):
        await add(house, pair.test)


async def test_credentials_move_to_a_new_data_key(house: House) -> None:
    pair = await house.merchant()
    account = await add(house, pair.test)
    key_id = await house.vault.rotate_data_key(pair.test)
    assert await house.another_process().accounts.account(pair.test.id, account.id) == account
    assert await house.accounts.reseal(pair.test) == 1
    row = await house.database.fetch_one(
        "select data_key_id from processor_accounts where id = %s", [account.id]
    )
    assert row == {"data_key_id": key_id}
    assert await house.another_process().accounts.account(pair.test.id, account.id) == account


async def test_creations_at_the_same_time_all_count(house: House) -> None:
    """The number is counted under the tenant's row, so that the limit holds whoever comes at the same time."""
    pair = await house.merchant()

    async def one(connection: Connection) -> ProcessorAccount:
        return await house.accounts.create(connection, pair.test, new(), now=house.clock.now())

    made = await asyncio.gather(*(house.database.retrying(one) for _ in range(5)))
    assert sorted(account.position for account in made) == [0, 1, 2, 3, 4]
