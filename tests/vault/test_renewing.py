"""Cards that change: what a processor or an account updater tells becomes the payment method and its history, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.vault.house import NUMBER, OTHER_NUMBER, House, card, dump

from recoup.connectors.base import CredentialNews, Token
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import MerchantPair
from recoup.merchants.flow import NewAccount
from recoup.vault.core import Expiry, MethodType, PaymentMethod
from recoup.vault.core.renewals import Teller, Told, UpdateKind
from recoup.vault.flow import Renewing
from recoup.vault.flow.renewing import NewCard, told_of
from recoup.vault.wire import TokenMethodData

TOKEN = "pm_0000not0a0real0token"
HOUR = timedelta(hours=1)


@pytest.fixture
def renewing(house: House) -> Renewing:
    house.plain.capabilities = replace(house.plain.capabilities, processor_tokens=True)
    return Renewing(house.database, house.vault, house.tokens, new_id=house.new_id)


async def account(house: House, pair: MerchantPair) -> Any:
    new = NewAccount("plain", "Plain", {name: Secret("x") for name in house.plain.credentials})
    async with house.database.transaction() as connection:
        made = await house.accounts.create(connection, pair.test, new, now=house.clock.now())
    house.accounts._remembered.forget(pair.test.id)
    return made.id


async def kept(house: House, pair: MerchantPair, account_id: Any, **shown: Any) -> PaymentMethod:
    """A payment method that a processor keeps."""
    at = render(Kind.PROCESSOR_ACCOUNT, account_id)
    data = TokenMethodData(processor_account=at, token=Secret(TOKEN), processor_customer="cus_1", **shown)
    async with house.database.transaction() as connection:
        return await house.methods.create(
            connection, pair.test, data, customer_id=None, metadata={}, now=house.clock.now()
        )


async def remembered(house: House, pair: MerchantPair, *accounts: Any) -> PaymentMethod:
    """A card in the vault that processors remember."""
    async with house.database.transaction() as connection:
        method = await house.methods.create(
            connection, pair.test, card(), customer_id=None, metadata={}, now=house.clock.now()
        )
    for account_id in accounts:
        token = await house.tokens.seal(
            pair.test, method.id, account_id, Token(Secret(TOKEN)), remembered=True, now=house.clock.now()
        )
        await house.tokens.keep(pair.test.id, token.row(pair.test.id, method.id))
    return method


async def told(
    house: House,
    renewing: Renewing,
    pair: MerchantPair,
    account_id: Any,
    *,
    ago: timedelta = timedelta(),
    **said: Any,
) -> Any:
    now = house.clock.now()
    news = CredentialNews(Secret(said.pop("token", TOKEN)), **said)
    about = told_of(news, account_id=account_id, event_id="evt_1", at=now - ago)
    return await renewing.hear(pair.test, about, news, now=now)


async def test_a_renewed_card_behind_a_token_is_known_at_once_and_told_once(
    house: House, renewing: Renewing
) -> None:
    pair = await house.merchant()
    at = await account(house, pair)
    method = await kept(house, pair, at)
    house.clock.advance(HOUR)
    first: dict[str, Any] = {"last4": "4242", "exp_month": 3, "exp_year": 2031, "brand": "visa"}
    assert await told(house, renewing, pair, at, **first) == [UpdateKind.EXPIRY]
    assert await told(house, renewing, pair, at, **first) == [], "again"
    house.clock.advance(HOUR)
    assert await told(house, renewing, pair, at, last4="0007", exp_month=4, exp_year=2033) == [
        UpdateKind.NUMBER
    ]
    assert await told(house, renewing, pair, at, ago=HOUR / 2, **first) == [], "older than what is known"
    assert await told(house, renewing, pair, at, token="pm_of_nobody", **first) is None
    after = await house.methods.get(pair.test.id, method.id)
    assert (after.last4, after.exp_month, after.exp_year, after.brand) == ("0007", 4, 2033, "visa")
    assert after.fingerprint != method.fingerprint, "to its network it is another card"
    assert after.renewed_at == house.clock.now()
    lines = await renewing.history(pair.test.id, method.id, limit=10)
    assert sorted(one.kind for one in lines) == ["expiry", "number"]
    assert set(await renewing.fingerprints(pair.test.id, method.id)) == {
        after.fingerprint,
        method.fingerprint,
    }


async def test_news_of_another_merchant_or_account_changes_nothing(house: House, renewing: Renewing) -> None:
    pair, other = await house.merchant(), await house.merchant()
    at, elsewhere = await account(house, pair), await account(house, other)
    await kept(house, pair, at)
    assert await told(house, renewing, other, elsewhere, exp_month=1, exp_year=2040) is None
    assert await told(house, renewing, other, at, exp_month=1, exp_year=2040) is None
    assert await told(house, renewing, pair, await account(house, pair), exp_month=1, exp_year=2040) is None


async def test_a_number_that_only_its_processor_knows_is_charged_there(
    house: House, renewing: Renewing
) -> None:
    """The vault keeps the old number, to ask about it, and what others remember of it is forgotten."""
    pair = await house.merchant()
    one, two = await account(house, pair), await account(house, pair)
    method = await remembered(house, pair, one, two)
    house.clock.advance(HOUR)
    assert await told(house, renewing, pair, one, last4="0007", exp_month=4, exp_year=2033) == [
        UpdateKind.NUMBER
    ]
    after = await house.methods.get(pair.test.id, method.id)
    assert after.superseded_at is not None and after.type is MethodType.CARD
    assert [one.processor_account_id for one in after.tokens] == [one]
    assert await told(house, renewing, pair, one, closed=True) == [UpdateKind.CLOSED], (
        "nothing is left to pay with"
    )


async def test_a_token_that_ends_leaves_the_card_and_the_last_one_closes(
    house: House, renewing: Renewing
) -> None:
    pair = await house.merchant()
    at = await account(house, pair)
    method = await remembered(house, pair, at)
    assert await told(house, renewing, pair, at, closed=True) == [UpdateKind.TOKEN_REMOVED]
    assert (await house.methods.usable(pair.test.id, method.id)).tokens == ()
    gone = await kept(house, pair, at)
    assert await told(house, renewing, pair, at, closed=True) == [UpdateKind.CLOSED]
    with pytest.raises(Refusal, match="is closed"):
        await house.methods.usable(pair.test.id, gone.id)
    assert await told(house, renewing, pair, at, closed=True) == []
    assert await told(house, renewing, pair, at, exp_month=5, exp_year=2035) == [UpdateKind.EXPIRY], (
        "alive after all"
    )
    assert (await house.methods.usable(pair.test.id, gone.id)).exp_year == 2035


async def test_another_token_takes_the_place_of_the_one_that_it_is_told_of(
    house: House, renewing: Renewing
) -> None:
    pair = await house.merchant()
    at = await account(house, pair)
    method = await kept(house, pair, at)
    assert await told(house, renewing, pair, at, new_token=Secret("md_2")) == [UpdateKind.TOKEN]
    after = await house.methods.get(pair.test.id, method.id)
    opened = (await house.tokens.open(pair.test.id, after))[at]
    assert (opened.value, opened.customer) == (Secret("md_2"), "cus_1")
    house.clock.advance(HOUR)
    assert await told(house, renewing, pair, at, token="md_2") == [UpdateKind.TOKEN], (
        "renewed, nobody says how"
    )


async def test_an_account_updaters_answer_renews_the_number_in_the_vault(
    house: House, renewing: Renewing
) -> None:
    pair = await house.merchant()
    at = await account(house, pair)
    method = await remembered(house, pair, at)
    by_file = Told(by=Teller.UPDATER, at=house.clock.now())
    new = NewCard(Secret(OTHER_NUMBER), Expiry(7, 2034))
    async with house.database.transaction() as connection:
        assert await renewing.renew(connection, pair.test, method.id, new, by_file) is UpdateKind.NUMBER
    async with house.database.transaction() as connection:
        assert await renewing.renew(connection, pair.test, method.id, new, by_file) is None
    after = await house.methods.get(pair.test.id, method.id)
    opened = await house.vault.open_card(pair.test.id, after)
    assert (opened.number, opened.exp_month, opened.exp_year) == (Secret(OTHER_NUMBER), 7, 2034)
    assert (after.brand, after.last4, after.tokens) == ("mastercard", "4444", ())
    with pytest.raises(Refusal, match="card number is incorrect"):
        async with house.database.transaction() as connection:
            wrong = NewCard(Secret("4242424242424241"), Expiry(7, 2034))
            await renewing.renew(connection, pair.test, method.id, wrong, by_file)
    everything = await dump(house.database)
    assert NUMBER not in everything and OTHER_NUMBER not in everything


async def test_tokens_that_an_older_version_kept_are_found_once_they_are_recognised(
    house: House, renewing: Renewing
) -> None:
    pair = await house.merchant()
    at = await account(house, pair)
    await kept(house, pair, at)
    await house.database.execute(
        "update processor_tokens set digest = null where merchant_id = %(id)s", {"id": pair.test.id}
    )
    assert await told(house, renewing, pair, at, exp_month=1, exp_year=2040) is None
    assert pair.test.id in await house.tokens.merchants_with_older()
    assert await house.tokens.recognise_older(pair.test) == 1
    assert await house.tokens.recognise_older(pair.test) == 0
    assert await told(house, renewing, pair, at, exp_month=1, exp_year=2040) == [UpdateKind.EXPIRY]
