"""JSON schemas of our structs, for the OpenAPI document: what the validator checks, in words that every tool reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from recoup.kit.secret import Secret

REF: Final = "#/components/schemas/"

Schema = dict[str, Any]


class Schemas:
    """The schemas of all the types that routes take and give, under their names."""

    def __init__(self, *, taken: Sequence[Any], given: Sequence[Any]) -> None:
        types = list(dict.fromkeys([*taken, *given]))
        refs, components = _components(types)
        self._refs: dict[Any, Schema] = dict(zip(types, refs, strict=True))
        self.components: dict[str, Schema] = components
        inward, outward = set(_structs(taken)), set(_structs(given))
        _refuse_namesakes(inward | outward)
        for cls in outward - inward:
            _whole(cls, self.components[_name(cls)])

    def of(self, type_: Any) -> Schema:
        """The schema of a type, by reference where it has a name."""
        return self._refs[type_]


def _refuse_namesakes(classes: Iterable[type[msgspec.Struct]]) -> None:
    named: dict[str, type[msgspec.Struct]] = {}
    for cls in classes:
        other = named.setdefault(_name(cls), cls)
        assert other is cls, f"{cls.__module__} and {other.__module__} both have a {cls.__name__}: rename one"


@cache
def schemas_of(*, taken: tuple[Any, ...], given: tuple[Any, ...]) -> Schemas:
    """The schemas of all these types: worked out once, since it takes long and types stay what they are."""
    return Schemas(taken=taken, given=given)


@cache
def query_parameters(type_: type[msgspec.Struct]) -> tuple[Schema, ...]:
    """The parameters of a query, one a field."""
    _, components = _components([type_])
    schema = components[_name(type_)]
    parameters = []
    for name, field in schema["properties"].items():
        without_null = _not_null(_inlined(field, components))
        description = without_null.pop("description", "")
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema["required"],
                "description": description,
                "schema": without_null,
            }
        )
    return tuple(parameters)


def _components(types: Sequence[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    refs, components = msgspec.json.schema_components(
        types, schema_hook=_schema_of_ours, ref_template=REF + "{name}"
    )
    return [_tidied(ref) for ref in refs], {name: _tidied(schema) for name, schema in components.items()}


def _schema_of_ours(type_: type) -> Schema:
    assert type_ is Secret, f"{type_} has no schema"
    return {"type": "string", "format": "password", "writeOnly": True}


def _tidied(schema: Any) -> Any:
    """The schema in the dialect of JSON Schema rather than of Python."""
    match schema:
        case dict():
            tidied = {name: _tidied(inner) for name, inner in schema.items()}
            if isinstance(pattern := tidied.get("pattern"), str):
                tidied["pattern"] = pattern.removesuffix(r"\Z") + ("$" if pattern.endswith(r"\Z") else "")
            if "type" not in tidied and isinstance(choices := tidied.get("enum"), list):
                tidied |= _choice(choices)
            return tidied
        case list():
            return [_tidied(inner) for inner in schema]
        case _:
            return schema


def _choice(choices: Sequence[Any]) -> Schema:
    return {"type": "string"} if all(isinstance(choice, str) for choice in choices) else {}


def _not_null(schema: Schema) -> Schema:
    """A query cannot say null: leaving a parameter out does."""
    schema = dict(schema)
    if schema.get("default", "") is None:
        del schema["default"]
    alternatives = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    if len(alternatives) == 1:
        only: Schema = alternatives[0]
        return only | schema
    return schema | {"anyOf": alternatives} if alternatives else schema


def _inlined(schema: Any, components: Mapping[str, Schema]) -> Any:
    match schema:
        case {"$ref": str(ref), **rest}:
            return _inlined(components[ref.removeprefix(REF)], components) | rest
        case dict():
            return {name: _inlined(inner, components) for name, inner in schema.items()}
        case list():
            return [_inlined(inner, components) for inner in schema]
        case _:
            return schema


def _whole(cls: type[msgspec.Struct], schema: Schema) -> None:
    """An answer always has every field, whether or not we had to say it; so it has no defaults either."""
    unset = {field.encode_name for field in msgspec.structs.fields(cls) if _may_be_unset(field.type)}
    assert not cls.__struct_config__.omit_defaults, f"{cls.__name__}: answers leave no field out"
    schema["required"] = [name for name in schema["properties"] if name not in unset]
    for name, field in schema["properties"].items():
        schema["properties"][name] = {key: value for key, value in field.items() if key != "default"}


def _may_be_unset(type_: Any) -> bool:
    return msgspec.UnsetType in getattr(type_, "__args__", ())


def _structs(types: Iterable[Any]) -> Iterator[type[msgspec.Struct]]:
    """Every struct that is reached from these types, once."""
    seen: set[type] = set()
    queue = list(inspect.multi_type_info(list(types)))
    while queue:
        type_ = queue.pop()
        if isinstance(type_, inspect.StructType):
            if type_.cls in seen:
                continue
            seen.add(type_.cls)
            yield type_.cls
        queue.extend(_under(type_))


def _under(type_: inspect.Type) -> list[inspect.Type]:
    match type_:
        case inspect.StructType(fields=fields):
            return [field.type for field in fields]
        case inspect.UnionType(types=types):
            return list(types)
        case inspect.Metadata(type=inner):
            return [inner]
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return [item]
        case inspect.DictType(value_type=value):
            return [value]
        case _:
            return []


@cache
def _name(cls: type[msgspec.Struct]) -> str:
    refs, _ = msgspec.json.schema_components([cls], schema_hook=_schema_of_ours, ref_template="{name}")
    return str(refs[0]["$ref"])
