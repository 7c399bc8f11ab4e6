"""Who may import whom: the folder is the subject, the file name is the floor, and nobody looks up."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.tidy.sources import SOURCE, nodes, texts
from tests.together import each

IN_ORDER: Final = (
    "merchants events vault outcomes budgets routing paydays payments ledger disputes settlements updater gate "
    "recovery elsewhere messages billing webhooks audit sandbox testclock dashboard"
)
SUBJECTS: Final = IN_ORDER.split()
FLOORS: Final = (
    "kit",
    "core codes cards wire connectors.base http.fields http.values",
    "connectors db store keys writes",
    "gateway",
    "flow",  # and every other file of a subject
    "http",
    "api jobs dashboard",
    "app worker cli demo settings logs",  # and whatever else wires
)
FLOOR_OF: Final = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}
OPEN_STORES: Final = (
    "recoup.events.store",
)  # news is written in the transaction that made it, whosever that is
OUTSIDE: Final = (
    "asyncio threading socket subprocess time random secrets os logging structlog psycopg psycopg_pool aiohttp "
    "starlette uvicorn prometheus_client requests urllib.request"
)


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = {name_of(path): path for path in texts(SOURCE)}


def floor(module: str) -> int:
    """The floor of the file in its subject, or of the folder."""
    _, *parts = module.split(".")
    if not parts or (parts[0] in SUBJECTS and not parts[1:]):
        return 0
    if parts[0] in SUBJECTS:
        return FLOOR_OF.get(parts[1], 4)
    return FLOOR_OF.get(".".join(parts[:2]), FLOOR_OF.get(parts[0], 7))


def imports(module: str) -> Iterator[str]:
    for node in nodes(MODULES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else node.module for name in inner)


def one_connector(module: str) -> str:
    """Which connector a module belongs to: its file, or its folder."""
    return module.removeprefix("recoup.connectors").split(".")[1] if "connectors." in module else ""


def complaint(here: str, there: str) -> str | None:
    """Why one module may not import another; None where it may."""
    ours, theirs = (f"{module}.".split(".")[1] for module in (here, there))
    if floor(there) > floor(here):
        return "it stands on a higher floor"
    if ours == theirs == "connectors" and not (
        one_connector(there) in ("base", "", one_connector(here)) or one_connector(here) == "registry"
    ):
        return "connectors do not know each other"
    if ours == theirs or theirs not in SUBJECTS:
        return None
    if ours not in SUBJECTS:
        return None if theirs == "outcomes" or floor(here) == 7 else "only a subject knows a subject"
    if SUBJECTS.index(theirs) > SUBJECTS.index(ours):
        return "it is a later subject"
    return "it is another's store or api" if floor(there) in {2, 6} and there not in OPEN_STORES else None


@each({module: (module,) for module in MODULES})
def test_nobody_looks_up(module: str) -> None:
    found = {there: complaint(module, there) for there in imports(module) if there.startswith("recoup")}
    assert {there: why for there, why in found.items() if why} == {}


@each({one: (one,) for one in MODULES if floor(one) == 1 or ".connectors" in one})
def test_a_core_only_thinks(module: str) -> None:
    assert not {*OUTSIDE.split()}.intersection(imports(module))
    assert not [node.name for node in nodes(MODULES[module]) if isinstance(node, ast.AsyncFunctionDef)]


@each({one: (one,) for one in MODULES if one.startswith("recoup.kit")})
def test_the_kit_needs_only_the_standard_library(module: str) -> None:
    assert {there.split(".")[0] for there in imports(module)} <= {*sys.stdlib_module_names, "recoup"}
