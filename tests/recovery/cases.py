"""Payments, declines and cases for the tests of recovery, each with defaults, and a world that answers tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from recoup.kit.money import Money
from recoup.outcomes.core import Advice, AdviceAction, Category, Decline, Hardness
from recoup.paydays.core import Biweekly, Monthly
from recoup.payments.core import AttemptState, DeclineRecord, Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import CardTry, PastAttempt, PaymentFacts
from recoup.recovery.core import DEFAULT, Case, Person, tries_of

NOW: Final = datetime(2026, 11, 22, 15, tzinfo=UTC)
"""A Sunday, ten in the morning in New York."""
FIRST: Final = datetime(2026, 11, 25, 11, tzinfo=UTC)
"""When money missed by a New Yorker at `NOW` is asked for first, should nothing be known of them: six in the morning of
a day on which some kinds of pay fall, while three more tries are left for the likelier ones to come."""
PRICE: Final = Money(4999, "USD")
ALPHA, BRAVO, CHARLIE = UUID(int=0xA), UUID(int=0xB), UUID(int=0xC)
PAYMENT: Final = UUID(int=0x11)
NEW_YORKER: Final = Person("America/New_York", "US")
PAID_ON_THE_FIRST: Final = Person("America/New_York", "US", Monthly(1))
PAID_ON_FRIDAYS: Final = Person("America/New_York", "US", Biweekly(date(2026, 11, 27)))


def decline(category: Category = Category.FUNDS, **fields: Any) -> Decline:
    """A soft decline for missing money, unless said otherwise."""
    wait = fields.pop("wait", None)
    action = fields.pop("action", AdviceAction.RETRY_LATER)
    given: dict[str, Any] = {
        "code": "insufficient_funds" if category is Category.FUNDS else category.value,
        "category": category,
        "hardness": Hardness.SOFT,
        "message": "No.",
        "advice": Advice(action, wait),
        "source": "a test",
    }
    return Decline(**(given | fields))


def attempt(at: datetime, *, reason: Reason = Reason.INITIAL, account: UUID = ALPHA) -> PastAttempt:
    """A declined attempt."""
    return PastAttempt(
        at=at,
        account=account,
        state=AttemptState.DECLINED,
        reason=reason,
        amount=PRICE,
        rule=None,
        decline_code="insufficient_funds",
    )


def payment(refusal: Decline | None = None, *, at: datetime = NOW, **fields: Any) -> PaymentFacts:
    """A merchant-initiated payment that was declined at `at` in its first attempt."""
    refused = refusal or decline()
    given: dict[str, Any] = {
        "id": PAYMENT,
        "status": PaymentStatus.DECLINED,
        "amount": PRICE,
        "initiator": "merchant",
        "customer_id": None,
        "payment_method_id": UUID(int=0x22),
        "fingerprint": "f",
        "brand": "visa",
        "issuer_country": "US",
        "created_at": at,
        "decline": DeclineRecord(refused, at),
        "failure": None,
        "attempts": (attempt(at),),
        "card_tries": (CardTry(at, PRICE, declined=True, rule=refused.rule),),
        "accounts": (ALPHA, BRAVO, CHARLIE),
        "recovery_policy": None,
        "recovery_id": None,
    }
    return PaymentFacts(**(given | fields))


def failed(*, at: datetime = NOW, **fields: Any) -> PaymentFacts:
    """One that certainly never happened."""
    fields = {
        "decline": None,
        "failure": "not sent",
        "status": PaymentStatus.FAILED,
        "card_tries": (),
    } | fields
    return payment(at=at, **fields)


def tried_again(
    before: PaymentFacts,
    at: datetime,
    refusal: Decline | None,
    *,
    status: PaymentStatus = PaymentStatus.DECLINED,
    reason: Reason = Reason.RECOVERY,
) -> PaymentFacts:
    """The payment after one more attempt, which ended in `status`."""
    declined = status is PaymentStatus.DECLINED
    rule = None if refusal is None else refusal.rule
    tries: tuple[CardTry, ...] = before.card_tries
    if status is not PaymentStatus.FAILED:
        tries = (*tries, CardTry(at, PRICE, declined=declined, rule=rule))
    return replace(
        before,
        status=status,
        decline=DeclineRecord(refusal, at) if declined and refusal is not None else None,
        failure=None if declined else "why",
        attempts=(*before.attempts, attempt(at, reason=reason)),
        card_tries=tries,
    )


def case(
    facts: PaymentFacts | None = None, *, person: Person = NEW_YORKER, opened_at: datetime = NOW
) -> Case:
    """A recovery's case under the default policy."""
    seen = facts or payment()
    return Case(
        payment=seen,
        person=person,
        policy=DEFAULT,
        opened_at=opened_at,
        deadline=opened_at + DEFAULT.window,
        tries_made=tries_of(seen),
        tries_max=DEFAULT.tries_max,
    )


def tries(moments: Sequence[datetime], *, rule: str | None = None) -> tuple[CardTry, ...]:
    """Declined tries of this card."""
    return tuple(CardTry(at, PRICE, declined=True, rule=rule) for at in moments)


def days(count: float) -> timedelta:
    return timedelta(days=count)
