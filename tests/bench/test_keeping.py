"""What a long run keeps of its worlds: played once, and anew after a change of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.keeping import Kept, kept_in

ROUTING = "src/recoup/routing"


def counting() -> tuple[list[int], Callable[[int], int]]:
    played: list[int] = []

    def play(task: int) -> int:
        played.append(task)
        return task * 10

    return played, play


def run(kept: Kept, play: Callable[[int], int], tasks: Iterable[int]) -> list[int]:
    with ThreadPoolExecutor(1) as pool:
        return list(kept.map(pool, play, list(tasks)))


def test_what_was_played_is_not_played_again_and_after_a_change_everything_is(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "kept"
    (root / ROUTING).mkdir(parents=True)
    (root / ROUTING / "core.py").write_text("one = 1\n")
    played, play = counting()
    assert run(kept_in(folder, sources=[ROUTING], root=root), play, [1, 2]) == [10, 20]
    assert run(kept_in(folder, sources=[ROUTING], root=root), play, [1, 2, 3]) == [10, 20, 30] and played == [
        1,
        2,
        3,
    ]
    (root / ROUTING / "core.py").write_text("one = 2\n")
    assert run(kept_in(folder, sources=[ROUTING], root=root), play, [1]) == [10] and played == [1, 2, 3, 1]
    assert not list(folder.glob("*.draft"))


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    played, play = counting()
    for _ in range(2):
        assert run(kept_in(None, sources=[]), play, [1]) == [10]
    assert played == [1, 1] and not list(tmp_path.iterdir())
