"""A learned model: by how much each word that is known of a case moves the prior weights of groups of hypotheses.

The machine is the same with and without one: its weights are multiplied by the exponentials of what is said here, and
routes are liked by what is said here. Without a model nothing is multiplied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recoup.recovery.core.groups import BELONGS, GROUPS, NAMES, Block
from recoup.recovery.core.learning.traits import Said, Trait, Words, traits
from recoup.recovery.core.observed import Observed

Floats = npt.NDArray[np.float64]

USUAL: Final = ""
"""The row of a block that holds for everybody."""
TILT_MAX: Final = 5.0
"""No group becomes more than so many times e likelier, or less likely, however few taught it."""
LIKED_MIN: Final = 0.3
"""No account is scaled down further: it would never be tried again, and nothing new be learned of it."""
DIGITS: Final = 4
"""Decimals that are kept: a decision holds what it was tilted by, and replays to the same answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What a model says of a batch: `tilts` (cases, groups) are logarithms; `liked` (cases, accounts)."""

    tilts: Floats
    liked: Floats


@dataclass(frozen=True, eq=False)
class Model:
    """Coefficients by block, and by `trait=word` (or `USUAL`), one for each name of the block; how well each account
    does beside the best, by `account` and by `issuer/account`."""

    blocks: Mapping[Block, Mapping[str, tuple[float, ...]]]
    accounts: Mapping[str, float]

    def read(self, observed: Observed, said: Said, accounts: Sequence[Sequence[str]]) -> Read:
        """What it says of a batch; `accounts` are those that can be asked, by case, all as many."""
        words = traits(observed, said)
        liked = [
            [self.liked(issuer, account) for account in able]
            for issuer, able in zip(said.issuer, accounts, strict=True)
        ]
        return Read(self.tilts(words), np.asarray(liked, dtype=np.float64).reshape(len(observed), -1))

    def tilts(self, words: Mapping[Trait, Words]) -> Floats:
        """By how much each group is likelier than the sourced priors have it, as logarithms: cases, groups."""
        keys = [[f"{trait}={word}" for word in said] for trait, said in words.items()]
        cases, usual = len(next(iter(words.values()))), self._rows.get(USUAL, _NOTHING)
        found = np.empty((cases, GROUPS))
        for case in range(cases):
            found[case] = usual
            for column in keys:
                row = self._rows.get(column[case])
                if row is not None:
                    found[case] += row
        clipped: Floats = np.clip(found, -TILT_MAX, TILT_MAX)
        return clipped.round(DIGITS)

    def liked(self, issuer: str, account: str) -> float:
        """How well an account does with cards of an issuer, beside the best: one where nothing is known."""
        own = self.accounts.get(f"{issuer}/{account}")
        return self.accounts.get(account, 1.0) if own is None else own

    @cached_property
    def _rows(self) -> Mapping[str, Floats]:
        """What each word adds to every group, all blocks together."""
        rows: dict[str, Floats] = {}
        for block, by_word in self.blocks.items():
            for key, coefficients in by_word.items():
                added: Floats = np.asarray(coefficients, dtype=np.float64) @ BELONGS[block]
                rows[key] = rows[key] + added if key in rows else added
        return rows

    def kept(self) -> dict[str, Any]:
        """As it is stored; names stand beside numbers, so that a later version may know other hypotheses."""
        return {
            "blocks": {
                block.value: {
                    "names": list(NAMES[block]),
                    "rows": {key: list(row) for key, row in rows.items()},
                }
                for block, rows in self.blocks.items()
            },
            "accounts": dict(self.accounts),
        }


_NOTHING: Final = np.zeros(GROUPS)


def model_from(kept: Mapping[str, Any]) -> Model:
    """What was stored, as a model; what is not known by name any more is left out, what is new is as it was sourced."""
    blocks: dict[Block, dict[str, tuple[float, ...]]] = {}
    for block in Block:
        stored = kept["blocks"].get(block.value, {"names": [], "rows": {}})
        places = {name: place for place, name in enumerate(stored["names"])}
        blocks[block] = {
            key: tuple(float(row[places[name]]) if name in places else 0.0 for name in NAMES[block])
            for key, row in stored["rows"].items()
        }
    return Model(blocks, {key: float(liked) for key, liked in kept["accounts"].items()})
