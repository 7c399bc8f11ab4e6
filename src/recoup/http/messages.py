"""The words for a body or a query that does not fit its type: which field, what is wrong, what to do.

The validator's own words are taken apart and put anew, because they repeat what was sent: in a payment API that may be
a card number in the wrong field. Names of unknown fields are all that is ever repeated.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Final

import msgspec

from recoup.http.shapes import KEY, Shape
from recoup.kit.refusals import Refusal, invalid

_NAME_LENGTH_MAX: Final = 64
_CHOICES_MAX: Final = 40

_WORDS: Final = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
    "datetime": "a time as RFC 3339 writes it, such as 2026-11-01T12:00:00Z",
    "date": "a date as RFC 3339 writes it, such as 2026-11-01",
    "uuid": "a UUID",
    "decimal": "a decimal number",
}
_GOT_WORDS: Final = _WORDS | {"bool": "a boolean", "float": "a number with decimals"}
_MEASURES: Final = {"str": "characters", "object": "entries", "array": "items"}

_LOCATION: Final = re.compile(r" - at (`key` in )?`(\$[^`]*)`$")
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`(?:, got `([^`]+)`)?$")
_BOUND: Final = re.compile(r"Expected `\w+`(?: \|.*)? (>=|<=|>|<) (\S+)$")
_LENGTH: Final = re.compile(r"Expected `(\w+)` of length (>=|<=|==) (\d+)$")
_PATTERN: Final = re.compile(r"Expected `str` matching regex ")
_MISSING: Final = re.compile(r"Object missing required field `(.*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)
_NOT_LISTED: Final = re.compile(r"Invalid (?:enum )?value ")
_BOUND_WORDS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than", "==": "exactly"}


def not_json(error: Exception) -> Refusal:
    """The refusal of a body that is no JSON at all."""
    match error:
        case RecursionError():
            why = "it is nested too deeply"
        case UnicodeDecodeError():
            why = "it holds bytes that are no UTF-8"
        case _:
            why = str(error).removeprefix("JSON is malformed: ")
    return invalid("invalid_json", f"The body is not valid JSON: {why}. Send one JSON object, in UTF-8.")


def misfit(error: msgspec.ValidationError, shape: Shape) -> Refusal:
    """The refusal of what is JSON but not what the route takes."""
    text = str(error)
    location = _LOCATION.search(text)
    path = f"{location[2]}{KEY if location[1] else ''}" if location else "$"
    said = text[: location.start()] if location else text
    for pattern, phrase in _PHRASES:
        match = pattern.match(said)
        if match is not None:
            return phrase(match, path, shape)
    return invalid("invalid_value", f"{_subject(path)} is not valid: {said}.", param=_param(path))


def _param(path: str, name: str = "") -> str | None:
    """`$.card.number` as callers write it: `card.number`."""
    whole = f"{path}.{name}" if name else path
    return whole.removeprefix("$").removeprefix(".").replace("[...]", "").replace(KEY, "") or None


def _subject(path: str) -> str:
    """What the sentence is about. The validator does not say which key of a map, or which value, it means."""
    param = _param(path)
    if param is None:
        return "The body"
    if path.endswith(KEY):
        return f"Every key of `{param}`"
    return f"Every value of `{param}`" if path.endswith("[...]") else f"`{param}`"


def _missing(match: re.Match[str], path: str, shape: Shape) -> Refusal:
    param = _param(path, match.group(1))
    return invalid(
        "missing_field", f"`{param}` is required: send it.{_about(path, match.group(1), shape)}", param=param
    )


def _unknown(match: re.Match[str], path: str, shape: Shape) -> Refusal:
    name = match.group(1)
    shown = name if len(name) <= _NAME_LENGTH_MAX else f"{name[:_NAME_LENGTH_MAX]}…"
    near = difflib.get_close_matches(shown, shape.field_names(path), n=1)
    advice = f"did you mean `{near[0]}`?" if near else "leave it out."
    param = _param(path, shown)
    return invalid("unknown_field", f"`{param}` is not a field of this request: {advice}", param=param)


def _wrong_type(match: re.Match[str], path: str, shape: Shape) -> Refusal:
    wanted = ", or ".join(_WORDS.get(word, word) for word in match.group(1).split(" | "))
    got = f", not {_GOT_WORDS.get(match.group(2), match.group(2))}" if match.group(2) else ""
    return invalid("wrong_type", f"{_subject(path)} must be {wanted}{got}.", param=_param(path))


def _out_of_bounds(match: re.Match[str], path: str, _: Shape) -> Refusal:
    wanted = f"{_BOUND_WORDS[match.group(1)]} {match.group(2)}"
    return invalid("out_of_range", f"{_subject(path)} must be {wanted}.", param=_param(path))


def _wrong_length(match: re.Match[str], path: str, _: Shape) -> Refusal:
    kind, comparison, length = match.groups()
    if (comparison, length) == (">=", "1"):
        return invalid("wrong_length", f"{_subject(path)} must not be empty.", param=_param(path))
    wanted = f"{_BOUND_WORDS[comparison]} {length} {_MEASURES.get(kind, 'characters')}"
    return invalid("wrong_length", f"{_subject(path)} must have {wanted}.", param=_param(path))


def _wrong_form(_: re.Match[str], path: str, shape: Shape) -> Refusal:
    param = _param(path)
    about = _about(path, "", shape) or " See the reference for its form."
    return invalid("wrong_form", f"{_subject(path)} does not have the form it must have.{about}", param=param)


def _not_listed(_: re.Match[str], path: str, shape: Shape) -> Refusal:
    param = _param(path)
    choices = shape.choices(path)[:_CHOICES_MAX]
    return invalid("not_a_choice", f"{_subject(path)} must be one of: {', '.join(choices)}.", param=param)


def _out_of_reach(_: re.Match[str], path: str, __: Shape) -> Refusal:
    return invalid("out_of_range", f"{_subject(path)} is out of range.", param=_param(path))


def _bad_text(wanted: str) -> Callable[[re.Match[str], str, Shape], Refusal]:
    def phrase(_: re.Match[str], path: str, __: Shape) -> Refusal:
        return invalid("wrong_form", f"{_subject(path)} must be {wanted}.", param=_param(path))

    return phrase


def _about(path: str, name: str, shape: Shape) -> str:
    description = shape.description(f"{path}.{name}" if name else path)
    return f" {description}" if description else ""


_PHRASES: Final = (
    (_MISSING, _missing),
    (_UNKNOWN, _unknown),
    (_PATTERN, _wrong_form),
    (_LENGTH, _wrong_length),
    (_BOUND, _out_of_bounds),
    (_EXPECTED, _wrong_type),
    (_NOT_LISTED, _not_listed),
    (re.compile(r"(Integer value|Number) out of range$"), _out_of_reach),
    (re.compile(r"Invalid RFC3339 encoded datetime$"), _bad_text(_WORDS["datetime"])),
    (re.compile(r"Invalid RFC3339 encoded date$"), _bad_text(_WORDS["date"])),
    (re.compile(r"Expected `datetime` with a timezone"), _bad_text(_WORDS["datetime"])),
    (re.compile(r"Invalid UUID$"), _bad_text(_WORDS["uuid"])),
)
