"""A person's word on an attempt that nobody else can tell of: the last way out, and a narrow one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.payments.bank import Lost, no_funds
from tests.payments.house import House
from tests.vault.house import Answer

from recoup.connectors.base import Notice, Subject
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved
from recoup.payments.core import Snapshot, Status
from recoup.payments.core.by_hand import NOT_BEFORE
from recoup.payments.flow.heard import Contradiction
from recoup.payments.flow.settling import RESUMED_WITHIN

EVIDENCE = "Their support looked it up on the telephone, ticket 4711."


class Desk:
    """A person with an API key, and a payment that nobody can tell of."""

    def __init__(self, house: House, merchant: Merchant, lost: Snapshot, key: str) -> None:
        self.house, self.merchant, self.lost, self.key = house, merchant, lost, key

    async def say(self, outcome: str, *, once: str | None = None, **more: Any) -> Answer:
        body = {"attempt": self.attempt(), "outcome": outcome, "evidence": EVIDENCE} | more
        path = f"/v1/payments/{render(Kind.PAYMENT, self.lost.payment.id)}/resolve"
        return await self.house.call("POST", path, body, key=self.key, once=once)

    def attempt(self) -> str:
        return render(Kind.ATTEMPT, self.lost.attempts[0].id)

    async def hears(self, meaning: Any) -> Any:
        notice = Notice(
            "e", Subject.CHARGE, meaning, None, None, self.attempt(), Money(1000, "USD"), self.house.now
        )
        account_id = self.lost.attempts[0].processor_account_id
        return await self.house.payments.hear(self.merchant, account_id, notice)


async def desk(house: House, processor: str = "west", *, hours: float = 25) -> Desk:
    merchant = await house.merchant(processor)
    house.bank.will("charge", Lost())
    lost = await house.pay(merchant)
    assert lost.payment.status is Status.UNRESOLVED
    await house.wait(hours=hours)
    return Desk(house, merchant, lost, await house.key_of(merchant))


async def test_not_processed_frees_the_payment(house: House) -> None:
    person = await desk(house)
    answered = await person.say("not_processed", once="k")
    assert answered.status == 200 and answered.json["status"] == "failed"
    events = await house.events(person.merchant, person.lost.payment.id)
    assert events[-2:] == ["payment.resolved_by_hand", "payment.failed"]
    why = answered.json["attempts"][0]["explanation"]
    assert EVIDENCE in why and "key_" in why, "what was said, and by whom"
    assert (await person.say("not_processed", once="k")).json == answered.json
    again = await house.confirm(person.merchant, person.lost.payment.id, await house.means(person.merchant))
    assert again.payment.status is Status.CAPTURED


async def test_approved_takes_it_for_paid(house: House) -> None:
    person = await desk(house)
    answered = await person.say("approved", reference="T-1")
    assert answered.status == 200 and answered.json["status"] == "captured"
    snapshot = await house.snapshot(person.merchant, person.lost.payment.id)
    assert snapshot.attempts[0].reference == "T-1"
    refused = await person.say("not_processed")
    assert (refused.status, refused.json["error"]["code"]) == (409, "attempt_not_unknown")


async def test_not_within_a_day(house: House) -> None:
    person = await desk(house, hours=23)
    refused = await person.say("not_processed")
    assert (refused.status, refused.json["error"]["code"]) == (409, "too_early_to_resolve")


def test_no_completion_is_on_its_way_when_a_person_may_decide() -> None:
    """It would take the money of an attempt that they had called not processed, beside the one that followed."""
    assert RESUMED_WITHIN + timedelta(minutes=30) < NOT_BEFORE


async def test_not_while_the_processor_can_tell_or_forget(house: House) -> None:
    person = await desk(house, "north")
    refused = await person.say("not_processed")
    assert (refused.status, refused.json["error"]["code"]) == (409, "processor_can_tell")
    person = await desk(house, "east")
    house.bank.settle(person.attempt(), Approved("ch-1", captured=True))
    refused = await person.say("not_processed")
    assert (refused.status, refused.json["error"]["code"]) == (409, "processor_can_tell")
    assert (await house.snapshot(person.merchant, person.lost.payment.id)).payment.status is Status.UNRESOLVED


async def test_not_without_evidence(house: House) -> None:
    person = await desk(house)
    for evidence in ("because", " " * 30):
        assert (await person.say("not_processed", evidence=evidence)).status == 400
    assert (await person.say("maybe")).status == 400
    assert (await person.say("approved", attempt="att_nothing")).status == 404
    other = render(Kind.ATTEMPT, house.new_id())
    assert (await person.say("approved", attempt=other)).status == 409


async def test_a_card_number_in_the_evidence_is_not_kept(house: House) -> None:
    person = await desk(house)
    answered = await person.say("not_processed", evidence=f"{EVIDENCE} It was 4242424242424242.")
    assert "4242424242424242" not in str(answered.json)


async def test_what_the_processor_says_later_against_it_is_a_case(house: House) -> None:
    """And moves nothing, either way."""
    person = await desk(house)
    await person.say("not_processed")
    before = await house.snapshot(person.merchant, person.lost.payment.id)
    heard = await person.hears(Approved("ch-1", captured=True))
    assert isinstance(heard, Contradiction) and heard.told == "approved"
    assert await house.snapshot(person.merchant, before.payment.id) == before
    person = await desk(house)
    await person.say("approved")
    before = await house.snapshot(person.merchant, person.lost.payment.id)
    await house.wait(hours=1)
    heard = await person.hears(no_funds())
    assert isinstance(heard, Contradiction) and heard.known == "approved, by hand"
    assert await house.snapshot(person.merchant, before.payment.id) == before
