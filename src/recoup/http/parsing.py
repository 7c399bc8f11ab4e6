"""From the bytes of a request to the struct that its route asked for, or to a refusal that says what to mend."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect

from recoup.http.messages import misfit, not_json
from recoup.http.shapes import shape_of
from recoup.http.values import forbidden
from recoup.kit.refusals import invalid
from recoup.kit.secret import Secret

_QUERY_FIELDS_MAX: Final = 100
_NUL_ESCAPED: Final = b"\\u0000"
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_TRUTHS: Final = {"true": True, "false": False}


class Nothing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A body or a query without fields."""


class BodyParser:
    """Reads one type of body, or one of several that its tag tells apart."""

    def __init__(self, type_: Any) -> None:
        self._shape = shape_of(type_)
        self._decoder = msgspec.json.Decoder(type_, dec_hook=_decode_secret)
        self._encoder = msgspec.json.Encoder(enc_hook=_reveal_secret, order="deterministic")

    def parse(self, raw: bytes) -> msgspec.Struct:
        """The struct in a body; refuses with 400. No body at all reads as an object without fields."""
        try:
            body = self._decoder.decode(raw or b"{}")
        except msgspec.ValidationError as error:
            raise misfit(error, self._shape) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise not_json(error) from None
        if self._shape.looked_over or _NUL_ESCAPED in raw:
            _refuse_forbidden(body)
        assert isinstance(body, msgspec.Struct), "routes take structs"
        return body

    def canonical(self, body: msgspec.Struct) -> bytes:
        """The same bytes for all ways of writing the same request. They hold what the body holds: hash them."""
        return self._encoder.encode(body)


class QueryParser:
    """Reads one type of query. What it says is text; fields of numbers and truth values read it as JSON writes them."""

    def __init__(self, type_: type[msgspec.Struct]) -> None:
        self._shape = shape_of(type_)
        self._type = type_
        self._lists = self._shape.fields_holding(inspect.ListType)
        self._numbers = self._shape.fields_holding(inspect.IntType)
        self._truths = self._shape.fields_holding(inspect.BoolType)

    def parse(self, raw: bytes) -> msgspec.Struct:
        """The struct in a query string; refuses with 400."""
        try:
            query = msgspec.convert(self._collect(_pairs(raw)) if raw else {}, self._type)
        except msgspec.ValidationError as error:
            raise misfit(error, self._shape) from None
        if raw:
            _refuse_forbidden(query)
        return query

    def _collect(self, pairs: list[tuple[str, str]]) -> dict[str, Any]:
        collected: dict[str, Any] = {}
        for name, text in pairs:
            value = self._value(name, text)
            if name in self._lists:
                collected.setdefault(name, []).append(value)
            elif name in collected:
                raise invalid(
                    "repeated_parameter", f"`{name}` is sent more than once: send it once.", param=name
                )
            else:
                collected[name] = value
        return collected

    def _value(self, name: str, text: str) -> str | int | bool:
        """The value that a text stands for; text that stands for none is left, and refused by its type."""
        if name in self._numbers and _NUMBER.fullmatch(text):
            return int(text)
        if name in self._truths and text in _TRUTHS:
            return _TRUTHS[text]
        return text


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_QUERY_FIELDS_MAX,
        )
    except UnicodeDecodeError:
        raise invalid("invalid_query", "The query is not percent-encoded UTF-8.") from None
    except ValueError:
        raise invalid("invalid_query", f"The query has more than {_QUERY_FIELDS_MAX} parameters.") from None


def _refuse_forbidden(value: msgspec.Struct) -> None:
    found = forbidden(value)
    if found is not None:
        param, wrong = found
        raise invalid("invalid_value", f"`{param}` {wrong}.", param=param or None)


def _decode_secret(type_: type, value: Any) -> Any:
    assert type_ is Secret, "shapes let no other type of ours in"
    if not isinstance(value, str):
        raise TypeError("Expected `str`")
    return Secret(value)


def _reveal_secret(value: Any) -> Any:
    assert isinstance(value, Secret), "a body holds JSON and secrets only"
    return value.reveal()
