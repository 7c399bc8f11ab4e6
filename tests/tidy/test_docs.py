"""The documentation is true: made pages are fresh, links lead somewhere, names exist, code blocks are code."""

from __future__ import annotations

import ast
import json
import re
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from tests.together import each

from recoup.cli import app
from recoup.settings import PREFIX, Settings

ROOT: Final = Path(__file__).parents[2]
REFERENCE: Final = ROOT / "docs" / "reference"
PAGES: Final = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
TICKED: Final = re.compile(r"`([^`\n]+)`")
OURS: Final = re.compile(
    r"(?:src/recoup|tests|docs|bench)/[\w./-]*\w|[\w/-]+/\w+\.(?:py|sql)|[a-z_]+(?:/[a-z_]+)*/|[A-Z]{4,}\.md|Makefile"
)
LINES_MAX: Final = {"README.md": 150, "ARCHITECTURE.md": 151}
OTHER_VARIABLES: Final = {"RECOUP_CONFIG", "RECOUP_TEST_DATABASE_URL"}
NOT_FOR_A_READER: Final = re.compile(
    r"\b(TODO|FIXME|TBD|lorem)\b|(?<![\w.])/(?:root|home|tmp)/\w", re.IGNORECASE
)


def blocks(language: str) -> dict[str, tuple[str, str]]:
    """The blocks in a language, by page and place."""
    return {
        f"{page}, block {number}": (page, code)
        for page, text in PAGES.items()
        for number, (tag, code) in enumerate(BLOCK.findall(text), 1)
        if tag == language
    }


def test_pages_made_from_code_are_fresh() -> None:
    pages: Callable[[], dict[str, str]] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]
    kept = {
        path.relative_to(REFERENCE).as_posix(): path.read_text(encoding="utf-8")
        for path in REFERENCE.rglob("*.*")
    }
    made = pages()
    stale = sorted(name for name in {*kept, *made} if kept.get(name) != made.get(name))
    assert not stale, f"stale: {stale}; write them anew with: .venv/bin/python docs/generate.py"


@each({page: (page,) for page in PAGES})
def test_every_link_leads_somewhere(page: str) -> None:
    inside = [link for link in LINK.findall(PAGES[page]) if "://" not in link]
    assert [link for link in inside if not ((ROOT / page).parent / link).exists()] == []


@each({page: (page,) for page in PAGES if not page.startswith("docs/reference")})
def test_every_file_that_is_named_exists(page: str) -> None:
    named = [text for text in TICKED.findall(PAGES[page]) if OURS.fullmatch(text)]
    places = (ROOT, ROOT / "src" / "recoup")
    assert [text for text in named if not any((place / text).exists() for place in places)] == []


@each({page: (page,) for page in PAGES})
def test_every_setting_that_is_named_exists(page: str) -> None:
    known = {f"{PREFIX}{field.name.upper()}" for field in msgspec.structs.fields(Settings)}
    named = {*re.findall(r"RECOUP_[A-Z_]*[A-Z]", PAGES[page])}
    assert named - known - OTHER_VARIABLES == set()


@each({page: (page,) for page in PAGES})
def test_every_command_that_is_named_exists(page: str) -> None:
    known = {name for name in app if not name.startswith("-")}
    targets = {*re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)}
    said = PAGES[page]
    assert {*re.findall(r"(?:`|^|/)recoup ([a-z]+)", said, re.MULTILINE)} - known == set()
    assert {*re.findall(r"(?:`|^)make ([a-z]+)", said, re.MULTILINE)} - targets == set()


@each(blocks("python"))
def test_python_parses(page: str, code: str) -> None:
    ast.parse(code, filename=page)


@each(blocks("json"))
def test_json_parses(page: str, code: str) -> None:
    json.loads(code)


@each(blocks("bash"))
def test_shell_parses(page: str, code: str) -> None:
    said = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_every_block_says_what_it_is_in() -> None:
    known = {"bash", "python", "json", "toml", "text"}
    odd = {page: {tag for tag, _ in BLOCK.findall(text)} - known for page, text in PAGES.items()}
    assert {page: tags for page, tags in odd.items() if tags} == {}


@each({page: (page, most) for page, most in LINES_MAX.items()})
def test_what_is_read_first_is_short(page: str, most: int) -> None:
    assert PAGES[page].count("\n") < most


def test_pages_are_finished_and_name_no_machine() -> None:
    assert [page for page, text in PAGES.items() if NOT_FOR_A_READER.search(text)] == []
