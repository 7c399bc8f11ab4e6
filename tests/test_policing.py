"""`recoup routing check` on the command line, and the how-to about policies, which it is run on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
import pytest
from jsonschema_rs import validator_for

from recoup.routing.core.conditions import CrossBorder, TimeWithin
from recoup.routing.core.policy_file import json_schema
from recoup.routing.core.policy_names import ANY_ACCOUNT
from recoup.routing.core.policy_reading import Format, read

RECOUP: Final = Path(sys.executable).parent / "recoup"
PAGE: Final = (Path(__file__).parents[1] / "docs" / "how-to" / "write-a-routing-policy.md").read_text("utf-8")
*EXAMPLES, WRONG = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RECOUP, "routing", "check", str(file)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_policy_and_fits_the_schema(example: str) -> None:
    reading = read(example, Format.TOML, ANY_ACCOUNT)
    assert reading.policy is not None, reading.told()
    validator_for(json_schema()).validate(dict(reading.document))
    again = read(msgspec.json.encode(reading.document).decode(), Format.JSON, ANY_ACCOUNT)
    assert again.policy == reading.policy


def test_the_examples_use_what_the_page_explains() -> None:
    conditions = {
        type(condition)
        for example in EXAMPLES
        for rule in (read(example, Format.TOML, ANY_ACCOUNT).policy or pytest.fail(example)).rules
        for condition in rule.conditions
    }
    assert {CrossBorder, TimeWithin} <= conditions


def test_the_wrong_example_says_what_the_page_shows() -> None:
    [told] = [
        text for text in re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "line" in text
    ]
    assert read(WRONG, Format.TOML, ANY_ACCOUNT).told() == told.strip()


def test_a_good_file_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "routing.toml"
    file.write_text(EXAMPLES[0], encoding="utf-8")
    done = checked(file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "routing.toml is a routing policy: 2 rules and a default, 2 names of accounts" in done.stdout


def test_a_wrong_file_is_told_with_every_line(tmp_path: Path) -> None:
    file = tmp_path / "routing.toml"
    file.write_text(WRONG, encoding="utf-8")
    done = checked(file)
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split(": ", 1)[1][:6] for line in done.stderr.splitlines()] == ["line 3", "line 4"]


def test_json_is_known_by_its_name_and_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    good, odd = tmp_path / "routing.json", tmp_path / "odd.toml"
    good.write_text('{"default": {"learned": true}}', encoding="utf-8")
    odd.write_bytes(b"\xff\xfe")
    assert checked(good).returncode == 0
    for file, said in ((odd, "no text in UTF-8"), (tmp_path / "missing.toml", "No such file")):
        done = checked(file)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
