"""The lock pins content and names no registry; see docs/decisions/0001-hash-locked-requirements.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import recoup

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")


def test_the_lock_names_no_registry() -> None:
    assert re.findall(r"https?:|://|--index|--find-links|\bfile:", LOCK) == []


def test_every_package_is_pinned_by_version_and_hash() -> None:
    packages = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(packages) > 30
    assert [package for package in packages if "==" not in package or "--hash=sha256:" not in package] == []


def test_the_lock_covers_every_dependency() -> None:
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    names = {found[0].lower() for requirement in wanted if (found := NAME.match(requirement))}
    locked = {line.partition("==")[0] for line in LOCK.splitlines() if "==" in line}
    assert names <= locked


def test_the_version_is_said_once_in_effect() -> None:
    assert PROJECT["version"] == recoup.__version__
