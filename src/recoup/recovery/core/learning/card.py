"""The card of a model: what it learned from, how it does on people it never saw, and whether it may be in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recoup.kit.clock import rfc3339

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TRIES_MIN: Final = 400
"""Fewer tries to learn from teach nothing that sourced priors do not know better: own estimate."""
HELD_BACK_MIN: Final = 100
"""Fewer tries of people held back cannot tell a better model from a worse one."""
EITHER_MIN: Final = 20
"""So many approved and so many declined tries there must be among those."""
SURER: Final = 1.0
"""By how many standard errors a model must be ahead of what it would replace: own estimate. One that is better by luck
alone is refused five times out of six."""
BINS: Final = 10
_SURE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Judged:
    """How well chances foretold what came of tries: the mean log loss, and by how much they are wrong as rates.

    `off` is the calibration error: the mean distance between foretold and found rates over bins of chances. `bins`:
    the foretold rate, the found one, and how many tries, where there are any.
    """

    log_loss: float
    off: float
    bins: tuple[tuple[float, float, int], ...]

    def kept(self) -> dict[str, Any]:
        """As it is shown and stored."""
        bins = [
            {"foretold": round(foretold, 4), "found": round(found, 4), "tries": tries}
            for foretold, found, tries in self.bins
        ]
        return {"log_loss": round(self.log_loss, 5), "calibration_error": round(self.off, 4), "bins": bins}


@dataclass(frozen=True, slots=True)
class Window:
    """What was learned from: the moments of the first and the last try, and how many there were."""

    since: datetime
    until: datetime
    tries: int
    approved: int
    held_back: int


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that says whether a model is to be trusted. `in_place` is the model that it would replace, if any."""

    window: Window
    breadth: str
    model: Judged | None
    untrained: Judged | None
    in_place: Judged | None
    refused: str | None

    def kept(self) -> dict[str, Any]:
        """As it is shown and stored."""
        window = self.window
        return {
            "since": rfc3339(window.since),
            "until": rfc3339(window.until),
            "tries": window.tries,
            "approved": window.approved,
            "held_back": window.held_back,
            "breadth": self.breadth,
            "on_held_back": {
                name: None if judged is None else judged.kept()
                for name, judged in (
                    ("model", self.model),
                    ("untrained", self.untrained),
                    ("in_place", self.in_place),
                )
            },
            "refused": self.refused,
        }


def judged(expected: Floats, approved: Flags) -> Judged:
    """How well these chances foretold what came."""
    edges = np.digitize(expected, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = tuple(
        (float(expected[at].mean()), float(approved[at].mean()), int(at.sum()))
        for at in (edges == one for one in range(BINS))
        if at.any()
    )
    off = sum(tries * abs(foretold - found) for foretold, found, tries in bins) / max(len(expected), 1)
    return Judged(float(losses(expected, approved).mean()), off, bins)


def losses(expected: Floats, approved: Flags) -> Floats:
    """The log loss of each try."""
    sure = np.clip(expected, _SURE, 1 - _SURE)
    lost: Floats = -np.log(np.where(approved, sure, 1 - sure))
    return lost


def verdict(window: Window, breadth: str, expected: Mapping[str, Floats], approved: Flags) -> Card:
    """The card of a new model, and how much it learned. `expected` are the chances by `model`, `untrained`, and
    `in_place` if there is one, of the tries of people held back; `approved` is what came of them."""
    found = {name: judged(chances, approved) for name, chances in expected.items()} if len(approved) else {}
    return Card(
        window=window,
        breadth=breadth,
        model=found.get("model"),
        untrained=found.get("untrained"),
        in_place=found.get("in_place"),
        refused=too_little(window, approved) or _worse(expected, approved),
    )


def too_little(window: Window, approved: Flags) -> str | None:
    """Why there is too little to learn from, or to judge by; None where there is enough."""
    if window.tries < TRIES_MIN:
        return f"{window.tries} tries to learn from, at least {TRIES_MIN} are needed"
    won = int(approved.sum())
    if len(approved) < HELD_BACK_MIN or min(won, len(approved) - won) < EITHER_MIN:
        return (
            f"{len(approved)} tries to judge by, {won} of them approved: at least {HELD_BACK_MIN} are needed, "
            f"{EITHER_MIN} approved and {EITHER_MIN} declined"
        )
    return None


def _worse(expected: Mapping[str, Floats], approved: Flags) -> str | None:
    """Why the new model is not good enough; None where it is better than all that it would replace."""
    own = losses(expected["model"], approved)
    for name, words in (("untrained", "sourced priors alone"), ("in_place", "the model in force")):
        if name not in expected:
            continue
        ahead = losses(expected[name], approved) - own
        error = float(ahead.std(ddof=1)) / sqrt(len(ahead))
        if not float(ahead.mean()) > SURER * error:
            return (
                f"not better than {words} on people it never saw: {ahead.mean():.4f} of log loss ahead, "
                f"with a standard error of {error:.4f}"
            )
    return None
