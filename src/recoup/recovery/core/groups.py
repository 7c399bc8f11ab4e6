"""Hypotheses in groups whose prior weights move together: few enough that a merchant's tries can tell of each.

Pay cycles by kind and depth, each other hypothesis by itself. Within a group the sourced priors, and what a case's own
history said, stay as they are.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.paydays.core import Biweekly, Monthly, SemiMonthly, Weekly, beliefs
from recoup.paydays.core.habits import CYCLES
from recoup.recovery.core.causes import ROOTS, Root
from recoup.recovery.core.chances import OTHER_ROOTS, OTHERS

Floats = npt.NDArray[np.float64]

KINDS: Final = ("weekly", "biweekly", "semi_monthly", "monthly", "told")
_KIND_OF: Final = {Weekly: 0, Biweekly: 1, SemiMonthly: 2, Monthly: 3}
_DEPTHS: Final = len(beliefs.DEPTHS_DAYS)
_MONEY: Final = len(KINDS) * _DEPTHS
GROUPS: Final = _MONEY + len(OTHERS)


def _places() -> npt.NDArray[np.int64]:
    kinds = np.asarray([_KIND_OF[type(cycle)] for cycle in CYCLES] + [len(KINDS) - 1])
    money = np.repeat(kinds, _DEPTHS) * _DEPTHS + np.tile(np.arange(_DEPTHS), len(kinds))
    return np.concatenate([money, _MONEY + np.arange(len(OTHERS))])


GROUP_OF: Final = _places()
"""The group of each hypothesis, money first, as weights have them."""
_MEMBERS: Final = np.eye(GROUPS)[GROUP_OF]


class Block(StrEnum):
    """What of a group a coefficient moves."""

    HOPE = "hope"
    """Whether anything helps at all. All moments and routes of a case become less likely together, or more, so its best
    one stays the best."""
    ROOT = "root"
    KIND = "kind"
    DEPTH = "depth"
    OTHER = "other"


HOPELESS: Final = 0.05
"""What has no better chance than this, wherever and whenever it is tried, is hopeless."""
NAMES: Final = {
    Block.HOPE: ("hopeless",),
    Block.ROOT: tuple(root.value for root in ROOTS),
    Block.KIND: KINDS,
    Block.DEPTH: tuple(f"{days:g}d" for days in beliefs.DEPTHS_DAYS),
    Block.OTHER: tuple(one.name for one in OTHERS),
}


def _belongs() -> dict[Block, Floats]:
    """Which groups each name of a block is about: names, groups."""
    found = {block: np.zeros((len(names), GROUPS)) for block, names in NAMES.items()}
    for group in range(_MONEY):
        found[Block.ROOT][ROOTS.index(Root.FUNDS), group] = 1
        found[Block.KIND][group // _DEPTHS, group] = 1
        found[Block.DEPTH][group % _DEPTHS, group] = 1
    for place, (root, one) in enumerate(zip(OTHER_ROOTS.tolist(), OTHERS, strict=True)):
        found[Block.HOPE][0, _MONEY + place] = max(one.most, one.elsewhere or 0.0) < HOPELESS
        found[Block.ROOT][root, _MONEY + place] = 1
        found[Block.OTHER][place, _MONEY + place] = 1
    return found


BELONGS: Final = _belongs()


def grouped(weights: Floats, chances: Floats) -> tuple[Floats, Floats]:
    """The weight of each group, and the chance of a try under it: cases, groups."""
    weight = weights @ _MEMBERS
    chance = (weights * chances) @ _MEMBERS / np.maximum(weight, 1e-12)
    return weight, chance
