"""Makes a stored decision about a recovery again from its record, and tells whether it comes out the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.recovery.core.instead import made
from recoup.recovery.core.known import known_from
from recoup.recovery.core.planning import Asked, asked_of, judged, plan
from recoup.recovery.core.records import AskCustomer, Case, GiveUp, How, Plan, Retry
from recoup.recovery.core.storing import RECORD, case_from, made_from
from recoup.recovery.core.weighing import weigh
from recoup.routing.core.replaying import Differs, NotReplayable, Replayed, Same

Record = Mapping[str, Any]

_ESTIMATES: Final = ("probability", "probability_of_all")
_TOLERANCE: Final = 0.001
"""Estimates are products of many numbers, which another processor may round otherwise in the last place."""


def replay(record: Record) -> Replayed:
    """Decide again by what is stored: the facts, the policy, what was in the way, and the time."""
    if "case" not in record:
        return NotReplayable("it was stored before all that it was made from was")
    kept = record["case"]
    if kept["form"] != RECORD:
        return NotReplayable(f"its record is of form {kept['form']}, which this version does not read")
    how = made_from(record["made"])
    if how.how is How.BY_HAND:
        return NotReplayable("a person asked for it: there is nothing to work out")
    case, now = case_from(kept), datetime.fromisoformat(record["now"])
    again = _as_taught(record, case, now) if how.how is How.PLANNED else made(case, how, now)
    assert again is not None, "nobody made it by hand"
    differences = tuple(_differences(record, again))
    return Differs(differences) if differences else Same()


def _as_taught(record: Record, case: Case, now: datetime) -> Plan:
    """The plan with what a learned model said then, if one had a part in it."""
    known = record["facts"].get("known")
    asked = asked_of(case, now)
    if known is None or not isinstance(asked, Asked):
        return plan(case, now)
    asked = replace(asked, known=replace(asked.known, learned=known_from(known).learned))
    return judged(case, asked, weigh(asked.known), now)


def answer(plan: Plan) -> dict[str, Any]:
    """What a plan says to do, as it is stored with a decision."""
    match plan:
        case Retry(at=at, accounts=accounts, not_before=not_before, part=part):
            named = [_named(one) for one in accounts]
            said: dict[str, Any] = {"at": rfc3339(at), "not_before": rfc3339(not_before)}
            return said | {"processor_accounts": named} | ({} if part is None else {"part": part})
        case AskCustomer():
            return {}
        case GiveUp(reason=reason):
            return {"end_reason": reason.value}


def action_of(plan: Plan) -> str:
    """What kind of step a plan is."""
    match plan:
        case Retry():
            return "retry"
        case AskCustomer():
            return "ask_customer"
        case GiveUp():
            return "give_up"


def _differences(record: Record, plan: Plan) -> Iterator[str]:
    now = {"action": action_of(plan)} | answer(plan)
    for name in ("action", "at", "not_before", "processor_accounts", "part", "end_reason"):
        before, after = record.get(name), now.get(name)
        if before != after:
            yield f"{name} was {before} and is {after}"
    for name in _ESTIMATES:
        was, found = record["facts"].get(name), plan.facts.get(name)
        if (was is None) != (found is None) or (was is not None and abs(was - found) > _TOLERANCE):
            yield f"{name} was {was} and is {found}"


def _named(account_id: UUID) -> str:
    return render(Kind.PROCESSOR_ACCOUNT, account_id)
