"""A verification that waits for its customer: sent away, confirmed once they are back, one at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

import pytest
from tests.payments.bank import Dies, Gate, Lost, lost_card
from tests.payments.house import House
from tests.payments.test_tokens import customers_card
from tests.vault.house import Answer

from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Approved, Pending, Unprocessed

ASKS: Final = ActionRequired("ref-1", "https://bank.example/3ds")
GOOD: Final = Approved("vf-1", captured=False, network_transaction_id="ntid-9", token=Secret("tok_kept"))
BODY: Final = {
    "currency": "EUR",
    "return_url": "https://shop.example/after",
    "browser": {"ip": "203.0.113.7", "user_agent": "Mozilla/5.0"},
}
BACK: Final = {"return_parameters": {"redirectResult": "abc"}}


class Desk:
    """One merchant's key, with a stored card."""

    def __init__(self, house: House, key: str, method: str) -> None:
        self.house = house
        self.key = key
        self.path = f"/v1/payment_methods/{method}"

    async def verify(self, once: str | None = None, **body: Any) -> Answer:
        """Ask whether it is good."""
        return await self.house.call("POST", f"{self.path}/verify", BODY | body, key=self.key, once=once)

    async def confirm(self, verification: str, once: str | None = None) -> Answer:
        """The customer is back."""
        path = f"{self.path}/verify/{verification}/confirm"
        return await self.house.call("POST", path, BACK, key=self.key, once=once)

    async def waiting(self) -> str:
        """A verification that waits for its customer."""
        self.house.bank.will("verify", ASKS)
        return str((await self.verify()).json["id"])


@pytest.fixture
async def desk(house: House, merchant: Merchant) -> Desk:
    means = await customers_card(house, merchant)
    await house.payments.create(merchant, house.new_payment(merchant), means, claim=None, now=house.now)
    house.bank.asked.clear()
    return Desk(house, await house.key_of(merchant), render(Kind.PAYMENT_METHOD, means.payment_method_id))


async def test_the_customer_is_sent_away_and_comes_back(house: House, desk: Desk) -> None:
    house.bank.will("verify", ASKS)
    asked = await desk.verify(once="v")
    assert (asked.status, asked.json["status"]) == (200, "requires_action")
    assert asked.json["next_action"]["redirect_to_url"] == {
        "url": "https://bank.example/3ds",
        "return_url": "https://shop.example/after",
    }
    (sent,) = house.bank.verified
    assert (sent.return_url, sent.browser and sent.browser.ip) == (BODY["return_url"], "203.0.113.7")
    house.bank.will("complete", GOOD)
    done = await desk.confirm(asked.json["id"], once="c")
    assert (done.json["status"], done.json["next_action"], done.json["id"]) == (
        "verified",
        None,
        asked.json["id"],
    )
    assert house.bank.returned == [{"redirectResult": "abc"}]
    assert house.bank.keys("complete") == house.bank.keys("verify") == [asked.json["id"]]
    method = (await house.call("GET", desk.path, key=desk.key)).json
    assert method["network_transaction_id"] == "ntid-9"
    assert [one["processor_account"] for one in method["processor_tokens"]] == [
        asked.json["processor_account"]
    ]
    again = await desk.confirm(asked.json["id"], once="c")
    assert (again.json, house.bank.verbs()) == (done.json, ["verify", "complete"])


async def test_what_goes_on_is_of_nothing_and_takes_nothing(house: House, desk: Desk) -> None:
    verification = await desk.waiting()
    seen: list[Any] = []
    usual = house.bank.complete

    async def noted(connector: Any, account: Any, completion: Any, **more: Any) -> Any:
        seen.append(completion)
        return await usual(connector, account, completion, **more)

    house.bank.complete = noted  # type: ignore[method-assign]
    await desk.confirm(verification)
    (completion,) = seen
    assert (completion.amount, completion.capture, completion.brand) == (Money(0, "EUR"), False, "visa")
    assert completion.reference == "ref-1"


async def test_a_decline_is_an_answer(house: House, desk: Desk) -> None:
    verification = await desk.waiting()
    house.bank.will("complete", lost_card())
    done = (await desk.confirm(verification)).json
    assert (done["status"], done["decline"]["code"]) == ("declined", "lost_card")
    refused = await desk.confirm(verification)
    assert (refused.status, refused.error["code"]) == (409, "verification_unexpected_state")


async def test_a_customer_who_is_not_done_is_still_awaited(house: House, desk: Desk) -> None:
    verification = await desk.waiting()
    house.bank.will("complete", ASKS)
    early = (await desk.confirm(verification)).json
    assert (early["status"], early["next_action"] is not None) == ("requires_action", True)
    assert (await desk.confirm(verification)).json["status"] == "verified"


@pytest.mark.parametrize(
    "lost", [Lost(), Lost(GOOD), Unprocessed("not sent: no connection"), Pending("ref-1")]
)
async def test_an_answer_that_nobody_heard_can_be_asked_for_again(
    house: House, desk: Desk, lost: Any
) -> None:
    """No money is at stake, and it is the same question under the same key."""
    verification = await desk.waiting()
    house.bank.will("complete", lost)
    unknown = (await desk.confirm(verification, once="first")).json
    house.bank.settle(verification, GOOD)
    assert (unknown["status"], bool(unknown["explanation"])) == ("unresolved", True)
    again = (await desk.confirm(verification, once="second")).json
    assert again["status"] == "verified"
    assert (await desk.confirm(verification, once="first")).json == unknown


async def test_two_at_once_ask_once(house: House, desk: Desk) -> None:
    verification = await desk.waiting()
    gate = Gate(GOOD)
    house.bank.will("complete", gate)
    first = asyncio.create_task(desk.confirm(verification, once="one"))
    await gate.entered.wait()
    second = await desk.confirm(verification, once="two")
    assert (second.status, second.error["code"]) == (409, "verification_under_way")
    gate.opened.set()
    assert (await first).json["status"] == "verified"
    assert house.bank.verbs() == ["verify", "complete"]
    refused = await desk.confirm(verification, once="two")
    assert refused.error["code"] == "verification_unexpected_state", "a refused key may come again"


async def test_a_process_that_dies_in_between_is_waited_for(
    house: House, desk: Desk, merchant: Merchant
) -> None:
    verification = await desk.waiting()
    house.bank.will("complete", Dies(GOOD))
    assert (await desk.confirm(verification, once="one")).status == 500
    refused = await desk.confirm(verification, once="two")
    assert refused.error["code"] == "verification_under_way"
    await house.wait(seconds=45)
    assert (await desk.confirm(verification, once="two")).json["status"] == "verified"


async def test_one_who_waited_too_long_is_told_that_it_is_not_known(house: House, desk: Desk) -> None:
    verification = await desk.waiting()
    house.bank.will("complete", Dies(GOOD))
    assert (await desk.confirm(verification, once="one")).status == 500
    await house.wait(seconds=45)
    assert (await desk.confirm(verification, once="one")).json["status"] == "unresolved"
    assert (await desk.confirm(verification, once="two")).json["status"] == "verified"


async def test_without_a_way_back_nobody_is_sent_away(house: House, desk: Desk) -> None:
    house.bank.will("verify", ASKS)
    asked = (await desk.verify(return_url=None)).json
    assert (asked["status"], asked["next_action"], bool(asked["explanation"])) == (
        "requires_action",
        None,
        True,
    )
    refused = await desk.confirm(asked["id"])
    assert refused.error["code"] == "verification_unexpected_state"


async def test_a_page_that_a_verification_cannot_have_is_not_promised(house: House, desk: Desk) -> None:
    house.bank.will("verify", replace(ASKS, form={"PaReq": "x"}))
    asked = (await desk.verify()).json
    assert (asked["status"], asked["next_action"]) == ("requires_action", None)


async def test_it_is_confirmed_under_its_own_payment_method(
    house: House, desk: Desk, merchant: Merchant
) -> None:
    verification = await desk.waiting()
    other = await house.means(merchant)
    await house.payments.create(merchant, house.new_payment(merchant), other, claim=None, now=house.now)
    wrong = Desk(house, desk.key, render(Kind.PAYMENT_METHOD, other.payment_method_id))
    for who, which in ((wrong, verification), (desk, "ver_00000000000000000000000000"), (desk, "x")):
        assert (await who.confirm(which)).status == 404
