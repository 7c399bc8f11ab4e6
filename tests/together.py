"""Many cases held by one test: every one is tried, and what is told names each that broke.

To collect and report a test costs more than most cases take. But one test for all must not hide the second fault behind
the first: nothing ends at a fault, and the message begins with the names of all that broke.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

Law: TypeAlias = Callable[..., None]
Cases: TypeAlias = Mapping[str, tuple[Any, ...]]
"""By their names, what a law is held of: its arguments."""


def hold(law: Law, cases: Cases) -> None:
    """Try the law on every case, and tell all that broke at once."""
    assert cases, "a law without a case holds nothing"
    broken: dict[str, Exception] = {}
    for name, arguments in cases.items():
        try:
            law(*arguments)
        except Exception as fault:  # noqa: BLE001 - whatever a case raises breaks the law
            fault.add_note(f"This was the case: {name}")
            broken[name] = fault
    if broken:
        raise ExceptionGroup(f"broken by {', '.join(broken)}", [*broken.values()])


def each(cases: Cases) -> Callable[[Law], Law]:
    """Make a law one test that holds it of every case."""

    def fold(law: Law) -> Law:
        def test() -> None:
            hold(law, cases)

        return _named_after(law, test)

    return fold


def each_within(groups: Mapping[str, Cases]) -> Callable[[Law], Law]:
    """Make a law one test for each group, which holds it of every case of the group."""

    def fold(law: Law) -> Law:
        @pytest.mark.parametrize("cases", groups.values(), ids=groups)
        def test(cases: Cases) -> None:
            hold(law, cases)

        return _named_after(law, test)

    return fold


def _named_after(law: Law, test: Law) -> Law:
    """Not by `functools.wraps`, which would have pytest ask for the law's arguments."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(test, name, getattr(law, name))
    return test
