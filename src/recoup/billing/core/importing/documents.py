"""JSON objects out of a file, one at a time: one in each line, or pages of a list as Stripe's tools print them.

A file may hold one page after the other. What is printed over many lines ends with a bracket at the beginning of a
line, so no more than one page is held at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from recoup.billing.core.importing.lines import Refused
from recoup.billing.core.importing.table import card_number_refused
from recoup.elsewhere.core.importing.lines import card_number_in

PAGE_MAX: Final = 32 * 1024 * 1024
"""Characters of one page: a hundred subscriptions with everything expanded are less than two million."""
_ENDS: Final = ("}", "]")


@dataclass(frozen=True, slots=True)
class Found:
    """An object, and the line that it begins on, or the page that it is on."""

    number: int
    json: Mapping[str, Any]


def objects(file: Iterable[str]) -> Iterator[Found | Refused]:
    """Every object of a file; refuses a file with a card number in it."""
    for number, text in _texts(file):
        if card_number_in(text):
            raise card_number_refused(number, "-")
        yield from _objects(number, text)


def _texts(file: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Every JSON text of a file, with the line on which it begins."""
    held: list[str] = []
    begun = size = 0
    for number, line in enumerate(file, 1):
        if not held and not line.strip():
            continue
        begun = begun if held else number
        held.append(line)
        size += len(line)
        if _is_whole(held) or size > PAGE_MAX:
            yield begun, "".join(held)
            held, size = [], 0
    if held:
        yield begun, "".join(held)


def _is_whole(held: list[str]) -> bool:
    """Whether a text ends here: it opened and closed in one line, or closes at the beginning of this one."""
    opens_a_page = held[0].rstrip() in ("{", "[")
    return not opens_a_page or (len(held) > 1 and held[-1].rstrip().rstrip(",") in _ENDS)


def _objects(number: int, text: str) -> Iterator[Found | Refused]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        yield Refused(
            number, None, "-", "is no JSON: one object in each line, or a list as Stripe's tools print it"
        )
        return
    match found:
        case {"object": "list", "data": list(page)} | list(page):
            for one in page:
                yield _object(number, one)
        case _:
            yield _object(number, found)


def _object(number: int, found: object) -> Found | Refused:
    if isinstance(found, dict) and isinstance(found.get("object"), str):
        return Found(number, found)
    return Refused(number, None, "object", "is missing: these are no objects of Stripe's API")
