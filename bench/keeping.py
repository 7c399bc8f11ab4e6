"""Keeps what each part of a long run came to, so that one that was broken off goes on where it stood.

What is kept is found again by the task and by the source of everything that has a part in it: after a change there,
everything is played anew.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

ROOT: Final = Path(__file__).parents[1]
_SOURCE: Final = {".py", ".sql"}

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder of results; without one, nothing is kept."""

    folder: Path | None
    source: str = ""

    def map(self, pool: Executor, play: Callable[[T], R], tasks: Sequence[T]) -> Iterable[R]:
        """What each task comes to, in their order."""
        if self.folder is None:
            return pool.map(play, tasks)
        return pool.map(partial(_played, self.folder, self.source, play), tasks)


def kept_in(folder: Path | None, *, sources: Sequence[str], root: Path = ROOT) -> Kept:
    """What is kept in a folder of the source as it stands in these of its folders."""
    if folder is None:
        return Kept(None)
    folder.mkdir(parents=True, exist_ok=True)
    read = sha256()
    for path in sorted(path for part in sources for path in (root / part).rglob("*")):
        if path.suffix in _SOURCE:
            read.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return Kept(folder, read.hexdigest())


def _played(folder: Path, source: str, play: Callable[[T], R], task: T) -> R:
    """One result, played where it is not kept; a file of ours is there whole or not at all."""
    name = sha256(f"{source} {play.__module__}.{play.__qualname__} {task!r}".encode()).hexdigest()
    path = folder / f"{name}.pickle"
    if path.exists():
        result: R = pickle.loads(path.read_bytes())
        return result
    result = play(task)
    draft = folder / f"{name}.{uuid4().hex}.draft"
    draft.write_bytes(pickle.dumps(result))
    draft.replace(path)
    return result
