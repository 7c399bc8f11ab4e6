"""The world of declined renewals gives the published figures, and says where each of its numbers comes from."""

from __future__ import annotations

from dataclasses import fields, replace
from statistics import fmean

import pytest
from bench.recovery.calibration import FIGURES, PAGE, TEXT, Figure, measured, numbers

from recoup.sandbox.model import World
from recoup.sandbox.model.parameters import PROVENANCE, Parameters

SLACK = 0.01
"""For smaller worlds than those that the bounds were set for."""


@pytest.fixture(scope="module")
def found() -> dict[str, list[float]]:
    return measured(cases=3_000, seeds=(21, 22))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_world_gives_the_published_figure(figure: Figure, found: dict[str, list[float]]) -> None:
    assert figure.least - SLACK <= fmean(found[figure.name]) <= figure.most + SLACK


def test_every_number_says_where_it_comes_from() -> None:
    assert [one.name for one in fields(Parameters)] == list(PROVENANCE)
    assert all(one.meaning and one.source for one in PROVENANCE.values())


def test_the_page_tells_the_numbers_as_they_are() -> None:
    """Write it anew with `python -m bench.recovery.calibration --write`."""
    said = PAGE.read_text(encoding="utf-8")
    assert said.startswith(TEXT.read_text(encoding="utf-8")) and said.endswith(numbers())
    assert all(figure.name in said for figure in FIGURES)


@pytest.mark.parametrize("name", [name for name, told in PROVENANCE.items() if told.least is not None])
def test_a_world_stays_a_world_at_the_ends_of_each_range(name: str) -> None:
    """What is swept may be set to any number of its range; ours is one of them."""
    told, ours = PROVENANCE[name], getattr(Parameters(), name)
    assert told.least is not None and told.most is not None and told.least <= ours <= told.most
    for end in (told.least, told.most):
        parameters = replace(Parameters(), **{name: type(ours)(end)})
        assert 0.02 < World(31, 30, parameters=parameters).failing_share < 0.2
