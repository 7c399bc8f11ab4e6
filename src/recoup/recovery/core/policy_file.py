"""What a policy of recovery looks like when it is written, in TOML or in JSON: its fields, and how they are read.

The types are the schema: reading checks against them, and the reference page and the JSON Schema are made from them.
`read` gives a policy, or all that is wrong with the text, each with its place; `written` is a policy as such a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.kit.ids import Kind, parse, render
from recoup.outcomes.core import Category
from recoup.recovery.core.policy import (
    ALL_DAY,
    DEFAULT,
    LOST_PER_DAY_DEFAULT,
    MARGIN_DEFAULT,
    NO_RECOVERY,
    OLD_DAYS,
    PARTIAL_DEFAULT,
    TRY_COSTS_DEFAULT,
    Hours,
    Method,
    Partial,
    Policy,
    Routes,
)
from recoup.routing.core.policy_reading import PROBLEMS_MAX, Format, Problem, in_order, written_document
from recoup.routing.core.policy_shape import Misfits, fit_struct, shown
from recoup.routing.core.toml_lines import Path

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

SOURCE_LENGTH_MAX: Final = 20_000
"""Characters of a policy's text."""
NAME_LENGTH_MAX: Final = 50
WINDOW_DAYS_MAX: Final = 60
TRIES_MAX: Final = 15
"""The strictest network allows a card as many in thirty days."""
ACCOUNTS_MAX: Final = 50
_TIME: Final = "%H:%M"


def _one_of(*choices: str) -> Meta:
    return Meta(extra_json_schema={"enum": list(choices)})


# No `pattern` here: see `recoup.routing.core.policy_file`. Forms are checked below, and told to editors in the schema.
Text = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX)]
Clock = Annotated[Text, Meta(extra_json_schema={"examples": ["06:00"]})]
Day = Annotated[int, Meta(ge=0, le=WINDOW_DAYS_MAX)]
RoutesText = Annotated[Text, _one_of(*Routes)]
AccountText = Annotated[Text, Meta(extra_json_schema={"examples": ["pa_01kaq3v8e7f0t9m2c4x6z8b1d3"]})]


class HoursSpec(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The hours of the customer's day in which tries are made."""

    from_: Annotated[Clock, Meta(description="The first minute.")] = msgspec.field(
        name="from", default=ALL_DAY.begins.strftime(_TIME)
    )
    to: Annotated[Clock, Meta(description="Not included; later than `from`.")] = ALL_DAY.ends.strftime(_TIME)


class PartialSpec(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That a part of what is owed may be charged by itself, once, where money is missing."""

    min_share_basis_points: Annotated[
        Annotated[int, Meta(ge=1_000, le=9_000)],
        Meta(description="What of the amount a part is at least, in basis points."),
    ] = PARTIAL_DEFAULT.min_share
    min_amount_hundredths: Annotated[
        Annotated[int, Meta(ge=100, le=10_000_000)],
        Meta(description="What the part and the rest are at least, in hundredths of the currency's unit."),
    ] = PARTIAL_DEFAULT.min_amount


class PolicyFile(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A policy of recovery. One that has nothing but its name is as the built-in default."""

    name: Annotated[
        Text,
        Meta(
            description="What payments name in `recovery.policy`: small letters, digits, `-` and `_`. As `default` it "
            "is for payments that name none, as `baseline` for the hold-out."
        ),
    ]
    method: Annotated[
        Annotated[Text, _one_of(*Method)],
        Meta(
            description="`joint`: when, where and how often by the greatest expected net value. `schedule`: on fixed "
            "days. `baseline`: on the days on which you tried before, which is what others are measured against."
        ),
    ] = Method.JOINT.value
    window_days: Annotated[
        Annotated[int, Meta(ge=1, le=WINDOW_DAYS_MAX)], Meta(description="How long a recovery goes on.")
    ] = DEFAULT.window.days
    tries_max: Annotated[
        Annotated[int, Meta(ge=1, le=TRIES_MAX)] | None,
        Meta(description="How often it may try. Left out: 4 with `joint`, else once on each of `days`."),
    ] = None
    days: Annotated[
        Annotated[list[Day], Meta(min_length=1, max_length=TRIES_MAX)] | None,
        Meta(
            description="With `schedule` and `baseline`: how many days after the refusal each try is, in order. "
            "`baseline` may leave it out for 1, 3, 5, 7. A try that advice, budget or hours forbid comes later."
        ),
    ] = None
    at: Annotated[
        Clock | None,
        Meta(
            description="With `days`: the customer's local time of the tries; left out, that of the refusal."
        ),
    ] = None
    hours: Annotated[
        HoursSpec, Meta(description="The hours of the customer's day in which tries are made.")
    ] = HoursSpec()
    asking: Annotated[
        bool, Meta(description="Whether the customer may be asked: by mail, or by you when you are told.")
    ] = True
    step_up: Annotated[
        bool,
        Meta(
            description="Whether a refusal that wants the customer to authenticate waits for them; false: it ends."
        ),
    ] = True
    routes: Annotated[
        RoutesText | Annotated[list[AccountText], Meta(min_length=1, max_length=ACCOUNTS_MAX)],
        Meta(
            description="`any`: every account that can do it. `same`: the one that refused, as long as it can. Or the "
            "ids of the only accounts that may be asked."
        ),
    ] = Routes.ANY.value
    margin_basis_points: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)],
        Meta(description="What of a recovered amount remains to you, in basis points."),
    ] = MARGIN_DEFAULT
    lost_per_day_basis_points: Annotated[
        Annotated[int, Meta(ge=0, le=1_000)],
        Meta(description="What of the value is lost with each day of waiting, in basis points."),
    ] = LOST_PER_DAY_DEFAULT
    try_costs_hundredths: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)],
        Meta(description="What a try costs, in hundredths of the currency's unit."),
    ] = TRY_COSTS_DEFAULT
    declines: Annotated[
        Annotated[list[Annotated[Text, _one_of(*Category)]], Meta(min_length=1, max_length=len(Category))]
        | None,
        Meta(
            description="Which refusals it takes on, by category; left out: all that can be recovered. What failed "
            "elsewhere and is brought to be recovered is taken on all the same."
        ),
    ] = None
    partial: Annotated[
        PartialSpec | None,
        Meta(
            description="With `joint`: a part may be charged first and the rest later, where your customers agreed to "
            "that. Left out: only the whole is charged."
        ),
    ] = None


def json_schema() -> dict[str, Any]:
    """The schema of a written policy (JSON Schema 2020-12), for editors and validators."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Policy of recovery"}
    return {**head, **msgspec.json.schema(PolicyFile)}


PARTS: Final[Sequence[tuple[str, type[Struct]]]] = (
    ("the policy", PolicyFile),
    ("hours", HoursSpec),
    ("partial", PartialSpec),
)
"""Every part of a written policy, by the place at which it stands."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: a policy, or problems in the order of the text. `more` problems were left out."""

    policy: Policy | None
    problems: tuple[Problem, ...] = ()
    more: int = 0
    document: Mapping[str, Any] = field(default_factory=dict)
    """The policy as JSON has it."""

    def told(self) -> str:
        """All problems, a line each."""
        left_out = [f"… and {self.more} more"] if self.more else []
        return "\n".join([*map(str, self.problems), *left_out])


def read(source: str, format_: Format, *, version: int | None = None) -> Reading:
    """A policy as it was written."""
    if len(source) > SOURCE_LENGTH_MAX:
        message = f"the text has {len(source)} characters; {SOURCE_LENGTH_MAX} is the most"
        return Reading(None, (Problem("", message),))
    found = written_document(source, format_)
    if isinstance(found, Problem):
        return Reading(None, (found,))
    misfits = Misfits()
    policy = _made(found.content, misfits, version=version)
    problems = in_order(misfits, found.lines)
    if problems or policy is None:
        return Reading(None, tuple(problems[:PROBLEMS_MAX]), max(0, len(problems) - PROBLEMS_MAX))
    return Reading(policy, document=found.content)


def policy_from(document: Mapping[str, Any], *, version: int | None = None) -> Policy:
    """A policy out of what was stored of it, which was found right then: a check that is younger than the policy must
    not stop the merchant's recoveries."""
    policy = _made(document, Misfits(), version=version)
    assert policy is not None, "what was stored is a policy"
    return policy


def written(policy: Policy) -> dict[str, Any]:
    """A policy with every field of it, as JSON has it: `policy_from` gives the same policy again."""
    routes = [render(Kind.PROCESSOR_ACCOUNT, one) for one in policy.accounts] or policy.routes.value
    return {
        "name": policy.name,
        "method": policy.method.value,
        "window_days": policy.window.days,
        "tries_max": policy.tries_max,
        "days": [*policy.days] or None,
        "at": None if policy.at is None else policy.at.strftime(_TIME),
        "hours": {"from": policy.hours.begins.strftime(_TIME), "to": policy.hours.ends.strftime(_TIME)},
        "asking": policy.asking,
        "step_up": policy.step_up,
        "routes": routes,
        "margin_basis_points": policy.margin,
        "lost_per_day_basis_points": policy.lost_per_day,
        "try_costs_hundredths": policy.try_costs,
        "declines": None if policy.declines is None else sorted(policy.declines),
        "partial": None if policy.partial is None else _written_partial(policy.partial),
    }


def _written_partial(partial: Partial) -> dict[str, Any]:
    return {"min_share_basis_points": partial.min_share, "min_amount_hundredths": partial.min_amount}


def _made(document: Any, misfits: Misfits, *, version: int | None) -> Policy | None:
    said = fit_struct(document, PolicyFile, (), misfits)
    if said is None:
        _fit_rest(document, misfits)
        return None
    _check_name(said.name, misfits)
    method = _fitting(said.method, Method, ("method",), misfits)
    days = _days(said, misfits)
    hours = Hours(
        _time(said.hours.from_, ("hours", "from"), misfits), _time(said.hours.to, ("hours", "to"), misfits)
    )
    if hours.ends <= hours.begins:
        misfits.add(("hours", "to"), "must be later than `from`: the hours are those of one day")
    at = None if said.at is None else _time(said.at, ("at",), misfits)
    if at is not None and not hours.begins <= at < hours.ends:
        misfits.add(("at",), "is outside of `hours`")
    routes, accounts = _routes(said.routes, misfits)
    return Policy(
        name=said.name,
        version=version,
        window=timedelta(days=said.window_days),
        tries_max=min(said.tries_max or TRIES_MAX, len(days))
        if days
        else said.tries_max or DEFAULT.tries_max,
        method=method or Method.JOINT,
        days=days,
        at=at,
        hours=hours,
        asking=said.asking,
        step_up=said.step_up,
        routes=routes,
        accounts=accounts,
        margin=said.margin_basis_points,
        lost_per_day=said.lost_per_day_basis_points,
        try_costs=said.try_costs_hundredths,
        declines=_declines(said.declines, misfits),
        partial=_partial(said, misfits),
    )


def _fit_rest(document: Any, misfits: Misfits) -> None:
    """What is wrong with the name is told beside what has no form."""
    name = document.get("name") if isinstance(document, Mapping) else None
    if isinstance(name, str) and 0 < len(name) <= NAME_LENGTH_MAX:
        _check_name(name, misfits)


def _check_name(name: str, misfits: Misfits) -> None:
    if name == NO_RECOVERY:
        misfits.add(("name",), f"`{NO_RECOVERY}` is what payments say that are not to be recovered")
    elif not all("a" <= one <= "z" or "0" <= one <= "9" or one in "-_" for one in name):
        misfits.add(("name",), f"must be of small letters, digits, `-` and `_`, not {shown(name)}")


def _fitting(text: str, kind: type[ChoiceT], path: Path, misfits: Misfits) -> ChoiceT | None:
    """The member of that name."""
    if text in {*kind}:
        return kind(text)
    misfits.add(path, f"must be one of {', '.join(kind)}, not {shown(text)}{misfits.meant(text, [*kind])}")
    return None


def _days(said: PolicyFile, misfits: Misfits) -> tuple[int, ...]:
    if said.method == Method.JOINT:
        for name in ("days", "at"):
            if getattr(said, name) is not None:
                misfits.add(
                    (name,), "belongs to the methods `schedule` and `baseline`; `joint` chooses by itself"
                )
        return ()
    if said.days is None and said.method == Method.SCHEDULE:
        misfits.add((), "lacks `days`, which the method `schedule` needs")
        return OLD_DAYS
    days = OLD_DAYS if said.days is None else tuple(said.days)
    for place, (before, after) in enumerate(pairwise(days), start=1):
        if after <= before:
            misfits.add(("days", place), f"must be after the day in front of it, {before}")
    if days[-1] > said.window_days:
        misfits.add(("days", len(days) - 1), f"is after the window of {said.window_days} days")
    if said.tries_max is not None and said.tries_max > len(days):
        misfits.add(("tries_max",), f"is more than there are `days`, {len(days)}")
    return days


def _time(text: str, path: tuple[str, ...], misfits: Misfits) -> time:
    digits = text.replace(":", "", 1)
    if len(text) == len("00:00") and text[2] == ":" and digits.isascii() and digits.isdigit():
        hour, minute = int(digits[:2]), int(digits[2:])
        if hour < 24 and minute < 60:
            return time(hour, minute)
    misfits.add(path, f"must be a time of the day such as '06:00', not {shown(text)}")
    return time(12)


def _routes(said: str | list[str], misfits: Misfits) -> tuple[Routes, tuple[UUID, ...]]:
    if isinstance(said, str):
        if said in {*Routes}:
            return Routes(said), ()
        misfits.add(("routes",), f"must be any, same, or a list of ids of accounts, not {shown(said)}")
        return Routes.ANY, ()
    found = [parse(Kind.PROCESSOR_ACCOUNT, one) for one in said]
    for place, (text, one) in enumerate(zip(said, found, strict=True)):
        if one is None:
            misfits.add(
                ("routes", place), f"must be the id of an account of yours, `pa_…`, not {shown(text)}"
            )
    return Routes.ANY, tuple(dict.fromkeys(one for one in found if one is not None))


def _declines(said: list[str] | None, misfits: Misfits) -> frozenset[Category] | None:
    if said is None:
        return None
    found = [_fitting(one, Category, ("declines", place), misfits) for place, one in enumerate(said)]
    return frozenset(one for one in found if one is not None)


def _partial(said: PolicyFile, misfits: Misfits) -> Partial | None:
    if said.partial is None:
        return None
    if said.method != Method.JOINT:
        misfits.add(("partial",), "belongs to the method `joint`, which chooses when a part is worth it")
    return Partial(said.partial.min_share_basis_points, said.partial.min_amount_hundredths)
