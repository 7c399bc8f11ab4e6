"""A processor account that was given another address or other credentials may be an account somewhere else."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import pytest
from tests.payments.bank import Lost
from tests.payments.house import House
from tests.payments.test_tokens import customers_card

from recoup.connectors.base import Token
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Approved
from recoup.payments.core import OperationState, Status

MOVED: Final[dict[str, Any]] = {"base_url": "http://127.0.0.1:2"}


async def change(
    house: House, merchant: Merchant, account_id: Any, *, same_account: bool = False, **changes: Any
) -> None:
    """Change an account."""
    await house.wait(seconds=1)
    async with house.database.transaction() as connection:
        await house.accounts.update(
            connection, merchant, account_id, changes=changes, same_account=same_account, now=house.now
        )
    await house.wait(seconds=1)


async def remembered(house: House, merchant: Merchant) -> tuple[UUID, UUID]:
    """A customer's card that the first account's processor was asked to keep: the method, and the account."""
    means = await customers_card(house, merchant)
    house.bank.will("charge", Approved("ch-1", captured=True, token=Secret("tok_old")))
    new = house.new_payment(merchant, customer_id=means.customer_id)
    paid = await house.payments.create(merchant, new, means, claim=None, now=house.now)
    return means.payment_method_id, paid.attempts[0].processor_account_id


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"label": "Renamed", "enabled": False}, Status.FAILED),
        ({"base_url": "http://127.0.0.1:2"}, Status.UNRESOLVED),
    ],
    ids=["renamed", "repointed"],
)
async def test_a_charge_can_be_withdrawn_only_where_it_was_sent(
    house: House, merchant: Merchant, changes: dict[str, Any], status: Status
) -> None:
    """Somebody else's promise that our key does nothing would free a payment that may have been charged."""
    house.bank.will("charge", Lost())
    lost = await house.pay(merchant)
    await change(house, merchant, lost.attempts[0].processor_account_id, **changes)
    await house.work()
    assert (await house.snapshot(merchant, lost.payment.id)).payment.status is status
    assert ("withdraw" in house.bank.verbs()) == (status is Status.FAILED)


async def test_so_can_a_refund(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    house.bank.will("refund", Lost())
    await house.refund(merchant, paid.payment.id)
    await change(house, merchant, paid.attempts[0].processor_account_id, base_url="http://127.0.0.1:2")
    await house.work()
    (refund,) = (await house.snapshot(merchant, paid.payment.id)).operations
    assert refund.state is OperationState.UNKNOWN
    assert "withdraw_change" not in house.bank.verbs()


async def test_so_can_a_charge_that_awaits_its_customer(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", ActionRequired("ref-1", "https://bank.example/3ds"))
    waiting = await house.pay(merchant)
    await change(house, merchant, waiting.attempts[0].processor_account_id, base_url="http://127.0.0.1:2")
    with pytest.raises(Refusal) as refused:
        await house.cancel(merchant, waiting.payment.id)
    assert refused.value.code == "cannot_be_withdrawn"


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ({"label": "Renamed"}, True),
        ({**MOVED, "same_account": True}, True),
        (MOVED, False),
    ],
    ids=["renamed", "renewed", "repointed"],
)
async def test_what_the_old_account_kept_is_not_charged_at_the_new_one(
    house: House, merchant: Merchant, how: dict[str, Any], kept: bool
) -> None:
    """Its token may be somebody else's card there: the card itself is charged, and kept anew."""
    method, account = await remembered(house, merchant)
    await change(house, merchant, account, **how)
    means, owner = await house.payments.stored_means(merchant, method)
    assert (account in means.tokens, account in means.remembered_at) == (kept, kept)
    again = house.new_payment(merchant, customer_id=owner)
    await house.payments.create(merchant, again, means, claim=None, now=house.now)
    last = list(house.bank.charges.values())[-1]
    assert (isinstance(last.source, Token), last.remember) == (kept, not kept)


async def test_a_token_that_comes_after_the_move_counts(house: House, merchant: Merchant) -> None:
    method, account = await remembered(house, merchant)
    await change(house, merchant, account, **MOVED)
    await house.wait(minutes=2)
    token = Token(Secret("tok_new"))
    row = await house.wallet.sealed_token(merchant, method, account, token, now=house.now)
    await house.wallet.keep_token(merchant, row)
    means, _ = await house.payments.stored_means(merchant, method)
    assert means.tokens[account].value == Secret("tok_new")


async def test_one_that_the_old_account_gave_last_does_not(house: House, merchant: Merchant) -> None:
    """It may have been asked just before the move, and answered just after."""
    method, account = await remembered(house, merchant)
    await change(house, merchant, account, **MOVED)
    row = await house.wallet.sealed_token(merchant, method, account, Token(Secret("tok_late")), now=house.now)
    await house.wallet.keep_token(merchant, row)
    means, _ = await house.payments.stored_means(merchant, method)
    assert account not in means.tokens


async def test_a_method_that_only_the_old_account_had_is_charged_nowhere(house: House) -> None:
    """Until the merchant says what it is called at the new account."""
    merchant = await house.merchant("north")
    key = await house.key_of(merchant)
    (account,) = await house.accounts.accounts_of(merchant.id)
    body = {
        "type": "processor_token",
        "processor_account": render(Kind.PROCESSOR_ACCOUNT, account.id),
        "token": "12345",
        "card": {"brand": "visa"},
    }
    made = (await house.call("POST", "/v1/payment_methods", body, key=key)).json
    await change(house, merchant, account.id, **MOVED)
    payment = {"amount": 1000, "currency": "USD", "payment_method": made["id"]}
    refused = await house.call("POST", "/v1/payments", payment, key=key)
    assert (refused.status, refused.error["code"]) == (400, "no_processor_account")
    assert not house.bank.asked
    path = f"/v1/payment_methods/{made['id']}/processor_tokens"
    again = {"processor_account": body["processor_account"], "token": "67890"}
    await house.call("POST", path, again, key=key)
    paid = await house.call("POST", "/v1/payments", payment, key=key)
    assert paid.json["status"] == "captured"


@pytest.mark.parametrize("same", [True, False])
async def test_the_merchant_says_whether_it_is_the_same_account(house: House, same: bool) -> None:
    merchant = await house.merchant("north")
    (account,) = await house.accounts.accounts_of(merchant.id)
    path = f"/v1/processor_accounts/{render(Kind.PROCESSOR_ACCOUNT, account.id)}"
    body = MOVED | {"same_account": same}
    answer = await house.call("POST", path, body, key=await house.key_of(merchant))
    assert answer.status == 200
    async with house.database.transaction() as connection:
        (account,) = await house.accounts.accounts_of(merchant.id, queries=connection)
    assert (account.repointed_at is None) is same
