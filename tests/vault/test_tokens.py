"""Processors' tokens in the vault: bound to their place, moved to new keys, and shown nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from tests.vault.house import House, dump

from recoup.kit.ids import Kind, parse, render
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import MerchantPair
from recoup.merchants.flow import NewAccount
from recoup.vault.core import PaymentMethod, Unreadable, check_token
from recoup.vault.wire import TokenData, TokenMethodData

TOKEN: Final = "pm_0000not0a0real0token"
CUSTOMER: Final = "cus_0000not0a0real0one"


@pytest.fixture(autouse=True)
def keeps(house: House) -> None:
    """The connector charges what its processor keeps."""
    house.plain.capabilities = replace(house.plain.capabilities, processor_tokens=True)


async def account(house: House, pair: MerchantPair) -> str:
    new = NewAccount("plain", "Plain", {name: Secret("x") for name in house.plain.credentials})
    async with house.database.transaction() as connection:
        made = await house.accounts.create(connection, pair.test, new, now=house.clock.now())
    house.accounts._remembered.forget(pair.test.id)
    return render(Kind.PROCESSOR_ACCOUNT, made.id)


async def kept(house: House, pair: MerchantPair, at: str) -> PaymentMethod:
    data = TokenMethodData(processor_account=at, token=Secret(TOKEN), processor_customer=CUSTOMER)
    async with house.database.transaction() as connection:
        return await house.methods.create(
            connection, pair.test, data, customer_id=None, metadata={}, now=house.clock.now()
        )


async def test_a_token_is_read_by_its_own_merchant_at_its_own_place(house: House) -> None:
    pair = await house.merchant()
    one, two = await account(house, pair), await account(house, pair)
    method = await kept(house, pair, one)
    async with house.database.transaction() as connection:
        data = TokenData(processor_account=two, token=Secret("pm_other"))
        await house.methods.put_token(connection, pair.test, method.id, data, now=house.clock.now())
    read = await house.methods.get(pair.test.id, method.id)
    opened = await house.tokens.open(pair.test.id, read)
    assert {
        render(Kind.PROCESSOR_ACCOUNT, id_): (one.value, one.customer) for id_, one in opened.items()
    } == {
        one: (Secret(TOKEN), CUSTOMER),
        two: (Secret("pm_other"), None),
    }
    await house.database.execute(
        """
        update processor_tokens set ciphertext = (
            select ciphertext from processor_tokens
            where merchant_id = %(merchant_id)s and processor_account_id = %(one)s)
        where merchant_id = %(merchant_id)s and processor_account_id = %(two)s
        """,
        {
            "merchant_id": pair.test.id,
            "one": parse(Kind.PROCESSOR_ACCOUNT, one),
            "two": parse(Kind.PROCESSOR_ACCOUNT, two),
        },
    )
    with pytest.raises(Unreadable):
        await house.tokens.open(pair.test.id, await house.methods.get(pair.test.id, method.id))


async def test_no_row_holds_a_token_in_the_clear(house: House) -> None:
    pair = await house.merchant()
    method = await kept(house, pair, await account(house, pair))
    text = f"{await dump(house.database)} {method!r}"
    assert str(method.id) in text
    assert TOKEN not in text
    assert TOKEN.encode().hex() not in text
    assert CUSTOMER not in text


async def test_tokens_move_to_a_new_data_key(house: House) -> None:
    pair = await house.merchant()
    method = await kept(house, pair, await account(house, pair))
    key_id = await house.vault.rotate_data_key(pair.test)
    assert await house.tokens.reseal(pair.test) == 1
    assert await house.tokens.reseal(pair.test) == 0
    read = await house.methods.get(pair.test.id, method.id)
    assert [one.data_key_id for one in read.tokens] == [key_id]
    assert [one.value for one in (await house.tokens.open(pair.test.id, read)).values()] == [Secret(TOKEN)]


async def test_an_account_that_cannot_charge_tokens_takes_none(house: House) -> None:
    pair = await house.merchant()
    at = await account(house, pair)
    house.plain.capabilities = replace(house.plain.capabilities, processor_tokens=False)
    with pytest.raises(Refusal) as caught:
        await kept(house, pair, at)
    assert (caught.value.code, caught.value.param) == ("processor_tokens_unsupported", "processor_account")


@pytest.mark.parametrize("token", ["4242424242424242", "4242 4242 4242 4242", "378282246310005"])
def test_a_card_number_is_no_token(token: str) -> None:
    """It would be kept by rules that are not those of cards."""
    with pytest.raises(Refusal) as caught:
        check_token(Secret(token), param="token")
    assert caught.value.code == "token_is_card_number"
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "token", ["7010000000016241111", "900123456", "4242424242424241", "a/b+c==", "x" * 1000]
)
def test_a_token_may_be_digits(token: str) -> None:
    check_token(Secret(token), param="token")
