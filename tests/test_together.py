"""One test for many cases hides none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.together import each, each_within, hold

CASES: dict[str, tuple[Any, ...]] = {"two": (2,), "three": (3,), "four": (4,), "none": ("no number",)}


def is_even(number: int) -> None:
    """Breaks by an assertion, and by whatever else."""
    assert number + 0 in {0, 2, 4}


def is_small(number: int) -> None:
    assert number < 10


def test_every_case_is_tried_and_each_that_broke_is_named() -> None:
    with pytest.raises(ExceptionGroup, match=r"^broken by three, none") as told:
        hold(is_even, CASES)
    wrong, error = told.value.exceptions
    assert (type(wrong), type(error)) == (AssertionError, TypeError)
    assert wrong.__notes__ == ["This was the case: three"]


def test_a_law_of_nothing_is_broken() -> None:
    with pytest.raises(AssertionError, match="without a case"):
        hold(is_small, {})


@pytest.mark.parametrize("fold", [each(CASES), each_within({"numbers": CASES})])
def test_a_folded_law_keeps_its_name(fold: Callable[[Callable[..., None]], Callable[..., None]]) -> None:
    folded = fold(is_even)
    assert (folded.__name__, folded.__doc__) == ("is_even", is_even.__doc__)


@each({"one": (1,), "two": (2,)})
def test_a_law_is_held_of_each(number: int) -> None:
    is_small(number)


@each_within({"small": {"one": (1,)}, "large": {"nine": (9,), "eight": (8,)}})
def test_a_law_is_held_of_each_within_its_group(number: int) -> None:
    is_small(number)
