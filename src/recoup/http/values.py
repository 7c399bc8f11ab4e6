"""A look at decoded values, for what no type can forbid: NUL characters, numbers and times out of reach, depth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from recoup.kit.secret import Secret

BIGINT_MIN: Final = -(2**63)
BIGINT_MAX: Final = 2**63 - 1
DEPTH_MAX: Final = 32
YEAR_MIN: Final = 1970
YEAR_MAX: Final = 9000


def forbidden(value: Any) -> tuple[str, str] | None:
    """The first thing in a decoded value that cannot be kept: its path (`a.b[0]`), and what is wrong with it."""
    found = _search(value, 0)
    return (found[0].removeprefix("."), found[1]) if found is not None else None


def _search(value: Any, depth: int) -> tuple[str, str] | None:
    """On the way of every request with free JSON or times in it: so types are compared, and paths made when needed."""
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return None
    if kind is str or kind is int or kind is datetime or kind is Secret:
        wrong = _wrong(value)
        return ("", wrong) if wrong is not None else None
    if depth > DEPTH_MAX:
        return "", f"is nested more than {DEPTH_MAX} levels deep: flatten it"
    for step, inner in _parts(value):
        found = _search(inner, depth + 1)
        if found is not None:
            return f"{step}{found[0]}" if isinstance(step, str) else f"[{step}]{found[0]}", found[1]
    return None


def _wrong(value: Any) -> str | None:
    match value:
        case str() if "\x00" in value:
            return "holds a NUL character (\\u0000), which cannot be stored: leave it out"
        case int() if not BIGINT_MIN <= value <= BIGINT_MAX:
            return f"is out of range: send a number from {BIGINT_MIN} to {BIGINT_MAX}"
        case datetime() if not YEAR_MIN <= value.year <= YEAR_MAX:
            return f"is out of range: send a time between the years {YEAR_MIN} and {YEAR_MAX}"
        case Secret():
            return _wrong(value.reveal())
        case _:
            return None


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    kind = type(value)
    if kind is dict:
        for key, inner in value.items():
            yield "", key
            yield f".{key}", inner
    elif kind is list or kind is tuple or kind is set or kind is frozenset:
        yield from enumerate(value)
    elif hasattr(value, "__struct_fields__"):
        for name, outside in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            yield f".{outside}", getattr(value, name)
