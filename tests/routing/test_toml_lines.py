"""The scanner finds every value of a TOML text on the line on which it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from recoup.routing.core.toml_lines import Path, lines_of

KEYS: Final = st.sampled_from(
    ["a", "b-c", "d_1", "2", "with space", 'quote"d', "dot.ted", "", "é", "tab\t", "#no"]
)
LEAVES: Final = st.one_of(
    st.integers(-5, 5).map(str),
    st.sampled_from(
        [
            "true",
            "1.5",
            "inf",
            "1979-05-27 07:32:00",
            "07:32:00",
            '"plain"',
            '"esc \\" # [ ] { } , = \\\\"',
            "'lit # \"eral'",
            "''",
            '""',
            '"""one\nline\\" \\\n  "" more"""',
            '"""ends in quotes"""""',
            "'''raw\n# ''text'''",
            "'''\nx'''''",
        ]
    ),
)


class Page:
    """A TOML text being written, with the line of each value."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: dict[Path, int] = {}

    @property
    def line(self) -> int:
        """The line that is being written."""
        return self.text.count("\n") + 1

    def note(self, path: Path) -> None:
        """Here begins the value at a path, and whatever it is the first of."""
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], self.line)


def key_text(draw: Any, key: str) -> str:
    """A key as it may be written."""
    if re.fullmatch("[A-Za-z0-9_-]+", key):
        return str(draw(st.sampled_from([key, f'"{key}"', f"'{key}'"])))
    return msgspec.json.encode(key).decode()


def write_value(draw: Any, page: Page, path: Path, depth: int) -> None:
    match draw(st.sampled_from(["leaf", "leaf", "list", "table"] if depth else ["leaf"])):
        case "list":
            page.text += "["
            for place in range(draw(st.integers(0, 3))):
                page.text += draw(st.sampled_from(["", " ", "\n  ", " # , ] }\n"]))
                page.note((*path, place))
                write_value(draw, page, (*path, place), depth - 1)
                page.text += draw(st.sampled_from([",", " ,", "\n,"]))
            page.text += draw(st.sampled_from(["]", "\n]", " # end ]\n]"]))
        case "table":
            page.text += "{"
            for place, key in enumerate(draw(st.lists(KEYS, max_size=3, unique=True))):
                page.text += ", " if place else " "
                page.note((*path, key))
                page.text += f"{key_text(draw, key)} = "
                write_value(draw, page, (*path, key), depth - 1)
            page.text += " }"
        case _:
            page.text += draw(LEAVES)


def write_pairs(draw: Any, page: Page, table: Path) -> None:
    for key in draw(st.lists(KEYS, max_size=3, unique=True)):
        page.text += draw(st.sampled_from(["", "  ", "\n", "# a = 1 [[b]]\n"]))
        dotted = draw(st.lists(KEYS, max_size=1))
        path = (*table, key, *dotted)
        page.note(path)
        page.text += " . ".join(key_text(draw, one) for one in (key, *dotted))
        page.text += draw(st.sampled_from(["=", " = "]))
        write_value(draw, page, path, 2)
        page.text += draw(st.sampled_from(["\n", " # end\n", "\r\n"]))


@st.composite
def pages(draw: Any) -> Page:
    page = Page()
    write_pairs(draw, page, ())
    for name in draw(st.lists(st.sampled_from(["t", "u v", "w"]), max_size=2, unique=True)):
        table = (f"table {name}",)
        page.note(table)
        page.text += f"[ {key_text(draw, table[0])} ]\n"
        write_pairs(draw, page, table)
    for place in range(draw(st.integers(0, 3))):
        page.note(("rules", place))
        page.text += f"[[{key_text(draw, 'rules')}]] # one\n"
        write_pairs(draw, page, ("rules", place))
        if draw(st.booleans()):
            page.note(("rules", place, "sub", "table"))
            page.text += "[rules.sub.table]\n"
            write_pairs(draw, page, ("rules", place, "sub", "table"))
        for inner in range(draw(st.integers(0, 2))):
            page.note(("rules", place, "many", inner))
            page.text += "[[rules.many]]\n"
            write_pairs(draw, page, ("rules", place, "many", inner))
    return page


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in what tomllib read."""
    if path:
        yield path
    match value:
        case dict():
            for key, inner in value.items():
                yield from places(inner, (*path, key))
        case list():
            for place, inner in enumerate(value):
                yield from places(inner, (*path, place))
        case _:
            pass


@given(pages())
def test_every_value_is_found_on_its_line(page: Page) -> None:
    try:
        read = tomllib.loads(page.text)
    except tomllib.TOMLDecodeError:
        return  # two pairs of one key
    found = lines_of(page.text)
    assert set(found) == set(places(read))
    assert found == page.lines


def test_an_empty_text_has_no_lines() -> None:
    assert lines_of("") == {}
    assert lines_of("# nothing\n\n") == {}
