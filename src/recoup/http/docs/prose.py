"""Text as the reference shows it: a little Markdown, JSON in colours, paths with their parameters marked."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from markupsafe import Markup, escape

_LINE_MAX: Final = 70
_PARTS: Final = re.compile(
    r"""
    (?P<k> "[^"\\\n]*" (?=:\s))
    | (?P<s> "(?:[^"\\\n]|\\.)*")
    | (?P<n> (?<=[\s\[]) (?:-?\d+(?:\.\d+)?|true|false|null) (?=[,\]}\n]|$))
    """,
    re.VERBOSE,
)


def pretty(value: Any) -> str:
    """JSON over several lines, with what is short left on one."""
    return _pretty_at(value, "")


def _pretty_at(value: Any, indent: str) -> str:
    short = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or (indent and len(short) + len(indent) <= _LINE_MAX):
        return short
    inner = f"{indent}  "
    if isinstance(value, list):
        lines = [f"{inner}{_pretty_at(one, inner)}" for one in value]
    else:
        lines = [f"{inner}{json.dumps(name)}: {_pretty_at(one, inner)}" for name, one in value.items()]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return "\n".join([opening, ",\n".join(lines), f"{indent}{closing}"])


def marked(text: str) -> Markup:
    """The little of Markdown that our descriptions use: paragraphs, `code` and **weight**."""
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text.strip())))
    weighted = re.sub(r"[*]{2}(.+?)[*]{2}", r"<strong>\1</strong>", coded)
    paragraphs = re.split(r"\n\s*\n", weighted)
    return Markup("".join(f"<p>{paragraph}</p>" for paragraph in paragraphs))  # noqa: S704 - escaped above; what was added is ours


def coloured(text: str) -> Markup:
    """JSON, or a shell command that holds some, with its parts marked for colour."""

    pieces, end = [], 0
    for match in _PARTS.finditer(text):
        before, part = escape(text[end : match.start()]), escape(match[0])
        pieces.append(f'{before}<span class="{match.lastgroup}">{part}</span>')
        end = match.end()
    return Markup("".join([*pieces, str(escape(text[end:]))]))  # noqa: S704 - every piece was escaped


def path_marked(path: str) -> Markup:
    """A path with its parameters marked."""
    marked_path = re.sub(r"\{([^}]+)\}", r"<i>{\1}</i>", str(escape(path)))
    return Markup(marked_path)  # noqa: S704 - escaped above
