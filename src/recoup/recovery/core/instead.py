"""What is planned where something stands in the way of a try: a gate, a refusal to try, the end of the time."""

from __future__ import annotations

from datetime import datetime

from recoup.recovery.core.machine import EndReason
from recoup.recovery.core.planning import accounts_for, facts_of, plan, postponed
from recoup.recovery.core.records import AskCustomer, Case, GiveUp, How, Made, Plan, Retry
from recoup.recovery.core.scheduling import awake


def made(case: Case, how: Made, now: datetime) -> Plan | None:
    """The plan that comes about like this, from the same facts always the same; None where a person made it."""
    match how.how:
        case How.PLANNED:
            return plan(case, now)
        case How.BY_HAND:
            return None
        case How.TIME_UP:
            why = "the deadline has passed, and nothing had brought the money"
            return GiveUp(EndReason.DEADLINE, why, facts_of(case))
        case How.STOPPED:
            return GiveUp(EndReason.REQUESTED, how.why, facts_of(case))
        case _:
            return _later(case, how, now)


def _later(case: Case, how: Made, now: datetime) -> Plan:
    match how.how:
        case How.HELD:
            assert how.until is not None, "what holds a try says until when"
            at = min(awake(how.until, case.person.zone, case.policy.hours), case.deadline)
            return Retry(at, accounts_for(case), now, how.why, facts_of(case))
        case How.POSTPONED:
            return postponed(case, now, why=how.why)
        case How.GONE:
            return AskCustomer(f"the payment method is gone: {how.why}", facts_of(case))
        case _:
            raise AssertionError(f"{how.how} is no reason to wait")
