"""What was logged of a recovery, put together again: what was known at each choice, what was tried, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from recoup.payments.core.facts import PastAttempt
from recoup.payments.core.machine import AttemptState, Reason
from recoup.recovery.core.arms import Arm
from recoup.recovery.core.otherwise import Situation
from recoup.recovery.core.records import Action, Recovery

SLOT_HOURS: Final = 6
"""Moments in the same six hours of the customer's day are taken for the same choice."""
_NO_OUTCOME: Final = frozenset(
    {
        AttemptState.STARTED,
        AttemptState.COMPLETING,
        AttemptState.PENDING,
        AttemptState.REQUIRES_ACTION,
        AttemptState.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Decided:
    """One stored decision. `situation` is what it was made from; None where that was not kept. `try_at` is None too
    where it did not follow from the policy alone: a person asked for the try, or something held it."""

    at: datetime
    action: Action
    try_at: datetime | None
    account: UUID | None
    situation: Situation | None
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """One try: when, at whom first, and whether it brought the money; None while its outcome is open."""

    at: datetime
    account: UUID
    approved: bool | None


@dataclass(frozen=True, slots=True)
class Story:
    """One recovery from its opening to its end. `turns` are its tries, each with the decision that led to it; `last`
    is the decision after them. `paid_at`: when the debt was paid by other means than a try of the recovery."""

    id: UUID
    policy: str
    version: int | None
    arm: Arm | None
    opened_at: datetime
    minor: int
    currency: str
    turns: tuple[tuple[Decided, Tried], ...]
    last: Decided | None
    paid_at: datetime | None

    @property
    def is_known(self) -> bool:
        """Whether everything was kept that another policy must be asked with."""
        return all(choice.situation is not None for choice, _ in self.turns)


def slot_of(moment: datetime, zone: str) -> tuple[int, int]:
    """The customer's day, and the quarter of it."""
    local = moment.astimezone(ZoneInfo(zone))
    return local.toordinal(), local.hour // SLOT_HOURS


def story(recovery: Recovery, decided: Sequence[Decided], attempts: Sequence[PastAttempt]) -> Story | None:
    """A recovery told from its decisions, oldest first, and its payment's attempts; None where they do not fit, and
    where a part was to be charged by itself, which is no try for what is owed."""
    tries = [one for one in attempts if one.reason is Reason.RECOVERY]
    turns = _turns(decided, tries)
    if turns is None or not attempts or any(one.is_part for one in decided):
        return None
    later = [one for one in decided if not tries or one.at >= tries[-1].at]
    return Story(
        id=recovery.id,
        policy=recovery.policy,
        version=recovery.policy_version,
        arm=recovery.arm,
        opened_at=recovery.opened_at,
        minor=attempts[0].amount.minor,
        currency=attempts[0].amount.currency,
        turns=turns,
        last=later[-1] if later else None,
        paid_at=_paid_otherwise(recovery, attempts),
    )


def _turns(
    decided: Sequence[Decided], tries: Sequence[PastAttempt]
) -> tuple[tuple[Decided, Tried], ...] | None:
    """Each try with the last decision before it; None where one has none.

    Attempts of one decision (the next account where the first one refused) are one try, which any of them may win.
    """
    found: list[tuple[Decided, Tried]] = []
    for one in tries:
        before = [choice for choice in decided if choice.at <= one.at and choice.action is Action.RETRY]
        if not before:
            return None
        choice, approved = before[-1], _approved(one)
        if found and found[-1][0] is choice:
            first = found[-1][1]
            found[-1] = (choice, Tried(first.at, first.account, approved))
        else:
            found.append((choice, Tried(one.at, one.account, approved)))
    return tuple(found)


def _approved(one: PastAttempt) -> bool | None:
    return None if one.state in _NO_OUTCOME else one.state in {AttemptState.APPROVED, AttemptState.REVERSED}


def _paid_otherwise(recovery: Recovery, attempts: Sequence[PastAttempt]) -> datetime | None:
    """When it was paid by another way: the customer's page, a person, another payment."""
    if recovery.paid_elsewhere_at is not None:
        return recovery.paid_elsewhere_at
    won = [one for one in attempts if _approved(one) and one.at > recovery.opened_at]
    return won[-1].at if won and won[-1].reason is not Reason.RECOVERY else None
