"""What the type of a request says about itself: the laws it must keep, and the words for a refusal.

The laws are checked when routes are bound, so that a body that could hurt never starts: every struct refuses unknown
fields, every whole number fits the database's, every time has a zone, and no pattern lets a line feed in at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

from msgspec import inspect

from recoup.http.values import BIGINT_MAX, BIGINT_MIN
from recoup.kit.secret import Secret

KEY: Final = "{key}"
"""Ends a path that leads to the keys of a map."""
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class Shape:
    """The type of a body or a query, taken apart once."""

    def __init__(self, type_: Any) -> None:
        self.root = inspect.type_info(type_)
        self.looked_over = False
        """Whether values of it hold something that only a look at the value can judge: times, and free JSON."""
        self._check(self.root, path=getattr(type_, "__name__", str(type_)), above=())

    def at(self, path: str) -> list[inspect.Type]:
        """The types that may stand at a path as msgspec writes it (`$.card.number`), unions taken apart."""
        found = list(_alternatives(self.root))
        for name, index in _STEP.findall(path.removesuffix(KEY)):
            found = [under for type_ in found for under in _below(type_, name=name, index=index)]
        if path.endswith(KEY):
            maps = [type_ for type_ in found if isinstance(type_, inspect.DictType)]
            return [key for type_ in maps for key in _alternatives(type_.key_type)]
        return found

    def description(self, path: str) -> str:
        """What the field at a path says of itself."""
        parent, _, name = path.rpartition(".")
        for type_ in self.at(parent):
            for field in _fields(type_):
                if field.encode_name == name:
                    return _description(field.type)
        return ""

    def field_names(self, path: str) -> list[str]:
        """The fields of the object at a path."""
        return [field.encode_name for type_ in self.at(path) for field in _fields(type_)]

    def fields_holding(self, *kinds: type[inspect.Type]) -> frozenset[str]:
        """The fields of the whole that may hold one of these kinds, by themselves or in a list."""
        return frozenset(
            field.encode_name
            for type_ in self.at("$")
            for field in _fields(type_)
            if any(isinstance(one, kinds) for one in _in_lists(field.type))
        )

    def choices(self, path: str) -> list[str]:
        """The values allowed at a path, where they are a list."""
        parent, _, name = path.rpartition(".")
        tags = [
            str(type_.tag)
            for type_ in self.at(parent)
            if isinstance(type_, inspect.StructType) and type_.tag_field == name
        ]
        return sorted(tags) or [choice for type_ in self.at(path) for choice in _choices(type_)]

    def _check(self, type_: inspect.Type, *, path: str, above: tuple[type, ...]) -> None:
        for alternative in _alternatives(type_):
            _refuse_unsafe(alternative, path)
            self.looked_over |= isinstance(alternative, inspect.AnyType | inspect.DateTimeType)
            if isinstance(alternative, inspect.StructType):
                if alternative.cls in above:
                    continue
                for field in alternative.fields:
                    self._check(
                        field.type, path=f"{path}.{field.encode_name}", above=(*above, alternative.cls)
                    )
            else:
                for inner in _inner(alternative):
                    self._check(inner, path=f"{path}[]", above=above)


@cache
def shape_of(type_: Any) -> Shape:
    """The shape of a type, taken apart once however many routes ask for it."""
    return Shape(type_)


def _refuse_unsafe(type_: inspect.Type, path: str) -> None:
    match type_:
        case inspect.StructType(cls=cls):
            assert cls.__struct_config__.forbid_unknown_fields, f"{path}: needs forbid_unknown_fields=True"
            assert cls.__struct_config__.frozen, f"{path}: needs frozen=True"
        case inspect.IntType():
            assert _bounded(type_), f"{path}: needs Meta(ge=…, le=…) within what a bigint holds"
        case inspect.StrType(pattern=str(pattern)):
            assert not pattern.endswith("$"), f"{path}: end the pattern in \\Z: a $ lets a line feed follow"
        case inspect.DateTimeType(tz=tz):
            assert tz is True, f"{path}: needs Meta(tz=True), or use recoup.http.fields.Moment"
        case inspect.CustomType(cls=cls):
            assert cls is Secret, f"{path}: {cls.__name__} is nothing that JSON has; free JSON is Any"
        case inspect.RawType():
            raise AssertionError(f"{path}: raw JSON is never looked at; use a struct")
        case _:
            pass


def _bounded(type_: inspect.IntType) -> bool:
    low = type_.ge if type_.ge is not None else type_.gt
    high = type_.le if type_.le is not None else type_.lt
    return low is not None and low >= BIGINT_MIN and high is not None and high <= BIGINT_MAX


def _alternatives(type_: inspect.Type) -> Iterator[inspect.Type]:
    match type_:
        case inspect.Metadata(type=inner):
            yield from _alternatives(inner)
        case inspect.UnionType(types=types):
            for one in types:
                yield from _alternatives(one)
        case _:
            yield type_


def _in_lists(type_: inspect.Type) -> Iterator[inspect.Type]:
    """The alternatives of a type; for a list, it and what it holds."""
    for one in _alternatives(type_):
        yield one
        if isinstance(one, inspect.ListType):
            yield from _alternatives(one.item_type)


def _below(type_: inspect.Type, *, name: str, index: str) -> Iterator[inspect.Type]:
    """The types one step down: a field by its name, or what a list or a map holds."""
    if name:
        for field in _fields(type_):
            if field.encode_name == name:
                yield from _alternatives(field.type)
    elif index:
        for inner in _inner(type_)[-1:]:
            yield from _alternatives(inner)


def _fields(type_: inspect.Type) -> Sequence[inspect.Field]:
    return type_.fields if isinstance(type_, inspect.StructType) else ()


def _inner(type_: inspect.Type) -> tuple[inspect.Type, ...]:
    match type_:
        case inspect.ListType(item_type=item) | inspect.SetType(item_type=item):
            return (item,)
        case inspect.VarTupleType(item_type=item) | inspect.FrozenSetType(item_type=item):
            return (item,)
        case inspect.TupleType(item_types=items):
            return items
        case inspect.DictType(key_type=key, value_type=value):
            return (key, value)
        case _:
            return ()


def _choices(type_: inspect.Type) -> list[str]:
    match type_:
        case inspect.EnumType(cls=cls):
            return [str(member.value) for member in cls]
        case inspect.LiteralType(values=values):
            return [str(value) for value in values]
        case _:
            return []


def _description(type_: inspect.Type) -> str:
    match type_:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            said = (extra or {}).get("description", "")
            return str(said) or _description(inner)
        case inspect.UnionType(types=types):
            return next(filter(None, map(_description, types)), "")
        case _:
            return ""
