"""A look at decoded values, for what no type can forbid: NUL characters, numbers and times out of reach, depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from recoup.kit.secret import Secret

BIGINT_MIN: Final = -(2**63)
BIGINT_MAX: Final = 2**63 - 1
DEPTH_MAX: Final = 32
YEAR_MIN: Final = 1970
YEAR_MAX: Final = 9000


def forbidden(value: Any, path: str = "", depth: int = 0) -> tuple[str, str] | None:
    """The first thing in a value that cannot be kept: its path (`a.b[0]`), and what is wrong with it."""
    if depth > DEPTH_MAX:
        return path, f"is nested more than {DEPTH_MAX} levels deep: flatten it"
    wrong = _wrong(value)
    if wrong is not None:
        return path, wrong
    for step, inner in _parts(value):
        found = forbidden(inner, f"{path}{step}".removeprefix("."), depth + 1)
        if found is not None:
            return found
    return None


def _wrong(value: Any) -> str | None:
    match value:
        case Secret():
            return _wrong(value.reveal())
        case str() if "\x00" in value:
            return "holds a NUL character (\\u0000), which cannot be stored: leave it out"
        case int() if not BIGINT_MIN <= value <= BIGINT_MAX:
            return f"is out of range: send a number from {BIGINT_MIN} to {BIGINT_MAX}"
        case datetime() if not YEAR_MIN <= value.year <= YEAR_MAX:
            return f"is out of range: send a time between the years {YEAR_MIN} and {YEAR_MAX}"
        case _:
            return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case msgspec.Struct():
            for field in msgspec.structs.fields(value):
                yield f".{field.encode_name}", getattr(value, field.name)
        case Mapping():
            for key, inner in value.items():
                yield "", key
                yield f".{key}", inner
        case list() | tuple() | set() | frozenset():
            for index, inner in enumerate(value):
                yield f"[{index}]", inner
        case _:
            pass
