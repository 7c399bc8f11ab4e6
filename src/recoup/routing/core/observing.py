"""One logged decision as another policy sees it: what it weighs, and what of that policy it cannot speak for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

PROPENSITY_MIN: Final = 0.001
"""An account that was asked more seldom than once in a thousand is taken as one that had no chance."""
_CERTAIN: Final = 0.9999
_WHOLE_OFF_MAX: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Arm:
    """An account that could have been asked first. `model` is the reward that the stored estimate expects of it, 0
    where there is no estimate; `least` and `most` are the ends of what it could have brought."""

    account_id: UUID
    propensity: float
    model: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Observation:
    """One logged decision as the target sees it.

    `weight` is target over propensity of the account that was asked, `weight_max` the largest that it could have been.
    `asked_model`, `logged_model` and `target_model` are what the model expected of the account that was asked, of the
    policy that was logged, and of the target. `supported` and `unsupported` are the parts of the target that had a
    chance and that had none (together 0 where the target would ask nobody); `unseen_model`, `unseen_least` and
    `unseen_most` are what the model expects of the latter, and the ends of what it could have brought.
    """

    reward: float
    weight: float
    weight_max: float
    asked_model: float
    logged_model: float
    target_model: float
    supported: float
    unsupported: float
    unseen_model: float
    unseen_least: float
    unseen_most: float
    least: float
    most: float
    certain: bool


def observe(
    arms: Sequence[Arm], *, asked: UUID, reward: float, target: Mapping[UUID, float]
) -> Observation | None:
    """One logged decision as the target sees it; None where the log contradicts itself: the account that was asked had
    no chance, or the chances do not add up to 1."""
    weight: float | None = None
    weight_max = asked_model = logged_model = target_model = 0.0
    supported = unsupported = unseen_model = unseen_least = unseen_most = highest = whole = 0.0
    for arm in arms:
        wanted, chance = target.get(arm.account_id, 0.0), arm.propensity
        highest, whole = max(highest, chance), whole + chance
        logged_model += chance * arm.model
        target_model += wanted * arm.model
        has_chance = chance >= PROPENSITY_MIN
        if has_chance:
            supported += wanted
            weight_max = max(weight_max, wanted / chance)
        elif wanted:
            unsupported += wanted
            unseen_model += wanted * arm.model
            unseen_least += wanted * arm.least
            unseen_most += wanted * arm.most
        if arm.account_id == asked and chance > 0:
            asked_model, weight = arm.model, wanted / chance if has_chance else 0.0
    if weight is None or abs(whole - 1) > _WHOLE_OFF_MAX:
        return None
    return Observation(
        reward=reward,
        weight=weight,
        weight_max=weight_max,
        asked_model=asked_model,
        logged_model=logged_model,
        target_model=target_model,
        supported=supported,
        unsupported=unsupported,
        unseen_model=unseen_model,
        unseen_least=unseen_least,
        unseen_most=unseen_most,
        least=min(arm.least for arm in arms),
        most=max(arm.most for arm in arms),
        certain=highest >= _CERTAIN,
    )
