"""The page that teaches to add a connector is followed word by word, in a tree of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "how-to" / "add-a-connector.md"
NEEDED: Final = (
    "src",
    "tests/connectors",
    "tests/gateway",
    "tests/together.py",
    "tools",
    "Makefile",
    "pyproject.toml",
)
pytestmark = pytest.mark.slow


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tree as a newcomer has it once it is installed, in a path with a space."""
    clean = tmp_path / "a clone"
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, clean / name, ignore=ignored)
        else:
            shutil.copy(source, clean / name)
    (clean / ".venv").symlink_to(Path(sys.executable).parents[1])
    return clean


def run(command: str, *, tree: Path) -> subprocess.CompletedProcess[str]:
    installed = command.replace("make ", "make -o install ", 1)
    path = os.pathsep.join((str(tree / "src"), str(tree)))
    return subprocess.run(
        ["bash", "-c", installed],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def commands() -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_page_leads_to_a_connector_that_passes_the_suite(tree: Path) -> None:
    begin, suite = commands()
    begun = run(begin, tree=tree)
    assert begun.returncode == 0, begun.stderr
    for place in ("src/recoup/connectors/acme.py", "src/recoup/outcomes/codes/processors/acme.py"):
        assert (tree / place).exists()
        assert place in begun.stdout
    assert '"acme",' in (tree / "src/recoup/connectors/registry.py").read_text(encoding="utf-8")
    proved = run(suite, tree=tree)
    assert proved.returncode == 0, proved.stdout[-3000:]
    assert re.search(r"[1-9][0-9]+ passed", proved.stdout)
    again = run(begin, tree=tree)
    assert again.returncode != 0 and "already" in again.stderr
    linted = run(
        ".venv/bin/ruff check src/recoup/connectors/acme.py tests/connectors/cases/acme.py && "
        ".venv/bin/mypy --strict src/recoup/connectors/acme.py src/recoup/outcomes/codes/processors/acme.py",
        tree=tree,
    )
    assert linted.returncode == 0, linted.stdout


def test_a_name_that_is_none_is_refused(tree: Path) -> None:
    for name in ("", "name=", "name=Acme-1"):
        refused = run(f"make connector {name}", tree=tree)
        assert refused.returncode != 0
        assert "make connector name=acme" in refused.stderr
