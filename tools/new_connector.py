"""Begins a connector: its file, its line in the registry, its code table, its case and its first recorded replies.

    make connector name=acme

What it writes passes the conformance suite as it stands, for a processor that does not exist; from there, each verb is
replaced by what the processor documents (see docs/how-to/add-a-connector.md).
"""

# ruff: noqa: INP001, T201 - a script, which tells what it wrote

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
TEMPLATES: Final = ROOT / "tools" / "connector"
REGISTRY: Final = ROOT / "src" / "recoup" / "connectors" / "registry.py"
NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,30}")
_CHARGE: Final[dict[str, Any]] = {
    "id": "ch_1",
    "key": "{{key}}",
    "state": "approved",
    "amount": 4999,
    "currency": "EUR",
    "captured": True,
    "network_transaction_id": "141544217307196",
}
_CHANGE: Final[dict[str, Any]] = {"id": "cp_1", "key": "{{key}}", "state": "done"}
_NO_FUNDS: Final = {"state": "declined", "captured": False, "code": "no_funds", "network_code": "51"}
_REPLIES: Final[dict[str, dict[str, Any]]] = {
    "approved/charge": {
        "verb": "charge",
        "json": _CHARGE,
        "means": {"type": "Approved", "reference": "ch_1"},
    },
    "approved/lookup": {
        "verb": "lookup",
        "json": _CHARGE,
        "means": {"type": "Approved", "reference": "ch_1"},
    },
    "approved/capture": {"verb": "capture", "json": _CHANGE, "means": {"type": "Done", "reference": "cp_1"}},
    "approved/cancel": {"verb": "cancel", "json": _CHANGE, "means": {"type": "Done"}},
    "approved/refund": {"verb": "refund", "json": _CHANGE, "means": {"type": "Done"}},
    "approved/lookup_change": {"verb": "lookup_change", "json": _CHANGE, "means": {"type": "Done"}},
    "declined/no_funds": {
        "verb": "charge",
        "json": {**_CHARGE, **_NO_FUNDS},
        "means": {
            "decline.code": "insufficient_funds",
            "decline.processor_code": "no_funds",
            "decline.network_code": "51",
            "decline.network_advice_code": None,
        },
    },
    "pending/charge": {
        "verb": "charge",
        "json": {**_CHARGE, "state": "pending"},
        "means": {"type": "Pending"},
    },
    "garbage/another_key": {"verb": "charge", "json": {**_CHARGE, "key": "att_of_another"}},
    "garbage/another_amount": {"verb": "charge", "json": {**_CHARGE, "amount": 4998}},
    "unprocessed/wrong_key": {"verb": "charge", "status": 401, "json": {"error": "authentication"}},
}


def main(name: str) -> int:
    """Write everything, or nothing and say why."""
    if NAME.fullmatch(name) is None:
        print(
            "Say which processor: make connector name=acme (small letters, digits and underscores).",
            file=sys.stderr,
        )
        return 2
    files = _files(name)
    there = [path for path in files if path.exists()]
    if there:
        print(f"There is one already: {there[0].relative_to(ROOT)}.", file=sys.stderr)
        return 1
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
    REGISTRY.write_text(_registered(REGISTRY.read_text(encoding="utf-8"), name), encoding="utf-8")
    print(f"{REGISTRY.relative_to(ROOT)}: one line more")
    print(f"\nNow run its tests: .venv/bin/python -m pytest -q tests/connectors -k {name}")
    return 0


def _files(name: str) -> dict[Path, str]:
    tests = ROOT / "tests" / "connectors"
    written = {
        ROOT / "src" / "recoup" / "connectors" / f"{name}.py": _filled("connector", name),
        ROOT / "src" / "recoup" / "outcomes" / "codes" / "processors" / f"{name}.py": _filled("codes", name),
        tests / "cases" / f"{name}.py": _filled("case", name),
    }
    for place, said in _REPLIES.items():
        written[tests / "replies" / name / f"{place}.json"] = _reply(name, said)
    return written


def _filled(template: str, name: str) -> str:
    text = (TEMPLATES / f"{template}.py.txt").read_text(encoding="utf-8")
    today = datetime.now(UTC).date()
    words = {
        "@name@": name,
        "@Name@": name.replace("_", " ").capitalize(),
        "@Class@": "".join(part.capitalize() for part in name.split("_")),
        "@CLASS@": name.upper(),
        "@today@": f"{today.year}, {today.month}, {today.day}",
    }
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _reply(name: str, said: dict[str, Any]) -> str:
    document = {
        "about": "the reply that this connector began with; replace it by one of the processor's",
        "source": f"made up when {name} was begun",
        "verb": said["verb"],
        "replies": [{"status": said.get("status", 200), "json": said["json"]}],
        "means": said.get("means", {}),
    }
    return json.dumps(document, indent=2) + "\n"


def _registered(text: str, name: str) -> str:
    """The registry with one connector more, in the order of names."""
    listed = re.search(r"_MODULES: Final = \(\n(.*?)\)\n", text, re.DOTALL)
    if listed is None:
        raise SystemExit(f"{REGISTRY} does not look as it should: add {name} by hand.")
    lines = sorted([*listed[1].splitlines(), f'    "{name}",'])
    return text[: listed.start(1)] + "\n".join(lines) + "\n" + text[listed.end(1) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
