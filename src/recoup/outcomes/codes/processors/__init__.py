"""One table a processor: every module here has `ROWS`, and is named like its connector or names its `CONNECTORS`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Final

from recoup.outcomes.codes.words import CodeRow


def _tables() -> dict[str, tuple[CodeRow, ...]]:
    found = [import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    return {connector: module.ROWS for module in found for connector in _connectors(module)}


def _connectors(module: ModuleType) -> tuple[str, ...]:
    connectors: tuple[str, ...] = getattr(module, "CONNECTORS", (module.__name__.rpartition(".")[2],))
    return connectors


TABLES: Final[Mapping[str, tuple[CodeRow, ...]]] = _tables()
"""The rows of each connector's processor."""
