"""What processors tell unasked: found by our key or their name, checked by asking, and never a way to charge twice."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.payments.bank import Gate, Lost, decline, no_funds
from tests.payments.house import House
from tests.payments.visiting import visit, waiting

from recoup.connectors.base import Notice, Subject
from recoup.connectors.base.webhooks import AskAgain, DisputeNews, DisputeState
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Approved, Done, Pending, Refused
from recoup.payments.core import AttemptState, Operation, OperationState, Snapshot, Status
from recoup.payments.flow.heard import Applied, Contradiction, Foreign, Known, NotYet
from recoup.payments.flow.tools import operation_key

TAKEN = Approved("ch-1", captured=True)
HELD = Approved("ch-1")
BOUNCED = Refused("account_closed", "The account is closed.")


def key_of(snapshot: Snapshot, number: int = 0) -> str:
    return render(Kind.ATTEMPT, snapshot.attempts[number].id)


class Told:
    """Notices about one payment, as its processor would send them."""

    def __init__(self, house: House, merchant: Merchant, snapshot: Snapshot) -> None:
        self.house, self.merchant, self.snapshot = house, merchant, snapshot

    def account(self) -> UUID:
        return self.snapshot.attempts[0].processor_account_id

    async def hear(self, meaning: Any, about: Subject = Subject.CHARGE, **more: Any) -> Any:
        given: dict[str, Any] = {
            "key": key_of(self.snapshot),
            "amount": Money(1000, "USD"),
            "occurred_at": self.house.now,
        }
        notice = Notice("evt-1", about, meaning, **(given | more))
        return await self.house.payments.hear(self.merchant, self.account(), notice)

    async def hear_of(self, operation: Operation, meaning: Any, about: Subject, **more: Any) -> Any:
        given = {"key": operation_key(operation), "amount": Money(operation.amount, "USD")}
        return await self.hear(meaning, about, **(given | more))

    async def now(self) -> Snapshot:
        return await self.house.snapshot(self.merchant, self.snapshot.payment.id)


async def told(house: House, merchant: Merchant, **changes: Any) -> Told:
    snapshot = await house.pay(merchant, **changes)
    await house.wait(minutes=5)
    return Told(house, merchant, snapshot)


@pytest.mark.parametrize(
    ("truth", "status"), [(TAKEN, Status.CAPTURED), (no_funds(), Status.DECLINED)], ids=["taken", "declined"]
)
async def test_a_notice_settles_what_is_open_by_asking(
    house: House, merchant: Merchant, truth: Any, status: Status
) -> None:
    """Whatever it says itself: what the processor answers now is newer."""
    house.bank.will("charge", Pending("ch-1"))
    about = await told(house, merchant)
    house.bank.settle(key_of(about.snapshot), truth)
    heard = await about.hear(TAKEN)
    assert heard == Applied(about.snapshot.payment.id, (f"payment.{status}",))
    assert (await about.now()).payment.status is status
    assert await about.hear(TAKEN if status is Status.CAPTURED else truth) == Known(heard.payment_id)


async def test_a_notice_alone_settles_where_the_processor_cannot_be_asked(house: House) -> None:
    merchant = await house.merchant("west")
    house.bank.will("charge", Lost(Pending("x")))
    house.bank.will("lookup", *[Lost()] * 5)
    about = await told(house, merchant)
    assert isinstance(await about.hear(TAKEN, amount=None), Known), "an approval without its amount is none"
    assert isinstance(await about.hear(ActionRequired("r", "https://bank.example")), Known)
    other = await about.hear(TAKEN, amount=Money(999, "USD"))
    assert isinstance(other, Contradiction) and other.told == "another amount"
    assert (await about.now()).payment.status is Status.UNRESOLVED
    assert isinstance(await about.hear(TAKEN), Applied)
    assert (await about.now()).payment.status is Status.CAPTURED


async def test_a_notice_never_captures_what_was_only_to_be_held(house: House) -> None:
    """Not every processor's signature covers whether the money was taken."""
    merchant = await house.merchant("west")
    house.bank.will("charge", Lost(HELD))
    house.bank.will("lookup", Lost())
    about = await told(house, merchant, capture="manual")
    await about.hear(TAKEN)
    assert (await about.now()).payment.status is Status.AUTHORIZED


async def test_whoever_is_at_work_is_left_alone(house: House, merchant: Merchant) -> None:
    gate = Gate()
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.pay(merchant))
    await gate.entered.wait()
    snapshot = (await house.payments_of(merchant))[0]
    heard = await Told(house, merchant, snapshot).hear(decline())
    assert isinstance(heard, NotYet) and heard.again_at > house.now
    gate.opened.set()
    assert (await paying).payment.status is Status.CAPTURED


@pytest.mark.parametrize(
    "meaning", [decline(), Pending("ch-1"), TAKEN, AskAgain()], ids=lambda one: type(one).__name__
)
async def test_nothing_that_is_told_ends_what_waits_for_us(house: House, meaning: Any) -> None:
    """It takes nothing before its customer is back: whatever is shown of it until then, they can still go on."""
    merchant = await house.merchant("east")
    payment_id, url = await waiting(house, merchant)
    house.bank.will("lookup", decline())
    about = Told(house, merchant, await house.snapshot(merchant, payment_id))
    assert await about.hear(meaning) == Known(payment_id)
    assert (await about.now()).payment.status is Status.REQUIRES_ACTION
    await visit(house, "POST", f"{url}/return")
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.CAPTURED
    assert house.bank.verbs() == ["charge", "complete"]


async def test_strangers_are_told_apart(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant)
    other = (await house.accounts.accounts_of(merchant.id))[1].id
    notice = Notice("evt", Subject.CHARGE, TAKEN, key=key_of(about.snapshot))
    assert isinstance(await house.payments.hear(merchant, other, notice), Foreign), "another account's word"
    for key in ("att_nonsense", render(Kind.ATTEMPT, house.new_id()), None):
        assert isinstance(await about.hear(TAKEN, key=key, reference="elsewhere"), Foreign)
    stranger = await house.merchant()
    assert isinstance(await house.payments.hear(stranger, about.account(), notice), Foreign)
    assert await about.hear(None) == Known(None)
    assert await about.hear(DisputeNews("d", DisputeState.OPENED), Subject.DISPUTE) == Known(None)


async def test_it_is_found_by_the_processors_own_name(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant)
    attempt = about.snapshot.attempts[0]
    notice = Notice("evt", Subject.DISPUTE, AskAgain(), charge_reference=attempt.reference)
    place = await house.payments.place(merchant, about.account(), notice)
    assert place is not None and (place.payment_id, place.attempt_id) == (attempt.payment_id, attempt.id)
    assert await house.payments.place(merchant, house.new_id(), notice) is None


async def test_a_late_approval_beside_a_paid_attempt_is_a_case_and_moves_nothing(
    house: House, merchant: Merchant
) -> None:
    """The double charge that a processor made of its own: a person must void it, and nothing here may move."""
    house.bank.will("charge", decline(), TAKEN)
    about = await told(house, merchant)
    assert about.snapshot.payment.status is Status.CAPTURED and len(about.snapshot.attempts) == 2
    house.bank.will("lookup", TAKEN)
    heard = await about.hear(TAKEN)
    assert isinstance(heard, Contradiction)
    assert (heard.about, heard.known, heard.told) == (key_of(about.snapshot), "declined", "approved")
    assert "second approval" in heard.remedy
    assert await about.now() == about.snapshot


async def test_a_late_approval_of_a_declined_payment_does_not_pay_it(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", no_funds())
    about = await told(house, merchant)
    house.bank.will("lookup", Lost())
    heard = await about.hear(TAKEN)
    assert isinstance(heard, Contradiction) and "void or refund" in heard.remedy
    assert await about.now() == about.snapshot


async def test_stale_news_changes_nothing(house: House, merchant: Merchant) -> None:
    """A decline from before the approval, told late: the processor, asked, says approved."""
    about = await told(house, merchant)
    before = about.snapshot.attempts[0].started_at - timedelta(minutes=1)
    assert isinstance(await about.hear(no_funds(), occurred_at=before), Known)
    house.bank.will("lookup", Lost())
    assert isinstance(await about.hear(no_funds(), occurred_at=before), Known), "nor where it cannot be asked"
    assert await about.now() == about.snapshot


async def test_two_words_that_differ_move_nothing(house: House, merchant: Merchant) -> None:
    """Told declined, and asked, approved: a person must look."""
    about = await told(house, merchant)
    heard = await about.hear(no_funds())
    assert isinstance(heard, Contradiction) and (heard.known, heard.told) == ("captured", "charge:declined")
    assert await about.now() == about.snapshot


async def test_returned_money_declines_the_payment_which_may_be_tried_again(
    house: House, merchant: Merchant
) -> None:
    about = await told(house, merchant)
    house.bank.settle(key_of(about.snapshot), no_funds())
    heard = await about.hear(no_funds())
    assert heard == Applied(about.snapshot.payment.id, ("payment.reversed", "payment.declined"))
    snapshot = await about.now()
    assert snapshot.attempts[0].state is AttemptState.REVERSED
    assert (snapshot.payment.status, snapshot.payment.captured) == (Status.DECLINED, 0)
    assert isinstance(await about.hear(no_funds()), Known), "told twice"
    means = await house.means(merchant)
    again = await house.confirm(merchant, snapshot.payment.id, means)
    assert again.payment.status is Status.CAPTURED and len(again.attempts) == 2
    events = await house.events(merchant, snapshot.payment.id)
    assert events[-3:] == ["payment.reversed", "payment.declined", "payment.captured"]
    await house.check_rows()


async def test_a_processor_that_can_be_asked_must_itself_say_that_money_was_returned(
    house: House, merchant: Merchant
) -> None:
    """It lets the payment be tried again: nobody charges twice for a word that could not be checked just now."""
    about = await told(house, merchant)
    house.bank.will("lookup", Lost())
    heard = await about.hear(no_funds())
    assert isinstance(heard, Contradiction) and (heard.known, heard.told) == ("captured", "charge:declined")
    now = await about.now()
    assert (now.payment.status, now.attempts[0].state) == (Status.CAPTURED, AttemptState.APPROVED)


async def test_money_that_was_given_back_before_is_a_case(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant)
    await house.refund(merchant, about.snapshot.payment.id, 300)
    before = await about.now()
    house.bank.will("lookup", no_funds())
    heard = await about.hear(no_funds())
    assert isinstance(heard, Contradiction) and heard.known == "refunded"
    assert await about.now() == before


async def test_a_refund_under_way_is_waited_for(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant)
    house.bank.will("refund", Pending("r"))
    await house.refund(merchant, about.snapshot.payment.id, 300)
    house.bank.settle(key_of(about.snapshot), no_funds())
    assert isinstance(await about.hear(no_funds()), NotYet)


async def test_a_refund_that_bounces_is_money_back(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant)
    refund = await house.refund(merchant, about.snapshot.payment.id, 300)
    await house.wait(minutes=1)
    house.bank.settle(operation_key(refund), BOUNCED)
    heard = await about.hear_of(refund, BOUNCED, Subject.REFUND)
    assert heard == Applied(about.snapshot.payment.id, ("refund.failed", "payment.refund_failed"))
    snapshot = await about.now()
    assert snapshot.payment.refunded == 0 and snapshot.operations[0].failure is not None
    assert await house.events(merchant, refund.id) == ["refund.created", "refund.succeeded", "refund.failed"]
    await house.check_rows()


async def test_a_capture_that_fails_leaves_the_money_held(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant, capture="manual")
    captured = await house.capture(merchant, about.snapshot.payment.id)
    await house.wait(minutes=1)
    (capture,) = captured.operations
    house.bank.settle(operation_key(capture), BOUNCED)
    heard = await about.hear_of(capture, BOUNCED, Subject.CAPTURE)
    assert heard == Applied(about.snapshot.payment.id, ("payment.capture_failed",))
    assert (await about.now()).payment.status is Status.AUTHORIZED
    again = await house.capture(merchant, about.snapshot.payment.id)
    assert again.payment.status is Status.CAPTURED
    await house.check_rows()


async def test_a_capture_that_came_with_the_approval_can_fail_too(house: House) -> None:
    """Where the processor cannot be asked, its notice alone says so."""
    merchant = await house.merchant("west")
    about = await told(house, merchant)
    house.bank.will("lookup", Lost())
    heard = await about.hear(
        BOUNCED, Subject.CAPTURE, key=None, charge_reference=f"ch-{key_of(about.snapshot)}"
    )
    assert heard == Applied(about.snapshot.payment.id, ("payment.capture_failed",))
    assert (await about.now()).payment.amounts.capturable == 1000


async def test_a_hold_that_the_processor_lets_go_of_is_canceled_and_not_declined(
    house: House, merchant: Merchant
) -> None:
    """A declined payment is tried again by recovery; nobody asked to be charged for a hold that lapsed."""
    about = await told(house, merchant, capture="manual")
    house.bank.will("lookup", Lost())
    heard = await about.hear(
        Done("void"), Subject.CANCEL, key=None, charge_reference=f"ch-{key_of(about.snapshot)}"
    )
    assert heard == Applied(about.snapshot.payment.id, ("payment.canceled",))
    assert (await about.now()).payment.amounts.capturable == 0


async def test_a_refund_made_elsewhere_is_a_case(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant)
    reference = f"ch-{key_of(about.snapshot)}"
    heard = await about.hear(
        Done("re-9"),
        Subject.REFUND,
        key=None,
        charge_reference=reference,
        reference="re-9",
        amount=Money(5, "USD"),
    )
    assert isinstance(heard, Contradiction) and heard.told == "refunded"


async def test_our_own_refund_is_known_by_its_amount_while_it_has_no_name(
    house: House, merchant: Merchant
) -> None:
    """The notice overtakes the answer, or the answer was lost."""
    about = await told(house, merchant)
    house.bank.will("refund", Lost(Done("re-1")))
    refund = await house.refund(merchant, about.snapshot.payment.id, 300)
    reference = f"ch-{key_of(about.snapshot)}"
    heard = await about.hear(
        Done("re-1"),
        Subject.REFUND,
        key=None,
        charge_reference=reference,
        reference="re-1",
        amount=Money(300, "USD"),
    )
    assert isinstance(heard, Applied) and "refund.succeeded" in heard.happened
    assert (await about.now()).operation(refund.id).reference == "re-1"  # type: ignore[union-attr]


async def test_a_refund_fails_only_by_its_own_name(house: House) -> None:
    """One of the same amount that was made at the processor's own pages may have failed: ours may still be paid, and
    whoever took it for failed would refund twice."""
    merchant = await house.merchant("west")
    about = await told(house, merchant)
    house.bank.will("refund", Lost(Done("r-1")))
    refund = await house.refund(merchant, about.snapshot.payment.id, 300)
    await house.wait(minutes=5)
    house.bank.will("lookup_change", *[Lost()] * 3)
    of_another = {"amount": Money(300, "USD"), "reference": "r-2"}
    assert isinstance(await about.hear(BOUNCED, Subject.REFUND, **of_another), Known)
    assert (await about.now()).operations[0].state is OperationState.UNKNOWN
    heard = await about.hear_of(refund, BOUNCED, Subject.REFUND)
    assert isinstance(heard, Applied) and heard.happened == ("refund.failed",)


async def test_older_news_of_a_refund_does_not_revive_it(house: House) -> None:
    """Reordered by the network, at a processor that cannot be asked."""
    merchant = await house.merchant("west")
    about = await told(house, merchant)
    house.bank.will("refund", Pending("re-1"))
    refund = await house.refund(merchant, about.snapshot.payment.id, 300)
    house.bank.will("lookup_change", *[Lost()] * 5)
    earlier: datetime = house.now
    await house.wait(minutes=1)
    assert isinstance(await about.hear_of(refund, BOUNCED, Subject.REFUND), Applied)
    heard = await about.hear_of(refund, Done("re-1"), Subject.REFUND, occurred_at=earlier)
    assert isinstance(heard, Known)
    later = await about.hear_of(
        refund, Done("re-1"), Subject.REFUND, occurred_at=house.now + timedelta(hours=1)
    )
    assert isinstance(later, Contradiction), "newer news of a failed refund is a case"
    assert (await about.now()).payment.refunded == 0


async def test_ask_again_reads_everything_again(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant)
    refund = await house.refund(merchant, about.snapshot.payment.id, 300)
    house.bank.settle(operation_key(refund), BOUNCED)
    heard = await about.hear(AskAgain(), key=None, reference=f"ch-{key_of(about.snapshot)}")
    assert heard == Applied(about.snapshot.payment.id, ("refund.failed", "payment.refund_failed"))


async def test_a_confirmation_is_kept(house: House, merchant: Merchant) -> None:
    about = await told(house, merchant)
    assert isinstance(await about.hear(TAKEN), Known)
    row = await house.database.fetch_one(
        "select * from payment_evidence where merchant_id = %(merchant_id)s", {"merchant_id": merchant.id}
    )
    assert row is not None and row["confirmed_at"] == house.now and row["source"] == "notice"
