"""Payment methods that processors keep, and whether a payment method is good: over HTTP, with test keys alone."""

from __future__ import annotations

from collections.abc import Mapping

from tests.acceptance.asking import ASKS, LOST, NOBODYS, payment, refused, stored
from tests.whole.served import Client


async def accounts(shop: Client) -> Mapping[str, str]:
    """The sandbox's processor accounts by their connectors."""
    listed = await shop.every("/v1/processor_accounts")
    return {one["connector"]: one["id"] for one in reversed(listed) if one["enabled"]}


async def test_a_processor_remembers_a_customer_s_card_and_is_charged_without_it(shop: Client) -> None:
    """The first payment of a customer's card brings a token, which the next one is made with."""
    _, method = await stored(shop)
    assert (await shop.get(f"/v1/payment_methods/{method}"))["processor_tokens"] == []
    first = await shop.post("/v1/payments", payment(None, payment_method=method))
    kept = await shop.get(f"/v1/payment_methods/{method}")
    assert kept["type"] == "card"
    assert [one["processor_account"] for one in kept["processor_tokens"]] == [first["processor_account"]]
    renewal = payment(None, payment_method=method, initiator="merchant", agreement="recurring")
    again = await shop.post("/v1/payments", renewal)
    assert again["status"] == "captured"
    assert (await shop.get(f"/v1/payments/{again['id']}"))["agreement"] == "recurring"
    why = await shop.get(f"/v1/decisions/{again['attempts'][0]['decision']}")
    assert why["data"]["facts"]["saved_at"] == [first["processor_account"]]
    assert "with what its processor keeps" in why["data"]["candidates"][0]["why"]


async def test_a_card_of_nobody_is_not_remembered(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment())
    assert (await shop.get(f"/v1/payment_methods/{paid['payment_method']}"))["processor_tokens"] == []


async def test_a_token_that_its_processor_never_gave_is_tried_nowhere_else(shop: Client) -> None:
    """Without a card in the vault only the accounts with a token are asked, and the others say why not."""
    alpha = (await accounts(shop))["alpha"]
    data = {"type": "processor_token", "processor_account": alpha, "token": "saved_by_nobody"}
    failed = await shop.post("/v1/payments", {"amount": 900, "currency": "USD", "payment_method_data": data})
    assert failed["status"] == "failed"
    assert [one["processor_account"] for one in failed["attempts"]] == [alpha]
    why = await shop.get(f"/v1/decisions/{failed['attempts'][0]['decision']}")
    reasons = {one["label"]: one["why"] for one in why["data"]["candidates"] if one["place"] is None}
    assert reasons["bravo"] == "no saved method at this account, and no card in the vault"


async def test_a_payment_method_without_a_card(shop: Client) -> None:
    """It shows what the merchant said of the card, where its tokens are, and never a token."""
    known = await accounts(shop)
    body = {
        "type": "processor_token",
        "processor_account": known["alpha"],
        "token": "tok-that-is-secret-1",
        "processor_customer": "cus_9",
        "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030, "country": "US"},
    }
    made = await shop.post("/v1/payment_methods", body)
    assert (made["type"], made["card"]["last4"], made["card"]["bin"]) == ("processor_token", "4242", None)
    path = f"/v1/payment_methods/{made['id']}/processor_tokens"
    both = await shop.post(path, {"processor_account": known["bravo"], "token": "tok-that-is-secret-2"})
    assert [one["processor_account"] for one in both["processor_tokens"]] == [known["alpha"], known["bravo"]]
    assert "tok-that-is-secret" not in str(both)
    one = await shop.send("DELETE", f"{path}/{known['alpha']}")
    assert [left["processor_account"] for left in one.json["processor_tokens"]] == [known["bravo"]]
    last = await shop.send("DELETE", f"{path}/{known['bravo']}")
    assert refused(last)[:3] == (409, "conflict", "last_processor_token")


async def test_what_is_no_token_is_refused(shop: Client) -> None:
    alpha = (await accounts(shop))["alpha"]
    good = {"type": "processor_token", "processor_account": alpha, "token": "tok_1"}
    for change, status, code, param in (
        ({"processor_account": f"pa_{NOBODYS}"}, 404, "resource_missing", "processor_account"),
        ({"token": "4242424242424242"}, 400, "token_is_card_number", "token"),
        ({"token": "two words"}, 400, "invalid_token", "token"),
        ({"card": {"brand": "vista"}}, 400, "unknown_value", "card.brand"),
        ({"card": {"exp_month": 1}}, 400, "missing_field", "card.exp_year"),
    ):
        answered = await shop.send("POST", "/v1/payment_methods", good | change)
        assert (answered.status, *refused(answered)[2:]) == (status, code, param)
        paying = {"amount": 1, "currency": "USD", "payment_method_data": good | change}
        answered = await shop.send("POST", "/v1/payments", paying)
        assert (answered.status, *refused(answered)[2:]) == (status, code, f"payment_method_data.{param}")


async def test_a_good_card_is_verified_and_remembered(shop: Client) -> None:
    _, method = await stored(shop)
    path = f"/v1/payment_methods/{method}/verify"
    answered = await shop.send("POST", path, {"currency": "USD"}, once=f"verify-{method}")
    said = answered.json
    assert (said["status"], said["decline"], said["payment_method"]) == ("verified", None, method)
    kept = await shop.get(f"/v1/payment_methods/{method}")
    assert [one["processor_account"] for one in kept["processor_tokens"]] == [said["processor_account"]]
    assert kept["network_transaction_id"] is not None
    again = await shop.send("POST", path, {"currency": "USD"}, once=f"verify-{method}")
    assert (again.replayed, again.json) == (True, said)
    charges = await shop.every("/v1/test/world/charges")
    assert not [one for one in charges if one["key"] == said["id"]], "nothing was charged"


async def test_a_lost_card_is_declined_when_it_is_verified(shop: Client) -> None:
    _, method = await stored(shop, LOST)
    bravo = (await accounts(shop))["bravo"]
    said = await shop.post(
        f"/v1/payment_methods/{method}/verify", {"currency": "USD", "processor_account": bravo}
    )
    assert (said["status"], said["decline"]["code"]) == ("declined", "lost_card")
    assert said["processor_account"] == bravo
    elsewhere = {"currency": "USD", "processor_account": f"pa_{NOBODYS}"}
    missing = await shop.send("POST", f"/v1/payment_methods/{method}/verify", elsewhere)
    assert refused(missing)[2:] == ("resource_missing", "processor_account")


async def test_an_unanswered_verification_is_unresolved_and_harms_nothing(shop: Client) -> None:
    _, method = await stored(shop)
    await shop.post("/v1/test/faults", {"kind": "reset_after", "on": "verify"})
    said = await shop.post(f"/v1/payment_methods/{method}/verify", {"currency": "USD"})
    assert (said["status"], said["decline"]) == ("unresolved", None)
    assert said["explanation"]
    assert (await shop.post(f"/v1/payment_methods/{method}/verify", {"currency": "USD"}))[
        "status"
    ] == "verified"


async def test_a_verification_can_be_completed_after_a_challenge(shop: Client) -> None:
    _, method = await stored(shop, ASKS)
    path = f"/v1/payment_methods/{method}/verify"
    asked = await shop.post(path, {"currency": "USD", "return_url": "https://shop.example/after"})
    assert asked["status"] == "requires_action"
    url = asked["next_action"]["redirect_to_url"]["url"]
    confirm = f"{path}/{asked['id']}/confirm"
    early = await shop.post(confirm, {"return_parameters": {"authentication": "approved"}})
    assert early["status"] == "requires_action", "the processor is asked, not the parameters believed"
    async with shop.session.post(url, data={"result": "approve"}, allow_redirects=False) as response:
        await response.read()
    done = await shop.post(confirm, {})
    assert done["status"] == "verified"
    kept = await shop.get(f"/v1/payment_methods/{method}")
    assert kept["network_transaction_id"] is not None
    renewal = await shop.post("/v1/payments", payment(None, payment_method=method, initiator="merchant"))
    assert renewal["status"] == "captured", "the issuer knows that the customer agreed"


async def test_a_customer_who_authenticated_elsewhere_is_charged_at_once(shop: Client) -> None:
    result = {
        "version": "2.2.0",
        "status": "Y",
        "eci": "05",
        "cryptogram": "M6+990I6FLD8Y6rZz9d5QbfrMNY=",
        "ds_transaction_id": "f25084f0-5b16-4c0a-ae5d-b24808a95e4b",
    }
    body = payment(ASKS, three_d_secure=result, return_url="https://shop.example/after")
    assert (await shop.post("/v1/payments", body))["status"] == "captured"


async def test_a_customer_comes_back_with_what_the_processor_gave_them(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment(ASKS, return_url="https://shop.example/after"))
    assert paid["status"] == "requires_action"
    url = paid["next_action"]["redirect_to_url"]["url"]
    path, returned = (
        f"/v1/payments/{paid['id']}/confirm",
        {"return_parameters": {"authentication": "approved"}},
    )
    early = await shop.send("POST", path, returned)
    assert early.json["status"] == "requires_action", "the processor is asked, not the parameters believed"
    async with shop.session.post(url, data={"result": "approve"}, allow_redirects=False) as response:
        await response.read()
    done = await shop.send("POST", path, returned, once=f"back-{paid['id']}")
    assert done.json["status"] == "captured"
    assert (await shop.send("POST", path, returned, once=f"back-{paid['id']}")).replayed
    late = await shop.send("POST", path, returned)
    assert refused(late)[2:] == ("payment_unexpected_state", "return_parameters")


async def test_connectors_say_what_they_can(shop: Client) -> None:
    listed = {one["name"]: one for one in (await shop.get("/v1/connectors"))["data"]}
    alpha = listed["alpha"]
    assert alpha["capabilities"]["processor_tokens"] and alpha["capabilities"]["verification"]
    assert alpha["needs_base_url"] == []
