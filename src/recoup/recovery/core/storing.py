"""A case as it is stored with its decision, and back: all that a plan is made from, so that it can be made again.

Who the customer is, with what card they pay and what a processor wrote in words is left out: no plan depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from recoup.paydays.core import described
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core.arms import Arm
from recoup.recovery.core.known import cycle_from
from recoup.recovery.core.policy_file import policy_from, written
from recoup.recovery.core.records import Case, Made, Person

RECORD: Final = 1
"""The form in which a case is stored; a later one counts up."""


def kept_case(case: Case) -> dict[str, Any]:
    """A case, as JSON has it."""
    person = case.person
    return {
        "form": RECORD,
        "payment": _lean(msgspec.to_builtins(case.payment)),
        "person": {
            "zone": person.zone,
            "country": person.country,
            "pay": None if person.pay is None else described(person.pay),
        },
        "policy": written(case.policy),
        "policy_version": case.policy.version,
        "opened_at": case.opened_at.isoformat(),
        "deadline": case.deadline.isoformat(),
        "tries_made": case.tries_made,
        "tries_max": case.tries_max,
        "disputed": case.disputed,
        "arm": None if case.arm is None else msgspec.to_builtins(case.arm),
    }


def case_from(kept: Mapping[str, Any]) -> Case:
    """What was stored, as it was known."""
    person, pay, arm = kept["person"], kept["person"]["pay"], kept["arm"]
    return Case(
        payment=msgspec.convert(kept["payment"], PaymentFacts),
        person=Person(person["zone"], person["country"], None if pay is None else cycle_from(pay)),
        policy=policy_from(kept["policy"], version=kept["policy_version"]),
        opened_at=datetime.fromisoformat(kept["opened_at"]),
        deadline=datetime.fromisoformat(kept["deadline"]),
        tries_made=kept["tries_made"],
        tries_max=kept["tries_max"],
        disputed=kept["disputed"],
        arm=None if arm is None else msgspec.convert(arm, Arm),
    )


def kept_made(made: Made) -> dict[str, Any]:
    """How a plan came about, as JSON has it."""
    kept: dict[str, Any] = msgspec.to_builtins(made)
    return kept


def made_from(kept: Mapping[str, Any]) -> Made:
    """How a plan came about."""
    return msgspec.convert(kept, Made)


def _lean(payment: dict[str, Any]) -> dict[str, Any]:
    """Without what no plan depends on."""
    kept = payment | {"customer_id": None, "payment_method_id": None, "fingerprint": None}
    if record := kept["decline"]:
        record["decline"] |= {"message": "", "source": "", "text": None, "raw": {}}
    return kept
