"""Whether a written policy has the form it must have: every misfit with its place, not only the first.

A struct's fields are fitted one by one, so that one that does not fit hides no other.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import msgspec
from msgspec import inspect

from recoup.routing.core.toml_lines import Path

StructT = TypeVar("StructT", bound=msgspec.Struct)

_SHOWN_MAX: Final = 40
_GUESSES_MAX: Final = 20
"""A guess compares with hundreds of names, and a text may have thousands that nobody knows."""
_BEGINNING_MIN: Final = 4
"""How many letters of a name may stand for the whole."""
_LONG_NUMBER: Final = re.compile(r"[0-9]{9,}")
_UNPRINTED: Final = re.compile(r"[\x00-\x1f\x7f]")
_PLACE: Final = re.compile(r"\[(\d+)\]")
_LOCATION: Final = re.compile(r" - at `(?:key` in `)?(\$[^`]*)`$")


class Misfits:
    """The misfits that were found, by place."""

    def __init__(self) -> None:
        self.found: list[tuple[Path, str]] = []
        self._guesses_left = _GUESSES_MAX

    def add(self, path: Path, message: str) -> None:
        """One more."""
        self.found.append((path, message))

    def meant(self, name: object, known: Iterable[str]) -> str:
        """The end of a sentence about a name that nobody knows: what was meant, perhaps. Guessed a few times only."""
        if not self._guesses_left:
            return ""
        self._guesses_left -= 1
        near = _nearest(str(name)[:_SHOWN_MAX].casefold(), known)
        return f"; did you mean `{near}`?" if near else ""


def fit_struct(value: object, type_: type[StructT], path: Path, misfits: Misfits) -> StructT | None:
    """A value as a struct; None where it does not fit."""
    before = len(misfits.found)
    parts = fit_parts(value, type_, path, misfits)
    return type_(**parts) if len(misfits.found) == before else None


def fit_parts(value: object, type_: type[msgspec.Struct], path: Path, misfits: Misfits) -> dict[str, Any]:
    """The fields of a struct that fit, so that they can be looked at although others do not."""
    if not isinstance(value, Mapping):
        misfits.add(path, f"must be a table of fields, not {shown(value)}")
        return {}
    fields = _fields(type_)
    for key in value:
        if key not in fields:
            misfits.add((*path, key), f"is no field of this table{misfits.meant(key, fields)}")
    parts: dict[str, Any] = {}
    for name, field in fields.items():
        before = len(misfits.found)
        if name in value:
            fitted = _fit(value[name], field.type, (*path, name), misfits)
            parts |= {field.name: fitted} if len(misfits.found) == before else {}
        elif field.required:
            misfits.add(path, f"lacks `{name}`")
    return parts


@functools.cache
def _fields(type_: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """By name outside; looked up once, because that costs more than all else here."""
    return {field.encode_name: field for field in msgspec.structs.fields(type_)}


def _fit(value: object, type_: Any, path: Path, misfits: Misfits) -> Any:
    wanted, is_optional = _bare(type_)
    if value is None and is_optional:
        return None
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return fit_struct(value, wanted, path, misfits)
    if get_origin(wanted) is dict and isinstance(value, Mapping):
        return _fit_map(value, type_, path, misfits)
    return _fit_leaf(value, type_, path, misfits)


def _fit_map(value: Mapping[Any, object], type_: Any, path: Path, misfits: Misfits) -> dict[str, Any]:
    key_type, value_type = get_args(_bare(type_)[0])
    fitted = {}
    for key, inner in value.items():
        name = _fit_leaf(key, key_type, (*path, key), misfits, what="the name ")
        fitted[str(name)] = _fit(inner, value_type, (*path, key), misfits)
    length = _limits(type_)
    if not (length[0] or 0) <= len(value) <= (length[1] or len(value)):
        misfits.add(path, f"must have {length[0] or 0} to {length[1]} entries, not {len(value)}")
    return fitted


def _fit_leaf(value: object, type_: Any, path: Path, misfits: Misfits, *, what: str = "") -> Any:
    try:
        fitted = msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        location = _LOCATION.search(str(error))
        steps = [int(step) for step in _PLACE.findall(location[1])] if location else []
        wanted: inspect.Type = inspect.type_info(type_)
        for step in steps:
            assert isinstance(value, list), "only lists have places"
            value, wanted = value[step], _item(wanted)
        misfits.add((*path, *steps), f"{what}must be {takes(wanted)}, not {shown(value)}")
        return None
    for place, text in _texts(fitted):
        if _UNPRINTED.search(text):
            misfits.add((*path, *place), f"{what}holds a line break or a control character: leave it out")
    return fitted


def _texts(fitted: object) -> Iterator[tuple[Path, str]]:
    """The text in a value, and in a list of such."""
    match fitted:
        case str():
            yield (), fitted
        case list():
            yield from (((place,), one) for place, one in enumerate(fitted) if isinstance(one, str))
        case _:
            pass


def _bare(type_: Any) -> tuple[Any, bool]:
    """A type without its notes and without None, and whether it may be None."""
    if get_origin(type_) is Annotated:
        return _bare(get_args(type_)[0])
    args = get_args(type_)
    if type(None) in args:
        others = [one for one in args if one is not type(None)]
        return (_bare(others[0])[0] if len(others) == 1 else type_), True
    return type_, False


def _limits(type_: Any) -> tuple[int | None, int | None]:
    """The bounds of a map's length."""
    found = [one for one, _ in _alternatives(inspect.type_info(type_)) if isinstance(one, inspect.DictType)]
    return (found[0].min_length, found[0].max_length) if found else (None, None)


_Alternative = tuple[inspect.Type, Mapping[str, Any]]
"""A type, and what its schema says besides."""


def _alternatives(
    type_: inspect.Type, said: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[_Alternative]:
    match type_:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            yield from _alternatives(inner, {**said, **(extra or {})})
        case inspect.UnionType(types=types):
            for one in types:
                yield from _alternatives(one)
        case inspect.NoneType():
            pass
        case _:
            yield type_, said


def _item(type_: inspect.Type) -> inspect.Type:
    [found] = [one for one, _ in _alternatives(type_) if isinstance(one, inspect.ListType)]
    return found.item_type


def takes(type_: inspect.Type) -> str:
    """What fits a type, in words."""
    first, *others = dict.fromkeys(_takes(one, said) for one, said in _alternatives(type_))
    return ", or ".join([first, *(other.replace(f" items, each {first}", " such") for other in others)])


def _takes(type_: inspect.Type, said: Mapping[str, Any]) -> str:
    match type_:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=ge, le=le):
            return f"a whole number from {ge} to {le}"
        case inspect.StrType():
            return _takes_text(type_, said)
        case inspect.ListType(item_type=item, min_length=least, max_length=most):
            return f"a list of {least or 0} to {most} items, each {takes(item)}"
        case _:
            return "a table"


def _takes_text(type_: inspect.StrType, said: Mapping[str, Any]) -> str:
    match said:
        case {"enum": [only]}:
            return f"{only!r}"
        case {"enum": [*choices]}:
            return f"one of {', '.join(map(str, choices))}"
        case {"examples": [example, *_]}:
            return f"text such as {example!r}"
        case _:
            return f"text of {type_.min_length or 0} to {type_.max_length} characters"


def shown(value: object) -> str:
    """A value in a message: short, and without what could be a card number."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = _LONG_NUMBER.sub("…", value[: 2 * _SHOWN_MAX])
            return f"{text[:_SHOWN_MAX]!r}" + ("…" if len(text) > _SHOWN_MAX else "")
        case int() | float():
            return str(value) if abs(value) < 10**15 else "a number that large"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case Mapping():
            return f"a table of {len(value)}" if value else "an empty table"
        case None:
            return "null"
        case _:
            return f"a {type(value).__name__}"


def _nearest(said: str, known: Iterable[str]) -> str | None:
    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(one.casefold(), one)
    near = difflib.get_close_matches(said, folded, n=1)
    if not near and len(said) >= _BEGINNING_MIN:
        near = [one for one in folded if one.startswith(said)]
    return folded[near[0]] if near else None
