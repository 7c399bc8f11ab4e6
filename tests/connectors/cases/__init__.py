"""Each connector's case for the conformance suite, by name: every module beside this one brings its own."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Final

from tests.connectors.conformance import Case

CASES: Final[dict[str, Case]] = {
    case.connector.name: case
    for found in pkgutil.iter_modules(__path__)
    for case in import_module(f"{__name__}.{found.name}").CASES
}
