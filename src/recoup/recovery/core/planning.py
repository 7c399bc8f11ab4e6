"""What a recovery does next, and whether a try that is due may still be made.

First comes what stops everything, and what only the customer can mend. Else a plan is the first try of the best set of
tries (`choosing`), among the moments that everybody allows: the network's or issuer's advice (its wait is the earliest
moment), the card's budget, the customer's night, and the deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from recoup.budgets.core import STOPS, Budget, PastTry, next_try
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.outcomes.core import AdviceAction, Decline, Hardness
from recoup.outcomes.core.retry import later
from recoup.paydays.core import described
from recoup.recovery.core.knowing import known_of
from recoup.recovery.core.known import Known
from recoup.recovery.core.machine import STANDINGS, EndReason, Standing
from recoup.recovery.core.parting import Part, best_part
from recoup.recovery.core.policy import CAUSES, WORDS, Cause, Method
from recoup.recovery.core.records import AskCustomer, Case, GiveUp, Plan, Retry, Thinking
from recoup.recovery.core.renewed import is_mended, needs_another_card
from recoup.recovery.core.scheduling import awake as awake
from recoup.recovery.core.scheduling import scheduled, words_of
from recoup.recovery.core.weighing import Weighed, weigh_many

_BUDGET_STEPS_MAX: Final = 10
"""How often a time is moved for the budget and the night in turn: each rule moves it once at most."""

_SOON: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_NOBODY: Final = "no account that may be asked can do it now"
_LIKELY_PAYDAY: Final = 0.2
"""From which chance on a day is called a likely payday."""
_CUSTOMER_MENDS: Final = frozenset({AdviceAction.UPDATE_CARD, AdviceAction.AUTHENTICATE})
FOR_EVER: Final = frozenset(stop.rule for stop in STOPS if stop.window is None)
"""The rules after which networks allow no try of the card any more."""


def plan(case: Case, now: datetime) -> Plan:
    """The next step of a case whose payment was refused. A try is never before now, nor after the deadline."""
    return plans([case], now)[0]


def plans(cases: Sequence[Case], now: datetime) -> list[Plan]:
    """The next step of each case: the same as one by one, in less time, for all are weighed together."""
    return plans_at([(case, now) for case in cases])


def plans_at(cases: Sequence[tuple[Case, datetime]]) -> list[Plan]:
    """The same of cases that are looked at each at its own time."""
    asked = [(case, now, asked_of(case, now)) for case, now in cases]
    weighed = iter(weigh_many([one.known for _, _, one in asked if isinstance(one, Asked)]))
    return [
        judged(case, one, next(weighed), now) if isinstance(one, Asked) else one for case, now, one in asked
    ]


def _with_new_card(case: Case, now: datetime) -> Retry | GiveUp | None:
    """The next step where the card was what stood in the way, and was renewed since; None where that is not so."""
    if not is_mended(case) or _ending(case, now) is not None:
        return None
    found = _allowed(case, now)
    if found.at is None or found.at > case.deadline:
        return GiveUp(EndReason.DEADLINE, "the card was renewed too late", facts_of(case, found.budget))
    why = "the card was renewed since it was refused: tried with what is known now"
    return Retry(found.at, accounts_for(case), now, why, facts_of(case, found.budget))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the joint choice is asked, and the first moment that night and budget allow."""

    known: Known
    found: _Found


def asked_of(case: Case, now: datetime) -> Asked | Plan:
    """What the joint choice is asked for a case whose payment was refused; or the plan, where there is no choice."""
    assert STANDINGS[case.payment.status] is Standing.REFUSED, "only a refused payment is planned for"
    settled = _with_new_card(case, now) or _ending(case, now)
    if settled is not None:
        return settled
    if _cause(case) is None:
        return AskCustomer("time changes nothing here: the customer must act", facts_of(case))
    if not accounts_for(case):
        return postponed(case, now, why=_NOBODY)
    found = _allowed(case, _wanted(case, now))
    if found.at is None:
        return GiveUp(EndReason.NETWORK_LIMIT, found.budget.why, facts_of(case, found.budget))
    if case.policy.method is not Method.JOINT:
        return _by_schedule(case, found, found.at, now)
    left = _tries_left(case, found.budget)
    known = known_of(
        case,
        now,
        refused_at=_refused_at(case, now),
        not_before=found.at,
        tries_left=left,
        accounts=accounts_for(case),
    )
    return Asked(known if case.taught is None else case.taught.told(known), found)


def _wanted(case: Case, now: datetime) -> datetime:
    """From when on a try is wanted: what advice allows, and not before the day of a schedule."""
    earliest = _not_before(case, now)
    if case.policy.method is Method.JOINT:
        return earliest
    day = scheduled(
        case.policy,
        opened_at=case.opened_at,
        tries_made=case.tries_made,
        refused_at=_refused_at(case, now),
        zone=case.person.zone,
    )
    return max(earliest, day)


def _by_schedule(case: Case, found: _Found, at: datetime, now: datetime) -> Retry | GiveUp:
    """The next try of a schedule of fixed days."""
    facts = facts_of(case, found.budget)
    if at >= case.deadline:
        why = f"the schedule's next try would be after the deadline, {rfc3339(case.deadline)}"
        return GiveUp(EndReason.DEADLINE, why, facts)
    why = words_of(case.policy, case.tries_made)
    if found.blocked is not None:
        why = f"{why}; put off for the card's budget ({found.blocked.why})"
    return Retry(at, accounts_for(case), min(at, _may_be_asked_for(case, now, found)), why, facts)


def judged(case: Case, asked: Asked, weighed: Weighed, now: datetime) -> Plan:
    """The plan that follows from what was weighed."""
    part = _part_of(case, asked.known)
    if part is not None:
        return _part_first(case, part, weighed, asked.found, now)
    if weighed.at is not None:
        return _retry(case, weighed, asked.found, now)
    facts = facts_of(case, asked.found.budget)
    if not weighed.allowed:
        why = f"no try can be made before the deadline, {rfc3339(case.deadline)}"
        return GiveUp(EndReason.DEADLINE, why, facts)
    return GiveUp(EndReason.NOT_WORTH_IT, "no try is worth what it costs", facts | weighed.facts())


def _part_of(case: Case, known: Known) -> Part | None:
    """The part that is worth trying first, where the policy allows one: only of money that was said to be missing, for
    smaller amounts would look like feeling about to an issuer that gave no reason."""
    partial = case.policy.partial
    if partial is None or not case.payment.divisible or _cause(case) is not Cause.FUNDS:
        return None
    return best_part(known, partial)


def _part_first(case: Case, part: Part, whole: Weighed, found: _Found, now: datetime) -> Retry:
    amount = case.payment.amount
    why = (
        f"{WORDS[Cause.FUNDS]} for {amount}; a part of it, {Money(part.minor, amount.currency)}, tried on "
        f"{_day(case, part.at)}: approved with {part.chance:.0%}, and with the tries for the rest worth more than "
        "tries for the whole"
    )
    facts = facts_of(case, found.budget) | {"cause": Cause.FUNDS.value} | whole.facts()
    facts |= {"part": part.facts()}
    return Retry(
        part.at, part.accounts, min(part.at, _may_be_asked_for(case, now, found)), why, facts, part.minor
    )


def _tries_left(case: Case, budget: Budget) -> int:
    """How many tries may still be made: what the networks leave counts as well."""
    return max(1, min(case.tries_max - case.tries_made, budget.left))


def gating(case: Case, now: datetime, *, planned_at: datetime | None = None) -> Thinking[Plan | None]:
    """Asked on fresh facts just before a try that is due: None where it may be made, else what is done instead.

    One that was held into the customer's night waits for the morning; one that a person asked for at night is made.
    """
    ending = _ending(case, now)
    if ending is not None:
        return ending
    if _cause(case) is None and not is_mended(case):
        return AskCustomer("time changes nothing here: the customer must act", facts_of(case))
    if not accounts_for(case):
        return postponed(case, now, why=_NOBODY)
    earliest = _not_before(case, now)
    budget = _budget(case, earliest)
    overslept = planned_at is not None and _is_awake(case, planned_at) and not _is_awake(case, now)
    if earliest <= now and budget.allowed and not overslept:
        return None
    return (yield case)


def _is_awake(case: Case, moment: datetime) -> bool:
    return awake(moment, case.person.zone, case.policy.hours) == moment


def postponed(case: Case, now: datetime, *, why: str) -> Plan:
    """A plan after a try that could not even be asked for: a day later, for somebody may mend it meanwhile."""
    ending = _ending(case, now)
    if ending is not None:
        return ending
    found = _allowed(case, max(now + timedelta(days=1), _not_before(case, now)))
    said = f"the payment could not be tried ({why})"
    if found.at is None or found.at > case.deadline:
        return GiveUp(EndReason.DEADLINE, f"{said}, and the deadline is near", facts_of(case))
    facts = facts_of(case, found.budget)
    return Retry(found.at, accounts_for(case), found.at, f"{said}; once more a day later", facts)


def _ending(case: Case, now: datetime) -> GiveUp | AskCustomer | None:
    """What ends a case, or leaves it to the customer, whatever the time."""
    if case.disputed is not None:
        return GiveUp(EndReason.DISPUTED, case.disputed, facts_of(case))
    if now >= case.deadline:
        return GiveUp(
            EndReason.DEADLINE, f"the deadline, {rfc3339(case.deadline)}, has passed", facts_of(case)
        )
    if case.tries_made >= case.tries_max:
        said = f"{case.tries_made} of {case.tries_max} tries were made"
        return GiveUp(EndReason.TRIES_EXHAUSTED, said, facts_of(case))
    if case.payment.is_closed:
        why = "the account behind the card is closed: the customer must give another one"
        return AskCustomer(why, facts_of(case))
    return None if is_mended(case) else _refused_for_good(case)


def _refused_for_good(case: Case) -> GiveUp | AskCustomer | None:
    """What the last refusal leaves, where it leaves no try of this card as it is."""
    if case.payment.decline is None:
        return None
    decline = case.payment.decline.decline
    if needs_another_card(decline):
        why = f"{decline.code}: another card is needed, from the customer or from an account updater"
        return AskCustomer(why, facts_of(case))
    if decline.rule in FOR_EVER:
        said = f"the network allows no further try ({decline.rule})"
        return GiveUp(EndReason.NETWORK_LIMIT, said, facts_of(case))
    verdict = later(decline)
    if verdict.allowed:
        return None
    wants_them = decline.advice.action is AdviceAction.AUTHENTICATE
    if customer_mends(decline) and (case.policy.step_up or not wants_them):
        return AskCustomer(verdict.why, facts_of(case))
    return GiveUp(EndReason.DECLINED_FOR_GOOD, f"{decline.code}: {verdict.why}", facts_of(case))


def customer_mends(decline: Decline) -> bool:
    """Whether only the customer can mend what was refused, and may well do so."""
    soft = decline.hardness is Hardness.SOFT and not decline.advice.stops
    return soft and decline.advice.action in _CUSTOMER_MENDS


def _cause(case: Case) -> Cause | None:
    """Why it was refused; None where only the customer can help."""
    record = case.payment.decline
    return Cause.TECHNICAL if record is None else CAUSES.get(record.decline.category)


def _refused_at(case: Case, now: datetime) -> datetime:
    record, attempts = case.payment.decline, case.payment.attempts
    if record is not None:
        return record.at
    return attempts[-1].at if attempts else now


def _not_before(case: Case, now: datetime) -> datetime:
    """The earliest moment that the advice allows."""
    record = case.payment.decline
    wait = None if record is None else record.decline.advice.wait
    return now if record is None or wait is None or is_mended(case) else max(now, record.at + wait)


@dataclass(frozen=True, slots=True)
class _Found:
    """The first moment that night and budget allow; None where the budget never will.

    `blocked` is what the budget said where it put the try off.
    """

    at: datetime | None
    budget: Budget
    blocked: Budget | None = None


def _allowed(case: Case, wanted: datetime) -> _Found:
    hours = case.policy.hours
    at, blocked = awake(wanted, case.person.zone, hours), None
    budget = _budget(case, at)
    for _ in range(_BUDGET_STEPS_MAX):
        if budget.allowed or budget.earliest is None:
            return _Found(at if budget.allowed else None, budget, blocked)
        at, blocked = awake(budget.earliest, case.person.zone, hours), budget
        budget = _budget(case, at)
    return _Found(None, budget, blocked)


def _budget(case: Case, at: datetime) -> Budget:
    """What card networks leave at that moment, as far as is known now. Every region's rules hold: ours is not known."""
    history = [PastTry(one.at, one.amount, one.declined, one.rule) for one in case.payment.card_tries]
    return next_try(history, brand=case.payment.brand or "", amount=case.payment.amount, region=None, now=at)


def _retry(case: Case, weighed: Weighed, found: _Found, now: datetime) -> Retry:
    at = weighed.at
    assert at is not None, "there is a time"
    cause = _cause(case)
    assert cause is not None, "only what time can mend is weighed"
    why = f"{WORDS[cause]}; {_best(case, weighed, at)}"
    if found.blocked is not None:
        why = f"{why}; put off for the card's budget ({found.blocked.why})"
    facts = facts_of(case, found.budget) | {"cause": cause.value} | weighed.facts()
    return Retry(at, weighed.accounts, min(at, _may_be_asked_for(case, now, found)), why, facts)


def _best(case: Case, weighed: Weighed, at: datetime) -> str:
    """What speaks for the moment that was chosen."""
    prospects = f"a try then is approved with {weighed.chance:.0%}"
    if weighed.tries > 1:
        prospects += f", one of the {weighed.tries} planned with {weighed.recovered:.0%}"
    if weighed.on_payday:
        return f"tried again on the customer's payday, {_day(case, at)}: {prospects}"
    waited = at - _refused_at(case, at)
    if waited < _SOON:
        return f"tried again within {'the hour' if waited <= _HOUR else 'a day'}: {prospects}"
    if weighed.payday_chance > _LIKELY_PAYDAY:
        return f"tried again on {_day(case, at)}, a likely payday: {prospects}"
    return f"tried again on {_day(case, at)}, which has the best prospects: {prospects}"


def _may_be_asked_for(case: Case, now: datetime, found: _Found) -> datetime:
    """From when a person may ask for the try by hand: what the advice and the budget allow, whatever is wished."""
    earliest = _not_before(case, now)
    budget = found.budget if found.at == earliest else _budget(case, earliest)
    return budget.earliest or case.deadline


def accounts_for(case: Case) -> tuple[UUID, ...]:
    """Whom to ask, in order: after a refusal without a reason, somebody else first; for missing money, the same. The
    policy may allow fewer."""
    last = case.payment.attempts[-1].account if case.payment.attempts else None
    able = case.policy.allowed(case.payment.accounts, last=last)
    if is_mended(case):
        return able
    same = tuple(one for one in able if one == last)
    others = tuple(one for one in able if one != last)
    match _cause(case):
        case Cause.FUNDS | Cause.LIMIT:
            return same + others
        case Cause.UNRECOGNISED:
            return same or others
        case Cause.ISSUER | Cause.TECHNICAL | None:
            return others + same


def facts_of(case: Case, budget: Budget | None = None) -> dict[str, Any]:
    """What a plan was made from, to be stored: enough to make it again."""
    record = case.payment.decline
    facts: dict[str, Any] = {
        "payment_status": case.payment.status.value,
        "tries_made": case.tries_made,
        "tries_max": case.tries_max,
        "deadline": rfc3339(case.deadline),
        "time_zone": case.person.zone,
        "country": case.person.country,
        "payday": None if case.person.pay is None else described(case.person.pay),
        "accounts": [render(Kind.PROCESSOR_ACCOUNT, one) for one in case.payment.accounts],
    }
    if record is not None:
        wait = record.decline.advice.wait
        facts["decline"] = {
            "code": record.decline.code,
            "category": record.decline.category.value,
            "hardness": record.decline.hardness.value,
            "advice": record.decline.advice.action.value,
            "not_before": None if wait is None else rfc3339(record.at + wait),
            "network_rule": record.decline.rule,
            "at": rfc3339(record.at),
        }
    if budget is not None:
        facts["budget"] = {"rule": budget.limit_rule, "left": budget.left, "why": budget.why}
    return facts


def _day(case: Case, moment: datetime) -> str:
    return moment.astimezone(ZoneInfo(case.person.zone)).strftime("%Y-%m-%d")
