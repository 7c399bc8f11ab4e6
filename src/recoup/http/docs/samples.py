"""Examples made from schemas, for what has none of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from recoup.http.docs.schemas import REF
from recoup.kit.ids import Kind

_DEPTH_MAX: Final = 8
_PLAIN: Final = "text"
_ID: Final = "01kaq3v8e7f0t9m2c4x6z8b1d5"
_NAMED: Final = {kind.name.lower(): f"{kind.value}_{_ID}" for kind in Kind} | {
    "currency": "USD",
    "country": "US",
    "email": "jane@example.com",
    "url": "/v1/…",
    "last4": "4242",
}
"""What a string is likely to hold, by the name of its field."""
_AMOUNT: Final = 4999
_TEXTS: Final = {
    "date-time": "2026-11-22T12:00:00.000Z",
    "date": "2026-11-22",
    "uuid": "019ab0d8-4a10-7c3e-9d52-3f6b8a1c2d4e",
    "password": "…",
}


def sample(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that a schema allows, or nearly: patterns are not worked out."""
    if depth > _DEPTH_MAX:
        return None
    schema = resolved(schema, components)
    for known in ("const", "example", "default"):
        if schema.get(known) is not None:
            return schema[known]
    for listed in ("examples", "enum"):
        if schema.get(listed):
            return schema[listed][0]
    for alternative in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        return sample(alternative, components, depth + 1)
    return _by_type(schema, components, depth)


def _by_type(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {name: _field(name, field, components, fields, depth) for name, field in fields.items()}
        case "array":
            return [sample(schema["items"], components, depth + 1)] if "items" in schema else []
        case "string":
            return _TEXTS.get(schema.get("format", ""), _PLAIN)
        case "integer" | "number":
            return max(schema.get("minimum", 0), 1)
        case "boolean":
            return False
        case _:
            return None


def _field(
    name: str, schema: Mapping[str, Any], components: Mapping[str, Any], beside: Mapping[str, Any], depth: int
) -> Any:
    """A value for a field, better than its type alone would give."""
    value = sample(schema, components, depth + 1)
    if value == _PLAIN:
        said = beside.get("object", {}).get("enum", [""])[0]
        value = _NAMED.get(said if name == "id" else name, value)
        return _TEXTS["date-time"] if name.endswith("_at") else value
    return _AMOUNT if value == 1 and name == "amount" else value


def resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, where it is a reference to one with a name. What stands beside the reference wins."""
    ref = schema.get("$ref")
    if ref is None:
        return schema
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return {**components[ref.removeprefix(REF)], **beside}
