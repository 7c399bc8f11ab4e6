"""Makes a stored decision again from its record, and tells whether it comes out the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from recoup.kit.ids import Kind, render
from recoup.routing.core.deciding import Option, Placed, decide
from recoup.routing.core.hindsight import revalued
from recoup.routing.core.reading import Record, account_of, facts_of, options_of, order_of, seed_of
from recoup.routing.core.record import PROBABILITY_DIGITS
from recoup.routing.core.words import Ruling


@dataclass(frozen=True, slots=True)
class Same:
    """It comes out as it is stored."""


@dataclass(frozen=True, slots=True)
class Differs:
    """It comes out otherwise; each difference in words."""

    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotReplayable:
    """The record alone is not enough, and why not."""

    why: str


Replayed = Same | Differs | NotReplayable


def replay(record: Record, ruling: Ruling) -> Replayed:
    """Decide again by what is stored: facts, estimates, prices, health and seed; `ruling` is what the policy of the
    record's version says of these facts."""
    if "seed" not in record:
        return NotReplayable("it was stored before chance was: it has no seed")
    if record["chosen"] is None:
        return NotReplayable("nobody could be asked, so nothing was decided")
    facts, stored = facts_of(record), options_of(record)
    options = revalued(stored, facts, margin=ruling.margin)
    unit = record["facts"].get("customer")
    placed = decide(options, ruling, seed=seed_of(record), unit=unit)
    differences = (
        *_ruled(record, ruling),
        *_valued(stored, options),
        *_ordered(record, placed),
        *_chances(record, placed),
    )
    return Differs(differences) if differences else Same()


def _ruled(record: Record, ruling: Ruling) -> Iterator[str]:
    if record["rule"] != ruling.rule:
        yield f"the rule was {record['rule']!r} and is {ruling.rule!r}"
    if record["method"] != ruling.method:
        yield f"the method was {record['method']} and is {ruling.method}"


def _valued(stored: Sequence[Option], options: Sequence[Option]) -> Iterator[str]:
    for before, after in zip(stored, options, strict=True):
        if before.value != after.value:
            yield f"{_named(after.account_id)} was worth {before.value} and is {after.value} thousandths"


def _ordered(record: Record, placed: Sequence[Placed]) -> Iterator[str]:
    before, after = order_of(record), tuple(one.option.account_id for one in placed)
    if before != after:
        yield f"the order was {_listed(before)} and is {_listed(after)}"
    chosen = account_of(record["chosen"])
    if record["reason"] == "initial" and after[:1] != (chosen,):
        yield f"{_named(chosen)} was asked first and would not be"
    elif chosen not in after:
        yield f"{_named(chosen)} was asked and would not be"


def _chances(record: Record, placed: Sequence[Placed]) -> Iterator[str]:
    now = {one.option.account_id: round(one.propensity, PROBABILITY_DIGITS) for one in placed}
    for candidate in record["candidates"]:
        before = candidate.get("propensity")
        account_id = account_of(candidate["processor_account"])
        if before is not None and before != now.get(account_id, 0.0):
            yield f"{_named(account_id)} was first with chance {before} and is with {now.get(account_id, 0.0)}"


def _named(account_id: UUID) -> str:
    return render(Kind.PROCESSOR_ACCOUNT, account_id)


def _listed(accounts: Sequence[UUID]) -> str:
    return ", ".join(_named(one) for one in accounts) or "nobody"
