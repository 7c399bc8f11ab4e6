"""`recoup declines explain` on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

RECOUP: Final = Path(sys.executable).parent / "recoup"


def explained(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RECOUP, "declines", "explain", *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_one_answer_is_explained_with_what_decided() -> None:
    done = explained("stripe", "card_declined", "--raw", "51 : Insufficient funds")
    assert done.returncode == 0
    assert "insufficient_funds (funds, soft)" in done.stdout
    assert "the network's response code" in done.stdout
    assert "retry later" in done.stdout


def test_advice_and_its_rule_are_told() -> None:
    done = explained("mastercard", "79", "--advice-code", "03")
    assert done.returncode == 0
    assert "mastercard_mac_03" in done.stdout


def test_what_no_table_knows_is_said_so() -> None:
    for words, said in ((("acme", "2"), "no table of 'acme'"), (("stripe", "zz"), "other")):
        done = explained(*words)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
