"""`recoup recovery check` on the command line, and the how-to about measuring recovery, which it is run on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
from jsonschema_rs import validator_for

from recoup.recovery.core.policy_file import PolicyFile, json_schema, read
from recoup.routing.core.policy_reading import Format

RECOUP: Final = Path(sys.executable).parent / "recoup"
PAGE: Final = (Path(__file__).parents[1] / "docs" / "how-to" / "measure-recovery.md").read_text("utf-8")
*EXAMPLES, WRONG = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SAID: Final = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RECOUP, "recovery", "check", file.name],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_example_is_a_policy_and_fits_the_schema() -> None:
    for example in EXAMPLES:
        reading = read(example, Format.TOML)
        assert reading.policy is not None, reading.told()
        validator_for(json_schema()).validate(dict(reading.document))
        assert read(msgspec.json.encode(reading.document).decode(), Format.JSON).policy == reading.policy


def test_the_page_explains_every_field() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == {*PolicyFile.__struct_encode_fields__}


def test_what_the_page_says_of_a_file_is_what_the_command_says(tmp_path: Path) -> None:
    right, wrong = tmp_path / "baseline.toml", tmp_path / "weekly.toml"
    right.write_text(EXAMPLES[1], encoding="utf-8")
    wrong.write_text(WRONG, encoding="utf-8")
    accepted, refused = checked(right), checked(wrong)
    assert (accepted.returncode, accepted.stdout) == (0, SAID[0])
    assert (refused.returncode, refused.stderr) == (1, SAID[1])
