"""Whether a customer is asked now, later or no more: asked again whenever something may have changed.

Stop means stop: whatever ended the case (paid, given up, disputed, stopped by a person) ends its messages, because each
is decided on fresh facts. A message keeps its distance from the one before it, from the customer's night, and from a
try that is about to be made: who is charged this evening need not be asked this morning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from recoup.messages.core.machine import NOT_ASKED, Status
from recoup.messages.core.policy import MessagePolicy
from recoup.messages.core.records import Case, Message
from recoup.recovery.core.machine import Standing
from recoup.recovery.core.machine import Status as RecoveryStatus

PATIENCE: Final = timedelta(minutes=15)
"""How long a message that is being sent is left to the process that sends it."""
OUTCOME_WAIT: Final = timedelta(hours=1)
"""How soon to look again at a payment that has no outcome yet."""
HELD_BEFORE_TRY: Final = timedelta(hours=12)
"""A try that is this near is waited for."""
AFTER_TRY: Final = timedelta(hours=1)
WEEK: Final = timedelta(days=7)
BETWEEN: Final = timedelta(hours=20)
"""The least time between two messages to one customer, whatever they are about: one a day, with the day's hour free."""
RETRY_WAITS: Final = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
"""How long to wait after each time that a mail server did not take a message; then it has failed."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send the next message."""

    number: int


@dataclass(frozen=True, slots=True)
class Again:
    """Hand a message over once more, which was certainly not taken before."""

    message: Message


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody will say any more whether this message was sent."""

    message: Message


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing before `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody is asked about this any more, unless news come."""

    why: str


Next = Ask | Again | Lost | Rest | Stop


def next_step(case: Case, now: datetime) -> Next:
    """What follows for the messages of a recovery, from the facts as they are now."""
    last = case.messages[-1] if case.messages else None
    if last is not None and last.status is Status.SENDING:
        left_until = last.updated_at + PATIENCE
        return Rest(left_until) if now < left_until else Lost(last)
    if not case.policy.enabled:
        return Stop("the merchant asks nobody")
    if not case.is_open:
        return Stop(f"the recovery is {case.recovery}")
    match case.standing:
        case Standing.PAID | Standing.GONE:
            return Stop(f"the payment is {case.standing}")
        case Standing.UNDER_WAY:
            return Rest(now + OUTCOME_WAIT)
        case Standing.REFUSED:
            return _of_refused(case, last, now)
        case other:
            assert_never(other)


def _of_refused(case: Case, last: Message | None, now: datetime) -> Next:
    match case.recovery:
        case RecoveryStatus.PAUSED:
            return Stop("the recovery is paused")
        case RecoveryStatus.RUNNING:
            return Rest(now + OUTCOME_WAIT)
        case RecoveryStatus.AWAITING_CUSTOMER:
            days = case.policy.days
        case _:
            days = case.policy.days_while_retrying
    if last is not None and last.status is Status.WAITING:
        return _when(case, last.next_at or now, now) or Again(last)
    number = len(case.messages)
    if number >= len(days):
        return Stop(f"{number} messages were sent, and no more are planned")
    return _when(case, _planned(case, days, last), now) or Ask(number + 1)


def _planned(case: Case, days: Sequence[int], last: Message | None) -> datetime:
    """When the next message is planned: by the days, and as far from the last one as those lie apart."""
    number = len(case.messages)
    planned = case.opened_at + timedelta(days=days[number])
    if last is None:
        return planned
    return max(planned, last.created_at + timedelta(days=days[number] - days[number - 1]))


def _when(case: Case, wanted: datetime, now: datetime) -> Rest | Stop | None:
    """None where it may be sent now."""
    at = awake(max(wanted, now), case.zone, case.policy)
    held = case.next_try_at
    if held is not None and at <= held < at + HELD_BEFORE_TRY:
        at = awake(held + AFTER_TRY, case.zone, case.policy)
    if at >= case.deadline:
        return Stop("the deadline comes first")
    return Rest(at) if at > now else None


def awake(moment: datetime, zone: str, policy: MessagePolicy) -> datetime:
    """The moment itself, or where it is quiet the end of that, by the customer's clock."""
    begins, ends = policy.quiet
    local = moment.astimezone(ZoneInfo(zone))
    at = local.time()
    if begins == ends or not (begins <= at < ends if begins < ends else at >= begins or at < ends):
        return moment
    day = local.date() + timedelta(days=begins > ends and at >= begins)
    return max(moment, datetime.combine(day, ends, ZoneInfo(zone)).astimezone(UTC))


def capped(earlier: Sequence[Message], policy: MessagePolicy, now: datetime) -> datetime | None:
    """Until when this customer is to be left alone, by all that they were sent; None: not now.

    What may have arrived counts; what certainly reached nobody does not.
    """
    times = sorted(one.created_at for one in earlier if one.status not in NOT_ASKED)
    free = [times[-1] + BETWEEN] if times else []
    within = [at for at in times if at > now - WEEK]
    if len(within) >= policy.per_week_max:
        free.append(within[-policy.per_week_max] + WEEK)
    until = max(free, default=now)
    return until if until > now else None


def retry_at(tries: int, now: datetime) -> datetime | None:
    """When to hand a message over again that was not taken for the `tries`th time; None: never."""
    return now + RETRY_WAITS[tries - 1] if tries <= len(RETRY_WAITS) else None
