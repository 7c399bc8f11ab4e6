"""Subscriptions moved in over HTTP: looked at, taken in once, and charged here on their day, not before."""

from __future__ import annotations

from datetime import timedelta

from tests.acceptance.asking import reference, refused, stored
from tests.acceptance.test_charged_later import advance, now_of
from tests.whole.served import Answered, Client

PATH = "/v1/subscription_imports"
HEAD = "id,customer,plan,amount,currency,interval,next_billing,anchor_day,time_zone,card_fingerprint\n"


async def send(shop: Client, table: str, how: str = "", **more: str) -> Answered:
    """Upload a table."""
    headers = {"Content-Type": "text/csv"} | more
    return await shop.send("POST", f"{PATH}?{how}", raw=table.encode(), headers=headers)


async def test_a_table_is_looked_at_then_taken_in_once_and_charged_on_its_day(shop: Client) -> None:
    name = reference()
    owner, method = await stored(shop, merchant_reference=name)
    fingerprint = (await shop.get(f"/v1/payment_methods/{method}"))["card"]["fingerprint"]
    day = (await now_of(shop)).date() + timedelta(days=3)
    good = f"s-{name},{name},Moved,4900,USD,month,{day},{day.day},UTC,{fingerprint}\n"
    bad = f"t-{name},{name},Moved,4900,USD,month,2026-01-01,,UTC,\n"
    looked = (await send(shop, HEAD + good + bad, "dry_run=true")).json
    assert (looked["created"], looked["refused"], looked["taken_in"]) == (1, 1, False)
    first, second = looked["lines"]
    assert (first["charge_on"], first["amount"], first["warnings"]) == (str(day), 4900, [])
    assert (second["outcome"], second["column"], second["line"]) == ("refused", "next_billing", 3)
    assert (await send(shop, HEAD + good + bad)).json["taken_in"] is False
    taken = (await send(shop, HEAD + good + bad, "skip_refused=true")).json
    assert (taken["created"], taken["taken_in"]) == (1, True)
    again = (await send(shop, HEAD + good)).json
    assert (again["created"], again["skipped"]) == (0, 1)
    (made,) = (await shop.get(f"/v1/subscriptions?customer={owner}"))["data"]
    assert (made["status"], made["payment_method"], made["payments_made"]) == ("active", method, 0)
    assert made["next_billing_at"] == f"{day}T09:00:00.000Z" and made["current_period"]["end"] == str(day)
    due = (await now_of(shop)).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=3)
    await advance(shop, due - timedelta(hours=1))
    assert (await shop.get(f"/v1/invoices?customer={owner}"))["data"] == []
    await advance(shop, due + timedelta(hours=1))
    (bill,) = (await shop.get(f"/v1/invoices?customer={owner}"))["data"]
    assert (bill["status"], bill["amount_due"], bill["period"]["start"]) == ("paid", 4900, str(day))


async def test_a_wrong_table_is_refused_and_says_what_to_mend(shop: Client) -> None:
    assert refused(await send(shop, "id,Plan\n"))[2] == "invalid_file"
    assert refused(await send(shop, HEAD, "time_zone=Mars/Base"))[2] == "invalid_time_zone"
    row = "s-1,user-1,Pro,4900,USD,month,2099-01-01,,UTC,\n"
    assert refused(await send(shop, HEAD + row * 201))[2] == "too_many_lines"
    card = HEAD + row.replace("user-1", "4242424242424242")
    assert refused(await send(shop, card))[2] == "card_number_in_file"
    assert (await send(shop, HEAD, **{"Content-Type": "application/json"})).status == 415


async def test_what_the_old_biller_is_called_is_not_guessed_once_it_was_said(shop: Client) -> None:
    """The last one here: what was taken in by another name stays."""
    name = reference()
    await stored(shop, merchant_reference=name)
    row = HEAD + f"u-{name},{name},Moved,4900,USD,month,2027-06-01,,UTC,\n"
    assert (await send(shop, row, "source=old&managed_by=outside")).json["created"] == 1
    assert refused(await send(shop, row))[2:] == ("import_source_missing", "source")
    assert (await send(shop, row, "source=old&managed_by=outside")).json["skipped"] == 1
