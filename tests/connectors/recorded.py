"""Replies of processors, as files: `replies/<connector>/<folder>/<name>.json`.

The folder says what the reply means: `approved` (also a change that was carried out), `declined` (also refused),
`pending` (also what waits for the customer), `garbage` (not understood: unknown), `unprocessed` (the processor says
that it did nothing), `webhooks` (told unasked). A file is an object with

* `about`: what it is; `source`: which page or example it was made from, in a few words, and when;
* `verb`: which verb is asked (`charge`, `lookup`, …), `ask`: how the asking differs from the usual (see `conformance`);
* `replies`: in order, each `{"status", "headers", "json" | "text" | "iso8583"}`, the last a message by its fields;
  `{{key}}` and `{{charge_key}}` stand for our keys;
* `means`: what is expected, by dotted name, such as `{"type": "Declined", "decline.code": "insufficient_funds"}`;
* for a webhook: `json` or `text` and `headers`, and `notices`, a list of `means`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from recoup.connectors.base import ChangeKind, HttpResponse, Token, iso8583
from recoup.kit.clock import rfc3339
from recoup.kit.money import Money
from recoup.kit.secret import Secret

KEY: Final = "att_01kb0000000000000000000001"
CHARGE_KEY: Final = "att_01kb0000000000000000000002"
REPLIES: Final = Path(__file__).parent / "replies"
FOLDERS: Final = ("approved", "declined", "pending", "garbage", "unprocessed", "webhooks")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One file."""

    connector: str
    folder: str
    name: str
    verb: str
    ask: Mapping[str, Any]
    replies: Sequence[HttpResponse]
    means: Mapping[str, Any]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        return f"{self.connector}/{self.folder}/{self.name}"


@cache
def recorded(connector: str) -> tuple[Recorded, ...]:
    """The recorded replies of a connector, in the order of their names."""
    folder = REPLIES / connector
    return tuple(_read(connector, path) for path in sorted(folder.glob("*/*.json")))


def _read(connector: str, path: Path) -> Recorded:
    text = path.read_text(encoding="utf-8").replace("{{key}}", KEY).replace("{{charge_key}}", CHARGE_KEY)
    said = msgspec.json.decode(text)
    assert path.parent.name in FOLDERS, f"{path} is in no known folder"
    assert said.get("about"), f"{path} does not say what it is"
    assert said.get("source"), f"{path} does not say where it comes from"
    return Recorded(
        connector=connector,
        folder=path.parent.name,
        name=path.stem,
        verb=said.get("verb", "charge"),
        ask=_ask(said.get("ask", {})),
        replies=tuple(_reply(each) for each in said.get("replies", ())),
        means=said.get("means", {}),
        body=_body(said),
        headers=said.get("headers", {}),
        notices=said.get("notices", ()),
    )


def _ask(said: Mapping[str, Any]) -> dict[str, Any]:
    words = dict(said)
    if "amount" in words:
        minor, currency = words["amount"]
        words["amount"] = Money(minor, currency)
    if "change" in words:
        words["change"] = ChangeKind(words["change"])
    if words.pop("token", False):
        words["source"] = Token(
            Secret("tok-secret-0000-of-a-saved-card"), customer="customer-1", brand="visa"
        )
    return words


def _reply(said: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(said.get("status", 200), dict(said.get("headers", {})), _body(said))


def _body(said: Mapping[str, Any]) -> bytes:
    if "json" in said:
        return msgspec.json.encode(said["json"])
    if "iso8583" in said:
        return iso8583.encode(said["iso8583"])
    text: str = said.get("text", "")
    return text.encode()


def spoken(value: object) -> object:
    """A value in the words of a file: secrets in the clear, money as `[minor, currency]`, times as RFC 3339."""
    match value:
        case Secret():
            return value.reveal()
        case Money():
            return [value.minor, value.currency]
        case tuple():
            return [spoken(each) for each in value]
        case Enum():
            return value.value
        case datetime():
            return rfc3339(value)
        case _:
            return value


def said_of(value: object, path: str) -> object:
    """What a meaning says under a dotted name, in the words that a recorded file can hold."""
    for name in path.split("."):
        if isinstance(value, tuple):
            value = value[int(name)]
        else:
            value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return spoken(value)
