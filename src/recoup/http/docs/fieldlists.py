"""The fields of a schema as a reader wants them: name, type in words, limits, and the fields within."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from recoup.http.docs.samples import resolved

_DEPTH_MAX: Final = 6
_CHOICES_MAX: Final = 60
_FORMATS: Final = {"date-time": "time", "date": "date", "uuid": "UUID", "password": "secret string"}
_LIMITS: Final = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("maxProperties", "at most {} entries"),
)
_BIGINT: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Field:
    """One field, with those inside of it."""

    name: str
    type: str
    required: bool
    description: str
    limits: str
    pattern: str
    choices: tuple[str, ...]
    default: str
    inner: list[Field]


def fields_of(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int = 0) -> list[Field]:
    """The fields of an object; for a choice between objects, one entry for each kind."""
    if depth > _DEPTH_MAX:
        return []
    schema = resolved(schema, components)
    kinds = _kinds(schema, components)
    if len(kinds) > 1:
        return [_kind(kind, components, depth) for kind in kinds]
    if kinds:
        return fields_of(kinds[0], components, depth)
    if schema.get("type") == "array":
        return fields_of(schema.get("items", {}), components, depth)
    required = schema.get("required", ())
    return [
        _field(name, field, components, required=name in required, depth=depth)
        for name, field in schema.get("properties", {}).items()
    ]


def parameter_field(parameter: Mapping[str, Any]) -> Field:
    """A parameter of the path or the query."""
    schema = {**parameter["schema"], "description": parameter.get("description", "")}
    return _field(parameter["name"], schema, {}, required=parameter["required"], depth=_DEPTH_MAX)


def _field(
    name: str, schema: Mapping[str, Any], components: Mapping[str, Any], *, required: bool, depth: int
) -> Field:
    whole = resolved(schema, components)
    one = _without_null(whole, components)
    default = whole.get("default")
    return Field(
        name=name,
        type=type_words(whole, components),
        required=required,
        description=whole.get("description") or one.get("description", ""),
        limits=_limits(one),
        pattern=one.get("pattern", ""),
        choices=tuple(str(choice) for choice in one.get("enum", ())[:_CHOICES_MAX]),
        default="" if default in (None, [], {}) else json.dumps(default, ensure_ascii=False).strip('"'),
        inner=fields_of(whole, components, depth + 1),
    )


def _limits(schema: Mapping[str, Any]) -> str:
    if "minLength" in schema and schema["minLength"] == schema.get("maxLength"):
        return f"exactly {schema['minLength']} characters"
    return ", ".join(words.format(schema[limit]) for limit, words in _LIMITS if _worth(limit, schema))


def _worth(limit: str, schema: Mapping[str, Any]) -> bool:
    value = schema.get(limit)
    if value is None or (limit == "minLength" and value == 1):
        return False
    return not (isinstance(value, int) and abs(value) >= _BIGINT)


def _without_null(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    alternatives = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(alternatives) != 1:
        return schema
    return {**resolved(alternatives[0], components), **{k: v for k, v in schema.items() if k != "anyOf"}}


def _kinds(schema: Mapping[str, Any], components: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The kinds of object that a choice offers, choices within choices taken apart."""
    found: list[Mapping[str, Any]] = []
    for one in schema.get("anyOf", ()):
        under = resolved(one, components)
        found += _kinds(under, components) or ([under] if under.get("type") == "object" else [])
    return found


def _kind(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int) -> Field:
    tags = [
        field["enum"][0] for field in schema.get("properties", {}).values() if len(field.get("enum", ())) == 1
    ]
    name = tags[0] if tags else schema.get("title", "object")
    inner = fields_of(schema, components, depth + 1)
    return Field(f"as {name}", "object", False, schema.get("description", ""), "", "", (), "", inner)  # noqa: FBT003 - in a row of eight


def type_words(schema: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    """The type of a field, in a word or two."""
    schema = resolved(schema, components)
    if "anyOf" in schema:
        words = dict.fromkeys(type_words(one, components) for one in schema["anyOf"])
        return ", or ".join(words)
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {type_words(schema['items'], components)}s" if "items" in schema else "list"
    if kind == "object" and "properties" not in schema:
        return "map"
    return str(_FORMATS.get(schema.get("format", ""), kind))
