"""A policy of recovery is read whole or not at all, and what is wrong with it is told with its place."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Final
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.ids import Kind, render
from recoup.outcomes.core import Category
from recoup.recovery.core.policy import BASELINE, DEFAULT, POLICIES, Hours, Method, Policy, Routes
from recoup.recovery.core.policy_file import (
    TRIES_MAX,
    WINDOW_DAYS_MAX,
    json_schema,
    policy_from,
    read,
    written,
)
from recoup.routing.core.policy_reading import Format

ACCOUNT: Final = render(Kind.PROCESSOR_ACCOUNT, UUID(int=7))
MINUTES: Final = st.times().map(lambda one: one.replace(second=0, microsecond=0))
WHOLE: Final = f"""
name = "patient-2"
method = "schedule"
window_days = 21
days = [0, 3, 4, 20]
at = 09:30:00
hours = {{ from = "08:00", to = "20:00" }}
asking = false
step_up = false
routes = ["{ACCOUNT}"]
margin_basis_points = 4000
lost_per_day_basis_points = 0
try_costs_hundredths = 25
declines = ["issuer", "funds"]
"""


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that a text can say."""
    begins, ends = sorted(draw(st.lists(MINUTES, min_size=2, max_size=2, unique=True)))
    window = draw(st.integers(1, WINDOW_DAYS_MAX))
    method = draw(st.sampled_from(Method))
    days = draw(st.lists(st.integers(0, window), min_size=1, max_size=TRIES_MAX, unique=True).map(sorted))
    joint = method is Method.JOINT
    at = draw(st.none() | MINUTES.filter(lambda one: begins <= one < ends))
    accounts = tuple(draw(st.lists(st.uuids(), max_size=3, unique=True)))
    return Policy(
        name=draw(st.text("abz019-_", min_size=1, max_size=50).filter(lambda one: one != "none")),
        window=timedelta(days=window),
        tries_max=draw(st.integers(1, TRIES_MAX if joint else len(days))),
        method=method,
        days=() if joint else tuple(days),
        at=None if joint else at,
        hours=Hours(begins, ends),
        asking=draw(st.booleans()),
        step_up=draw(st.booleans()),
        routes=Routes.ANY if accounts else draw(st.sampled_from(Routes)),
        accounts=accounts,
        margin=draw(st.integers(1, 10_000)),
        lost_per_day=draw(st.integers(0, 1000)),
        try_costs=draw(st.integers(0, 10_000)),
        declines=draw(st.none() | st.sets(st.sampled_from(Category), min_size=1).map(frozenset)),
    )


@given(policies())
def test_what_is_stored_of_a_policy_is_the_policy(policy: Policy) -> None:
    """A decision keeps its policy in this form, and is made again from it."""
    assert policy_from(written(policy)) == policy
    assert read(msgspec.json.encode(written(policy)).decode(), Format.JSON).policy == policy


def test_a_whole_policy_is_read_from_toml() -> None:
    policy = read(WHOLE, Format.TOML, version=3).policy
    assert policy is not None
    assert (policy.name, policy.version, policy.window, policy.tries_max) == (
        "patient-2",
        3,
        timedelta(21),
        4,
    )
    assert (policy.days, policy.at) == ((0, 3, 4, 20), time(9, 30))
    assert policy.accounts == (UUID(int=7),)
    assert policy.declines == frozenset({Category.FUNDS, Category.ISSUER})


def test_one_with_nothing_but_its_name_is_as_the_built_in_ones() -> None:
    """So that a merchant writes down only what is to be otherwise."""
    assert read('name = "default"', Format.TOML).policy == DEFAULT
    old = read('name = "baseline"\nmethod = "baseline"\nroutes = "same"', Format.TOML).policy
    assert old == BASELINE == POLICIES["baseline"]


def test_everything_wrong_is_told_with_its_place() -> None:
    found = read(
        'name = "Mine"\nmethod = "joint"\ndays = [1]\nhours = { from = "22:00", to = "6" }\n'
        'routes = ["pa_1"]\ndeclines = ["fund"]\ntries_max = 4',
        Format.TOML,
    )
    assert [str(one).split(": ")[0] for one in found.problems] == [
        "line 1, name",
        "line 3, days",
        "line 4, hours.to",
        "line 4, hours.to",
        "line 5, routes[0]",
        "line 6, declines[0]",
    ]
    assert "did you mean `funds`" in found.told()
    wrong = {
        'name = "a"\nmethd = "joint"': "did you mean `method`",
        'name = "none"': "are not to be recovered",
        'name = "a"\nmethod = "schedule"': "lacks `days`",
        'name = "a"\nmethod = "schedule"\ndays = [3, 1]': "must be after the day",
        'name = "a"\nmethod = "schedule"\ndays = [3, 30]': "after the window",
        'name = "a"\nmethod = "schedule"\ndays = [3]\ntries_max = 2': "more than there are",
        'name = "a"\nmethod = "baseline"\nat = "23:00"': "outside of `hours`",
        'name = "a"\nroutes = "every"': "any, same, or a list",
        'name = "a"\ntries_max = 16': "a whole number from 1 to 15",
        "window_days = 3": "lacks `name`",
        'name = "a': "is no TOML",
    }
    assert {text: said in read(text, Format.TOML).told() for text, said in wrong.items()} == dict.fromkeys(
        wrong, True
    )


def test_the_schema_knows_every_field() -> None:
    schema = json_schema()["$defs"]["PolicyFile"]["properties"]
    assert {*schema} == {*written(DEFAULT)}
