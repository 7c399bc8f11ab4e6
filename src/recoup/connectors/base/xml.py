"""Reads the XML that a processor sends as paths and their texts, safely: no DTD, no entities, named limits."""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

from recoup.connectors.base.wire import REPLY_BYTES_MAX

DEPTH_MAX: Final = 32
ELEMENTS_MAX: Final = 10_000


class _Unwelcome(Exception):
    """The document holds what no processor sends: a DTD, or more than the limits."""


class _Reader:
    """Collects the text of every element with its path, as the elements end."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._path: list[str] = []
        self._texts: list[list[str]] = []
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._path.append(name)
        self._texts.append([])
        if len(self._path) > DEPTH_MAX or self._elements > ELEMENTS_MAX:
            raise _Unwelcome

    def text(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)

    def end(self, name: str) -> None:
        self.found.append(("/".join(self._path), "".join(self._texts.pop()).strip()))
        self._path.pop()

    def refuse(self, *declared: object) -> None:
        raise _Unwelcome


def read_xml(body: bytes) -> dict[str, str] | None:
    """The text under every path, such as `notification/kind`, the first of each; None where the body is no XML that
    we read."""
    found = read_xml_elements(body)
    return None if found is None else dict(reversed(found))


def read_xml_elements(body: bytes) -> list[tuple[str, str]] | None:
    """Every path and its text in the order in which the elements end, so that repeated ones can be told apart."""
    if len(body) > REPLY_BYTES_MAX:
        return None
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes it by position
    except (expat.ExpatError, _Unwelcome, ValueError, LookupError):
        return None
    return reader.found
