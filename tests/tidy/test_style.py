"""The house style where a machine can judge it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.tidy.sources import ROOT, nodes, texts, tree

FUNCTION_LINES_MAX: Final = 60
FILE_LINES_MAX: Final = 400
INDENTS_MAX: Final = 3
EXCUSE: Final = "Longer than 400 lines because"
CLOCK: Final = ROOT / "src" / "recoup" / "kit" / "clock.py"
WALL_CLOCK: Final = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
}
WALL_CLOCK_ENDS: Final = {name.rpartition(".")[2] for name in WALL_CLOCK}
MONEY: Final = re.compile(r"(^|_)(amount|minor|price|fee|balance|money|total)(_|$)")
INDENTING: Final = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
SUPPRESSED: Final = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!: [A-Z0-9, ]+ - \w))")
"""What silences a checker without saying which rule, or why."""
UNFINISHED: Final = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")
EMPTY_NAMES: Final = re.compile(r"(Manager|Helper|Util|Utils)$")

SOURCES: Final = texts(ROOT / "src")
ALL: Final = {**SOURCES, **texts(ROOT / "tests")}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def functions() -> Iterator[tuple[Path, Function]]:
    for path in ALL:
        yield from ((path, node) for node in nodes(path) if isinstance(node, Function))


def indents(node: ast.AST) -> int:
    """How deep statements lie in one another; an `elif` is no deeper than its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, indents(child) + (isinstance(child, INDENTING) and not is_elif))
    return deepest


def test_a_function_fits_a_screen() -> None:
    long = [where(path, node.lineno) for path, node in functions() if lines_of(node) > FUNCTION_LINES_MAX]
    assert not long, "\n".join(long)


def lines_of(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_a_function_is_not_nested_deeply() -> None:
    deep = [where(path, node.lineno) for path, node in functions() if indents(node) > INDENTS_MAX]
    assert not deep, "\n".join(deep)


def test_a_file_is_short_or_says_why_not() -> None:
    long = [
        where(path, text.count("\n"))
        for path, text in ALL.items()
        if text.count("\n") > FILE_LINES_MAX and EXCUSE not in (ast.get_docstring(tree(path)) or "")
    ]
    assert not long, "\n".join(long)


def test_every_module_says_what_it_is_for() -> None:
    silent = [where(path, 1) for path, text in SOURCES.items() if text and not ast.get_docstring(tree(path))]
    assert not silent, "\n".join(silent)


def test_only_the_clock_reads_the_time() -> None:
    read = [
        where(path, node.lineno)
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and path != CLOCK and node.attr in WALL_CLOCK_ENDS
        if ast.unparse(node) in WALL_CLOCK
    ]
    assert not read, "\n".join(read)


def test_no_amount_is_a_float() -> None:
    floats = [
        where(path, node.lineno)
        for path in ALL
        for node in nodes(path)
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation and is_float_money(node)
    ]
    assert not floats, "\n".join(floats)


def is_float_money(node: ast.AnnAssign | ast.arg) -> bool:
    name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
    annotation = ast.unparse(node.annotation) if node.annotation else ""
    return bool(MONEY.search(name)) and re.search(r"\bfloat\b", annotation) is not None


def test_what_is_suppressed_is_named_and_nothing_is_left_undone() -> None:
    found = [
        where(path, number)
        for path, text in ALL.items()
        for number, line in enumerate(text.splitlines(), 1)
        if (SUPPRESSED.search(line) or UNFINISHED.search(line)) and path != Path(__file__)
    ]
    assert not found, "\n".join(found)


def test_a_class_is_named_for_what_it_is() -> None:
    empty = [
        where(path, node.lineno)
        for path in ALL
        for node in nodes(path)
        if isinstance(node, ast.ClassDef) and EMPTY_NAMES.search(node.name)
    ]
    assert not empty, "\n".join(empty)
