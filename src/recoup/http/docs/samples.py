"""Examples made from schemas, for what has none of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from recoup.http.docs.schemas import REF

_DEPTH_MAX: Final = 8
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
            return {name: sample(field, components, depth + 1) for name, field in fields.items()}
        case "array":
            return [sample(schema["items"], components, depth + 1)] if "items" in schema else []
        case "string":
            return _TEXTS.get(schema.get("format", ""), "text")
        case "integer" | "number":
            return max(schema.get("minimum", 0), 1)
        case "boolean":
            return False
        case _:
            return None


def resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, where it is a reference to one with a name. What stands beside the reference wins."""
    ref = schema.get("$ref")
    if ref is None:
        return schema
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return {**components[ref.removeprefix(REF)], **beside}
