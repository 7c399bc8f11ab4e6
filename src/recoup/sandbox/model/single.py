"""One case at a time, for simulated issuers that are asked over a network: the same answers as for many at once.

A case is known by its card number: it holds the case's place in the world, and whether the card is the one that was
stored or the one that replaced it. Numbers are made like those of the sandbox's people, and never one of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from recoup.sandbox.core.codes import Codes
from recoup.sandbox.core.people import (
    BEGINNINGS,
    COUNTRIES,
    GENERATIONS_MAX,
    POPULATION,
    held_by,
    number_of,
)
from recoup.sandbox.model.answers import WORDS, Means
from recoup.sandbox.model.calendar import SLOT_S
from recoup.sandbox.model.luck import Ints
from recoup.sandbox.model.people import BRANDS, FUNDINGS
from recoup.sandbox.model.world import World

_FIRST: Final = POPULATION * GENERATIONS_MAX
_CARDS_EACH: Final = 2
CASES_MAX: Final = (100_000 - _FIRST) // _CARDS_EACH
"""For how many cases there are numbers."""
_BEGINNING: Final = {kind: digits for digits, kind in BEGINNINGS.items()}


def number(world: World, case: int, *, means: Means = Means.OLD) -> str:
    """The number of a case's card, as it is stored or as it was replaced."""
    assert 0 <= case < min(len(world), CASES_MAX) and means is not Means.BACKUP, "there is no such number"
    who = world.who
    kind = BRANDS[who.brand[case]], FUNDINGS[who.funding[case]]
    beginning = _BEGINNING[kind] + COUNTRIES[who.country[case]].numeric
    return number_of(world.nature.luck.seed, beginning, _FIRST + case * _CARDS_EACH + means)


def case_of(world: World, shown: str) -> tuple[int, Means] | None:
    """Which case a number belongs to, and which of its cards; None where it is nobody's."""
    held = held_by(world.nature.luck.seed, shown)
    if held is None or held < _FIRST:
        return None
    case, card = divmod(held - _FIRST, _CARDS_EACH)
    if case >= min(len(world), CASES_MAX) or number(world, case, means=Means(card)) != shown:
        return None
    return case, Means(card)


def answer(
    world: World,
    case: int,
    at: datetime,
    *,
    tried: Sequence[datetime],
    route: int = 0,
    means: Means = Means.OLD,
    authenticated: bool = False,
    amount: int | None = None,
) -> Codes | None:
    """What is said to a case at a moment; None is an approval.

    `tried`: when it was tried before, the renewal included.
    """
    one, when_s = np.array([case]), np.array([int(at.timestamp())])
    found = world.try_(
        one,
        when_s,
        route=route,
        means=means,
        authenticated=authenticated,
        recent=_recent(world, one, when_s, tried=tried),
        amount=None if amount is None else np.array([amount]),
    )
    if found.approved[0]:
        return None
    return Codes(WORDS[found.code[0]], str(found.network_code[0]), str(found.advice[0]) or None)


def _recent(world: World, one: Ints, when_s: Ints, *, tried: Sequence[datetime]) -> int:
    """How many other slots of late held a try, as `Play` counts them."""
    slot = int(world.slots(one, when_s)[0])
    within = world.nature.parameters.tires_hours * 3600 // SLOT_S
    slots = {int(world.slots(one, np.array([int(earlier.timestamp())]))[0]) for earlier in tried}
    return sum(slot - within < earlier < slot for earlier in slots)
