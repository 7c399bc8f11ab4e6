"""A payment that failed elsewhere, as its merchant tells of it, and the facts that its recovery is planned by."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from recoup.kit.money import Money
from recoup.kit.refusals import conflict, invalid
from recoup.outcomes.core import Decline
from recoup.payments.core import AttemptState, DeclineRecord, Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import CardTry, PastAttempt, PaymentFacts
from recoup.recovery.core import ELSEWHERE, Mode
from recoup.vault.core.records import Payday

TRIES_MAX: Final = 100
"""How many tries of one failure are kept, those before it came to us and those reported since."""


class Told(Struct, frozen=True):
    """One try elsewhere. Without a `decline` it was approved, or never reached an issuer. `advised`: it was made after
    our advice. `account` is an account of the merchant's here, where it was made there."""

    at: datetime
    amount: int
    approved: bool
    advised: bool = False
    account: UUID | None = None
    decline: Decline | None = None


class Failure(Struct, frozen=True):
    """What the merchant told. `tries` are in order of time; the last of those that were not advised is the failure.

    `customer_id` is a customer of ours; `customer` the merchant's own name for who pays. `accounts` are those that may
    be asked, in order; None: whichever can.
    """

    amount: int
    currency: str
    description: str | None
    failed_at: datetime
    tries: tuple[Told, ...]
    customer_id: UUID | None = None
    customer: str | None = None
    country: str | None = None
    time_zone: str | None = None
    payday: Payday | None = None
    payment_method_id: UUID | None = None
    brand: str = "unknown"
    funding: str = "unknown"
    accounts: tuple[UUID, ...] | None = None

    @property
    def money(self) -> Money:
        """What is owed."""
        return Money(self.amount, self.currency)


def check_tries(tries: tuple[Told, ...], *, failed_at: datetime, now: datetime) -> None:
    """Refuses times that cannot be: what is told of has happened, and the failure is the last of it."""
    if failed_at > now:
        raise invalid("time_in_future", "`failed_at` is in the future.", param="failed_at")
    if any(one.at >= failed_at for one in tries):
        raise invalid(
            "invalid_tries",
            "`tries` are those before the failure: each is before `failed_at`.",
            param="tries",
        )
    if len({one.at for one in tries}) < len(tries):
        raise invalid("invalid_tries", "Two of the `tries` have the same time.", param="tries")


def same_debt(known: Failure, told: Failure) -> bool:
    """Whether both tell of the same debt: what came of it meanwhile is no difference."""
    return (known.amount, known.currency, known.failed_at) == (told.amount, told.currency, told.failed_at)


def with_result(failure: Failure, result: Told, *, now: datetime) -> Failure:
    """The failure with the result of one more try; the very same result again changes nothing."""
    if result.at > now:
        raise invalid("time_in_future", "`at` is in the future: report what has happened.", param="at")
    same = next((one for one in failure.tries if one.at == result.at), None)
    if same == result:
        return failure
    if same is not None:
        raise conflict("result_conflict", "Another result was told of a try at this very time.", param="at")
    if result.at < failure.tries[-1].at:
        raise invalid("invalid_time", "`at` is before the last try that is known.", param="at")
    if len(failure.tries) >= TRIES_MAX:
        raise conflict("results_exhausted", f"A failure has {TRIES_MAX} tries at most.")
    return structs.replace(failure, tries=(*failure.tries, result))


def facts_of(failure: Failure, base: PaymentFacts, *, recovery_id: UUID, mode: Mode) -> PaymentFacts:
    """What the recovery is planned by: what our own payment says, after what happened elsewhere before it.

    A customer whom the vault does not know is known by the recovery's id.
    """
    status, decline = _standing(failure, base)
    attempts = (*(_attempt(one, failure) for one in failure.tries), *base.attempts)
    tries = (*(_card_try(one, failure) for one in failure.tries if _reached_issuer(one)), *base.card_tries)
    return replace(
        base,
        id=recovery_id if mode is Mode.ADVISE else base.id,
        status=status,
        decline=decline,
        customer_id=failure.customer_id or recovery_id,
        brand=base.brand or failure.brand,
        issuer_country=base.issuer_country or failure.country,
        attempts=tuple(sorted(attempts, key=lambda one: one.at)),
        card_tries=tuple(sorted(tries, key=lambda one: one.at)),
        accounts=_accounts(failure, base) if mode is Mode.ADVISE else base.accounts,
        recovery_id=recovery_id,
    )


def _standing(failure: Failure, base: PaymentFacts) -> tuple[PaymentStatus, DeclineRecord | None]:
    """As our payment stands once it was tried or let go of; until then, as the last try elsewhere left it, or that of a
    part since."""
    if base.status is not PaymentStatus.REQUIRES_PAYMENT_METHOD:
        return base.status, base.decline
    last = failure.tries[-1]
    if last.approved:
        return PaymentStatus.CAPTURED, None
    if base.decline is not None:
        return PaymentStatus.DECLINED, base.decline
    if last.decline is None:
        return PaymentStatus.FAILED, None
    return PaymentStatus.DECLINED, DeclineRecord(last.decline, last.at)


def _accounts(failure: Failure, base: PaymentFacts) -> tuple[UUID, ...]:
    """Where one who is advised may try: where it failed, and at the accounts that can do it or that they named."""
    failed_at = failure.tries[-1].account or ELSEWHERE
    others = base.accounts or failure.accounts or ()
    return (failed_at, *(one for one in others if one != failed_at))


def _attempt(told: Told, failure: Failure) -> PastAttempt:
    refused = AttemptState.UNPROCESSED if told.decline is None else AttemptState.DECLINED
    return PastAttempt(
        at=told.at,
        account=told.account or ELSEWHERE,
        state=AttemptState.APPROVED if told.approved else refused,
        reason=Reason.RECOVERY if told.advised else Reason.INITIAL,
        amount=Money(told.amount, failure.currency),
        rule=None if told.decline is None else told.decline.rule,
        decline_code=None if told.decline is None else told.decline.code,
    )


def _reached_issuer(told: Told) -> bool:
    return told.approved or told.decline is not None


def _card_try(told: Told, failure: Failure) -> CardTry:
    rule = None if told.decline is None else told.decline.rule
    return CardTry(told.at, Money(told.amount, failure.currency), declined=not told.approved, rule=rule)
