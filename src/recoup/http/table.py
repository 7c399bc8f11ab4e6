"""Which target answers a path: literal segments before parameters, and no parameter takes an empty segment or a NUL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_SEGMENTS_MAX: Final = 16
_NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(slots=True)
class _Node(Generic[T]):
    literal: dict[str, _Node[T]] = field(default_factory=dict)
    parameter: _Node[T] | None = None
    targets: dict[str, T] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Table(Generic[T]):
    """Paths with `{parameters}` and methods, prepared once. Methods of one path may name its parameters differently."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._exact: dict[str, dict[str, T]] = {}

    def add(self, method: str, path: str, target: T) -> None:
        """Bind a target; each method of a path is bound once."""
        node, names = self._root, []
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        assert method not in node.targets, f"{method} {path} is bound twice"
        node.targets[method] = target
        node.names[method] = tuple(names)
        if not names:
            self._exact[path] = node.targets

    def methods(self, path: str) -> Mapping[str, T]:
        """The targets at a path by method: none where there is no such path."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        found = self._walk(path)
        return found[0].targets if found else {}

    def find(self, method: str, path: str) -> tuple[T, Mapping[str, str]] | None:
        """The target for a method and a path, with the path's parameters."""
        exact = self._exact.get(path)
        if exact is not None and method in exact:
            return exact[method], _NO_PARAMETERS
        found = self._walk(path)
        if found is None or method not in found[0].targets:
            return None
        node, values = found
        return node.targets[method], dict(zip(node.names[method], values, strict=True))

    def _walk(self, path: str) -> tuple[_Node[T], tuple[str, ...]] | None:
        segments = path.split("/")[1:]
        if len(segments) > _SEGMENTS_MAX or "\x00" in path:
            return None
        return _search(self._root, segments, ())


def _search(
    node: _Node[T], segments: list[str], values: tuple[str, ...]
) -> tuple[_Node[T], tuple[str, ...]] | None:
    if not segments:
        return (node, values) if node.targets else None
    first, rest = segments[0], segments[1:]
    literal = node.literal.get(first)
    if literal is not None:
        found = _search(literal, rest, values)
        if found is not None:
            return found
    if node.parameter is None or not first:
        return None
    return _search(node.parameter, rest, (*values, first))
