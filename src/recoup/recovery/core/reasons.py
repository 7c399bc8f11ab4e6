"""The reasons of choices, read out of the arrays in which a batch was thought of: all cases at once, as plain values.

To ask an array for one number costs more than a sum over a row, and a decision keeps some forty numbers. So they are
gathered for the whole batch, and turned into lists once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.paydays.core import beliefs
from recoup.recovery.core.causes import ROOTS
from recoup.recovery.core.chances import roots_believed
from recoup.recovery.core.joint import Thought

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHOWN_MAX: Final = 5
"""How many candidates, causes and paydays are kept with a decision."""
_ROOTS: Final = tuple(one.value for one in ROOTS)
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A moment (RFC 3339) and the place of an account, with the chance and the worth of a lone try there."""

    at: str
    account: int
    chance: float
    worth: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """The choice for one case, and what speaks for it. `at` is in seconds; accounts are places among the known ones."""

    at: float | None
    """When the first try is; None where no try is worth its cost, or none is allowed."""
    account: int
    is_allowed: bool
    """Whether any moment before the deadline is allowed at all."""
    chance: float
    recovered: float
    value: float
    paydays: Sequence[bool]
    """Which cycles have a payday on the day of the first try."""
    payday_chance: float
    tries: Sequence[tuple[str, int]]
    """When and where each try of the best set is, in order."""
    causes: Sequence[tuple[str, float]]
    """What was the matter, the likeliest first."""
    cycles: Sequence[tuple[int, float]]
    """The likeliest pay cycles by their places, one more than is shown."""
    candidates: Sequence[Candidate]
    now: Candidate | None
    """The first allowed try, and what all tries left are worth with it; None where it is the plan, or none is."""


def reasons_of(thought: Thought) -> list[Reasons]:
    """The reasons of every case of a batch."""
    choice, cases = thought.choice, len(thought.at)
    if not cases:
        return []
    chosen, earliest = choice.slot, thought.earliest
    believed = beliefs.cycles_believed(thought.money)
    paydays = thought.chosen_paydays
    on_payday = np.matmul(believed[:, None, :], paydays[:, :, None].astype(np.float64))[:, 0, 0]
    moments = np.rint(thought.at * _MS).astype(np.int64)
    texts = _texts(moments)
    firsts = moments[np.arange(cases), np.maximum(chosen, 0)] / _MS
    columns = zip(
        chosen.tolist(),
        firsts.tolist(),
        _accounts(thought, choice.option[:, None])[:, 0].tolist(),
        (earliest >= 0).tolist(),
        choice.chance.tolist(),
        choice.recovered.tolist(),
        choice.value.tolist(),
        paydays.tolist(),
        on_payday.tolist(),
        _tries(thought, texts),
        _causes(thought),
        _cycles(believed),
        _candidates(thought, texts),
        _now(thought, texts),
        strict=True,
    )
    return [Reasons(first if slot >= 0 else None, *others) for slot, first, *others in columns]


def _texts(moments: Ints) -> npt.NDArray[np.str_]:
    """Moments as the API writes them, without the `Z`."""
    texts: npt.NDArray[np.str_] = np.datetime_as_string(moments.astype("datetime64[ms]"), unit="ms")
    return texts


def _accounts(thought: Thought, options: Ints) -> Ints:
    """The places of accounts, by those of options: cases, options."""
    rows = np.arange(len(options))[:, None]
    return thought.options_at[rows, np.maximum(options, 0)]


def _tries(thought: Thought, texts: npt.NDArray[np.str_]) -> list[list[tuple[str, int]]]:
    sets = thought.choice.sets
    at = _picked(texts, np.maximum(sets.slot, 0))
    accounts = _accounts(thought, sets.option).tolist()
    return [
        [(f"{text}Z", account) for text, account, is_used in zip(*row, strict=True) if is_used]
        for row in zip(at, accounts, sets.used.tolist(), strict=True)
    ]


def _picked(texts: npt.NDArray[np.str_], slots: Ints) -> list[list[str]]:
    picked: list[list[str]] = texts[np.arange(len(slots))[:, None], slots].tolist()
    return picked


def _causes(thought: Thought) -> list[list[tuple[str, float]]]:
    believed = roots_believed(thought.question.weights)
    order = np.argsort(-believed, axis=1, kind="stable")
    shares = np.take_along_axis(believed, order, axis=1).tolist()
    return [
        [(_ROOTS[root], share) for root, share in zip(*row, strict=True) if share > 0]
        for row in zip(order.tolist(), shares, strict=True)
    ]


def _cycles(believed: Floats) -> list[list[tuple[int, float]]]:
    order = np.argsort(-believed, axis=1, kind="stable")[:, : SHOWN_MAX + 1]
    shares = np.take_along_axis(believed, order, axis=1).tolist()
    return [list(zip(*row, strict=True)) for row in zip(order.tolist(), shares, strict=True)]


def _candidates(thought: Thought, texts: npt.NDArray[np.str_]) -> list[list[Candidate]]:
    """The best moments for a single try, each with its best option."""
    question, values = thought.question, thought.alone.max(axis=2)
    best = np.argsort(-values, axis=1, kind="stable")[:, :SHOWN_MAX]
    row = np.arange(len(best))[:, None]
    options = thought.alone[row, best].argmax(axis=2)
    rows = np.broadcast_to(row, best.shape).ravel()
    chances = question.chances.at(rows, best.ravel(), options.ravel()).reshape(*best.shape, -1)
    likely = np.matmul(chances, question.weights[:, :, None])[:, :, 0]
    columns = (_picked(texts, best), _accounts(thought, options), likely, values[row, best])
    lists = (column if isinstance(column, list) else column.tolist() for column in columns)
    return [
        [
            Candidate(f"{text}Z", account, chance, worth)
            for text, account, chance, worth in zip(*one, strict=True)
            if np.isfinite(worth)
        ]
        for one in zip(*lists, strict=True)
    ]


def _now(thought: Thought, texts: npt.NDArray[np.str_]) -> list[Candidate | None]:
    earliest, (chances, values) = thought.earliest, thought.instead
    at = _picked(texts, np.maximum(earliest, 0)[:, None])
    shown = (earliest >= 0) & (earliest != thought.choice.slot)
    columns = zip(shown.tolist(), at, chances.tolist(), values.tolist(), strict=True)
    return [
        Candidate(f"{text}Z", 0, chance, worth) if is_shown else None
        for is_shown, (text,), chance, worth in columns
    ]
