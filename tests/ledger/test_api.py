"""The ledger over HTTP: an answer knows all that was answered before it; pages, filters, refusals, other merchants."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import pytest
from tests.payments.house import House

from recoup.checking import checked, told
from recoup.kit.ids import Kind, render
from recoup.ledger.flow import Unbalanced, WrongBalance, WrongPayment
from recoup.merchants.core import Merchant

_NOBODY: Final = "0" * 26


async def got(house: House, path: str, key: str, status: int = 200) -> Any:
    answer = await house.call("GET", path, key=key)
    assert answer.status == status, answer
    return answer.json


async def test_a_payment_is_in_the_books_when_its_answer_is_there(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    paid = await house.pay(merchant)
    accounts = await got(house, "/v1/ledger/accounts", key)
    held = {one["kind"]: (one["normal_side"], one["balance"]) for one in accounts["data"]}
    assert held == {"receivable": ("debit", 1000), "sales": ("credit", 1000)}
    owing = next(one for one in accounts["data"] if one["kind"] == "receivable")
    payment = paid.payment
    assert payment.processor_account_id is not None
    assert owing["processor_account"] == render(Kind.PROCESSOR_ACCOUNT, payment.processor_account_id)
    assert accounts["events_posted"] == len(await house.events(merchant))
    entries = await got(house, "/v1/ledger/entries", key)
    (entry,) = entries["data"]
    assert (entry["kind"], entry["amount"], entry["currency"]) == ("capture", 1000, "USD")
    assert entry["debit"] == {"account": owing["id"], "kind": "receivable"}
    assert entry["credit"]["kind"] == "sales"
    assert entry["payment"] == render(Kind.PAYMENT, payment.id)
    events = await got(house, "/v1/events?type=payment.captured", key)
    assert entry["cause"] == {"type": "event", "id": events["data"][0]["id"]}
    assert await got(house, f"/v1/ledger/entries/{entry['id']}", key) == entry
    assert await got(house, f"/v1/ledger/accounts/{owing['id']}", key) == owing


async def test_the_trial_balance_is_balanced_in_every_currency(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    paid = await house.pay(merchant)
    await house.refund(merchant, paid.payment.id, 250)
    trial = await got(house, "/v1/ledger/trial_balance", key)
    assert trial["currencies"] == [{"currency": "USD", "debits": 1500, "credits": 1500, "balanced": True}]
    assert (trial["entries"], trial["livemode"]) == (3, False)


async def test_an_old_balance_is_asked_for_by_an_entry(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    paid = await house.pay(merchant)
    first = (await got(house, "/v1/ledger/entries", key))["data"][0]
    await house.refund(merchant, paid.payment.id, 250)
    path = f"/v1/ledger/accounts/{first['debit']['account']}"
    assert (await got(house, path, key))["balance"] == 750
    then = await got(house, f"{path}?at={first['id']}", key)
    assert (then["balance"], then["last_entry"]) == (1000, first["id"])


async def test_entries_are_paged_both_ways_and_filtered(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    made = [await house.pay(merchant) for _ in range(3)]
    await house.refund(merchant, made[1].payment.id, 100)
    path = "/v1/ledger/entries"
    everything = (await got(house, path, key))["data"]
    assert [one["kind"] for one in everything] == [
        "refund_paid",
        "refund_created",
        "capture",
        "capture",
        "capture",
    ]
    first = await got(house, f"{path}?limit=2", key)
    assert (first["data"], first["has_more"]) == (everything[:2], True)
    rest = await got(house, f"{path}?starting_after={first['data'][-1]['id']}", key)
    assert (rest["data"], rest["has_more"]) == (everything[2:], False)
    back = await got(house, f"{path}?ending_before={rest['data'][0]['id']}", key)
    assert back["data"] == everything[:2]
    of_payment = await got(house, f"{path}?payment={render(Kind.PAYMENT, made[1].payment.id)}", key)
    assert [one["kind"] for one in of_payment["data"]] == ["refund_paid", "refund_created", "capture"]
    refunds = everything[1]["debit"]["account"]
    of_account = await got(house, f"{path}?account={refunds}", key)
    assert [one["kind"] for one in of_account["data"]] == ["refund_created"]


async def test_entries_since_a_time_come_in_its_order(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    await house.pay(merchant)
    await house.wait(hours=1)
    paid = await house.pay(merchant)
    await house.refund(merchant, paid.payment.id, 100)
    path = "/v1/ledger/entries?since=2026-11-22T12:30:00Z&limit=2"
    page = await got(house, path, key)
    assert [one["kind"] for one in page["data"]] == ["capture", "refund_created"]
    rest = await got(house, f"{path}&starting_after={page['data'][-1]['id']}", key)
    assert ([one["kind"] for one in rest["data"]], rest["has_more"]) == (["refund_paid"], False)
    refused = await got(house, f"{path}&ending_before={page['data'][-1]['id']}", key, 400)
    assert refused["error"]["code"] == "one_direction_only"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"accounts/lac_{_NOBODY}", 404),
        (f"accounts/lac_7{'z' * 25}", 404),
        ("accounts/nothing", 404),
        (f"entries/len_{_NOBODY}", 404),
        (f"entries/len_7{'z' * 25}", 404),
        (f"entries?account=lac_7{'z' * 25}", 200),
        (f"entries?starting_after=len_7{'z' * 25}", 200),
        (f"entries?ending_before=len_7{'z' * 25}", 200),
        (f"entries?ending_before=len_{_NOBODY}", 200),
        (f"accounts?starting_after=lac_7{'z' * 25}", 200),
        (f"accounts?ending_before=lac_7{'z' * 25}", 200),
        ("entries?account=pay_1", 404),
        ("entries?since=yesterday", 400),
        ("accounts?currency=dollars", 400),
    ],
)
async def test_what_is_not_there_is_refused_or_empty(
    house: House, merchant: Merchant, path: str, status: int
) -> None:
    key = await house.key_of(merchant)
    await house.pay(merchant)
    await got(house, f"/v1/ledger/{path}", key, status)


async def test_an_entry_of_another_merchant_is_not_there(house: House, merchant: Merchant) -> None:
    """Numbers begin at 1 for everybody, so it is the merchant that tells them apart."""
    stranger = await house.key_of(await house.merchant())
    await house.pay(merchant)
    entry = (await got(house, "/v1/ledger/entries", await house.key_of(merchant)))["data"][0]
    await got(house, f"/v1/ledger/entries/{entry['id']}", stranger, 404)
    await got(house, f"/v1/ledger/accounts/{entry['debit']['account']}", stranger, 404)
    assert (await got(house, "/v1/ledger/accounts", stranger))["data"] == []


def test_a_finding_is_told_in_a_sentence() -> None:
    paid = UUID(int=7)
    assert "USD is out of balance" in told(Unbalanced("USD", 1, 2))
    assert "Account 3 (sales, EUR)" in told(WrongBalance(3, "sales", "EUR", 1, 2, 3, 4))
    assert render(Kind.PAYMENT, paid) in told(WrongPayment(paid, 1, 2, 3, 4, 5, 6))


async def test_the_check_of_the_command_line_posts_what_is_new_and_tells(
    house: House, merchant: Merchant, capsys: pytest.CaptureFixture[str]
) -> None:
    await house.pay(merchant)
    assert await checked(house, "Shop, test", merchant) == 0
    assert "Shop, test: 1 entries, 2 accounts, posted up to event" in capsys.readouterr().out
    await house.database.execute(
        "update ledger_accounts set debits = debits + 1 where merchant_id = %(merchant_id)s and kind = 'sales'",
        {"merchant_id": merchant.id},
    )
    assert await checked(house, "Shop, test", merchant) == 2
    assert "USD is out of balance: 1001 debits, 1000 credits." in capsys.readouterr().out
    house.merchants_made.remove(merchant)
